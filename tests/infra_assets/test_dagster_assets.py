"""Infrastructure in Dagster: materializing applies, checking plans."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dagster as dg
import pytest

from infra_assets import dagster_assets
from infra_assets.lock import ApplyLock, LockHeldError
from infra_assets.registry import REGISTRY, infra_definitions
from resources.aws import Aws
from resources.settings import load_settings
from tests.infra_assets.world import World

KEY = dg.AssetKey(["infra", "storage", "log_bucket"])


@pytest.fixture
def dev(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MALL_ENV", "dev")
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


def materialize(
    world: World, key: dg.AssetKey = KEY, **run_config: Any
) -> dg.ExecuteInProcessResult:
    assets = [*infra_definitions().assets, *infra_definitions().asset_checks]
    return dg.materialize(
        assets,
        selection=dg.AssetSelection.assets(key),
        resources={"aws": world.aws},
        run_config=run_config or None,
        raise_on_error=False,
    )


def test_keys_dependencies_and_checks_are_the_registrys() -> None:
    resources = dg.Definitions(resources={"aws": Aws(env="dev")})
    definitions = dg.Definitions.merge(infra_definitions(), resources)
    graph = definitions.resolve_asset_graph()
    assert {tuple(k.path) for k in graph.get_all_asset_keys()} == {tuple(a.key) for a in REGISTRY}
    assert {(c.asset_key, c.name) for c in graph.asset_check_keys} == {
        (dg.AssetKey(a.key), "matches_code") for a in REGISTRY
    }
    for asset in REGISTRY:
        node = graph.get(dg.AssetKey(asset.key))
        assert {tuple(k.path[1:]) for k in node.parent_keys} == {
            tuple(d.split("/")) for d in asset.deps
        }
        assert node.description and node.owners and node.group_name == f"infra_{asset.area}"


@pytest.mark.usefixtures("dev")
def test_materializing_reports_changes_ids_and_links(world: World) -> None:
    result = materialize(world)
    assert result.success
    (event,) = result.asset_materializations_for_node(KEY.to_python_identifier())
    assert event.metadata["created"].value == 10
    assert event.metadata["updated"].value == 1
    text = event.metadata["resources"].value
    assert "`mall-dev-log-123456789012`" in text and "console.aws.amazon.com" in text
    rows = [record.data for record in event.metadata["changes"].records]
    assert {"resource", "attribute", "now", "wanted", "replaces"} == set(rows[0])
    (check,) = result.get_asset_check_evaluations()
    assert check.passed


@pytest.mark.usefixtures("dev")
def test_an_apply_without_change_makes_nothing_stale(world: World) -> None:
    versions = []
    for _ in range(2):
        result = materialize(world)
        (event,) = result.asset_materializations_for_node(KEY.to_python_identifier())
        versions.append(event.tags["dagster/data_version"])
    assert versions[0] == versions[1]
    assert event.metadata["unchanged"].value == 13


@pytest.mark.usefixtures("dev")
def test_the_check_shows_drift_without_repairing_it(world: World) -> None:
    materialize(world)
    world.aws.client("s3").delete_bucket_policy(Bucket="mall-dev-log-123456789012")
    world.wire.clear()
    result = dg.materialize(
        [*infra_definitions().assets, *infra_definitions().asset_checks],
        selection=dg.AssetSelection.checks(dg.AssetCheckKey(KEY, "matches_code")),
        resources={"aws": world.aws},
    )
    (check,) = result.get_asset_check_evaluations()
    assert not check.passed
    assert [row.data["attribute"] for row in check.metadata["changes"].records] == ["policy"]
    address = "s3.Policy/mall-dev-log-123456789012"
    assert check.description == f"1 of 13 resources not as declared: {address} (create)"
    assert world.wire.mutations() == []


@pytest.mark.usefixtures("dev")
def test_the_check_of_nothing_made_names_what_is_missing_and_ends(world: World) -> None:
    plan = world.engine().plan()
    text = dagster_assets.plan_summary(plan)
    assert text.startswith(f"{len(plan.steps)} of {len(plan.steps)} resources not as declared: ")
    assert f"{plan.changes[0].resource.address} (create)" in text
    assert text.endswith(f", {len(plan.steps) - 10} more")


@pytest.mark.usefixtures("dev")
def test_assets_made_at_once_wait_for_each_others_lock(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the steps of one run on AWS, which are processes of their own."""
    refused = threading.Event()
    acquire = ApplyLock.acquire

    def ask(lock: ApplyLock) -> None:
        try:
            acquire(lock)
        except LockHeldError:
            refused.set()
            raise

    monkeypatch.setattr(ApplyLock, "acquire", ask)
    monkeypatch.setattr(dagster_assets, "LOCK_WAIT_S", 0.1)
    world.wire.strikes = lambda call, number: call.operation == "CreateVpc"
    world.wire.before = lambda call: assert_true(refused.wait(60))
    vpc = dg.AssetKey(["infra", "network", "vpc"])
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(materialize, world, vpc)
        while "CreateVpc" not in {call.operation for call in world.wire.calls}:
            assert not first.done()
        second = pool.submit(materialize, world, KEY)
        assert first.result().success
        assert second.result().success
    assert "STEP_UP_FOR_RETRY" in {event.event_type_value for event in second.result().all_events}


def assert_true(value: bool) -> None:
    assert value


def test_production_must_be_confirmed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALL_ENV", "prod")
    load_settings.cache_clear()
    try:
        result = materialize(world)
        assert not result.success
        assert world.wire.mutations() == []
    finally:
        load_settings.cache_clear()
