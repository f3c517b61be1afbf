"""Customers: read from the shop's database, masked, stored as Parquet."""

from __future__ import annotations

from pathlib import Path

from benchmarks.contest import Contestant, alternate
from benchmarks.contestant import Prepared
from benchmarks.files import Bucket, emptied
from benchmarks.mall import BenchMall
from benchmarks.platform import materialized
from benchmarks.row import Figure, Row, faster, same_rows

_IMPORTS = ("ahocorasick_rs", "polars_hash")


def ours() -> Prepared:
    """Masked, audited and published in the lake on the local S3."""
    return materialized(["mall/extracts/customers"], "customers", _IMPORTS)


def pandas(file: str) -> Prepared:
    """Masked row by row with `hmac.new`, to the same S3; not audited."""
    import hashlib
    import hmac
    import unicodedata

    import pandas as pd
    import pyarrow.parquet

    from benchmarks.shop_login import connect

    bucket = Bucket()
    key = b"a key of the benchmark's own"
    today = pd.Timestamp.now("Asia/Tokyo")

    def pseudonym(kind: bytes, value: str) -> bytes:
        return hmac.new(key, kind + b"\0" + value.encode(), hashlib.sha256).digest()[:16]

    def email_key(value: str) -> bytes:
        return pseudonym(b"email", unicodedata.normalize("NFKC", value).strip().lower())

    def work() -> None:
        with connect() as connection:
            rows: pd.DataFrame = pd.read_sql_query(  # type: ignore[call-overload]
                "SELECT customer_id, email, prefecture, birth_date, gender, signed_up_at"
                " FROM customers",
                connection,
            )
        born = pd.to_datetime(rows["birth_date"], errors="coerce")
        had_birthday = (born.dt.month * 100 + born.dt.day) <= (today.month * 100 + today.day)
        age = today.year - born.dt.year - (~had_birthday).astype(int)
        signed_up = rows["signed_up_at"].dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")
        pd.DataFrame(
            {
                "customer_key": [pseudonym(b"customer", str(i)) for i in rows["customer_id"]],
                "email_key": [email_key(value) for value in rows["email"]],
                "gender": rows["gender"],
                "prefecture": rows["prefecture"],
                "age_band": (age // 10 * 10).clip(10, 70),
                "signed_up_on": signed_up.dt.date,
            }
        ).to_parquet(file, compression="zstd")
        bucket.store(Path(file).parent)

    def facts() -> dict[str, float]:
        return {"rows": pyarrow.parquet.read_metadata(Path(file)).num_rows}

    return Prepared(work, facts)


def _measure(mall: BenchMall) -> list[Figure]:
    mall.shop()
    target = emptied(mall.home / "customers") / "customers.parquet"
    mine, peers = alternate(
        Contestant("benchmarks.customers:ours", rounds=mall.sizes.rounds),
        Contestant("benchmarks.customers:pandas", {"file": str(target)}, rounds=mall.sizes.rounds),
        folder=mall.logs,
    )
    same_rows(mine, peers, expected=mall.sizes.customers)
    work = f"customers extract, {mall.sizes.customers:,} rows, masked, audited, published"
    return [faster(work, mine, "pandas with hmac.new per row", peers, 7)]


ROW = Row("customers", "the extract of customers against pandas", _measure)
