"""Business days are Tokyo's."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from data_assets.partitions import business_day, business_days, days_of, spans, utc_bounds


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (datetime(2024, 6, 1, 14, 59, 59, tzinfo=UTC), date(2024, 6, 1)),
        (datetime(2024, 6, 1, 15, tzinfo=UTC), date(2024, 6, 2)),
    ],
)
def test_a_day_begins_at_midnight_in_tokyo(instant: datetime, day: date) -> None:
    assert business_day(instant) == day
    low, high = utc_bounds(day)
    assert low <= instant < high


def test_bounds_of_several_days_reach_from_the_first_to_the_last() -> None:
    assert utc_bounds(date(2024, 6, 1), date(2024, 6, 3)) == (
        datetime(2024, 5, 31, 15, tzinfo=UTC),
        datetime(2024, 6, 3, 15, tzinfo=UTC),
    )


def test_the_current_day_is_a_partition() -> None:
    now = datetime(2024, 6, 1, 15, 1, tzinfo=UTC)
    assert business_days.get_partition_keys(current_time=now)[-1] == "2024-06-02"


def test_days_are_grouped_into_runs_of_consecutive_ones() -> None:
    days = days_of(["2024-06-05", "2024-06-01", "2024-06-02", "2024-06-30", "2024-07-01"])
    assert spans(days) == [
        (date(2024, 6, 1), date(2024, 6, 2)),
        (date(2024, 6, 5), date(2024, 6, 5)),
        (date(2024, 6, 30), date(2024, 7, 1)),
    ]
    assert spans([]) == []
