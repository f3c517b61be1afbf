"""Records that Firehose could not place, taken out of the objects it wrote instead (E3).

Each becomes a line of the day it belongs to, and is then treated like any landed record: the day
of its event time, or, where that can't be read or isn't possible, the day it arrived, on which it
is malformed.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

from data_assets.clickstream.events import CLOCK_SKEW, day_of_event
from data_assets.clickstream.lines import as_line, unreadable
from data_assets.partitions import business_day


def lines_by_day(line: bytes, arrived_on: date, first: date) -> Iterator[tuple[date, bytes]]:
    """The landed lines in one line of an error object, each with its day.

    `arrived_on` is the day of arrival where the line itself doesn't say; `first` is the first
    business day.
    """
    entry = _json(line)
    raw = _raw_data(entry)
    if raw is None:
        yield arrived_on, unreadable(line)
        return
    arrived = _arrival(entry)
    if arrived is not None:
        arrived_on = business_day(arrived)
    latest = arrived_on if arrived is None else business_day(arrived + CLOCK_SKEW)
    for record in raw.split(b"\n"):
        if record.strip():
            event = _json(record)
            day = day_of_event(event.get("event_time_ms")) if isinstance(event, dict) else None
            possible = day is not None and first <= day <= latest
            yield day if day and possible else arrived_on, as_line(record)


def _raw_data(entry: Any) -> bytes | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("rawData"), str):
        return None
    try:
        return base64.b64decode(entry["rawData"], validate=True)
    except (binascii.Error, ValueError):
        return None


def _arrival(entry: dict[str, Any]) -> datetime | None:
    arrived = entry.get("arrivalTimestamp")
    if not isinstance(arrived, int) or isinstance(arrived, bool):
        return None
    try:
        return datetime.fromtimestamp(arrived / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _json(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
