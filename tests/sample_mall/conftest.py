"""A MariaDB for the sample mall's tests."""

import getpass
import os
from collections.abc import Iterator
from datetime import date

import polars as pl
import pymysql
import pytest

from mall_platform.local_aws.certificates import Authority
from mall_platform.local_aws.mariadb import MariaDb
from mall_platform.sample_mall.shop import ShopSize, frames


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The Unix socket of a MariaDB as the local AWS runs it; only the session's own.

    Its path may have 107 characters, a temporary folder's more: it goes through /proc.
    """
    home = tmp_path_factory.mktemp("db")
    server = MariaDb(home, home / "s", Authority(home / "ca"))
    server.create()
    server.start({})
    folder = os.open(server.folder / "data", os.O_RDONLY | os.O_DIRECTORY)
    yield f"/proc/self/fd/{folder}/mariadb.sock"
    os.close(folder)
    server.drop()


@pytest.fixture
def connection(mariadb: str) -> Iterator[pymysql.Connection]:
    """A connection that may load local files, to a server without the database `mall`."""
    with pymysql.connect(
        unix_socket=mariadb, user=getpass.getuser(), local_infile=True
    ) as connection:
        connection.cursor().execute("DROP DATABASE IF EXISTS mall")
        yield connection


@pytest.fixture(scope="session")
def sample() -> dict[str, pl.DataFrame]:
    """A shop of the size at which the planted effects must show, table by table."""
    size = ShopSize(20_000, 200_000, 40_000, 2_000, 90, date(2024, 6, 30))
    tables: dict[str, list[pl.DataFrame]] = {}
    for table, rows in frames(size, seed=7):
        tables.setdefault(table, []).append(rows)
    return {table: pl.concat(parts) for table, parts in tables.items()}
