"""What carries this environment's tag and nobody declares is listed, wherever AWS keeps its tags,
and goes when it is named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra_assets.engine import UnknownOrphanError
from infra_assets.policies import allow, document, trust
from infra_assets.resource import Setting
from tests.infra_assets.world import ACCOUNT, DECLARED, SPEC, World

OLD = f"{SPEC.names.prefix}-old"


def tags(address: str) -> list[dict[str, str]]:
    return [
        {"Key": "mall:environment", "Value": "dev"},
        {"Key": "mall:resource", "Value": address},
    ]


def old_role(world: World) -> str:
    made = world.aws.client("iam").create_role(
        RoleName=OLD,
        AssumeRolePolicyDocument=json.dumps(trust("ec2.amazonaws.com", ACCOUNT)),
        Tags=tags(f"iam.Role/{OLD}"),
    )
    return made["Role"]["Arn"]


def old_policy(world: World) -> str:
    made = world.aws.client("iam").create_policy(
        PolicyName=OLD,
        PolicyDocument=json.dumps(document(allow(["s3:ListAllMyBuckets"], ["*"]))),
        Tags=tags(f"iam.Policy/{OLD}"),
    )
    return made["Policy"]["Arn"]


def old_profile(world: World) -> str:
    made = world.aws.client("iam").create_instance_profile(
        InstanceProfileName=OLD, Tags=tags(f"iam.InstanceProfile/{OLD}")
    )
    return made["InstanceProfile"]["Arn"]


def old_zone(world: World) -> str:
    route53 = world.aws.client("route53")
    made = route53.create_hosted_zone(Name="old.example", CallerReference="old")
    id = made["HostedZone"]["Id"].removeprefix("/hostedzone/")
    route53.change_tags_for_resource(
        ResourceType="hostedzone", ResourceId=id, AddTags=tags("route53.PublicZone/old.example")
    )
    return f"arn:aws:route53:::hostedzone/{id}"


def old_group(world: World) -> str:
    client = world.aws.client("autoscaling")
    subnet = world.aws.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    given = {"ResourceId": OLD, "ResourceType": "auto-scaling-group", "PropagateAtLaunch": False}
    client.create_auto_scaling_group(
        AutoScalingGroupName=OLD,
        MinSize=0,
        MaxSize=0,
        VPCZoneIdentifier=subnet,
        LaunchTemplate={"LaunchTemplateName": f"{SPEC.names.prefix}-web"},
        Tags=[{**tag, **given} for tag in tags(f"autoscaling.Group/{OLD}")],
    )
    found = client.describe_auto_scaling_groups(AutoScalingGroupNames=[OLD])
    return found["AutoScalingGroups"][0]["AutoScalingGroupARN"]


def test_everything_tagged_is_seen(complete: World) -> None:
    """A type that is missing here could never have an orphan."""
    seen = {tags.get("mall:resource") for tags in complete.cloud().tagged().values()}
    assert {r.address for r in DECLARED if r.tagged} - seen == set()


@pytest.mark.parametrize(
    ("make", "address"),
    [
        (old_role, f"iam.Role/{OLD}"),
        (old_policy, f"iam.Policy/{OLD}"),
        (old_profile, f"iam.InstanceProfile/{OLD}"),
        (old_zone, "route53.PublicZone/old.example"),
        (old_group, f"autoscaling.Group/{OLD}"),
    ],
    ids=["role", "policy", "profile", "zone", "group"],
)
def test_an_orphan_that_its_own_service_lists(complete: World, make: Any, address: str) -> None:
    arn = make(complete)
    engine = complete.engine()
    assert [(o.arn, o.address) for o in engine.plan().orphans] == [(arn, address)]
    assert [o.result for o in engine.prune([address])] == ["deleted"]
    assert engine.plan().orphans == ()


def test_what_is_anothers_is_no_orphan(complete: World) -> None:
    """By its name or its tag: another environment's, another team's, or nobody's."""
    iam, route53 = complete.aws.client("iam"), complete.aws.client("route53")
    role = {"AssumeRolePolicyDocument": json.dumps(trust("ec2.amazonaws.com", ACCOUNT))}
    iam.create_role(RoleName="administrator", **role)
    prods = [{"Key": "mall:environment", "Value": "prod"}]
    iam.create_role(RoleName=f"{SPEC.names.prefix}-of-prod", Tags=prods, **role)
    for number in range(12):
        route53.create_hosted_zone(Name=f"z{number}.example", CallerReference=str(number))
    complete.wire.clear()
    assert complete.engine().plan().orphans == ()
    calls = [call.operation for call in complete.wire.calls]
    assert calls.count("ListTagsForResources") == 2, "ten zones a call"


UNTAGGED = {
    "acm.Validation",
    "autoscaling.TargetTracking",
    "cloudwatch.Dashboard",
    "glue.JsonTable",
    "kms.Alias",
    "logs.LogStream",
    "route53.PrivateRecord",
    "route53.Record",
    "sns.Subscription",
    "wafv2.Association",
    "wafv2.Logging",
}
"""What can be no orphan: docs/infrastructure.md says so."""


def test_what_has_no_tags_is_what_the_page_says() -> None:
    found = {r.kind() for r in DECLARED if not r.tagged and not isinstance(r, Setting)}
    assert found == UNTAGGED


def test_an_orphan_of_no_type_can_not_be_pruned(complete: World) -> None:
    """It is listed, and the refusal names those that can be."""
    arn = complete.aws.client("iam").create_role(
        RoleName=OLD,
        AssumeRolePolicyDocument=json.dumps(trust("ec2.amazonaws.com", ACCOUNT)),
        Tags=tags("gone.Type/x"),
    )["Role"]["Arn"]
    engine = complete.engine()
    assert [(o.arn, o.address) for o in engine.plan().orphans] == [(arn, None)]
    with pytest.raises(UnknownOrphanError, match="can be pruned"):
        engine.prune([arn])
