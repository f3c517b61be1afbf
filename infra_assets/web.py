"""The web tier: nginx behind the only load balancer that the internet reaches."""

from __future__ import annotations

from infra_assets.infra_asset import infra_asset
from infra_assets.resource import Resource
from infra_assets.servers import load_balancer_of, servers_in
from infra_assets.spec import PlatformSpec
from infra_assets.types.acm import Certificate
from infra_assets.types.elbv2 import (
    Listener,
    LoadBalancer,
    TargetGroup,
    forward,
    redirect_to_https,
)
from infra_assets.types.route53 import PublicZone, Record


@infra_asset(
    area="web",
    deps=["network/subnets", "security/security_groups", "dns/certificate", "storage/log_bucket"],
    kinds=["alb"],
)
def load_balancer(spec: PlatformSpec) -> list[Resource]:
    """HTTPS for customers; HTTP sends them there (N4, S1)."""
    name = spec.names.tier("web")
    return [
        *load_balancer_of(
            spec, "web", scheme="internet-facing", subnets="public", group="public-alb"
        ),
        Listener(
            name=f"{name}:443",
            load_balancer=LoadBalancer.ref(name),
            certificate=Certificate.ref(spec.domain),
            tls_policy="ELBSecurityPolicy-TLS13-1-2-2021-06",
            action=forward(TargetGroup.ref(name)),
        ),
        Listener(
            name=f"{name}:80", load_balancer=LoadBalancer.ref(name), action=redirect_to_https()
        ),
        Record(
            name=f"A {spec.domain}",
            zone=PublicZone.ref(spec.domain, "id"),
            alias=(LoadBalancer.ref(name, "dns_name"), LoadBalancer.ref(name, "zone")),
        ),
    ]


@infra_asset(
    area="web",
    deps=[
        "network/subnets",
        "network/route_tables",
        "security/security_groups",
        "security/iam_roles",
        "web/load_balancer",
    ],
    kinds=["ec2"],
)
def servers(spec: PlatformSpec) -> list[Resource]:
    """nginx on servers in both zones, which scaling adds to and replaces (S1, S3)."""
    return servers_in(
        spec,
        "web",
        runtime=["nginx"],
        settings={"TRUSTED": spec.vpc_cidr, "WAS_ADDRESS": f"app.{spec.names.private_domain}"},
    )
