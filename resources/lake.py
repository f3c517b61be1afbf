"""The lake: immutable versions of tables and partitions, published by write, audit, publish.

A version is a folder of Parquet files that is written once. It becomes what readers see when
Glue is switched to it in one call, after its audits have passed. Readers ask the catalog where
to look; a folder that Glue doesn't point at is nobody's, and `cleanup` removes it in time.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from resources.aws import Aws
from resources.catalog import Catalog
from resources.faults import explained
from resources.objects import Upload, open_object, split_location
from resources.tables import Table

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

LAKE_BUCKET = "infra/storage/lake_bucket"
QUARANTINE_MARK = "_quarantined.json"
PUBLISHED_AT = "mall.published_at"
ROWS = "mall.rows"

_ROW_GROUP_ROWS = 128 * 1024
_FILE_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class Version:
    """One attempt at a table's or partition's content: a folder of its own."""

    table: Table
    partition: str | None
    location: str


@dataclass(frozen=True)
class Written:
    """What a version's files hold; where they are and how they end if this process wrote them."""

    rows: int
    files: int
    size_bytes: int
    locations: tuple[str, ...] = ()
    footers: tuple[pq.FileMetaData, ...] = ()


@dataclass(frozen=True)
class AuditResult:
    """What an audit found; `metadata` counts and never quotes."""

    name: str
    passed: bool
    metadata: dict[str, Any] = field(default_factory=dict)


Audit = Callable[[Version], AuditResult]


@dataclass(frozen=True)
class Published:
    """What readers see from now on."""

    location: str
    parameters: dict[str, str]
    results: tuple[AuditResult, ...]


@dataclass(frozen=True)
class Cleaned:
    """What a clean-up removed."""

    folders: int
    objects: int
    size_bytes: int


class AuditFailedError(Exception):
    """A version failed its audits: readers keep the old one, the folder stays in quarantine."""

    def __init__(self, version: Version, results: Sequence[AuditResult]) -> None:
        self.version = version
        self.results = tuple(results)
        failed = ", ".join(result.name for result in results if not result.passed)
        where = f"{version.table.name} {version.partition or ''}".strip()
        super().__init__(f"{where} failed {failed}; the files are kept at {version.location}")


class CleanupFailedError(Exception):
    """S3 would not delete an object."""

    def __init__(self, key: str, code: str) -> None:
        super().__init__(f"S3 would not delete {key}: {code}")


class NotPublishedError(Exception):
    """Nothing has been published for a table or partition yet."""

    def __init__(self, table: Table, partition: str | None) -> None:
        what = f"{table.name} {partition or ''}".strip()
        super().__init__(f"Nothing has been published for {what} yet.")


def stored_schema(table: Table) -> pa.Schema:
    """The schema of a table's files: as declared, every column nullable."""
    import pyarrow as pa

    return pa.schema([column.with_nullable(True) for column in table.arrow_schema()])


class VersionWriter:
    """Writes a version's files: zstd Parquet, bounded memory, nothing visible before `close`.

    `pending_rows` are those in memory, not yet encoded.
    """

    def __init__(self, s3: Any, version: Version) -> None:
        self._s3 = s3
        self._version = version
        self._schema = stored_schema(version.table)
        self._pending: list[pa.RecordBatch] = []
        self.pending_rows = 0
        self._open: tuple[Any, Upload] | None = None
        self._ended: list[Upload] = []
        self._locations: list[str] = []
        self._footers: list[pq.FileMetaData] = []
        self._rows = self._size_bytes = 0

    def write(self, rows: pa.RecordBatch | pa.Table) -> None:
        """Adds rows; raises pyarrow's error unless they have the table's columns and types.

        NULL is accepted everywhere: telling where it mustn't be is the audit's business.
        """
        import pyarrow as pa

        fitting = rows.cast(self._schema)
        self._pending += [fitting] if isinstance(fitting, pa.RecordBatch) else fitting.to_batches()
        self.pending_rows += rows.num_rows
        if self.pending_rows >= _ROW_GROUP_ROWS:
            self._write_row_group()
            if self._open and self._open[1].size_bytes >= _FILE_BYTES:
                self._end_file()

    def cut(self) -> None:
        """Stores the rows so far as a file of their own, so that none of them stay in memory."""
        if self._pending or self._open:
            self._end_file()
            self._store()

    def close(self) -> Written:
        """Stores what is left; a version without rows gets one empty file."""
        if self._pending or self._open or not self._locations:
            self._end_file()
        self._store()
        locations = tuple(self._locations)
        footers = tuple(self._footers)
        return Written(self._rows, len(locations), self._size_bytes, locations, footers)

    def abort(self) -> None:
        """Gives up what is not yet stored."""
        for upload in (*self._ended, *([self._open[1]] if self._open else [])):
            upload.abort()
        self._ended, self._open, self._pending, self.pending_rows = [], None, [], 0

    def _write_row_group(self) -> None:
        import pyarrow as pa

        if self._open is None:
            location = f"{self._version.location}part-{len(self._locations):05d}.parquet"
            upload = Upload(self._s3, *split_location(location))
            self._locations.append(location)
            self._open = _parquet_writer(upload, self._schema, self._footers), upload
        table = pa.Table.from_batches(self._pending, self._schema)
        self._open[0].write_table(table, row_group_size=max(table.num_rows, 1))
        self._rows += table.num_rows
        self._pending, self.pending_rows = [], 0

    def _end_file(self) -> None:
        if self._pending or self._open is None:
            self._write_row_group()
        if self._open:
            self._open[0].close()
            self._ended.append(self._open[1])
            self._open = None

    def _store(self) -> None:
        while self._ended:
            self._ended[0].complete()
            self._size_bytes += self._ended.pop(0).size_bytes


def _parquet_writer(
    sink: Any, schema: pa.Schema, footers: list[pq.FileMetaData]
) -> pq.ParquetWriter:
    """zstd, and for each type what serves it: keys are random, so that nothing makes them less.

    The file's footer is added to `footers` when it is closed.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    repeating = (pa.string(), pa.int32(), pa.date32())
    unordered = (pa.binary(), pa.string())
    encodings = {
        pa.int64(): "DELTA_BINARY_PACKED",
        pa.timestamp("ms"): "DELTA_BINARY_PACKED",
        pa.binary(): "DELTA_LENGTH_BYTE_ARRAY",
    }
    return pq.ParquetWriter(
        sink,
        schema,
        compression={f.name: "none" if f.type == pa.binary() else "zstd" for f in schema},
        use_dictionary=[f.name for f in schema if f.type in repeating],
        write_statistics=[f.name for f in schema if f.type not in unordered],
        column_encoding={f.name: encodings[f.type] for f in schema if f.type in encodings},
        metadata_collector=footers,
    )


class Lake(dg.ConfigurableResource):
    """Tables of the lake bucket, by version.

    Every method raises MissingInfrastructureError if the bucket or the catalog isn't there.
    """

    aws: Aws
    catalog: Catalog

    @property
    def bucket(self) -> str:
        return self.aws.bucket("lake")

    def root(self, table: Table) -> str:
        """The folder that holds all of a table's versions."""
        return f"s3://{self.bucket}/{table.name}/"

    def stage(self, table: Table, partition: str | None = None) -> Version:
        """A new version's place; nothing is written yet."""
        if (partition is None) == bool(table.partitioned_by):
            raise ValueError(f"{table.name} has {len(table.partitioned_by)} partition columns.")
        folder = f"{table.partitioned_by[0].name}={partition}/" if partition else ""
        return Version(table, partition, f"{self.root(table)}{folder}v-{uuid.uuid4().hex}/")

    def declare(self, table: Table) -> None:
        """Makes a partitioned table known to readers, who see it empty until a publication."""
        self.catalog.ensure_table(table, self.root(table))

    @contextmanager
    def writer(self, version: Version) -> Iterator[VersionWriter]:
        """A writer that is given up, leaving nothing behind, if the block fails."""
        with self._explained():
            writer = VersionWriter(self.aws.client("s3"), version)
            try:
                yield writer
            except BaseException:
                writer.abort()
                raise

    def write(self, version: Version, batches: Iterable[pa.RecordBatch]) -> Written:
        """Writes all batches as Parquet; if `batches` raises, nothing is uploaded."""
        with self.writer(version) as writer:
            for batch in batches:
                writer.write(batch)
            return writer.close()

    def publish(
        self, version: Version, audits: Sequence[Audit], parameters: Mapping[str, str] | None = None
    ) -> Published:
        """Runs the audits on the staged files and switches readers over if all of them pass.

        Raises AuditFailedError otherwise; then readers keep what they had, and the folder is
        marked as quarantined. An audit that raises is a crash and stops the publication too.
        """
        results = tuple(audit(version) for audit in audits)
        if not all(result.passed for result in results):
            self.quarantine(version, results)
            raise AuditFailedError(version, results)
        recorded = {**(parameters or {}), PUBLISHED_AT: datetime.now(UTC).isoformat()}
        self.catalog.switch(
            version.table,
            version.partition,
            version.location,
            recorded,
            root=self.root(version.table),
        )
        return Published(version.location, recorded, results)

    def quarantine(self, version: Version, results: Sequence[AuditResult]) -> None:
        """Marks a version's folder as quarantined, with its audits' results."""
        report = {r.name: {"passed": r.passed, **r.metadata} for r in results}
        bucket, key = split_location(version.location)
        body = json.dumps(report, ensure_ascii=False, default=str).encode()
        with self._explained():
            self.aws.client("s3").put_object(Bucket=bucket, Key=key + QUARANTINE_MARK, Body=body)

    def published(self, table: Table, partition: str | None = None) -> Version:
        """The version readers see; raises NotPublishedError if there is none."""
        location = self.catalog.location(table.name, partition)
        if location is None:
            raise NotPublishedError(table, partition)
        return Version(table, partition, location)

    def files(self, version: Version) -> list[str]:
        """The locations of a version's Parquet files, in order."""
        bucket, prefix = split_location(version.location)
        return [
            f"s3://{bucket}/{item['Key']}"
            for item in self._objects(prefix)
            if not item["Key"].rpartition("/")[2].startswith(("_", "."))
        ]

    def batches(
        self, version: Version, columns: Sequence[str] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """A version's rows, in a stream."""
        for location in self.files(version):
            with self.parquet(location) as file:
                yield from file.iter_batches(columns=list(columns) if columns else None)

    @contextmanager
    def parquet(self, location: str) -> Iterator[pq.ParquetFile]:
        """A stored file, opened for reading."""
        import pyarrow.parquet as pq

        with self._explained(), open_object(self.aws.client("s3"), location) as source:
            yield pq.ParquetFile(source)

    def read(
        self, table: Table, partition: str | None = None, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """What readers see of an unpartitioned table, a partition, or all partitions.

        All partitions come with the partition's column, last. Raises NotPublishedError if the
        table or the partition has not been published.
        """
        import pyarrow as pa

        if partition is None and table.partitioned_by:
            return self._read_all(table, columns)
        schema = table.arrow_schema()
        if columns:
            schema = pa.schema([schema.field(name) for name in columns])
        version = self.published(table, partition)
        return pa.Table.from_batches(
            (batch.select(schema.names).cast(schema) for batch in self.batches(version, columns)),
            schema,
        )

    def cleanup(self, older_than: timedelta, quarantined_for: timedelta) -> Cleaned:
        """Removes version folders that Glue doesn't point at and nobody has touched for a while.

        Folders marked as quarantined stay for `quarantined_for`. The listing is taken before the
        catalog is read, so that a version published in between counts as referenced.
        """
        now = datetime.now(UTC)
        folders: dict[str, list[dict[str, Any]]] = {}
        for item in self._objects(""):
            folder, in_version, _ = item["Key"].partition("/v-")
            if in_version:
                version = item["Key"][len(folder) :].split("/")[1]
                folders.setdefault(f"{folder}/{version}/", []).append(item)
        referenced = self._referenced()
        doomed: list[dict[str, Any]] = []
        removed = 0
        for folder, items in folders.items():
            marked = any(item["Key"].endswith(QUARANTINE_MARK) for item in items)
            keep_until = max(item["LastModified"] for item in items) + (
                quarantined_for if marked else older_than
            )
            if f"s3://{self.bucket}/{folder}" not in referenced and keep_until < now:
                doomed += items
                removed += 1
        self._delete([item["Key"] for item in doomed])
        return Cleaned(removed, len(doomed), sum(item["Size"] for item in doomed))

    def _read_all(self, table: Table, columns: Sequence[str] | None) -> pa.Table:
        import pyarrow as pa

        parts = []
        for value in self.catalog.partitions(table.name):
            part = self.read(table, value, columns)
            name = table.partitioned_by[0].name
            parts.append(part.append_column(name, pa.repeat(value, part.num_rows)))
        if not parts:
            raise NotPublishedError(table, None)
        return pa.concat_tables(parts)

    def _referenced(self) -> set[str]:
        found: set[str] = set()
        for name, entry in self.catalog.tables().items():
            entries = [entry, *self.catalog.partitions(name).values()]
            found |= {e.location.rstrip("/") + "/" for e in entries}
        return found

    def _objects(self, prefix: str) -> Iterator[dict[str, Any]]:
        pages = self.aws.client("s3").get_paginator("list_objects_v2")
        with self._explained():
            for page in pages.paginate(Bucket=self.bucket, Prefix=prefix):
                yield from page.get("Contents", [])

    def _delete(self, keys: Sequence[str]) -> None:
        for start in range(0, len(keys), 1000):
            batch = {"Objects": [{"Key": key} for key in keys[start : start + 1000]]}
            with self._explained():
                answer = self.aws.client("s3").delete_objects(Bucket=self.bucket, Delete=batch)
            if answer.get("Errors"):
                first = answer["Errors"][0]
                raise CleanupFailedError(first["Key"], first["Code"])

    def _explained(self) -> AbstractContextManager[None]:
        return explained(f"The lake bucket {self.bucket}", LAKE_BUCKET)
