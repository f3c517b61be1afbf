"""Landed objects as local files, for as long as a run needs them (E3)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from pathlib import Path

from data_assets.clickstream.compaction import LandedFile
from data_assets.clickstream.error_records import lines_by_day
from data_assets.clickstream.landing import RAW_BUCKET, LandedObject, arrival_day
from data_assets.clickstream.lines import store_lines
from resources.aws import Aws
from resources.faults import explained

_THREADS = 8


def download(aws: Aws, objects: Sequence[LandedObject], folder: Path) -> list[LandedFile]:
    """Copies objects' lines into a folder, several at once; in the objects' order."""

    def fetch(numbered: tuple[int, LandedObject]) -> LandedFile:
        number, item = numbered
        target = folder / f"{number:06d}.json"
        return LandedFile(target, item.key, _store(aws, item, target))

    folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(_THREADS) as threads:
        return list(threads.map(fetch, enumerate(objects)))


def _store(aws: Aws, item: LandedObject, target: Path) -> int:
    bucket = aws.bucket("raw")
    with explained(f"The raw bucket {bucket}", RAW_BUCKET):
        answer = aws.client("s3").get_object(Bucket=bucket, Key=item.key)
        with answer["Body"] as body:
            return store_lines(body, target)


class ErrorRecords:
    """The records of Firehose's error objects, by the day each belongs to, in local files.

    `until` tells, by day, when the newest object with a record of that day landed.
    """

    def __init__(
        self,
        aws: Aws,
        objects: Sequence[LandedObject],
        days: Collection[date],
        first: date,
        folder: Path,
    ) -> None:
        """Keeps records of `days`; `first` is the first business day."""
        self.until: dict[date, datetime] = {}
        self._files: dict[date, list[LandedFile]] = {}
        fetched = download(aws, objects, folder / "objects")
        for number, (item, file) in enumerate(zip(objects, fetched, strict=True)):
            lines: dict[date, list[bytes]] = {}
            with file.path.open("rb") as entries:
                for entry in entries:
                    for day, line in lines_by_day(entry, arrival_day(item), first):
                        if day in days:
                            lines.setdefault(day, []).append(line)
            file.path.unlink()
            for day, records in lines.items():
                target = folder / f"{day}-{number:06d}.json"
                target.write_bytes(b"".join(records))
                self._files.setdefault(day, []).append(LandedFile(target, item.key, len(records)))
                self.until[day] = max(self.until.get(day, item.modified), item.modified)

    def of(self, day: date) -> list[LandedFile]:
        """A day's records, by the keys of their objects."""
        return self._files.get(day, [])
