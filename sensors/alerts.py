"""What the person in charge is told by Slack: failed runs, failed checks, slow runs (P2).

Each sensor reads finished (or still running) runs from the Dagster instance, so it sees every
run, also those started by hand. What to say is decided by pure functions of a run's facts. A
message is sent once per run, step and kind: the run's tags remember it, and the hooks of
`mall_platform.hooks` share them. The cursor passes a run only after its messages are posted, so a
post that Slack refuses shows as a failed tick and is sent by a later one.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import dagster as dg

from data_assets.conventions import SLOW_AFTER
from resources.slack import Slack

RUNS_PER_TICK = 50
HISTORY = 100
FINGERPRINT = "fingerprint"
FIRST_LOOK_BACK = timedelta(days=1)

Kind = Literal["failed", "check", "slow"]


@dataclass(frozen=True)
class Alert:
    """One message about one step of a run; `step` is None for the run as a whole."""

    kind: Kind
    run_id: str
    job: str
    partition: str | None
    step: str | None
    reason: str
    duration_s: float | None = None
    threshold_s: float | None = None

    @property
    def tag(self) -> str:
        """The run tag that remembers the message: a step's problem is told once, so is slowness."""
        topic = "slow" if self.kind == "slow" else "problem"
        subject = re.sub(r"[^A-Za-z0-9_.-]", "_", self.step or "run")
        return f"mall.alerted/{topic}.{subject}"[:76]

    def text(self, ui_base_url: str) -> str:
        title = {"failed": "Failed", "check": "Check failed", "slow": "Slow"}[self.kind]
        subject = self.step.replace("__", "/") if self.step else self.job
        lines = [f"*{title}: {subject}*", f"Job: {self.job}"]
        if self.partition:
            lines.append(f"Partition: {self.partition}")
        if self.duration_s is not None:
            limit = f" (threshold {self.threshold_s:.0f} s)" if self.threshold_s else ""
            lines.append(f"Duration: {self.duration_s:.0f} s{limit}")
        lines += [self.reason, f"<{ui_base_url}/runs/{self.run_id}|Open the run>"]
        return "\n".join(lines)


@dataclass(frozen=True)
class FailedCheck:
    asset: str
    name: str
    description: str


@dataclass(frozen=True)
class StepFacts:
    """What happened to one step; times are seconds since the epoch, `end` is None while it runs."""

    key: str
    start: float | None
    end: float | None
    succeeded: bool
    error: str | None
    threshold_s: float | None
    failed_checks: tuple[FailedCheck, ...] = ()


@dataclass(frozen=True)
class RunFacts:
    run_id: str
    job: str
    partition: str | None
    status: dg.DagsterRunStatus
    start: float | None
    end: float | None
    threshold_s: float | None
    steps: tuple[StepFacts, ...]
    error: str | None


def failed(run: RunFacts, now: float) -> list[Alert]:
    """One alert per failed step of a failed run, or one for the run when no step failed."""
    if run.status is not dg.DagsterRunStatus.FAILURE:
        return []
    alerts = [
        _alert(run, "failed", step, step.error or "The step failed.", now)
        for step in run.steps
        if step.error is not None
    ]
    return alerts or [_alert(run, "failed", None, run.error or "The run ended unexpectedly.", now)]


def checks(run: RunFacts, now: float) -> list[Alert]:
    """One alert per step with failed checks."""
    return [
        _alert(
            run,
            "check",
            step,
            "\n".join(f"{c.name} of {c.asset}: {c.description}" for c in step.failed_checks),
            now,
        )
        for step in run.steps
        if step.failed_checks
    ]


def slow(run: RunFacts, now: float) -> list[Alert]:
    """One alert per step, and one for the run, that is past its threshold without having failed."""
    alerts = [_alert(run, "slow", step, _slow_reason(step), now) for step in run.steps]
    alerts.append(_alert(run, "slow", None, _slow_reason(run), now))
    broken = {step.key for step in run.steps if step.error is not None}
    return [
        alert
        for alert in alerts
        if alert.threshold_s is not None
        and alert.step not in broken
        and (alert.duration_s or 0) > alert.threshold_s
    ]


def _slow_reason(subject: StepFacts | RunFacts) -> str:
    return "It is still running." if subject.end is None else "It succeeded, but took too long."


def _duration(subject: StepFacts | RunFacts, now: float) -> float | None:
    return None if subject.start is None else (subject.end or now) - subject.start


def _alert(run: RunFacts, kind: Kind, step: StepFacts | None, reason: str, now: float) -> Alert:
    subject = step or run
    return Alert(
        kind=kind,
        run_id=run.run_id,
        job=run.job,
        partition=run.partition,
        step=step.key if step else None,
        reason=reason,
        duration_s=_duration(subject, now),
        threshold_s=subject.threshold_s,
    )


def announce(instance: dg.DagsterInstance, slack: Slack, alert: Alert) -> bool:
    """Posts the alert unless the run's tags say that it was posted; tells whether it did."""
    run = instance.get_run_by_id(alert.run_id)
    if run is None or alert.tag in run.tags:
        return False
    slack.post(alert.text(slack.ui_base_url))
    instance.add_run_tags(alert.run_id, {alert.tag: alert.kind})
    return True


def partition_of(tags: Mapping[str, str]) -> str | None:
    """A run's partition or range of partitions, from its tags."""
    start = tags.get("dagster/asset_partition_range_start")
    end = tags.get("dagster/asset_partition_range_end")
    return f"{start} … {end}" if start else tags.get("dagster/partition")


def error_text(error: dg.DagsterEvent | None) -> str | None:
    """The first line of the error that our code ended a step with, without its traceback."""
    if error is None:
        return None
    data = error.event_specific_data
    failure = getattr(data, "user_failure_data", None)
    if failure is not None and failure.description:
        return str(failure.description)[:500]
    cause = getattr(data, "error", None)
    if cause is None:
        return error.message
    while is_wrapper(str(cause.cls_name)) and cause.cause is not None:
        cause = cause.cause
    return str(cause.message).strip().splitlines()[0][:500]


def is_wrapper(error_class: str) -> bool:
    """Whether an error is Dagster's way of passing one of ours on. The causes of ours are left
    alone: ours says in words what is missing, its cause what a service answered."""
    return error_class.startswith("Dagster") or error_class == dg.RetryRequested.__name__


def read_run(
    instance: dg.DagsterInstance, record: dg.RunRecord, thresholds: Mapping[str, float]
) -> RunFacts:
    """Everything the decisions need to know of a run; `thresholds` are seconds by step key."""
    run = record.dagster_run
    failures: dict[str, str | None] = {}
    failed_checks: dict[str, list[FailedCheck]] = {}
    error = None
    wanted = {
        dg.DagsterEventType.STEP_FAILURE,
        dg.DagsterEventType.ASSET_CHECK_EVALUATION,
        dg.DagsterEventType.RUN_FAILURE,
    }
    for entry in instance.all_logs(run.run_id, of_type=wanted):
        event = entry.dagster_event
        if event is None:
            continue
        if event.event_type is dg.DagsterEventType.RUN_FAILURE:
            error = error_text(event)
        elif event.event_type is dg.DagsterEventType.STEP_FAILURE:
            failures[event.step_key or ""] = error_text(event) or event.message or "It failed."
        else:
            evaluation = event.asset_check_evaluation_data
            if not evaluation.passed and not _is_old_news(instance, evaluation, run.run_id):
                failed_checks.setdefault(event.step_key or "", []).append(
                    FailedCheck(
                        evaluation.asset_key.to_user_string(),
                        evaluation.check_name,
                        evaluation.description or "see the run",
                    )
                )
    steps = tuple(
        StepFacts(
            key=stats.step_key,
            start=stats.start_time,
            end=stats.end_time,
            succeeded=stats.step_key not in failures,
            error=failures.get(stats.step_key),
            threshold_s=thresholds.get(stats.step_key),
            failed_checks=tuple(failed_checks.get(stats.step_key, ())),
        )
        for stats in instance.get_run_step_stats(run.run_id)
    )
    threshold = run.tags.get(SLOW_AFTER)
    return RunFacts(
        run_id=run.run_id,
        job=run.job_name,
        partition=partition_of(run.tags),
        status=run.status,
        start=record.start_time,
        end=record.end_time,
        threshold_s=float(threshold) if threshold else None,
        steps=steps,
        error=error,
    )


def _is_old_news(
    instance: dg.DagsterInstance, evaluation: dg.AssetCheckEvaluation, run_id: str
) -> bool:
    """Whether the run before found the very same: by the check's metadata `fingerprint`, which a
    check has whose state lasts until somebody acts, such as drift (M1)."""
    fingerprint = evaluation.metadata.get(FINGERPRINT)
    if fingerprint is None:
        return False
    history = instance.event_log_storage.get_asset_check_execution_history(
        evaluation.asset_check_key, limit=HISTORY
    )
    runs = [record.run_id for record in history]
    earlier = history[runs.index(run_id) + 1 :] if run_id in runs else []
    if not earlier or earlier[0].event is None or earlier[0].event.dagster_event is None:
        return False
    previous = earlier[0].event.dagster_event.event_specific_data
    return (
        isinstance(previous, dg.AssetCheckEvaluation)
        and not previous.passed
        and previous.metadata.get(FINGERPRINT) == fingerprint
    )


def step_thresholds(assets: Iterable[dg.AssetsDefinition]) -> dict[str, float]:
    """Seconds after which a step counts as slow, by step key, from the assets' tags."""
    return {
        definition.op.name: max(float(tags[SLOW_AFTER]) for tags in tagged)
        for definition in assets
        if definition.is_executable
        and (tagged := [s.tags for s in definition.specs if SLOW_AFTER in s.tags])
    }


def _finished_since(
    context: dg.SensorEvaluationContext, statuses: Sequence[dg.DagsterRunStatus]
) -> Iterator[dg.RunRecord]:
    """Runs that ended after the cursor, oldest first; the cursor follows each one handled."""
    if context.cursor:
        since = datetime.fromisoformat(json.loads(context.cursor)["since"])
    else:
        since = datetime.now(UTC) - FIRST_LOOK_BACK
    records = context.instance.get_run_records(
        dg.RunsFilter(statuses=list(statuses), updated_after=since),
        limit=RUNS_PER_TICK,
        order_by="update_timestamp",
        ascending=True,
    )
    for record in records:
        yield record
        since = record.update_timestamp.replace(tzinfo=record.update_timestamp.tzinfo or UTC)
        context.update_cursor(json.dumps({"since": since.isoformat()}))


def _announce_all(
    context: dg.SensorEvaluationContext,
    slack: Slack,
    records: Iterator[dg.RunRecord] | Sequence[dg.RunRecord],
    decide: Callable[[RunFacts, float], list[Alert]],
) -> dg.SkipReason:
    repository = context.repository_def
    if repository is None:
        raise dg.DagsterInvariantViolationError("The alert sensors need the code location.")
    thresholds = step_thresholds(repository.assets_defs_by_key.values())
    now = datetime.now(UTC).timestamp()
    sent = 0
    for record in records:
        for alert in decide(read_run(context.instance, record, thresholds), now):
            sent += announce(context.instance, slack, alert)
    return dg.SkipReason(f"{sent} messages sent.")


@dg.sensor(minimum_interval_seconds=15, default_status=dg.DefaultSensorStatus.RUNNING)
def run_failed_sensor(context: dg.SensorEvaluationContext, slack: Slack) -> dg.SkipReason:
    """Tells of every failed run (P2)."""
    records = _finished_since(context, [dg.DagsterRunStatus.FAILURE])
    return _announce_all(context, slack, records, failed)


@dg.sensor(minimum_interval_seconds=15, default_status=dg.DefaultSensorStatus.RUNNING)
def check_failed_sensor(context: dg.SensorEvaluationContext, slack: Slack) -> dg.SkipReason:
    """Tells of every failed check, also of one that leaves its run green (Q1, Q2)."""
    records = _finished_since(context, [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE])
    return _announce_all(context, slack, records, checks)


@dg.sensor(minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING)
def run_slow_sensor(context: dg.SensorEvaluationContext, slack: Slack) -> dg.SkipReason:
    """Tells of every run past its threshold: finished ones, then those still going (P2)."""
    finished = _finished_since(context, [dg.DagsterRunStatus.SUCCESS])
    _announce_all(context, slack, finished, slow)
    running = context.instance.get_run_records(
        dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
    )
    return _announce_all(context, slack, running, slow)


ALERT_SENSORS = [run_failed_sensor, check_failed_sensor, run_slow_sensor]
