"""A survey file dropped in S3 starts its own run (E2, P1, U2).

What was dealt with stands in the drop bucket's ledger, what was tried in Dagster's runs, so the
sensor needs no cursor. A file whose run failed is tried again, later each time, a few times; a
quarantined file is dealt with and never comes again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import dagster as dg

from data_assets.surveys.assets import SurveyFile, SurveyFiles
from data_assets.surveys.drop import DropBucket, DroppedFile, undealt
from data_assets.surveys.quarter import quarter_of
from data_assets.surveys.rejection import RejectedSurveyError
from resources.aws import Aws

FILE_TAG = "mall/survey_file"
"""Tag of a run: the ledger's id of the file that it takes in."""

WAITS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2))
"""How long after a failed run the next one starts; after as many failures and one more, never."""

STARTS_PER_TICK = 20

_ENDED = (
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
)


@dataclass(frozen=True)
class Tries:
    """The runs there were for a file; `last_ended` is in UTC."""

    count: int
    running: bool = False
    last_ended: datetime | None = None

    def may_start(self, now: datetime) -> bool:
        if self.running or self.given_up:
            return False
        return self.last_ended is None or now >= self.last_ended + WAITS[self.count - 1]

    @property
    def given_up(self) -> bool:
        return not self.running and self.count > len(WAITS)


@dataclass(frozen=True)
class Ledger:
    """What is known of files, by their ids."""

    dealt_with: frozenset[str] = frozenset()
    tries: Mapping[str, Tries] = field(default_factory=dict)


@dataclass(frozen=True)
class Start:
    """A run to start; `attempt` counts from 1."""

    file: DroppedFile
    attempt: int

    @property
    def run_key(self) -> str:
        return f"{self.file.key}@{self.file.version}#{self.attempt}"


@dataclass(frozen=True)
class Decision:
    """Runs to start, in order, and the files that wait or are tried no more."""

    start: tuple[Start, ...] = ()
    waiting: tuple[DroppedFile, ...] = ()
    given_up: tuple[DroppedFile, ...] = ()


def decide(ledger: Ledger, listing: Sequence[DroppedFile], now: datetime) -> Decision:
    """What to do about dropped files, listed oldest first.

    Files of one quarter go one after the other, so that the newest is the last to be published.
    """
    start: list[Start] = []
    waiting: list[DroppedFile] = []
    given_up: list[DroppedFile] = []
    files = undealt(listing, ledger.dealt_with)
    tries = {file.id: ledger.tries.get(file.id, Tries(0)) for file in files}
    busy = {_lane(file) for file in files if tries[file.id].running}
    for file in files:
        if tries[file.id].given_up:
            given_up.append(file)
        elif (
            tries[file.id].may_start(now)
            and _lane(file) not in busy
            and len(start) < STARTS_PER_TICK
        ):
            start.append(Start(file, tries[file.id].count + 1))
            busy.add(_lane(file))
        else:
            waiting.append(file)
    return Decision(tuple(start), tuple(waiting), tuple(given_up))


def _lane(file: DroppedFile) -> str:
    try:
        return quarter_of(file.key)
    except RejectedSurveyError:
        return file.id


@dg.sensor(
    job_name="survey_job",
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts a run for every survey file dropped in S3 (E2).",
)
def survey_drop_sensor(context: dg.SensorEvaluationContext, aws: Aws) -> dg.SensorResult:
    drop = DropBucket(aws)
    listing = drop.files()
    dealt_with = drop.dealt_with()
    ids = [file.id for file in undealt(listing, dealt_with)]
    ledger = Ledger(dealt_with, tries_of(context.instance, ids))
    decision = decide(ledger, listing, datetime.now(UTC))
    return dg.SensorResult(
        run_requests=[_run_request(start) for start in decision.start],
        skip_reason=None if decision.start else dg.SkipReason(_why_nothing(decision)),
    )


def tries_of(instance: dg.DagsterInstance, ids: Sequence[str]) -> dict[str, Tries]:
    """The runs there were for each of the files; files without any are left out."""
    if not ids:
        return {}
    runs: dict[str, list[dg.RunRecord]] = {}
    for record in instance.get_run_records(dg.RunsFilter(tags={FILE_TAG: list(ids)})):
        runs.setdefault(record.dagster_run.tags[FILE_TAG], []).append(record)
    return {
        id: Tries(
            count=len(records),
            running=any(record.dagster_run.status not in _ENDED for record in records),
            last_ended=max(record.update_timestamp for record in records).astimezone(UTC),
        )
        for id, records in runs.items()
    }


def _run_request(start: Start) -> dg.RunRequest:
    file = SurveyFile(key=start.file.key, version_id=start.file.version_id)
    return dg.RunRequest(
        run_key=start.run_key,
        run_config=dg.RunConfig(ops={"surveys": SurveyFiles(files=[file])}),
        tags={FILE_TAG: start.file.id},
    )


def _why_nothing(decision: Decision) -> str:
    if not decision.waiting and not decision.given_up:
        return "Every dropped file is dealt with."
    return (
        f"{len(decision.waiting)} files wait for their turn, {len(decision.given_up)} are tried "
        "no more: see the runs that failed, then materialize the surveys."
    )
