"""The page of security names every role, and every `*` with its reason (N3)."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from infra_assets.resource import Ref
from infra_assets.types.iam import Policy, Role
from tests.infra_assets.world import DECLARED

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/security.md"
OPERATOR = sorted((ROOT / "deploy/operator").glob("*.json"))
BOOTSTRAP = ROOT / "deploy/bootstrap-policy.json"
ROLES = {r.name.removeprefix("mall-dev-"): r for r in DECLARED if isinstance(r, Role)}
POLICIES = {r.name: r.document for r in DECLARED if isinstance(r, Policy)}


def rows(block: str) -> list[list[str]]:
    """The cells of the table after a comment."""
    after = PAGE.read_text("utf-8").partition(f"<!-- {block}")[2]
    table = re.search(r"(?:^\|.*\n)+", after, re.M)
    assert table
    lines = table[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def attached(role: Role) -> list[dict[str, Any]]:
    return [POLICIES[ref.name] for ref in role.managed if isinstance(ref, Ref)]


def test_every_role_is_explained() -> None:
    assert sorted(name for row in rows("roles") for name in quoted(row[0])) == sorted(ROLES)


def test_every_action_on_any_resource_is_listed_with_its_reason() -> None:
    """(N3)"""
    listed = {
        (action, role)
        for actions, roles, reason in rows("any resource")
        for action in quoted(actions)
        for role in quoted(roles)
        if reason
    }
    declared = {
        (action, name)
        for name, role in ROLES.items()
        for document in [*role.policies.values(), *attached(role)]
        for statement in document["Statement"]
        if "*" in statement["Resource"]
        for action in statement["Action"]
    }
    assert listed == declared


def statements(*files: Path) -> list[dict[str, Any]]:
    return [s for file in files for s in json.loads(file.read_text("utf-8"))["Statement"]]


def test_every_policy_of_an_operator_is_explained() -> None:
    listed = {name: reason for names, _, reason in rows("operator") for name in quoted(names)}
    assert all(listed.values())
    assert sorted(listed) == sorted(str(file.relative_to(ROOT)) for file in (*OPERATOR, BOOTSTRAP))


def test_an_operators_actions_are_named_one_by_one() -> None:
    """(N3) On any resource are those only that `apply` has there, and looking at quotas."""
    listed = {action for actions, _, _ in rows("any resource") for action in quoted(actions)}
    for statement in statements(*OPERATOR, BOOTSTRAP):
        assert not [action for action in many(statement["Action"]) if "*" in action]
        if "*" in many(statement["Resource"]):
            quotas = {"servicequotas:GetServiceQuota", "servicequotas:ListServiceQuotas"}
            assert set(statement["Action"]) <= listed | quotas


def test_an_operator_writes_no_boundary() -> None:
    """Who can write one and make roles can do anything; the file for the start says so."""
    boundaries = [name for name in POLICIES if name.endswith("-boundary")]
    assert len(boundaries) == 2
    for files, writes in ((OPERATOR, set()), ([BOOTSTRAP], set(boundaries))):
        assert written_by(*files) & set(boundaries) == writes


def test_an_operator_writes_every_policy_that_is_no_boundary() -> None:
    assert written_by(*OPERATOR) == {n for n in POLICIES if not n.endswith("-boundary")}


def written_by(*files: Path) -> set[str]:
    return {
        name
        for statement in statements(*files)
        if "iam:CreatePolicyVersion" in many(statement["Action"])
        for name in POLICIES
        for resource in many(statement["Resource"])
        if fnmatchcase(f"arn:aws:iam::123456789012:policy/{name}", resource)
    }


def many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
