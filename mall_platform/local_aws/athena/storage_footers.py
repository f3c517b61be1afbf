"""What a Parquet file says about itself: columns, types and the size of each column."""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

from mall_platform.local_aws.athena.errors import AthenaError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_KEPT = 50_000


@dataclass(frozen=True)
class FileColumn:
    """A top-level column of a file: its name as written, its Arrow type, and the bytes that its
    chunks take, compressed."""

    name: str
    arrow_type: Any
    size_bytes: int


@dataclass(frozen=True)
class Footer:
    """`columns` is by lower-case name. Files of one `shape` can be read together."""

    columns: Mapping[str, FileColumn]
    shape: tuple[tuple[str, str], ...]


class Footers:
    """Footers by file. Files never change, so each is read once."""

    def __init__(self) -> None:
        self._known: OrderedDict[Path, Footer] = OrderedDict()
        self._lock = Lock()

    def knows(self, path: Path) -> bool:
        with self._lock:
            return path in self._known

    def of(self, path: Path, url: str) -> Footer:
        """Raises AthenaError (HIVE_BAD_DATA) if the file isn't Parquet."""
        with self._lock:
            if footer := self._known.get(path):
                return footer
        footer = _read(path, url)
        with self._lock:
            self._known[path] = footer
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return footer


def _read(path: Path, url: str) -> Footer:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_metadata(path)
    except (pa.ArrowInvalid, OSError):
        raise AthenaError(f"Not valid Parquet file: {url}", "HIVE_BAD_DATA") from None
    sizes: Counter[str] = Counter()
    for group in range(metadata.num_row_groups):
        chunks = metadata.row_group(group)
        for index in range(chunks.num_columns):
            chunk = chunks.column(index)
            sizes[chunk.path_in_schema.partition(".")[0]] += chunk.total_compressed_size
    schema = metadata.schema.to_arrow_schema()
    return Footer(
        {
            field.name.lower(): FileColumn(field.name, field.type, sizes[field.name])
            for field in schema
        },
        tuple((field.name, str(field.type)) for field in schema),
    )
