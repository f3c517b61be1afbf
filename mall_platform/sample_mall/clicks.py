"""The sample mall's click events: how many an hour, and the two ways in which they arrive."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any

import numpy as np

from mall_platform.sample_mall import draws, visits
from mall_platform.sample_mall.effects import CLICK_PEAK_HOURS
from mall_platform.sample_mall.visits import Hour, Visitors
from mall_platform.sample_mall.window import TOKYO

__all__ = ["Hour", "Landed", "StreamError", "Streamed", "events", "land", "schedule", "stream"]

_HOURS = np.array([4, 2, 1, 1, 1, 1, 2, 4, 5, 5, 6, 8, 0, 8, 6, 6, 6, 7, 8, 9, 10, 0, 10, 7.0])
_HOURS[list(CLICK_PEAK_HOURS)] = (14, 17)
_WEEKDAYS = np.array([9, 9, 9, 9, 10, 13, 13.0])
"""From Monday."""

_PUT_THREADS = 4
_BATCH_RECORDS = 500
_BATCH_BYTES = 4 * 1024 * 1024
"""Firehose's limits for one PutRecordBatch."""
_ATTEMPTS = 8


@dataclass(frozen=True)
class Landed:
    """What `land` wrote; `records` counts duplicates and malformed ones, too."""

    objects: int
    records: int
    size_bytes: int


@dataclass(frozen=True)
class Streamed:
    """What `stream` delivered, in how many calls (repeated ones included)."""

    records: int
    calls: int


class StreamError(Exception):
    """Firehose kept refusing records."""

    def __init__(self, stream_name: str, refused: int, code: str) -> None:
        super().__init__(f"{stream_name} refused {refused} records {_ATTEMPTS} times: {code}")


def schedule(until: datetime, days: int, total: int) -> tuple[Hour, ...]:
    """`total` events over the hours from Tokyo midnight `days - 1` days before to `until`.

    `until` is an aware time; its hour is left out unless it is over, so no event is after `until`.
    The last 24 hours are the ones to stream, those before them the ones to land.
    """
    end = until.astimezone(TOKYO).replace(minute=0, second=0, microsecond=0)
    first = end.date() - timedelta(days=days - 1)
    count = (days - 1) * 24 + end.hour
    hours = np.arange(count)
    weight = _HOURS[hours % 24] * _WEEKDAYS[(first.weekday() + hours // 24) % 7]
    upto = np.floor(draws.cumulative(weight) * total + 1e-6).astype(np.int64) if count else hours
    return tuple(
        Hour(first + timedelta(days=hour // 24), hour % 24, events)
        for hour, events in enumerate(np.diff(upto, prepend=0).tolist())
    )


def events(
    day: date, hour: int, count: int, seed: int, customers: int, products: int
) -> Iterator[bytes]:
    """The records of an hour of a Tokyo day, each a line of JSON without its end, by time.

    `count` well-formed events with ids of their own, and duplicates and malformed records among
    them. At most visits.CHUNK_EVENTS are held at once; later chunks start the hour again.
    """
    visitors = Visitors(seed, customers, products)
    for group in visits.chunks([Hour(day, hour, count)]):
        for _, data, offsets in visits.records(visitors, group, filed=False):
            yield from bytes(data).split(b"\n")[: len(offsets) - 1]


def land(
    s3: Any,
    bucket: str,
    hours: Iterable[Hour],
    seed: int,
    customers: int,
    products: int,
    progress: Callable[[int], None] | None = None,
) -> Landed:
    """Writes hours straight to `clicks/dt=…/hour=HH/` in a bucket, as Firehose would have.

    One object an hour, more for an hour of more than visits.CHUNK_EVENTS events; the same hours
    give the same keys and bytes. `s3` is a boto3 client; `progress` is told objects written so
    far. Some records are of another day than their folder.
    """
    visitors = Visitors(seed, customers, products)
    objects = records = size_bytes = 0
    with ThreadPoolExecutor(_PUT_THREADS) as threads:
        underway: deque[Future[Any]] = deque()
        for group in visits.chunks(hours):
            for chunk, data, offsets in visits.records(visitors, group, filed=True):
                if len(underway) > 2 * _PUT_THREADS:
                    underway.popleft().result()
                underway.append(
                    threads.submit(
                        s3.put_object,
                        Bucket=bucket,
                        Key=_landing_key(chunk, seed),
                        Body=bytes(data),
                        ContentType="application/x-ndjson",
                    )
                )
                objects += 1
                records += len(offsets) - 1
                size_bytes += len(data)
                if progress:
                    progress(objects)
        for put in underway:
            put.result()
    return Landed(objects, records, size_bytes)


def stream(
    firehose: Any,
    stream_name: str,
    events: Iterable[bytes],
    pause: Callable[[float], None] = time.sleep,
) -> Streamed:
    """Puts records on a Firehose stream in batches, those refused again after a pause.

    `firehose` is a boto3 client. The stream adds the line ends. Raises StreamError when a record
    has been refused 8 times.
    """
    records = calls = 0
    for batch in _batches(events):
        waiting, attempt = batch, 0
        while waiting:
            reply = firehose.put_record_batch(
                DeliveryStreamName=stream_name, Records=[{"Data": record} for record in waiting]
            )
            calls += 1
            attempt += 1
            if not reply["FailedPutCount"]:
                break
            results = reply["RequestResponses"]
            codes = [result.get("ErrorCode") for result in results]
            waiting = [record for record, code in zip(waiting, codes, strict=True) if code]
            if attempt == _ATTEMPTS:
                raise StreamError(stream_name, len(waiting), next(filter(None, codes)))
            pause(0.05 * 2**attempt)
        records += len(batch)
    return Streamed(records, calls)


def _batches(records: Iterable[bytes]) -> Iterator[Sequence[bytes]]:
    """Batches within both of Firehose's limits, given that no record is over 1,000 KiB."""
    source = iter(records)
    while candidates := list(islice(source, _BATCH_RECORDS)):
        batch: list[bytes] = []
        size_bytes = 0
        for record in candidates:
            if size_bytes + len(record) > _BATCH_BYTES:
                yield batch
                batch, size_bytes = [], 0
            batch.append(record)
            size_bytes += len(record)
        yield batch


def _landing_key(chunk: visits.Chunk, seed: int) -> str:
    day, hour = chunk.hour.day.isoformat(), f"{chunk.hour.hour:02}"
    name = f"sample-{seed}-{day}-{hour}-{chunk.part:04}.json"
    return f"clicks/dt={day}/hour={hour}/{name}"
