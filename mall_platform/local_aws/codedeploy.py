"""CodeDeploy: applications and deployment groups can be changed and deleted. Deployments run
nothing."""

from __future__ import annotations

import re
from typing import Any

from moto.codedeploy import responses as codedeploy_responses
from moto.codedeploy.exceptions import (
    ApplicationAlreadyExistsException,
    DeploymentGroupAlreadyExistsException,
)
from moto.codedeploy.models import DeploymentGroup
from moto.codedeploy.responses import CodeDeployResponse
from moto.core.responses import ActionResult, EmptyResult

from mall_platform.local_aws.hooks import HookError, operation

_SETTINGS = (
    "deploymentConfigName",
    "ec2TagFilters",
    "onPremisesInstanceTagFilters",
    "autoScalingGroups",
    "serviceRoleArn",
    "triggerConfigurations",
    "alarmConfiguration",
    "autoRollbackConfiguration",
    "outdatedInstancesStrategy",
    "deploymentStyle",
    "blueGreenDeploymentConfiguration",
    "loadBalancerInfo",
    "ec2TagSet",
    "ecsServices",
    "onPremisesTagSet",
    "terminationHookEnabled",
)


def install() -> None:
    _show_alarms_and_scaling_groups()
    _add_applications()
    _add_deployment_groups()


def _show_alarms_and_scaling_groups() -> None:
    original = getattr(codedeploy_responses, "_deployment_group_info", None)
    if original is None:
        raise HookError("moto.codedeploy.responses has no _deployment_group_info")

    def info(group: DeploymentGroup) -> dict[str, Any]:
        groups = [
            {"name": name, "hook": f"CodeDeploy-managed-automatic-launch-deployment-hook-{name}"}
            for name in group.auto_scaling_groups or []
        ]
        alarms = group.alarm_configuration or {}
        return {**original(group), "autoScalingGroups": groups, "alarmConfiguration": alarms}

    codedeploy_responses._deployment_group_info = info


def _add_applications() -> None:
    @operation(CodeDeployResponse)
    def update_application(self: CodeDeployResponse) -> ActionResult:
        backend = self.codedeploy_backend
        old, new = self._get_param("applicationName"), self._get_param("newApplicationName")
        application = backend.get_application(old)
        if new and new != old:
            if new in backend.applications:
                raise ApplicationAlreadyExistsException(f"The application {new} already exists.")
            application.application_name = new
            backend.applications[new] = backend.applications.pop(old)
            backend.deployment_groups[new] = backend.deployment_groups.pop(old, {})
        return EmptyResult()

    @operation(CodeDeployResponse)
    def delete_application(self: CodeDeployResponse) -> ActionResult:
        backend, name = self.codedeploy_backend, self._get_param("applicationName")
        backend.applications.pop(name, None)
        for group in backend.deployment_groups.pop(name, {}):
            backend.tagger.delete_all_tags_for_resource(backend._deployment_group_arn(name, group))
        backend.tagger.delete_all_tags_for_resource(backend._application_arn(name))
        return EmptyResult()


def _add_deployment_groups() -> None:
    @operation(CodeDeployResponse)
    def update_deployment_group(self: CodeDeployResponse) -> ActionResult:
        backend, application = self.codedeploy_backend, self._get_param("applicationName")
        old = self._get_param("currentDeploymentGroupName")
        group = backend.get_deployment_group(application, old)
        for setting in _SETTINGS:
            if setting in self.params:
                setattr(group, _snake(setting), self.params[setting])
        new = self._get_param("newDeploymentGroupName")
        if new and new != old:
            groups = backend.deployment_groups[application]
            if new in groups:
                raise DeploymentGroupAlreadyExistsException(f"{new} already exists.")
            group.deployment_group_name = new
            groups[new] = groups.pop(old)
        return ActionResult({"hooksNotCleanedUp": []})

    @operation(CodeDeployResponse)
    def delete_deployment_group(self: CodeDeployResponse) -> ActionResult:
        backend, application = self.codedeploy_backend, self._get_param("applicationName")
        name = self._get_param("deploymentGroupName")
        backend.deployment_groups.get(application, {}).pop(name, None)
        backend.tagger.delete_all_tags_for_resource(
            backend._deployment_group_arn(application, name)
        )
        return ActionResult({"hooksNotCleanedUp": []})

    @operation(CodeDeployResponse)
    def batch_get_deployment_groups(self: CodeDeployResponse) -> ActionResult:
        groups = self.codedeploy_backend.deployment_groups.get(
            self._get_param("applicationName"), {}
        )
        found = [groups[n] for n in self._get_param("deploymentGroupNames") if n in groups]
        info = codedeploy_responses._deployment_group_info
        return ActionResult({"deploymentGroupsInfo": [info(group) for group in found]})


def _snake(name: str) -> str:
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()
