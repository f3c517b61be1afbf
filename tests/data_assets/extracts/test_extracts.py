"""The shop's tables arrive in the lake masked, whole and by Tokyo day (E1, Q1, T1)."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from data_assets.extracts.staging import CUTOFF
from data_assets.tables import CATEGORIES, CUSTOMERS, PRODUCTS, PURCHASES, REVIEWS
from resources.lake import ROWS
from resources.tables import Table
from tests.data_assets.extracts.conftest import Shop

DAY = "2024-06-02"
RANGE = {
    "dagster/asset_partition_range_start": "2024-06-01",
    "dagster/asset_partition_range_end": "2024-06-03",
}


def rows(shop: Shop, table: Table, partition: str | None = None) -> list[dict[str, Any]]:
    return shop.lake.read(table, partition).to_pylist()


def key_of(shop: Shop, kind: str, value: object) -> bytes:
    message = kind.encode() + b"\0" + str(value).encode()
    return hmac.new(shop.key.encode(), message, hashlib.sha256).digest()[:16]


def test_customers_are_masked_by_the_contract(small_shop: Shop) -> None:
    """(E1)"""
    assert small_shop.extract("customers").success
    found = {row["customer_key"]: row for row in rows(small_shop, CUSTOMERS)}
    taro, hanako, ri = (found[key_of(small_shop, "customer", n)] for n in (1, 2, 3))
    assert (
        taro["email_key"] == hanako["email_key"] == key_of(small_shop, "email", "taro@example.jp")
    )
    assert (taro["gender"], taro["prefecture"]) == ("M", "東京都")
    assert taro["signed_up_on"] == date(2024, 1, 1)
    assert (hanako["gender"], hanako["prefecture"], hanako["age_band"]) == (None, None, "unknown")
    assert ri["age_band"] == "70+"


def test_categories_and_products_are_the_source_without_timestamps(small_shop: Shop) -> None:
    assert small_shop.extract("categories", "products").success
    assert rows(small_shop, CATEGORIES) == [
        {"category_id": 1, "name": "服", "parent_id": None},
        {"category_id": 2, "name": "靴", "parent_id": 1},
    ]
    assert rows(small_shop, PRODUCTS) == [
        {"product_id": 10, "category_id": 2, "name": "白い靴", "price_yen": 1000},
        {"product_id": 11, "category_id": None, "name": "謎", "price_yen": 1},
    ]


def test_purchases_of_a_tokyo_day_carry_the_buyers_age_band_on_that_day(small_shop: Shop) -> None:
    """(E1) A purchase of an unknown customer keeps its key; no row is lost."""
    assert small_shop.extract("purchases", partition_key=DAY).success
    found = {row["purchase_id"]: row for row in rows(small_shop, PURCHASES, DAY)}
    assert sorted(found) == [2, 3, 4]
    assert found[2] == {
        "purchase_id": 2,
        "customer_key": key_of(small_shop, "customer", 1),
        "age_band": "30s",
        "product_id": 10,
        "quantity": 1,
        "amount_yen": 1000,
        "return_of": None,
        "purchased_at": datetime(2024, 6, 1, 15),  # noqa: DTZ001
    }
    assert found[4]["customer_key"] == key_of(small_shop, "customer", 77)
    assert (found[4]["age_band"], found[4]["quantity"], found[4]["return_of"]) == ("unknown", -1, 2)


def test_an_age_band_changes_on_the_birthday(small_shop: Shop) -> None:
    small_shop.execute("UPDATE customers SET birth_date = '1994-06-02' WHERE customer_id = 1")
    assert small_shop.extract("purchases", tags=RANGE).success
    bands = {row["purchase_id"]: row["age_band"] for row in rows(small_shop, PURCHASES)}
    assert (bands[1], bands[2]) == ("20s", "30s")


def test_a_range_of_days_is_read_at_once_and_published_by_day(small_shop: Shop) -> None:
    """(U3)"""
    result = small_shop.extract("purchases", "reviews", tags=RANGE)
    assert result.success
    days = [(row["dt"], row["purchase_id"]) for row in rows(small_shop, PURCHASES)]
    assert days == [
        ("2024-06-01", 1),
        ("2024-06-02", 2),
        ("2024-06-02", 3),
        ("2024-06-02", 4),
        ("2024-06-03", 5),
    ]
    entries = small_shop.lake.catalog.partitions("purchases")
    assert {day: entry.parameters[ROWS] for day, entry in entries.items()} == {
        "2024-06-01": "1",
        "2024-06-02": "3",
        "2024-06-03": "1",
    }
    cutoff = datetime.fromisoformat(entries[DAY].parameters[CUTOFF])
    assert timedelta(0) < datetime.now(UTC) - cutoff < timedelta(minutes=10)
    assert [(row["dt"], row["review_id"]) for row in rows(small_shop, REVIEWS)] == [
        ("2024-06-02", 1),
        ("2024-06-02", 2),
    ]


def test_a_day_without_rows_is_published_empty(small_shop: Shop) -> None:
    assert small_shop.extract("purchases", partition_key="2024-05-01").success
    assert rows(small_shop, PURCHASES, "2024-05-01") == []


def test_an_empty_table_is_published_empty(small_shop: Shop) -> None:
    small_shop.execute("DELETE FROM categories")
    assert small_shop.extract("categories").success
    assert rows(small_shop, CATEGORIES) == []


def test_reviews_keep_the_length_of_their_text_in_characters(small_shop: Shop) -> None:
    """(E1)"""
    assert small_shop.extract("reviews", partition_key=DAY).success
    found = {row["review_id"]: row for row in rows(small_shop, REVIEWS, DAY)}
    assert found[1]["body_length"] == len("電話は090-1111-2222です🌸")
    assert found[2]["body_length"] is None
    assert set(found[1]) == {column.name for column in REVIEWS.columns}


def test_a_rerun_replaces_its_own_day_and_nothing_else(small_shop: Shop) -> None:
    assert small_shop.extract("purchases", tags=RANGE).success
    before = small_shop.lake.catalog.partitions("purchases")
    small_shop.execute("UPDATE purchases SET quantity = 9 WHERE purchase_id IN (1, 2)")
    assert small_shop.extract("purchases", partition_key=DAY).success
    after = small_shop.lake.catalog.partitions("purchases")
    assert {day for day in after if after[day] != before[day]} == {DAY}
    quantities = {row["purchase_id"]: row["quantity"] for row in rows(small_shop, PURCHASES)}
    assert (quantities[1], quantities[2]) == (2, 9)


def test_a_snapshot_replaces_the_one_before(small_shop: Shop) -> None:
    assert small_shop.extract("customers").success
    small_shop.execute("DELETE FROM customers WHERE customer_id = 1")
    assert small_shop.extract("customers").success
    keys = {row["customer_key"] for row in rows(small_shop, CUSTOMERS)}
    assert keys == {key_of(small_shop, "customer", n) for n in (2, 3)}


def test_many_days_in_bounded_memory_become_several_files_a_day(
    small_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that arrive in no order, more of them than are held at a time."""
    from data_assets.extracts import staging

    monkeypatch.setattr(staging, "_FRAME_BYTES", 5000)
    monkeypatch.setattr(staging, "_ROWS_AT_HAND", 150)
    monkeypatch.setattr(staging, "_DAYS_IN_A_STATEMENT", 5)
    small_shop.execute("DELETE FROM purchases")
    small_shop.execute(
        "INSERT INTO purchases (purchase_id, customer_id, product_id, quantity, amount_yen,"
        " purchased_at) SELECT seq, 1 + seq % 3, 10, 1, seq,"
        " '2024-05-31 15:00:00' + INTERVAL (seq * 37 % 240) HOUR FROM seq_1_to_1000"
    )
    tags = {**RANGE, "dagster/asset_partition_range_end": "2024-06-10"}
    assert small_shop.extract("purchases", tags=tags).success
    found = pl.DataFrame(small_shop.lake.read(PURCHASES))
    assert sorted(found["purchase_id"]) == list(range(1, 1001))
    days = found.select(pl.col("purchased_at").dt.offset_by("9h").dt.date().cast(pl.String))
    assert (days.to_series() == found["dt"]).all()
    versions = [small_shop.lake.published(PURCHASES, f"2024-06-{day:02}") for day in range(1, 11)]
    assert max(len(small_shop.lake.files(version)) for version in versions) > 1


def test_checks_hold_the_count_of_the_sources_own_snapshot(small_shop: Shop) -> None:
    """(Q1)"""
    result = small_shop.extract("purchases", partition_key=DAY)
    checks = {e.check_name: e for e in result.get_asset_check_evaluations()}
    assert {name: check.passed for name, check in checks.items()} == {
        "schema_matches": True,
        "row_count_matches_source": True,
        "no_raw_personal_data": True,
    }
    record = checks["row_count_matches_source"].metadata["by_partition"].records[0].data
    assert record["source_rows"] == record["written_rows"] == record["statement_source_rows"] == 3


def test_a_value_that_breaks_the_schema_keeps_the_old_day(small_shop: Shop, failure: Any) -> None:
    """(Q1)"""
    assert small_shop.extract("reviews", partition_key=DAY).success
    small_shop.execute("UPDATE reviews SET rating = 6 WHERE review_id = 1")
    result = small_shop.extract("reviews", partition_key=DAY)
    assert "Not published: 2024-06-02. Failed: schema_matches." in failure(result)
    assert {row["rating"] for row in rows(small_shop, REVIEWS, DAY)} == {5, 1}
    small_shop.execute("UPDATE reviews SET rating = 4 WHERE review_id = 1")
    assert small_shop.extract("reviews", partition_key=DAY).success
    assert {row["rating"] for row in rows(small_shop, REVIEWS, DAY)} == {4, 1}


@pytest.mark.parametrize(
    "leak",
    [
        "UPDATE customers SET prefecture = 'リ・タロウ' WHERE customer_id = 3",
        "UPDATE customers SET prefecture = '太郎 山田', name = '太郎山田' WHERE customer_id = 3",
        "UPDATE customers SET prefecture = '0333334444' WHERE customer_id = 1",
        "UPDATE customers SET prefecture = '李' WHERE customer_id = 2",
    ],
)
def test_personal_data_in_an_open_column_fails_before_anything_is_stored(
    small_shop: Shop, failure: Any, leak: str
) -> None:
    """(E1) Also another customer's than the row's own."""
    if "タロウ" in leak:
        small_shop.execute("UPDATE customers SET name = 'リタロウ' WHERE customer_id = 1")
    small_shop.execute(leak)
    result = small_shop.extract("customers")
    text = failure(result)
    assert "no_raw_personal_data" in text
    assert not any(value in text for value in ("太郎", "タロウ", "3333", "李"))
    s3 = small_shop.lake.aws.client("s3")
    assert "Contents" not in s3.list_objects_v2(Bucket=small_shop.lake.bucket)


@pytest.mark.parametrize("order", ["purchase_id", "quantity"])
def test_a_key_that_comes_twice_keeps_the_old_day(
    small_shop: Shop, failure: Any, order: str
) -> None:
    """(Q1) Whether keys ascend but for one, or come in any order."""
    small_shop.execute(
        "ALTER TABLE purchases MODIFY purchase_id BIGINT NOT NULL, DROP PRIMARY KEY",
        "UPDATE purchases SET purchase_id = 3 WHERE purchase_id = 4",
        f"ALTER TABLE purchases ORDER BY {order}",
    )
    result = small_shop.extract("purchases", partition_key=DAY)
    assert "Not published: 2024-06-02. Failed: schema_matches." in failure(result)
    (check,) = [e for e in result.get_asset_check_evaluations() if e.check_name == "schema_matches"]
    record = check.metadata["by_partition"].records[0].data
    assert record["failures"] == "purchase_id: unique × 1"


def test_a_customer_who_comes_twice_keeps_the_old_snapshot(small_shop: Shop, failure: Any) -> None:
    """(Q1)"""
    small_shop.execute(
        "ALTER TABLE customers MODIFY customer_id BIGINT NOT NULL, DROP PRIMARY KEY",
        "UPDATE customers SET customer_id = 1 WHERE customer_id = 2",
    )
    assert "Failed: schema_matches." in failure(small_shop.extract("customers"))


def test_an_address_in_a_products_name_is_a_leak(small_shop: Shop, failure: Any) -> None:
    small_shop.execute("UPDATE products SET name = 'ask hanako@example.jp' WHERE product_id = 11")
    assert "no_raw_personal_data" in failure(small_shop.extract("products"))


def test_nothing_personal_is_anywhere_in_the_bucket_or_the_events(small_shop: Shop) -> None:
    """(E1)"""
    results = [
        small_shop.extract("customers", "categories", "products"),
        small_shop.extract("purchases", "reviews", tags=RANGE),
    ]
    assert all(result.success for result in results)
    s3 = small_shop.lake.aws.client("s3")
    held = b"".join(
        s3.get_object(Bucket=small_shop.lake.bucket, Key=item["Key"])["Body"].read()
        for item in s3.list_objects_v2(Bucket=small_shop.lake.bucket)["Contents"]
    )
    for table in (CUSTOMERS, PURCHASES, REVIEWS):
        held += str(small_shop.lake.read(table).to_pylist()).encode()
    held += str([result.all_events for result in results]).encode()
    for value in ("太郎", "タロウ", "090-1111", "100-0001", "千代田区", "example.jp", "bcrypt"):
        assert value.encode() not in held
