"""A day of click events to Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.contest import Contestant, alternate
from benchmarks.contestant import Prepared
from benchmarks.files import emptied, parquet_rows
from benchmarks.mall import BenchMall, yesterday
from benchmarks.platform import materialized
from benchmarks.row import Figure, Row, faster

_IMPORTS = ("ahocorasick_rs", "duckdb", "polars_hash", "pyarrow.parquet")
_COLUMNS = {
    **dict.fromkeys(("event_id", "session_id", "event_type", "page"), "VARCHAR"),
    **dict.fromkeys(("referrer", "user_agent", "ip"), "VARCHAR"),
    **dict.fromkeys(("event_time_ms", "customer_id", "product_id"), "BIGINT"),
}


def ours_whole(day: str) -> Prepared:
    """The asset: downloaded from the local S3, compacted, audited, published."""
    return materialized(["mall/clickstream/clicks"], "clicks", _IMPORTS, (day, day))


def ours_local(folder: str, day: str, target: str) -> Prepared:
    """The compaction of local files: judged, deduplicated, masked; neither audited nor stored."""
    import importlib
    from datetime import UTC, date, datetime

    for module in _IMPORTS:
        importlib.import_module(module)
    from data_assets.clickstream.compaction import LandedFile, Workers, compact
    from data_assets.clickstream.parsing import Judgement

    landed = emptied(f"{target}_landed")
    files = []
    for number, path in enumerate(sorted(Path(folder).rglob("*.json"))):
        copy = landed / f"{number:06d}.json"
        copy.hardlink_to(path)
        files.append(LandedFile(copy, str(path), path.read_bytes().count(b"\n")))
    judgement = Judgement(date.fromisoformat(day), datetime.now(UTC))
    done: list[Any] = []

    def work() -> None:
        with Workers() as workers:
            day = emptied(target) / "day"
            done.append(compact(files, judgement, "a key of the benchmark's own", day, workers))

    return Prepared(work, lambda: {"rows": done[0].published, "landed": done[0].landed})


def duckdb(folder: str, target: str) -> Prepared:
    """Bare: one COPY an hour with declared fields; nothing judged, deduplicated or masked."""
    import duckdb as engine

    connection = engine.connect()
    hours = sorted(path for path in Path(folder).glob("dt=*/hour=*"))
    output = emptied(target)

    def work() -> None:
        for hour in hours:
            connection.execute(
                f"COPY (SELECT * FROM read_json('{hour}/*.json', format = 'newline_delimited',"
                f" ignore_errors = true, columns = {_COLUMNS})) TO '{output / hour.name}.parquet'"
                " (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
            )

    return Prepared(work, lambda: parquet_rows(output))


def pandas(folder: str, target: str) -> Prepared:
    """Bare: an hour at a time, by json.loads a line, which is quicker than pandas' own reader and
    survives malformed lines."""
    import json

    import pandas as pd
    import pyarrow.parquet  # noqa: F401

    hours = sorted(path for path in Path(folder).glob("dt=*/hour=*"))
    output = emptied(target)

    def event(line: bytes) -> Any:
        try:
            return json.loads(line)
        except ValueError:
            return None

    def work() -> None:
        for hour in hours:
            lines = (line for file in sorted(hour.glob("*.json")) for line in file.open("rb"))
            events = [found for line in lines if isinstance(found := event(line), dict)]
            frame = pd.DataFrame.from_records(events, columns=list(_COLUMNS))
            for name, kind in _COLUMNS.items():
                if kind == "BIGINT":
                    frame[name] = pd.to_numeric(frame[name], errors="coerce")
                else:
                    frame[name] = frame[name].astype("str")
            frame.to_parquet(
                output / f"{hour.name}.parquet", compression="zstd", compression_level=1
            )

    return Prepared(work, lambda: parquet_rows(output))


def _measure(mall: BenchMall) -> list[Figure]:
    mall.shop()
    folder, day, rounds = str(mall.clicks()), yesterday().isoformat(), mall.sizes.rounds
    target = {name: str(mall.home / f"clicks_{name}") for name in ("ours", "duckdb", "pandas")}
    local, duck, whole, slow = alternate(
        Contestant(
            "benchmarks.clicks:ours_local",
            {"folder": folder, "day": day, "target": target["ours"]},
            rounds=rounds,
        ),
        Contestant(
            "benchmarks.clicks:duckdb",
            {"folder": folder, "target": target["duckdb"]},
            rounds=rounds,
        ),
        Contestant("benchmarks.clicks:ours_whole", {"day": day}, rounds=rounds),
        Contestant(
            "benchmarks.clicks:pandas", {"folder": folder, "target": target["pandas"]}, rounds=1
        ),
        folder=mall.logs,
    )
    for runs in (local, duck, whole, slow):
        assert 0.98 * mall.sizes.clicks <= runs.fact("rows") <= 1.02 * mall.sizes.clicks
    day_of = f"a day of {mall.sizes.clicks:,} events"
    compaction = f"clicks compaction, {day_of}: judged, deduplicated, masked, on local disk"
    asset = f"clicks, {day_of}, the whole asset: downloaded from S3, audited, published, too"
    bare = "DuckDB's bare COPY by hour"
    return [
        faster(compaction, local, bare, duck, 0.6),
        faster(compaction, local, "pandas, bare", slow, 6),
        faster(asset, whole, bare, duck, None),
        faster(asset, whole, "pandas, bare", slow, None),
    ]


ROW = Row("clicks", "the compaction of a day of clicks against DuckDB and pandas", _measure)
