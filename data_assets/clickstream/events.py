"""What a click event is: its declared fields and the reasons why a record isn't one (E3)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Literal

from data_assets.partitions import business_day

Reason = Literal[
    "not_an_object",
    "event_id",
    "event_time_ms",
    "session_id",
    "event_type",
    "unknown_event_type",
    "in_the_future",
    "another_day",
]
"""Why a record is malformed; a field's name says that it is missing or of another type."""

FIELDS = (
    "event_id",
    "event_time_ms",
    "session_id",
    "customer_id",
    "event_type",
    "page",
    "product_id",
    "referrer",
    "user_agent",
    "ip",
)
"""The declared fields."""

CLOCK_SKEW = timedelta(minutes=10)
"""How far ahead of now an event may be."""

_LATEST_MS = 253_402_300_799_999


def day_of_event(event_time_ms: object) -> date | None:
    """The Tokyo day of an event's time; None for what is no time."""
    if not isinstance(event_time_ms, int) or isinstance(event_time_ms, bool):
        return None
    if not 0 <= event_time_ms <= _LATEST_MS - 86_400_000:
        return None
    return business_day(datetime.fromtimestamp(event_time_ms / 1000, UTC))
