"""What has landed in the raw bucket, by day, and which days are to be compacted again (E3)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from data_assets.partitions import business_day, spans, utc_bounds
from resources.aws import Aws
from resources.faults import explained

LANDING = "clicks/"
ERRORS = "clicks-errors/"
QUARANTINE = "clicks-quarantine/"
RAW_BUCKET = "infra/storage/raw_bucket"

FINGERPRINT = "mall.landing_fingerprint"
AS_OF = "mall.landing_as_of"
OBJECTS = "mall.landing_objects"
"""Parameters of a published partition: what had landed when it was compacted, when that was
listed, and how many objects it was."""


@dataclass(frozen=True)
class LandedObject:
    """An object in the raw bucket; `modified` is when it landed (UTC)."""

    key: str
    etag: str
    size_bytes: int
    modified: datetime


@dataclass(frozen=True)
class Landing:
    """What had landed at a time: clicks by their folder's day, and Firehose's error objects."""

    as_of: datetime
    clicks: Mapping[date, Sequence[LandedObject]] = field(default_factory=dict)
    errors: Sequence[LandedObject] = ()

    def of(self, day: date) -> Sequence[LandedObject]:
        """The objects of a day's folder, by key."""
        return self.clicks.get(day, ())


@dataclass(frozen=True)
class Seen:
    """What a published partition says of its landing."""

    fingerprint: str
    as_of: datetime
    objects: int

    @staticmethod
    def of(parameters: Mapping[str, str]) -> Seen | None:
        """None for a partition that says nothing."""
        if not {FINGERPRINT, AS_OF, OBJECTS} <= parameters.keys():
            return None
        as_of = datetime.fromisoformat(parameters[AS_OF])
        return Seen(parameters[FINGERPRINT], as_of, int(parameters[OBJECTS]))


def fingerprint(objects: Iterable[LandedObject]) -> str:
    """A digest that changes when an object is added, replaced or removed."""
    return digest(sorted(f"{item.key} {item.etag} {item.size_bytes}" for item in objects))


def digest(lines: Iterable[str]) -> str:
    """The same for the same lines in the same order, and tells nothing of them."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def has_grown(
    day: date, landing: Landing, seen: Seen | None, errors_until: Mapping[date, datetime]
) -> bool:
    """Whether a day is unpublished or has records that its published partition has not.

    `errors_until` is, by event day, when the newest error object with such a record landed.
    """
    if seen is None or fingerprint(landing.of(day)) != seen.fingerprint:
        return True
    return day in errors_until and errors_until[day] >= seen.as_of.replace(microsecond=0)


def has_expired(day: date, landing: Landing, seen: Seen | None) -> bool:
    """Whether there is less left than what a published day was compacted from.

    The raw bucket forgets, as it must, and not all of a day at once; what the lake has of such a
    day can't be made again.
    """
    return seen is not None and len(landing.of(day)) < seen.objects


def days_to_compact(
    days: Iterable[date],
    today: date,
    landing: Landing,
    seen: Mapping[date, Seen | None],
    errors_until: Mapping[date, datetime],
) -> list[date]:
    """Which of some days an hourly run compacts: the current one, and those that have grown."""
    return [
        day for day in days if day == today or has_grown(day, landing, seen.get(day), errors_until)
    ]


def list_landing(aws: Aws, days: Sequence[date]) -> Landing:
    """Lists the folders of some days, and the error objects that may hold records of them.

    Raises MissingInfrastructureError if the raw bucket isn't there.
    """
    as_of = datetime.now(UTC)
    clicks: dict[date, list[LandedObject]] = {day: [] for day in days}
    by_folder = {_folder(day): clicks[day] for day in days}
    for first, last in spans(days):
        end = _folder(last + timedelta(days=1))
        for item in _objects(aws, LANDING, _folder(first)):
            if item.key >= end:
                break
            # Other folders may stand in between; `no_stray_folders` tells of them.
            in_folder = by_folder.get(item.key[: len(end)])
            if in_folder is not None:
                in_folder.append(item)
    errors: list[LandedObject] = []
    if days:
        since = utc_bounds(min(days))[0] - timedelta(hours=1)
        errors = list(_objects(aws, ERRORS, f"{ERRORS}{since:%Y/%m/%d/%H}/"))
    return Landing(as_of, clicks, errors)


def _folder(day: date) -> str:
    return f"{LANDING}dt={day}/"


def arrival_day(item: LandedObject) -> date:
    """The Tokyo day on which an error object's records arrived, by its folder's hour in UTC."""
    parts = item.key.removeprefix(ERRORS).split("/")
    try:
        year, month, day, hour = map(int, parts[:4])
        return business_day(datetime(year, month, day, hour, tzinfo=UTC))
    except ValueError:
        return business_day(item.modified)


def folders(aws: Aws) -> list[str]:
    """The day folders of the landing, by name, whatever days they are."""
    pages = aws.client("s3").get_paginator("list_objects_v2")
    bucket = aws.bucket("raw")
    with explained(f"The raw bucket {bucket}", RAW_BUCKET):
        return [
            prefix["Prefix"].removeprefix(LANDING).rstrip("/")
            for page in pages.paginate(Bucket=bucket, Prefix=LANDING, Delimiter="/")
            for prefix in page.get("CommonPrefixes", [])
        ]


def _objects(aws: Aws, prefix: str, after: str) -> Iterator[LandedObject]:
    """Objects with keys from `after` on, by key; folders' own markers are left out."""
    pages = aws.client("s3").get_paginator("list_objects_v2")
    bucket = aws.bucket("raw")
    with explained(f"The raw bucket {bucket}", RAW_BUCKET):
        for page in pages.paginate(Bucket=bucket, Prefix=prefix, StartAfter=after):
            for item in page.get("Contents", []):
                if item["Size"]:
                    yield _landed(item)


def _landed(item: Mapping[str, Any]) -> LandedObject:
    return LandedObject(item["Key"], item["ETag"], item["Size"], item["LastModified"])
