"""The step's own voice: what a job's step tells Slack the moment it fails or succeeds late (P2).

The sensors of `sensors.alerts` tell of the same things for every run, also when the run's process
is gone; the run's tags keep both from saying a thing twice.
"""

import time

import dagster as dg

from sensors.alerts import SLOW_AFTER_TAG, Alert, Kind, announce, partition_of


def _announce(context: dg.HookContext, kind: Kind, reason: str) -> None:
    run = context.instance.get_run_by_id(context.run_id)
    [stats] = context.instance.get_run_step_stats(context.run_id, [context.step_key])
    threshold = context.op.tags.get(SLOW_AFTER_TAG)
    alert = Alert(
        kind=kind,
        run_id=context.run_id,
        job=context.job_name,
        partition=partition_of(run.tags) if run else None,
        step=context.step_key,
        reason=reason,
        duration_s=time.time() - stats.start_time if stats.start_time else None,
        threshold_s=float(threshold) if threshold else None,
    )
    if kind == "slow" and (alert.duration_s or 0) <= (alert.threshold_s or float("inf")):
        return
    announce(context.instance, context.resources.slack, alert)


@dg.failure_hook(required_resource_keys={"slack"})
def tell_failure(context: dg.HookContext) -> None:
    """Posts a failed step."""
    error = context.op_exception
    while error is not None and error.__cause__ is not None:
        error = error.__cause__
    text = getattr(error, "description", None) or str(error or "The step failed.")
    _announce(context, "failed", text.strip().splitlines()[0][:500])


@dg.success_hook(required_resource_keys={"slack"})
def tell_slow_success(context: dg.HookContext) -> None:
    """Posts a step that succeeded but took longer than its threshold."""
    _announce(context, "slow", "It succeeded, but took too long.")


HOOKS = {tell_failure, tell_slow_success}
