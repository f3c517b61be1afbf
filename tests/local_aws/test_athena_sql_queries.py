"""Queries give what Athena gives: values, result names and types, and its errors (A0)."""

# ruff: noqa: DTZ001  (timestamps without time zone are naive, in Athena too)
from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest
import sqlglot

from mall_platform.local_aws.athena import dialect, functions
from mall_platform.local_aws.athena.errors import AthenaError, NotSupportedError, from_duckdb

COLUMNS = {
    "orders": {
        "id": "bigint",
        "buyer": "varbinary",
        "session": "varbinary",
        "day": "date",
        "at": "timestamp(3)",
        "yen": "bigint",
        "price": "decimal(10,2)",
        "rate": "double",
        "channel": "varchar",
        "tags": "array(varchar)",
        "attrs": "map(varchar, double)",
        "place": "row(city varchar, floor integer)",
    },
    "items": {"id": "bigint", "sku": "varchar", "qty": "integer"},
}
DATA = """
CREATE TABLE orders AS SELECT * FROM (VALUES
  (1::BIGINT, 'k1'::BLOB, 's1'::BLOB, DATE '2024-06-01', TIMESTAMP '2024-06-01 10:30:00',
   1000::BIGINT, 10.50::DECIMAL(10,2), 0.5::DOUBLE, 'LINE', ['a', 'b'], MAP {'x': 1.0::DOUBLE},
   {'city': 'Tokyo', 'floor': 1}),
  (2, NULL, 's2'::BLOB, DATE '2024-06-01', TIMESTAMP '2024-06-01 23:59:59.999',
   -500, 20.25, 1.5, 'TikTok', [], MAP {'y': 2.0}, {'city': 'Osaka', 'floor': NULL}),
  (3, 'k1'::BLOB, 's3'::BLOB, DATE '2024-06-02', TIMESTAMP '2024-06-02 00:00:00',
   300, NULL, NULL, NULL, NULL, NULL, NULL)
) AS t(id, buyer, session, day, "at", yen, price, rate, channel, tags, attrs, place);
CREATE TABLE items AS SELECT * FROM (VALUES
  (1::BIGINT, 'shirt', 2::INTEGER), (1, 'hat', 1), (4, 'coat', 5)) AS t(id, sku, qty);
"""


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        functions.install(opened)
        opened.execute(DATA)
        yield opened


def run(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    translated = dialect.to_duckdb(dialect.parse(sql), COLUMNS)
    try:
        return connection.execute(translated).fetchall()
    except duckdb.Error as error:
        raise from_duckdb(error) from error


def first(connection: duckdb.DuckDBPyConnection, expression: str) -> Any:
    return run(connection, f"SELECT {expression}")[0][0]


EXPRESSIONS = [
    ("1 / 2", 0),
    ("-7 / 2", -3),
    ("7 % -3", 1),
    ("1 / 2e0", 0.5),
    ("1 / 2.0", Decimal("0.5")),
    ("2 / 3.0", Decimal("0.7")),
    ("10.00 / 3", Decimal("3.33")),
    ("-2.0 / 3", Decimal("-0.7")),
    ("0.05 + 1", Decimal("1.05")),
    ("1.5 * 2.25", Decimal("3.375")),
    ("12345678901234567890.5 * 1234567890.5", Decimal("15241578757887518326253619990.25")),
    ("99999999999999999 + 0.1", Decimal("99999999999999999.1")),
    ("1 = 1.0", True),
    ("2 > 1.5", True),
    ("0.1 + 0.2 = 0.3", True),
    ("1e0 / 0", float("inf")),
    ("-(5)", -5),
    ("- 5 + 3", -2),
    ("NULL = NULL", None),
    ("NULL || 'a'", None),
    ("'a' || 'b'", "ab"),
    ("ARRAY[1] || 2", [1, 2]),
    ("0 || ARRAY[1]", [0, 1]),
    ("ARRAY[1] || NULL", None),
    ("NULL IN (1, 2)", None),
    ("3 NOT IN (1, NULL)", None),
    ("1 IN (1, 2.5)", True),
    ("(1, 'a') IN ((1, 'a'), (2, 'b'))", True),
    ("2 BETWEEN 1 AND 3", True),
    ("2 NOT BETWEEN 1 AND 1.5", True),
    ("'a' < 'あ'", True),
    ("'abc' LIKE 'a_c'", True),
    ("'a_c' LIKE 'a\\_c' ESCAPE '\\'", True),
    ("'abc' LIKE 'a\\_c'", False),
    ("'abc' NOT LIKE 'a%'", False),
    ("'abc' NOT LIKE 'x%' ESCAPE '!'", True),
    ("NOT 'abc' LIKE 'a%'", False),
    ("1 IS NULL", False),
    ("1 IS NOT NULL", True),
    ("1 NOT IN (1, 2)", False),
    ("NULL IS DISTINCT FROM 1", True),
    ("1 IS NOT DISTINCT FROM NULL", False),
    ("true AND NULL", None),
    ("false AND NULL", False),
    ("NOT (1 > 2)", True),
    ("CASE WHEN 1 = 2 THEN 'x' END", None),
    ("CASE 3 WHEN 1 THEN 'one' WHEN 3 THEN 'three' ELSE 'x' END", "three"),
    ("CASE WHEN true THEN 1 ELSE 2.5 END", Decimal("1.0")),
    ("IF(1 > 2, 'a')", None),
    ("IF(true, 1, 2)", 1),
    ("ARRAY[1, 2] = ARRAY[1, 2]", True),
    ("ARRAY[]", []),
    ("ARRAY[1, 2.5]", [Decimal("1.0"), Decimal("2.5")]),
    ("DATE '2020-01-01' < TIMESTAMP '2020-01-01 00:00:01'", True),
    ("CAST(ROW(1, 'x') AS row(a integer, b varchar)).b", "x"),
    ("(SELECT max(id) FROM orders)", 3),
    ("(SELECT yen FROM orders WHERE id = 99)", None),
    ("EXISTS (SELECT * FROM orders WHERE yen > 900)", True),
    ("5 = ANY (SELECT qty FROM items)", True),
    ("3 > ALL (SELECT qty FROM items)", False),
    ("X'4142'", b"AB"),
    ("TIMESTAMP '2020-01-02 03:04:05.123456'", datetime(2020, 1, 2, 3, 4, 5, 123456)),
    # casts
    ("CAST(2.5 AS integer)", 3),
    ("CAST(-2.5 AS integer)", -3),
    ("CAST(2.5e0 AS integer)", 3),
    ("CAST(-2.5e0 AS bigint)", -3),
    ("CAST(1.005 AS decimal(3,2))", Decimal("1.01")),
    ("CAST(0.285e0 AS decimal(10,2))", Decimal("0.29")),
    ("CAST('12' AS integer)", 12),
    ("CAST('1e3' AS double)", 1000.0),
    ("CAST(' 1.5 ' AS double)", 1.5),
    ("CAST('Infinity' AS double)", float("inf")),
    ("CAST('1.255' AS decimal(5,2))", Decimal("1.26")),
    ("CAST('t' AS boolean)", True),
    ("CAST(0 AS boolean)", False),
    ("CAST(true AS integer)", 1),
    ("CAST('abc' AS varchar(2))", "ab"),
    ("CAST(1.5e0 AS varchar)", "1.5E0"),
    ("CAST(100e0 AS varchar)", "1.0E2"),
    ("CAST(0.00123e0 AS varchar)", "1.23E-3"),
    ("CAST(CAST(0.1 AS real) AS varchar)", "1.0E-1"),
    ("CAST(1.50 AS varchar)", "1.50"),
    ("CAST(true AS varchar)", "true"),
    ("CAST(DATE '2020-01-02' AS varchar)", "2020-01-02"),
    ("CAST(TIMESTAMP '2020-01-02 03:04:05' AS varchar)", "2020-01-02 03:04:05.000"),
    ("CAST(TIMESTAMP '2020-01-02 03:04 Asia/Tokyo' AS varchar)",
     "2020-01-02 03:04:00.000 Asia/Tokyo"),
    ("CAST('2020-1-2' AS date)", date(2020, 1, 2)),
    ("CAST('2020-01-02 03:04:05.6785' AS timestamp)", datetime(2020, 1, 2, 3, 4, 5, 679000)),
    ("CAST('2020-01-02' AS timestamp)", datetime(2020, 1, 2)),
    ("CAST(TIMESTAMP '2020-01-02 23:59:59' AS date)", date(2020, 1, 2)),
    ("CAST('2020-01-02 03:04:05 +09:00' AS timestamp with time zone)",
     "2020-01-02 03:04:05.000 +09:00"),
    ("CAST(ARRAY['1', '2'] AS array(integer))", [1, 2]),
    ("CAST(MAP(ARRAY['1'], ARRAY[2.5]) AS map(integer, varchar))", {1: "2.5"}),
    ("CAST(map() AS map(varchar, integer))", {}),
    ("CAST(ARRAY[NULL] AS array(varchar))", [None]),
    ("CAST(CAST(0.1 AS real) AS decimal(12,11))", Decimal("0.10000000000")),
    ("TRY_CAST('x' AS integer)", None),
    ("TRY_CAST('2020-02-30' AS date)", None),
    ("TRY_CAST('7' AS integer)", 7),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "value"), EXPRESSIONS, ids=[e for e, _ in EXPRESSIONS])
def test_expression(connection: duckdb.DuckDBPyConnection, expression: str, value: Any) -> None:
    """(A0)"""
    found = first(connection, expression)
    assert found == value
    assert type(found) is type(value)


QUERIES = [
    ("SELECT count(DISTINCT coalesce(buyer, session)) FROM orders", [(2,)]),
    ("SELECT day, sum(yen) FILTER (WHERE yen > 0) FROM orders GROUP BY day ORDER BY day",
     [(date(2024, 6, 1), 1000), (date(2024, 6, 2), 300)]),
    ("SELECT date_trunc('month', at) AS month, count(*) FROM orders GROUP BY 1",
     [(datetime(2024, 6, 1), 3)]),
    ("SELECT channel FROM orders ORDER BY channel", [("LINE",), ("TikTok",), (None,)]),
    ("SELECT channel FROM orders ORDER BY channel DESC", [("TikTok",), ("LINE",), (None,)]),
    ("SELECT channel FROM orders ORDER BY 1 DESC NULLS FIRST LIMIT 1", [(None,)]),
    ("SELECT id AS x FROM orders ORDER BY -x", [(3,), (2,), (1,)]),
    ("SELECT id FROM orders ORDER BY yen OFFSET 1 LIMIT 1", [(3,)]),
    ("SELECT id FROM orders ORDER BY id FETCH FIRST 2 ROWS ONLY", [(1,), (2,)]),
    ("SELECT o.id, i.sku FROM orders o JOIN items i ON o.id = i.id ORDER BY i.sku",
     [(1, "hat"), (1, "shirt")]),
    ("SELECT o.id, i.sku FROM orders AS o LEFT JOIN items AS i ON i.id = o.id AND i.qty > 1 "
     "ORDER BY o.id", [(1, "shirt"), (2, None), (3, None)]),
    ("SELECT id, sku FROM orders FULL JOIN items USING (id) ORDER BY id, sku",
     [(1, "hat"), (1, "shirt"), (2, None), (3, None), (4, "coat")]),
    ("SELECT count(*) FROM orders, items", [(9,)]),
    ("SELECT o.id, t.tag, t.n FROM orders o CROSS JOIN UNNEST(tags) WITH ORDINALITY AS t(tag, n) "
     "ORDER BY 1, 3", [(1, "a", 1), (1, "b", 2)]),
    ("SELECT o.id, t.tag FROM orders o LEFT JOIN UNNEST(tags) AS t(tag) ON TRUE ORDER BY 1, 2",
     [(1, "a"), (1, "b"), (2, None), (3, None)]),
    ("SELECT id, k, v FROM orders CROSS JOIN UNNEST(attrs) AS t(k, v) ORDER BY id",
     [(1, "x", 1.0), (2, "y", 2.0)]),
    ("SELECT * FROM UNNEST(ARRAY[1, 2], ARRAY['a', 'b', 'c']) AS t(n, s) ORDER BY s",
     [(1, "a"), (2, "b"), (None, "c")]),
    ("SELECT n, s FROM UNNEST(ARRAY[ROW(1, 'a'), ROW(2, 'b')]) AS t(n, s) ORDER BY n",
     [(1, "a"), (2, "b")]),
    ("SELECT place.city, o.place.floor FROM orders o WHERE place.floor = 1", [("Tokyo", 1)]),
    ("SELECT orders.place.city FROM orders WHERE id = 2", [("Osaka",)]),
    ("WITH a AS (SELECT id, yen FROM orders), b (k) AS (SELECT sum(yen) FROM a) "
     "SELECT a.id, k FROM a CROSS JOIN b ORDER BY 1", [(1, 800), (2, 800), (3, 800)]),
    ("WITH orders AS (SELECT 7 AS id) SELECT id FROM orders", [(7,)]),
    ("WITH orders AS (SELECT * FROM orders WHERE id = 1) SELECT id FROM orders", [(1,)]),
    (
        "SELECT o.id, x.n FROM orders o CROSS JOIN LATERAL (SELECT o.id + 1 AS n) AS x ORDER BY 1",
        [(1, 2), (2, 3), (3, 4)],
    ),
    ("SELECT 'x', count(*) FROM orders GROUP BY 1", [("x", 3)]),
    ("SELECT channel FROM orders GROUP BY channel ORDER BY count(*) DESC, channel LIMIT 1",
     [("LINE",)]),
    ("SELECT -id AS id FROM orders ORDER BY id", [(-3,), (-2,), (-1,)]),
    ("SELECT * FROM (SELECT o.id, i.id FROM orders o JOIN items i ON o.id = i.id) LIMIT 1",
     [(1, 1)]),
    ("SELECT id FROM orders o WHERE EXISTS (SELECT 1 FROM items i WHERE i.id = o.id)", [(1,)]),
    ("SELECT id FROM orders WHERE id NOT IN (SELECT id FROM items) ORDER BY id", [(2,), (3,)]),
    ("SELECT id, (SELECT count(*) FROM items i WHERE i.id = o.id) FROM orders o ORDER BY 1",
     [(1, 2), (2, 0), (3, 0)]),
    ("SELECT 1 UNION ALL SELECT 1", [(1,), (1,)]),
    ("SELECT 1 UNION SELECT 1.0", [(Decimal("1.0"),)]),
    ("SELECT id FROM orders EXCEPT SELECT id FROM items ORDER BY id", [(2,), (3,)]),
    ("SELECT id FROM orders INTERSECT SELECT id FROM items", [(1,)]),
    ("(SELECT 2 AS a) UNION ALL (SELECT 1 ORDER BY 1 LIMIT 1) ORDER BY a DESC", [(2,), (1,)]),
    ("VALUES (1, 'a'), (2, NULL)", [(1, "a"), (2, None)]),
    ("SELECT * FROM (VALUES 1, 2) AS t(x) WHERE x > 1", [(2,)]),
    ("SELECT s FROM (SELECT 'x' AS s)", [("x",)]),
    ("SELECT DISTINCT day FROM orders ORDER BY day", [(date(2024, 6, 1),), (date(2024, 6, 2),)]),
    ("SELECT channel, day, count(*) FROM orders GROUP BY GROUPING SETS ((channel), (day), ()) "
     "ORDER BY grouping(channel, day), 1, 2",
     [("LINE", None, 1), ("TikTok", None, 1), (None, None, 1), (None, date(2024, 6, 1), 2),
      (None, date(2024, 6, 2), 1), (None, None, 3)]),
    ("SELECT day, channel, count(*) FROM orders GROUP BY day, ROLLUP (channel) HAVING count(*) > 1",
     [(date(2024, 6, 1), None, 2)]),
    ("SELECT count(*) FROM orders GROUP BY CUBE (day) ORDER BY 1", [(1,), (2,), (3,)]),
    ("SELECT count(*) FROM orders HAVING count(*) > 5", []),
    ("SELECT day, sum(sum(yen)) OVER (ORDER BY day) FROM orders GROUP BY day ORDER BY 1",
     [(date(2024, 6, 1), 500), (date(2024, 6, 2), 800)]),
    ("SELECT id, sum(yen) OVER w FROM orders WINDOW w AS (PARTITION BY day ORDER BY id) ORDER BY 1",
     [(1, 1000), (2, 500), (3, 300)]),
    ("SELECT id, avg(yen) OVER (ORDER BY id RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) FROM orders "
     "ORDER BY 1", [(1, 1000.0), (2, 250.0), (3, -100.0)]),
    ("SELECT date_trunc('day', at AT TIME ZONE 'Asia/Tokyo'), count(*) FROM orders "
     "GROUP BY date_trunc('day', at AT TIME ZONE 'Asia/Tokyo') ORDER BY 1",
     [("2024-06-01 00:00:00.000 Asia/Tokyo", 1), ("2024-06-02 00:00:00.000 Asia/Tokyo", 2)]),
    ("SELECT CAST(at AT TIME ZONE 'Asia/Tokyo' AS date) AS d, hour(at AT TIME ZONE 'Asia/Tokyo') "
     "FROM orders ORDER BY id",
     [(date(2024, 6, 1), 19), (date(2024, 6, 2), 8), (date(2024, 6, 2), 9)]),
    ("SELECT id FROM orders WHERE day BETWEEN DATE '2024-06-02' AND DATE '2024-06-30'", [(3,)]),
    ("SELECT sum(yen) / count(*), CAST(sum(yen) AS double) / count(*) FROM orders WHERE id < 3",
     [(250, 250.0)]),
    ("SELECT CASE WHEN count(*) BETWEEN 1 AND 4 THEN NULL ELSE count(*) END FROM orders",
     [(None,)]),
    ("SELECT \"id\" FROM orders WHERE \"channel\" = 'LINE'", [(1,)]),
    ("SELECT Id FROM ORDERS WHERE CHANNEL = 'LINE'", [(1,)]),
    ("SELECT id FROM orders WHERE rate IS NOT NULL AND 1 / (id - 3) < 1 ORDER BY id", [(1,), (2,)]),
    ("TABLE items", None),
]  # fmt: skip
QUERIES.remove(("TABLE items", None))


@pytest.mark.parametrize(("sql", "rows"), QUERIES, ids=[sql for sql, _ in QUERIES])
def test_query(connection: duckdb.DuckDBPyConnection, sql: str, rows: list[tuple]) -> None:
    """(A0)"""
    assert run(connection, sql) == rows


WILSON = """
WITH bands AS (
    SELECT channel, count(*) AS n, sum(count(*)) OVER () AS base FROM orders
    WHERE channel IS NOT NULL GROUP BY channel
)
SELECT channel, CAST(n AS double) / base AS share,
       (CAST(n AS double) / base + power(1.96, 2) / (2 * base)
        - 1.96 * sqrt(CAST(n AS double) / base * (1 - CAST(n AS double) / base) / base
                      + power(1.96, 2) / (4 * power(base, 2)))) / (1 + power(1.96, 2) / base) AS low
FROM bands ORDER BY channel
"""


def test_wilson_interval_is_computed_in_doubles(connection: duckdb.DuckDBPyConnection) -> None:
    """(A0, A1)"""
    rows = run(connection, WILSON)
    assert [row[:2] for row in rows] == [("LINE", 0.5), ("TikTok", 0.5)]
    assert rows[0][2] == pytest.approx(0.09452865480086611, rel=1e-12)


ERRORS = [
    ("SELECT 1 / 0", "DIVISION_BY_ZERO"),
    ("SELECT 1 % (id - 1) FROM orders", "DIVISION_BY_ZERO"),
    ("SELECT 1.0 / 0", "DIVISION_BY_ZERO"),
    ("SELECT 2147483647 + 1", "NUMERIC_VALUE_OUT_OF_RANGE"),
    ("SELECT CAST(300 AS tinyint)", "NUMERIC_VALUE_OUT_OF_RANGE"),
    ("SELECT CAST('1.5' AS integer)", "INVALID_CAST_ARGUMENT"),
    ("SELECT CAST('x' AS double)", "INVALID_CAST_ARGUMENT"),
    ("SELECT CAST('yes' AS boolean)", "INVALID_CAST_ARGUMENT"),
    ("SELECT CAST('2020-01-01T00:00:00' AS timestamp)", "INVALID_CAST_ARGUMENT"),
    ("SELECT CAST('2020-01-01 00:00:00 +09:00' AS timestamp)", "INVALID_CAST_ARGUMENT"),
    ("SELECT CAST(12345 AS varchar(3))", "INVALID_CAST_ARGUMENT"),
    ("SELECT CAST(DATE '2020-01-01' AS integer)", "TYPE_MISMATCH"),
    ("SELECT CAST(1 AS date)", "TYPE_MISMATCH"),
    ("SELECT day AT TIME ZONE 'Asia/Tokyo' FROM orders", "TYPE_MISMATCH"),
    ("SELECT CAST(' 5' AS integer)", "NOT_SUPPORTED"),
    ("SELECT (SELECT id FROM orders)", "SUBQUERY_MULTIPLE_ROWS"),
    ("SELECT id FROM orders WHERE day = '2024-06-01'", "TYPE_MISMATCH"),
    ("SELECT id FROM orders WHERE id = '1'", "TYPE_MISMATCH"),
    ("SELECT id FROM orders WHERE day IN ('2024-06-01')", "TYPE_MISMATCH"),
    ("SELECT id FROM orders WHERE id", "TYPE_MISMATCH"),
    ("SELECT 'a' + 1", "TYPE_MISMATCH"),
    ("SELECT 1 || 'a'", "TYPE_MISMATCH"),
    ("SELECT id LIKE 'a' FROM orders", "TYPE_MISMATCH"),
    ("SELECT CASE WHEN true THEN 1 ELSE 'a' END", "TYPE_MISMATCH"),
    ("SELECT 1 UNION SELECT 'a'", "TYPE_MISMATCH"),
    ("SELECT sum(channel) FROM orders", "FUNCTION_NOT_FOUND"),
    ("SELECT length(id) FROM orders", "FUNCTION_NOT_FOUND"),
    ("SELECT nope FROM orders", "COLUMN_NOT_FOUND"),
    ("SELECT place.nope FROM orders", "COLUMN_NOT_FOUND"),
    ("SELECT o.id FROM orders", "COLUMN_NOT_FOUND"),
    ("SELECT id FROM orders JOIN items ON orders.id = items.id", "AMBIGUOUS_NAME"),
    ("SELECT 1 FROM nowhere", "TABLE_NOT_FOUND"),
    ("SELECT channel AS c, count(*) FROM orders GROUP BY c", "COLUMN_NOT_FOUND"),
    ("SELECT count(*) AS n FROM orders HAVING n > 1", "COLUMN_NOT_FOUND"),
    ("SELECT yen AS y FROM orders WHERE y > 1", "COLUMN_NOT_FOUND"),
    ("SELECT channel, id FROM orders GROUP BY channel", "EXPRESSION_NOT_AGGREGATE"),
    ("SELECT *, count(*) FROM orders", "EXPRESSION_NOT_AGGREGATE"),
    ("SELECT id, count(*) FROM orders", "EXPRESSION_NOT_AGGREGATE"),
    ("SELECT id FROM orders WHERE count(*) > 1", "EXPRESSION_NOT_SCALAR"),
    ("SELECT sum(id) FROM orders GROUP BY sum(id)", "EXPRESSION_NOT_SCALAR"),
    ("SELECT id::varchar FROM orders", "SYNTAX_ERROR"),
    ("SELECT id FROM orders LIMIT 1 OFFSET 1", "SYNTAX_ERROR"),
    ("SELECT `id` FROM orders", "SYNTAX_ERROR"),
    ("SELECT id FROM orders WHERE channel ILIKE 'l%'", "SYNTAX_ERROR"),
    ("SELECT id FROM orders QUALIFY id > 1", "SYNTAX_ERROR"),
    ("SELECT 1; SELECT 2", "SYNTAX_ERROR"),
    ("SELECT listagg(channel, ',') FROM orders", "SYNTAX_ERROR"),
    ("SELECT id FROM orders LIMIT 1, 2", "SYNTAX_ERROR"),
    ("SELECT CAST(id AS string) FROM orders", "SYNTAX_ERROR"),
    ("SELECT CAST(id AS text) FROM orders", "SYNTAX_ERROR"),
    ("SELECT CAST('HELLO: 1' AS bigint)", "INVALID_CAST_ARGUMENT"),
    ("SELECT FROM WHERE", "SYNTAX_ERROR"),
    ("SELECT id FROM orders ORDER BY 9", "SYNTAX_ERROR"),
    ("SELECT (SELECT id, yen FROM orders)", "SYNTAX_ERROR"),
    ("SELECT a FROM (VALUES (1, 2)) AS t(a)", "SYNTAX_ERROR"),
    ("SELECT 1 UNION SELECT 1, 2", "TYPE_MISMATCH"),
]


@pytest.mark.parametrize(("sql", "kind"), ERRORS, ids=[sql for sql, _ in ERRORS])
def test_error(connection: duckdb.DuckDBPyConnection, sql: str, kind: str) -> None:
    """(A0)"""
    with pytest.raises(AthenaError) as failure:
        run(connection, sql)
    assert failure.value.kind == kind
    assert str(failure.value).startswith(f"{kind}: ")


MESSAGES = [
    ("SELECT 1 / 0", "DIVISION_BY_ZERO: Division by zero"),
    ("SELECT CAST('x' AS integer)", "INVALID_CAST_ARGUMENT: Cannot cast 'x' to INT"),
    ("SELECT CAST('x' AS date)", "INVALID_CAST_ARGUMENT: Value cannot be cast to date: x"),
    ("SELECT MAP(ARRAY['a'], ARRAY[1])['b']",
     "INVALID_FUNCTION_ARGUMENT: Key not present in map: b"),
    ("SELECT ARRAY[1][2]",
     "INVALID_FUNCTION_ARGUMENT: Array subscript must be less than or equal to array length: "
     "2 > 1"),
    ("SELECT json_parse('{')",
     "INVALID_FUNCTION_ARGUMENT: Cannot convert value to JSON: '{'"),
    ("SELECT date_parse('x', '%Y')", 'INVALID_FUNCTION_ARGUMENT: Invalid format: "x"'),
    ("SELECT day = 'x' FROM orders", "TYPE_MISMATCH: Cannot apply operator: date = varchar(1)"),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "message"), MESSAGES, ids=[sql for sql, _ in MESSAGES])
def test_error_message(connection: duckdb.DuckDBPyConnection, sql: str, message: str) -> None:
    """(A0)"""
    with pytest.raises(AthenaError) as failure:
        run(connection, sql)
    assert str(failure.value) == message


REFUSED = [
    "SELECT random()",
    "SELECT uuid()",
    "SELECT format('%s', 1)",
    "SELECT ST_Point(1, 2)",
    "SELECT CAST('a' AS char(3))",
    "SELECT DECIMAL '1.5'",
    "SELECT * FROM orders TABLESAMPLE BERNOULLI (10)",
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT n FROM t",
    "SELECT * FROM orders FETCH FIRST 1 ROWS WITH TIES",
    "SELECT current_timestamp(6)",
    "SELECT INTERVAL '1' DAY / 2",
    "SELECT ROW(1, NULL) < ROW(1, 2)",
    "SELECT place = place FROM orders",
    "SELECT DISTINCT from_iso8601_timestamp(channel) FROM orders",
    "SELECT max(from_iso8601_timestamp(channel)) FROM orders",
    "SELECT count(*) FROM orders GROUP BY attrs",
    "SELECT date_format(at, channel) FROM orders",
    "SELECT json_extract(channel, channel) FROM orders",
    "SELECT date_parse(channel, '%m-%d') FROM orders",
    "SELECT date_parse(channel, '%h:%i') FROM orders",
    "SELECT count(DISTINCT id, yen) FROM orders",
    "SELECT sum(yen) OVER (ORDER BY channel RANGE 1 PRECEDING) FROM orders",
    "SELECT ARRAY[current_timestamp]",
    "SELECT id FROM orders MATCH_RECOGNIZE (PATTERN (a) DEFINE a AS true)",
    "SELECT * FROM orders PIVOT (sum(yen) FOR channel IN ('LINE'))",
]


@pytest.mark.parametrize("sql", REFUSED)
def test_what_is_not_exact_is_refused(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """(A0)"""
    with pytest.raises(AthenaError) as failure:
        run(connection, sql)
    assert isinstance(failure.value, NotSupportedError) or failure.value.kind in (
        "SYNTAX_ERROR", "FUNCTION_NOT_FOUND", "TYPE_MISMATCH",
    )  # fmt: skip


def test_nulls_in_compared_arrays_are_refused_when_met(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    """(A0)"""
    with pytest.raises(AthenaError, match="NOT_SUPPORTED"):
        run(connection, "SELECT ARRAY[1, NULL] = ARRAY[1, 2]")


NAMES = [
    ("SELECT 1, id AS Foo, yen + 1, o.channel FROM orders o",
     [("_col0", "integer"), ("Foo", "bigint"), ("_col2", "bigint"), ("channel", "varchar")]),
    ("SELECT * FROM items", [("id", "bigint"), ("sku", "varchar"), ("qty", "integer")]),
    ("SELECT avg(price), sum(price), avg(yen), count(*) FROM orders",
     [("_col0", "decimal(10,2)"), ("_col1", "decimal(38,2)"), ("_col2", "double"),
      ("_col3", "bigint")]),
    ("SELECT price * 2, price / 3, price + 1, 1.5e0 FROM orders",
     [("_col0", "decimal(20,2)"), ("_col1", "decimal(10,2)"), ("_col2", "decimal(13,2)"),
      ("_col3", "double")]),
    ("SELECT at AT TIME ZONE 'Asia/Tokyo' AS t, at - at, tags, attrs, place, buyer FROM orders",
     [("t", "timestamp(3) with time zone"), ("_col1", "interval day to second"),
      ("tags", "array(varchar)"), ("attrs", "map(varchar, double)"),
      ("place", "row(city varchar, floor integer)"), ("buyer", "varbinary")]),
    ("SELECT place.city, NULL FROM orders", [("city", "varchar"), ("_col1", "unknown")]),
    ("SELECT id, id FROM items", [("id", "bigint"), ("id", "bigint")]),
    ("VALUES 1", [("_col0", "integer")]),
    ("SELECT 1 AS a UNION SELECT 2.5", [("a", "decimal(11,1)")]),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "columns"), NAMES, ids=[sql for sql, _ in NAMES])
def test_result_names_and_types(sql: str, columns: list[tuple[str, str]]) -> None:
    """(A0)"""
    assert dialect.result_types(dialect.parse(sql), COLUMNS) == columns


def test_duckdb_returns_the_types_that_are_announced(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    """(A0)"""
    from mall_platform.local_aws.athena import types

    for sql, columns in NAMES:
        translated = dialect.to_duckdb(dialect.parse(sql), COLUMNS)
        found = connection.execute(translated).description
        for (_, kind), (_, duckdb_type, *_rest) in zip(columns, found, strict=True):
            if not any(word in kind for word in ("zone", "interval", "unknown")):
                assert str(duckdb_type).replace('"', "") == types.to_duckdb(kind).replace('"', "")


def test_tree_of_another_dialect_is_read_again(connection: duckdb.DuckDBPyConnection) -> None:
    """(A0)"""
    tree = sqlglot.parse_one("SELECT date_trunc('month', day), count(*) FROM orders GROUP BY 1",
                             dialect="athena")  # fmt: skip
    rows = connection.execute(dialect.to_duckdb(tree, COLUMNS)).fetchall()
    assert rows == [(date(2024, 6, 1), 3)]


def test_long_chain_of_operators_translates(connection: duckdb.DuckDBPyConnection) -> None:
    """(A0)"""
    sql = " OR ".join(f"id = {number}" for number in range(300))
    assert run(connection, f"SELECT count(*) FROM orders WHERE {sql}") == [(3,)]
