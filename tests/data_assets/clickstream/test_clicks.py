"""From the landing to published days, on the local AWS (E3, E4)."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import polars as pl
import pytest

from data_assets.clickstream.assets import clicks, raw_clicks
from data_assets.clickstream.landing import FINGERPRINT
from data_assets.partitions import today
from data_assets.tables import CLICKS
from resources.aws import Aws, MissingInfrastructureError

DAY = "2024-06-01"
NOON = int(datetime(2024, 6, 1, 3, tzinfo=UTC).timestamp() * 1000)


def event(event_id: str, **changes: Any) -> bytes:
    fields = {
        "event_id": event_id,
        "event_time_ms": NOON,
        "session_id": "s-1",
        "customer_id": None,
        "event_type": "page_view",
        "page": "/",
        "product_id": None,
        "referrer": None,
        "user_agent": "Mozilla/5.0 (iPhone)",
        "ip": "203.0.113.1",
    }
    return json.dumps(fields | changes, ensure_ascii=False).encode()


class Mall:
    """The raw bucket and the clicks that come of it."""

    def __init__(self, platform: dict[str, Any]) -> None:
        self.platform = platform
        self.s3 = platform["aws"].client("s3")
        self.raw = platform["aws"].bucket("raw")

    def land(self, name: str, *lines: bytes, day: str = DAY, hour: int = 12) -> None:
        key = f"clicks/dt={day}/hour={hour:02}/{name}.json"
        self.s3.put_object(Bucket=self.raw, Key=key, Body=b"\n".join(lines) + b"\n")

    def land_error(self, name: str, *records: bytes, arrived: datetime) -> None:
        lines = [
            json.dumps(
                {
                    "arrivalTimestamp": int(arrived.timestamp() * 1000),
                    "errorCode": "DynamicPartitioning.MetadataExtractionFailed",
                    "rawData": base64.b64encode(record).decode(),
                }
            ).encode()
            for record in records
        ]
        key = f"clicks-errors/{arrived:%Y/%m/%d/%H}/metadata-extraction-failed/{name}"
        self.s3.put_object(Bucket=self.raw, Key=key, Body=b"\n".join(lines) + b"\n")

    def compact(
        self, first: str = DAY, last: str | None = None, **how: bool
    ) -> dg.ExecuteInProcessResult:
        config = {"ops": {"mall__clickstream__clicks": {"config": how}}}
        return dg.materialize(
            [clicks],
            resources=self.platform,
            run_config=config,
            raise_on_error=False,
            tags={
                "dagster/asset_partition_range_start": first,
                "dagster/asset_partition_range_end": last or first,
            },
        )

    def published(self, day: str = DAY) -> pl.DataFrame:
        rows = pl.DataFrame(self.platform["lake"].read(CLICKS, day))
        return rows.sort("event_id")

    def ids(self, day: str = DAY) -> list[str]:
        return self.published(day)["event_id"].to_list()

    def quarantined(self, day: str = DAY) -> list[dict[str, str]]:
        key = f"clicks-quarantine/dt={day}/malformed.jsonl"
        body = self.s3.get_object(Bucket=self.raw, Key=key)["Body"].read()
        return [json.loads(line) for line in body.splitlines()]


@pytest.fixture
def mall(empty_lake: dict[str, Any], shop: Any) -> Mall:
    return Mall(empty_lake)


def counts(result: dg.ExecuteInProcessResult, day: str = DAY) -> dict[str, Any]:
    [check] = [
        e
        for e in result.get_asset_check_evaluations()
        if e.check_name == "row_count_matches_source"
    ]
    [record] = [r for r in check.metadata["by_partition"].records if r.data["partition"] == day]
    return record.data


def materialized(result: dg.ExecuteInProcessResult) -> set[str | None]:
    return {e.partition for e in result.get_asset_materialization_events()}


def test_a_day_with_duplicates_malformed_and_error_records(mall: Mall) -> None:
    mall.land("a", event("1"), b"{broken", event("2", event_type="buy"), event("1"))
    mall.land("b", event("1", event_time_ms=NOON - 1, page="/first"), event("3"), hour=11)
    next_day = datetime(2024, 6, 2, 2, tzinfo=UTC)
    mall.land_error("x", event("4"), b"no json", event("3"), arrived=next_day)

    result = mall.compact(DAY, "2024-06-02")

    assert result.success
    assert mall.ids() == ["1", "3", "4"]
    assert mall.published().filter(pl.col("event_id") == "1")["page"].item() == "/first"
    assert {r["reason"] for r in mall.quarantined()} == {"not_an_object", "unknown_event_type"}
    found = counts(result)
    assert (found["source_rows"], found["written_rows"]) == (8, 3)
    assert (found["duplicates"], found["quarantined"]) == (3, 2)
    assert mall.ids("2024-06-02") == []
    [undecodable] = mall.quarantined("2024-06-02")
    assert undecodable["record"] == "no json"
    assert undecodable["key"].startswith("clicks-errors/")


def test_an_hour_and_a_day_with_none_are_published_empty(mall: Mall) -> None:
    result = mall.compact()
    assert result.success
    assert mall.published().height == 0
    assert counts(result)["source_rows"] == 0


def test_a_late_object_is_taken_in_by_the_next_run_and_nothing_else_is_done(mall: Mall) -> None:
    days = [(today() - timedelta(days=back)).isoformat() for back in (2, 1, 0)]
    at = [int(datetime.fromisoformat(f"{d}T03:00:00+00:00").timestamp() * 1000) for d in days]
    mall.land("a", event("1", event_time_ms=at[0]), day=days[0])
    mall.land("a", event("2", event_time_ms=at[1]), day=days[1])
    assert mall.compact(days[0], days[2]).success
    before = mall.platform["catalog"].partitions(CLICKS.name)

    mall.land("late", event("3", event_time_ms=at[1]), day=days[1])
    assert mall.compact(days[0], days[2], only_grown=True).success

    after = mall.platform["catalog"].partitions(CLICKS.name)
    assert after[days[0]] == before[days[0]]
    assert after[days[1]].location != before[days[1]].location
    assert after[days[2]].location != before[days[2]].location
    assert after[days[1]].parameters[FINGERPRINT] != before[days[1]].parameters[FINGERPRINT]
    assert mall.ids(days[1]) == ["2", "3"]


@pytest.mark.parametrize("left", [(), ("b",)])
def test_a_day_whose_landing_has_expired_stays(mall: Mall, left: Sequence[str]) -> None:
    """(E3, B5) A backfill over old days must not empty what can't be made again; a Tokyo day
    expires in two parts."""
    for name in ("a", "b"):
        mall.land(name, event(name))
    assert mall.compact().success
    for name in {"a", "b"} - {*left}:
        mall.s3.delete_object(Bucket=mall.raw, Key=f"clicks/dt={DAY}/hour=12/{name}.json")
    mall.land("c", event("c", event_time_ms=NOON + 86_400_000), day="2024-06-02")
    assert mall.compact(DAY, "2024-06-02").success
    assert (mall.ids(), mall.ids("2024-06-02")) == (["a", "b"], ["c"])
    assert mall.compact().success
    assert mall.ids() == ["a", "b"]
    assert mall.compact(accept_loss=True).success
    assert mall.ids() == [*left]


def test_a_late_error_record_brings_its_day_back(mall: Mall) -> None:
    yesterday = today() - timedelta(days=1)
    at = datetime.fromisoformat(f"{yesterday}T03:00:00+00:00")
    mall.land("a", event("1", event_time_ms=int(at.timestamp() * 1000)), day=str(yesterday))
    assert mall.compact(str(yesterday), str(today())).success
    late = event("2", event_time_ms=int(at.timestamp() * 1000))
    mall.land_error("x", late, arrived=datetime.now(UTC))
    assert mall.compact(str(yesterday), str(today()), only_grown=True).success
    assert mall.ids(str(yesterday)) == ["1", "2"]


def _add_customer(shop: Any, name: str = "山田金太郎") -> None:
    with shop.cursor() as cursor:
        cursor.execute(
            "INSERT INTO customers (customer_id, email, name, phone, password_hash, signed_up_at)"
            " VALUES (5, 'taro@example.jp', %s, '090-1234-5678', 'x', '2024-01-01')",
            (name,),
        )
    shop.commit()


def test_a_customers_name_in_a_path_is_hidden_on_the_way(mall: Mall, shop: Any) -> None:
    """(E4) However it is spelt; and the day is published all the same."""
    _add_customer(shop)
    pages = [
        "/u/山田金太郎/a",
        "/u/山田 金太郎さん",
        "/u/%E5%B1%B1%E7%94%B0%E9%87%91%E5%A4%AA%E9%83%8E",
        "/u/山田",
    ]
    mall.land("a", *(event(f"e{n}", customer_id=5, page=p) for n, p in enumerate(pages)))
    assert mall.compact().success
    assert mall.published()["page"].to_list() == ["/u/:id/a", "/u/:id", "/u/:id", "/u/山田"]


@pytest.mark.parametrize(
    "page", ["/u/山田/金太郎", "/u/%E5%B1%B1%E7%94%B0/%E9%87%91太郎", "/tel/090/1234/5678"]
)
def test_a_value_that_only_several_segments_make_is_hidden(
    mall: Mall, shop: Any, page: str
) -> None:
    """(E4) Else nothing could ever publish the day."""
    _add_customer(shop)
    mall.land("a", event("1", customer_id=5, page=page), event("2", page="/products/12/a"))
    assert mall.compact().success
    assert sorted(mall.published()["page"]) == ["/:id", "/products/12/a"]


def test_a_customer_called_like_a_site_does_not_keep_the_day_back(mall: Mall, shop: Any) -> None:
    """(E4) Anybody may register as `Google` and come from there."""
    _add_customer(shop, name="Google")
    referrers = ["https://www.google.com/search", "https://t.co/1", None]
    mall.land("a", *(event(f"e{n}", customer_id=5, referrer=r) for n, r in enumerate(referrers)))
    assert mall.compact().success
    assert mall.published()["referrer_host"].to_list() == [None, "t.co", None]


def test_a_site_called_like_a_phone_number_does_not_keep_the_day_back(mall: Mall) -> None:
    """(E4) So are many sites of services that are ordered by phone."""
    hosts = ["0312345678.jp", "090-1234-5678.example.jp", "150-0001.jp", "10.0.0.1", "t.co"]
    mall.land("a", *(event(f"e{n}", referrer=f"https://{h}/x") for n, h in enumerate(hosts)))
    assert mall.compact().success
    assert mall.published()["referrer_host"].to_list() == [None, None, None, "10.0.0.1", "t.co"]


def test_an_events_number_that_equals_a_postal_code_does_not_keep_the_day_back(
    mall: Mall, shop: Any
) -> None:
    """(E4) Ids that count reach every code once; names and phones in ids still count."""
    _add_customer(shop)
    with shop.cursor() as cursor:
        cursor.execute("UPDATE customers SET postal_code = '123-4567' WHERE customer_id = 5")
    shop.commit()
    mall.land("a", event("evt-1234567", customer_id=5), event("1234567", customer_id=5))
    assert mall.compact().success
    mall.land("b", event("evt-09012345678", customer_id=5))
    assert not mall.compact().success
    assert mall.ids() == ["1234567", "evt-1234567"]


@pytest.mark.parametrize(
    "event_id",
    [
        "cafe9d94-5f1e-4b0a-9a53-2b6f51234567",
        "cafe9d945f1e4b0a9a532b6f51234567",
        "01CAFEZ0000000000001234567",
    ],
)
def test_a_name_in_a_machines_id_does_not_keep_the_day_back(
    mall: Mall, shop: Any, event_id: str
) -> None:
    """(E4) Its signs are random, however many of the last are digits."""
    _add_customer(shop, name="Cafe")
    mall.land("a", event(event_id, customer_id=5))
    assert mall.compact().success


def test_personal_data_that_cannot_be_hidden_publishes_nothing(mall: Mall, shop: Any) -> None:
    """(E4) The old version stays; no file of the new one is stored; other days go on."""
    _add_customer(shop)
    mall.land("a", event("fine", customer_id=5))
    assert mall.compact().success
    stored = {o["Key"] for o in _objects(mall)}
    mall.land("b", event("of taro@example.jp", customer_id=5))
    next_day = NOON + 86_400_000
    mall.land("c", event("next", event_time_ms=next_day), day="2024-06-02")

    result = mall.compact(DAY, "2024-06-02")

    assert not result.success
    assert mall.ids() == ["fine"]
    assert mall.ids("2024-06-02") == ["next"]
    new = {o["Key"] for o in _objects(mall)} - stored
    assert [key for key in new if f"dt={DAY}" in key and key.endswith(".parquet")] == []
    failed = {e.check_name for e in result.get_asset_check_evaluations() if not e.passed}
    assert "no_raw_personal_data" in failed
    said = json.dumps([str(event_) for event_ in result.all_events], ensure_ascii=False)
    assert "taro@example.jp" not in said


def _objects(mall: Mall) -> Sequence[dict[str, Any]]:
    lake = mall.platform["lake"]
    return mall.s3.list_objects_v2(Bucket=lake.bucket, Prefix="clicks/").get("Contents", [])


def test_the_old_quarantine_goes_when_the_day_is_clean(mall: Mall) -> None:
    mall.land("a", b"broken")
    assert mall.compact().success
    assert len(mall.quarantined()) == 1
    mall.land("a", event("1"))
    assert mall.compact().success
    with pytest.raises(mall.s3.exceptions.NoSuchKey):
        mall.quarantined()


def crawl(mall: Mall) -> dict[str, bool]:
    result = dg.materialize([raw_clicks], resources=mall.platform)
    return {e.check_name: e.passed for e in result.get_asset_check_evaluations()}


def test_the_crawler_finds_a_field_nobody_declared(mall: Mall) -> None:
    """(A0, E3)"""
    mall.land("a", event("1"))
    assert crawl(mall)["no_undeclared_fields"]
    mall.land("b", event("2", shoe_size=26))
    glue, database = mall.platform["aws"].client("glue"), mall.platform["aws"].names.database
    table = glue.get_table(DatabaseName=database, Name="clicks_raw")["Table"]
    try:
        assert not crawl(mall)["no_undeclared_fields"]
    finally:
        keys = ("Name", "TableType", "PartitionKeys", "Parameters", "StorageDescriptor")
        before = {key: table[key] for key in keys if key in table}
        glue.update_table(DatabaseName=database, TableInput=before)


def test_what_the_crawl_finds_again_is_no_news(mall: Mall) -> None:
    """(P2) The crawl is hourly; a folder stays until somebody acts."""

    def fingerprints() -> dict[str, Any]:
        found = dg.materialize([raw_clicks], resources=mall.platform)
        checks = found.get_asset_check_evaluations()
        return {e.check_name: e.metadata["fingerprint"].value for e in checks}

    mall.land("a", event("1"), day="2099-01-01")
    before = fingerprints()
    mall.land("b", event("2"), day="2099-01-01")
    assert fingerprints() == before
    mall.land("a", event("3"), day="2099-01-02")
    assert fingerprints()["no_stray_folders"] != before["no_stray_folders"]


def test_a_missing_bucket_is_named_before_it_is_crawled(
    mall: Mall, monkeypatch: pytest.MonkeyPatch
) -> None:
    """(E3) The crawler's own error doesn't say what to materialize."""
    monkeypatch.setattr(Aws, "bucket", lambda _self, purpose: f"no-such-{purpose}")
    with pytest.raises(MissingInfrastructureError, match="infra/storage/raw_bucket"):
        dg.materialize([raw_clicks], resources=mall.platform)


@pytest.mark.parametrize("stray", [f"dt={DAY}.bak/x", f"dt={DAY}-copy/hour=01/x", "dt=2024-06-01x"])
def test_a_stray_folder_between_days_hides_no_later_day(mall: Mall, stray: str) -> None:
    """(E3) It stood for the end of the landing, and emptied the days behind it."""
    mall.land("a", event("first"))
    mall.land("b", event("next", event_time_ms=NOON + 86_400_000), day="2024-06-02")
    mall.s3.put_object(Bucket=mall.platform["aws"].bucket("raw"), Key=f"clicks/{stray}", Body=b"x")
    assert mall.compact(DAY, "2024-06-02").success
    assert (mall.ids(), mall.ids("2024-06-02")) == (["first"], ["next"])


def test_folders_of_no_business_day_are_said(mall: Mall) -> None:
    mall.land("a", event("1"))
    assert crawl(mall)["no_stray_folders"]
    mall.land("b", event("2"), day=date(2099, 1, 1).isoformat())
    assert not crawl(mall)["no_stray_folders"]
