"""The step's own voice: what a job's step tells Slack the moment it fails or succeeds late (P2).

The sensors of `sensors.alerts` tell of the same things for every run, also when the run's process
is gone; the run's tags keep both from saying a thing twice.
"""

import time
from collections.abc import Mapping

import dagster as dg

from sensors.alerts import Alert, Kind, announce, is_wrapper, partition_of


def step_hooks(thresholds: Mapping[str, float]) -> set[dg.HookDefinition]:
    """The hooks of every job; `thresholds` are seconds by step key."""

    @dg.failure_hook(name="tell_failure", required_resource_keys={"slack"})
    def tell_failure(context: dg.HookContext) -> None:
        error = context.op_exception
        while error and is_wrapper(type(error).__name__) and error.__cause__ is not None:
            error = error.__cause__
        text = getattr(error, "description", None) or str(error or "The step failed.")
        _announce(context, "failed", text.strip().splitlines()[0][:500], thresholds)

    @dg.success_hook(name="tell_slow_success", required_resource_keys={"slack"})
    def tell_slow_success(context: dg.HookContext) -> None:
        _announce(context, "slow", "It succeeded, but took too long.", thresholds)

    return {tell_failure, tell_slow_success}


def _announce(
    context: dg.HookContext, kind: Kind, reason: str, thresholds: Mapping[str, float]
) -> None:
    run = context.instance.get_run_by_id(context.run_id)
    [stats] = context.instance.get_run_step_stats(context.run_id, [context.step_key])
    duration_s = time.time() - stats.start_time if stats.start_time else 0.0
    threshold_s = thresholds.get(context.step_key)
    if kind == "slow" and (threshold_s is None or duration_s <= threshold_s):
        return
    alert = Alert(
        kind=kind,
        run_id=context.run_id,
        job=context.job_name,
        partition=partition_of(run.tags) if run else None,
        step=context.step_key,
        reason=reason,
        duration_s=duration_s,
        threshold_s=threshold_s,
    )
    announce(context.instance, context.resources.slack, alert)
