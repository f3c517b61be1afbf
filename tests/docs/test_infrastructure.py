"""The page of the infrastructure shows what the code declares, and the operator's policy allows
what bringing it up takes."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path
from xml.etree import ElementTree

import boto3
import pytest

from infra_assets.page import PAGE, PICTURE, page, picture, production, requirements_of
from infra_assets.picture import network_svg
from infra_assets.registry import REGISTRY
from infra_assets.types.iam import Role

ROOT = Path(__file__).parents[2]
UPDATE = ".venv/bin/python -m infra_assets.page"
POLICY = json.loads((ROOT / "deploy/operator-policy.json").read_text("utf-8"))
BOOTSTRAP = json.loads((ROOT / "deploy/bootstrap-policy.json").read_text("utf-8"))

_CALL = re.compile(r'cloud\.(?:read|write)\(\s*"([\w-]+)",\s*"(\w+)"')
_PREFIXES = {"elbv2": "elasticloadbalancing"}
_BY_ANOTHER_NAME = {"s3:ListBuckets": "s3:ListAllMyBuckets"}


def test_the_picture_is_the_networks() -> None:
    """(N1, N2, N3)"""
    assert PICTURE.read_text("utf-8") == picture(), f"Drawn anew by: {UPDATE}"


def test_the_table_of_assets_is_the_registrys() -> None:
    text = PAGE.read_text("utf-8")
    assert text == page(text), f"Renewed by: {UPDATE}"


def test_every_asset_cites_a_requirement() -> None:
    assert [asset.address for asset in REGISTRY if not requirements_of(asset)] == []


def test_the_picture_follows_the_spec() -> None:
    """(N2) With one NAT gateway the other zone's servers leave through it."""
    assert "NAT gateway nat-c" in picture()
    smaller = production().model_copy(update={"nat_per_zone": False, "database_multi_az": False})
    drawn = network_svg(smaller)
    assert ElementTree.fromstring(drawn).tag.endswith("svg")
    assert ("nat-c" in drawn, "standby" in drawn) == (False, False)


def actions_of(source: str) -> set[str]:
    """The IAM actions of the calls that a module of resource types makes."""
    found = set()
    for service, method in _CALL.findall(source):
        client = boto3.client(service, region_name="ap-northeast-1")
        operation = client.meta.method_to_api_mapping[method]
        action = f"{_PREFIXES.get(service, service)}:{operation}"
        found.add(_BY_ANOTHER_NAME.get(action, action))
    return found


HANDED_OVER_LATER = {"ecs-tasks.amazonaws.com", "export.rds.amazonaws.com"}
"""Services that get their role when a task or an export is started, not from an apply."""

FOR_NOBODY = {"iam:DeleteRolePermissionsBoundary"}
"""Every role that is declared has a boundary, so no apply takes one off."""

MODULES = sorted((ROOT / "infra_assets/types").glob("[a-z]*.py"))


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_the_operator_may_do_all_that_an_apply_does(module: Path) -> None:
    allowed = [
        pattern
        for statement in [*POLICY["Statement"], *BOOTSTRAP["Statement"]]
        for pattern in (
            [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        )
    ]
    actions = actions_of(module.read_text("utf-8")) - FOR_NOBODY
    assert {a for a in actions if not any(fnmatchcase(a, p) for p in allowed)} == set()


def test_the_operator_may_hand_our_roles_to_the_services_that_take_them_only() -> None:
    (passing,) = [s for s in POLICY["Statement"] if s["Action"] == "iam:PassRole"]
    trusted = {
        service
        for asset in REGISTRY
        for role in asset.resources(production())
        if isinstance(role, Role)
        for statement in role.trust["Statement"]
        if (service := statement["Principal"].get("Service"))
    }
    passed = set(passing["Condition"]["StringEquals"]["iam:PassedToService"])
    assert passed == trusted - HANDED_OVER_LATER


def test_the_operator_may_make_no_users_and_no_keys_of_access() -> None:
    actions = [a for s in POLICY["Statement"] for a in s["Action"] if "iam:" in a]
    assert [a for a in actions if "User" in a or "AccessKey" in a or "*" in a] == []


def test_calls_are_found_in_the_types() -> None:
    calls = set().union(*(actions_of(module.read_text("utf-8")) for module in MODULES))
    assert len(calls) > 150
    assert {"iam:PutRolePolicy", "ec2:CreateVpc", "s3:ListAllMyBuckets"} <= calls


def test_the_operator_makes_roles_within_their_boundary_only() -> None:
    """(N3)"""
    widening = {"iam:AttachRolePolicy", "iam:CreateRole", "iam:PutRolePolicy"}
    (statement,) = [s for s in POLICY["Statement"] if widening & set(s["Action"])]
    assert widening < set(statement["Action"])
    assert statement["Condition"] == {
        "ArnLike": {"iam:PermissionsBoundary": "arn:aws:iam::*:policy/mall-*-boundary"}
    }
    assert "iam:DeleteRolePermissionsBoundary" not in {
        a for s in POLICY["Statement"] for a in s["Action"]
    }
