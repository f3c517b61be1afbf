"""CodeDeploy applications and their deployment groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from infra_assets.cloud import Cloud
from infra_assets.resource import Attributes, Live, Ref, Resource
from infra_assets.types.tagging import from_pairs, pairs

_NONE = ("ApplicationDoesNotExistException", "DeploymentGroupDoesNotExistException")


@dataclass(frozen=True, kw_only=True)
class Application(Resource):
    """An application that runs on servers."""

    service: ClassVar[str] = "codedeploy"

    def wanted(self) -> dict[str, Any]:
        return {}

    def find(self, cloud: Cloud) -> list[Live]:
        found = cloud.read("codedeploy", "get_application", applicationName=self.name, absent=_NONE)
        if found is None:
            return []
        arn = cloud.spec.arn("codedeploy", f"application:{self.name}")
        return [Live(self.name, {"tags": _tags(cloud, arn)}, arn=arn)]

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        cloud.write(
            "codedeploy",
            "create_application",
            applicationName=self.name,
            computePlatform="Server",
            tags=pairs(wanted["tags"]),
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        tags = pairs(wanted["tags"])
        cloud.write("codedeploy", "tag_resource", ResourceArn=live.arn, Tags=tags)

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("codedeploy", "delete_application", applicationName=self.name)


@dataclass(frozen=True, kw_only=True)
class DeploymentGroup(Resource):
    """Deploys in place, one server after the other, each out of the load balancer meanwhile.

    `name` is `<application>:<group>`. Servers that scaling adds get the last revision that was
    deployed well. A deployment that fails its health checks, or during which an alarm goes off, is
    rolled back.
    """

    service: ClassVar[str] = "codedeploy"
    sets: ClassVar[frozenset[str]] = frozenset(
        {"alarms", "rollback_on", "scaling_groups", "target_groups"}
    )
    settles: ClassVar[tuple[tuple[str, str], ...]] = (("InvalidRoleException", ""),)

    application: Ref
    role: Ref
    scaling_group: Ref
    target_group: Ref
    alarms: tuple[Ref, ...]

    def wanted(self) -> dict[str, Any]:
        return {
            "application": self.application,
            "role": self.role,
            "configuration": "CodeDeployDefault.OneAtATime",
            "style": {
                "deploymentType": "IN_PLACE",
                "deploymentOption": "WITH_TRAFFIC_CONTROL",
            },
            "scaling_groups": [self.scaling_group],
            "target_groups": [self.target_group],
            "alarms": list(self.alarms),
            "rollback_on": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"],
            "outdated_servers": "UPDATE",
        }

    def find(self, cloud: Cloud) -> list[Live]:
        application, group = self.name.split(":")
        found = cloud.read(
            "codedeploy",
            "get_deployment_group",
            applicationName=application,
            deploymentGroupName=group,
            absent=_NONE,
        )
        if found is None:
            return []
        arn = cloud.spec.arn("codedeploy", f"deploymentgroup:{application}/{group}")
        attributes = {**_attributes(found["deploymentGroupInfo"]), "tags": _tags(cloud, arn)}
        return [Live(group, attributes, arn=arn)]

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        cloud.write(
            "codedeploy",
            "create_deployment_group",
            deploymentGroupName=self.name.split(":")[1],
            tags=pairs(wanted["tags"]),
            **_settings(wanted),
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        if changed - {"tags"}:
            cloud.write(
                "codedeploy",
                "update_deployment_group",
                currentDeploymentGroupName=live.id,
                **_settings(wanted),
            )
        if "tags" in changed:
            tags = pairs(wanted["tags"])
            cloud.write("codedeploy", "tag_resource", ResourceArn=live.arn, Tags=tags)

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write(
            "codedeploy",
            "delete_deployment_group",
            applicationName=live.attributes["application"],
            deploymentGroupName=live.id,
        )


def _attributes(group: dict[str, Any]) -> dict[str, Any]:
    style, rollback = group.get("deploymentStyle", {}), group.get("autoRollbackConfiguration", {})
    alarms = group.get("alarmConfiguration", {})
    targets = group.get("loadBalancerInfo", {}).get("targetGroupInfoList", ())
    return {
        "application": group["applicationName"],
        "role": group["serviceRoleArn"],
        "configuration": group["deploymentConfigName"],
        "style": {name: style.get(name) for name in ("deploymentType", "deploymentOption")},
        "scaling_groups": [each["name"] for each in group.get("autoScalingGroups", ())],
        "target_groups": [each["name"] for each in targets],
        "alarms": [each["name"] for each in alarms.get("alarms", ()) if alarms.get("enabled")],
        "rollback_on": rollback.get("events", []) if rollback.get("enabled") else [],
        "outdated_servers": group.get("outdatedInstancesStrategy"),
    }


def _settings(wanted: Attributes) -> dict[str, Any]:
    return {
        "applicationName": wanted["application"],
        "serviceRoleArn": wanted["role"],
        "deploymentConfigName": wanted["configuration"],
        "deploymentStyle": wanted["style"],
        "autoScalingGroups": wanted["scaling_groups"],
        "loadBalancerInfo": {
            "targetGroupInfoList": [{"name": name} for name in wanted["target_groups"]]
        },
        "alarmConfiguration": {
            "enabled": True,
            "alarms": [{"name": name} for name in wanted["alarms"]],
        },
        "autoRollbackConfiguration": {"enabled": True, "events": wanted["rollback_on"]},
        "outdatedInstancesStrategy": wanted["outdated_servers"],
    }


def _tags(cloud: Cloud, arn: str) -> dict[str, str]:
    return from_pairs(cloud.read("codedeploy", "list_tags_for_resource", ResourceArn=arn)["Tags"])
