"""Names: the shop's domain and its certificate, and the servers' names among themselves."""

from __future__ import annotations

from infra_assets.infra_asset import infra_asset
from infra_assets.resource import Resource
from infra_assets.spec import PlatformSpec
from infra_assets.types.acm import Certificate, Validation
from infra_assets.types.ec2 import Vpc
from infra_assets.types.elbv2 import LoadBalancer
from infra_assets.types.rds import Instance
from infra_assets.types.route53 import PrivateRecord, PrivateZone, PublicZone


@infra_asset(area="dns", kinds=["route53"])
def public_zone(spec: PlatformSpec) -> list[Resource]:
    """The zone of the shop's domain; its registrar must name this zone's name servers (N4)."""
    return [PublicZone(name=spec.domain, comment=f"mall {spec.env}: the shop")]


@infra_asset(area="dns", deps=["dns/public_zone"], kinds=["acm"])
def certificate(spec: PlatformSpec) -> list[Resource]:
    """The shop's certificate, validated by a record in its zone (N4)."""
    return [
        Certificate(name=spec.domain),
        Validation(name=spec.domain, certificate=Certificate.ref(spec.domain, "validation_value")),
    ]


@infra_asset(
    area="dns",
    deps=["network/vpc", "database/shop_database", "was/load_balancer"],
    kinds=["route53"],
)
def private_zone(spec: PlatformSpec) -> list[Resource]:
    """Names that hold within the network: `app.` for the WAS, `db.` for the database (N4).

    The database's certificate names RDS's own endpoint, so clients resolve `db.` and verify that.
    """
    zone = spec.names.private_domain
    balancer = spec.names.tier("was")
    return [
        PrivateZone(name=zone, comment=f"mall {spec.env}: servers", vpc=Vpc.ref("main", "id")),
        PrivateRecord(
            name=f"A app.{zone}",
            zone=PrivateZone.ref(zone, "id"),
            alias=(LoadBalancer.ref(balancer, "dns_name"), LoadBalancer.ref(balancer, "zone")),
        ),
        PrivateRecord(
            name=f"CNAME db.{zone}",
            zone=PrivateZone.ref(zone, "id"),
            values=(Instance.ref(spec.names.shop_database, "endpoint"),),
        ),
    ]
