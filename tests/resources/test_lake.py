"""The lake publishes whole versions or nothing, whatever fails in between."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from resources import objects as stored_objects
from resources.aws import MissingInfrastructureError
from resources.lake import (
    QUARANTINE_MARK,
    AuditFailedError,
    AuditResult,
    Lake,
    NotPublishedError,
    Version,
    Written,
)
from resources.objects import split_location
from resources.settings import PROJECT_ROOT
from resources.tables import Column, Table
from tests.resources.faults import (
    CrashError,
    crash_after_call,
    denied,
    failing,
    first_reply,
    lost,
    throttled,
)

WHOLE = Table("whole", "A table.", (Column("n", "bigint", "A number."),), key=("n",))
BY_DAY = Table("by_day", "By day.", WHOLE.columns, (Column("dt", "string", "Day."),), ("n",))
DAY = "2024-06-01"
ROWS = 1000


@pytest.fixture
def lake(empty_lake: dict[str, Any]) -> Lake:
    return empty_lake["lake"]


def rows(value: int, count: int = ROWS) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"n": [value] * count}, WHOLE.arrow_schema())


def publish(lake: Lake, value: int, table: Table = BY_DAY, partition: str | None = DAY) -> Version:
    version = lake.stage(table, partition)
    lake.write(version, [rows(value, ROWS // 2), rows(value, ROWS // 2)])
    lake.publish(version, [holds_all(lake)], {"value": str(value)})
    return version


def holds_all(lake: Lake) -> Callable[[Version], AuditResult]:
    def audit(version: Version) -> AuditResult:
        found = sum(batch.num_rows for batch in lake.batches(version))
        return AuditResult("holds_all", found == ROWS, {"rows": found})

    return audit


def seen(lake: Lake, table: Table = BY_DAY, partition: str | None = DAY) -> list[int]:
    return lake.read(table, partition)["n"].to_pylist()


def clients(lake: Lake) -> list[Any]:
    return [lake.aws.client("s3"), lake.aws.client("glue")]


def objects(lake: Lake) -> set[str]:
    listing = lake.aws.client("s3").list_objects_v2(Bucket=lake.bucket)
    return {item["Key"] for item in listing.get("Contents", [])}


@pytest.mark.parametrize(("table", "partition"), [(WHOLE, None), (BY_DAY, DAY)])
def test_a_published_version_replaces_what_readers_see(
    lake: Lake, table: Table, partition: str | None
) -> None:
    """(T1)"""
    for value in (1, 2):
        version = publish(lake, value, table, partition)
        assert seen(lake, table, partition) == [value] * ROWS
        entry = lake.catalog.entry(table.name, partition)
        assert entry and entry.location == version.location
        assert entry.parameters["value"] == str(value)


def test_versions_lie_in_folders_named_by_partition_and_version(lake: Lake) -> None:
    """(T1)"""
    version = publish(lake, 1)
    assert version.location.startswith(f"s3://{lake.bucket}/by_day/dt={DAY}/v-")
    assert lake.files(version) == [f"{version.location}part-00000.parquet"]


def test_all_partitions_are_read_through_the_catalog_with_their_value(lake: Lake) -> None:
    publish(lake, 1)
    publish(lake, 2, partition="2024-06-02")
    lake.write(lake.stage(BY_DAY, "2024-06-03"), [rows(3)])
    found = lake.read(BY_DAY).group_by("dt").aggregate([("n", "max")]).to_pylist()
    assert sorted(map(tuple, map(dict.values, found))) == [("2024-06-01", 1), ("2024-06-02", 2)]


def test_what_has_not_been_published_is_an_error_not_an_empty_result(lake: Lake) -> None:
    with pytest.raises(NotPublishedError, match="whole"):
        lake.read(WHOLE)
    with pytest.raises(NotPublishedError, match=DAY):
        lake.read(BY_DAY, DAY)


def test_a_partition_without_rows_is_published_as_an_empty_file(lake: Lake) -> None:
    version = lake.stage(BY_DAY, DAY)
    written = lake.write(version, [])
    lake.publish(version, [])
    assert (written.rows, written.files) == (0, 1)
    assert lake.read(BY_DAY, DAY).schema == BY_DAY.arrow_schema()


def test_a_failing_audit_keeps_the_old_version_and_quarantines_the_new(lake: Lake) -> None:
    """(Q1)"""
    publish(lake, 1)
    version = lake.stage(BY_DAY, DAY)
    lake.write(version, [rows(2)])
    fine = AuditResult("fine", True)
    bad = AuditResult("bad", False, {"rows": 3})
    with pytest.raises(AuditFailedError, match="bad") as failure:
        lake.publish(version, [lambda _: fine, lambda _: bad])
    assert failure.value.results == (fine, bad)
    assert set(seen(lake)) == {1}
    folder = split_location(version.location)[1]
    assert {f"{folder}part-00000.parquet", folder + QUARANTINE_MARK} <= objects(lake)
    publish(lake, 3)
    assert set(seen(lake)) == {3}


PART_BYTES = 6 * 2**20
"""A little more than S3 demands of all parts but the last."""


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PART_BYTES", "IN_MEMORY_BYTES"):
        monkeypatch.setattr(stored_objects, name, PART_BYTES)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("count", [10, 3 * PART_BYTES // 8])
def test_rows_that_stop_with_an_error_leave_nothing_in_the_bucket(lake: Lake, count: int) -> None:
    """(E4) Also not when the file is so large that it is uploaded in parts."""
    noise = random.Random(1)

    def batches() -> Iterator[pa.RecordBatch]:
        values = pa.array([noise.getrandbits(62) for _ in range(count)])
        yield pa.RecordBatch.from_arrays([values], schema=WHOLE.arrow_schema())
        raise ValueError("a leak")

    with pytest.raises(ValueError, match="a leak"):
        lake.write(lake.stage(WHOLE), batches())
    s3 = lake.aws.client("s3")
    assert objects(lake) == set()
    assert s3.list_multipart_uploads(Bucket=lake.bucket).get("Uploads", []) == []


@pytest.mark.usefixtures("small_parts")
def test_large_versions_are_written_and_read_in_parts(lake: Lake) -> None:
    noise = random.Random(2)
    values = pa.array([noise.getrandbits(62) for _ in range(PART_BYTES // 4)])
    batch = pa.RecordBatch.from_arrays([values], schema=WHOLE.arrow_schema())
    version = lake.stage(WHOLE)
    written = lake.write(
        version, [batch.slice(at, 100_000) for at in range(0, len(batch), 100_000)]
    )
    assert written.size_bytes > PART_BYTES
    lake.publish(version, [])
    assert lake.read(WHOLE)["n"].combine_chunks() == values


def test_a_cut_writer_stores_the_rows_so_far_as_a_file_of_their_own(lake: Lake) -> None:
    version = lake.stage(WHOLE)
    with lake.writer(version) as writer:
        writer.write(rows(1))
        writer.cut()
        assert len(lake.files(version)) == 1
        writer.cut()
        writer.write(rows(2))
        written = writer.close()
    assert (written.rows, written.files) == (2 * ROWS, 2)
    assert list(written.locations) == lake.files(version)


@pytest.mark.parametrize(("table", "partition"), [(WHOLE, None), (BY_DAY, DAY)])
@pytest.mark.parametrize("replaces", [False, True])
def test_a_crash_after_any_call_of_a_publication_leaves_old_or_new_and_a_rerun_completes(
    lake: Lake, table: Table, partition: str | None, replaces: bool
) -> None:
    if replaces:
        publish(lake, 1, table, partition)
    number, crashed = 1, True
    while crashed:
        with crash_after_call(clients(lake), number) as calls:
            try:
                publish(lake, 2, table, partition)
                crashed = False
            except CrashError:
                switched = calls[-1] in ("UpdateTable", "CreatePartition", "UpdatePartition")
                switched |= calls[-1] == "CreateTable" and partition is None
        if crashed and not switched:
            if replaces:
                assert seen(lake, table, partition) == [1] * ROWS
            else:
                with pytest.raises(NotPublishedError):
                    seen(lake, table, partition)
        else:
            assert seen(lake, table, partition) == [2] * ROWS
            if crashed and replaces:
                publish(lake, 1, table, partition)
        number += 1
    assert number > 4
    assert seen(lake, table, partition) == [2] * ROWS


KILLED = """
import os, signal, sys
from resources.aws import Aws
from resources.catalog import Catalog
from resources.lake import Lake
from tests.resources.faults import after_each_call
from tests.resources.test_lake import clients, publish

for call, day in zip(map(int, sys.argv[1::2]), sys.argv[2::2]):
    if os.fork():
        print(os.waitstatus_to_exitcode(os.wait()[1]))
        continue
    lake = Lake(aws=Aws(env="local"), catalog=Catalog(aws=Aws(env="local")))
    calls = []

    def count(name):
        calls.append(name)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)

    with after_each_call(clients(lake), count):
        publish(lake, 2, partition=day)
    os._exit(0)
"""


def test_killed_processes_leave_the_old_version_or_the_new_and_reruns_complete(lake: Lake) -> None:
    """Each is killed right after a call took effect: the upload, the audit's read, the switch."""
    calls = {"2024-06-01": 1, "2024-06-02": 3, "2024-06-03": 5}
    for day in calls:
        publish(lake, 1, partition=day)
    arguments = [str(word) for day, call in calls.items() for word in (call, day)]
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, *arguments],
        cwd=PROJECT_ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert [int(code) for code in ended.stdout.split()] == [-signal.SIGKILL] * 3
    assert [set(seen(lake, partition=day)) for day in calls] == [{1}, {1}, {2}]
    for day in calls:
        publish(lake, 3, partition=day)
        assert seen(lake, partition=day) == [3] * ROWS


def test_two_publications_at_once_end_with_one_of_them_whole(lake: Lake) -> None:
    for _ in range(3):
        together = threading.Barrier(2)

        def run(value: int, together: threading.Barrier = together) -> None:
            version = lake.stage(BY_DAY, DAY)
            lake.write(version, [rows(value)])
            together.wait()
            lake.publish(version, [holds_all(lake)])

        threads = [threading.Thread(target=run, args=(value,)) for value in (1, 2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen(lake) in ([1] * ROWS, [2] * ROWS)


@pytest.mark.parametrize(("table", "partition"), [(WHOLE, None), (BY_DAY, DAY)])
def test_a_reader_in_a_loop_never_sees_none_or_half(
    lake: Lake, table: Table, partition: str | None
) -> None:
    publish(lake, 0, table, partition)
    done = threading.Event()
    found: list[list[int]] = []
    errors: list[Exception] = []

    def read() -> None:
        while not done.is_set():
            try:
                found.append(seen(lake, table, partition))
            except Exception as error:  # noqa: BLE001
                errors.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for value in range(1, 13):
        publish(lake, value, table, partition)
    done.set()
    reader.join()
    assert errors == []
    assert all(len(values) == ROWS and len(set(values)) == 1 for values in found)
    order = [values[0] for values in found]
    assert order == sorted(order) and len(set(order)) > 1


@pytest.mark.parametrize("fault", [throttled, failing, lost])
def test_throttling_failures_and_lost_replies_are_retried(
    lake: Lake, fault: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    publish(lake, 1)
    with first_reply(fault) as kinds:
        publish(lake, 2)
        publish(lake, 3, WHOLE, None)
    assert seen(lake) == [2] * ROWS
    assert seen(lake, WHOLE, None) == [3] * ROWS
    assert len(kinds) > 6


def test_denied_access_names_the_roles_to_materialize(lake: Lake) -> None:
    with first_reply(denied), pytest.raises(MissingInfrastructureError) as error:
        publish(lake, 1)
    assert error.value.asset == "infra/security/iam_roles"


def test_a_missing_bucket_or_database_names_the_asset_to_materialize(lake: Lake) -> None:
    from resources.aws import Aws
    from resources.catalog import Catalog

    elsewhere = Aws(env="dev")
    other = Lake(aws=elsewhere, catalog=Catalog(aws=elsewhere))
    with pytest.raises(MissingInfrastructureError, match="infra/storage/lake_bucket"):
        other.write(other.stage(WHOLE), [rows(1)])
    with pytest.raises(MissingInfrastructureError, match="infra/analytics/catalog"):
        other.read(WHOLE)
    with pytest.raises(MissingInfrastructureError, match="infra/analytics/catalog"):
        other.read(BY_DAY)
    half = Lake(aws=lake.aws, catalog=other.catalog)
    version = half.stage(WHOLE)
    half.write(version, [rows(1)])
    with pytest.raises(MissingInfrastructureError, match="infra/analytics/catalog"):
        half.publish(version, [])


def test_cleanup_removes_only_old_folders_that_nobody_reads(lake: Lake) -> None:
    """(B5)"""
    replaced = publish(lake, 1)
    current = publish(lake, 2)
    whole = publish(lake, 3, WHOLE, None)
    quarantined = lake.stage(WHOLE)
    lake.write(quarantined, [rows(4)])
    lake.quarantine(quarantined, [AuditResult("bad", False)])
    day = timedelta(days=1)
    assert lake.cleanup(day, day).folders == 0

    cleaned = lake.cleanup(timedelta(0), day)
    assert (cleaned.folders, cleaned.objects) == (1, 1)
    assert lake.files(replaced) == []
    assert seen(lake) == [2] * ROWS and seen(lake, WHOLE, None) == [3] * ROWS
    assert lake.files(quarantined) != []

    assert lake.cleanup(timedelta(0), timedelta(0)).folders == 1
    kept = {split_location(v.location)[1] for v in (current, whole)}
    assert {key.rpartition("/")[0] + "/" for key in objects(lake)} == kept


def test_a_stage_needs_a_partition_exactly_where_the_table_has_one(lake: Lake) -> None:
    with pytest.raises(ValueError, match="whole"):
        lake.stage(WHOLE, DAY)
    with pytest.raises(ValueError, match="by_day"):
        lake.stage(BY_DAY)


def test_written_says_what_the_files_hold(lake: Lake) -> None:
    version = lake.stage(WHOLE)
    written = lake.write(version, [rows(1), rows(2)])
    assert isinstance(written, Written)
    assert written.rows == 2 * ROWS
    assert list(written.locations) == lake.files(version)
    assert written.size_bytes > 0
