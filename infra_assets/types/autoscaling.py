"""Auto Scaling groups and their target tracking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from infra_assets.cloud import Cloud
from infra_assets.resource import Attributes, Live, Ref, Resource
from infra_assets.types.ec2 import all_listed
from infra_assets.types.tagging import from_pairs, pairs

_REFRESHING = ("Pending", "InProgress", "Cancelling", "RollbackInProgress", "Baking")
_REVISION = "mall:revision"
_SUSPENDED_BY_DEPLOYMENTS = (
    "AlarmNotification",
    "AZRebalance",
    "ReplaceUnhealthy",
    "ScheduledActions",
)
"""What CodeDeploy may suspend for as long as it takes."""
_IN_TAGS = frozenset({"revision", "tags", "tags_servers"})


@dataclass(frozen=True, kw_only=True)
class Group(Resource):
    """A group of servers, as many as scaling wants between two bounds; that number is no drift.

    A server that its load balancer finds unhealthy is replaced, and nobody's suspension of what the
    group does for that stays. `revision` stands for what servers start as and where: another one
    has all of them replaced, a few at a time (an instance refresh).
    """

    service: ClassVar[str] = "autoscaling"
    fixed: ClassVar[frozenset[str]] = frozenset({"vpc"})
    sets: ClassVar[frozenset[str]] = frozenset({"subnets", "suspended", "target_groups"})
    patience_s: ClassVar[float] = 3600
    held: ClassVar[frozenset[str]] = frozenset({"ResourceInUse", "ScalingActivityInProgress"})

    template: Ref
    revision: tuple[str | Ref, ...]
    vpc: Ref
    subnets: tuple[Ref, ...]
    target_groups: tuple[Ref, ...]
    at_least: int
    at_most: int
    grace_s: int = 300
    """How long a new server may take to be deployed to and to answer its health checks."""

    def wanted(self) -> dict[str, Any]:
        return {
            "template": {"LaunchTemplateId": self.template, "Version": "$Default"},
            "revision": list(self.revision),
            "vpc": self.vpc,
            "subnets": list(self.subnets),
            "target_groups": list(self.target_groups),
            "bounds": {"MinSize": self.at_least, "MaxSize": self.at_most},
            "health": {"HealthCheckType": "ELB", "HealthCheckGracePeriod": self.grace_s},
            "warmup_s": self.grace_s,
            "scale_in": {
                "TerminationPolicies": ["Default"],
                "NewInstancesProtectedFromScaleIn": False,
            },
            "suspended": [],
            "tags_servers": False,
        }

    def find(self, cloud: Cloud) -> list[Live]:
        found = cloud.read("autoscaling", "describe_auto_scaling_groups")["AutoScalingGroups"]
        return [self._live(cloud, g) for g in found if g["AutoScalingGroupName"] == self.name]

    def _live(self, cloud: Cloud, group: dict[str, Any]) -> Live:
        refreshes = cloud.read(
            "autoscaling", "describe_instance_refreshes", AutoScalingGroupName=self.name
        )["InstanceRefreshes"]
        tags = from_pairs(group["Tags"])
        template = group.get("LaunchTemplate", {})
        subnets = [id for id in group["VPCZoneIdentifier"].split(",") if id]
        ours = all_listed(cloud, "describe_subnets", "Subnets")
        attributes = {
            "template": {name: template.get(name) for name in ("LaunchTemplateId", "Version")},
            "revision": tags.get(_REVISION, "").split(),
            "vpc": next((s["VpcId"] for s in ours if s["SubnetId"] in subnets), None),
            "subnets": subnets,
            "target_groups": group["TargetGroupARNs"],
            "bounds": {name: group[name] for name in ("MinSize", "MaxSize")},
            "health": {name: group[name] for name in ("HealthCheckType", "HealthCheckGracePeriod")},
            "warmup_s": group.get("DefaultInstanceWarmup"),
            "scale_in": {
                "TerminationPolicies": group["TerminationPolicies"],
                "NewInstancesProtectedFromScaleIn": group.get(
                    "NewInstancesProtectedFromScaleIn", False
                ),
            },
            "suspended": [
                process["ProcessName"]
                for process in group["SuspendedProcesses"]
                if process["ProcessName"] not in _SUSPENDED_BY_DEPLOYMENTS
            ],
            "tags_servers": any(
                tag.get("PropagateAtLaunch")
                for tag in group["Tags"]
                if tag["Key"].startswith("mall:")
            ),
            "tags": tags,
        }
        leaving = group.get("Status") == "Delete in progress"
        ready = not any(refresh["Status"] in _REFRESHING for refresh in refreshes)
        return Live(
            self.name, attributes, arn=group["AutoScalingGroupARN"], ready=ready, leaving=leaving
        )

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        cloud.write(
            "autoscaling",
            "create_auto_scaling_group",
            AutoScalingGroupName=self.name,
            TargetGroupARNs=wanted["target_groups"],
            Tags=self._tags(wanted),
            **_settings(wanted),
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        if changed - _IN_TAGS - {"suspended", "target_groups"}:
            cloud.write(
                "autoscaling",
                "update_auto_scaling_group",
                AutoScalingGroupName=self.name,
                **_settings(wanted),
            )
        if "suspended" in changed:
            cloud.write(
                "autoscaling",
                "resume_processes",
                AutoScalingGroupName=self.name,
                ScalingProcesses=live.attributes["suspended"],
            )
        if "target_groups" in changed:
            self._attach(cloud, live.attributes["target_groups"], wanted["target_groups"])
        if "revision" in changed:
            cloud.write(
                "autoscaling",
                "start_instance_refresh",
                AutoScalingGroupName=self.name,
                Preferences={"MinHealthyPercentage": 100, "MaxHealthyPercentage": 150},
            )
        if changed & _IN_TAGS:
            cloud.write("autoscaling", "create_or_update_tags", Tags=self._tags(wanted))

    def _attach(self, cloud: Cloud, now: list[str], wanted: list[str]) -> None:
        for operation, groups in (
            ("attach_load_balancer_target_groups", sorted(set(wanted) - set(now))),
            ("detach_load_balancer_target_groups", sorted(set(now) - set(wanted))),
        ):
            if groups:
                cloud.write(
                    "autoscaling",
                    operation,
                    AutoScalingGroupName=self.name,
                    TargetGroupARNs=groups,
                )

    def _tags(self, wanted: Attributes) -> list[dict[str, Any]]:
        """The group's own: servers get theirs from the template."""
        tags = {**wanted["tags"], _REVISION: " ".join(wanted["revision"])}
        own = {
            "ResourceId": self.name,
            "ResourceType": "auto-scaling-group",
            "PropagateAtLaunch": wanted["tags_servers"],
        }
        return [{**pair, **own} for pair in pairs(tags)]

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write(
            "autoscaling",
            "delete_auto_scaling_group",
            AutoScalingGroupName=self.name,
            ForceDelete=True,
        )


def _settings(wanted: Attributes) -> dict[str, Any]:
    return {
        "LaunchTemplate": wanted["template"],
        "VPCZoneIdentifier": ",".join(wanted["subnets"]),
        "DefaultInstanceWarmup": wanted["warmup_s"],
        **wanted["bounds"],
        **wanted["health"],
        **wanted["scale_in"],
    }


@dataclass(frozen=True, kw_only=True)
class TargetTracking(Resource):
    """Keeps a metric of a group near a target; `name` is `<group>:<policy>`, on AWS with a hyphen.

    `requests_of` are the load balancer's and the target group's suffixes where the metric is
    requests for each target. The alarms that AWS makes for it are its own.
    """

    service: ClassVar[str] = "autoscaling"
    tagged: ClassVar[bool] = False
    part_of: ClassVar[str] = "group"

    group: Ref
    metric: str
    target: float
    requests_of: tuple[Ref, Ref] | None = None

    def wanted(self) -> dict[str, Any]:
        return {
            "group": self.group,
            "metric": self.metric,
            "target": self.target,
            "requests_of": list(self.requests_of) if self.requests_of else None,
            "enabled": True,
            "takes_servers_away": True,
        }

    def find(self, cloud: Cloud) -> list[Live]:
        group = self.name.partition(":")[0]
        found = cloud.read("autoscaling", "describe_policies")["ScalingPolicies"]
        return [
            self._live(each)
            for each in found
            if (each["AutoScalingGroupName"], each["PolicyName"]) == (group, self._policy)
        ]

    @property
    def _policy(self) -> str:
        return self.name.replace(":", "-")

    def _live(self, policy: dict[str, Any]) -> Live:
        tracking = policy.get("TargetTrackingConfiguration", {})
        metric = tracking.get("PredefinedMetricSpecification", {})
        balancer, _, targets = metric.get("ResourceLabel", "").partition("/targetgroup/")
        attributes = {
            "group": policy["AutoScalingGroupName"],
            "metric": metric.get("PredefinedMetricType"),
            "target": tracking.get("TargetValue"),
            "requests_of": [balancer, f"targetgroup/{targets}"] if targets else None,
            "enabled": policy.get("Enabled", True),
            "takes_servers_away": not tracking.get("DisableScaleIn", False),
        }
        return Live(self.name, attributes, arn=policy["PolicyARN"])

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        metric = {"PredefinedMetricType": wanted["metric"]}
        if wanted["requests_of"]:
            metric["ResourceLabel"] = "/".join(wanted["requests_of"])
        cloud.write(
            "autoscaling",
            "put_scaling_policy",
            AutoScalingGroupName=wanted["group"],
            PolicyName=self._policy,
            PolicyType="TargetTrackingScaling",
            TargetTrackingConfiguration={
                "PredefinedMetricSpecification": metric,
                "TargetValue": wanted["target"],
                "DisableScaleIn": not wanted["takes_servers_away"],
            },
            Enabled=wanted["enabled"],
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        self.create(cloud, wanted)

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write(
            "autoscaling",
            "delete_policy",
            AutoScalingGroupName=live.attributes["group"],
            PolicyName=self._policy,
        )
