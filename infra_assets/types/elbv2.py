"""Application load balancers, their target groups and listeners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from infra_assets.cloud import Cloud
from infra_assets.resource import Attributes, Live, Ref, Resource
from infra_assets.types.tagging import from_pairs, pairs

_BALANCER_SETTINGS = (
    "access_logs.s3.bucket",
    "access_logs.s3.enabled",
    "access_logs.s3.prefix",
    "deletion_protection.enabled",
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

    Its output `suffix` is what CloudWatch knows it by. Deleting turns its protection off.
    """

    service: ClassVar[str] = "elbv2"
    fixed: ClassVar[frozenset[str]] = frozenset({"scheme"})
    sets: ClassVar[frozenset[str]] = frozenset({"subnets", "security_groups"})
    patience_s: ClassVar[float] = 900
    settles: ClassVar[tuple[tuple[str, str], ...]] = (("InvalidConfigurationRequest", "Access"),)

    scheme: str
    subnets: tuple[Ref, ...]
    security_groups: tuple[Ref, ...]
    log_bucket: Ref
    log_prefix: str
    deletion_protection: bool

    def wanted(self) -> dict[str, Any]:
        return {
            "scheme": self.scheme,
            "subnets": list(self.subnets),
            "security_groups": list(self.security_groups),
            "settings": {
                "access_logs.s3.bucket": self.log_bucket,
                "access_logs.s3.enabled": "true",
                "access_logs.s3.prefix": self.log_prefix,
                "deletion_protection.enabled": str(self.deletion_protection).lower(),
                "routing.http.drop_invalid_header_fields.enabled": "true",
            },
        }

    def find(self, cloud: Cloud) -> list[Live]:
        found = cloud.read("elbv2", "describe_load_balancers")["LoadBalancers"]
        return [self._live(cloud, lb) for lb in found if lb["LoadBalancerName"] == self.name]

    def _live(self, cloud: Cloud, balancer: dict[str, Any]) -> Live:
        arn = balancer["LoadBalancerArn"]
        settings = cloud.read("elbv2", "describe_load_balancer_attributes", LoadBalancerArn=arn)
        attributes = {
            "scheme": balancer["Scheme"],
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
        return Live(self.name, attributes, arn=arn, ready=ready, outputs=outputs)

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        cloud.write(
            "elbv2",
            "create_load_balancer",
            Name=self.name,
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

    def delete(self, cloud: Cloud, live: Live) -> None:
        self._set(cloud, live.arn, {"deletion_protection.enabled": "false"})
        cloud.write("elbv2", "delete_load_balancer", LoadBalancerArn=live.arn)


@dataclass(frozen=True, kw_only=True)
class TargetGroup(Resource):
    """Servers that requests go to while their health page answers; they speak HTTP.

    Its output `suffix` is what CloudWatch knows it by.
    """

    service: ClassVar[str] = "elbv2"
    fixed: ClassVar[frozenset[str]] = frozenset({"vpc", "port"})
    settles: ClassVar[tuple[tuple[str, str], ...]] = (("ResourceInUse", ""),)

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
        return [
            self._live(cloud, group) for group in found if group["TargetGroupName"] == self.name
        ]

    def _live(self, cloud: Cloud, group: dict[str, Any]) -> Live:
        arn = group["TargetGroupArn"]
        settings = cloud.read("elbv2", "describe_target_group_attributes", TargetGroupArn=arn)
        attributes = {
            "vpc": group["VpcId"],
            "port": group["Port"],
            "health": {name: group.get(name) for name in _HEALTH},
            "settings": _managed(settings, _TARGET_SETTINGS),
            "tags": _tags(cloud, arn),
        }
        outputs = {"suffix": "targetgroup/" + arn.partition(":targetgroup/")[2]}
        return Live(self.name, attributes, arn=arn, outputs=outputs)

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        cloud.write(
            "elbv2",
            "create_target_group",
            Name=self.name,
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

    One with a certificate speaks HTTPS. `action` is a forward or a redirect.
    """

    service: ClassVar[str] = "elbv2"

    load_balancer: Ref
    action: dict[str, Any]
    certificate: Ref | None = None
    tls_policy: str | None = None

    def wanted(self) -> dict[str, Any]:
        return {
            "load_balancer": self.load_balancer,
            "certificate": self.certificate,
            "tls_policy": self.tls_policy,
            "action": self.action,
        }

    def find(self, cloud: Cloud) -> list[Live]:
        name, port = self.name.rsplit(":", 1)
        return [
            _listener(cloud, self.name, listener)
            for balancer in cloud.read("elbv2", "describe_load_balancers")["LoadBalancers"]
            if balancer["LoadBalancerName"] == name
            for listener in cloud.read(
                "elbv2", "describe_listeners", LoadBalancerArn=balancer["LoadBalancerArn"]
            )["Listeners"]
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
        if changed - {"tags"}:
            cloud.write("elbv2", "modify_listener", ListenerArn=live.arn, **_listening(wanted))
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
    certificates = listener.get("Certificates") or [{}]
    attributes = {
        "load_balancer": listener["LoadBalancerArn"],
        "certificate": certificates[0].get("CertificateArn"),
        "tls_policy": listener.get("SslPolicy") if listener["Protocol"] == "HTTPS" else None,
        "action": _action(listener["DefaultActions"][0]),
        "tags": _tags(cloud, listener["ListenerArn"]),
    }
    return Live(name, attributes, arn=listener["ListenerArn"])


def _action(action: dict[str, Any]) -> dict[str, Any]:
    """The action without what AWS adds to it."""
    return {
        key: action[key] for key in ("Type", "TargetGroupArn", "RedirectConfig") if action.get(key)
    }


def _listening(wanted: Attributes) -> dict[str, Any]:
    parameters: dict[str, Any] = {"DefaultActions": [wanted["action"]]}
    if not wanted["certificate"]:
        return {**parameters, "Protocol": "HTTP"}
    certificates = [{"CertificateArn": wanted["certificate"]}]
    policy = wanted["tls_policy"]
    return {**parameters, "Protocol": "HTTPS", "Certificates": certificates, "SslPolicy": policy}


def _managed(reply: dict[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    """Those of an object's many attributes that are managed."""
    values = from_pairs(reply["Attributes"])
    return {name: values[name] for name in names if name in values}


def _tags(cloud: Cloud, arn: str) -> dict[str, str]:
    described = cloud.read("elbv2", "describe_tags", ResourceArns=[arn])["TagDescriptions"]
    return from_pairs(described[0]["Tags"] if described else ())
