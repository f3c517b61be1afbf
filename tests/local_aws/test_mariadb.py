"""A private MariaDB: what the RDS API alone can't show."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from mall_platform.local_aws.certificates import Authority
from mall_platform.local_aws.mariadb import MariaDb, MariaDbError


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MariaDb]:
    # A Unix socket's path may have 107 characters: the home's has more.
    home = tmp_path / ("long-" * 25)
    server = MariaDb(home, home / "db", Authority(home))
    server.create()
    yield server
    server.drop()


def test_a_port_that_is_taken_is_replaced_at_the_first_start(server: MariaDb) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", server.port))
        taken.listen()
        wanted = server.port
        server.start_first({})
    assert server.port != wanted
    with server.administrator() as cursor:
        cursor.execute("SELECT @@port")
        assert cursor.fetchone() == (server.port,)


def test_options_that_mariadb_does_not_know_are_ignored_and_bad_values_are_said(
    server: MariaDb,
) -> None:
    server.start({"no_such_option": "1", "max_connections": "33"})
    with server.administrator() as cursor:
        cursor.execute("SELECT @@max_connections")
        assert cursor.fetchone() == (33,)
    server.shut_down()
    with pytest.raises(MariaDbError, match=r"(?i)collation"):
        server.start({"collation_server": "no_such_collation"})
    assert not server.running


def test_a_copy_taken_while_it_writes_is_whole(server: MariaDb, tmp_path: Path) -> None:
    server.start({})
    with server.administrator() as cursor:
        cursor.execute("CREATE DATABASE d")
        cursor.execute("CREATE TABLE d.t (id INT PRIMARY KEY, filler VARCHAR(2000))")
        cursor.executemany(
            "INSERT INTO d.t VALUES (%s, %s)", [(n, "x" * 2000) for n in range(3000)]
        )
        server.copy_to(tmp_path / "copy")
        cursor.execute("DELETE FROM d.t")
    server.kill()
    restored = MariaDb(tmp_path, tmp_path / "restored", Authority(tmp_path))
    restored.create(tmp_path / "copy")
    try:
        restored.start({})
        with restored.administrator() as cursor:
            cursor.execute("SELECT COUNT(*), SUM(id) FROM d.t")
            assert cursor.fetchone() == (3000, 3000 * 2999 // 2)
    finally:
        restored.drop()
