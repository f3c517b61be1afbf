"""The shop's database is read whole, safely and with errors that say whether to try again (E1)."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pymysql
import pytest

from resources.aws import MissingInfrastructureError
from resources.secrets import Secrets, UnusableSecretError
from resources.shop_db import ShopDatabase, ShopDatabaseError, TransientDatabaseError


@pytest.fixture
def shop_db(platform: dict[str, Any]) -> ShopDatabase:
    return platform["shop_db"]


def variant(shop_db: ShopDatabase, **changes: Any) -> ShopDatabase:
    fields = {name: getattr(shop_db, name) for name in type(shop_db).model_fields}
    return ShopDatabase(**{**fields, **changes})


def read(shop_db: ShopDatabase, sql: str, **options: Any) -> pl.DataFrame:
    return pl.concat(shop_db.read(sql, **options))


def own_address(shop_db: ShopDatabase) -> dict[str, Any]:
    rds = shop_db.aws.client("rds")
    name = shop_db.instance or shop_db.aws.names.shop_database
    instance = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
    return {
        "host": instance["Endpoint"]["Address"],
        "port": instance["Endpoint"]["Port"],
        "secret_id": instance["MasterUserSecret"]["SecretArn"],
    }


def test_columns_come_with_their_types_in_order(
    shop_db: ShopDatabase, shop: pymysql.Connection
) -> None:
    with shop.cursor() as cursor:
        cursor.execute("CREATE TABLE t (b INT UNSIGNED, a TINYINT(1), d DATETIME(6), v VARCHAR(9))")
    assert list(shop_db.columns("t").items()) == [
        ("b", "int unsigned"),
        ("a", "tinyint"),
        ("d", "datetime"),
        ("v", "varchar"),
    ]
    with pytest.raises(ShopDatabaseError, match="no_such_table"):
        shop_db.columns("no_such_table")


def test_rows_stream_in_batches_with_their_values_unchanged(
    shop_db: ShopDatabase, shop: pymysql.Connection
) -> None:
    """Also 4-byte characters, NULL and microseconds."""
    with shop.cursor() as cursor:
        cursor.execute("CREATE TABLE t (n BIGINT, v TEXT, d DATETIME(6)) CHARSET utf8mb4")
        cursor.executemany(
            "INSERT INTO t VALUES (%s, %s, %s)",
            [(n, "𠮷野家🍣" if n % 2 else None, "2024-06-01 12:00:00.000001") for n in range(2500)],
        )
    frames = list(shop_db.read("SELECT * FROM t ORDER BY n", frame_bytes=10_000))
    assert len(frames) > 3
    frame = pl.concat(frames)
    assert frame["n"].to_list() == list(range(2500))
    assert frame["v"].to_list()[:2] == [None, "𠮷野家🍣"]
    assert frame["d"][0] == datetime(2024, 6, 1, 12, 0, 0, 1)  # noqa: DTZ001


def test_the_clock_is_the_servers_in_utc(shop_db: ShopDatabase) -> None:
    assert abs(shop_db.clock() - datetime.now(UTC)) < timedelta(seconds=30)


def test_every_connection_uses_tls(shop_db: ShopDatabase) -> None:
    (row,) = shop_db.query("SHOW STATUS LIKE 'Ssl_version'")
    assert row[1].startswith("TLS")
    stream = read(shop_db, "SHOW STATUS LIKE 'Ssl_version'")
    assert stream.row(0)[1].startswith("TLS")


def test_a_server_of_another_authority_is_refused(shop_db: ShopDatabase, tmp_path: Path) -> None:
    with pytest.raises(ShopDatabaseError, match="can't prove") as error:
        variant(shop_db, ca_file=None).connect()
    assert not isinstance(error.value, TransientDatabaseError)
    with pytest.raises(ShopDatabaseError, match="does not exist"):
        variant(shop_db, ca_file=str(tmp_path / "none.pem")).connect()


def test_a_file_without_certificates_is_named(shop_db: ShopDatabase, tmp_path: Path) -> None:
    odd = tmp_path / "ca.pem"
    odd.write_text("no certificate")
    with pytest.raises(ShopDatabaseError, match=f"MALL_DB_CA_FILE names {odd}"):
        variant(shop_db, ca_file=str(odd)).connect()


def test_a_missing_schema_names_the_setting(shop_db: ShopDatabase) -> None:
    with pytest.raises(ShopDatabaseError, match="no schema elsewhere"):
        variant(shop_db, database="elsewhere").connect()


def test_a_server_of_another_name_is_refused(
    shop_db: ShopDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = own_address(shop_db)
    resolve = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda _host, *rest, **more: resolve(address["host"], *rest, **more)
    )
    with pytest.raises(ShopDatabaseError, match="can't prove"):
        variant(shop_db, **{**address, "host": "db.example.com"}).connect()


def test_an_unreachable_server_is_a_transient_error_at_once(shop_db: ShopDatabase) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        away = variant(shop_db, **{**own_address(shop_db), "port": taken.getsockname()[1]})
        with pytest.raises(TransientDatabaseError, match="2003"):
            next(iter(away.read("SELECT 1")))


class Outdated(Secrets):
    """Secrets Manager in the middle of a rotation: the first read gives the old password."""

    reads: list[str]

    def json(self, secret_id: str, *, asset: str = "") -> dict[str, Any]:
        self.reads.append(secret_id)
        secret = super().json(secret_id, asset=asset)
        return {**secret, "password": "old"} if len(self.reads) == 1 else secret


def test_a_refused_password_is_read_once_more(shop_db: ShopDatabase) -> None:
    secrets = Outdated(aws=shop_db.aws, reads=[])
    variant(shop_db, secrets=secrets).connect().close()
    assert len(secrets.reads) == 2


class Wrong(Secrets):
    """A secret that doesn't open the database."""

    def json(self, secret_id: str, *, asset: str = "") -> dict[str, Any]:
        return {"username": "admin", "password": "hunter2-wrong"}


def test_a_wrong_password_fails_for_good_and_is_not_quoted(shop_db: ShopDatabase) -> None:
    with pytest.raises(ShopDatabaseError, match="refuses the login") as error:
        variant(shop_db, secrets=Wrong(aws=shop_db.aws)).connect()
    assert not isinstance(error.value, TransientDatabaseError)
    assert "hunter2" not in str(error.getrepr(style="long", showlocals=False))


def test_a_password_rotated_between_runs_is_used(shop_db: ShopDatabase) -> None:
    read(shop_db, "SELECT 1 AS one")
    secret_id = own_address(shop_db)["secret_id"]
    before = shop_db.secrets.json(secret_id)["password"]
    shop_db.aws.client("rds").modify_db_instance(
        DBInstanceIdentifier=shop_db.instance,
        RotateMasterUserPassword=True,
        ApplyImmediately=True,
    )
    assert shop_db.secrets.json(secret_id)["password"] != before
    assert read(shop_db, "SELECT 1 AS one").height == 1


def test_a_database_outside_rds_is_reached_by_host_and_secret(shop_db: ShopDatabase) -> None:
    outside = variant(shop_db, instance="not-in-rds", **own_address(shop_db))
    assert read(outside, "SELECT 7 AS seven")["seven"].to_list() == [7]
    with pytest.raises(ShopDatabaseError, match="MALL_DB_SECRET_ID"):
        variant(outside, secret_id=None).connect()


def test_a_missing_instance_names_the_asset_to_materialize(shop_db: ShopDatabase) -> None:
    with pytest.raises(MissingInfrastructureError, match="infra/database/shop_database"):
        variant(shop_db, instance="no-such-instance").connect()


class Incomplete(Secrets):
    """A secret without a password."""

    def json(self, secret_id: str, *, asset: str = "") -> dict[str, Any]:
        return {"username": "admin"}


def test_an_incomplete_secret_is_said_to_be(shop_db: ShopDatabase) -> None:
    with pytest.raises(UnusableSecretError, match="password"):
        variant(shop_db, secrets=Incomplete(aws=shop_db.aws)).connect()


@pytest.fixture
def many_rows(shop: pymysql.Connection) -> Iterator[pymysql.Connection]:
    with shop.cursor() as cursor:
        cursor.execute("CREATE TABLE many (n BIGINT, filler CHAR(200))")
        cursor.execute("INSERT INTO many VALUES " + ", ".join(["(1, REPEAT('x', 200))"] * 1000))
        for _ in range(8):
            cursor.execute("INSERT INTO many SELECT * FROM many")
    yield shop


def test_a_connection_cut_in_mid_stream_is_a_transient_error(
    shop_db: ShopDatabase, many_rows: pymysql.Connection
) -> None:
    """What was read by then is no result."""
    batches = shop_db.read("SELECT * FROM many", frame_bytes=10_000)
    next(batches)
    with many_rows.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT * FROM many%'"
        )
        ((thread,),) = cursor.fetchall()
        cursor.execute(f"KILL {thread}")
    with pytest.raises(TransientDatabaseError):
        for _ in batches:
            pass


def test_two_reads_at_once_do_not_mix(shop_db: ShopDatabase, many_rows: pymysql.Connection) -> None:
    one, two = (shop_db.read("SELECT n FROM many", frame_bytes=10_000) for _ in range(2))
    assert sum(frame.height for pair in zip(one, two, strict=True) for frame in pair) == 512_000


def test_a_read_that_is_given_up_leaves_no_lock(
    shop_db: ShopDatabase, many_rows: pymysql.Connection
) -> None:
    frames = shop_db.read("SELECT * FROM many", frame_bytes=10_000)
    next(frames)
    frames.close()
    with many_rows.cursor() as cursor:
        cursor.execute("DROP TABLE many")


@pytest.mark.parametrize("rows", [0, 1, 70_000])
def test_the_server_says_how_many_rows_it_found(
    shop_db: ShopDatabase, shop: pymysql.Connection, rows: int
) -> None:
    """Of the statement's own snapshot: also when rows go meanwhile (Q1)."""
    said: list[int] = []
    with shop.cursor() as cursor:
        cursor.execute("CREATE TABLE t (n INT, filler CHAR(100))")
        cursor.execute(f"INSERT INTO t SELECT seq, 'x' FROM seq_1_to_70000 WHERE seq <= {rows}")
        frames = shop_db.read("SELECT * FROM t", frame_bytes=10_000, counted=said.append)
        first = next(frames)
        cursor.execute("DELETE FROM t")
        assert not said
        assert first.height + sum(frame.height for frame in frames) == rows
    assert said == [rows]


def test_a_statement_without_rows_gives_its_columns(shop_db: ShopDatabase) -> None:
    (frame,) = shop_db.read("SELECT 1 AS n, 'text' AS t FROM DUAL WHERE FALSE")
    assert frame.schema == {"n": pl.Int32, "t": pl.String}
    assert frame.is_empty()


def test_a_cell_that_cannot_be_decoded_is_an_error_that_does_not_quote_it(
    shop_db: ShopDatabase, shop: pymysql.Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    with shop.cursor() as cursor:
        cursor.execute("CREATE TABLE t (t TIME)")
        cursor.execute("INSERT INTO t VALUES ('838:59:59')")
    with pytest.raises(ShopDatabaseError, match="can't be read: The column t") as error:
        read(shop_db, "SELECT * FROM t")
    out, err = capfd.readouterr()
    assert "838" not in str(error.value) + out + err


def test_a_refused_statement_fails_for_good_with_the_servers_code(shop_db: ShopDatabase) -> None:
    with pytest.raises(ShopDatabaseError, match="1146") as error:
        read(shop_db, "SELECT * FROM no_such_table")
    assert not isinstance(error.value, TransientDatabaseError)
