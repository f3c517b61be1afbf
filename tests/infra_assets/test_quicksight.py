"""The data source of QuickSight (V1): there once the account has a subscription, and not before."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from infra_assets.registry import infra_definitions
from resources.settings import load_settings
from tests.infra_assets.world import ACCOUNT, READER, World

ASSET = "analytics/quicksight_source"
ANOTHER = READER.replace("analysts", "managers")


def source(world: World) -> dict[str, Any]:
    client = world.aws.client("quicksight")
    return client.describe_data_source(AwsAccountId=ACCOUNT, DataSourceId="mall-dev")["DataSource"]


def users(world: World) -> dict[str, list[str]]:
    client = world.aws.client("quicksight")
    found = client.describe_data_source_permissions(AwsAccountId=ACCOUNT, DataSourceId="mall-dev")
    return {each["Principal"]: sorted(each["Actions"]) for each in found["Permissions"]}


def test_the_data_source_queries_the_workgroup_as_a_role_of_its_own(complete: World) -> None:
    """Not as the role that all of an account's data sources share."""
    found = source(complete)
    assert (found["Type"], found["Status"]) == ("ATHENA", "CREATION_SUCCESSFUL")
    assert found["DataSourceParameters"]["AthenaParameters"] == {
        "WorkGroup": "mall-dev",
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/mall-dev-quicksight",
    }


def test_its_users_may_use_it_and_not_change_it(complete: World) -> None:
    assert users(complete) == {
        READER: [
            "quicksight:DescribeDataSource",
            "quicksight:DescribeDataSourcePermissions",
            "quicksight:PassDataSource",
        ]
    }


def test_users_come_and_go_in_place(complete: World) -> None:
    engine = complete.engine(quicksight_users=[ANOTHER])
    (step,) = engine.plan().changes
    assert (step.action, [c.attribute for c in step.changes]) == ("update", ["permissions"])
    engine.apply()
    assert users(complete).keys() == {ANOTHER}
    assert engine.plan().changes == []


def test_what_could_not_connect_is_told_again(complete: World) -> None:
    from moto.backends import get_backend

    backend = get_backend("quicksight")[ACCOUNT]["ap-northeast-1"]
    backend.data_sources["mall-dev"].status = "CREATION_FAILED"
    (step,) = complete.engine().plan().changes
    assert (step.action, [c.attribute for c in step.changes]) == ("update", ["connection"])
    complete.engine().apply([ASSET])
    assert source(complete)["Status"] == "UPDATE_SUCCESSFUL"


def test_without_a_subscription_quicksight_is_not_asked(world: World) -> None:
    plan = world.engine(quicksight_users=[]).plan([ASSET])
    assert (plan.steps, plan.changes) == ((), [])
    assert world.engine(quicksight_users=[]).apply([ASSET]) == []
    assert [call for call in world.wire.calls if call.service == "quicksight"] == []


def test_without_a_subscription_the_asset_says_why_it_is_empty(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MALL_ENV", "dev")
    load_settings.cache_clear()
    try:
        key = dg.AssetKey(["infra", *ASSET.split("/")])
        result = dg.materialize(
            [*infra_definitions().assets, *infra_definitions().asset_checks],
            selection=dg.AssetSelection.assets(key),
            resources={"aws": world.aws},
        )
    finally:
        load_settings.cache_clear()
    (event,) = result.asset_materializations_for_node(key.to_python_identifier())
    assert "subscription" in event.metadata["nothing to apply"].value
    (check,) = result.get_asset_check_evaluations()
    assert check.passed
    assert world.wire.mutations() == []


def test_a_source_that_is_not_wanted_any_more_is_an_orphan(complete: World) -> None:
    engine = complete.engine(quicksight_users=[])
    (orphan,) = engine.plan().orphans
    assert orphan.address == "quicksight.AthenaSource/mall-dev"
    engine.prune([orphan.address])
    assert engine.plan().orphans == ()
