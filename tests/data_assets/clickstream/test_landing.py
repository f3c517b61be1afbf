"""Which days an hourly run compacts (E3)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from data_assets.clickstream.landing import (
    AS_OF,
    FINGERPRINT,
    OBJECTS,
    LandedObject,
    Landing,
    Seen,
    arrival_day,
    days_to_compact,
    fingerprint,
)

TODAY = date(2024, 6, 4)
DAYS = [TODAY - timedelta(days=back) for back in (3, 2, 1, 0)]
NOW = datetime(2024, 6, 4, 3, tzinfo=UTC)


def item(key: str, etag: str = "e", size_bytes: int = 10) -> LandedObject:
    return LandedObject(key, etag, size_bytes, NOW)


def landing(**objects: list[LandedObject]) -> Landing:
    return Landing(NOW, {date(2024, 6, int(day[1:])): found for day, found in objects.items()})


QUIET = landing(d1=[item("a")], d2=[item("b")], d3=[item("c")], d4=[item("d")])
SEEN = {day: Seen(fingerprint(QUIET.of(day)), NOW - timedelta(hours=1), 0) for day in DAYS}


def test_only_the_current_day_where_nothing_has_grown() -> None:
    assert days_to_compact(DAYS, TODAY, QUIET, SEEN, {}) == [TODAY]


@pytest.mark.parametrize(
    "objects",
    [
        [item("b"), item("b2")],
        [item("b", etag="other")],
        [item("b", size_bytes=11)],
        [],
    ],
)
def test_a_day_whose_objects_changed_is_compacted_again(objects: list[LandedObject]) -> None:
    grown = landing(d1=[item("a")], d2=objects, d3=[item("c")], d4=[item("d")])
    assert days_to_compact(DAYS, TODAY, grown, SEEN, {}) == [date(2024, 6, 2), TODAY]


def test_a_day_that_is_not_published_is_compacted() -> None:
    seen = {day: s for day, s in SEEN.items() if day.day != 3}
    assert days_to_compact(DAYS, TODAY, QUIET, seen, {}) == [date(2024, 6, 3), TODAY]


def test_a_day_with_a_later_error_record_is_compacted_again() -> None:
    errors = {date(2024, 6, 2): NOW, date(2024, 6, 3): NOW - timedelta(hours=2)}
    assert days_to_compact(DAYS, TODAY, QUIET, SEEN, errors) == [date(2024, 6, 2), TODAY]


def test_the_fingerprint_does_not_depend_on_order() -> None:
    assert fingerprint([item("a"), item("b")]) == fingerprint([item("b"), item("a")])


def test_what_a_partition_says_of_its_landing_is_read_back() -> None:
    parameters = {FINGERPRINT: "f", AS_OF: NOW.isoformat(), OBJECTS: "3", "other": "x"}
    assert Seen.of(parameters) == Seen("f", NOW, 3)
    assert Seen.of({"other": "x"}) is None


@pytest.mark.parametrize(
    ("key", "day"),
    [
        ("clicks-errors/2024/06/03/14/metadata-extraction-failed/x", date(2024, 6, 3)),
        ("clicks-errors/2024/06/03/15/metadata-extraction-failed/x", date(2024, 6, 4)),
        ("clicks-errors/elsewhere/x", date(2024, 6, 4)),
    ],
)
def test_arrival_is_the_folders_hour_in_tokyo(key: str, day: date) -> None:
    assert arrival_day(item(key)) == day
