"""What applies infrastructure has no way to more than that, and none to data."""

from __future__ import annotations

import pytest

from infra_assets.apply_rights import trusted_service
from infra_assets.registry import REGISTRY
from infra_assets.resource import Ref
from infra_assets.spec import platform_spec
from infra_assets.types.iam import Policy, Role
from resources.settings import Settings
from tests.authorization import Need, Rights, arn
from tests.infra_assets.world import ACCOUNT, DECLARED, SPEC

APPLY = SPEC.names.apply_role
POLICIES = {r.name: r.document for r in DECLARED if isinstance(r, Policy)}
[ROLE] = [r for r in DECLARED if isinstance(r, Role) and r.name == APPLY]
RIGHTS = Rights(
    [POLICIES[ref.name] for ref in ROLE.managed if isinstance(ref, Ref)],
    POLICIES[f"{APPLY}-boundary"],
)
BOUNDARY = {"iam:PermissionsBoundary": arn("iam", f"policy/{SPEC.names.boundary}", regional=False)}


def actions_of(rights: Rights) -> set[str]:
    return {
        action
        for document in rights.policies
        for statement in document["Statement"]
        for action in statement["Action"]
    }


EVERYTHING = {"Statement": [{"Effect": "Allow", "Action": ["*"], "Resource": ["*"]}]}
HOWEVER = pytest.mark.parametrize(
    "rights",
    [RIGHTS, Rights([EVERYTHING], RIGHTS.boundary)],
    ids=["as declared", "were it an administrator"],
)
"""What the boundary keeps from the role holds whatever is attached to it."""

CHANGES_OF_ROLES = (
    "AttachRolePolicy",
    "CreateRole",
    "DeleteRole",
    "DeleteRolePermissionsBoundary",
    "DeleteRolePolicy",
    "DetachRolePolicy",
    "PassRole",
    "PutRolePermissionsBoundary",
    "PutRolePolicy",
    "UpdateAssumeRolePolicy",
)
CHANGES_OF_POLICIES = (
    "CreatePolicy",
    "CreatePolicyVersion",
    "DeletePolicy",
    "DeletePolicyVersion",
    "SetDefaultPolicyVersion",
)


def role(name: str) -> str:
    return arn("iam", f"role/{name}", regional=False)


@HOWEVER
def test_it_can_change_neither_itself_nor_what_bounds_roles(rights: Rights) -> None:
    own = [Need(f"iam:{action}", role(APPLY), BOUNDARY) for action in CHANGES_OF_ROLES]
    policies = [
        Need(f"iam:{action}", arn("iam", f"policy/{name}", regional=False))
        for action in CHANGES_OF_POLICIES
        for name in POLICIES
    ]
    assert [str(need) for need in [*own, *policies] if rights.allow(need)] == []


@HOWEVER
def test_it_makes_and_widens_roles_within_their_boundary_only(rights: Rights) -> None:
    own_boundary = arn("iam", f"policy/{APPLY}-boundary", regional=False)
    for action in ("CreateRole", "PutRolePolicy", "AttachRolePolicy", "PutRolePermissionsBoundary"):
        new = role("mall-dev-new")
        assert rights.allow(Need(f"iam:{action}", new, BOUNDARY))
        assert not rights.allow(Need(f"iam:{action}", new))
        assert not rights.allow(
            Need(f"iam:{action}", new, {"iam:PermissionsBoundary": own_boundary})
        )
    assert not rights.allow(Need("iam:DeleteRolePermissionsBoundary", role("mall-dev-web")))


def test_it_makes_roles_of_this_environment_only() -> None:
    for name in ("other", "mall-prod-web", "Administrator"):
        assert not RIGHTS.allow(Need("iam:CreateRole", role(name), BOUNDARY))
        assert not RIGHTS.allow(Need("iam:PutRolePolicy", role(name), BOUNDARY))


def handed_over(rights: Rights) -> set[tuple[str, str]]:
    """Which of our roles may be given to which service that some role trusts."""
    roles = [each for each in DECLARED if isinstance(each, Role)]
    return {
        (each.name, service)
        for each in roles
        for service in {trusted_service(other) for other in roles}
        if rights.allow(Need("iam:PassRole", role(each.name), {"iam:PassedToService": service}))
    }


HANDED_OVER_LATER = ("ecs-tasks.amazonaws.com", "export.rds.amazonaws.com")
"""Services that get their role when a task or an export is started, not from an apply."""
FOR_THEIR_SERVICES = {
    (each.name, trusted_service(each))
    for each in DECLARED
    if isinstance(each, Role) and trusted_service(each) not in HANDED_OVER_LATER
}


def test_it_hands_each_role_to_the_service_that_it_is_for() -> None:
    """And those of runs and exports to nothing: who starts them does that."""
    assert handed_over(RIGHTS) == FOR_THEIR_SERVICES


@HOWEVER
def test_it_makes_no_principals_of_another_sort_and_becomes_no_other(rights: Rights) -> None:
    for action in ("iam:CreateUser", "iam:CreateAccessKey", "iam:CreateLoginProfile"):
        assert not rights.allow(Need(action, arn("iam", "user/mall-dev-x", regional=False)))
    assert not rights.allow(Need("sts:AssumeRole", role(SPEC.names.data_role)))
    assert not rights.allow(Need("organizations:LeaveOrganization", "*"))


@HOWEVER
def test_it_reads_no_data_and_no_secret_but_slacks(rights: Rights) -> None:
    """(E1, E4) Even if a bucket's policy, which it may write, said so."""
    for purpose in ("lake", "raw", "drop", "backup"):
        thing = f"arn:aws:s3:::{SPEC.bucket(purpose)}/a"
        assert not rights.allow(Need("s3:GetObject", thing))
    secrets = {
        name: rights.allow(
            Need(
                "secretsmanager:GetSecretValue",
                arn("secretsmanager", f"secret:{name}-AbCdEf"),
                {"aws:RequestedRegion": SPEC.region},
            )
        )
        for name in (
            SPEC.names.pseudonym_key_secret,
            SPEC.names.shop_session_key_secret,
            "rds!db-1",
            SPEC.names.slack_token_secret,
        )
    }
    assert [name for name, allowed in secrets.items() if allowed] == [SPEC.names.slack_token_secret]


@HOWEVER
def test_it_ends_no_lock_on_a_backup(rights: Rights) -> None:
    """(B4)"""
    backup = f"arn:aws:s3:::{SPEC.bucket('backup')}/2026/11/23/a"
    assert not rights.allow(Need("s3:BypassGovernanceRetention", backup))


def test_another_environments_things_are_not_reached() -> None:
    for action, resource in (
        ("s3:PutBucketPolicy", "arn:aws:s3:::mall-prod-lake-123456789012"),
        ("rds:ModifyDBInstance", arn("rds", "db:mall-prod-shop")),
        ("lambda:UpdateFunctionCode", arn("lambda", "function:other")),
    ):
        assert not RIGHTS.allow(Need(action, resource))
    prods = {"aws:ResourceTag/mall:environment": "prod"}
    assert not RIGHTS.allow(Need("ec2:DeleteVpc", arn("ec2", "vpc/vpc-1"), prods))
    assert not RIGHTS.allow(Need("kms:PutKeyPolicy", arn("kms", "key/1"), prods))


def test_where_data_may_not_be_lost_it_deletes_none() -> None:
    """As in production; the engine refuses it, and IAM does, too."""
    spec = platform_spec(Settings(env="prod"), ACCOUNT)
    found = [r for asset in REGISTRY for r in asset.resources(spec)]
    documents = [r.document for r in found if isinstance(r, Policy) and "-apply-" in r.name]
    actions = {a for d in documents for s in d["Statement"] for a in s["Action"]}
    losing = {
        "cloudtrail:DeleteTrail",
        "codecommit:DeleteRepository",
        "glue:DeleteDatabase",
        "kms:ScheduleKeyDeletion",
        "rds:DeleteDBInstance",
        "route53:DeleteHostedZone",
        "s3:DeleteBucket",
        "s3:DeleteObjectVersion",
        "secretsmanager:DeleteSecret",
    }
    assert losing & actions == set()
    assert losing < actions_of(RIGHTS)
