"""Objects of text (JSON lines, CSV, delimited), turned once into Parquet files of strings.

What a string means is decided in SQL (`storage_scan`), so a bad value fails a query only if the
query reads it.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import hashlib
import os
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mall_platform.local_aws.athena.errors import AthenaError, NotSupportedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mall_platform.local_aws.athena.storage import StoredObject
    from mall_platform.local_aws.athena.storage_tables import Table

LINE = "line"
"""The only column of a file made from JSON lines; delimited ones have `c0`, `c1`, …"""


@dataclass(frozen=True)
class TextLayout:
    """How lines are cut into fields. `quote` is for OpenCSV, `null` is LazySimple's NULL."""

    format: str
    fields: int = 0
    delimiter: str = ","
    quote: str = ""
    escape: str = ""
    null: str | None = None
    skipped_lines: int = 0

    @classmethod
    def of(cls, table: Table) -> TextLayout:
        """Raises NotSupportedError for serde options that aren't followed here."""
        options = table.options
        skipped = int(options.get("skip.header.line.count", "0"))
        if options.get("serialization.encoding", "utf-8").lower() not in {"utf-8", "utf8"}:
            raise NotSupportedError(f"{table.name} isn't stored in UTF-8")
        if table.format == "json":
            if options.get("dots.in.keys", "false").lower() == "true":
                raise NotSupportedError(f"{table.name} uses dots.in.keys")
            return cls("json", skipped_lines=skipped)
        if table.format == "csv":
            return cls(
                "csv",
                len(table.columns),
                options.get("separatorChar", ","),
                options.get("quoteChar", '"'),
                options.get("escapeChar", "\\"),
                None,
                skipped,
            )
        return cls(
            "delimited",
            len(table.columns),
            _delimiter(options.get("field.delim", options.get("serialization.format", "\x01"))),
            "",
            options.get("escape.delim", ""),
            options.get("serialization.null.format", "\\N"),
            skipped,
        )

    @property
    def digest(self) -> str:
        return hashlib.sha256(repr(self).encode()).hexdigest()[:12]


def _delimiter(option: str) -> str:
    """Hive takes a sign or its code: `1` is Ctrl-A."""
    return chr(int(option)) if option.isdigit() else option or "\x01"


def parquet_of(stored: StoredObject, content: bytes, layout: TextLayout, path: Path) -> None:
    """Makes the Parquet file at `path` with the strings of a text object, unless it exists."""
    import pyarrow.parquet as pq

    if not path.exists():
        table = _strings(_lines(stored, content)[layout.skipped_lines :], layout)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent)
        os.close(handle)
        pq.write_table(table, name, compression="zstd", compression_level=1)
        Path(name).replace(path)


def _lines(stored: StoredObject, data: bytes) -> list[str]:
    suffix = stored.key.rpartition(".")[2].lower()
    try:
        if suffix == "gz":
            data = gzip.decompress(data)
        elif suffix == "bz2":
            data = bz2.decompress(data)
        elif suffix in {"zst", "snappy", "lz4", "lzo", "deflate"}:
            raise NotSupportedError(f"{stored.url} is compressed with {suffix}")
    except (OSError, EOFError, zlib.error):
        raise AthenaError(f"Error reading {stored.url}", "HIVE_CURSOR_ERROR") from None
    text = data.decode("utf-8", errors="replace")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _strings(lines: list[str], layout: TextLayout) -> Any:
    import pyarrow as pa

    if layout.format == "json":
        return pa.table({LINE: pa.array([x for x in lines if x.strip()], pa.string())})
    rows = _csv_rows(lines, layout) if layout.format == "csv" else _delimited_rows(lines, layout)
    width = layout.fields
    columns: list[list[str | None]] = [[] for _ in range(width)]
    for row in rows:
        for index, column in enumerate(columns):
            column.append(row[index] if index < len(row) else None)
    return pa.table({f"c{i}": pa.array(column, pa.string()) for i, column in enumerate(columns)})


def _csv_rows(lines: Iterable[str], layout: TextLayout) -> Iterator[Sequence[str | None]]:
    """OpenCSV reads line by line: a quoted field doesn't go on in the next line."""
    for line in lines:
        yield from (
            csv.reader(
                [line],
                delimiter=layout.delimiter,
                quotechar=layout.quote or None,
                escapechar=layout.escape if layout.escape != layout.quote else None,
                quoting=csv.QUOTE_MINIMAL if layout.quote else csv.QUOTE_NONE,
                doublequote=True,
            )
            if line
            else iter([[""]])
        )


def _delimited_rows(lines: Iterable[str], layout: TextLayout) -> Iterator[Sequence[str | None]]:
    for line in lines:
        parts = _split(line, layout.delimiter, layout.escape)
        yield [None if part == layout.null else part for part in parts]


def _split(line: str, delimiter: str, escape: str) -> list[str]:
    if not escape or escape not in line:
        return line.split(delimiter)
    parts, part, escaped = [], [], False
    for sign in line:
        if escaped:
            part.append(sign)
            escaped = False
        elif sign == escape:
            escaped = True
        elif sign == delimiter:
            parts.append("".join(part))
            part = []
        else:
            part.append(sign)
    return [*parts, "".join(part)]
