"""A day's records are published once, dropped as duplicates or set aside, and all counted (E3)."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

from data_assets.checks import SchemaAudit
from data_assets.clickstream import compaction
from data_assets.clickstream.compaction import Compacted, LandedFile, Workers, compact
from data_assets.clickstream.parsing import Judgement
from data_assets.clickstream.staging import audited
from data_assets.personal_data import PersonalDataFoundError, nobody
from data_assets.tables import CLICKS
from resources.lake import Version

DAY = date(2024, 6, 1)
START = int(datetime(2024, 5, 31, 15, tzinfo=UTC).timestamp() * 1000)
KEY = "a key of no account"
VERSION = Version(CLICKS, "2024-06-01", "s3://lake/clicks/dt=2024-06-01/v-x/")


def event(event_id: str, after_ms: int = 0, **changes: Any) -> str:
    fields = {
        "event_id": event_id,
        "event_time_ms": START + after_ms,
        "session_id": "s-1",
        "customer_id": 42,
        "event_type": "page_view",
        "page": "/tel/09012345678?x",
        "product_id": 7,
        "referrer": "https://u:p@LINE.me:443/",
        "user_agent": "Mozilla/5.0 (iPhone)",
        "ip": "203.0.113.1",
    }
    return json.dumps(fields | changes)


def compacted(tmp_path: Path, *files: Sequence[str]) -> Compacted:
    landed = []
    for number, lines in enumerate(files):
        path = tmp_path / f"{number}.json"
        path.write_text("".join(f"{line}\n" for line in lines))
        landed.append(LandedFile(path, f"clicks/dt=2024-06-01/hour=00/{number}", len(lines)))
    judgement = Judgement(DAY, datetime(2024, 6, 5, tzinfo=UTC))
    with Workers() as workers:
        return compact(landed, judgement, KEY, tmp_path / "out", workers)


def rows(found: Compacted) -> pl.DataFrame:
    return pl.concat(pl.read_parquet(file) for file in found.files).sort("event_id")


@pytest.fixture(params=[1, compaction._GROUP_BYTES], ids=["one file a group", "one group"])
def _groups(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "_GROUP_BYTES", request.param)


def pseudonym(kind: str, value: str) -> bytes:
    return hmac.digest(KEY.encode(), f"{kind}\0{value}".encode(), hashlib.sha256)[:16]


def test_an_event_is_published_without_personal_data(tmp_path: Path) -> None:
    found = compacted(tmp_path, [event("a", 3_600_000 * 21 + 5)])
    assert rows(found).row(0, named=True) == {
        "event_id": "a",
        "event_time": datetime(2024, 6, 1, 12, 0, 0, 5000, UTC).replace(tzinfo=None),
        "hour": 21,
        "session_key": pseudonym("session", "s-1"),
        "customer_key": pseudonym("customer", "42"),
        "event_type": "page_view",
        "page": "/tel/:id",
        "product_id": 7,
        "referrer_host": "line.me",
        "device": "mobile",
    }
    assert list(found.customers) == [42]
    audit = SchemaAudit(CLICKS)
    audit.see_stored(pq.ParquetFile(found.files[0]))
    audit.see(pl.read_parquet(found.files[0]))
    assert audit.result().passed


@pytest.mark.usefixtures("_groups")
def test_of_duplicates_the_earliest_stays_then_the_first_landed(tmp_path: Path) -> None:
    found = compacted(
        tmp_path,
        [event("early", 9, page="/late"), event("tie", 5, page="/first")],
        [event("early", 3, page="/early"), event("tie", 5, page="/second"), event("lone", 1)],
        [event("tie", 5, page="/third"), event("early", 3, page="/early-again")],
    )
    assert dict(rows(found).select("event_id", "page").iter_rows()) == {
        "early": "/early",
        "lone": "/tel/:id",
        "tie": "/first",
    }
    assert (found.landed, found.published, found.duplicates) == (7, 3, 4)


@pytest.mark.usefixtures("_groups")
def test_every_record_is_accounted_for(tmp_path: Path) -> None:
    found = compacted(
        tmp_path,
        [event("a"), "broken", event("a"), event("b", session_id=1)],
        ["[]", event("c"), event("a", event_type="buy")],
    )
    assert found.accounted == found.landed == 7
    assert (found.published, found.duplicates) == (2, 1)
    assert found.quarantined == {"not_an_object": 2, "session_id": 1, "unknown_event_type": 1}
    kept = [json.loads(line) for file in found.malformed for line in file.open()]
    assert [(record["key"][-1], record["reason"], record["record"]) for record in kept] == [
        ("0", "not_an_object", "broken"),
        ("0", "session_id", event("b", session_id=1)),
        ("1", "not_an_object", "[]"),
        ("1", "unknown_event_type", event("a", event_type="buy")),
    ]


@pytest.mark.usefixtures("_groups")
def test_equal_hashes_are_not_taken_for_equal_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        pl.Series,
        "hash",
        lambda self: pl.select(pl.repeat(1, len(self), dtype=pl.UInt64)).to_series(),
    )
    found = compacted(tmp_path, [event("a"), event("b")], [event("a"), event("c")])
    assert rows(found)["event_id"].to_list() == ["a", "b", "c"]
    results = audited(VERSION, found, nobody)
    assert all(result.passed for result in results)


def test_a_day_without_records(tmp_path: Path) -> None:
    found = compacted(tmp_path)
    assert (found.files, found.landed, found.published) == ([], 0, 0)
    assert all(result.passed for result in audited(VERSION, found, nobody))


def test_an_event_twice_fails_the_audit(tmp_path: Path) -> None:
    found = compacted(tmp_path, [event("a"), event("b")])
    found.files.append(tmp_path / "again.parquet")
    found.files[1].write_bytes(found.files[0].read_bytes())
    schema, count, _ = audited(VERSION, found, nobody)
    assert schema.metadata["failures"] == {"event_id: unique": 2}
    assert not schema.passed
    assert not count.passed


def test_a_record_lost_on_the_way_fails_the_audit(tmp_path: Path) -> None:
    found = compacted(tmp_path, [event("a"), event("b")])
    found.landed += 1
    _, count, _ = audited(VERSION, found, nobody)
    assert not count.passed


def test_personal_data_in_an_event_id_stops_everything(tmp_path: Path) -> None:
    """(E4)"""
    found = compacted(tmp_path, [event("taro@example.jp")])
    with pytest.raises(PersonalDataFoundError) as failure:
        audited(VERSION, found, nobody)
    assert "taro" not in str(failure.value)
