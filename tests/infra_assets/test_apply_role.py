"""What infrastructure runs may do: all that making, planning and destroying the whole registry
takes, nothing else, and no way to more."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import boto3
import pytest

from infra_assets.registry import REGISTRY
from infra_assets.resource import Ref
from infra_assets.spec import platform_spec
from infra_assets.types.iam import Policy, Role
from resources.settings import Settings
from tests.authorization import ApiCall, Need, Rights, action_of, arn, needs, recorded
from tests.infra_assets.world import ACCOUNT, DECLARED, SPEC, World, open_world

APPLY = SPEC.names.apply_role
POLICIES = {r.name: r.document for r in DECLARED if isinstance(r, Policy)}
[ROLE] = [r for r in DECLARED if isinstance(r, Role) and r.name == APPLY]
RIGHTS = Rights(
    [POLICIES[ref.name] for ref in ROLE.managed if isinstance(ref, Ref)],
    POLICIES[f"{APPLY}-boundary"],
)
BOUNDARY = {"iam:PermissionsBoundary": arn("iam", f"policy/{SPEC.names.boundary}", regional=False)}


@dataclass(frozen=True)
class Life:
    """Every call of an environment's life, and the tags of what was made, by its id."""

    calls: list[ApiCall]
    tags_of: dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def life() -> Iterator[Life]:
    """Everything is made, planned, retagged and destroyed."""
    with open_world() as world:
        with recorded() as calls:
            world.engine().apply()
            world.engine().plan()
            world.engine(owner="another-team").apply()
        tags_of = tags_in(world)
        with recorded() as last:
            world.engine().destroy(named=[r.address for r in DECLARED if r.holds_data])
    yield Life([*calls, *last], tags_of)


def tags_in(world: World) -> dict[str, dict[str, str]]:
    """The tags of what IAM knows by its tags only."""
    ec2, kms, acm = (world.aws.client(service) for service in ("ec2", "kms", "acm"))
    found: dict[str, dict[str, str]] = {}
    for tag in ec2.describe_tags()["Tags"]:
        found.setdefault(tag["ResourceId"], {})[tag["Key"]] = tag["Value"]
    for table in ec2.describe_route_tables()["RouteTables"]:
        for each in table["Associations"]:
            found[each["RouteTableAssociationId"]] = found.get(table["RouteTableId"], {})
    for key in kms.list_keys()["Keys"]:
        tags = kms.list_resource_tags(KeyId=key["KeyId"])["Tags"]
        found[key["KeyId"]] = {tag["TagKey"]: tag["TagValue"] for tag in tags}
    for certificate in acm.list_certificates()["CertificateSummaryList"]:
        name = certificate["CertificateArn"]
        tags = acm.list_tags_for_certificate(CertificateArn=name)["Tags"]
        found[name.rsplit("/", 1)[1]] = {tag["Key"]: tag["Value"] for tag in tags}
    return found


def asked(life: Life) -> list[Need]:
    """What IAM is asked for in a life; a role whose policies change has its boundary already."""
    found = [(call, need) for call in life.calls for need in needs(call, life.tags_of)]
    return [
        Need(need.action, need.resource, {**BOUNDARY, **need.context})
        if need.action in ("iam:PutRolePolicy", "iam:AttachRolePolicy")
        else need
        for call, need in found
    ]


def the_operators(need: Need) -> bool:
    """What only the operator does: to the role itself, its policies, and the boundaries."""
    own = (arn("iam", f"role/{APPLY}", regional=False), arn("iam", "policy/", regional=False))
    return need.action.startswith("iam:") and need.resource.startswith(own)


def test_every_call_of_an_environments_life_is_allowed(life: Life) -> None:
    """But for changes of what bounds the role: those are the operator's."""
    found = asked(life)
    assert len(found) > 1000
    refused = {need for need in found if not RIGHTS.allow(need)}
    assert sorted(str(need) for need in refused if not the_operators(need)) == []
    assert {need.action for need in refused} == {
        "iam:AttachRolePolicy",
        "iam:CreatePolicy",
        "iam:CreateRole",
        "iam:DeletePolicy",
        "iam:DeleteRole",
        "iam:DetachRolePolicy",
        "iam:ListPolicyVersions",
        "iam:TagPolicy",
        "iam:TagRole",
    }


def actions_allowed() -> set[str]:
    return {
        action
        for document in RIGHTS.policies
        for statement in document["Statement"]
        for action in statement["Action"]
    }


@cache
def actions_in_types() -> frozenset[str]:
    """The actions of the calls that resource types name, whether this life made them or not."""
    found = set()
    for file in sorted((Path(__file__).parents[2] / "infra_assets").rglob("*.py")):
        services, texts = set(), set()
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(attr="read" | "write"),
                    args=[ast.Constant(value=str(service)), *_],
                ):
                    services.add(service)
                case ast.Constant(value=str(text)):
                    texts.add(text)
        for service in services:
            methods = boto3.client(service, region_name=SPEC.region).meta.method_to_api_mapping
            found |= {action_of(service, methods[text]) for text in texts if text in methods}
    return frozenset(found)


ASKED_BESIDES = {
    "ec2:DescribeAccountAttributes": "RDS and load balancers look at the network",
    "ec2:DescribeAvailabilityZones": "RDS and load balancers look at the network",
    "ec2:RevokeSecurityGroupIngress": "what somebody let into a group is closed again",
    "ec2:RunInstances": "who makes a scaling group may start its servers",
    "elasticloadbalancing:SetWebAcl": "a firewall is put before a load balancer",
    "iam:CreateServiceLinkedRole": "the first of its kind in an account makes AWS's own role",
    "kms:CreateGrant": "RDS and Firehose hold a key for as long as they encrypt with it",
    "kms:Decrypt": "RDS, CodeCommit and Secrets Manager encrypt in the caller's name",
    "kms:Encrypt": "RDS, CodeCommit and Secrets Manager encrypt in the caller's name",
    "kms:GenerateDataKey": "RDS, CodeCommit and Secrets Manager encrypt in the caller's name",
    "kms:ReEncryptFrom": "RDS, CodeCommit and Secrets Manager encrypt in the caller's name",
    "kms:ReEncryptTo": "RDS, CodeCommit and Secrets Manager encrypt in the caller's name",
    "logs:CreateLogDelivery": "flow logs and the firewall's log are deliveries",
    "logs:DeleteLogDelivery": "flow logs and the firewall's log are deliveries",
    "logs:DescribeResourcePolicies": "the firewall lets itself into its log group",
    "logs:PutResourcePolicy": "the firewall lets itself into its log group",
    "rds:CreateDBSnapshot": "a deleted database leaves a snapshot",
    "s3:GetObject": "the lock and Dagster's logs are read by other ways than a resource type's",
    "secretsmanager:GetSecretValue": "a failed run tells Slack",
    "ssm:GetParameters": "a launch template names its image by a parameter",
}
"""What AWS's documentation asks for beside the calls of resource types."""


def test_nothing_is_allowed_that_no_call_needs(life: Life) -> None:
    needed = {need.action for need in asked(life)} | actions_in_types()
    assert actions_allowed() - needed == ASKED_BESIDES.keys()


def test_every_call_that_a_resource_type_names_is_allowed() -> None:
    """But those on policies, taking a boundary off, and ending the record of who did what."""
    assert actions_in_types() - actions_allowed() == {
        "cloudtrail:StopLogging",
        "iam:CreatePolicy",
        "iam:CreatePolicyVersion",
        "iam:DeletePolicy",
        "iam:DeletePolicyVersion",
        "iam:DeleteRolePermissionsBoundary",
        "iam:ListPolicyVersions",
        "iam:TagPolicy",
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


def test_it_hands_each_role_to_the_service_that_it_is_for() -> None:
    """And those of runs to nothing: who starts tasks does that."""
    services = {
        each.trust["Statement"][0]["Principal"]["Service"]
        for each in DECLARED
        if isinstance(each, Role)
    }
    handed = {
        (each.name, service)
        for each in DECLARED
        if isinstance(each, Role)
        for service in services
        if RIGHTS.allow(Need("iam:PassRole", role(each.name), {"iam:PassedToService": service}))
    }
    assert handed == {
        (each.name, each.trust["Statement"][0]["Principal"]["Service"])
        for each in DECLARED
        if isinstance(each, Role) and each.name not in (APPLY, SPEC.names.data_role)
    }


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
            Need("secretsmanager:GetSecretValue", arn("secretsmanager", f"secret:{name}-AbCdEf"))
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
    assert losing < actions_allowed()
