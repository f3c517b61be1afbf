"""Records that Firehose could not place count like any other, on the day they belong to (E3)."""

from __future__ import annotations

import base64
import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from data_assets.clickstream.error_records import lines_by_day

FIRST = date(2024, 1, 1)
ARRIVED = datetime(2024, 6, 2, 1, tzinfo=UTC)
FOLDER_DAY = date(2024, 6, 1)
YESTERDAY = int(datetime(2024, 6, 1, 1, tzinfo=UTC).timestamp() * 1000)


def entry(raw: bytes, **changes: Any) -> bytes:
    error = {
        "attemptsMade": 1,
        "arrivalTimestamp": int(ARRIVED.timestamp() * 1000),
        "errorCode": "DynamicPartitioning.MetadataExtractionFailed",
        "rawData": base64.b64encode(raw).decode(),
        **changes,
    }
    return json.dumps(error).encode() + b"\n"


def days(line: bytes) -> list[tuple[date, bytes]]:
    return list(lines_by_day(line, FOLDER_DAY, FIRST))


def test_a_record_belongs_to_the_day_of_its_event() -> None:
    record = json.dumps({"event_time_ms": YESTERDAY}).encode()
    assert days(entry(record + b"\n")) == [(date(2024, 6, 1), record + b"\n")]


@pytest.mark.parametrize(
    "record",
    [
        b'{"event_id": "x"}',
        b'{"event_time_ms": "soon"}',
        b'{"event_time_ms": true}',
        b"not json",
        b"[1]",
        b'{"event_time_ms": 99999999999999999999}',
        b'{"event_time_ms": 0}',
        b'{"event_time_ms": 1719900000000}',
        b"[" * 100_000,
    ],
)
def test_without_a_possible_time_it_belongs_to_the_day_it_arrived(record: bytes) -> None:
    assert days(entry(record)) == [(date(2024, 6, 2), record + b"\n")]


def test_a_clock_may_run_ahead_over_midnight() -> None:
    arrived = datetime(2024, 6, 2, 14, 55, tzinfo=UTC)
    ahead = int(datetime(2024, 6, 2, 15, 2, tzinfo=UTC).timestamp() * 1000)
    record = json.dumps({"event_time_ms": ahead}).encode()
    line = entry(record, arrivalTimestamp=int(arrived.timestamp() * 1000))
    assert days(line) == [(date(2024, 6, 3), record + b"\n")]


@pytest.mark.parametrize("line", [b"{}\n", b"nonsense\n", entry(b"x", rawData="no base64!")])
def test_what_cannot_be_decoded_is_one_malformed_record_of_its_folders_day(line: bytes) -> None:
    [(day, record)] = days(line)
    assert day == FOLDER_DAY
    assert isinstance(json.loads(record), str)


def test_several_records_in_one_are_several_lines() -> None:
    found = days(entry(b'{"a": 1}\n\n{"b": 2}\n'))
    assert [record for _, record in found] == [b'{"a": 1}\n', b'{"b": 2}\n']


def test_bytes_that_are_no_text_stay_malformed() -> None:
    [(_, record)] = days(entry(b"\xff\x00"))
    assert base64.b64decode(json.loads(record)) == b"\xff\x00"
