"""Creates that AWS makes idempotent and moto doesn't: by client token, caller reference or name.

EC2's NAT gateways, route tables, VPC endpoints, flow logs and launch templates answer a repeated
token with what it made; Route 53 refuses a caller reference used before; ELB answers a repeated
name with the same settings, and refuses one with others.
"""

from __future__ import annotations

import json
import threading
from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses.flow_logs import FlowLogs
from moto.ec2.responses.launch_templates import LaunchTemplates
from moto.ec2.responses.nat_gateways import NatGateways
from moto.ec2.responses.route_tables import RouteTables
from moto.ec2.responses.vpcs import VPCs
from moto.elbv2.exceptions import DuplicateListenerError, DuplicateLoadBalancerName
from moto.elbv2.models import ELBv2Backend, FakeListener, FakeLoadBalancer, FakeTargetGroup
from moto.route53.exceptions import Route53ClientError
from moto.route53.models import FakeZone, Route53Backend

from mall_platform.local_aws import lifecycle
from mall_platform.local_aws.hooks import replace

_BY_TOKEN = (
    (NatGateways, "create_nat_gateway"),
    (RouteTables, "create_route_table"),
    (VPCs, "create_vpc_endpoint"),
    (FlowLogs, "create_flow_logs"),
    (LaunchTemplates, "create_launch_template"),
    (LaunchTemplates, "create_launch_template_version"),
)

_answers: dict[tuple[str, str, str], tuple[str, Any]] = {}
_lock = threading.RLock()


def install() -> None:
    for responses, operation in _BY_TOKEN:
        _answer_by_token(responses, operation)
    _refuse_used_caller_references()
    _answer_by_name()
    lifecycle.on_reset(_answers.clear)


def _answer_by_token(responses: type, operation: str) -> None:
    @replace(responses, operation)
    def create(original: Any, self: Any) -> Any:
        token = self._get_param("ClientToken")
        if not token:
            return original(self)
        key = (self.region, operation, token)
        with _lock:
            asked = _fingerprint(self)
            if key in _answers:
                first, answer = _answers[key]
                if first != asked:
                    raise EC2ClientError(
                        "IdempotentParameterMismatch",
                        f"Arguments on this idempotent request are inconsistent with arguments "
                        f"used in previous request(s) with client token {token}.",
                    )
                return answer
            answer = original(self)
            _answers[key] = (asked, answer)
            return answer


def _fingerprint(responses: Any) -> str:
    asked = {
        name: value
        for name, value in responses.normalized_request.values.items()
        if name not in ("ClientToken", "Action", "Version")
    }
    return json.dumps(asked, sort_keys=True)


def _refuse_used_caller_references() -> None:
    @replace(Route53Backend, "create_hosted_zone", "name", "caller_reference")
    def create_hosted_zone(original: Any, self: Route53Backend, *args: Any, **kw: Any) -> FakeZone:
        with _lock:
            used = {zone.caller_reference for zone in self.zones.values()}
            if kw.get("caller_reference") in used:
                raise Route53ClientError(
                    "HostedZoneAlreadyExists",
                    "A hosted zone has already been created with the specified caller reference.",
                )
            return original(self, *args, **kw)


def _answer_by_name() -> None:
    @replace(ELBv2Backend, "create_load_balancer", "name", "subnet_ids")
    def create_load_balancer(original: Any, self: ELBv2Backend, **asked: Any) -> FakeLoadBalancer:
        with _lock:
            for existing in self.load_balancers.values():
                if existing.name != asked["name"]:
                    continue
                if _is_same_balancer(existing, asked):
                    return existing
                raise DuplicateLoadBalancerName
            return original(self, **asked)

    @replace(ELBv2Backend, "create_target_group", "name")
    def create_target_group(
        original: Any, self: ELBv2Backend, name: str, **asked: Any
    ) -> FakeTargetGroup:
        with _lock:
            for existing in self.target_groups.values():
                if existing.name == name and _is_same_target_group(existing, asked):
                    return existing
            return original(self, name, **asked)

    @replace(ELBv2Backend, "create_listener", "load_balancer_arn", "port", "actions")
    def create_listener(
        original: Any, self: ELBv2Backend, load_balancer_arn: str, **asked: Any
    ) -> FakeListener:
        with _lock:
            balancer = self.load_balancers.get(load_balancer_arn)
            for existing in balancer.listeners.values() if balancer else ():
                if str(existing.port) != str(asked["port"]):
                    continue
                if _is_same_listener(existing, asked):
                    return existing
                raise DuplicateListenerError
            return original(self, load_balancer_arn, **asked)


def _is_same_balancer(existing: FakeLoadBalancer, asked: dict[str, Any]) -> bool:
    mapped = [mapping["SubnetId"] for mapping in asked.get("subnet_mappings") or []]
    return bool(
        {subnet.id for subnet in existing.subnets} == {*asked["subnet_ids"], *mapped}
        and set(existing.security_groups) == set(asked["security_groups"])
        and existing.scheme == (asked.get("scheme") or existing.scheme)
        and existing.type == (asked.get("loadbalancer_type") or "application")
        and existing.ip_address_type == asked.get("ip_address_type", "ipv4")
    )


def _is_same_target_group(existing: FakeTargetGroup, asked: dict[str, Any]) -> bool:
    return all(
        str(getattr(existing, name, None)) == str(asked.get(name))
        for name in ("protocol", "port", "vpc_id", "target_type")
        if asked.get(name) is not None
    )


def _is_same_listener(existing: FakeListener, asked: dict[str, Any]) -> bool:
    actions = [action.data for action in existing.default_actions]
    return bool(existing.protocol == asked["protocol"] and actions == asked["actions"])
