"""Which role a run on AWS works as."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest
from dagster_aws.ecs.container_context import EcsContainerContext

from mall_platform.build import build_defs
from mall_platform.ecs_launcher import (
    INFRA_JOBS,
    MixedRunError,
    RoleByRunLauncher,
    TaskReplacedError,
    works_on_infra,
)
from resources.settings import Settings

APPLY, DATA = (f"arn:aws:iam::123456789012:role/mall-dev-{name}" for name in ("apply", "data"))
VPC = dg.AssetKey(["infra", "network", "vpc"])
MART = dg.AssetKey(["mall", "marts", "sales_by_category"])


def run(job_name: str = "__ASSET_JOB", **selection: Any) -> dg.DagsterRun:
    selected = {name: frozenset(keys) for name, keys in selection.items()}
    return dg.DagsterRun(job_name=job_name, run_id="1", **selected)


@pytest.fixture
def launcher(monkeypatch: pytest.MonkeyPatch) -> RoleByRunLauncher:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-northeast-1")
    return RoleByRunLauncher(APPLY, DATA, use_current_ecs_task_config=False)


@pytest.mark.parametrize(
    ("started", "role"),
    [
        (run(asset_selection=[VPC]), APPLY),
        (run(asset_check_selection=[dg.AssetCheckKey(VPC, "matches_code")]), APPLY),
        (run("infra_checks_job"), APPLY),
        (run(asset_selection=[MART]), DATA),
        (run(asset_check_selection=[dg.AssetCheckKey(MART, "schema")]), DATA),
        (run("nightly_job"), DATA),
    ],
)
def test_a_task_gets_the_role_that_its_run_needs(
    launcher: RoleByRunLauncher, started: dg.DagsterRun, role: str
) -> None:
    overrides = launcher._get_task_overrides(EcsContainerContext(), started)
    assert overrides["taskRoleArn"] == role


def test_who_starts_a_run_does_not_choose_its_role(launcher: RoleByRunLauncher) -> None:
    tags = {"ecs/task_overrides": f'{{"taskRoleArn": "{APPLY}", "cpu": "2048"}}'}
    started = run("nightly_job").with_tags(tags)
    overrides = launcher._get_task_overrides(EcsContainerContext(), started)
    assert overrides == {"taskRoleArn": DATA, "cpu": "2048"}


def test_a_tag_cannot_replace_a_runs_task_and_so_its_role(launcher: RoleByRunLauncher) -> None:
    tags = {"ecs/run_task_kwargs": f'{{"overrides": {{"taskRoleArn": "{APPLY}"}}}}'}
    with pytest.raises(TaskReplacedError, match="overrides"):
        launcher._get_run_task_kwargs_from_run(run("nightly_job").with_tags(tags))


def test_a_run_over_infrastructure_and_data_is_refused() -> None:
    with pytest.raises(MixedRunError, match="as two"):
        works_on_infra(run(asset_selection=[VPC, MART]))


def test_every_job_over_infrastructure_is_known() -> None:
    defs = build_defs(Settings(env="dev"))
    found = set()
    for job in defs.resolve_all_job_defs():
        keys = {check.asset_key for check in job.asset_layer.asset_graph.asset_check_keys}
        keys |= set(job.asset_layer.asset_graph.materializable_asset_keys)
        areas = {key.path[0] == "infra" for key in keys}
        if job.name != "__ASSET_JOB" and True in areas:
            assert areas == {True}, job.name
            found.add(job.name)
    assert found == INFRA_JOBS
