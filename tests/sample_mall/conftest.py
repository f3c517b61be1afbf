"""A MariaDB for the sample mall's tests."""

import getpass
import socket
from collections.abc import Iterator

import pymysql
import pytest

from mall_platform.local_aws.certificates import Authority
from mall_platform.local_aws.mariadb import MariaDb


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The Unix socket of a MariaDB as the local AWS runs it; only the session's own."""
    home = tmp_path_factory.mktemp("db")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = MariaDb(home, home / "s", port, Authority(home / "ca"))
    server.create()
    server.start({})
    yield str(server.folder / "data/mariadb.sock")
    server.drop()


@pytest.fixture
def connection(mariadb: str) -> Iterator[pymysql.Connection]:
    """A connection that may load local files, to a server without the database `mall`."""
    with pymysql.connect(
        unix_socket=mariadb, user=getpass.getuser(), local_infile=True
    ) as connection:
        connection.cursor().execute("DROP DATABASE IF EXISTS mall")
        yield connection
