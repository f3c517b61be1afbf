"""Rows of MySQL's binary protocol are what PyMySQL reads of the same table, whatever they hold."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pymysql
import pytest

from resources import mysql_rows
from resources.mysql_rows import Field, Packets, UndecodableError, decode

COLUMNS = {
    "t": "TINYINT",
    "ut": "TINYINT UNSIGNED",
    "s": "SMALLINT",
    "m": "MEDIUMINT",
    "um": "MEDIUMINT UNSIGNED NOT NULL",
    "i": "INT",
    "ui": "INT UNSIGNED",
    "b": "BIGINT NOT NULL",
    "ub": "BIGINT UNSIGNED",
    "d": "DATE",
    "dt": "DATETIME(6)",
    "ts": "TIMESTAMP NULL",
    "c": "CHAR(3)",
    "v": "VARCHAR(300)",
    "x": "MEDIUMTEXT",
}
TEXTS = ["", "a", "x" * 250, "y" * 251, "服" * 90, "🍣𠮷" * 60]
INSTANTS = [
    datetime(1, 1, 1),  # noqa: DTZ001
    datetime(1999, 12, 31, 23, 59, 59, 999_999),  # noqa: DTZ001
    datetime(2024, 2, 29),  # noqa: DTZ001
    datetime(2024, 6, 1, 12, 30),  # noqa: DTZ001
    datetime(9999, 12, 31, 0, 0, 0, 1),  # noqa: DTZ001
]


def row(chance: random.Random, number: int) -> tuple[Any, ...]:
    def or_null(value: Any) -> Any:
        return None if chance.random() < 0.3 else value

    def of(bits: int, *, unsigned: bool = False) -> int:
        low = 0 if unsigned else -(2 ** (bits - 1))
        return chance.choice([low, low + 2**bits - 1, chance.randrange(low, low + 2**bits)])

    day = date(1000, 1, 1) + timedelta(days=chance.randrange(3_000_000))
    return (
        or_null(of(8)),
        or_null(of(8, unsigned=True)),
        or_null(of(16)),
        or_null(of(24)),
        of(24, unsigned=True),
        or_null(of(32)),
        or_null(of(32, unsigned=True)),
        of(64),
        or_null(of(64, unsigned=True)),
        or_null(day),
        or_null(chance.choice(INSTANTS)),
        or_null(datetime(2001, 9, 9, 1, 46, chance.randrange(60))),  # noqa: DTZ001
        or_null(chance.choice(["", "a", "服", "abc"])),
        or_null(chance.choice(TEXTS)),
        or_null("z" * 70_000 if number == 50 else chance.choice(TEXTS)),
    )


@pytest.mark.parametrize("frame_bytes", [2000, 4 * 2**20], ids=["many frames", "one frame"])
def test_all_types_are_read_as_pymysql_reads_them(
    shop: pymysql.Connection, frame_bytes: int
) -> None:
    """Also numbers at their bounds, NULL in any of 15 columns and texts of all kinds of sizes."""
    chance = random.Random(1)
    marks = ", ".join(["%s"] * len(COLUMNS))
    with shop.cursor() as cursor:
        cursor.execute(f"CREATE TABLE t ({', '.join(f'{n} {t}' for n, t in COLUMNS.items())})")
        cursor.executemany(f"INSERT INTO t VALUES ({marks})", [row(chance, n) for n in range(300)])
        cursor.execute("SELECT * FROM t")
        expected = cursor.fetchall()
    frames = list(mysql_rows.read(shop, "SELECT * FROM t", frame_bytes))
    found = pl.concat(frames)
    assert (len(frames) > 1) == (frame_bytes == 2000)
    assert found.rows() == list(expected)
    assert found.columns == list(COLUMNS)
    assert found.schema["ub"] == pl.UInt64 and found.schema["m"] == pl.Int32


def test_short_rows_are_read_like_others(shop: pymysql.Connection) -> None:
    """Those whose types say that none has 256 bytes, in more than 256 packets and one buffer."""
    sql = "SELECT seq AS n, IF(seq % 3, seq * 1000000007, NULL) AS m FROM seq_1_to_3000"
    found = pl.concat(mysql_rows.read(shop, sql, 1000))
    assert found.rows() == [(n, n * 1_000_000_007 if n % 3 else None) for n in range(1, 3001)]


def test_dates_that_do_not_exist_are_null(shop: pymysql.Connection) -> None:
    days = [
        "0000-00-00",
        "0000-05-01",
        "1980-00-00",
        "1980-05-00",
        "2023-02-29",
        "2024-02-29",
        "2024-04-31",
    ]
    with shop.cursor() as cursor:
        cursor.execute("SET SESSION sql_mode = 'ALLOW_INVALID_DATES'")
        cursor.execute("CREATE TABLE t (d DATE, i DATETIME)")
        cursor.executemany("INSERT INTO t VALUES (%s, %s)", [(day, f"{day} 01:00") for day in days])
    found = pl.concat(mysql_rows.read(shop, "SELECT * FROM t"))
    assert found["d"].to_list() == [None] * 5 + [date(2024, 2, 29), None]
    assert found["i"].is_null().to_list() == [True] * 5 + [False, True]


def test_an_error_behind_rows_is_raised(shop: pymysql.Connection) -> None:
    two_rows = "SELECT CAST(seq AS SIGNED) UNION SELECT CAST(IF(seq < 500, seq, 0) AS SIGNED)"
    sql = f"SELECT CAST(seq AS SIGNED) AS n, ({two_rows}) AS m FROM seq_1_to_1000"
    frames = mysql_rows.read(shop, sql)
    with pytest.raises(pymysql.err.MySQLError, match="1242"):
        pl.concat(frames)


@pytest.mark.parametrize("sql", ["SELECT 1.5 AS n", "SELECT x'00ff' AS n", "SELECT 1e0 AS n"])
def test_other_types_are_refused_by_the_columns_name(shop: pymysql.Connection, sql: str) -> None:
    with pytest.raises(UndecodableError, match="The column n is of MySQL's type"):
        list(mysql_rows.read(shop, sql))


def packets(*rows: bytes) -> Packets:
    data = b"".join(len(row).to_bytes(3, "little") + b"\0" + row for row in rows)
    sizes = np.array([len(row) for row in rows])
    ends = np.cumsum(sizes + 4)
    return Packets(np.frombuffer(data + bytes(16), np.uint8), ends - sizes, ends)


@pytest.mark.parametrize(
    "cells",
    [b"\x05Taro", b"\x03Taro", b"\xfc\xff\xffTaro", b"\xfeTaro", b"\x04\xff\xfe\xfd\xfc"],
    ids=["cut off", "too long", "longer than all", "of no size", "not UTF-8"],
)
def test_a_broken_text_is_refused_and_not_quoted(cells: bytes) -> None:
    fields = [Field("name", 253, True, False, 100)]
    with pytest.raises(UndecodableError) as error:
        decode(fields, packets(b"\0\0" + cells))
    assert "Taro" not in str(error.value)
    assert error.value.__context__ is None or error.value.__suppress_context__
