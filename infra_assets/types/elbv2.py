"""Application load balancers, their target groups and listeners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from infra_assets.cloud import Cloud
from infra_assets.resource import Attributes, Live, Ref, Resource
from infra_assets.types.names import free_name, without_turn
from infra_assets.types.tagging import from_pairs, pairs

_PROTECTION = "deletion_protection.enabled"
_BALANCER_SETTINGS = (
    "access_logs.s3.bucket",
    "access_logs.s3.enabled",
    "access_logs.s3.prefix",
    _PROTECTION,
    "routing.http.drop_invalid_header_fields.enabled",
)
_TARGET_SETTINGS = ("deregistration_delay.timeout_seconds", "load_balancing.algorithm.type")
_HEALTH = (
    "HealthCheckProtocol",
    "HealthCheckPath",
    "HealthCheckIntervalSeconds",
    "HealthCheckTimeoutSeconds",
    "HealthyThresholdCount",
    "UnhealthyThresholdCount",
    "Matcher",
)


@dataclass(frozen=True, kw_only=True)
class LoadBalancer(Resource):
    """An application load balancer that logs every request and drops invalid headers.

    `name` is unique: one that replaces another has a number behind it on AWS. Its output `suffix`
    is what CloudWatch knows it by. Deleting one that is protected turns its protection off: that
    has been asked for by name.
    """

    service: ClassVar[str] = "elbv2"
    fixed: ClassVar[frozenset[str]] = frozenset({"scheme", "vpc"})
    sets: ClassVar[frozenset[str]] = frozenset({"subnets", "security_groups"})
    beside: ClassVar[bool] = True
    patience_s: ClassVar[float] = 900
    settles: ClassVar[tuple[tuple[str, str], ...]] = (("InvalidConfigurationRequest", "Access"),)

    scheme: str
    vpc: Ref
    subnets: tuple[Ref, ...]
    security_groups: tuple[Ref, ...]
    log_bucket: Ref
    log_prefix: str
    deletion_protection: bool

    def wanted(self) -> dict[str, Any]:
        return {
            "scheme": self.scheme,
            "vpc": self.vpc,
            "subnets": list(self.subnets),
            "security_groups": list(self.security_groups),
            "settings": {
                "access_logs.s3.bucket": self.log_bucket,
                "access_logs.s3.enabled": "true",
                "access_logs.s3.prefix": self.log_prefix,
                _PROTECTION: str(self.deletion_protection).lower(),
                "routing.http.drop_invalid_header_fields.enabled": "true",
            },
        }

    def find(self, cloud: Cloud) -> list[Live]:
        found = cloud.read("elbv2", "describe_load_balancers")["LoadBalancers"]
        named = [lb for lb in found if without_turn(lb["LoadBalancerName"]) == self.name]
        return [live for lb in named if _is(self, live := self._live(cloud, lb), cloud)]

    def _live(self, cloud: Cloud, balancer: dict[str, Any]) -> Live:
        name, arn = balancer["LoadBalancerName"], balancer["LoadBalancerArn"]
        settings = cloud.read("elbv2", "describe_load_balancer_attributes", LoadBalancerArn=arn)
        attributes = {
            "scheme": balancer["Scheme"],
            "vpc": balancer["VpcId"],
            "subnets": [zone["SubnetId"] for zone in balancer["AvailabilityZones"]],
            "security_groups": balancer.get("SecurityGroups", []),
            "settings": _managed(settings, _BALANCER_SETTINGS),
            "tags": _tags(cloud, arn),
        }
        outputs = {
            "dns_name": balancer["DNSName"],
            "zone": balancer["CanonicalHostedZoneId"],
            "suffix": arn.partition(":loadbalancer/")[2],
        }
        ready = balancer["State"]["Code"] in ("active", "active_impaired")
        return Live(name, attributes, arn=arn, ready=ready, outputs=outputs)

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        there = cloud.read("elbv2", "describe_load_balancers")["LoadBalancers"]
        cloud.write(
            "elbv2",
            "create_load_balancer",
            Name=free_name(self.name, [lb["LoadBalancerName"] for lb in there]),
            Type="application",
            Scheme=wanted["scheme"],
            Subnets=wanted["subnets"],
            SecurityGroups=wanted["security_groups"],
            Tags=pairs(wanted["tags"]),
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        arn = live.arn
        if "subnets" in changed:
            cloud.write("elbv2", "set_subnets", LoadBalancerArn=arn, Subnets=wanted["subnets"])
        if "security_groups" in changed:
            groups = wanted["security_groups"]
            cloud.write("elbv2", "set_security_groups", LoadBalancerArn=arn, SecurityGroups=groups)
        if "settings" in changed:
            self._set(cloud, arn, wanted["settings"])
        if "tags" in changed:
            cloud.write("elbv2", "add_tags", ResourceArns=[arn], Tags=pairs(wanted["tags"]))

    def _set(self, cloud: Cloud, arn: str | None, settings: Attributes) -> None:
        cloud.write(
            "elbv2",
            "modify_load_balancer_attributes",
            LoadBalancerArn=arn,
            Attributes=pairs(settings),
        )

    def why_kept(self, live: Live) -> str:
        protected = live.attributes["settings"].get(_PROTECTION) == "true"
        return "is protected from deletion" if protected else ""

    def delete(self, cloud: Cloud, live: Live) -> None:
        if self.why_kept(live):
            self._set(cloud, live.arn, {_PROTECTION: "false"})
        cloud.write("elbv2", "delete_load_balancer", LoadBalancerArn=live.arn)


@dataclass(frozen=True, kw_only=True)
class TargetGroup(Resource):
    """Servers that requests go to while their health page answers; they speak HTTP.

    `name` is unique: one that replaces another has a number behind it on AWS. Its output `suffix`
    is what CloudWatch knows it by.
    """

    service: ClassVar[str] = "elbv2"
    fixed: ClassVar[frozenset[str]] = frozenset({"vpc", "port"})
    held: ClassVar[frozenset[str]] = frozenset({"ResourceInUse"})
    beside: ClassVar[bool] = True

    vpc: Ref
    port: int
    health_path: str
    drain_s: int = 60
    """How long a server that leaves may go on with the requests it has."""

    def wanted(self) -> dict[str, Any]:
        return {
            "vpc": self.vpc,
            "port": self.port,
            "health": {
                "HealthCheckProtocol": "HTTP",
                "HealthCheckPath": self.health_path,
                "HealthCheckIntervalSeconds": 10,
                "HealthCheckTimeoutSeconds": 5,
                "HealthyThresholdCount": 2,
                "UnhealthyThresholdCount": 3,
                "Matcher": {"HttpCode": "200"},
            },
            "settings": {
                "deregistration_delay.timeout_seconds": str(self.drain_s),
                "load_balancing.algorithm.type": "least_outstanding_requests",
            },
        }

    def find(self, cloud: Cloud) -> list[Live]:
        found = cloud.read("elbv2", "describe_target_groups")["TargetGroups"]
        named = [group for group in found if without_turn(group["TargetGroupName"]) == self.name]
        return [live for group in named if _is(self, live := self._live(cloud, group), cloud)]

    def _live(self, cloud: Cloud, group: dict[str, Any]) -> Live:
        name, arn = group["TargetGroupName"], group["TargetGroupArn"]
        settings = cloud.read("elbv2", "describe_target_group_attributes", TargetGroupArn=arn)
        attributes = {
            "vpc": group["VpcId"],
            "port": group["Port"],
            "health": {name: group.get(name) for name in _HEALTH},
            "settings": _managed(settings, _TARGET_SETTINGS),
            "tags": _tags(cloud, arn),
        }
        outputs = {"suffix": "targetgroup/" + arn.partition(":targetgroup/")[2]}
        return Live(name, attributes, arn=arn, outputs=outputs)

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        there = cloud.read("elbv2", "describe_target_groups")["TargetGroups"]
        cloud.write(
            "elbv2",
            "create_target_group",
            Name=free_name(self.name, [group["TargetGroupName"] for group in there]),
            Protocol="HTTP",
            Port=wanted["port"],
            VpcId=wanted["vpc"],
            TargetType="instance",
            Tags=pairs(wanted["tags"]),
            **wanted["health"],
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        arn = live.arn
        if "health" in changed:
            health = wanted["health"]
            cloud.write("elbv2", "modify_target_group", TargetGroupArn=arn, **health)
        if "settings" in changed:
            cloud.write(
                "elbv2",
                "modify_target_group_attributes",
                TargetGroupArn=arn,
                Attributes=pairs(wanted["settings"]),
            )
        if "tags" in changed:
            cloud.write("elbv2", "add_tags", ResourceArns=[arn], Tags=pairs(wanted["tags"]))

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("elbv2", "delete_target_group", TargetGroupArn=live.arn)


@dataclass(frozen=True, kw_only=True)
class Listener(Resource):
    """A port of a load balancer and what it does with requests; `name` is `<balancer>:<port>`.

    One with a certificate speaks HTTPS, and asks nobody for theirs. `action` is a forward or a
    redirect, of every request: there are no rules.
    """

    service: ClassVar[str] = "elbv2"
    part_of: ClassVar[str] = "load_balancer"

    load_balancer: Ref
    action: dict[str, Any]
    certificate: Ref | None = None
    tls_policy: str | None = None

    def wanted(self) -> dict[str, Any]:
        return {
            "load_balancer": self.load_balancer,
            "certificate": self.certificate,
            "tls_policy": self.tls_policy,
            "clients_certificates": "off" if self.certificate else None,
            "action": self.action,
            "rules": [],
        }

    def find(self, cloud: Cloud) -> list[Live]:
        name, port = self.name.rsplit(":", 1)
        balancer = cloud.live(LoadBalancer.former(name))
        if balancer is None:
            return []
        found = cloud.read("elbv2", "describe_listeners", LoadBalancerArn=balancer.arn)["Listeners"]
        return [
            _listener(cloud, self.name, listener)
            for listener in found
            if listener["Port"] == int(port)
        ]

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        cloud.write(
            "elbv2",
            "create_listener",
            LoadBalancerArn=wanted["load_balancer"],
            Port=int(self.name.rsplit(":", 1)[1]),
            Tags=pairs(wanted["tags"]),
            **_listening(wanted),
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        if changed - {"rules", "tags"}:
            cloud.write("elbv2", "modify_listener", ListenerArn=live.arn, **_listening(wanted))
        if "rules" in changed:
            for rule in live.attributes["rules"]:
                cloud.write("elbv2", "delete_rule", RuleArn=rule)
        if "tags" in changed:
            tags = pairs(wanted["tags"])
            cloud.write("elbv2", "add_tags", ResourceArns=[live.arn], Tags=tags)

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("elbv2", "delete_listener", ListenerArn=live.arn)


def forward(target_group: Ref) -> dict[str, Any]:
    """Requests go to a target group."""
    return {"Type": "forward", "TargetGroupArn": target_group}


def redirect_to_https() -> dict[str, Any]:
    """Requests are sent to the same address over HTTPS, for good."""
    return {
        "Type": "redirect",
        "RedirectConfig": {
            "Protocol": "HTTPS",
            "Port": "443",
            "Host": "#{host}",
            "Path": "/#{path}",
            "Query": "#{query}",
            "StatusCode": "HTTP_301",
        },
    }


def _listener(cloud: Cloud, name: str, listener: dict[str, Any]) -> Live:
    arn = listener["ListenerArn"]
    certificates = listener.get("Certificates") or [{}]
    https = listener["Protocol"] == "HTTPS"
    asked = listener.get("MutualAuthentication", {}).get("Mode", "off")
    rules = cloud.read("elbv2", "describe_rules", ListenerArn=arn)["Rules"]
    attributes = {
        "load_balancer": listener["LoadBalancerArn"],
        "certificate": certificates[0].get("CertificateArn"),
        "tls_policy": listener.get("SslPolicy") if https else None,
        "clients_certificates": asked if https else None,
        "action": _action(listener["DefaultActions"][0]),
        "rules": [rule["RuleArn"] for rule in rules if not rule["IsDefault"]],
        "tags": _tags(cloud, arn),
    }
    return Live(name, attributes, arn=arn)


def _action(action: dict[str, Any]) -> dict[str, Any]:
    """The action without what AWS adds to it."""
    return {
        key: action[key] for key in ("Type", "TargetGroupArn", "RedirectConfig") if action.get(key)
    }


def _listening(wanted: Attributes) -> dict[str, Any]:
    parameters: dict[str, Any] = {"DefaultActions": [wanted["action"]]}
    if not wanted["certificate"]:
        return {**parameters, "Protocol": "HTTP"}
    return {
        **parameters,
        "Protocol": "HTTPS",
        "Certificates": [{"CertificateArn": wanted["certificate"]}],
        "SslPolicy": wanted["tls_policy"],
        "MutualAuthentication": {"Mode": wanted["clients_certificates"]},
    }


def _is(resource: Resource, live: Live, cloud: Cloud) -> bool:
    """Whether an object has the resource's name, or a number behind it and the resource's tags."""
    return live.id == resource.name or cloud.is_tagged(resource, live.attributes["tags"])


def _managed(reply: dict[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    """Those of an object's many attributes that are managed."""
    values = from_pairs(reply["Attributes"])
    return {name: values[name] for name in names if name in values}


def _tags(cloud: Cloud, arn: str) -> dict[str, str]:
    described = cloud.read("elbv2", "describe_tags", ResourceArns=[arn])["TagDescriptions"]
    return from_pairs(described[0]["Tags"] if described else ())
