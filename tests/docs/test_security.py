"""The page of security names every role, and every `*` with its reason (N3)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from infra_assets.resource import Ref
from infra_assets.types.iam import Policy, Role
from tests.infra_assets.world import DECLARED

PAGE = Path(__file__).parents[2] / "docs/security.md"
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
