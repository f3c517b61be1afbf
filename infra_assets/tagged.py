"""Whose things are that the Resource Groups Tagging API says nothing of in Tokyo.

That is IAM, which it doesn't list, Route 53, which it lists elsewhere, and Auto Scaling's groups.
Their services list them, most of them without tags. Of IAM, which knows no filter by tag, only what
is named as ours is looked at; what a plan has read of it already isn't read again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from infra_assets.types.tagging import from_pairs

if TYPE_CHECKING:
    from infra_assets.cloud import Cloud

Tagged = tuple[str, dict[str, str]]
"""An ARN, and the tags there."""

_ZONES_A_CALL = 10


def untold(cloud: Cloud) -> Iterator[Tagged]:
    """Everything of these services that may be this environment's, with its tags."""
    yield from _roles(cloud)
    yield from _policies(cloud)
    yield from _instance_profiles(cloud)
    yield from _hosted_zones(cloud)
    yield from _scaling_groups(cloud)


def _roles(cloud: Cloud) -> Iterator[Tagged]:
    found = cloud.read("iam", "get_account_authorization_details", Filter=["Role"])
    for role in found["RoleDetailList"]:
        yield role["Arn"], from_pairs(role.get("Tags"))


def _policies(cloud: Cloud) -> Iterator[Tagged]:
    for policy in cloud.read("iam", "list_policies", Scope="Local")["Policies"]:
        if _ours(cloud, policy["PolicyName"]):
            arn = policy["Arn"]
            found = cloud.read("iam", "get_policy", PolicyArn=arn, absent=("NoSuchEntity",))
            yield arn, _tags_of(found, "Policy")


def _instance_profiles(cloud: Cloud) -> Iterator[Tagged]:
    for profile in cloud.read("iam", "list_instance_profiles")["InstanceProfiles"]:
        name = profile["InstanceProfileName"]
        if _ours(cloud, name):
            found = cloud.read(
                "iam", "get_instance_profile", InstanceProfileName=name, absent=("NoSuchEntity",)
            )
            yield profile["Arn"], _tags_of(found, "InstanceProfile")


def _hosted_zones(cloud: Cloud) -> Iterator[Tagged]:
    zones = cloud.read("route53", "list_hosted_zones")["HostedZones"]
    ids = [zone["Id"].removeprefix("/hostedzone/") for zone in zones]
    for at in range(0, len(ids), _ZONES_A_CALL):
        some = ids[at : at + _ZONES_A_CALL]
        found = cloud.read(
            "route53", "list_tags_for_resources", ResourceType="hostedzone", ResourceIds=some
        )
        for each in found["ResourceTagSets"]:
            yield f"arn:aws:route53:::hostedzone/{each['ResourceId']}", from_pairs(each["Tags"])


def _scaling_groups(cloud: Cloud) -> Iterator[Tagged]:
    found = cloud.read("autoscaling", "describe_auto_scaling_groups")
    for group in found["AutoScalingGroups"]:
        yield group["AutoScalingGroupARN"], from_pairs(group["Tags"])


def _ours(cloud: Cloud, name: str) -> bool:
    return name.startswith(f"{cloud.spec.names.prefix}-")


def _tags_of(found: dict[str, Any] | None, what: str) -> dict[str, str]:
    return from_pairs(found[what].get("Tags")) if found else {}
