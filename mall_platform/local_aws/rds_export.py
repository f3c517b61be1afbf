"""RDS's export of a snapshot to S3: each table as gzipped Parquet, with AWS's types and names.

A MariaDB of its own starts on a copy of the snapshot's data and is read in a stream. Layout:
`<prefix>/<export>/<database>/<database>.<table>/1/part-….gz.parquet` with `_SUCCESS` beside it,
and `export_info_<export>.json` and `export_tables_info_<export>_from_1_to_<n>.json` above.
"""

from __future__ import annotations

import io
import json
import logging
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moto.rds.exceptions import RDSClientError
from moto.rds.models import ExportTask, RDSBackend
from moto.s3.exceptions import S3ClientError
from moto.s3.models import s3_backends

from mall_platform.local_aws import lifecycle
from mall_platform.local_aws.certificates import Authority
from mall_platform.local_aws.hooks import replace
from mall_platform.local_aws.mariadb import MariaDb
from mall_platform.local_aws.rds import ca_file, snapshot_data

if TYPE_CHECKING:
    import pyarrow as pa
    from pymysql.cursors import Cursor

log = logging.getLogger("local_aws")

MAX_EXPORTS = 5
_BATCH_ROWS = 50_000
_ACTIVE = ("STARTING", "IN_PROGRESS")
_SYSTEM_SCHEMAS = ("mysql", "information_schema", "performance_schema", "sys")


@dataclass(frozen=True)
class Column:
    """A column as information_schema has it."""

    name: str
    type: str
    declared: str
    precision: int | None
    scale: int | None

    @property
    def unsigned(self) -> bool:
        return "unsigned" in self.declared


class ExportError(Exception):
    """An export that fails; the message is the task's FailureCause."""


def install() -> None:
    @replace(RDSBackend, "start_export_task", "kwargs")
    def start_export_task(original: Any, self: RDSBackend, kwargs: dict[str, Any]) -> ExportTask:
        active = sum(task.status in _ACTIVE for task in self.export_tasks.values())
        if active >= MAX_EXPORTS:
            raise RDSClientError(
                "ExportTaskLimitReachedFault", f"At most {MAX_EXPORTS} exports run at a time."
            )
        self._validate_kms_key(kwargs["kms_key_id"])
        task = original(self, kwargs)
        task.status = "STARTING"
        task.percent_progress = 0
        task.total_extracted_data_in_gb = 0
        task.snapshot_time = task.snapshot.created
        task.task_start_time = datetime.now(UTC)
        threading.Thread(
            target=_run,
            args=(self, task),
            name=f"export-{task.export_task_identifier}",
            daemon=True,
        ).start()
        return task

    @replace(RDSBackend, "cancel_export_task", "export_task_identifier")
    def cancel_export_task(original: Any, self: RDSBackend, identifier: str) -> ExportTask:
        task = original(self, identifier)
        task.status = "CANCELED"
        return task


def _run(backend: RDSBackend, task: ExportTask) -> None:
    try:
        task.status = "IN_PROGRESS"
        Export(backend, task).run()
    except (ExportError, S3ClientError) as error:
        task.failure_cause, task.status = str(error), "FAILED"
    except Exception:
        log.exception("export %s failed", task.export_task_identifier)
        task.failure_cause, task.status = "Internal error", "FAILED"
    finally:
        task.task_end_time = datetime.now(UTC)


class Export:
    """One export task at work."""

    def __init__(self, backend: RDSBackend, task: ExportTask) -> None:
        self._s3 = s3_backends[backend.account_id][backend.partition]
        self._task = task
        self._size_bytes = 0
        folders = (task.s3_prefix or "", task.export_task_identifier)
        self._root = "/".join(folder.strip("/") for folder in folders if folder)

    def run(self) -> None:
        data = snapshot_data(self._task.snapshot)
        statuses = [] if data is None else self._export(data)
        if self._task.status == "CANCELED":
            return
        name = self._task.export_task_identifier
        tables = {"perTableStatus": statuses}
        self._put(f"export_tables_info_{name}_from_1_to_{len(statuses)}.json", _json(tables))
        self._task.percent_progress = 100
        self._task.total_extracted_data_in_gb = self._size_bytes // 1024**3
        self._put(f"export_info_{name}.json", _json(self._info()))
        self._task.status = "COMPLETE"

    def _export(self, data: Path) -> list[dict[str, Any]]:
        home = lifecycle.home()
        authority = Authority(ca_file(home).parent)
        folder = home / "rds" / f"export-{uuid.uuid4()}"
        server = MariaDb(home, folder, authority)
        try:
            server.create(data)
            server.start_first({})
            with server.administrator() as cursor:
                tables = list(_tables(cursor, self._task.export_only or []))
                return [self._export_table(server, cursor, *table) for table in tables]
        finally:
            server.drop()

    def _export_table(
        self, server: MariaDb, cursor: Cursor, database: str, table: str
    ) -> dict[str, Any]:
        if self._task.status == "CANCELED":
            return {}
        started = datetime.now(UTC)
        columns = _columns(cursor, database, table)
        folder = f"{database}/{database}.{table}/1"
        size = 0
        for part, body in enumerate(_parquet_files(server, database, table, columns)):
            self._put(f"{folder}/part-{part:05}-{uuid.uuid4()}-c000.gz.parquet", body)
            size += len(body)
        self._put(f"{folder}/_SUCCESS", b"")
        self._size_bytes += size
        return {
            "tableStatistics": {
                "extractionStartTime": started.isoformat(),
                "extractionEndTime": datetime.now(UTC).isoformat(),
                "partitioningInfo": {"numberOfPartitions": 1, "numberOfCompletedPartitions": 1},
            },
            "schemaMetadata": {
                "originalTypeMappings": [
                    {
                        "columnName": column.name,
                        "originalType": column.type,
                        "expectedExportedType": str(arrow_type(column)),
                    }
                    for column in columns
                ]
            },
            "status": "COMPLETE",
            "sizeGB": size / 1024**3,
            "target": f"{database}.{table}",
        }

    def _info(self) -> dict[str, Any]:
        task = self._task
        return {
            "exportTaskIdentifier": task.export_task_identifier,
            "sourceArn": task.source_arn,
            "exportOnly": list(task.export_only or []),
            "snapshotTime": str(task.snapshot_time),
            "taskStartTime": str(task.task_start_time),
            "taskEndTime": str(datetime.now(UTC)),
            "s3Bucket": task.s3_bucket,
            "s3Prefix": task.s3_prefix,
            "exportedFilesPath": self._root,
            "iamRoleArn": task.iam_role_arn,
            "kmsKeyId": task.kms_key_id,
            "status": "COMPLETE",
            "percentProgress": 100,
            "totalExportedDataInGB": self._size_bytes / 1024**3,
        }

    def _put(self, name: str, body: bytes) -> None:
        self._s3.put_object(
            self._task.s3_bucket,
            f"{self._root}/{name}",
            body,
            encryption="aws:kms",
            kms_key_id=self._task.kms_key_id,
        )


def _tables(cursor: Cursor, wanted: list[str]) -> Iterator[tuple[str, str]]:
    """The tables to export: all, or those of the databases and tables that are named."""
    cursor.execute(
        "SELECT table_schema, table_name FROM information_schema.tables "
        "WHERE table_type = 'BASE TABLE' AND table_schema NOT IN %s ORDER BY 1, 2",
        (_SYSTEM_SCHEMAS,),
    )
    found = list(cursor.fetchall())
    known = {database for database, _ in found} | {f"{d}.{t}" for d, t in found}
    if unknown := [name for name in wanted if name not in known]:
        raise ExportError(f"ExportOnly names what is not in the snapshot: {', '.join(unknown)}")
    for database, table in found:
        if not wanted or database in wanted or f"{database}.{table}" in wanted:
            yield database, table


def _columns(cursor: Cursor, database: str, table: str) -> list[Column]:
    cursor.execute(
        "SELECT column_name, data_type, column_type, numeric_precision, numeric_scale "
        "FROM information_schema.columns WHERE table_schema = %s AND table_name = %s "
        "ORDER BY ordinal_position",
        (database, table),
    )
    return [Column(*row) for row in cursor.fetchall()]


def arrow_type(column: Column) -> pa.DataType:
    """The Arrow type of a column by AWS's table of Parquet types for MySQL and MariaDB."""
    import pyarrow as pa

    match column.type:
        case "bigint":
            return pa.decimal128(20, 0) if column.unsigned else pa.int64()
        case "int" if column.unsigned:
            return pa.int64()
        case "int" | "mediumint" | "smallint" | "tinyint" | "year":
            return pa.int32()
        case "decimal":
            precision = column.precision or 10
            return pa.decimal128(precision, column.scale or 0) if precision <= 38 else pa.string()
        case "float" | "double":
            return pa.float64()
        case "datetime" | "timestamp":
            return pa.timestamp("us")
        case kind if kind.endswith(("blob", "binary")) or kind in ("bit", "geometry", "point"):
            return pa.binary()
    return pa.string()


def _parquet_files(
    server: MariaDb, database: str, table: str, columns: list[Column]
) -> Iterator[bytes]:
    """A table's rows as Parquet files; one without columns or rows is one empty file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([pa.field(column.name, arrow_type(column)) for column in columns])
    buffer = io.BytesIO()
    with pq.ParquetWriter(buffer, schema, compression="gzip") as writer:
        for rows in _rows(server, database, table, columns):
            arrays = [
                pa.array(map(_converter(field.type), values), field.type)
                for field, values in zip(schema, zip(*rows, strict=True), strict=True)
            ]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
    yield buffer.getvalue()


def _rows(
    server: MariaDb, database: str, table: str, columns: list[Column]
) -> Iterator[list[tuple[Any, ...]]]:
    """Batches of rows; dates and times of day as text."""
    selected = ", ".join(
        f"CAST({_quoted(column.name)} AS CHAR)"
        if column.type in ("date", "time", "json")
        else _quoted(column.name)
        for column in columns
    )
    with server.stream() as cursor:
        # Names are quoted; no value stands in the statement.
        cursor.execute(f"SELECT {selected} FROM {_quoted(database)}.{_quoted(table)}")  # noqa: S608
        while rows := cursor.fetchmany(_BATCH_ROWS):
            yield list(rows)


def _converter(type_: pa.DataType) -> Any:
    import pyarrow as pa

    if pa.types.is_decimal(type_):
        return lambda value: None if value is None else Decimal(value)
    if pa.types.is_string(type_):
        return lambda value: value.decode() if isinstance(value, bytes) else value
    if pa.types.is_timestamp(type_):
        # A zero date is no time.
        return lambda value: None if isinstance(value, str) else value
    return lambda value: value


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, indent=1).encode()
