"""What starts by itself, when, and over which days (P1, U3)."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import pytest

from data_assets.partitions import TOKYO, business_days
from mall_platform.build import build_defs
from mall_platform.schedules import recent_days
from resources.settings import Settings

RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    return build_defs(Settings(env="local"))


@pytest.mark.parametrize(
    ("now", "days"),
    [
        (datetime(2024, 6, 10, 3, tzinfo=TOKYO), ("2024-06-07", "2024-06-10")),
        (datetime(2024, 6, 9, 15, tzinfo=UTC), ("2024-06-07", "2024-06-10")),
        (datetime(2024, 6, 9, 14, 59, tzinfo=UTC), ("2024-06-06", "2024-06-09")),
        (datetime(2024, 3, 1, 3, tzinfo=TOKYO), ("2024-02-27", "2024-03-01")),
    ],
)
def test_the_last_three_days_run_with_the_current_one(now: datetime, days: tuple[str, str]) -> None:
    """Days are Tokyo's, whatever the clock's time zone."""
    tags = recent_days(now)
    assert tuple(tags[name] for name in RANGE) == days


def test_days_before_the_first_are_not_asked_for() -> None:
    first = business_days.start.astimezone(TOKYO)
    tags = recent_days(first.replace(hour=3))
    assert tags == dict.fromkeys(RANGE, first.date().isoformat())


def tick(defs: dg.Definitions, schedule: str, hour: int) -> dg.RunRequest:
    """The one run that a schedule asks for on 10 June 2024."""
    at = datetime(2024, 6, 10, hour, 10, tzinfo=TOKYO)
    with dg.build_schedule_context(scheduled_execution_time=at) as context:
        [request] = defs.resolve_schedule_def(schedule).evaluate_tick(context).run_requests
    return request


@pytest.mark.parametrize(("schedule", "hour"), [("nightly_schedule", 3), ("clicks_schedule", 14)])
def test_a_tick_asks_for_one_run_over_the_range(
    defs: dg.Definitions, schedule: str, hour: int
) -> None:
    request = tick(defs, schedule, hour)
    assert tuple(request.tags[key] for key in RANGE) == ("2024-06-07", "2024-06-10")
    assert request.partition_key is None


def test_the_nightly_run_takes_older_days_along_that_have_changed(defs: dg.Definitions) -> None:
    """(E1) Regression: a job's own configuration does not reach a run over a range."""
    ops = tick(defs, "nightly_schedule", 3).run_config["ops"]
    for table in ("purchases", "reviews"):
        assert ops[f"mall__extracts__{table}"]["config"] == {"changed_days": True}


def test_the_hourly_run_leaves_days_of_clicks_alone_that_have_not_grown(
    defs: dg.Definitions,
) -> None:
    """(E3)"""
    ops = tick(defs, "clicks_schedule", 14).run_config["ops"]
    config = ops["mall__clickstream__clicks"]["config"]
    assert config == {"only_grown": True, "accept_loss": False}


@pytest.mark.parametrize("name", ["nightly_job", "clicks_job"])
def test_a_run_of_one_day_is_configured_like_the_scheduled_one(
    defs: dg.Definitions, name: str
) -> None:
    """(U1) Also where an operator starts it."""
    config = defs.resolve_job_def(name).get_run_config_for_partition_key("2024-06-10")
    assert config["ops"] == tick(defs, name.replace("job", "schedule"), 3).run_config["ops"]


def test_the_nightly_run_goes_from_extracts_over_marts_to_the_page(defs: dg.Definitions) -> None:
    """Its order is the graph's: each asset runs after all it depends on."""
    graph = defs.resolve_asset_graph()
    job = defs.resolve_job_def("nightly_job")
    keys = job.asset_layer.selected_asset_keys
    areas = {key.path[1] for key in keys}
    assert areas == {"extracts", "marts", "dashboards"}
    site = dg.AssetKey(["mall", "dashboards", "site"])
    marts = {key for key in keys if key.path[1] == "marts"}
    assert graph.get(site).parent_keys >= marts
    for mart in marts:
        assert graph.get(mart).parent_keys & graph.materializable_asset_keys
