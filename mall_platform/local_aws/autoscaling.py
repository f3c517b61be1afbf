"""EC2 Auto Scaling: instance refreshes, warm-ups, termination policies, instances spread over a
group's subnets, and policies that go with their group and can be switched off.

A refresh replaces every instance at once; it is finished when the call returns.
"""

from __future__ import annotations

import threading
import uuid
from datetime import UTC, datetime
from typing import Any

from moto.autoscaling.exceptions import AutoscalingClientError, ValidationError
from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult

from mall_platform.local_aws.hooks import operation, replace

_spreading = threading.RLock()


def install() -> None:
    _spread_instances()
    _keep_settings()
    _drop_policies()
    _switch_policies()
    _add_refreshes()


def _spread_instances() -> None:
    @replace(FakeAutoScalingGroup, "replace_autoscaling_group_instances", "count_needed")
    def launch(
        original: Any, self: FakeAutoScalingGroup, count_needed: int, propagated_tags: Any
    ) -> None:
        subnets = (self.vpc_zone_identifier or "").split(",")
        if len(subnets) < 2:
            original(self, count_needed, propagated_tags)
            return
        # moto launches in the first subnet of the list only.
        listed = self.vpc_zone_identifier
        with _spreading:
            try:
                for _ in range(count_needed):
                    self.vpc_zone_identifier = min(subnets, key=lambda s: _population(self, s))
                    original(self, 1, dict(propagated_tags))
            finally:
                self.vpc_zone_identifier = listed


def _keep_settings() -> None:
    def keep(original: Any, self: AutoScalingResponse) -> Any:
        answer = original(self)
        warmup = self._get_int_param("DefaultInstanceWarmup")
        if warmup is not None:
            _group(self).default_instance_warmup = warmup
        if policies := self._get_param("TerminationPolicies"):
            _group(self).termination_policies = policies
        return answer

    for name in ("create_auto_scaling_group", "update_auto_scaling_group"):
        replace(AutoScalingResponse, name)(keep)


def _drop_policies() -> None:
    @replace(AutoScalingBackend, "delete_auto_scaling_group", "group_name")
    def delete_group(original: Any, self: AutoScalingBackend, group_name: str) -> None:
        original(self, group_name)
        for key, policy in list(self.policies.items()):
            if policy.auto_scaling_group_name == group_name:
                del self.policies[key]


def _switch_policies() -> None:
    @replace(AutoScalingResponse, "put_scaling_policy")
    def put_scaling_policy(original: Any, self: AutoScalingResponse) -> Any:
        answer = original(self)
        policy = self.autoscaling_backend.policies[self.params["PolicyName"]]
        policy.enabled = self.params.get("Enabled", True)
        return answer


def _population(group: FakeAutoScalingGroup, subnet_id: str) -> int:
    return sum(state.instance.subnet_id == subnet_id for state in group.instance_states)


def _add_refreshes() -> None:
    @operation(AutoScalingResponse)
    def start_instance_refresh(self: AutoScalingResponse) -> ActionResult:
        group = _group(self)
        started = datetime.now(UTC)
        instances = [state.instance.id for state in group.instance_states]
        if (self.params.get("Preferences") or {}).get("SkipMatching"):
            instances = [i for i in instances if not _matches(group, i)]
        for instance in instances:
            self.autoscaling_backend.terminate_instance(instance, False)
        refresh = {
            "InstanceRefreshId": str(uuid.uuid4()),
            "AutoScalingGroupName": group.name,
            "Status": "Successful",
            "StartTime": started,
            "EndTime": datetime.now(UTC),
            "PercentageComplete": 100,
            "InstancesToUpdate": 0,
            "Preferences": dict(self.params.get("Preferences") or {}),
        }
        _refreshes(group).insert(0, refresh)
        return ActionResult({"InstanceRefreshId": refresh["InstanceRefreshId"]})

    @operation(AutoScalingResponse)
    def describe_instance_refreshes(self: AutoScalingResponse) -> ActionResult:
        wanted = self.params.get("InstanceRefreshIds")
        found = [
            refresh
            for refresh in _refreshes(_group(self))
            if not wanted or refresh["InstanceRefreshId"] in wanted
        ]
        return ActionResult({"InstanceRefreshes": found})

    @operation(AutoScalingResponse)
    def cancel_instance_refresh(self: AutoScalingResponse) -> ActionResult:
        group = _group(self)
        raise AutoscalingClientError(
            "ActiveInstanceRefreshNotFound",
            f"No in progress or pending instance refresh found for {group.name}",
        )


def _group(responses: AutoScalingResponse) -> FakeAutoScalingGroup:
    name = responses.params["AutoScalingGroupName"]
    groups = responses.autoscaling_backend.autoscaling_groups
    if name not in groups:
        raise ValidationError(f"AutoScalingGroup name not found - null: {name}")
    return groups[name]


def _matches(group: FakeAutoScalingGroup, instance_id: str) -> bool:
    """Whether an instance was launched as the group's launch template now says."""
    [state] = [s for s in group.instance_states if s.instance.id == instance_id]
    return bool(
        state.instance.image_id == group.image_id
        and state.instance.instance_type == group.instance_type
    )


def _refreshes(group: FakeAutoScalingGroup) -> list[dict[str, Any]]:
    """A group's refreshes, newest first."""
    if not hasattr(group, "instance_refreshes"):
        group.instance_refreshes = []
    refreshes: list[dict[str, Any]] = group.instance_refreshes
    return refreshes
