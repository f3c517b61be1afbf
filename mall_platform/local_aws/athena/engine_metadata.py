"""Tables that Athena makes up: `information_schema` and `"table$partitions"`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mall_platform.local_aws.athena import types
from mall_platform.local_aws.athena.engine_catalog import CATALOG, Catalog, TableName, View
from mall_platform.local_aws.athena.errors import AthenaError, NotSupportedError
from mall_platform.local_aws.athena.storage_scan import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PARTITIONS = "$partitions"
_TEXT = "varchar"


@dataclass(frozen=True)
class MetadataTable:
    """A table whose rows are known: texts, NULL as None."""

    columns: Mapping[str, str]
    rows: Sequence[tuple[str | None, ...]]

    def athena_types(self) -> Mapping[str, str]:
        return self.columns

    @property
    def sql(self) -> str:
        """The rows as a SELECT for DuckDB."""
        names = ", ".join(map(quoted, self.columns))
        rows = self.rows or [tuple(None for _ in self.columns)]
        lines = ", ".join(
            "(" + ", ".join("NULL" if value is None else literal(value) for value in row) + ")"
            for row in rows
        )
        values = ", ".join(
            f"CAST({quoted(name)} AS {types.to_duckdb(kind)}) AS {quoted(name)}"
            for name, kind in self.columns.items()
        )
        empty = "" if self.rows else " WHERE false"
        return f"SELECT {values} FROM (VALUES {lines}) AS t({names}){empty}"  # noqa: S608


def metadata_table(catalog: Catalog, name: TableName) -> MetadataTable | None:
    """The table of that name, if it is one that Athena makes up.

    Raises NotSupportedError for those that the local Athena hasn't.
    """
    if name.database == "information_schema":
        if name.name not in _INFORMATION:
            raise NotSupportedError(f"information_schema.{name.name}")
        return _INFORMATION[name.name](catalog)
    if name.name.endswith(_PARTITIONS):
        return _partitions(catalog, TableName(name.database, name.name[: -len(_PARTITIONS)]))
    if "$" in name.name and catalog.described(name) is None:
        raise NotSupportedError(f'the hidden table "{name.name}"')
    return None


def _partitions(catalog: Catalog, name: TableName) -> MetadataTable:
    table = catalog.table_or_view(name)
    if table is None or isinstance(table, View) or not table.keys:
        raise AthenaError(f"Table '{name}{_PARTITIONS}' does not exist", "TABLE_NOT_FOUND")
    rows = [partition.values for partition in catalog.partitions(table)]
    return MetadataTable({key.name: str(key.type) for key in table.keys}, rows)


def _schemata(catalog: Catalog) -> MetadataTable:
    columns = dict.fromkeys(("catalog_name", "schema_name"), _TEXT)
    return MetadataTable(columns, [(CATALOG, name) for name in catalog.databases()])


def _tables(catalog: Catalog) -> MetadataTable:
    columns = dict.fromkeys(("table_catalog", "table_schema", "table_name", "table_type"), _TEXT)
    rows = [
        (CATALOG, name.database, name.name, "VIEW" if _is_view(catalog, name) else "BASE TABLE")
        for name in _names(catalog)
    ]
    return MetadataTable(columns, rows)


def _columns(catalog: Catalog) -> MetadataTable:
    columns = {
        "table_catalog": _TEXT,
        "table_schema": _TEXT,
        "table_name": _TEXT,
        "column_name": _TEXT,
        "ordinal_position": "bigint",
        "column_default": _TEXT,
        "is_nullable": _TEXT,
        "data_type": _TEXT,
        "comment": _TEXT,
        "extra_info": _TEXT,
    }
    rows: list[tuple[str | None, ...]] = []
    for name in _names(catalog):
        for index, (column, kind, extra) in enumerate(_columns_of(catalog, name), start=1):
            place = (CATALOG, name.database, name.name, column, str(index))
            rows.append((*place, None, "YES", kind, None, extra))
    return MetadataTable(columns, rows)


def _columns_of(catalog: Catalog, name: TableName) -> list[tuple[str, str, str | None]]:
    described = catalog.described(name) or {}
    columns = (described.get("StorageDescriptor") or {}).get("Columns") or []
    keys = described.get("PartitionKeys") or []
    found = [(c["Name"], types.from_hive(c.get("Type") or "string"), None) for c in columns]
    return [
        *found,
        *((c["Name"], types.from_hive(c.get("Type") or "string"), "partition key") for c in keys),
    ]


def _names(catalog: Catalog) -> list[TableName]:
    return [
        TableName(database, table)
        for database in catalog.databases()
        for table in catalog.table_names(database)
    ]


def _is_view(catalog: Catalog, name: TableName) -> bool:
    return (catalog.described(name) or {}).get("TableType") == "VIRTUAL_VIEW"


_INFORMATION = {"schemata": _schemata, "tables": _tables, "columns": _columns}
