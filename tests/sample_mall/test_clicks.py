"""Click events: countable, dirty as the contract foresees, delivered whole."""

import itertools
import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from mall_platform.sample_mall import clicks, visits
from mall_platform.sample_mall.effects import CLICK_PEAK_HOURS
from mall_platform.sample_mall.window import TOKYO

DAY = date(2024, 6, 29)
TYPES = {"page_view", "product_view", "search", "add_to_cart", "purchase"}
FIELDS = {
    *("event_id", "event_time_ms", "session_id", "customer_id", "event_type", "page"),
    *("product_id", "referrer", "user_agent", "ip"),
}


def parsed(line: bytes) -> dict[str, Any] | None:
    """A well-formed event by the contract's rules, else None."""
    try:
        event = json.loads(line)
    except json.JSONDecodeError:
        return None
    if not isinstance(event, dict):
        return None
    texts = all(isinstance(event.get(f), str) for f in ("event_id", "session_id", "event_type"))
    timed = type(event.get("event_time_ms")) is int
    return event if texts and timed and event["event_type"] in TYPES else None


def tokyo(event: dict[str, Any]) -> datetime:
    return datetime.fromtimestamp(event["event_time_ms"] / 1_000, UTC).astimezone(TOKYO)


class RecordingS3:
    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put_object(self, **put: Any) -> None:
        assert put["Bucket"] == "raw"
        assert put["Key"] not in self.objects
        self.objects[put["Key"]] = put["Body"]


class RefusingFirehose:
    """Refuses every `nth` record it is shown, as Firehose does under load."""

    def __init__(self, nth: int) -> None:
        self.nth = nth
        self.shown = 0
        self.taken: list[bytes] = []

    def put_record_batch(self, **put: Any) -> dict[str, Any]:
        assert put["DeliveryStreamName"] == "clicks"
        records = put["Records"]
        assert 0 < len(records) <= 500
        assert sum(len(record["Data"]) for record in records) <= 4 * 1024 * 1024
        replies: list[dict] = []
        for record in records:
            self.shown += 1
            if self.shown % self.nth == 0:
                replies.append({"ErrorCode": "ServiceUnavailableException"})
            else:
                self.taken.append(record["Data"])
                replies.append({"RecordId": str(self.shown)})
        failed = sum("ErrorCode" in reply for reply in replies)
        return {"FailedPutCount": failed, "RequestResponses": replies}


@pytest.fixture(scope="module")
def busy_hour() -> list[bytes]:
    """An hour's records: enough for every kind of dirt."""
    return list(clicks.events(DAY, 12, 20_000, 1, 1_000, 200))


@pytest.fixture(scope="module")
def busy_events(busy_hour: list[bytes]) -> list[dict[str, Any]]:
    return [event for line in busy_hour if (event := parsed(line))]


def test_an_hour_has_the_asked_number_of_different_events_within_it() -> None:
    lines = list(clicks.events(DAY, 21, 5_000, 1, 1_000, 200))
    assert all(b"\n" not in line for line in lines)
    events = [event for line in lines if (event := parsed(line))]
    assert len({event["event_id"] for event in events}) == 5_000
    assert {(tokyo(event).date(), tokyo(event).hour) for event in events} == {(DAY, 21)}
    assert all(set(event) == FIELDS for event in events)
    times = [event["event_time_ms"] for event in events]
    assert times == sorted(times)


def test_the_same_seed_gives_the_same_records_and_another_seed_others() -> None:
    first, again, other = (
        list(clicks.events(DAY, 12, 300, seed, 1_000, 200)) for seed in (1, 1, 2)
    )
    assert first == again
    assert not set(first) & set(other)


def test_events_are_typed_as_the_contract_says(busy_events: list[dict[str, Any]]) -> None:
    for event in busy_events:
        assert event["customer_id"] is None or 1 <= event["customer_id"] <= 1_000
        assert event["product_id"] is None or 1 <= event["product_id"] <= 200
        assert isinstance(event["page"], str)
        for field in ("referrer", "user_agent", "ip"):
            assert event[field] is None or isinstance(event[field], str)


def test_every_kind_of_malformed_record_is_among_them(busy_hour: list[bytes]) -> None:
    lines = [line for line in busy_hour if not parsed(line)]
    assert 30 < len(lines) < 100
    kinds: Counter[str] = Counter()
    for line in lines:
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            kinds["not JSON"] += 1
            continue
        if isinstance(record, list):
            kinds["not an object"] += 1
        elif record["event_id"] is None:
            kinds["no event_id"] += 1
        elif "event_time_ms" not in record:
            kinds["no time"] += 1
        elif isinstance(record["event_time_ms"], str):
            kinds["time as text"] += 1
        elif record["session_id"] is None:
            kinds["no session"] += 1
        elif record["event_type"] not in TYPES:
            kinds["unknown type"] += 1
    assert sum(kinds.values()) == len(lines)
    assert len(kinds) == 7


def test_some_events_come_twice_some_with_a_later_time(busy_events: list[dict[str, Any]]) -> None:
    times: dict[str, list[int]] = {}
    for event in busy_events:
        times.setdefault(event["event_id"], []).append(event["event_time_ms"])
    repeated = [seen for seen in times.values() if len(seen) > 1]
    assert 80 < len(repeated) < 180
    assert any(len(set(seen)) > 1 for seen in repeated)
    assert any(len(set(seen)) == 1 for seen in repeated)


def test_visits_lead_from_views_to_carts_to_purchases() -> None:
    visits_seen: dict[str, list[dict]] = {}
    for line in clicks.events(DAY, 12, 10_000, 1, 1_000, 200):
        if event := parsed(line):
            seen = visits_seen.setdefault(event["session_id"], [])
            if event["event_id"] not in {e["event_id"] for e in seen}:
                seen.append(event)
    counts = Counter(e["event_type"] for seen in visits_seen.values() for e in seen)
    assert set(counts) == TYPES
    assert 4 < 10_000 / len(visits_seen) < 9
    for seen in visits_seen.values():
        assert len({(e["customer_id"], e["ip"], e["user_agent"]) for e in seen}) == 1
        for before, event in itertools.pairwise([{}, *seen]):
            if event["event_type"] == "add_to_cart":
                assert before["event_type"] == "product_view"
                assert before["product_id"] == event["product_id"]
            if event["event_type"] == "purchase":
                assert before["event_type"] == "add_to_cart"
                assert before["product_id"] == event["product_id"]


def test_pages_agents_and_referrers_give_the_masking_something_to_do(
    busy_events: list[dict[str, Any]],
) -> None:
    events = busy_events
    assert sum("@" in e["page"].split("?")[0] for e in events) > 20
    assert any("?email=" in e["page"] for e in events)
    assert any("/orders/2024" in e["page"] for e in events)
    agents = [e["user_agent"] or "" for e in events]
    for sign in ("bot", "Slurp", "spider", "iPad", "iPhone", "Android", "Windows"):
        assert any(sign in agent for agent in agents), sign
    assert "" in agents
    assert any("s3cret@" in (e["referrer"] or "") for e in events)
    assert any(e["ip"] is None for e in events)
    assert any(":" in (e["ip"] or "") for e in events)


def test_the_schedule_spreads_the_total_and_ends_before_now() -> None:
    """(A5) The planted peaks are the busiest hours."""
    until = datetime(2024, 6, 30, 1, 59, tzinfo=UTC)
    hours = clicks.schedule(until, days=90, total=300_000)
    assert sum(hour.events for hour in hours) == 300_000
    assert hours[0][:2] == (date(2024, 4, 2), 0)
    assert hours[-1][:2] == (date(2024, 6, 30), 9)
    assert len(hours) == 89 * 24 + 10
    by_hour: Counter[int] = Counter()
    for hour in hours:
        by_hour[hour.hour] += hour.events
    assert {hour for hour, _ in by_hour.most_common(2)} == set(CLICK_PEAK_HOURS)


def test_a_schedule_in_the_first_minutes_of_a_day_has_the_days_before_only() -> None:
    until = datetime(2024, 6, 30, 0, 5, tzinfo=TOKYO)
    assert clicks.schedule(until, days=1, total=100) == ()
    hours = clicks.schedule(until, days=2, total=100)
    assert len(hours) == 24 and sum(hour.events for hour in hours) == 100


def test_landed_hours_lie_where_firehose_would_put_them() -> None:
    s3 = RecordingS3()
    told: list[int] = []
    hours = [clicks.Hour(DAY, 9, 400), clicks.Hour(DAY, 10, 0), clicks.Hour(DAY, 11, 500)]
    landed = clicks.land(s3, "raw", hours, 1, 1_000, 200, told.append)
    folders = [key.rsplit("/", 1)[0] for key in s3.objects]
    assert folders == ["clicks/dt=2024-06-29/hour=09", "clicks/dt=2024-06-29/hour=11"]
    assert told == [1, 2]
    lines = [line for body in s3.objects.values() for line in body.splitlines()]
    assert landed == clicks.Landed(2, len(lines), sum(map(len, s3.objects.values())))
    assert all(body.endswith(b"\n") for body in s3.objects.values())
    again = RecordingS3()
    clicks.land(again, "raw", hours, 1, 1_000, 200)
    assert again.objects == s3.objects


def test_hours_landed_and_streamed_hold_the_same_events() -> None:
    s3 = RecordingS3()
    clicks.land(s3, "raw", [clicks.Hour(DAY, 9, 3_000)], 1, 1_000, 200)
    (body,) = s3.objects.values()
    landed = {
        e["event_id"]
        for line in body.splitlines()
        if (e := parsed(line)) and tokyo(e).date() == DAY
    }
    streamed = {
        e["event_id"] for line in clicks.events(DAY, 9, 3_000, 1, 1_000, 200) if (e := parsed(line))
    }
    assert landed == streamed and len(landed) == 3_000


def test_some_landed_records_are_of_another_day_than_their_folder() -> None:
    s3 = RecordingS3()
    clicks.land(s3, "raw", [clicks.Hour(DAY, 9, 20_000)], 1, 1_000, 200)
    (body,) = s3.objects.values()
    days = Counter(tokyo(e).date() for line in body.splitlines() if (e := parsed(line)))
    assert set(days) == {DAY, DAY - timedelta(days=1)}
    assert days[DAY - timedelta(days=1)] < 30


def test_a_busy_hour_lands_in_parts_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visits, "CHUNK_EVENTS", 1_000)
    s3 = RecordingS3()
    clicks.land(s3, "raw", [clicks.Hour(DAY, 21, 2_500), clicks.Hour(DAY, 22, 300)], 1, 1_000, 200)
    assert [key.rsplit("/", 2)[1:] for key in s3.objects] == [
        ["hour=21", "sample-1-2024-06-29-21-0000.json"],
        ["hour=21", "sample-1-2024-06-29-21-0001.json"],
        ["hour=21", "sample-1-2024-06-29-21-0002.json"],
        ["hour=22", "sample-1-2024-06-29-22-0000.json"],
    ]
    assert max(len(body.splitlines()) for body in s3.objects.values()) < 1_100
    ids = [
        e["event_id"]
        for body in s3.objects.values()
        for line in body.splitlines()
        if (e := parsed(line)) and tokyo(e).date() == DAY
    ]
    assert len(set(ids)) == 2_800


def test_events_are_made_as_they_are_taken() -> None:
    upcoming = clicks.events(DAY, 21, 10_000_000, 1, 1_000, 200)
    assert len(list(itertools.islice(upcoming, 10))) == 10


def test_a_failing_put_fails_the_landing() -> None:
    class FullS3:
        def put_object(self, **_: Any) -> None:
            raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        clicks.land(FullS3(), "raw", [clicks.Hour(DAY, 9, 10)], 1, 1_000, 200)


def test_refused_records_are_streamed_again_and_none_twice() -> None:
    records = list(clicks.events(DAY, 12, 1_200, 1, 1_000, 200))
    firehose = RefusingFirehose(nth=7)
    pauses: list[float] = []
    streamed = clicks.stream(firehose, "clicks", iter(records), pauses.append)
    assert Counter(firehose.taken) == Counter(records)
    assert streamed.records == len(records)
    assert streamed.calls == len(pauses) + 3
    assert pauses and all(0 < pause < 15 for pause in pauses)


def test_large_records_go_in_calls_within_firehoses_limit() -> None:
    records = [b"x" * 900_000] * 10
    firehose = RefusingFirehose(nth=1_000)
    assert clicks.stream(firehose, "clicks", records, lambda _: None) == clicks.Streamed(10, 3)


def test_a_stream_that_keeps_refusing_is_an_error() -> None:
    with pytest.raises(clicks.StreamError, match="clicks refused 3 records 8 times"):
        clicks.stream(RefusingFirehose(nth=1), "clicks", [b"a", b"b", b"c"], lambda _: None)


def test_no_records_make_no_call() -> None:
    assert clicks.stream(RefusingFirehose(1), "clicks", []) == clicks.Streamed(0, 0)
