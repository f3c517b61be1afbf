"""Purchases: read from the shop's database and stored as Parquet."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.contest import Contestant, Runs, alternate, run
from benchmarks.contestant import Prepared
from benchmarks.files import Bucket, emptied, parquet_rows
from benchmarks.mall import BenchMall
from benchmarks.platform import materialized
from benchmarks.row import Figure, Row, faster, same_rows

_SMALL = "categories"
_CHUNK_ROWS = 100_000
_MB = 2**20
_MOST_MB = 350
_GROWTH = 1.1


def ours(days: Sequence[str]) -> Prepared:
    """Masked, audited and published in the lake on the local S3."""
    return materialized(["mall/extracts/purchases"], "purchases", days=days)


def awswrangler() -> Prepared:
    """Unmasked, in chunks, to the same S3."""
    import awswrangler as wr

    from benchmarks.shop_login import connect

    target = Bucket().location("awswrangler/")
    stored: list[int] = []

    def store(table: str) -> None:
        stored.clear()
        with connect() as connection:
            chunks = wr.mysql.read_sql_query(
                f"SELECT * FROM {table}", connection, chunksize=_CHUNK_ROWS
            )
            for chunk in chunks:
                wr.s3.to_parquet(chunk, target, dataset=True, compression="zstd")
                stored.append(len(chunk))

    store(_SMALL)
    return Prepared(lambda: store("purchases"), lambda: {"rows": sum(stored)})


def dlt(folder: str) -> Prepared:
    """Unmasked, by dlt's connectorx backend; its files are then uploaded to the same S3.

    dlt's own S3 destination would need an older boto3 than the platform's.
    """
    import dlt
    from dlt.destinations import filesystem
    from dlt.sources.sql_database import sql_table

    from benchmarks.shop_login import connectorx_url, engine

    target = emptied(folder)
    database, url, bucket = engine(), connectorx_url(), Bucket()
    pipeline = dlt.pipeline(
        "purchases",
        pipelines_dir=str(target / "pipeline"),
        destination=filesystem(str(target / "files")),
        dataset_name="shop",
    )

    def store(name: str) -> None:
        table = sql_table(database, table=name, backend="connectorx", backend_kwargs={"conn": url})
        pipeline.run(table, loader_file_format="parquet")
        bucket.store(target / "files/shop" / name)

    store(_SMALL)
    return Prepared(
        lambda: store("purchases"), lambda: parquet_rows(target / "files/shop/purchases")
    )


def _speed(mall: BenchMall) -> list[Figure]:
    days = mall.shop()
    rounds = mall.sizes.rounds
    mine, dlts, wranglers = alternate(
        Contestant("benchmarks.purchases:ours", {"days": days}, rounds=rounds),
        Contestant(
            "benchmarks.purchases:dlt",
            {"folder": str(mall.home / "dlt")},
            {"DLT_DATA_DIR": str(mall.home / "dlt-data"), "RUNTIME__DLTHUB_TELEMETRY": "false"},
            rounds=rounds,
        ),
        Contestant("benchmarks.purchases:awswrangler", rounds=1),
        folder=mall.logs,
    )
    same_rows(mine, wranglers, dlts, expected=mall.sizes.purchases)
    work = f"purchases extract, {mall.sizes.purchases:,} rows, masked, audited, published"
    return [
        faster(work, mine, "awswrangler.mysql, unmasked, in chunks", wranglers, 8),
        faster(work, mine, "dlt with connectorx, unmasked", dlts, 1.2),
    ]


def _memory(mall: BenchMall) -> list[Figure]:
    days = mall.shop()
    small = _peak(mall, Contestant("benchmarks.purchases:ours", {"days": days}))
    database, large_days = mall.large_shop()
    large = _peak(
        mall,
        Contestant("benchmarks.purchases:ours", {"days": large_days}, {"MALL_DB_NAME": database}),
    )
    same_rows(small, expected=mall.sizes.purchases)
    same_rows(large, expected=mall.sizes.large_purchases)
    small_mb, large_mb = small.peak_bytes / _MB, large.peak_bytes / _MB
    growth = large_mb / small_mb
    rows, large_rows = mall.sizes.purchases, mall.sizes.large_purchases
    work = "purchases extract, peak memory above the imports"
    return [
        Figure(
            f"{work}, {rows:,} rows",
            f"{small_mb:.0f} MB",
            "–",
            "",
            f"at most {_MOST_MB} MB",
            small_mb <= _MOST_MB,
        ),
        Figure(
            f"{work}, {large_rows:,} rows",
            f"{large_mb:.0f} MB",
            f"{rows:,} rows: {small_mb:.0f} MB",
            f"{growth:.2f} times",
            f"at most {_GROWTH:g} times",
            growth <= _GROWTH,
        ),
    ]


def _peak(mall: BenchMall, contestant: Contestant) -> Runs:
    runs = [run(contestant, mall.logs, sample_memory=True) for _ in range(mall.sizes.rounds)]
    return Runs(runs)


SPEED = Row("purchases", "the extract of purchases against awswrangler and dlt", _speed)
MEMORY = Row("purchases-memory", "its memory at two sizes", _memory)
