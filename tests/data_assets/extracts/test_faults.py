"""What goes wrong with the shop's database leaves readers the old version (E1, Q1)."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import polars as pl
import pytest

from data_assets.tables import CUSTOMERS, PRODUCTS, PURCHASES, REVIEWS
from resources.shop_db import ShopDatabase, TransientDatabaseError
from tests.data_assets.extracts.conftest import Shop
from tests.data_assets.extracts.test_extracts import DAY


@pytest.fixture
def published(small_shop: Shop) -> Shop:
    assert small_shop.extract("customers").success
    assert small_shop.extract("purchases", partition_key=DAY).success
    return small_shop


def database(shop: Shop, kind: type[ShopDatabase] = ShopDatabase, **changes: Any) -> ShopDatabase:
    fields = {name: getattr(shop.db, name) for name in ShopDatabase.model_fields}
    return kind(**{**fields, "retry_wait_s": 0, **changes})


def row_by_row(frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    for frame in frames:
        yield from frame.iter_slices(1)


def unchanged(shop: Shop) -> bool:
    return sorted(shop.lake.read(PURCHASES, DAY)["purchase_id"].to_pylist()) == [2, 3, 4]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            "ALTER TABLE purchases ADD COLUMN gift_message TEXT",
            "purchases.gift_message (text) is new",
        ),
        ("ALTER TABLE purchases DROP COLUMN return_of", "purchases.return_of is gone"),
        (
            "ALTER TABLE purchases MODIFY amount_yen DECIMAL(12, 2) NOT NULL",
            "purchases.amount_yen was bigint and is now decimal",
        ),
        (
            "ALTER TABLE customers MODIFY birth_date VARCHAR(20)",
            "customers.birth_date was date and is now varchar",
        ),
    ],
)
def test_a_changed_source_fails_before_a_row_is_read(
    published: Shop, failure: Any, monkeypatch: pytest.MonkeyPatch, change: str, problem: str
) -> None:
    published.execute(change)
    monkeypatch.setattr(ShopDatabase, "read", lambda *_, **__: pytest.fail("rows were read"))
    result = published.extract("purchases", partition_key=DAY)
    assert problem in failure(result)
    assert not any(e.event_type_value == "STEP_UP_FOR_RETRY" for e in result.all_events)
    monkeypatch.undo()
    assert unchanged(published)


def test_an_unreachable_database_is_tried_again_and_then_fails_clearly(
    published: Shop, failure: Any
) -> None:
    away = database(published, host="127.0.0.1", port=1, secret_id=_secret(published))
    result = published.extract("purchases", partition_key=DAY, over={"shop_db": away})
    retries = [e for e in result.all_events if e.event_type_value == "STEP_UP_FOR_RETRY"]
    assert len(retries) == 3
    assert "can't be used: MySQL error 2003" in failure(result)
    assert unchanged(published)


def _secret(shop: Shop) -> str:
    rds = shop.lake.aws.client("rds")
    (instance,) = rds.describe_db_instances(DBInstanceIdentifier=shop.db.instance)["DBInstances"]
    arn: str = instance["MasterUserSecret"]["SecretArn"]
    return arn


def test_a_connection_cut_in_mid_stream_is_retried_and_switches_nothing_half(
    published: Shop,
) -> None:
    cuts: list[str] = []

    class CutOnce(ShopDatabase):
        def read(self, sql: str, **options: Any) -> Generator[pl.DataFrame]:
            for rows in row_by_row(super().read(sql, **options)):
                yield rows
                if "purchase_id" in sql and not cuts:
                    cuts.append(sql)
                    assert unchanged(published)
                    raise TransientDatabaseError("cut")

    published.execute("UPDATE purchases SET quantity = 7")
    cut = database(published, CutOnce)
    result = published.extract("purchases", partition_key=DAY, over={"shop_db": cut})
    assert result.success and len(cuts) == 1
    assert published.lake.read(PURCHASES, DAY)["quantity"].to_pylist() == [7, 7, 7]


class Truncated(ShopDatabase):
    """Loses rows without saying so."""

    def read(self, sql: str, **options: Any) -> Generator[pl.DataFrame]:
        for number, rows in enumerate(row_by_row(super().read(sql, **options))):
            if number == 0 or "purchase_id" not in sql:
                yield rows


def test_rows_missing_from_a_read_fail_the_count(published: Shop, failure: Any) -> None:
    short = database(published, Truncated)
    result = published.extract("purchases", partition_key=DAY, over={"shop_db": short})
    assert "Failed: row_count_matches_source." in failure(result)
    assert unchanged(published)


def test_a_password_rotated_between_runs_does_no_harm(published: Shop) -> None:
    published.lake.aws.client("rds").modify_db_instance(
        DBInstanceIdentifier=published.db.instance,
        RotateMasterUserPassword=True,
        ApplyImmediately=True,
    )
    assert published.extract("purchases", partition_key=DAY).success


def test_zero_dates_become_unknown(small_shop: Shop) -> None:
    small_shop.execute(
        "SET SESSION sql_mode = ''",
        "UPDATE customers SET birth_date = '0000-00-00', signed_up_at = '0000-00-00 00:00:00'"
        " WHERE customer_id = 1",
        "UPDATE customers SET birth_date = '1980-00-00' WHERE customer_id = 3",
        "UPDATE purchases SET purchased_at = '0000-00-00 00:00:00' WHERE purchase_id = 4",
    )
    assert small_shop.extract("customers").success
    assert small_shop.extract("purchases", partition_key=DAY).success
    customers = small_shop.lake.read(CUSTOMERS)
    assert set(customers["age_band"].to_pylist()) == {"unknown"}
    assert customers["signed_up_on"].null_count == 1
    found = small_shop.lake.read(PURCHASES, DAY).to_pylist()
    assert {row["purchase_id"]: row["age_band"] for row in found} == {2: "unknown", 3: "unknown"}


def test_four_byte_characters_survive_everywhere(small_shop: Shop) -> None:
    small_shop.execute("UPDATE products SET name = '𠮷野家🍣' WHERE product_id = 10")
    assert small_shop.extract("products").success
    assert small_shop.extract("reviews", partition_key=DAY).success
    assert "𠮷野家🍣" in small_shop.lake.read(PRODUCTS)["name"].to_pylist()
    assert max(small_shop.lake.read(REVIEWS, DAY)["body_length"].drop_null().to_pylist()) == 19


def test_a_row_that_changes_and_one_that_goes_while_days_are_read_do_no_harm(
    small_shop: Shop,
) -> None:
    """One statement sees one snapshot; its count is of that snapshot, too."""

    class Meanwhile(ShopDatabase):
        def read(self, sql: str, **options: Any) -> Generator[pl.DataFrame]:
            for number, rows in enumerate(row_by_row(super().read(sql, **options))):
                yield rows
                if number == 0 and "purchase_id" in sql:
                    small_shop.execute(
                        "DELETE FROM purchases WHERE purchase_id = 3",
                        "UPDATE purchases SET quantity = 8 WHERE purchase_id = 4",
                    )

    busy = database(small_shop, Meanwhile)
    assert small_shop.extract("purchases", partition_key=DAY, over={"shop_db": busy}).success
    found = small_shop.lake.read(PURCHASES, DAY).to_pylist()
    assert sorted((row["purchase_id"], row["quantity"]) for row in found) == [
        (2, 1),
        (3, 1),
        (4, -1),
    ]
