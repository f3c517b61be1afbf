"""Dagster's storage on a laptop: SQLite that doesn't wait for the disk and opens a file once.

What it holds lives no longer than the local AWS, which keeps everything in memory, so nothing is
gained by flushing each event to the disk; a run over months of partitions is several times faster
without. Dagster's own classes make an engine of SQLAlchemy's for every connection, with a cache of
compiled statements that is never used again, and make each run's file by migrations: that was
half of what a short run took. Named by `deploy/dagster/local.yaml`.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dagster._core.events import ASSET_EVENTS
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
)
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.sql import create_engine
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage, SqliteStorageConfig
from dagster._serdes import ConfigurableClassData
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import NullPool

_MOST_ENGINES = 8
_EMPTY = "empty_run.sqlite"


class UnflushedSqliteStorage(DagsterSqliteStorage):
    """DagsterSqliteStorage with SQLite's `synchronous` off in every connection of the process."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        never_flush()
        super().__init__(base_dir, inst_data)
        self._run_storage: SqliteRunStorage = _Runs(self._run_storage._conn_string)
        self._event_log_storage: SqliteEventLogStorage = _Events(self._event_log_storage._base_dir)

    @classmethod
    def from_config_value(  # type: ignore[override]
        cls, inst_data: ConfigurableClassData, config_value: SqliteStorageConfig
    ) -> UnflushedSqliteStorage:
        return cls.from_local(inst_data=inst_data, **config_value)


class Engines:
    """SQLAlchemy's engines of SQLite files, by URL; of many files those last used.

    An engine that is forgotten closes its connections.
    """

    def __init__(self) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, url: str) -> Engine:
        with self._lock:
            if url not in self._engines:
                timeout = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}
                self._engines[url] = create_engine(url, connect_args=timeout)
            self._engines.move_to_end(url)
            if len(self._engines) > _MOST_ENGINES:
                self._engines.popitem(last=False)[1].dispose()
            return self._engines[url]

    def forget(self) -> None:
        """Closes all connections, as before the files are removed."""
        with self._lock:
            while self._engines:
                self._engines.popitem()[1].dispose()


class _Runs(SqliteRunStorage):
    def __init__(self, conn_string: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(conn_string, inst_data)
        self._engines = Engines()

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        with self._engines.of(self._conn_string).begin() as connection:
            yield connection

    def dispose(self) -> None:
        self._engines.forget()
        super().dispose()


class _Events(SqliteEventLogStorage):
    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines = Engines()
        super().__init__(base_dir, inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engines.of(self.conn_string_for_shard(shard))
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection

    def _initdb(self, engine: Engine, for_index_shard: bool = False) -> None:
        """A new run's file is a copy of one that holds nothing, if there is one already."""
        path = Path(str(engine.url.database))
        empty = Path(self._base_dir).parent / _EMPTY
        if for_index_shard or path.exists():
            super()._initdb(engine, for_index_shard)
            return
        with TemporaryDirectory(dir=empty.parent) as folder:
            copy = Path(folder) / path.name
            if not empty.exists():
                first = create_engine(f"sqlite:///{copy}", poolclass=NullPool)
                super()._initdb(first)
                copy.replace(empty)
            shutil.copyfile(empty, copy)
            with suppress(FileExistsError):  # by another process, just now
                os.link(copy, path)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Those of many partitions in two transactions, instead of two for each partition.

        Dagster gathers them if `DAGSTER_EVENT_BATCH_SIZE` says so.
        """
        of_assets = [one for one in events if one.dagster_event_type in ASSET_EVENTS]
        if of_assets:
            self._store_asset_events(of_assets)
        for one in events:
            if one.dagster_event_type not in ASSET_EVENTS:
                self.store_event(one)

    def _store_asset_events(self, events: Sequence[EventLogEntry]) -> None:
        """In the run's file and in that of all runs; the last of each asset as its newest."""
        rows = [self._event_to_row(one) for one in events]
        insert = SqlEventLogStorageTable.insert()
        with self.run_connection(events[0].run_id) as connection:
            connection.execute(insert, rows)
        with self.index_transaction() as connection:
            ids = connection.scalars(
                insert.returning(SqlEventLogStorageTable.c.id, sort_by_parameter_order=True), rows
            ).all()
            self._store_asset_event_tags(connection, events, ids)
            last = {one.get_dagster_event().asset_key: at for at, one in enumerate(events)}
            for at in last.values():
                self._store_asset_event(connection, events[at], ids[at])

    def has_table(self, table_name: str) -> bool:
        engine = self._engines.of(self.conn_string_for_shard(INDEX_SHARD_NAME))
        with engine.connect() as connection:
            return bool(engine.dialect.has_table(connection, table_name))

    def wipe(self) -> None:
        self._engines.forget()
        super().wipe()

    def dispose(self) -> None:
        self._engines.forget()
        super().dispose()


def never_flush() -> None:
    """Switches `synchronous` off in every SQLite connection that this process opens from now on."""
    if not event.contains(Engine, "connect", _switch_off):
        event.listen(Engine, "connect", _switch_off)


def _switch_off(connection: Any, record: Any) -> None:
    if type(connection).__module__.startswith("sqlite3"):
        connection.execute("PRAGMA synchronous = OFF")
