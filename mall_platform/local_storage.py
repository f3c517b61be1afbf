"""Dagster's storage on a laptop: SQLite that doesn't wait for the disk.

What it holds lives no longer than the local AWS, which keeps everything in memory, so nothing is
gained by flushing each event to the disk; a run over months of partitions is several times faster
without. Named by `deploy/dagster/local.yaml`.
"""

from __future__ import annotations

from typing import Any

from dagster._core.storage.sqlite_storage import DagsterSqliteStorage, SqliteStorageConfig
from dagster._serdes import ConfigurableClassData
from sqlalchemy import event
from sqlalchemy.engine import Engine


class UnflushedSqliteStorage(DagsterSqliteStorage):
    """DagsterSqliteStorage with SQLite's `synchronous` off in every connection of the process."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        never_flush()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(  # type: ignore[override]
        cls, inst_data: ConfigurableClassData, config_value: SqliteStorageConfig
    ) -> UnflushedSqliteStorage:
        return cls.from_local(inst_data=inst_data, **config_value)


def never_flush() -> None:
    """Switches `synchronous` off in every SQLite connection that this process opens from now on."""
    if not event.contains(Engine, "connect", _switch_off):
        event.listen(Engine, "connect", _switch_off)


def _switch_off(connection: Any, record: Any) -> None:
    if type(connection).__module__.startswith("sqlite3"):
        connection.execute("PRAGMA synchronous = OFF")
