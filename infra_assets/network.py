"""The network: one VPC over two zones, in which only the public subnets face the internet.

```
zone:        a            c
public    public-a     public-c     ALB, NAT          ⇄ internet gateway
web       web-a        web-c        out through NAT
was       was-a        was-c        out through NAT
db        db-a         db-c         no way out
```
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import Literal

from infra_assets.infra_asset import infra_asset
from infra_assets.policies import document
from infra_assets.resource import Ref, Resource
from infra_assets.spec import PlatformSpec
from infra_assets.types.ec2 import (
    DefaultGroup,
    ElasticIp,
    FlowLog,
    GatewayEndpoint,
    InternetGateway,
    NatGateway,
    RouteTable,
    Subnet,
    Vpc,
)
from infra_assets.types.s3 import Bucket

SubnetTier = Literal["public", "web", "was", "db"]
SUBNET_TIERS: tuple[SubnetTier, ...] = ("public", "web", "was", "db")

VPC = Vpc.ref("main", "id")


def subnet_names(spec: PlatformSpec, tier: SubnetTier) -> list[str]:
    """A tier's subnets, one in each zone: `web-a`, `web-c`."""
    return [f"{tier}-{zone[-1]}" for zone in spec.zones]


def subnet_refs(spec: PlatformSpec, tier: SubnetTier) -> tuple[Ref, ...]:
    """The ids of a tier's subnets."""
    return tuple(Subnet.ref(name, "id") for name in subnet_names(spec, tier))


def _nat_names(spec: PlatformSpec) -> list[str]:
    zones = spec.zones if spec.nat_per_zone else spec.zones[:1]
    return [f"nat-{zone[-1]}" for zone in zones]


@infra_asset(area="network", kinds=["vpc"])
def vpc(spec: PlatformSpec) -> list[Resource]:
    """One network, with names, whose default security group allows nothing (N1, N3)."""
    return [Vpc(name="main", cidr=spec.vpc_cidr), DefaultGroup(name="main")]


@infra_asset(area="network", deps=["network/vpc"], kinds=["vpc"])
def subnets(spec: PlatformSpec) -> list[Resource]:
    """Two public and six private subnets: web, WAS and DB, one of each in each zone (N1)."""
    ranges = ip_network(spec.vpc_cidr).subnets(new_prefix=20)
    return [
        Subnet(name=name, vpc=VPC, cidr=str(next(ranges)), zone=zone)
        for tier in SUBNET_TIERS
        for name, zone in zip(subnet_names(spec, tier), spec.zones, strict=True)
    ]


@infra_asset(area="network", deps=["network/vpc"], kinds=["vpc"])
def internet_gateway(spec: PlatformSpec) -> list[Resource]:
    """The only door to the internet (N2)."""
    return [InternetGateway(name="main", vpc=VPC)]


@infra_asset(area="network", deps=["network/subnets", "network/internet_gateway"], kinds=["vpc"])
def nat_gateways(spec: PlatformSpec) -> list[Resource]:
    """Ways out for web and WAS, each with an elastic IP (N2)."""
    resources: list[Resource] = []
    for name in _nat_names(spec):
        subnet = Subnet.ref(f"public-{name[-1]}", "id")
        resources += [
            ElasticIp(name=name),
            NatGateway(name=name, subnet=subnet, allocation=ElasticIp.ref(name, "id")),
        ]
    return resources


@infra_asset(
    area="network",
    deps=["network/vpc", "network/subnets", "network/internet_gateway", "network/nat_gateways"],
    kinds=["vpc"],
)
def route_tables(spec: PlatformSpec) -> list[Resource]:
    """A table for each tier and zone; that of the DB leads nowhere outside (N2, N3)."""
    return [
        RouteTable(
            name=name,
            vpc=VPC,
            subnets=(Subnet.ref(name, "id"),),
            internet=_way_out(spec, tier, zone=number),
        )
        for tier in SUBNET_TIERS
        for number, name in enumerate(subnet_names(spec, tier))
    ]


def _way_out(spec: PlatformSpec, tier: SubnetTier, zone: int) -> Ref | None:
    if tier == "public":
        return InternetGateway.ref("main", "id")
    if tier == "db":
        return None
    names = _nat_names(spec)
    return NatGateway.ref(names[min(zone, len(names) - 1)], "id")


@infra_asset(area="network", deps=["network/vpc", "network/route_tables"], kinds=["vpc"])
def vpc_endpoints(spec: PlatformSpec) -> list[Resource]:
    """S3 without NAT: anything may be read, only the platform's own buckets written (N2)."""
    anyone = {"Effect": "Allow", "Principal": {"AWS": "*"}}
    policy = document(
        {**anyone, "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"},
        {
            **anyone,
            "Action": ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:PutObject"],
            "Resource": f"arn:aws:s3:::{spec.names.prefix}-*/*",
            "Condition": {"StringEquals": {"aws:ResourceAccount": spec.account_id}},
        },
    )
    private = [name for tier in SUBNET_TIERS[1:] for name in subnet_names(spec, tier)]
    return [
        GatewayEndpoint(
            name="s3",
            vpc=VPC,
            to=f"com.amazonaws.{spec.region}.s3",
            route_tables=tuple(RouteTable.ref(name, "id") for name in private),
            policy=policy,
        )
    ]


@infra_asset(area="network", deps=["network/vpc", "storage/log_bucket"], kinds=["vpc", "s3"])
def flow_logs(spec: PlatformSpec) -> list[Resource]:
    """Every connection in the network, accepted or refused, to the log bucket (M2)."""
    return [FlowLog(name="main", of=VPC, to=Bucket.ref(spec.bucket("log")))]
