"""Queries on their way: queued, run on a thread pool, each on a DuckDB connection of its own."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from mall_platform.local_aws.athena import dialect, errors, functions
from mall_platform.local_aws.athena.engine_errors import (
    QueryCancelledError,
    ScanLimitError,
    describe,
    from_duckdb,
    reason,
)
from mall_platform.local_aws.athena.engine_run import Outcome, Request, Run, Services
from mall_platform.local_aws.athena.results import MACROS
from mall_platform.local_aws.athena.storage_footers import Footers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mall_platform.local_aws.athena.ddl_statements import Statement

State = Literal["QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"]

CONCURRENT_QUERIES = 8
_MEMORY_LIMIT = "2GB"
_INTERRUPT_EVERY_S = 0.05

log = logging.getLogger("local_aws.athena")


@dataclass
class Query:
    """One query and how it is doing. Times are epoch seconds."""

    request: Request
    statement: Statement
    services: Services
    state: State = "QUEUED"
    submitted_at: float = field(default_factory=time.time)
    started_at: float | None = None
    completed_at: float | None = None
    reason: str | None = None
    error: dict[str, Any] | None = None
    outcome: Outcome | None = None
    scanned_bytes: int = 0
    cancelled: threading.Event = field(default_factory=threading.Event)
    connection: Any = None
    request_details: dict[str, Any] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        return self.state in {"SUCCEEDED", "FAILED", "CANCELLED"}


class Engine:
    """Runs queries. `home` is a folder for what it keeps on disk."""

    def __init__(self, home: Path) -> None:
        self.footers = Footers()
        self.results = home / "results"
        self.results.mkdir(parents=True, exist_ok=True)
        self._pool = ThreadPoolExecutor(CONCURRENT_QUERIES, thread_name_prefix="athena")
        self._connections = _Connections(home / "spill")
        self._lock = threading.Lock()
        self._running: dict[str, Query] = {}

    def warm_up(self) -> None:
        """Does in the background what the first query would have to wait for."""
        self._pool.submit(self._connections.warm_up)

    def submit(self, query: Query) -> None:
        """Queues a query; returns at once."""
        self._pool.submit(self._run, query)

    def stop(self, query: Query, why: str = "Query cancelled by user") -> None:
        """Cancels a query unless it is over."""
        with self._lock:
            if query.is_over:
                return
            query.cancelled.set()
            self._finish(query, "CANCELLED", why)
        self._interrupt(query)

    def _interrupt(self, query: Query) -> None:
        """Interrupts DuckDB until the query has left its connection: an interrupt that comes before
        DuckDB has begun is lost."""
        with self._lock:
            if query.connection is None:
                return
            query.connection.interrupt()
        again = threading.Timer(_INTERRUPT_EVERY_S, self._interrupt, [query])
        again.daemon = True
        again.start()

    def close(self) -> None:
        """Ends the engine: running queries are cancelled, waiting ones never run."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for query in list(self._running.values()):
            self.stop(query)
        self._pool.shutdown(wait=True)
        self._connections.close()

    def forget_results(self) -> None:
        """Deletes the results of all queries."""
        for path in self.results.glob("*.csv"):
            path.unlink(missing_ok=True)

    def _run(self, query: Query) -> None:
        try:
            with self._connections.one() as connection:
                if self._begin(query, connection):
                    self._conclude(query, self._attempt(query, connection))
        except Exception as error:  # nobody waits for this thread: the query's state must tell
            log.exception("query %s failed", query.request.id)
            self._conclude(query, errors.AthenaError(type(error).__name__))

    def _begin(self, query: Query, connection: Any) -> bool:
        with self._lock:
            if query.is_over:
                return False
            query.state, query.started_at = "RUNNING", time.time()
            query.connection = connection
            self._running[query.request.id] = query
            return True

    def _conclude(self, query: Query, error: errors.AthenaError | None) -> None:
        with self._lock:
            query.connection = None
            self._running.pop(query.request.id, None)
            if query.is_over:
                return
            if error is None:
                self._finish(query, "SUCCEEDED", None)
            elif isinstance(error, ScanLimitError | QueryCancelledError):
                self._finish(query, "CANCELLED", reason(error))
            else:
                query.error = describe(error)
                self._finish(query, "FAILED", reason(error))

    def _attempt(self, query: Query, connection: Any) -> errors.AthenaError | None:
        import duckdb

        run = Run(connection, query.services, query.request, query.cancelled)
        try:
            query.outcome = run.run(query.statement)
        except errors.AthenaError as error:
            return error
        except duckdb.InterruptException:
            return QueryCancelledError()
        except duckdb.Error as error:
            return from_duckdb(error)
        finally:
            query.scanned_bytes = run.scanned_bytes
        return None

    def _finish(self, query: Query, state: State, why: str | None) -> None:
        query.state, query.reason, query.completed_at = state, why, time.time()


class _Connections:
    """DuckDB databases in memory with Athena's functions, each used by one query at a time."""

    def __init__(self, spill: Path) -> None:
        self._spill = spill
        self._lock = threading.Lock()
        self._idle: list[Any] = []

    def warm_up(self) -> None:
        import pyarrow.parquet  # noqa: F401 - for its import time

        with self.one() as connection:
            # The first call of a Python function is slow.
            connection.execute(dialect.to_duckdb(dialect.parse("SELECT JSON '1'"), {})).fetchall()

    @contextmanager
    def one(self) -> Iterator[Any]:
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        connection = connection or self._open()
        try:
            yield connection
        finally:
            with self._lock:
                self._idle.append(connection)

    def close(self) -> None:
        with self._lock:
            for connection in self._idle:
                connection.close()
            self._idle = []

    def _open(self) -> Any:
        import duckdb

        connection = duckdb.connect(
            config={"temp_directory": str(self._spill), "memory_limit": _MEMORY_LIMIT}
        )
        functions.install(connection)
        for macro in MACROS:
            connection.execute(macro)
        connection.execute("SET parquet_metadata_cache = true")
        connection.execute("PRAGMA enable_profiling = 'no_output'")
        return connection
