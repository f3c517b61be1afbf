"""When a dropped survey starts a run (E2, P1, U2)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from data_assets.surveys.drop import DropBucket, DroppedFile
from resources.aws import Aws, MissingInfrastructureError
from sensors.survey_drop import (
    FILE_TAG,
    STARTS_PER_TICK,
    WAITS,
    Decision,
    Ledger,
    Tries,
    decide,
    survey_drop_sensor,
    tries_of,
)

NOW = datetime(2024, 7, 1, 12, tzinfo=UTC)


def dropped(name: str, version: str = "v1", minutes_ago: float = 10) -> DroppedFile:
    when = NOW - timedelta(minutes=minutes_ago)
    return DroppedFile(f"surveys/{name}", version, when, size_bytes=10, etag="e")


A1 = dropped("2024Q1.csv", minutes_ago=30)
B1 = dropped("2024Q2.csv", "v1", minutes_ago=20)
B2 = dropped("2024Q2.csv", "v2", minutes_ago=10)
B3 = dropped("令和6年第2四半期.xlsx", minutes_ago=5)
NAMELESS = [dropped(f"answers {n}.csv") for n in range(2)]
ALL = [A1, B1, B2, B3]


def started(decision: Decision) -> list[tuple[DroppedFile, int]]:
    return [(start.file, start.attempt) for start in decision.start]


def with_tries(file: DroppedFile, count: int, **more: Any) -> Ledger:
    return Ledger(tries={file.id: Tries(count, **more)})


@pytest.mark.parametrize(
    ("ledger", "listing", "expected"),
    [
        (Ledger(), [], []),
        (Ledger(), [A1], [(A1, 1)]),
        (Ledger(), [A1, B1], [(A1, 1), (B1, 1)]),
        (Ledger(), ALL, [(A1, 1), (B1, 1)]),
        (Ledger(dealt_with=frozenset({B1.id})), ALL, [(A1, 1), (B2, 1)]),
        (Ledger(dealt_with=frozenset(f.id for f in ALL)), ALL, []),
        (Ledger(), NAMELESS, [(NAMELESS[0], 1), (NAMELESS[1], 1)]),
        (with_tries(B1, 1, running=True), ALL, [(A1, 1)]),
        (with_tries(B2, 1, running=True), ALL, [(A1, 1)]),
        (with_tries(A1, 1, last_ended=NOW - WAITS[0]), [A1], [(A1, 2)]),
        (with_tries(A1, 1, last_ended=NOW - WAITS[0] + timedelta(seconds=1)), [A1], []),
        (with_tries(A1, 2, last_ended=NOW - WAITS[0]), [A1], []),
        (with_tries(A1, 2, last_ended=NOW - WAITS[1]), [A1], [(A1, 3)]),
        (with_tries(B1, 1, last_ended=NOW), [B1, B2], [(B2, 1)]),
        (with_tries(A1, len(WAITS) + 1, last_ended=NOW - timedelta(days=9)), [A1, B1], [(B1, 1)]),
    ],
    ids=[
        "nothing was dropped",
        "a new file",
        "files of different quarters start together",
        "of a quarter the oldest file goes first",
        "then the next version",
        "all is dealt with",
        "files without a quarter don't wait for each other",
        "a quarter whose older file is running waits",
        "a quarter whose newer file is running waits",
        "a failed run is tried again after a while",
        "not earlier",
        "the second time it waits longer",
        "and is tried again",
        "a newer file doesn't wait for an older one's next try",
        "after the last try a file is left alone, the others go on",
    ],
)
def test_decisions(
    ledger: Ledger, listing: list[DroppedFile], expected: list[tuple[DroppedFile, int]]
) -> None:
    assert started(decide(ledger, listing, NOW)) == expected


def test_files_that_wait_or_are_given_up_are_told() -> None:
    decision = decide(with_tries(A1, len(WAITS) + 1), ALL, NOW)
    assert decision.given_up == (A1,)
    assert decision.waiting == (B2, B3)


def test_a_backlog_starts_in_portions() -> None:
    many = [dropped(f"{year}Q1.csv") for year in range(1950, 1950 + 2 * STARTS_PER_TICK)]
    assert [start.file for start in decide(Ledger(), many, NOW).start] == many[:STARTS_PER_TICK]


def test_run_keys_tell_versions_and_attempts_apart() -> None:
    """Dagster never runs a run key twice, also not after a failure."""
    first = decide(Ledger(), [B1], NOW).start[0].run_key
    second = decide(with_tries(B1, 1, last_ended=NOW - WAITS[0]), [B1], NOW).start[0].run_key
    newer = decide(Ledger(), [B2], NOW).start[0].run_key
    assert (first, second) == ("surveys/2024Q2.csv@v1#1", "surveys/2024Q2.csv@v1#2")
    assert newer == "surveys/2024Q2.csv@v2#1"


def test_without_versions_the_content_tells_files_apart() -> None:
    old = dropped("2024Q2.csv", "null")
    new = replace(old, etag="other")
    assert old.id != new.id
    keys = {decide(Ledger(), [file], NOW).start[0].run_key for file in (old, new)}
    assert len(keys) == 2


@pytest.fixture
def drop(empty_lake: dict[str, Any]) -> DropBucket:
    return DropBucket(empty_lake["aws"])


def tick(aws: Aws, instance: dg.DagsterInstance) -> dg.SensorResult:
    with dg.build_sensor_context(instance=instance, resources={"aws": aws}) as context:
        result = survey_drop_sensor(context)
    assert isinstance(result, dg.SensorResult)
    return result


def record_run(
    instance: dg.DagsterInstance, request: dg.RunRequest, status: dg.DagsterRunStatus
) -> None:
    @dg.op
    def nothing() -> None:
        return None

    @dg.job
    def survey_job() -> None:
        nothing()

    instance.create_run_for_job(survey_job, tags=request.tags, status=status)


def test_a_dropped_file_starts_one_run_until_it_is_dealt_with(aws: Aws, drop: DropBucket) -> None:
    key = "surveys/../お客様 アンケート 2024Q2.xlsx"
    drop.put(key, b"1")
    (file,) = drop.files()
    with dg.DagsterInstance.ephemeral() as instance:
        (request,) = tick(aws, instance).run_requests or []
        assert request.run_key == f"{key}@{file.version_id}#1"
        assert request.run_config["ops"] == {
            "surveys": {"config": {"files": [{"key": key, "version_id": file.version_id}]}}
        }
        record_run(instance, request, dg.DagsterRunStatus.STARTED)
        busy = tick(aws, instance)
        assert not busy.run_requests
        assert "1 files wait" in str(busy.skip_reason)

        drop.record(file, "quarantined", {})
        done = tick(aws, instance)
        assert not done.run_requests
        assert "dealt with" in str(done.skip_reason)


def test_a_failed_run_is_tried_again_later_and_not_for_ever(aws: Aws, drop: DropBucket) -> None:
    drop.put("surveys/2024Q2.xlsx", b"1")
    (file,) = drop.files()
    with dg.DagsterInstance.ephemeral() as instance:
        (request,) = tick(aws, instance).run_requests or []
        record_run(instance, request, dg.DagsterRunStatus.FAILURE)
        assert not tick(aws, instance).run_requests

        tries = tries_of(instance, [file.id])[file.id]
        assert (tries.count, tries.running) == (1, False)
        assert tries.last_ended is not None
        later = tries.last_ended + WAITS[0]
        again = decide(Ledger(tries={file.id: tries}), [file], later)
        assert started(again) == [(file, 2)]

        for _ in WAITS:
            record_run(instance, request, dg.DagsterRunStatus.FAILURE)
        assert "1 are tried no more" in str(tick(aws, instance).skip_reason)


def test_the_tries_of_one_file_are_not_those_of_another(aws: Aws) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        record_run(instance, dg.RunRequest(tags={FILE_TAG: A1.id}), dg.DagsterRunStatus.STARTING)
        record_run(instance, dg.RunRequest(tags={FILE_TAG: B1.id}), dg.DagsterRunStatus.SUCCESS)
        tries = tries_of(instance, [A1.id, B1.id, B2.id])
        assert (tries[A1.id].running, tries[B1.id].running) == (True, False)
        assert B2.id not in tries
        assert tries_of(instance, []) == {}


def test_a_missing_bucket_fails_the_tick_and_names_the_asset(local_aws: object) -> None:
    elsewhere = Aws(env="dev")
    with (
        dg.DagsterInstance.ephemeral() as instance,
        pytest.raises(MissingInfrastructureError, match="infra/storage/drop_bucket"),
    ):
        tick(elsewhere, instance)
