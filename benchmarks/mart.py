"""A mart's query over the purchases: through the local Athena, and by DuckDB on the same files."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.contest import Contestant, Runs, run
from benchmarks.contestant import Prepared
from benchmarks.files import emptied
from benchmarks.mall import BenchMall
from benchmarks.platform import published_files
from benchmarks.row import Figure, Row
from resources.settings import PROJECT_ROOT

_TABLES = ("purchases", "products", "categories")
_AGAIN = 5
_MOST_S = 0.4


def _sql() -> str:
    """Sales by age band and category (A3), which both engines take as it is."""
    name = "sales_by_age_band_and_category.sql"
    return (PROJECT_ROOT / "data_assets/marts/sql" / name).read_text("utf-8")


def ours() -> Prepared:
    """The query through Athena's API, its rows as a frame."""
    import awswrangler  # noqa: F401

    from mall_platform.environment import build_resources
    from resources.settings import load_settings

    athena, sql = build_resources(load_settings())["athena"], _sql()
    athena.query("SELECT 1")
    return _timed(lambda: athena.query(sql).frame)


def duckdb(folder: str) -> Prepared:
    """The query on local copies of the files that Athena reads, its rows as a frame."""
    import duckdb as engine
    import pandas  # noqa: F401

    sql = _sql()
    connections: list[Any] = []

    def connection() -> Any:
        if not connections:
            connections.append(engine.connect())
            for table in _TABLES:
                connections[0].execute(
                    f"CREATE VIEW {table} AS FROM read_parquet('{folder}/{table}/**/*.parquet',"
                    f" hive_types_autocast = false)"
                )
        return connections[0]

    return _timed(lambda: connection().sql(sql).df())


def _timed(query: Callable[[], Any]) -> Prepared:
    """The first time a query runs, and the median of further times, in seconds."""
    took: list[float] = []
    sizes: set[int] = set()

    def work() -> None:
        for _ in range(1 + _AGAIN):
            began = time.perf_counter()
            sizes.add(len(query()))
            took.append(time.perf_counter() - began)

    def facts() -> dict[str, float]:
        (rows,) = sizes
        return {"rows": rows, "cold_s": took[0], "warm_s": statistics.median(took[1:])}

    return Prepared(work, facts)


def _publish(mall: BenchMall, days: tuple[str, str]) -> None:
    """New versions of the tables, which Athena has not seen."""
    for table in _TABLES:
        arguments = {"selection": [f"mall/extracts/{table}"], "table": table}
        span = {"days": days} if table == "purchases" else {}
        done = run(Contestant("benchmarks.platform:materialized", arguments | span), mall.logs)
        assert table != "purchases" or done.facts["rows"] == mall.sizes.purchases


def _copied(folder: Path) -> str:
    """Copies of what readers see, partitions as Hive names them."""
    from mall_platform.environment import build_resources
    from resources.objects import split_location
    from resources.settings import load_settings

    lake = build_resources(load_settings())["lake"]
    s3 = lake.aws.client("s3")
    for table in _TABLES:
        for number, (partition, location) in enumerate(published_files(lake, table)):
            target = folder / table / (f"dt={partition}" if partition else "")
            target.mkdir(parents=True, exist_ok=True)
            s3.download_file(*split_location(location), str(target / f"{number}.parquet"))
    return str(folder)


def _measure(mall: BenchMall) -> list[Figure]:
    days = mall.shop()
    ours_runs, duck_runs = [], []
    for _ in range(mall.sizes.rounds):
        _publish(mall, days)
        folder = _copied(emptied(mall.home / "mart"))
        ours_runs.append(run(Contestant("benchmarks.mart:ours"), mall.logs))
        duck_runs.append(run(Contestant("benchmarks.mart:duckdb", {"folder": folder}), mall.logs))
    mine, duck = Runs(ours_runs), Runs(duck_runs)
    assert mine.fact("rows") == duck.fact("rows")
    work = f"a mart query (A3) over {mall.sizes.purchases:,} purchases through the local Athena"
    kinds = {"cold_s": "files it has not seen yet", "warm_s": "files it has seen"}
    return [_above(f"{work}, {says}", mine.fact(s), duck.fact(s)) for s, says in kinds.items()]


def _above(work: str, ours_s: float, duckdb_s: float) -> Figure:
    more_s = ours_s - duckdb_s
    return Figure(
        work,
        f"{ours_s:.2f} s",
        f"DuckDB: {duckdb_s:.2f} s",
        f"{more_s:+.2f} s",
        f"at most {_MOST_S:g} s more",
        more_s <= _MOST_S,
    )


ROW = Row("mart", "a mart's query against DuckDB on the same files", _measure)
