"""Late, changed and deleted rows reach the lake (E1)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from data_assets.extracts import sources
from data_assets.extracts.changes import MARGIN, changed_days, miscounted_days, stale_days
from data_assets.ops import assets as ops
from data_assets.tables import PURCHASES
from tests.data_assets.extracts.conftest import Shop
from tests.data_assets.extracts.test_extracts import DAY, RANGE

DAYS = [date(2024, 6, day) for day in (1, 2, 3)]
LONG_AGO = "UPDATE {} SET updated_at = '2024-06-05 00:00:00'"
NOON = datetime(2024, 6, 10, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("last_change", "stale"),
    [
        (NOON + timedelta(seconds=1), True),
        (NOON - MARGIN + timedelta(seconds=1), True),
        (NOON - MARGIN, False),
        (None, False),
    ],
)
def test_a_day_is_stale_if_a_row_changed_after_its_cut_off_or_just_before(
    last_change: datetime | None, stale: bool
) -> None:
    changes = {DAYS[0]: last_change} if last_change else {}
    assert changed_days(changes, {DAYS[0]: NOON}) == ([DAYS[0]] if stale else [])


def test_days_that_were_never_published_are_not_stale() -> None:
    assert changed_days({DAYS[0]: NOON}, {}) == []


@pytest.fixture
def published(small_shop: Shop) -> Shop:
    """All three days published, of rows that were last changed long before."""
    small_shop.execute(LONG_AGO.format("purchases"), LONG_AGO.format("reviews"))
    assert small_shop.extract("purchases", "reviews", tags=RANGE).success
    return small_shop


def stale(shop: Shop) -> list[date]:
    return stale_days(sources.PURCHASES, shop.db, shop.lake.catalog)


def miscounted(shop: Shop) -> list[date]:
    return miscounted_days(sources.PURCHASES, shop.db, shop.lake.catalog)


def purchase_ids(shop: Shop) -> set[int]:
    return set(shop.lake.read(PURCHASES)["purchase_id"].to_pylist())


def test_nothing_is_stale_before_anything_is_published(small_shop: Shop) -> None:
    assert stale(small_shop) == [] and miscounted(small_shop) == []


def test_a_changed_row_and_a_late_one_make_their_days_stale(published: Shop) -> None:
    assert stale(published) == []
    published.execute("UPDATE purchases SET quantity = 3 WHERE purchase_id = 1")
    assert stale(published) == [DAYS[0]]
    late = (6, 1, 10, 1, 1, None, "2024-06-03 00:00:00")
    columns = "purchase_id, customer_id, product_id, quantity, amount_yen, return_of, purchased_at"
    published.insert("purchases", columns, [late])
    assert stale(published) == [DAYS[0], DAYS[2]]


def test_a_run_may_take_changed_days_along_with_its_own(published: Shop) -> None:
    published.execute("UPDATE purchases SET quantity = 3 WHERE purchase_id = 1")
    before = published.lake.catalog.partitions("purchases")
    config = {"ops": {"mall__extracts__purchases": {"config": {"changed_days": True}}}}
    result = published.extract("purchases", partition_key="2024-06-03", run_config=config)
    assert result.success
    after = published.lake.catalog.partitions("purchases")
    assert [day for day in after if after[day] != before[day]] == ["2024-06-01", "2024-06-03"]
    reported = {event.partition for event in result.get_asset_materialization_events()}
    assert reported == {"2024-06-01", "2024-06-03"}
    day = published.lake.read(PURCHASES, "2024-06-01")
    assert day["quantity"].to_pylist() == [3]


def test_a_plain_run_touches_only_its_own_day(published: Shop) -> None:
    published.execute("UPDATE purchases SET quantity = 3 WHERE purchase_id = 1")
    before = published.lake.catalog.partitions("purchases")
    assert published.extract("purchases", partition_key=DAY).success
    after = published.lake.catalog.partitions("purchases")
    assert [day for day in after if after[day] != before[day]] == [DAY]


def recount(shop: Shop) -> dg.ExecuteInProcessResult:
    resources = {name: shop.resources[name] for name in ("shop_db", "lake", "pseudonym_key")}
    return dg.materialize([ops.recount], resources=resources, raise_on_error=False)


def test_a_deleted_row_is_found_by_recounting_and_leaves_the_lake(published: Shop) -> None:
    """A deletion leaves no trace in `updated_at`."""
    published.execute("DELETE FROM purchases WHERE purchase_id IN (1, 3)")
    assert stale(published) == []
    assert miscounted(published) == DAYS[:2]
    assert purchase_ids(published) == {1, 2, 3, 4, 5}

    result = recount(published)
    assert result.success
    assert purchase_ids(published) == {2, 4, 5}
    assert miscounted(published) == []
    events = result.get_asset_materialization_events()
    of_purchases = [e.partition for e in events if e.asset_key == sources.PURCHASES.asset_key]
    assert of_purchases == ["2024-06-01", "2024-06-02"]
    (own,) = [e for e in events if e.asset_key == dg.AssetKey(["ops", "recount"])]
    assert own.materialization.metadata["purchases_days"].value == 2


def test_a_recount_without_differences_publishes_nothing(published: Shop) -> None:
    before = published.lake.catalog.partitions("purchases")
    assert recount(published).success
    assert published.lake.catalog.partitions("purchases") == before


def test_a_recount_fails_naming_the_day_whose_audit_failed(published: Shop, failure: Any) -> None:
    published.execute(
        "DELETE FROM reviews WHERE review_id = 2",
        "UPDATE reviews SET rating = 0 WHERE review_id = 1",
    )
    assert "Not published: 2024-06-02. Failed: schema_matches." in failure(recount(published))


def test_lake_cleanup_keeps_what_is_young_or_read(published: Shop) -> None:
    """(B5)"""
    assert published.extract("purchases", partition_key=DAY).success
    result = dg.materialize([ops.lake_cleanup], resources={"lake": published.lake})
    (event,) = result.get_asset_materialization_events()
    assert event.materialization.metadata["folders"].value == 0
    assert purchase_ids(published) == {1, 2, 3, 4, 5}
