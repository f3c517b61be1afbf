"""When the jobs start by themselves, in Asia/Tokyo (P1, U3).

A run over a range of days gets its configuration here: Dagster takes a partitioned job's own
configuration for runs of one partition only.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

import dagster as dg

from data_assets.partitions import business_day, business_days
from mall_platform.jobs import CHANGED_DAYS, GROWN_DAYS

DAYS_BACK = 3

RUNNING = dg.DefaultScheduleStatus.RUNNING


def recent_days(now: datetime) -> Mapping[str, str]:
    """The run tags of the Tokyo days D−3…D, where D is the day of `now`, as one range."""
    today = business_day(now)
    first = max(today - timedelta(days=DAYS_BACK), business_days.start.date())
    return {
        "dagster/asset_partition_range_start": first.isoformat(),
        "dagster/asset_partition_range_end": today.isoformat(),
    }


@dg.schedule(
    job_name="nightly_job",
    cron_schedule="0 3 * * *",
    execution_timezone="Asia/Tokyo",
    default_status=RUNNING,
)
def nightly_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Extracts of the last days, then every mart and the page."""
    days = recent_days(context.scheduled_execution_time)
    return dg.RunRequest(run_config=CHANGED_DAYS, tags=days)


@dg.schedule(
    job_name="clicks_job",
    cron_schedule="10 * * * *",
    execution_timezone="Asia/Tokyo",
    default_status=RUNNING,
)
def clicks_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """The click log of the current day and of the last three, where it grew."""
    days = recent_days(context.scheduled_execution_time)
    return dg.RunRequest(run_config=GROWN_DAYS, tags=days)


infra_checks_schedule = dg.ScheduleDefinition(
    name="infra_checks_schedule",
    job_name="infra_checks_job",
    cron_schedule="0 6 * * *",
    execution_timezone="Asia/Tokyo",
    default_status=RUNNING,
    description="Tells whether AWS is still what the code says.",
)

cleanup_schedule = dg.ScheduleDefinition(
    name="cleanup_schedule",
    job_name="cleanup_job",
    cron_schedule="30 4 * * *",
    execution_timezone="Asia/Tokyo",
    default_status=RUNNING,
    description="Removes lake folders that nothing points at.",
)

recount_schedule = dg.ScheduleDefinition(
    name="recount_schedule",
    job_name="recount_job",
    cron_schedule="0 5 1 * *",
    execution_timezone="Asia/Tokyo",
    default_status=RUNNING,
    description="Counts every published day again, which finds deleted rows.",
)

SCHEDULES = [
    nightly_schedule,
    clicks_schedule,
    infra_checks_schedule,
    cleanup_schedule,
    recount_schedule,
]
