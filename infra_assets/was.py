"""The application tier: the shop's API behind a load balancer inside the network."""

from __future__ import annotations

from infra_assets.infra_asset import infra_asset
from infra_assets.resource import Resource
from infra_assets.server_groups import INTERNAL_PORT
from infra_assets.servers import load_balancer_of, servers_in
from infra_assets.spec import PlatformSpec
from infra_assets.types.elbv2 import Listener, LoadBalancer, TargetGroup, forward
from infra_assets.types.kms import Key
from infra_assets.types.secretsmanager import GeneratedSecret


@infra_asset(
    area="was",
    deps=["network/subnets", "security/security_groups", "storage/log_bucket"],
    kinds=["alb"],
)
def load_balancer(spec: PlatformSpec) -> list[Resource]:
    """Requests of the web tier, spread over the application servers (S2)."""
    name = spec.names.tier("was")
    return [
        *load_balancer_of(spec, "was", scheme="internal", subnets="was", group="internal-alb"),
        Listener(
            name=f"{name}:{INTERNAL_PORT}",
            load_balancer=LoadBalancer.ref(name),
            action=forward(TargetGroup.ref(name)),
        ),
    ]


@infra_asset(
    area="was",
    deps=[
        "network/subnets",
        "network/route_tables",
        "security/encryption_keys",
        "security/security_groups",
        "security/iam_roles",
        "was/load_balancer",
    ],
    kinds=["ec2"],
)
def servers(spec: PlatformSpec) -> list[Resource]:
    """The shop's API on servers in both zones, which scaling adds to and replaces (S2, S3)."""
    names = spec.names
    return [
        GeneratedSecret(
            name=names.shop_session_key_secret,
            description="Signs the cookies of the shop's customers.",
            key=Key.ref("data"),
        ),
        *servers_in(
            spec,
            "was",
            runtime=["python3.11"],
            settings={
                "AWS_REGION": spec.region,
                "SHOP_CLICK_STREAM": names.click_stream,
                "SHOP_DB_CA_FILE": "/etc/mall/rds-ca.pem",
                "SHOP_DB_HOST": f"db.{names.private_domain}",
                "SHOP_DB_INSTANCE": names.shop_database,
                "SHOP_SESSION_SECRET_ID": names.shop_session_key_secret,
            },
        ),
    ]
