"""Business days: the mall's calendar is Asia/Tokyo, its clocks and its lake are UTC."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from resources.settings import load_settings

TOKYO = ZoneInfo("Asia/Tokyo")

business_days = dg.DailyPartitionsDefinition(
    start_date=load_settings().first_business_day.isoformat(),
    timezone="Asia/Tokyo",
    end_offset=1,
)
"""One partition per Tokyo day, the current day included."""


def business_day(instant: datetime) -> date:
    """The Tokyo day of an aware instant."""
    return instant.astimezone(TOKYO).date()


def today() -> date:
    """The Tokyo day it is now."""
    return business_day(datetime.now(UTC))


def utc_bounds(day: date, last: date | None = None) -> tuple[datetime, datetime]:
    """First instant of a business day, and first instant after it (after `last`), in UTC."""
    start = datetime.combine(day, time(), TOKYO)
    end = datetime.combine((last or day) + timedelta(days=1), time(), TOKYO)
    return start.astimezone(UTC), end.astimezone(UTC)


def days_of(keys: Iterable[str]) -> list[date]:
    """The days of partition keys, oldest first."""
    return sorted(date.fromisoformat(key) for key in keys)


def spans(days: Iterable[date]) -> list[tuple[date, date]]:
    """Days as runs of consecutive ones: (first, last), oldest first."""
    found: list[tuple[date, date]] = []
    for day in sorted(set(days)):
        if found and day - found[-1][1] == timedelta(days=1):
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found
