"""A day's clicks from the landing to a version that only needs to be published (E3, E4)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from data_assets.checks import ROW_COUNT, SchemaAudit, known
from data_assets.clickstream.compaction import Compacted, Workers, compact
from data_assets.clickstream.download import ErrorRecords, download
from data_assets.clickstream.landing import (
    AS_OF,
    FINGERPRINT,
    OBJECTS,
    QUARANTINE,
    RAW_BUCKET,
    Landing,
    fingerprint,
)
from data_assets.clickstream.parsing import Judgement
from data_assets.clickstream.persons import hide_known_values, persons_of
from data_assets.personal_data import MACHINE_ID, LeakScan, Persons
from data_assets.publishing import Staged
from data_assets.tables import CLICKS
from resources.aws import Aws
from resources.faults import explained
from resources.lake import AuditResult, Lake, Version, Written
from resources.objects import split_location
from resources.shop_db import ShopDatabase

if TYPE_CHECKING:
    import polars as pl

_COUNTER = r"(^|[^0-9])[0-9]{1,9}$"
"""The number that ends an event's id, as in evt-0001234: sooner or later it equals somebody's
postal code."""


@dataclass(frozen=True)
class Compaction:
    """What the days of one run have in common. `key` is the pseudonyms', `now` is aware."""

    aws: Aws
    lake: Lake
    shop_db: ShopDatabase
    key: str
    now: datetime
    landing: Landing
    errors: ErrorRecords
    workers: Workers

    def stage(self, day: date) -> Staged:
        """A version of a day, stored in the lake; malformed records are in the raw bucket.

        Raises PersonalDataFoundError, with nothing stored in the lake, if it would hold any.
        """
        with TemporaryDirectory(prefix="clicks-") as folder:
            landed = download(self.aws, self.landing.of(day), Path(folder) / "landed")
            files = [*self.errors.of(day), *landed]
            judgement = Judgement(day, self.now)
            target = Path(folder) / "compacted"
            compacted = compact(files, judgement, self.key, target, self.workers)
            persons = persons_of(self.shop_db, compacted.customers)
            hide_known_values(compacted.files, persons)
            version = self.lake.stage(CLICKS, day.isoformat())
            results = audited(version, compacted, persons)
            _quarantine(self.aws, day, compacted.malformed)
            written = _upload(self.lake, version, compacted)
        parameters = {
            FINGERPRINT: fingerprint(self.landing.of(day)),
            AS_OF: self.landing.as_of.isoformat(),
            OBJECTS: str(len(self.landing.of(day))),
        }
        return Staged(version, written, [known(result) for result in results], parameters)


def audited(version: Version, compacted: Compacted, persons: Persons) -> list[AuditResult]:
    """The verdicts on a day's files, which are still here.

    Raises PersonalDataFoundError if they hold personal data.
    """
    import polars as pl
    import pyarrow.parquet as pq

    schema = SchemaAudit(dataclasses.replace(CLICKS, key=()))
    scan = LeakScan(CLICKS, persons)
    hashes: list[pl.Series] = []
    for path in compacted.files:
        with pq.ParquetFile(path) as file:
            schema.see_stored(file)
        rows = pl.read_parquet(path)
        schema.see(rows)
        scan.see(rows.drop("event_id"))
        ids = rows.select("event_id").filter(~pl.col("event_id").str.contains(MACHINE_ID))
        scan.see(ids.with_columns(pl.col("event_id").str.replace(_COUNTER, "$1")))
        hashes.append(rows["event_id"].hash())
    leaks = scan.require_clean(version)
    return [
        _with_unique_events(schema.result(), compacted.files, hashes),
        _row_count(compacted, schema.stored_rows),
        leaks,
    ]


def _with_unique_events(
    schema: AuditResult, files: Sequence[Path], hashes: Sequence[pl.Series]
) -> AuditResult:
    """Adds the uniqueness of event ids, which are compared only where their hashes are equal."""
    import polars as pl

    every = pl.concat([pl.Series("event_id", [], pl.UInt64), *hashes])
    if every.n_unique() == every.len():
        return schema
    suspects = every.filter(every.is_duplicated()).unique().implode()
    found = pl.concat(
        ids.filter(ids.hash().is_in(suspects))
        for ids in (pl.read_parquet(file, columns=["event_id"])["event_id"] for file in files)
    )
    repeated = found.len() - found.n_unique()
    if not repeated:
        return schema
    failures = {**schema.metadata["failures"], "event_id: unique": repeated}
    return AuditResult(schema.name, False, {**schema.metadata, "failures": failures})


def _row_count(compacted: Compacted, stored_rows: int) -> AuditResult:
    """Every landed record is published, a duplicate, or quarantined."""
    passed = compacted.landed == compacted.accounted and compacted.published == stored_rows
    counts = {
        "source_rows": compacted.landed,
        "written_rows": stored_rows,
        "duplicates": compacted.duplicates,
        "quarantined": compacted.quarantined.total(),
        "reasons": dict(compacted.quarantined),
    }
    return AuditResult(ROW_COUNT, passed, counts)


def _upload(lake: Lake, version: Version, compacted: Compacted) -> Written:
    """Stores the files as they are; a day without events gets one empty file."""
    if not compacted.files:
        return lake.write(version, [])
    s3 = lake.aws.client("s3")
    size_bytes, locations = 0, []
    for path in compacted.files:
        location = version.location + path.name
        size_bytes += path.stat().st_size
        with explained(f"The lake bucket {lake.bucket}", "infra/storage/lake_bucket"):
            s3.upload_file(str(path), *split_location(location))
        locations.append(location)
    return Written(compacted.published, len(locations), size_bytes, tuple(locations))


def _quarantine(aws: Aws, day: date, malformed: Sequence[Path]) -> None:
    """Replaces a day's quarantine in the raw bucket: JSON lines with key, reason and record."""
    bucket, key = aws.bucket("raw"), f"{QUARANTINE}dt={day}/malformed.jsonl"
    s3 = aws.client("s3")
    with explained(f"The raw bucket {bucket}", RAW_BUCKET):
        if not malformed:
            s3.delete_object(Bucket=bucket, Key=key)
            return
        with malformed[0].open("ab") as together:
            for other in malformed[1:]:
                together.write(other.read_bytes())
        s3.upload_file(str(malformed[0]), bucket, key)
