"""Names, tags and the region of everything; and that the audit keeps to itself."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.audit.account import REGION, Account, tags

KEYS = {
    "network": (
        *("vpc", "subnets", "internet_gateway", "nat_gateways", "route_tables"),
        *("vpc_endpoints", "flow_logs"),
    ),
    "security": ("encryption_keys", "security_groups", "iam_roles", "web_acl", "audit_trail"),
    "dns": ("public_zone", "certificate", "private_zone"),
    "web": ("load_balancer", "servers"),
    "was": ("load_balancer", "servers"),
    "database": ("shop_database",),
    "storage": (
        *("lake_bucket", "raw_bucket", "drop_bucket", "backup_bucket", "artifact_bucket"),
        "log_bucket",
    ),
    "streaming": ("click_stream",),
    "analytics": ("catalog", "athena_workgroup", "quicksight_source"),
    "cicd": ("web_pipeline", "was_pipeline"),
    "monitoring": ("alert_topics", "alarms", "dashboards", "notifier"),
}
CONTRACT = {f"{area}/{name}" for area, names in KEYS.items() for name in names}
GLOBAL = ("arn:aws:iam:", "arn:aws:s3:", "arn:aws:route53:")


LISTED = {
    *("acm:certificate", "athena:workgroup", "cloudtrail:trail", "cloudwatch:alarm"),
    *("codebuild:project", "codecommit:mall", "codepipeline:mall"),
    *("codedeploy:application", "codedeploy:deploymentgroup"),
    *("ec2:elastic-ip", "ec2:internet-gateway", "ec2:launch-template", "ec2:natgateway"),
    *("ec2:route-table", "ec2:security-group", "ec2:subnet", "ec2:vpc", "ec2:vpc-endpoint"),
    "ec2:vpc-flow-log",
    *(f"elasticloadbalancing:{kind}" for kind in ("listener", "loadbalancer", "targetgroup")),
    *("events:rule", "firehose:deliverystream", "glue:crawler", "glue:database", "kms:key"),
    *("lambda:function", "logs:log-group", "rds:db", "rds:pg", "rds:subgrp", "s3:mall"),
    *("secretsmanager:secret", "sns:mall", "sqs:mall", "wafv2:regional"),
}
"""The sorts of things that AWS's tagging service lists, of those that the platform is made of."""


def _listed_by_tag(account: Account) -> dict[str, dict[str, str]]:
    found = account.read(
        "resourcegroupstaggingapi",
        "get_resources",
        TagFilters=[{"Key": "mall:environment", "Values": [account.env]}],
    )["ResourceTagMappingList"]
    return {each["ResourceARN"]: tags(each) for each in found}


def _listed_by_name(account: Account) -> dict[str, dict[str, str]]:
    """What that service doesn't list, tagged or not: IAM's by our names, zones, scaling groups."""
    found: dict[str, dict[str, str]] = {}
    for kind, what, name in (
        ("role", "Role", "RoleName"),
        ("instance_profile", "InstanceProfile", "InstanceProfileName"),
    ):
        for each in account.read("iam", f"list_{kind}s")[f"{what}s"]:
            if each[name].startswith(account.named("")):
                answer = account.read("iam", f"get_{kind}", **{name: each[name]})
                found[each["Arn"]] = tags(answer[what])
    for policy in account.read("iam", "list_policies", Scope="Local")["Policies"]:
        if policy["PolicyName"].startswith(account.named("")):
            answer = account.read("iam", "get_policy", PolicyArn=policy["Arn"])
            found[policy["Arn"]] = tags(answer["Policy"])
    for zone in account.read("route53", "list_hosted_zones")["HostedZones"]:
        id = zone["Id"].removeprefix("/hostedzone/")
        answer = account.read(
            "route53", "list_tags_for_resource", ResourceType="hostedzone", ResourceId=id
        )
        found[f"arn:aws:route53:::hostedzone/{id}"] = tags(answer["ResourceTagSet"])
    for group in account.read("autoscaling", "describe_auto_scaling_groups")["AutoScalingGroups"]:
        found[group["AutoScalingGroupARN"]] = tags(group)
    return found


@pytest.fixture(scope="module")
def tagged(account: Account) -> dict[str, dict[str, str]]:
    """The tags of everything of this environment, by ARN."""
    return _listed_by_tag(account) | _listed_by_name(account)


def test_nothing_is_missing_that_can_be_tagged(account: Account) -> None:
    """Something that isn't listed could go without tags unseen."""
    sorts = {_sort(arn) for arn in _listed_by_tag(account)}
    assert LISTED - sorts == set()
    others = {_sort(arn) for arn in _listed_by_name(account)}
    iam = {"iam:role", "iam:policy", "iam:instance-profile"}
    assert others == {*iam, "route53:hostedzone", "autoscaling:autoScalingGroup"}


def _sort(arn: str) -> str:
    """`ec2:vpc`; where the name follows the service at once, the first word of the name."""
    service, _, _, rest = arn.split(":", 5)[2:]
    word = re.split("[:/_]", rest)[0]
    return f"{service}:{'mall' if word.startswith('mall-') else word}"


def test_everything_says_whose_it_is(tagged: dict[str, dict[str, str]]) -> None:
    required = {"mall:environment", "mall:asset", "mall:owner", "mall:cost-centre"}
    assert {arn: set(t) & required for arn, t in tagged.items() if not required <= set(t)} == {}


def test_everything_belongs_to_an_asset_of_the_contract(
    tagged: dict[str, dict[str, str]],
) -> None:
    assert {t["mall:asset"] for t in tagged.values()} <= CONTRACT


def test_everything_stands_in_tokyo(tagged: dict[str, dict[str, str]]) -> None:
    """(N1)"""
    elsewhere = [arn for arn in tagged if f":{REGION}:" not in arn and not arn.startswith(GLOBAL)]
    assert elsewhere == []


def test_the_audit_does_not_know_the_infrastructures_code() -> None:
    """What it expects comes from the requirements, so that no mistake is made twice; only the
    fixtures know how to make what is audited."""
    imported = set()
    for file in Path(__file__).parent.glob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom):
                imported.add(str(node.module).split(".")[0])
            elif isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
    ours = {"infra_assets", "data_assets", "sensors", "resources", "mall_platform"}
    assert not imported & ours
