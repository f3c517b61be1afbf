"""What somebody may do to the network by hand, behind the engine's back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.infra_assets.world import World, one

ANYONE = {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
ANYONE_BY_IPV6 = {"Ipv6Ranges": [{"CidrIpv6": "::/0"}]}


@dataclass(frozen=True)
class ByHand:
    """A change to one object, made with one call of EC2's or CloudTrail's."""

    operation: str
    parameters: dict[str, Any]
    service: str = "ec2"

    def make(self, world: World, id: str) -> None:
        """With values that are made first where the parameters have functions of the world."""
        parameters = _made(self.parameters, world)
        names = {"security_group": "GroupId", "route": "RouteTableId", "selectors": "TrailName"}
        (name,) = [key for part, key in names.items() if part in self.operation]
        getattr(world.aws.client(self.service), self.operation)(**{name: id}, **parameters)


def _made(value: Any, world: World) -> Any:
    match value:
        case dict():
            return {key: _made(item, world) for key, item in value.items()}
        case list():
            return [_made(item, world) for item in value]
    return value(world) if callable(value) else value


def id_of(address: str) -> Any:
    return lambda world: world.found(one(address)).id


def prefix_list(world: World) -> str:
    made = world.aws.client("ec2").create_managed_prefix_list(
        PrefixListName="everywhere",
        MaxEntries=1,
        AddressFamily="IPv4",
        Entries=[{"Cidr": "0.0.0.0/0"}],
    )
    return made["PrefixList"]["PrefixListId"]


def peering(world: World) -> str:
    ec2 = world.aws.client("ec2")
    other = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    made = ec2.create_vpc_peering_connection(VpcId=id_of("ec2.Vpc/main")(world), PeerVpcId=other)
    return made["VpcPeeringConnection"]["VpcPeeringConnectionId"]


def transit_gateway(world: World) -> str:
    made = world.aws.client("ec2").create_transit_gateway()
    return made["TransitGateway"]["TransitGatewayId"]


def interface(world: World) -> str:
    subnet = id_of("ec2.Subnet/was-a")(world)
    made = world.aws.client("ec2").create_network_interface(SubnetId=subnet)
    return made["NetworkInterface"]["NetworkInterfaceId"]


def way_out_by_ipv6(world: World) -> str:
    made = world.aws.client("ec2").create_egress_only_internet_gateway(
        VpcId=id_of("ec2.Vpc/main")(world)
    )
    return made["EgressOnlyInternetGateway"]["EgressOnlyInternetGatewayId"]


def rule(protocol: str, ports: tuple[int, int] | None, **peers: Any) -> dict[str, Any]:
    named = {} if ports is None else {"FromPort": ports[0], "ToPort": ports[1]}
    return {"IpProtocol": protocol, **named, **peers}
