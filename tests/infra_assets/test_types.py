"""What must hold for every resource type, over the registry: a new type needs no test of its own.

One resource of each type is looked at in depth, in an account where everything before it is made.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from infra_assets import reconcile
from infra_assets.policies import allow, document
from infra_assets.reconcile import Permission, plan
from infra_assets.resource import Live, Resource
from infra_assets.types.wafv2 import visible_as
from tests.infra_assets.conftest import Built
from tests.infra_assets.world import (
    DECLARED,
    ONE_OF_EACH_TYPE,
    CrashError,
    World,
    crash,
    lost_reply,
    refused,
)

each_type = pytest.mark.parametrize("resource", ONE_OF_EACH_TYPE, ids=lambda r: r.kind())


@pytest.fixture
def before(built: Built, account: World, resource: Resource) -> World:
    """The account just before the resource is made."""
    account.put_back(built.before[resource.address])
    return account


def found(world: World, resource: Resource) -> Live:
    live = world.cloud().live(resource)
    assert live is not None
    return live


def made_undisturbed(world: World, resource: Resource) -> tuple[int, dict[str, int], Any]:
    """How many mutating calls making it takes, and what there is then."""
    world.wire.clear()
    world.apply(resource)
    calls = len(world.wire.mutations())
    return calls, world.sizes(), comparable(resource, found(world, resource))


def comparable(resource: Resource, live: Live) -> Any:
    """The managed attributes with the object's id masked, which another making doesn't give."""
    managed = {name: live.attributes.get(name) for name in [*resource.wanted(), "tags"]}
    for name in resource.sets:
        managed[name] = reconcile.unordered(managed[name] or ())
    return reconcile.canonical(_masked(managed, live.id))


def _masked(value: Any, id: str) -> Any:
    match value:
        case str():
            return value.replace(id, "<id>")
        case dict():
            return {key: _masked(item, id) for key, item in value.items()}
        case list():
            return [_masked(item, id) for item in value]
    return value


@each_type
def test_applying_again_changes_nothing(before: World, resource: Resource) -> None:
    assert before.apply(resource).result == "created"
    before.wire.clear()
    assert before.apply(resource).result == "unchanged"
    assert before.wire.mutations() == []


@each_type
def test_a_crash_after_any_call_is_made_good_by_a_rerun(before: World, resource: Resource) -> None:
    start = before.state()
    calls, sizes, attributes = made_undisturbed(before, resource)
    for number in range(calls):
        before.put_back(start)
        before.wire.strike_at(number, after=crash)
        with pytest.raises(CrashError):
            before.apply(resource)
        before.wire.clear()
        before.apply(resource)
        assert before.sizes() == sizes, f"after a crash in call {number}"
        assert comparable(resource, found(before, resource)) == attributes


@each_type
def test_a_lost_reply_makes_no_duplicate(before: World, resource: Resource) -> None:
    start = before.state()
    calls, sizes, attributes = made_undisturbed(before, resource)
    for number in range(calls):
        before.put_back(start)
        before.wire.strike_at(number, after=lost_reply)
        before.apply(resource)
        assert before.sizes() == sizes, f"after the reply of call {number} was lost"
        assert comparable(resource, found(before, resource)) == attributes


@each_type
@pytest.mark.parametrize(
    "fault", [refused(400, "ThrottlingException"), refused(500, "InternalFailure")]
)
def test_a_refused_call_is_made_again(before: World, resource: Resource, fault: Any) -> None:
    start = before.state()
    calls, sizes, attributes = made_undisturbed(before, resource)
    for number in range(calls):
        before.put_back(start)
        before.wire.strike_at(number, before=fault)
        before.apply(resource)
        assert before.sizes() == sizes, f"after call {number} was refused"
        assert comparable(resource, found(before, resource)) == attributes


@each_type
def test_deleting_leaves_nothing_or_only_what_is_going(before: World, resource: Resource) -> None:
    before.apply(resource)
    cloud = before.cloud()
    reconcile.delete(resource, cloud, Permission(frozenset({resource.address})))
    live = before.cloud().live(resource)
    assert live is None or live.going
    assert before.apply(resource).result in ("created", "updated")


UNCHANGEABLE = {
    ("logs.LogStream", "group"): "it is part of the identity",
    ("glue.JsonTable", "database"): "it is part of the identity",
    ("wafv2.Logging", "acl"): "it is part of the identity",
    ("wafv2.Association", "load_balancer"): "it is part of the identity",
    ("route53.Record", "alias"): "it has values instead",
    ("sns.Subscription", "topic"): "it is part of the identity",
    ("sns.Subscription", "function"): "it is part of the identity",
    ("elbv2.Listener", "load_balancer"): "it is part of the identity",
    ("autoscaling.TargetTracking", "group"): "it is part of the identity",
    ("codedeploy.DeploymentGroup", "application"): "it is part of the identity",
}


def one(kind: str, name: str) -> Resource:
    return next(r for r in DECLARED if (r.kind(), r.name) == (kind, name))


MAKES_MORE = {
    ("rds.Instance", "managed_password"): "RDS makes a new secret for the password",
    ("autoscaling.Group", "revision"): "a refresh starts servers, and ended ones are still listed",
}

Behind = Callable[[World, Live], Any]


def call(service: str, operation: str, **parameters: Any) -> Behind:
    return lambda world, live: getattr(world.aws.client(service), operation)(
        **{k: live.id if v == "<id>" else v for k, v in parameters.items()}
    )


def open_default_group(world: World, live: Live) -> None:
    ec2 = world.aws.client("ec2")
    (group,) = ec2.describe_security_groups(
        Filters=[
            {"Name": "vpc-id", "Values": [live.id]},
            {"Name": "group-name", "Values": ["default"]},
        ]
    )["SecurityGroups"]
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}
    ec2.authorize_security_group_ingress(
        GroupId=group["GroupId"], IpPermissions=[{**rule, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    )


def id_of(kind: str, name: str) -> Callable[[World], str]:
    return lambda world: found(world, one(kind, name)).id


def ids_of(kind: str, *names: str) -> Callable[[World], list[str]]:
    return lambda world: [found(world, one(kind, name)).id for name in names]


def another_web_acl(world: World) -> str:
    made = world.aws.client("wafv2").create_web_acl(
        Name="other",
        Scope="REGIONAL",
        DefaultAction={"Allow": {}},
        VisibilityConfig=visible_as("other"),
    )
    return made["Summary"]["ARN"]


def another_vpc(world: World) -> str:
    return world.aws.client("ec2").create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]


def another_subnet_group(world: World) -> str:
    group = world.aws.client("rds").create_db_subnet_group(
        DBSubnetGroupName="other",
        DBSubnetGroupDescription="other",
        SubnetIds=ids_of("ec2.Subnet", "was-a", "was-c")(world),
    )
    return group["DBSubnetGroup"]["DBSubnetGroupName"]


def another_certificate(world: World) -> str:
    made = world.aws.client("acm").request_certificate(DomainName="other.mall.example")
    return made["CertificateArn"]


CHANGED_BEHIND: dict[tuple[str, str], Behind] = {
    ("kms.Key", "rotation"): call("kms", "disable_key_rotation", KeyId="<id>"),
    ("kms.Key", "state"): call("kms", "disable_key", KeyId="<id>"),
    ("ec2.Vpc", "default_group_rules"): open_default_group,
    ("glue.Crawler", "schedule"): call(
        "glue", "update_crawler", Name="<id>", Schedule="cron(0 0 * * ? *)"
    ),
    ("secretsmanager.GeneratedSecret", "scheduled_for_deletion"): call(
        "secretsmanager", "delete_secret", SecretId="<id>"
    ),
    ("lambda.Function", "code"): call(
        "lambda", "update_function_code", FunctionName="<id>", ZipFile=b"PK\5\6" + bytes(18)
    ),
}
"""How somebody changes what the type's own `update` can only set right."""

VALUES: dict[tuple[str, str], Any] = {
    ("ec2.InternetGateway", "vpc"): another_vpc,
    ("ec2.RouteTable", "routes"): {},
    ("ec2.RouteTable", "subnets"): [],
    ("ec2.SecurityGroup", "egress"): [],
    ("wafv2.WebAcl", "otherwise"): {"Block": {}},
    ("wafv2.Association", "acl"): another_web_acl,
    ("kms.Alias", "key"): id_of("kms.Key", "alerts"),
    ("rds.SubnetGroup", "subnets"): ids_of("ec2.Subnet", "was-a", "was-c"),
    ("rds.Instance", "subnet_group"): another_subnet_group,
    ("rds.Instance", "security_groups"): ids_of("ec2.SecurityGroup", "was"),
    ("iam.Role", "managed"): lambda world: [
        world.aws.client("iam").create_policy(
            PolicyName="other",
            PolicyDocument=json.dumps(document(allow(["s3:ListAllMyBuckets"], ["*"]))),
        )["Policy"]["Arn"]
    ],
    ("s3.Bucket", "encryption"): {"SSEAlgorithm": "aws:kms"},
    ("s3.Bucket", "versioning"): "Suspended",
    ("s3.Bucket", "ownership"): "BucketOwnerPreferred",
    ("s3.Bucket", "access_log"): None,
    ("s3.Bucket", "lock"): {"Mode": "GOVERNANCE", "Days": 1},
    ("athena.WorkGroup", "state"): "DISABLED",
    ("athena.WorkGroup", "engine"): "AUTO",
    ("rds.Instance", "instance_class"): "db.t4g.large",
    ("rds.Instance", "backup_window"): "01:00-02:00",
    ("rds.Instance", "maintenance_window"): "mon:03:00-mon:04:00",
    ("rds.Instance", "version"): "8.0.40",
    ("rds.Instance", "parameter_group"): lambda world: world.aws.client(
        "rds"
    ).create_db_parameter_group(
        DBParameterGroupName="other", DBParameterGroupFamily="mysql8.4", Description="other"
    )["DBParameterGroup"]["DBParameterGroupName"],
    ("rds.ParameterGroup", "parameters"): {"long_query_time": "9"},
    ("firehose.DeliveryStream", "compression"): "GZIP",
    ("glue.Crawler", "schema_changes"): {"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"},
    ("logs.LogGroup", "retention_days"): 30,
    ("iam.InstanceProfile", "role"): "mall-dev-firehose",
    ("sqs.Queue", "retention_s"): 60,
    ("lambda.Function", "settings"): {
        "Handler": "other.handler",
        "Runtime": "python3.12",
        "Timeout": 9,
        "MemorySize": 512,
    },
    ("lambda.Function", "role"): lambda world: found(world, one("iam.Role", "mall-dev-was")).arn,
    ("lambda.Function", "retries"): 1,
    ("elbv2.LoadBalancer", "subnets"): ids_of("ec2.Subnet", "db-a", "db-c"),
    ("elbv2.LoadBalancer", "security_groups"): ids_of("ec2.SecurityGroup", "web"),
    ("elbv2.TargetGroup", "settings"): {"deregistration_delay.timeout_seconds": "5"},
    ("elbv2.Listener", "certificate"): another_certificate,
    ("elbv2.Listener", "tls_policy"): "ELBSecurityPolicy-TLS13-1-3-2021-06",
    ("autoscaling.Group", "template"): lambda world: {
        "LaunchTemplateId": id_of("ec2.LaunchTemplate", "mall-dev-was")(world),
        "Version": "1",
    },
    ("autoscaling.Group", "subnets"): ids_of("ec2.Subnet", "db-a", "db-c"),
    ("autoscaling.Group", "target_groups"): lambda world: [
        found(world, one("elbv2.TargetGroup", "mall-dev-was")).arn
    ],
    ("cloudwatch.Alarm", "settings"): lambda world: {
        **one("cloudwatch.Alarm", "mall-dev-web-cpu").wanted()["settings"],
        "Threshold": 99.0,
    },
}
"""Other values that AWS takes where a slight change of the wanted one isn't one."""


def other(value: Any) -> Any:
    """A value of the same sort, and another one."""
    match value:
        case {"mall:owner": _}:
            return {**value, "mall:owner": "somebody"}
        case bool():
            return not value
        case int():
            return value + 1
        case str():
            return f"{value}x"
        case {"Statement": [*statements]}:
            return {**value, "Statement": [*statements, {**statements[0], "Sid": "Other"}]}
        case dict():
            return {key: other(item) for key, item in value.items()}
        case [first, *_]:
            return [other(first)] if isinstance(first, str) else value[1:]
        case _:
            return ["other"]


def changeable(resource: Resource) -> list[str]:
    """The attributes that AWS lets somebody change."""
    return [
        name
        for name in [*resource.wanted(), *(["tags"] if resource.tagged else [])]
        if name not in resource.fixed and (resource.kind(), name) not in UNCHANGEABLE
    ]


def change_behind(world: World, resource: Resource, attribute: str) -> None:
    key, live = (resource.kind(), attribute), found(world, resource)
    if behind := CHANGED_BEHIND.get(key):
        behind(world, live)
        return
    cloud = world.cloud()
    wanted = dict(cloud.wanted(resource, now=True))
    value = VALUES[key] if key in VALUES else other(wanted[attribute])
    wanted[attribute] = value(world) if callable(value) else value
    resource.update(cloud, live, wanted, frozenset({attribute}))


@each_type
def test_what_is_changed_behind_the_codes_back_is_seen_and_repaired(
    complete: World, resource: Resource
) -> None:
    """Drift names exactly the attribute, and apply repairs it with nothing else touched."""
    wanted = comparable(resource, found(complete, resource))
    for attribute in changeable(resource):
        change_behind(complete, resource, attribute)
        step = plan(resource, complete.cloud())
        assert [change.attribute for change in step.changes] == [attribute]
        sizes = complete.sizes()
        assert complete.apply(resource).result == "updated"
        assert comparable(resource, found(complete, resource)) == wanted, attribute
        assert complete.sizes() == sizes or (resource.kind(), attribute) in MAKES_MORE, attribute
    cloud = complete.cloud()
    assert [r.address for r in complete.resources() if plan(r, cloud).action != "none"] == []


@each_type
def test_a_resource_no_longer_declared_is_found_by_its_name(
    complete: World, resource: Resource
) -> None:
    cloud = complete.cloud()
    former = type(resource).former(resource.name)
    assert [live.id for live in former.find(cloud)] == [found(complete, resource).id]


@each_type
def test_finding_takes_few_calls_and_none_twice(complete: World, resource: Resource) -> None:
    cloud = complete.cloud()
    complete.wire.clear()
    plan(resource, cloud)
    plan(resource, cloud)
    reads = [str(call) for call in complete.wire.reads()]
    assert len(reads) == len(set(reads))
