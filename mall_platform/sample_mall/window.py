"""The days that a sample covers: whole Tokyo days, held as UTC microseconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

TOKYO = ZoneInfo("Asia/Tokyo")
DAY_US = 86_400_000_000
HOUR_US = 3_600_000_000
TOKYO_OFFSET_US = 9 * HOUR_US
"""Tokyo has kept UTC+9 without daylight saving since 1952."""


def tokyo_midnight_us(day: date) -> int:
    """The start of a Tokyo day in microseconds since the epoch (UTC)."""
    midnight = datetime.combine(day, time(), TOKYO).astimezone(UTC)
    return int(midnight.timestamp()) * 1_000_000


@dataclass(frozen=True)
class Window:
    """`days` Tokyo days up to and with `last_day`; ends are UTC microseconds, `end_us` excluded."""

    last_day: date
    days: int

    @property
    def first_day(self) -> date:
        return self.last_day - timedelta(days=self.days - 1)

    @property
    def start_us(self) -> int:
        return tokyo_midnight_us(self.first_day)

    @property
    def end_us(self) -> int:
        return tokyo_midnight_us(self.last_day) + DAY_US
