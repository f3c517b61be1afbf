"""Rows written to S3 by CTAS, INSERT and UNLOAD."""

from __future__ import annotations

import gzip
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import unquote

from mall_platform.local_aws.athena.errors import AthenaError, NotSupportedError
from mall_platform.local_aws.athena.results import shown
from mall_platform.local_aws.athena.storage_scan import literal, quoted
from mall_platform.local_aws.athena.storage_tables import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mall_platform.local_aws.athena.engine_plan import Plan
    from mall_platform.local_aws.athena.storage import Location, Storage
    from mall_platform.local_aws.athena.types import Type

MAX_PARTITIONS = 100

_PARQUET_CODECS = {
    "GZIP": "gzip",
    "SNAPPY": "snappy",
    "ZSTD": "zstd",
    "LZ4": "lz4_raw",
    "NONE": "uncompressed",
    "UNCOMPRESSED": "uncompressed",
}


@dataclass(frozen=True)
class Layout:
    """How rows become files. `keys` is how many of the last columns are partition keys;
    `compression` is upper case, empty for the format's default, GZIP."""

    format: str = "PARQUET"
    compression: str = ""
    level: int | None = None
    delimiter: str = "\x01"
    keys: int = 0


@dataclass(frozen=True)
class Target:
    """A column to be written: its name, and the type to cast to."""

    name: str
    type: Type


@dataclass(frozen=True)
class WrittenFile:
    """A file on the local disk, on its way to S3. `values` are its partition's, as text."""

    path: Path
    values: tuple[str, ...]


def write(
    connection: Any, plan: Plan, targets: Sequence[Target], layout: Layout, folder: Path
) -> tuple[list[WrittenFile], int]:
    """Runs a planned query and writes its rows under a local folder: the files, and their rows.

    No row, no file. Raises AthenaError for more partitions than Athena opens at once and
    NotSupportedError for formats that the local Athena doesn't write.
    """
    if layout.format == "PARQUET":
        rows = _write_parquet(connection, plan, targets, layout, folder)
    elif layout.format in {"TEXTFILE", "JSON"}:
        if layout.keys:
            raise NotSupportedError(f"partitioned files of format {layout.format}")
        rows = _write_lines(connection, plan, targets, layout, folder)
    else:
        raise NotSupportedError(f"files of format {layout.format}")
    written = [WrittenFile(path, _values(path, folder)) for path in _files(folder)]
    if len({file.values for file in written}) > MAX_PARTITIONS:
        raise AthenaError(
            f"Exceeded limit of {MAX_PARTITIONS} open writers for partitions/buckets",
            "HIVE_TOO_MANY_OPEN_PARTITIONS",
        )
    return written, rows


def upload(
    storage: Storage,
    files: Sequence[WrittenFile],
    folder_of: Callable[[tuple[str, ...]], Location],
    query_id: str,
) -> list[str]:
    """Puts files into S3, each into its partition's folder; their URLs."""
    urls = []
    for file in files:
        place = folder_of(file.values)
        suffix = ".gz" if file.path.suffix == ".gz" else ""
        key = place.key(f"{query_id.replace('-', '_')}_{uuid.uuid4()}{suffix}")
        storage.put(place.bucket, key, file.path.read_bytes())
        urls.append(f"s3://{place.bucket}/{key}")
    return urls


def key_folder(names: Sequence[str], values: Sequence[str]) -> str:
    """`dt=2024-06-01/` below a table, for its keys' names."""
    return "".join(f"{n}={escape(v)}/" for n, v in zip(names, values, strict=True))


def _files(folder: Path) -> Iterator[Path]:
    """The files that hold rows."""
    import pyarrow.parquet as pq

    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.stat().st_size == 0:
            continue
        if path.suffix != ".parquet" or pq.read_metadata(path).num_rows:
            yield path


def _values(path: Path, folder: Path) -> tuple[str, ...]:
    parents = path.relative_to(folder).parts[:-1]
    return tuple(unquote(part.partition("=")[2]) for part in parents)


def _stored_type(kind: Type) -> str:
    """DuckDB's type to write; timestamps have milliseconds, as in Athena."""
    return "TIMESTAMP_MS" if kind.name == "timestamp" else kind.duckdb


def _write_parquet(
    connection: Any, plan: Plan, targets: Sequence[Target], layout: Layout, folder: Path
) -> int:
    codec = _PARQUET_CODECS.get(layout.compression or "GZIP")
    if codec is None:
        raise NotSupportedError(f"Parquet files compressed with {layout.compression}")
    selected = [
        f"CAST(c{index} AS {_stored_type(target.type)}) AS {quoted(target.name)}"
        for index, target in enumerate(targets)
    ]
    options = ["FORMAT parquet", f"COMPRESSION {codec}"]
    if codec == "zstd" and layout.level is not None:
        options.append(f"COMPRESSION_LEVEL {layout.level}")
    path = folder / "rows.parquet"
    if layout.keys:
        path = folder
        options.append(
            f"PARTITION_BY ({', '.join(quoted(t.name) for t in targets[-layout.keys :])})"
        )
    copied = connection.execute(
        f"COPY ({plan.selecting(selected)}) TO {literal(str(path))} ({', '.join(options)})"
    ).fetchone()
    return int(copied[0])


def _write_lines(
    connection: Any, plan: Plan, targets: Sequence[Target], layout: Layout, folder: Path
) -> int:
    compression = layout.compression or "GZIP"
    if compression not in {"GZIP", "NONE"}:
        raise NotSupportedError(f"text files compressed with {compression}")
    line = _json_line(targets) if layout.format == "JSON" else _text_line(targets, layout.delimiter)
    path = folder / ("rows.gz" if compression == "GZIP" else "rows.txt")
    cursor = connection.execute(plan.selecting([line]))
    count = 0
    with _opened(path) as file:
        while rows := cursor.fetchmany(10_000):
            count += len(rows)
            file.write("".join(row[0] + "\n" for row in rows).encode())
    if not count:
        path.unlink()
    return count


def _opened(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(path, "wb"))
    return path.open("wb")


def _text_line(targets: Sequence[Target], delimiter: str) -> str:
    for target in targets:
        if list(target.type.parts()):
            raise NotSupportedError(f"{target.name}: a nested type in a text file")
    values = [
        f"coalesce({shown(f'c{index}', target.type)}, '\\N')"
        for index, target in enumerate(targets)
    ]
    return f" || {literal(delimiter)} || ".join(values)


def _json_line(targets: Sequence[Target]) -> str:
    for target in targets:
        if list(target.type.parts()) or target.type.name == "varbinary":
            raise NotSupportedError(f"{target.name}: a {target.type} in a JSON file")
    values = []
    for index, target in enumerate(targets):
        plain = target.type.is_numeric or target.type.name == "boolean"
        value = f"c{index}" if plain else shown(f"c{index}", target.type)
        values.append(f"{quoted(target.name)} := {value}")
    return f"CAST(to_json(struct_pack({', '.join(values)})) AS VARCHAR)"
