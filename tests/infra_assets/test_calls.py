"""What an environment's whole life asks of AWS: each call is valid and allowed to who applies
infrastructure, and nothing else is allowed."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import boto3
import pytest

from tests.authorization import ApiCall, Need, Rights, action_of, arn, needs, recorded
from tests.infra_assets.test_apply_role import (
    APPLY,
    BOUNDARY,
    FOR_THEIR_SERVICES,
    RIGHTS,
    actions_of,
    handed_over,
)
from tests.infra_assets.test_drift import change_behind, changeable
from tests.infra_assets.world import DECLARED, ONE_OF_EACH_TYPE, SPEC, World, open_world
from tests.service_models import faults

DEPLOY = Path(__file__).parents[2] / "deploy"
OPERATOR = Rights([json.loads(f.read_text("utf-8")) for f in (DEPLOY / "operator").iterdir()])
BOOTSTRAP = json.loads((DEPLOY / "bootstrap-policy.json").read_text("utf-8"))


@dataclass(frozen=True)
class Life:
    """Every call of an environment's life, the hosts that were asked, and the tags of what was
    made, by its id."""

    calls: list[ApiCall]
    hosts: set[str]
    tags_of: dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def life() -> Iterator[Life]:
    """Everything is made, planned, set right attribute by attribute, retagged and destroyed; a
    target group is replaced."""
    with open_world() as world:
        with recorded() as calls:
            outcomes = world.engine().apply()
            world.engine().plan()
        world.made = tuple((o.resource, o.live) for o in outcomes if o.live)
        calls += repairs(world)
        with recorded() as more:
            changed = {"owner": "another-team", "web_servers": {"port": 8081}}
            world.engine(**changed).apply()
        tags_of = tags_in(world)
        with recorded() as last:
            world.engine().destroy(named=[r.address for r in DECLARED if r.holds_data])
        hosts = {call.parameters["url"].split("/")[2] for call in world.wire.calls}
    yield Life([*calls, *more, *last], hosts, tags_of)


def repairs(world: World) -> list[ApiCall]:
    """The calls that set right what somebody changes: every attribute of each type."""
    found = []
    for resource in ONE_OF_EACH_TYPE:
        attributes = changeable(resource)
        for attribute in attributes:
            change_behind(world, resource, attribute)
        if attributes:
            with recorded() as calls:
                assert world.apply(resource).result == "updated"
            found += calls
    return found


def tags_in(world: World) -> dict[str, dict[str, str]]:
    """The tags of what IAM knows by its tags only."""
    ec2, kms, acm = (world.aws.client(service) for service in ("ec2", "kms", "acm"))
    found: dict[str, dict[str, str]] = {}
    for tag in ec2.describe_tags()["Tags"]:
        found.setdefault(tag["ResourceId"], {})[tag["Key"]] = tag["Value"]
    for vpc in ec2.describe_vpcs()["Vpcs"]:
        for each in vpc["CidrBlockAssociationSet"]:
            found[each["AssociationId"]] = found.get(vpc["VpcId"], {})
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
        "iam:CreatePolicyVersion",
        "iam:CreateRole",
        "iam:DeletePolicy",
        "iam:DeletePolicyVersion",
        "iam:DeleteRole",
        "iam:DetachRolePolicy",
        "iam:ListPolicyVersions",
        "iam:TagPolicy",
        "iam:TagRole",
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
    "secretsmanager:GetSecretValue": "a failed run tells Slack",
    "ssm:GetParameters": "a launch template names its image by a parameter",
}
"""What AWS's documentation asks for beside the calls of resource types."""


def test_nothing_is_allowed_that_no_call_needs(life: Life) -> None:
    needed = {need.action for need in asked(life)} | actions_in_types()
    assert actions_of(RIGHTS) - needed == ASKED_BESIDES.keys()


def test_every_call_that_a_resource_type_names_is_allowed() -> None:
    """But those on policies, taking a boundary off, and ending the record of who did what."""
    assert actions_in_types() - actions_of(RIGHTS) == {
        "cloudtrail:StopLogging",
        "iam:CreatePolicy",
        "iam:CreatePolicyVersion",
        "iam:DeletePolicy",
        "iam:DeletePolicyVersion",
        "iam:DeleteRolePermissionsBoundary",
        "iam:ListPolicyVersions",
        "iam:TagPolicy",
    }


def test_an_operator_may_do_all_of_an_environments_life(life: Life) -> None:
    """And writes boundaries only with the policy for the start."""
    refused = {need for need in asked(life) if not OPERATOR.allow(need)}
    assert {need.resource for need in refused} == {
        arn("iam", f"policy/{name}", regional=False)
        for name in (SPEC.names.boundary, f"{APPLY}-boundary")
    }
    with_bootstrap = Rights([*OPERATOR.policies, BOOTSTRAP])
    assert [str(need) for need in refused if not with_bootstrap.allow(need)] == []


def test_an_operator_may_make_every_call_that_a_resource_type_names() -> None:
    """But taking a boundary off, and ending the record of who did what."""
    assert actions_in_types() - set(actions_of(OPERATOR)) == {
        "cloudtrail:StopLogging",
        "iam:DeleteRolePermissionsBoundary",
    }


def test_an_operator_adopts_what_nobody_has_tagged(world: World) -> None:
    """Which a run that applies must not: so it would come to change whatever there is."""
    vpc = world.aws.client("ec2").create_vpc(CidrBlock=SPEC.vpc_cidr)["Vpc"]["VpcId"]
    with recorded() as calls:
        world.engine().adopt("ec2.Vpc/main", vpc)
    needed = [need for call in calls for need in needs(call, {})]
    assert [str(need) for need in needed if not OPERATOR.allow(need)] == []
    refused = {need.action for need in needed if not RIGHTS.allow(need)}
    assert refused == {"ec2:CreateTags"}


def test_an_operator_hands_each_role_to_the_service_that_it_is_for() -> None:
    assert handed_over(OPERATOR) == FOR_THEIR_SERVICES


@pytest.mark.parametrize(
    "action", ["AttachRolePolicy", "CreateRole", "PutRolePermissionsBoundary", "PutRolePolicy"]
)
def test_an_operator_makes_and_widens_roles_within_a_boundary_of_ours_only(action: str) -> None:
    """(N3) And takes none off."""
    new = arn("iam", "role/mall-dev-new", regional=False)
    other = {"iam:PermissionsBoundary": arn("iam", "policy/mall-dev-apply-data", regional=False)}
    assert OPERATOR.allow(Need(f"iam:{action}", new, BOUNDARY))
    assert not OPERATOR.allow(Need(f"iam:{action}", new))
    assert not OPERATOR.allow(Need(f"iam:{action}", new, other))
    assert not OPERATOR.allow(Need("iam:DeleteRolePermissionsBoundary", new, BOUNDARY))
    elsewhere = arn("iam", "role/Administrator", regional=False)
    assert not OPERATOR.allow(Need(f"iam:{action}", elsewhere, BOUNDARY))


def test_an_operator_makes_no_users_and_no_keys_of_access() -> None:
    assert [a for a in actions_of(OPERATOR) if "User" in a or "AccessKey" in a] == []


def test_everything_is_asked_of_tokyo(life: Life) -> None:
    """(N1) Services that are everywhere have no region in their address."""
    everywhere = ("iam.amazonaws.com", "route53.amazonaws.com")
    elsewhere = [h for h in life.hosts if ".ap-northeast-1." not in h and h not in everywhere]
    assert len(life.hosts) > 20
    assert elsewhere == []


def test_every_call_is_valid_against_its_services_model(life: Life) -> None:
    """Enums, patterns and bounds, too, which botocore doesn't look at."""
    assert sorted({fault for call in life.calls for fault in faults(call)}) == []


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "fault"),
    [
        ("ec2", "CreateVpc", {"InstanceTenancy": "shared"}, "'shared' is none of"),
        (
            "iam",
            "CreateRole",
            {"RoleName": "a b", "AssumeRolePolicyDocument": "{}"},
            "doesn't match",
        ),
        ("iam", "GetRole", {"RoleName": "a" * 65}, "65 is not within 1 and 64"),
        ("kms", "ScheduleKeyDeletion", {"KeyId": "k", "PendingWindowInDays": 400}, "400 is not"),
        ("sqs", "CreateQueue", {}, "QueueName is missing"),
        ("sns", "Publish", {"Message": "m", "Subjekt": "s"}, "Subjekt is unknown"),
        ("glue", "GetTable", {"DatabaseName": "", "Name": "t"}, "0 is not within 1"),
        (
            "rds",
            "CreateDBParameterGroup",
            {
                "DBParameterGroupName": "n",
                "DBParameterGroupFamily": "f",
                "Description": "d",
                "Tags": [{"Schlüssel": "k"}],
            },
            "Tags[].Schlüssel is unknown",
        ),
    ],
)
def test_what_a_service_would_refuse_is_seen(
    service: str, operation: str, parameters: dict[str, object], fault: str
) -> None:
    [found] = faults(ApiCall(service, operation, parameters))
    assert fault in found
