"""Names, tags and the region of everything; and that the audit keeps to itself."""

from __future__ import annotations

import ast
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


@pytest.fixture(scope="module")
def tagged(account: Account) -> dict[str, dict[str, str]]:
    """The tags of everything of this environment, by ARN."""
    found = account.read(
        "resourcegroupstaggingapi",
        "get_resources",
        TagFilters=[{"Key": "mall:environment", "Values": [account.env]}],
    )["ResourceTagMappingList"]
    return {each["ResourceARN"]: tags(each) for each in found}


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
