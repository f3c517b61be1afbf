"""The permissions boundary: what none of the roles can be given, whoever changes its policies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from infra_assets.policies import allow, document
from infra_assets.resource import Resource
from infra_assets.types.iam import Policy, Role


def bounded(name: str, resources: Sequence[Resource]) -> list[Resource]:
    """The resources with a boundary on each role, and the boundary, which is made before them.

    It has the actions that some role's policies name, and no others: a policy put on a role by
    hand can widen what the role does to which resources, but adds no sort of deed that the
    platform doesn't know, such as handing out permissions.
    """
    roles = [resource for resource in resources if isinstance(resource, Role)]
    actions = {
        action
        for role in roles
        for policy in role.policies.values()
        for statement in policy["Statement"]
        for action in statement["Action"]
    }
    boundary = Policy(name=name, document=document(allow(actions, ["*"])))
    return [
        boundary,
        *(
            replace(resource, boundary=Policy.ref(name)) if isinstance(resource, Role) else resource
            for resource in resources
        ),
    ]
