"""An account as an auditor sees it: boto3, reading only, and names by the contract."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import boto3

_READING = ("BatchGet", "Describe", "Get", "Head", "List")

ACCOUNT_ID = "123456789012"
REGION = "ap-northeast-1"
ZONES = ("ap-northeast-1a", "ap-northeast-1c")
TIERS = ("web", "was")


class Account:
    """One environment, through clients that can't change anything."""

    def __init__(self, env: str) -> None:
        self.env = env
        self._session = boto3.Session(
            aws_access_key_id="auditor", aws_secret_access_key="auditor", region_name=REGION
        )
        self._session.events.register("before-call", _refuse_to_change)
        self.client = cache(self._session.client)

    def named(self, name: str) -> str:
        return f"mall-{self.env}-{name}"

    def bucket(self, purpose: str) -> str:
        return f"mall-{self.env}-{purpose}-{ACCOUNT_ID}"

    def read(self, service: str, operation: str, **parameters: Any) -> Any:
        """A call's answer, all its pages."""
        client = self.client(service)
        if client.can_paginate(operation):
            return client.get_paginator(operation).paginate(**parameters).build_full_result()
        return getattr(client, operation)(**parameters)

    def ours(self) -> dict[str, Any]:
        """The filter of EC2's calls for what is of this environment."""
        return {"Filters": [{"Name": "tag:mall:environment", "Values": [self.env]}]}

    # what several areas ask for

    def vpc_id(self) -> str:
        (vpc,) = self.read("ec2", "describe_vpcs", **self.ours())["Vpcs"]
        return vpc["VpcId"]

    def subnets(self, tier: str) -> dict[str, str]:
        """A tier's subnet in each zone."""
        found = self.read("ec2", "describe_subnets", **self.ours())["Subnets"]
        named = {tags(subnet)["Name"]: subnet for subnet in found}
        return {
            subnet["AvailabilityZone"]: subnet["SubnetId"]
            for name, subnet in named.items()
            if name.rpartition("-")[0].endswith(tier)
        }

    def security_groups(self) -> dict[str, Any]:
        found = self.read("ec2", "describe_security_groups", **self.ours())["SecurityGroups"]
        return {group["GroupName"].removeprefix(self.named("")): group for group in found}

    def key(self, name: str) -> str:
        """The ARN of the key behind an alias."""
        alias = f"alias/{self.named(name)}"
        return self.read("kms", "describe_key", KeyId=alias)["KeyMetadata"]["Arn"]

    def load_balancer(self, tier: str) -> dict[str, Any]:
        found = self.read("elbv2", "describe_load_balancers", Names=[self.named(tier)])
        return found["LoadBalancers"][0]

    def target_group(self, tier: str) -> dict[str, Any]:
        found = self.read("elbv2", "describe_target_groups", Names=[self.named(tier)])
        return found["TargetGroups"][0]

    def database(self) -> dict[str, Any]:
        found = self.read("rds", "describe_db_instances", DBInstanceIdentifier=self.named("shop"))
        return found["DBInstances"][0]

    def log_days(self, group: str) -> int | None:
        """How long a log group's events are kept; None if for ever."""
        found = self.read("logs", "describe_log_groups", logGroupNamePrefix=group)["logGroups"]
        (days,) = [g.get("retentionInDays") for g in found if g["logGroupName"] == group]
        return days

    def role_arn(self, name: str) -> str:
        return f"arn:aws:iam::{ACCOUNT_ID}:role/{self.named(name)}"


def statements(document: str | dict[str, Any]) -> list[dict[str, Any]]:
    """The statements of a policy, which AWS gives as text or decoded."""
    content = json.loads(document) if isinstance(document, str) else document
    return as_list(content["Statement"])


def tags(found: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in found.get("Tags", found.get("TagSet", []))}


def as_list(value: Any) -> list[Any]:
    """Policies write a list of one as that one."""
    return value if isinstance(value, list) else [value]


def _refuse_to_change(model: Any, **_: Any) -> None:
    if not model.name.startswith(_READING):
        raise AssertionError(f"an auditor only reads, and {model.name} changes")
