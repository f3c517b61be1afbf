"""How rows get into the shop's database fast: LOAD DATA LOCAL INFILE, one batch at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import polars as pl
import pymysql

_T = TypeVar("_T")
_END = object()
_REFUSED = {1148, 2068, 3948, 3950, 4166}
"""Servers' and clients' codes for LOAD DATA LOCAL that isn't allowed."""


class LocalInfileError(Exception):
    """The connection or its server doesn't allow LOAD DATA LOCAL INFILE."""

    def __init__(self) -> None:
        super().__init__(
            "LOAD DATA LOCAL INFILE is off. Connect with pymysql.connect(local_infile=True) to a "
            "server whose parameter local_infile is ON."
        )


class LoadError(Exception):
    """The database took fewer rows than it was given, or altered some."""


def load(connection: pymysql.Connection, table: str, rows: pl.DataFrame, folder: Path) -> None:
    """Adds rows to a table whose columns have the frame's names; uncommitted.

    `folder` holds the batch meanwhile. Raises LocalInfileError, or LoadError when a row was left
    out or changed, which LOAD DATA LOCAL reports as mere warnings.
    """
    batch = folder / f"{table}.csv"
    rows.write_csv(
        batch, include_header=False, null_value="NULL", datetime_format="%Y-%m-%d %H:%M:%S%.6f"
    )
    columns = ", ".join(rows.columns)
    statement = (
        f"LOAD DATA LOCAL INFILE %s INTO TABLE {table} CHARACTER SET utf8mb4 "
        "FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY '' "
        f"LINES TERMINATED BY '\\n' ({columns})"
    )
    with connection.cursor() as cursor:
        try:
            loaded = cursor.execute(statement, (str(batch),))
        except pymysql.err.MySQLError as error:
            if error.args and error.args[0] in _REFUSED:
                raise LocalInfileError from error
            raise
        except RuntimeError as error:
            raise LocalInfileError from error
        if loaded != len(rows) or cursor.warning_count:
            raise LoadError(
                f"{table}: {loaded} of {len(rows)} rows loaded, {cursor.warning_count} warnings"
            )


def prefetched(items: Iterable[_T]) -> Iterator[_T]:
    """The same items, the next one being made in a thread while the caller uses this one."""
    source = iter(items)
    with ThreadPoolExecutor(1) as thread:
        upcoming = thread.submit(next, source, _END)
        while (item := upcoming.result()) is not _END:
            upcoming = thread.submit(next, source, _END)
            yield item  # type: ignore[misc]
