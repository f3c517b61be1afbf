"""Which partitions and bytes the local Athena reads, and that leaving some out is right."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

DAYS = [f"2024-06-{day:02}" for day in range(1, 6)]


@pytest.fixture
def sales(lake: Any) -> Any:
    """`sales(id, yen, note)` by `dt` and `hour`, all of the same size in bytes, 5 days of 2 hours;
    partition 2024-06-05 isn't Parquet, so only queries that leave it out succeed. `days(day, n)`
    isn't partitioned."""
    lake.table("sales", {"id": "bigint", "yen": "bigint", "note": "string"},
               {"dt": "string", "hour": "int"})  # fmt: skip
    for index, day in enumerate(DAYS):
        for hour in (9, 21):
            folder = f"sales/{day}-{hour}"
            lake.partition("sales", [day, str(hour)], folder)
            if day == DAYS[-1]:
                lake.put(f"{folder}/f", "broken")
                continue
            ids = pa.array([index * 100 + hour, index * 100 + hour + 1], pa.int64())
            rows = {"id": ids, "yen": pa.array([hour, 1], pa.int64()), "note": ["a", "b"]}
            lake.parquet(f"{folder}/f", pa.table(rows), compression="none")
    lake.table("days", {"day": "string", "n": "bigint"})
    lake.parquet("days/f", pa.table({"day": DAYS, "n": pa.array(range(5), pa.int64())}))
    return lake


def column_bytes(lake: Any, key: str, *columns: str) -> int:
    import io

    metadata = pq.read_metadata(io.BytesIO(lake.content(key)))
    group = metadata.row_group(0)
    chunks = [group.column(i) for i in range(group.num_columns)]
    return sum(c.total_compressed_size for c in chunks if c.path_in_schema in columns)


@pytest.mark.parametrize(
    ("columns", "query"),
    [
        (["id"], "SELECT id FROM sales WHERE dt = '2024-06-01' AND hour = 9"),
        (["id", "yen"], "SELECT id FROM sales WHERE dt = '2024-06-01' AND hour < 10 AND yen = 1"),
        (["yen"], "SELECT max(yen) FROM sales WHERE dt = '2024-06-01' AND hour = 9"),
        (["id", "yen", "note"], "SELECT * FROM sales WHERE dt = '2024-06-01' AND hour = 9"),
        ([], "SELECT count(*) FROM sales WHERE dt = '2024-06-01' AND hour = 9"),
        ([], "SELECT dt, hour FROM sales WHERE dt = '2024-06-01' AND hour = 9"),
        (["id"], "SELECT x FROM (SELECT id AS x, yen, dt, hour FROM sales) "
                 "WHERE dt = '2024-06-01' AND hour = 9"),
    ],
)  # fmt: skip
def test_a_scan_costs_the_columns_it_needs(sales: Any, columns: list[str], query: str) -> None:
    expected = column_bytes(sales, "sales/2024-06-01-9/f", *columns)
    assert sales.scanned(query) == expected


def test_a_scan_of_two_tables_costs_both(sales: Any) -> None:
    query = "SELECT s.id, d.n FROM sales s JOIN days d ON s.dt = d.day WHERE s.dt = '2024-06-02'"
    hours = [column_bytes(sales, f"sales/2024-06-02-{hour}/f", "id") for hour in (9, 21)]
    assert sales.scanned(query) == sum(hours) + column_bytes(sales, "days/f", "day", "n")


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT count(*) FROM sales WHERE dt < '2024-06-05'", 16),
        ("SELECT count(*) FROM sales WHERE '2024-06-02' >= dt", 8),
        ("SELECT count(*) FROM sales WHERE dt IN ('2024-06-01', '2024-06-03')", 8),
        ("SELECT count(*) FROM sales WHERE dt BETWEEN '2024-06-02' AND '2024-06-03'", 8),
        ("SELECT count(*) FROM sales WHERE dt LIKE '%-02'", 4),
        ("SELECT count(*) FROM sales WHERE CAST(dt AS date) = DATE '2024-06-02'", 4),
        ("SELECT count(*) FROM sales WHERE date(dt) < DATE '2024-06-05' - INTERVAL '3' DAY", 4),
        ("SELECT count(*) FROM sales WHERE (dt = '2024-06-01' OR dt LIKE '%-02') AND yen > 1", 4),
        ("SELECT count(*) FROM sales WHERE NOT dt = '2024-06-05'", 16),
        ("SELECT count(*) FROM sales s WHERE s.dt || '!' = '2024-06-01!' AND hour + 1 = 10", 2),
        ("SELECT count(*) FROM (SELECT * FROM sales) WHERE dt = '2024-06-01'", 4),
        ("SELECT count(*) FROM (SELECT id, dt AS d FROM sales) t(i, d) WHERE d = '2024-06-01'", 4),
        ("WITH s AS (SELECT * FROM sales) SELECT count(*) FROM s WHERE dt = '2024-06-01'", 4),
        ("WITH s(a, b, c, d, e) AS (SELECT * FROM sales) SELECT count(*) FROM s "
         "WHERE d = '2024-06-01'", 4),
        ("WITH a AS (SELECT dt, yen FROM sales), b AS (SELECT dt AS day FROM a) "
         "SELECT count(*) FROM b WHERE day = '2024-06-01'", 4),
        ("SELECT sum(c) FROM (SELECT dt, count(*) AS c FROM sales GROUP BY dt) "
         "WHERE dt = '2024-06-01'", 4),
        ("SELECT sum(c) FROM (SELECT dt AS d, hour, count(*) AS c FROM sales GROUP BY 1, 2) "
         "WHERE d = '2024-06-01'", 4),
        ("SELECT count(*) FROM (SELECT dt FROM sales UNION ALL SELECT day FROM days) "
         "WHERE dt = '2024-06-01'", 5),
        ("SELECT count(*) FROM sales s JOIN days d ON d.day = s.dt AND s.dt < '2024-06-03'", 8),
        ("SELECT count(*) FROM days d LEFT JOIN sales s ON d.day = s.dt AND s.dt < '2024-06-03'",
         11),
        ("SELECT count(*) FROM days d LEFT JOIN sales s ON d.day = s.dt "
         "WHERE s.dt = '2024-06-03'", 4),
        ("SELECT count(*) FROM days d, sales s WHERE d.day = s.dt AND s.dt = '2024-06-03'", 4),
        ("SELECT count(*) FROM days WHERE day IN (SELECT dt FROM sales WHERE dt = '2024-06-03')",
         1),
        ("SELECT n FROM days d WHERE EXISTS (SELECT 1 FROM sales s WHERE s.dt = d.day "
         "AND s.dt = '2024-06-03')", 2),
        ("SELECT count(*) FROM sales a JOIN sales b ON a.id = b.id "
         "WHERE a.dt = '2024-06-01' AND b.dt <= '2024-06-02'", 4),
    ],
)  # fmt: skip
def test_partitions_are_left_out_through_every_shape(sales: Any, query: str, rows: int) -> None:
    """2024-06-05 can't be read: these succeed because it isn't needed."""
    assert sales.rows(query) == [(str(rows),)]


def test_partitions_are_left_out_through_a_view(sales: Any) -> None:
    sales.run("CREATE VIEW recent AS SELECT dt AS day, yen FROM sales WHERE hour = 9")
    assert sales.rows("SELECT sum(yen) FROM recent WHERE day = '2024-06-01'") == [("10",)]


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        # A limit or a window comes before the condition.
        ("SELECT count(*) FROM (SELECT * FROM s ORDER BY dt LIMIT 2) WHERE dt = 'b'", "0"),
        ("SELECT max(c) FROM (SELECT dt, count(*) OVER () AS c FROM s) WHERE dt = 'b'", "4"),
        ("SELECT max(c) FROM (SELECT max(dt) AS dt, count(*) AS c FROM s) WHERE dt = 'b'", "4"),
        # The side that an outer join fills with NULLs.
        ("SELECT count(*) FROM n LEFT JOIN s ON n.k = s.dt WHERE s.dt IS NULL", "1"),
        ("SELECT count(*) FROM n LEFT JOIN s ON n.k = s.dt WHERE coalesce(s.dt, 'b') = 'b'", "3"),
        ("SELECT count(*) FROM s RIGHT JOIN n ON n.k = s.dt WHERE s.dt IS NULL", "1"),
        ("SELECT count(*) FROM s FULL JOIN n ON n.k = s.dt AND s.dt = 'a'", "6"),
        ("SELECT count(*) FROM s LEFT JOIN n ON n.k = s.dt AND s.dt = 'a'", "4"),
        # A common table expression that is read twice.
        ("WITH c AS (SELECT * FROM s) SELECT count(*) FROM c WHERE dt = 'a' "
         "OR dt IN (SELECT dt FROM c WHERE dt = 'b')", "4"),
        ("WITH c AS (SELECT * FROM s) SELECT (SELECT count(*) FROM c WHERE dt = 'a') * 10 "
         "+ (SELECT count(*) FROM c)", "24"),
        # Names that mean something else inside.
        ("SELECT count(*) FROM (SELECT v AS dt FROM s) WHERE dt = 'x'", "2"),
        ("SELECT count(*) FROM (SELECT upper(dt) AS dt FROM s) WHERE dt = 'A'", "2"),
        ("WITH s2 AS (SELECT dt FROM s WHERE dt = 'a') SELECT count(*) FROM s, s2 "
         "WHERE s2.dt = 'a'", "8"),
        ("SELECT count(*) FROM n WHERE NOT EXISTS (SELECT 1 FROM s WHERE s.dt = n.k "
         "AND s.dt = 'a')", "2"),
        ("SELECT count(*) FROM (SELECT dt FROM s EXCEPT SELECT k FROM n WHERE k = 'a') "
         "WHERE dt <> 'c'", "1"),
        ("SELECT count(*) FROM s WHERE dt = 'a' OR v = 'y'", "4"),
        ("SELECT count(*) FROM s WHERE v = 'x' AND dt = upper('a')", "0"),
    ],
)  # fmt: skip
def test_what_may_matter_is_read(lake: Any, query: str, rows: str) -> None:
    """Each would give another answer if its condition were used where it doesn't hold."""
    lake.table("s", {"v": "string"}, {"dt": "string"})
    for day, value in (("a", "x"), ("b", "y")):
        lake.partition("s", [day], f"s/{day}")
        lake.parquet(f"s/{day}/f", pa.table({"v": [value, value]}))
    lake.table("n", {"k": "string"})
    lake.parquet("n/f", pa.table({"k": ["a", "b", "z"]}))
    assert lake.rows(query) == [(rows,)]
