"""The whole graph as it is meant to be: nothing in it changes unseen, and everything says what it
is, whose it is and what it needs (U1, U4)."""

from __future__ import annotations

import ast
import difflib
import inspect
import json
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from data_assets.checks import CHECKS
from data_assets.conventions import SLOW_AFTER, data_key
from data_assets.marts.marts import asset_of
from data_assets.tables import SURVEY_ANSWERS, SURVEY_RESPONSES, TABLES
from infra_assets.registry import REGISTRY
from mall_platform.build import build_defs
from resources.settings import Settings

SNAPSHOT = Path(__file__).parent / "graph.json"
UPDATE = "./mall test --update-snapshot tests/test_definitions.py"
BODY_LINES = 45


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    return build_defs(Settings(env="local"))


def described(defs: dg.Definitions) -> dict[str, Any]:
    """The graph as plain data in a settled order."""
    repository = defs.get_repository_def()
    return {
        "assets": {
            key.to_user_string(): _asset(defs, key)
            for key in sorted(defs.resolve_asset_graph().get_all_asset_keys())
        },
        "jobs": {
            job.name: _job(job)
            for job in sorted(defs.resolve_all_job_defs(), key=lambda job: job.name)
            if not job.name.startswith("__")
        },
        "schedules": {
            schedule.name: {
                "job": schedule.job_name,
                "cron": schedule.cron_schedule,
                "time_zone": schedule.execution_timezone,
                "status": schedule.default_status.value,
            }
            for schedule in sorted(repository.schedule_defs, key=lambda each: each.name)
        },
        "sensors": {
            sensor.name: {
                "jobs": [target.job_name for target in sensor.targets],
                "interval_s": sensor.minimum_interval_seconds,
                "status": sensor.default_status.value,
            }
            for sensor in sorted(repository.sensor_defs, key=lambda each: each.name)
        },
    }


def _asset(defs: dg.Definitions, key: dg.AssetKey) -> dict[str, Any]:
    graph = defs.resolve_asset_graph()
    node = graph.get(key)
    facts = {
        "group": node.group_name,
        "owners": sorted(node.owners),
        "kinds": sorted(node.kinds),
        "deps": sorted(parent.to_user_string() for parent in node.parent_keys),
        "checks": {
            check.name: "blocks" if graph.get(check).blocking else "reports"
            for check in sorted(node.check_keys, key=lambda check: check.name)
        },
        "partitions": str(node.partitions_def) if node.partitions_def else None,
        "backfill": node.backfill_policy.policy_type.value if node.backfill_policy else None,
        "pools": sorted(node.pools or ()),
        "slow_after_s": node.tags.get(SLOW_AFTER),
    }
    return {name: fact for name, fact in facts.items() if fact}


def _job(job: dg.JobDefinition) -> dict[str, Any]:
    checks = sorted(
        f"{check.asset_key.to_user_string()}:{check.name}"
        for check in job.asset_layer.asset_graph.asset_check_keys
    )
    assets = sorted(key.to_user_string() for key in job.asset_layer.selected_asset_keys)
    facts = {
        "assets": assets,
        "checks": [] if assets else checks,  # an asset's own checks run with it
        "partitions": str(job.partitions_def) if job.partitions_def else None,
        "hooks": sorted(hook.name for hook in job.hook_defs),
        "slow_after_s": job.tags.get(SLOW_AFTER),
    }
    return {name: fact for name, fact in facts.items() if fact}


def test_the_graph_is_the_committed_one(
    defs: dg.Definitions, request: pytest.FixtureRequest
) -> None:
    """Keys, groups, owners, kinds, dependencies, checks, partitions, jobs, schedules, sensors."""
    now = json.dumps(described(defs), indent=2, ensure_ascii=False) + "\n"
    if request.config.getoption("--update-snapshot"):
        SNAPSHOT.write_text(now)
    then = SNAPSHOT.read_text()
    difference = difflib.unified_diff(
        then.splitlines(), now.splitlines(), SNAPSHOT.name, "the code", lineterm=""
    )
    assert now == then, "\n".join([*difference, f"If this is meant: {UPDATE}"])


def test_every_asset_says_what_and_whose_it_is(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    silent = {
        key.to_user_string(): missing
        for key in graph.get_all_asset_keys()
        if (
            missing := [
                part
                for part in ("group_name", "owners", "kinds", "description")
                if not getattr(graph.get(key), part)
            ]
        )
    }
    assert silent == {}


def test_an_asset_is_in_the_group_of_its_area_and_has_one_owner(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        match key.path:
            case ["infra", area, _]:
                assert (node.group_name, node.owners) == (f"infra_{area}", ["team:platform"])
            case ["mall", area, _] | [area, _]:
                assert (node.group_name, node.owners) == (area, ["team:data"])


@pytest.mark.parametrize("env", ["dev", "prod"])
def test_the_graph_is_the_same_in_every_environment(defs: dg.Definitions, env: Any) -> None:
    assert described(build_defs(Settings(env=env))) == described(defs)


def test_no_key_names_an_environment(defs: dg.Definitions) -> None:
    parts = {part for key in defs.resolve_asset_graph().get_all_asset_keys() for part in key.path}
    assert not {p for p in parts if set(p.split("_")) & {"local", "dev", "prod", "production"}}


def test_every_published_table_has_its_three_checks(defs: dg.Definitions) -> None:
    """(Q1, Q2) And the one of its schema stops what comes after it."""
    surveys = {
        SURVEY_RESPONSES: data_key("surveys", "responses"),
        SURVEY_ANSWERS: data_key("surveys", "answers"),
    }
    graph = defs.resolve_asset_graph()
    for table in TABLES:
        checks = {
            check.name: graph.get(check).blocking
            for check in graph.get(surveys.get(table) or asset_of(table)).check_keys
        }
        assert set(CHECKS) <= set(checks), table.name
        assert checks["schema_matches"], table.name


def test_every_infrastructure_asset_is_checked_against_the_code(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    infra = {key for key in graph.get_all_asset_keys() if key.path[0] == "infra"}
    assert infra == {dg.AssetKey(asset.key) for asset in REGISTRY}
    for key in infra:
        assert [check.name for check in graph.get(key).check_keys] == ["matches_code"]


def test_every_dependency_is_an_asset_that_can_be_made(defs: dg.Definitions) -> None:
    """No key is misspelt: Dagster takes an unknown one for something outside."""
    graph = defs.resolve_asset_graph()
    assert graph.external_asset_keys == set()


def test_every_job_speaks_for_itself(defs: dg.Definitions) -> None:
    """(P2) Failures and slow successes, by the step and by a threshold for the run."""
    for name, job in described(defs)["jobs"].items():
        assert job["hooks"] == ["tell_failure", "tell_slow_success"], name
        assert int(job["slow_after_s"]) > 0, name


def test_no_job_changes_infrastructure(defs: dg.Definitions) -> None:
    """Only an operator does; what starts by itself checks it."""
    for name, job in described(defs)["jobs"].items():
        assert not [key for key in job.get("assets", []) if key.startswith("infra/")], name


def test_every_data_asset_has_a_threshold(defs: dg.Definitions) -> None:
    """(P2)"""
    graph = defs.resolve_asset_graph()
    data = {key for key in graph.get_all_asset_keys() if key.path[0] != "infra"}
    assert {key for key in data if SLOW_AFTER not in graph.get(key).tags} == set()


def bodies(defs: dg.Definitions) -> Iterator[tuple[str, Callable]]:
    """The functions behind assets and checks, and those that declare infrastructure."""
    repository = defs.get_repository_def()
    for definition in {*repository.assets_defs_by_key.values()}:
        yield definition.node_def.name, definition.op.compute_fn.decorated_fn
    for asset in REGISTRY:
        yield asset.address, asset.declare


def body_lines(function: Callable) -> int:
    """Lines of a function without its signature and docstring."""
    [tree] = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(tree, ast.FunctionDef)
    statements = tree.body[1:] if ast.get_docstring(tree) else tree.body
    return statements[-1].end_lineno - statements[0].lineno + 1


def test_no_asset_has_a_long_body(defs: dg.Definitions) -> None:
    """An asset reads, calls, publishes and reports; what it does is in functions of their own."""
    found = {name: body_lines(function) for name, function in bodies(defs)}
    assert len(found) > 2 * len(REGISTRY)
    assert {name: lines for name, lines in found.items() if lines > BODY_LINES} == {}
