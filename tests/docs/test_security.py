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
FILES = {name: ROOT / f"deploy/{name}-policy.json" for name in ("operator", "bootstrap")}
READING = ("BatchGet", "Describe", "Get", "List")
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


def statements(name: str) -> list[dict[str, Any]]:
    return json.loads(FILES[name].read_text("utf-8"))["Statement"]


def test_what_an_operator_may_change_is_listed_with_its_reason() -> None:
    """Every statement that is not for reading alone, whole services included."""
    listed = {name: reason for names, _, reason in rows("operator") for name in quoted(names)}
    changing = {
        statement["Sid"]
        for statement in (*statements("operator"), *statements("bootstrap"))
        for action in many(statement["Action"])
        if not action.partition(":")[2].startswith(READING)
    }
    assert all(listed.values())
    assert listed.keys() == changing


def test_an_operator_writes_no_boundary() -> None:
    """Who can write one and make roles can do anything; the file for the start says so."""
    boundaries = [name for name in POLICIES if name.endswith("-boundary")]
    assert len(boundaries) == 2
    for file, writes in (("operator", set()), ("bootstrap", set(boundaries))):
        written = {
            name
            for statement in statements(file)
            for action in many(statement["Action"])
            if fnmatchcase("iam:CreatePolicyVersion", action)
            for name in boundaries
            for resource in many(statement["Resource"])
            if fnmatchcase(f"arn:aws:iam::123456789012:policy/{name}", resource)
        }
        assert written == writes, file


def test_an_operator_writes_every_policy_that_is_no_boundary() -> None:
    (statement,) = [s for s in statements("operator") if s["Sid"] == "WhatApplyMayDo"]
    for name in POLICIES:
        arn = f"arn:aws:iam::123456789012:policy/{name}"
        allowed = any(fnmatchcase(arn, resource) for resource in statement["Resource"])
        assert allowed != name.endswith("-boundary"), name


def many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
