"""A table's files as a SELECT for DuckDB, with the types that the table declares."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote as url_quote

from mall_platform.local_aws.athena.errors import AthenaError, NotSupportedError
from mall_platform.local_aws.athena.storage_footers import Footer, Footers
from mall_platform.local_aws.athena.storage_tables import NULL_PARTITION
from mall_platform.local_aws.athena.storage_text import LINE, TextLayout, parquet_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from mall_platform.local_aws.athena.storage import Listing, Location, Storage, StoredObject
    from mall_platform.local_aws.athena.storage_tables import Column, Partition, Table
    from mall_platform.local_aws.athena.types import Type


_COPIERS = 4


@dataclass(frozen=True)
class ScannedFile:
    """A file that a scan reads. `text_bytes` is the object's size where it is text, which is read
    whole; a Parquet file costs what its columns take."""

    path: str
    url: str
    footer: Footer
    text_bytes: int | None = None

    def bytes_scanned(self, columns: Iterable[str]) -> int:
        if self.text_bytes is not None:
            return self.text_bytes
        found = (self.footer.columns.get(name.lower()) for name in columns)
        return sum(column.size_bytes for column in found if column)


@dataclass(frozen=True)
class Scan:
    """`sql` yields the table's columns and then its partition keys; `groups` are the files that
    it reads together."""

    sql: str
    groups: tuple[tuple[ScannedFile, ...], ...]


class Scanner:
    """Makes scans of tables from the objects that are there now."""

    def __init__(self, storage: Storage, footers: Footers) -> None:
        self._storage = storage
        self._footers = footers
        self._listings: dict[str, Listing] = {}

    def scan(self, table: Table, partitions: Sequence[Partition]) -> Scan:
        """The rows of the given partitions, or of the whole table if it isn't partitioned.

        Raises AthenaError (HIVE_PARTITION_SCHEMA_MISMATCH, HIVE_BAD_DATA, HIVE_FILESYSTEM_ERROR).
        """
        if table.keys:
            wanted = [
                (stored, _folder(table, partition))
                for partition in partitions
                for stored in self._objects(partition.location)
            ]
            for partition in partitions:
                _check_partition(table, partition)
        else:
            wanted = [(stored, _folder(table)) for stored in self._objects(table.location)]
        groups: dict[tuple[tuple[str, str], ...], list[ScannedFile]] = defaultdict(list)
        for file in self._files(table, wanted):
            groups[file.footer.shape].append(file)
        grouped = tuple(tuple(group) for group in groups.values())
        return Scan(_select(table, grouped), grouped)

    def _objects(self, location: Location) -> Iterator[StoredObject]:
        if location.bucket not in self._listings:
            self._listings[location.bucket] = self._storage.listing(location.bucket)
        return self._listings[location.bucket].data(location.prefix)

    def _files(self, table: Table, wanted: Sequence[tuple[StoredObject, str]]) -> list[ScannedFile]:
        """The objects as files, each in its folder; what isn't on disk yet is copied there."""
        layout = None if table.format == "parquet" else TextLayout.of(table)
        found = []
        for stored, folder in wanted:
            within = folder if layout is None else f"{folder}/{layout.digest}"
            found.append((stored, self._storage.path(stored, within)))
        missing = [item for item in found if not self._footers.knows(item[1])]

        def fetch(item: tuple[StoredObject, Path]) -> None:
            stored, path = item
            if layout is None:
                self._storage.copy(stored, path)
            else:
                parquet_of(stored, self._storage.content(stored), layout, path)
            self._footers.of(path, stored.url)

        if missing:
            with ThreadPoolExecutor(_COPIERS) as pool:
                list(pool.map(fetch, missing))
        return [
            ScannedFile(
                str(path),
                stored.url,
                self._footers.of(path, stored.url),
                None if layout is None else stored.size_bytes,
            )
            for stored, path in found
        ]


def _folder(table: Table, partition: Partition | None = None) -> str:
    """A folder of the mirror whose name gives DuckDB the partition's values."""
    name = hashlib.sha256(f"{table.database}.{table.name}".encode()).hexdigest()[:12]
    values = zip(table.keys, partition.values, strict=True) if partition else ()
    return "/".join([name, *(f"{key.name}={_hive_value(value)}" for key, value in values)])


def _hive_value(value: str) -> str:
    if value == NULL_PARTITION:
        return value
    if value.upper() == "NULL":
        return "".join(f"%{ord(sign):02X}" for sign in value)
    return url_quote(value, safe="")


_WIDENING = {
    ("tinyint", "smallint"),
    ("tinyint", "int"),
    ("tinyint", "bigint"),
    ("smallint", "int"),
    ("smallint", "bigint"),
    ("int", "bigint"),
    ("float", "double"),
}


def _check_partition(table: Table, partition: Partition) -> None:
    registered = {column.name: column.hive_type for column in partition.columns}
    for column in table.columns:
        found = registered.get(column.name, column.hive_type)
        if found == column.hive_type or (found, column.hive_type) in _WIDENING:
            continue
        if table.format != "parquet" or column.type.name == found:
            continue
        if column.type != _type_of(found):
            names = "/".join(
                f"{key.name}={value}"
                for key, value in zip(table.keys, partition.values, strict=True)
            )
            raise AthenaError(
                "There is a mismatch between the table and partition schemas. The types are "
                f"incompatible and cannot be coerced. The column '{column.name}' in table "
                f"'{table.database}.{table.name}' is declared as type '{column.hive_type}', but "
                f"partition '{names}' declared column '{column.name}' as type '{found}'.",
                "HIVE_PARTITION_SCHEMA_MISMATCH",
            )


def _type_of(hive_type: str) -> Type:
    from mall_platform.local_aws.athena import types

    return types.parse(hive_type)


def _select(table: Table, groups: Sequence[Sequence[ScannedFile]]) -> str:
    if not groups:
        empty = ", ".join(
            f"CAST(NULL AS {column.type.duckdb}) AS {quoted(column.name)}"
            for column in table.all_columns
        )
        return f"SELECT {empty} WHERE false"
    return " UNION ALL ".join(_select_group(table, group) for group in groups)


def _select_group(table: Table, files: Sequence[ScannedFile]) -> str:
    if table.format == "parquet":
        values = [_parquet_value(column, files[0]) for column in table.columns]
    elif table.format == "json":
        values = [_json_value(table, column) for column in table.columns]
    else:
        values = [_text_value(table, i, column) for i, column in enumerate(table.columns)]
    selected = [f"{v} AS {quoted(c.name)}" for v, c in zip(values, table.columns, strict=True)]
    selected += [quoted(key.name) for key in table.keys]
    paths = ", ".join(literal(file.path) for file in files)
    options = "hive_partitioning = false"
    if table.keys:
        kinds = ", ".join(f"{quoted(key.name)}: {key.type.duckdb}" for key in table.keys)
        options = f"hive_partitioning = true, hive_types = {{{kinds}}}"
    return f"SELECT {', '.join(selected)} FROM read_parquet([{paths}], {options})"  # noqa: S608


# --- Parquet -------------------------------------------------------------------------------------


def _parquet_value(column: Column, file: ScannedFile) -> str:
    wanted = column.type
    found = file.footer.columns.get(column.name)
    if found is None:
        return f"CAST(NULL AS {wanted.duckdb})"
    name = quoted(found.name)
    kind = _Kind(found.arrow_type)
    if wanted.name == "timestamp" and kind.is_timestamp:
        return _milliseconds(name, kind)
    if kind.holds(wanted):
        return name if kind.is_exactly(wanted) else f"CAST({name} AS {wanted.duckdb})"
    if wanted.name == "varchar" and kind.is_binary:
        return f"decode({name})"
    if wanted.name == "varbinary" and kind.is_string:
        return f"encode({name})"
    return _bad_data(
        wanted,
        f"Field {column.name}'s type {kind.parquet_name} in parquet file {file.url} is "
        f"incompatible with type {wanted} defined in table schema",
    )


def _milliseconds(name: str, kind: _Kind) -> str:
    """Athena reads a timestamp as timestamp(3), rounded."""
    plain = f"CAST({name} AS TIMESTAMP)"
    if kind.is_milliseconds:
        return plain
    return f"date_trunc('millisecond', {plain} + INTERVAL 500 MICROSECOND)"


class _Kind:
    """What an Arrow type of a Parquet file can be read as."""

    _INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32")
    _PLAIN: ClassVar = {
        "bool": "boolean",
        "int8": "tinyint",
        "int16": "smallint",
        "int32": "integer",
        "int64": "bigint",
        "float": "real",
        "double": "double",
        "string": "varchar",
        "large_string": "varchar",
        "binary": "varbinary",
        "large_binary": "varbinary",
        "date32[day]": "date",
    }

    def __init__(self, arrow_type: Any) -> None:
        self._type = arrow_type
        self._name = str(arrow_type)

    @property
    def is_timestamp(self) -> bool:
        return self._name.startswith("timestamp[")

    @property
    def is_milliseconds(self) -> bool:
        return self._name.startswith(("timestamp[ms", "timestamp[s"))

    @property
    def is_string(self) -> bool:
        return self._name in {"string", "large_string"}

    @property
    def is_binary(self) -> bool:
        return self._name.startswith(("binary", "large_binary", "fixed_size_binary"))

    @property
    def parquet_name(self) -> str:
        """The physical type, as Athena's message names it."""
        names = {"bool": "BOOLEAN", "float": "FLOAT", "double": "DOUBLE", "int64": "INT64"}
        if self.is_string or self.is_binary:
            return "BINARY"
        return names.get(self._name, "INT64" if self.is_timestamp else "INT32")

    def is_exactly(self, wanted: Type) -> bool:
        return self._PLAIN.get(self._name) == wanted.name and not wanted.args

    def holds(self, wanted: Type) -> bool:
        """Whether Athena reads such a column as the wanted type."""
        import pyarrow.types as kinds

        if wanted.is_integer:
            return self._name in self._INTEGERS
        if wanted.name == "decimal":
            return bool(kinds.is_decimal(self._type)) or self._name in self._INTEGERS
        if wanted.name == "double":
            return self._name in {"float", "double"}
        if wanted.name == "varbinary":
            return self.is_binary
        if wanted.name in {"array", "map", "row"}:
            nested = {"array": kinds.is_list, "map": kinds.is_map, "row": kinds.is_struct}
            return bool(nested[wanted.name](self._type))
        return self._PLAIN.get(self._name) == wanted.name


# --- text ----------------------------------------------------------------------------------------


def _json_value(table: Table, column: Column) -> str:
    """A column of a JSON object, whose keys' case doesn't matter."""
    key = table.options.get(f"mapping.{column.name}", column.name)
    lenient = table.options.get("ignore.malformed.json", "false").lower() == "true"
    line = f"CASE WHEN json_valid({LINE}) THEN {LINE} END"
    if not lenient:
        malformed = "HIVE_BAD_DATA: Error parsing a row: it is not a valid JSON Object"
        line = (
            f"CASE WHEN json_type({line}) = 'OBJECT' THEN {LINE} "
            f"ELSE error({literal(malformed)}) END"
        )
    path = literal('$."' + key.replace('"', '\\"') + '"')
    same = literal(key.lower())
    other = f"list_filter(json_keys({line}), lambda k: lower(k) = {same})[1]"
    value = (
        f"coalesce(json_extract({line}, {path}), json_extract({line}, '$.\"' || {other} || '\"'))"
    )
    if column.type.name in {"array", "map", "row"}:
        return f"CAST({value} AS {column.type.duckdb})"
    return _parsed(f"({value} ->> '$')", column, strict=True)


def _text_value(table: Table, index: int, column: Column) -> str:
    if column.type.name in {"array", "map", "row"}:
        raise NotSupportedError(f"{table.name}.{column.name}: a nested type in a text file")
    if table.format == "csv" and column.type.name == "date":
        return f"CAST('1970-01-01' AS DATE) + {_parsed(f'c{index}', column, True, 'INTEGER')}"
    if table.format == "csv" and column.type.name == "timestamp":
        return f"make_timestamp_ms({_parsed(f'c{index}', column, True, 'BIGINT')})"
    return _parsed(f"c{index}", column, strict=table.format == "csv")


def _parsed(text: str, column: Column, strict: bool, duckdb_type: str | None = None) -> str:
    """A string as the column's type. Where it isn't one, a strict serde fails and another gives
    NULL."""
    wanted = column.type
    if wanted.name == "varchar":
        return text
    if wanted.name == "varbinary":
        return f"from_base64({text})"
    if wanted.is_integer and duckdb_type is None:
        whole = f"regexp_replace({text}, '^([+-]?[0-9]+)\\.[0-9]*$', '\\1')"
        value = f"try_cast({whole} AS {wanted.duckdb})"
    else:
        value = f"try_cast({text} AS {duckdb_type or wanted.duckdb})"
    if not strict:
        return value
    failed = _bad_data(wanted, f"Error parsing field value for field {column.name}", duckdb_type)
    return f"CASE WHEN {text} IS NULL THEN NULL ELSE coalesce({value}, {failed}) END"


def _bad_data(wanted: Type, message: str, duckdb_type: str | None = None) -> str:
    """An expression that fails only if it is evaluated."""
    error = f"error({literal(f'HIVE_BAD_DATA: {message}')})"
    return f"CAST({error} AS {duckdb_type or wanted.duckdb})"


# --- SQL text ------------------------------------------------------------------------------------


def quoted(name: str) -> str:
    """An identifier for DuckDB."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string for DuckDB."""
    return "'" + text.replace("'", "''") + "'"
