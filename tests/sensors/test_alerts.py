"""What Slack is told, how often, and what happens when Slack can't be told (P2)."""

import dagster as dg
import pytest
from slack_sdk.errors import SlackApiError

from data_assets.conventions import SLOW_AFTER
from mall_platform.hooks import step_hooks
from mall_platform.slack_inbox import Inbox
from resources.slack import Slack
from sensors.alerts import (
    ALERT_SENSORS,
    FailedCheck,
    RunFacts,
    StepFacts,
    check_failed_sensor,
    checks,
    failed,
    run_failed_sensor,
    run_slow_sensor,
    slow,
    step_thresholds,
)
from tests.sensors.conftest import slack_at

FAILURE, SUCCESS = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS
STARTED = dg.DagsterRunStatus.STARTED


def step(key: str = "mall__marts__a", **over: object) -> StepFacts:
    facts = {"start": 100.0, "end": 110.0, "succeeded": True, "error": None, "threshold_s": None}
    return StepFacts(key=key, **(facts | over))


def run(*steps: StepFacts, **over: object) -> RunFacts:
    facts = {
        "run_id": "r1",
        "job": "nightly_job",
        "partition": "2024-06-01",
        "status": SUCCESS,
        "start": 100.0,
        "end": 200.0,
        "threshold_s": None,
        "error": None,
    }
    return RunFacts(steps=steps, **(facts | over))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (run(step()), []),
        (run(step(error="Boom"), status=FAILURE), [("mall__marts__a", "Boom")]),
        (
            run(step("a", error="x"), step("b"), step("c", error="y"), status=FAILURE),
            [("a", "x"), ("c", "y")],
        ),
        (run(step(), status=FAILURE, error="The worker died."), [(None, "The worker died.")]),
        (run(status=dg.DagsterRunStatus.CANCELED), []),
    ],
)
def test_every_failed_step_is_told_and_a_lost_worker_too(facts, expected) -> None:
    assert [(a.step, a.reason) for a in failed(facts, 300)] == expected


@pytest.mark.parametrize(
    ("facts", "slow_steps"),
    [
        (run(step(threshold_s=10.0)), []),
        (run(step(threshold_s=9.9)), ["mall__marts__a"]),
        (run(step(threshold_s=9.9, error="Boom"), status=FAILURE), []),
        (run(step(end=None, threshold_s=150.0), status=STARTED, end=None), ["mall__marts__a"]),
        (run(step(end=None, threshold_s=250.0), status=STARTED, end=None), []),
        (run(step(start=None, end=None, threshold_s=1.0), status=STARTED, end=None), []),
        (run(step(), threshold_s=99.0), [None]),
    ],
)
def test_what_takes_longer_than_its_threshold_is_slow_finished_or_not(facts, slow_steps) -> None:
    assert [a.step for a in slow(facts, 300)] == slow_steps


def test_failed_checks_of_one_step_are_one_message() -> None:
    found = (FailedCheck("mall/x", "schema_matches", "2 rows"), FailedCheck("mall/x", "other", "1"))
    [alert] = checks(run(step(failed_checks=found)), 300)
    assert alert.reason == "schema_matches of mall/x: 2 rows\nother of mall/x: 1"


def test_a_message_names_job_partition_asset_duration_threshold_and_link() -> None:
    [alert] = slow(run(step(threshold_s=5.0)), 300)
    text = alert.text("http://ui")
    for part in (
        "mall/marts/a",
        "nightly_job",
        "2024-06-01",
        "10 s (threshold 5 s)",
        "http://ui/runs/r1",
    ):
        assert part in text


@dg.asset(
    key=["mall", "marts", "good"],
    tags={SLOW_AFTER: "0.000001"},
    check_specs=[dg.AssetCheckSpec("claim", asset=["mall", "marts", "good"])],
)
def good() -> dg.MaterializeResult:
    return dg.MaterializeResult(
        check_results=[dg.AssetCheckResult(passed=False, check_name="claim", description="3 rows")]
    )


@dg.asset(key=["mall", "marts", "bad"])
def bad() -> None:
    try:
        raise KeyError("what a service answered")
    except KeyError as error:
        raise ValueError("the reason\nsecond line") from error


@pytest.fixture
def defs(slack: Slack) -> dg.Definitions:
    assets = [good, bad]
    hooks = step_hooks(step_thresholds(assets))
    return dg.Definitions(
        assets=assets,
        jobs=[dg.define_asset_job(n, f"mall/marts/{n}", hooks=hooks) for n in ("good", "bad")],
        sensors=ALERT_SENSORS,
        resources={"slack": slack},
    )


def by_hand(defs: dg.Definitions, instance: dg.DagsterInstance, name: str) -> None:
    """As an operator starts it in the UI: without hooks."""
    defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey(["mall", "marts", name])],
        raise_on_error=False,
    )


def tick(sensor, defs, instance, slack, cursor=None) -> str | None:
    """Evaluates a sensor once and returns its cursor."""
    with dg.build_sensor_context(
        instance=instance,
        cursor=cursor,
        repository_def=defs.get_repository_def(),
        resources={"slack": slack},
    ) as context:
        sensor(context)
        return context.cursor


def test_a_failed_run_is_told_once_by_hook_and_sensor_together(
    defs, instance, slack, inbox: Inbox
) -> None:
    defs.resolve_job_def("bad").execute_in_process(instance=instance, raise_on_error=False)
    [message] = inbox.messages()
    assert "Failed: mall/marts/bad" in message["text"]
    assert "the reason" in message["text"]
    assert "second line" not in message["text"]
    assert "what a service answered" not in message["text"]
    cursor = tick(run_failed_sensor, defs, instance, slack)
    tick(run_failed_sensor, defs, instance, slack, cursor)
    assert len(inbox.messages()) == 1


def test_a_run_started_by_hand_is_told_by_the_sensor(defs, instance, slack, inbox: Inbox) -> None:
    by_hand(defs, instance, "bad")
    assert inbox.messages() == []
    cursor = tick(run_failed_sensor, defs, instance, slack)
    tick(run_failed_sensor, defs, instance, slack, cursor)
    [message] = inbox.messages()
    assert "the reason" in message["text"]
    assert "what a service answered" not in message["text"]


def test_a_failed_check_is_told_though_its_run_is_green(
    defs, instance, slack, inbox: Inbox
) -> None:
    by_hand(defs, instance, "good")
    cursor = tick(check_failed_sensor, defs, instance, slack)
    tick(check_failed_sensor, defs, instance, slack, cursor)
    [message] = inbox.messages()
    assert "claim of mall/marts/good: 3 rows" in message["text"]


def test_drift_is_told_once_until_it_changes(instance, slack, inbox: Inbox) -> None:
    """M1: the same drift, found again every morning, is no news."""
    drift = {"now": "a"}

    @dg.asset_check(asset=good)
    def matches_code() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(
            passed=drift["now"] == "", metadata={"fingerprint": drift["now"]}
        )

    drifting = dg.Definitions(
        [good],
        asset_checks=[matches_code],
        jobs=[dg.define_asset_job("look", dg.AssetSelection.checks(matches_code))],
        sensors=ALERT_SENSORS,
        resources={"slack": slack},
    )
    told = []
    for now in ("a", "a", "b", "b", "", "b"):
        drift["now"] = now
        drifting.resolve_job_def("look").execute_in_process(instance=instance)
        tick(check_failed_sensor, drifting, instance, slack)
        told.append(len(inbox.messages()))
    assert told == [1, 1, 2, 2, 2, 3]


def test_a_slow_success_is_told_once_by_hook_and_sensor_together(
    defs, instance, slack, inbox: Inbox
) -> None:
    defs.resolve_job_def("good").execute_in_process(instance=instance)
    tick(run_slow_sensor, defs, instance, slack)
    [message] = inbox.messages()
    assert "Slow: mall/marts/good" in message["text"]


def test_a_run_that_is_still_going_is_told_while_it_runs(
    defs, instance, slack, inbox: Inbox
) -> None:
    seen = []

    @dg.asset(tags={SLOW_AFTER: "0.000001"})
    def long(context: dg.AssetExecutionContext) -> None:
        tick(run_slow_sensor, running, context.instance, slack)
        seen.extend(inbox.messages())

    running = dg.Definitions([long], sensors=ALERT_SENSORS, resources={"slack": slack})
    running.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance)
    [message] = seen
    assert "still running" in message["text"]


def test_a_message_that_slack_refuses_is_sent_by_a_later_tick(
    defs, instance, slack, inbox: Inbox
) -> None:
    by_hand(defs, instance, "bad")
    deaf = slack_at(slack.base_url + "nowhere/")
    with pytest.raises(SlackApiError):
        tick(run_failed_sensor, defs, instance, deaf)
    assert inbox.messages() == []
    tick(run_failed_sensor, defs, instance, slack)
    assert len(inbox.messages()) == 1


def test_the_inbox_page_shows_messages_and_escapes_them(slack, inbox: Inbox) -> None:
    slack.post("*Failed: <script>* <http://ui/runs/1|Open the run>")
    page = inbox.page()
    assert "<strong>Failed: &lt;script&gt;</strong>" in page
    assert '<a href="http://ui/runs/1">Open the run</a>' in page


def test_the_inbox_page_shows_what_slack_has_escaped(slack, inbox: Inbox) -> None:
    slack.post("OK -&gt; ALARM &lt;https://evil|x&gt;")
    assert "OK -&gt; ALARM &lt;https://evil|x&gt;" in inbox.page()
