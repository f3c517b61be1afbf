"""EC2 Auto Scaling: both zones are used, and a refresh replaces the instances (S1, S3)."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

Clients = Callable[[str], Any]


class Group:
    def __init__(self, client: Clients, size: int) -> None:
        self.client, self.name = client, f"group-{uuid.uuid4()}"
        ec2 = client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [
            ec2.create_subnet(
                VpcId=vpc, CidrBlock=f"10.8.{n}.0/24", AvailabilityZone=f"ap-northeast-1{z}"
            )["Subnet"]["SubnetId"]
            for n, z in enumerate("ac")
        ]
        image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        self.template = ec2.create_launch_template(
            LaunchTemplateName=self.name,
            LaunchTemplateData={"ImageId": image, "InstanceType": "t3.micro"},
        )["LaunchTemplate"]["LaunchTemplateId"]
        client("autoscaling").create_auto_scaling_group(
            AutoScalingGroupName=self.name,
            MinSize=size,
            MaxSize=size * 2,
            LaunchTemplate={"LaunchTemplateId": self.template, "Version": "$Latest"},
            VPCZoneIdentifier=",".join(self.subnets),
        )

    def use_template(self, **data: Any) -> None:
        """Starts the group's instances anew from a later version of its template."""
        self.client("ec2").create_launch_template_version(
            LaunchTemplateId=self.template, SourceVersion="1", LaunchTemplateData=data
        )
        self.client("autoscaling").start_instance_refresh(AutoScalingGroupName=self.name)

    def instances(self) -> list[dict[str, Any]]:
        [group] = self.client("autoscaling").describe_auto_scaling_groups(
            AutoScalingGroupNames=[self.name]
        )["AutoScalingGroups"]
        return group["Instances"]


def test_instances_stand_in_both_zones(client: Clients) -> None:
    group = Group(client, 4)
    zones = Counter(instance["AvailabilityZone"] for instance in group.instances())
    assert zones == {"ap-northeast-1a": 2, "ap-northeast-1c": 2}


def test_a_refresh_replaces_every_instance_by_the_new_template(client: Clients) -> None:
    group, autoscaling = Group(client, 2), client("autoscaling")
    before = {instance["InstanceId"] for instance in group.instances()}
    client("ec2").create_launch_template_version(
        LaunchTemplateId=group.template,
        SourceVersion="1",
        LaunchTemplateData={"InstanceType": "t3.small"},
    )
    refresh = autoscaling.start_instance_refresh(AutoScalingGroupName=group.name)

    [shown] = autoscaling.describe_instance_refreshes(
        AutoScalingGroupName=group.name, InstanceRefreshIds=[refresh["InstanceRefreshId"]]
    )["InstanceRefreshes"]
    assert (shown["Status"], shown["PercentageComplete"]) == ("Successful", 100)
    after = {instance["InstanceId"] for instance in group.instances()}
    assert len(after) == 2
    assert after.isdisjoint(before)
    zones = {instance["AvailabilityZone"] for instance in group.instances()}
    assert zones == {"ap-northeast-1a", "ap-northeast-1c"}


@pytest.mark.parametrize("way", ["interface", "ids"])
def test_instances_are_in_the_security_groups_of_the_template(client: Clients, way: str) -> None:
    """(N3) Whichever way the template names them."""
    group, ec2 = Group(client, 1), client("ec2")
    [subnet] = ec2.describe_subnets(SubnetIds=[group.subnets[0]])["Subnets"]
    firewall = ec2.create_security_group(
        GroupName=group.name, Description="of a test", VpcId=subnet["VpcId"]
    )["GroupId"]
    named: dict[str, Any] = {"SecurityGroupIds": [firewall]}
    if way == "interface":
        named = {"NetworkInterfaces": [{"DeviceIndex": 0, "Groups": [firewall]}]}
    group.use_template(**named)
    [instance] = group.instances()
    found = ec2.describe_instances(InstanceIds=[instance["InstanceId"]])["Reservations"]
    assert [g["GroupId"] for g in found[0]["Instances"][0]["SecurityGroups"]] == [firewall]


def test_a_refresh_needs_a_group(client: Clients) -> None:
    with pytest.raises(ClientError, match="not found"):
        client("autoscaling").start_instance_refresh(AutoScalingGroupName="missing")


def test_a_group_keeps_its_warm_up(client: Clients) -> None:
    group, autoscaling = Group(client, 1), client("autoscaling")

    def warm_up() -> int | None:
        [found] = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[group.name])[
            "AutoScalingGroups"
        ]
        return found.get("DefaultInstanceWarmup")

    assert warm_up() is None
    autoscaling.update_auto_scaling_group(
        AutoScalingGroupName=group.name, DefaultInstanceWarmup=120
    )
    assert warm_up() == 120
    autoscaling.update_auto_scaling_group(AutoScalingGroupName=group.name, MaxSize=5)
    assert warm_up() == 120


def test_a_group_keeps_which_servers_leave_first(client: Clients) -> None:
    group, autoscaling = Group(client, 1), client("autoscaling")

    def policies() -> Any:
        [found] = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[group.name])[
            "AutoScalingGroups"
        ]
        return found["TerminationPolicies"]

    assert policies() == ["Default"]
    autoscaling.update_auto_scaling_group(
        AutoScalingGroupName=group.name, TerminationPolicies=["NewestInstance"]
    )
    assert policies() == ["NewestInstance"]
    autoscaling.update_auto_scaling_group(AutoScalingGroupName=group.name, MaxSize=5)
    assert policies() == ["NewestInstance"]


def test_policies_go_with_their_group(client: Clients) -> None:
    group, other, autoscaling = Group(client, 1), Group(client, 1), client("autoscaling")
    for name in (group.name, other.name):
        autoscaling.put_scaling_policy(
            AutoScalingGroupName=name,
            PolicyName=f"{name}-cpu",
            PolicyType="TargetTrackingScaling",
            TargetTrackingConfiguration={
                "PredefinedMetricSpecification": {
                    "PredefinedMetricType": "ASGAverageCPUUtilization"
                },
                "TargetValue": 50,
            },
        )
    autoscaling.delete_auto_scaling_group(AutoScalingGroupName=group.name, ForceDelete=True)
    found = autoscaling.describe_policies()["ScalingPolicies"]
    groups = {policy["AutoScalingGroupName"] for policy in found}
    assert other.name in groups
    assert group.name not in groups


def test_a_policy_can_be_switched_off_and_kept_from_taking_instances_away(client: Clients) -> None:
    group, autoscaling = Group(client, 1), client("autoscaling")
    tracking = {
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"},
        "TargetValue": 50,
    }

    def put(tracking: dict[str, Any], **switch: bool) -> tuple[bool, bool | None]:
        autoscaling.put_scaling_policy(
            AutoScalingGroupName=group.name,
            PolicyName=f"{group.name}-cpu",
            PolicyType="TargetTrackingScaling",
            TargetTrackingConfiguration=tracking,
            **switch,
        )
        found = autoscaling.describe_policies(AutoScalingGroupName=group.name)
        [policy] = found["ScalingPolicies"]
        return policy["Enabled"], policy["TargetTrackingConfiguration"].get("DisableScaleIn")

    assert put(tracking) == (True, None)
    assert put({**tracking, "DisableScaleIn": True}, Enabled=False) == (False, True)
    assert put({**tracking, "DisableScaleIn": False}, Enabled=True) == (True, False)
