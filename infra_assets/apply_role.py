"""The role of runs that apply infrastructure, and what holds it within bounds.

It can neither change itself nor the boundaries: those, and what it may do, are the operator's to
change. So no run that it makes possible can give itself more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from typing import Any

from infra_assets.apply_rights import apply_rights
from infra_assets.policies import allow, deny, deny_elsewhere, document, trust
from infra_assets.resource import Resource
from infra_assets.spec import PlatformSpec
from infra_assets.types.iam import Policy, Role
from resources.names import Purpose

_ANYWHERE = ("iam", "route53", "s3")
"""Services that are asked elsewhere than in Tokyo, too."""
_DATA: tuple[Purpose, ...] = ("lake", "raw", "drop", "backup")
"""Buckets whose objects no infrastructure run has to read."""

_WIDENING = ("AttachRolePolicy", "CreateRole", "PutRolePermissionsBoundary", "PutRolePolicy")
_SORT = re.compile(r"\w+:(?:Re)?[A-Z]+[a-z]*")


def apply_role(spec: PlatformSpec, roles: Sequence[Role]) -> list[Resource]:
    """The role, its policies and its boundary; `roles` are those it may hand to services."""
    name = spec.names.apply_role
    rights = apply_rights(spec, roles)
    parts = {f"{name}-{part}": document(*statements) for part, statements in rights.items()}
    actions = {a for statements in rights.values() for s in statements for a in s["Action"]}
    return [
        Policy(name=f"{name}-boundary", document=_boundary(spec, actions)),
        *(Policy(name=part, document=rights) for part, rights in parts.items()),
        Role(
            name=name,
            trust=trust("ecs-tasks.amazonaws.com", spec.account_id),
            managed=tuple(Policy.ref(part) for part in parts),
            boundary=Policy.ref(f"{name}-boundary"),
        ),
    ]


def _boundary(spec: PlatformSpec, actions: Set[str]) -> dict[str, Any]:
    """Beyond this nothing gives the role anything, whatever is attached to it.

    But for IAM's it speaks of sorts of actions (`ec2:Create*`), since a list of the role's actions
    outgrows one policy.
    """
    iam = {action for action in actions if action.startswith("iam:")}
    sorts = {f"{found[0]}*" for action in actions - iam if (found := _SORT.match(action))}
    anywhere = {sort for sort in sorts if sort.startswith(tuple(f"{s}:" for s in _ANYWHERE))}
    role = spec.arn("iam", f"role/{spec.names.apply_role}", regional=False)
    others = spec.arn("iam", f"policy/{spec.names.boundary}", regional=False)
    token = spec.arn("secretsmanager", f"secret:{spec.names.slack_token_secret}-*")
    data = [f"arn:aws:s3:::{spec.bucket(p)}/*" for p in _DATA]
    return document(
        allow(
            sorts - anywhere,
            ["*"],
            {"StringEquals": {"aws:RequestedRegion": spec.region}},
        ),
        allow({*iam, *anywhere}, ["*"]),
        deny(["iam:*"], [role]),
        deny(
            [f"iam:{name}" for name in _WIDENING],
            ["*"],
            {"ArnNotEquals": {"iam:PermissionsBoundary": others}},
        ),
        deny(["s3:GetObject", "s3:GetObjectVersion"], data),
        deny(["s3:BypassGovernanceRetention"], ["*"]),
        deny_elsewhere(["secretsmanager:GetSecretValue"], [token]),
    )
