"""The network: VPC, subnets, gateways, routes, endpoints, flow logs.

EC2 knows these by no name, so tags are their identity; one call lists all of a kind that carry the
environment's tag.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, ClassVar

from infra_assets.cloud import Cloud, Unknown
from infra_assets.errors import InfraError
from infra_assets.resource import Attributes, Live, Ref, Resource, Setting
from infra_assets.types.names import free_name, without_turn
from infra_assets.types.tagging import from_pairs, pairs

_IN_USE = frozenset({"DependencyViolation"})
"""What EC2 answers while something else still needs what is to be deleted."""


def listed(
    cloud: Cloud, resource: Resource, operation: str, items: str, filters: str = "Filters"
) -> list[dict[str, Any]]:
    """The objects of one kind that have the resource's identity."""
    found = all_listed(cloud, operation, items, filters)
    return [item for item in found if cloud.is_tagged(resource, from_pairs(item.get("Tags")))]


def all_listed(
    cloud: Cloud, operation: str, items: str, filters: str = "Filters"
) -> list[dict[str, Any]]:
    """The objects of one kind that are this environment's."""
    ours: Any = [{"Name": "tag:mall:environment", "Values": [cloud.spec.env]}]
    found: list[dict[str, Any]] = cloud.read("ec2", operation, **{filters: ours})[items]
    return found


def tag_specification(kind: str, tags: Mapping[str, str]) -> list[dict[str, Any]]:
    """Tags for a creating call; EC2 shows people the tag `Name`."""
    name = tags["mall:resource"].split("/", 1)[1]
    return [{"ResourceType": kind, "Tags": pairs({**tags, "Name": name})}]


def set_tags(cloud: Cloud, id: str, tags: Mapping[str, str]) -> None:
    cloud.write("ec2", "create_tags", Resources=[id], Tags=pairs(tags))


@dataclass(frozen=True, kw_only=True)
class _Tagged(Resource):
    """What EC2 knows by tags only."""

    service: ClassVar[str] = "ec2"

    def adopt(self, cloud: Cloud, id: str) -> None:
        set_tags(cloud, id, cloud.tags(self))


def _arn(cloud: Cloud, path: str) -> str:
    return cloud.spec.arn("ec2", path)


@dataclass(frozen=True, kw_only=True)
class Vpc(_Tagged):
    """A network whose servers have names, and whose range is its only one."""

    fixed: ClassVar[frozenset[str]] = frozenset({"cidr"})
    held: ClassVar[frozenset[str]] = _IN_USE
    beside: ClassVar[bool] = True

    cidr: str

    def wanted(self) -> dict[str, Any]:
        return {
            "cidr": self.cidr,
            "other_ranges": {},
            "dns_support": True,
            "dns_hostnames": True,
        }

    def find(self, cloud: Cloud) -> list[Live]:
        return [self._live(cloud, vpc) for vpc in listed(cloud, self, "describe_vpcs", "Vpcs")]

    def _live(self, cloud: Cloud, vpc: dict[str, Any]) -> Live:
        id = vpc["VpcId"]

        def enabled(name: str, key: str) -> bool:
            found = cloud.read("ec2", "describe_vpc_attribute", VpcId=id, Attribute=name)
            return bool(found[key]["Value"])

        attributes = {
            "cidr": vpc["CidrBlock"],
            "other_ranges": _other_ranges(vpc),
            "dns_support": enabled("enableDnsSupport", "EnableDnsSupport"),
            "dns_hostnames": enabled("enableDnsHostnames", "EnableDnsHostnames"),
            "tags": from_pairs(vpc.get("Tags")),
        }
        ready = vpc["State"] == "available"
        return Live(id, attributes, arn=_arn(cloud, f"vpc/{id}"), ready=ready)

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        tags = tag_specification("vpc", wanted["tags"])
        cloud.write("ec2", "create_vpc", CidrBlock=wanted["cidr"], TagSpecifications=tags)

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        def modify(attribute: str, name: str) -> None:
            value = {"Value": wanted[attribute]}
            cloud.write("ec2", "modify_vpc_attribute", VpcId=live.id, **{name: value})

        if "dns_support" in changed:
            modify("dns_support", "EnableDnsSupport")
        if "dns_hostnames" in changed:
            modify("dns_hostnames", "EnableDnsHostnames")
        if "other_ranges" in changed:
            for id in live.attributes["other_ranges"]:
                cloud.write("ec2", "disassociate_vpc_cidr_block", AssociationId=id)
        if "tags" in changed:
            set_tags(cloud, live.id, wanted["tags"])

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("ec2", "delete_vpc", VpcId=live.id)


def _other_ranges(vpc: dict[str, Any]) -> dict[str, str]:
    """The ranges that a VPC has, or gets, besides its first, by how EC2 knows them."""
    there = ("associated", "associating")
    return {
        each["AssociationId"]: each[f"{version}CidrBlock"]
        for version in ("", "Ipv6")
        for each in vpc.get(f"{version}CidrBlockAssociationSet", ())
        if each[f"{version}CidrBlockState"]["State"] in there
        and each[f"{version}CidrBlock"] != vpc["CidrBlock"]
    }


@dataclass(frozen=True, kw_only=True)
class DefaultGroup(Setting):
    """The security group that a VPC, whose name it has, gives to whatever names none: it allows
    nothing."""

    service: ClassVar[str] = "ec2"

    def wanted(self) -> dict[str, Any]:
        return {"vpc": Vpc.ref(self.name, "id"), "ingress": [], "egress": []}

    def find(self, cloud: Cloud) -> list[Live]:
        vpc = cloud.live(Vpc.former(self.name))
        if vpc is None:
            return []
        filters = [
            {"Name": "vpc-id", "Values": [vpc.id]},
            {"Name": "group-name", "Values": ["default"]},
        ]
        found = cloud.read("ec2", "describe_security_groups", Filters=filters)["SecurityGroups"]
        return [
            Live(
                group["GroupId"],
                {
                    "vpc": vpc.id,
                    "ingress": group["IpPermissions"],
                    "egress": group["IpPermissionsEgress"],
                },
                arn=_arn(cloud, f"security-group/{group['GroupId']}"),
            )
            for group in found
        ]

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        for direction in changed:
            rules = live.attributes[direction]
            operation = f"revoke_security_group_{direction}"
            cloud.write("ec2", operation, GroupId=live.id, IpPermissions=rules)


@dataclass(frozen=True, kw_only=True)
class Subnet(_Tagged):
    """A range of addresses in one zone; instances get no public address by themselves."""

    fixed: ClassVar[frozenset[str]] = frozenset({"vpc", "cidr", "zone"})
    held: ClassVar[frozenset[str]] = _IN_USE
    beside: ClassVar[bool] = True

    vpc: Ref
    cidr: str
    zone: str

    def wanted(self) -> dict[str, Any]:
        return {"vpc": self.vpc, "cidr": self.cidr, "zone": self.zone, "public_addresses": False}

    def find(self, cloud: Cloud) -> list[Live]:
        return [
            Live(
                subnet["SubnetId"],
                {
                    "vpc": subnet["VpcId"],
                    "cidr": subnet["CidrBlock"],
                    "zone": subnet["AvailabilityZone"],
                    "public_addresses": subnet["MapPublicIpOnLaunch"],
                    "tags": from_pairs(subnet.get("Tags")),
                },
                arn=_arn(cloud, f"subnet/{subnet['SubnetId']}"),
                ready=subnet["State"] == "available",
            )
            for subnet in listed(cloud, self, "describe_subnets", "Subnets")
        ]

    def obstacle(
        self, cloud: Cloud, live: Live | None, wanted: Attributes, changed: frozenset[str]
    ) -> str:
        if isinstance(wanted["vpc"], Unknown) or not changed & self.fixed:
            return ""
        range_ = ip_network(wanted["cidr"])
        taken = [
            f"{subnet['SubnetId']} ({from_pairs(subnet.get('Tags')).get('mall:resource')})"
            for subnet in all_listed(cloud, "describe_subnets", "Subnets")
            if subnet["VpcId"] == wanted["vpc"] and ip_network(subnet["CidrBlock"]).overlaps(range_)
        ]
        if not taken:
            return ""
        return (
            f"its range {range_} overlaps that of {', '.join(taken)}, which can be deleted only"
            " after what stands in it has moved. Choose a free range, or destroy what stands there"
            " and the old subnet first"
        )

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        cloud.write(
            "ec2",
            "create_subnet",
            VpcId=wanted["vpc"],
            CidrBlock=wanted["cidr"],
            AvailabilityZone=wanted["zone"],
            TagSpecifications=tag_specification("subnet", wanted["tags"]),
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        if "public_addresses" in changed:
            value = {"Value": wanted["public_addresses"]}
            cloud.write(
                "ec2", "modify_subnet_attribute", SubnetId=live.id, MapPublicIpOnLaunch=value
            )
        if "tags" in changed:
            set_tags(cloud, live.id, wanted["tags"])

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("ec2", "delete_subnet", SubnetId=live.id)


@dataclass(frozen=True, kw_only=True)
class InternetGateway(_Tagged):
    """The VPC's way to the internet and from it. One that is attached stays where it is: servers
    with public addresses need it."""

    fixed: ClassVar[frozenset[str]] = frozenset({"vpc"})
    held: ClassVar[frozenset[str]] = _IN_USE
    beside: ClassVar[bool] = True

    vpc: Ref

    def wanted(self) -> dict[str, Any]:
        return {"vpc": self.vpc}

    def find(self, cloud: Cloud) -> list[Live]:
        found = listed(cloud, self, "describe_internet_gateways", "InternetGateways")
        return [
            Live(
                gateway["InternetGatewayId"],
                {
                    "vpc": next((a["VpcId"] for a in gateway["Attachments"]), None),
                    "tags": from_pairs(gateway.get("Tags")),
                },
                arn=_arn(cloud, f"internet-gateway/{gateway['InternetGatewayId']}"),
            )
            for gateway in found
        ]

    def fixed_in(self, live: Live) -> frozenset[str]:
        return self.fixed if live.attributes["vpc"] else frozenset()

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        tags = tag_specification("internet-gateway", wanted["tags"])
        cloud.write("ec2", "create_internet_gateway", TagSpecifications=tags)

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        if "vpc" in changed:
            cloud.write(
                "ec2", "attach_internet_gateway", InternetGatewayId=live.id, VpcId=wanted["vpc"]
            )
        if "tags" in changed:
            set_tags(cloud, live.id, wanted["tags"])

    def delete(self, cloud: Cloud, live: Live) -> None:
        if vpc := live.attributes["vpc"]:
            cloud.write("ec2", "detach_internet_gateway", InternetGatewayId=live.id, VpcId=vpc)
        cloud.write("ec2", "delete_internet_gateway", InternetGatewayId=live.id)


@dataclass(frozen=True, kw_only=True)
class ElasticIp(_Tagged):
    """A fixed public address; the shop's partners may have it on their lists, so it stays."""

    def wanted(self) -> dict[str, Any]:
        return {}

    def find(self, cloud: Cloud) -> list[Live]:
        return [
            Live(
                address["AllocationId"],
                {"tags": from_pairs(address.get("Tags"))},
                arn=_arn(cloud, f"elastic-ip/{address['AllocationId']}"),
                outputs={"address": address["PublicIp"]},
            )
            for address in listed(cloud, self, "describe_addresses", "Addresses")
        ]

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        tags = tag_specification("elastic-ip", wanted["tags"])
        cloud.write("ec2", "allocate_address", Domain="vpc", TagSpecifications=tags)

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        set_tags(cloud, live.id, wanted["tags"])

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("ec2", "release_address", AllocationId=live.id)


@dataclass(frozen=True, kw_only=True)
class NatGateway(_Tagged):
    """The way out for what has no public address."""

    fixed: ClassVar[frozenset[str]] = frozenset({"subnet", "allocation"})
    patience_s: ClassVar[float] = 900

    subnet: Ref
    allocation: Ref

    def wanted(self) -> dict[str, Any]:
        return {"subnet": self.subnet, "allocation": self.allocation}

    def find(self, cloud: Cloud) -> list[Live]:
        found = listed(cloud, self, "describe_nat_gateways", "NatGateways", "Filter")
        return [
            Live(
                gateway["NatGatewayId"],
                {
                    "subnet": gateway["SubnetId"],
                    "allocation": gateway["NatGatewayAddresses"][0]["AllocationId"],
                    "tags": from_pairs(gateway.get("Tags")),
                },
                arn=_arn(cloud, f"natgateway/{gateway['NatGatewayId']}"),
                ready=gateway["State"] == "available",
                leaving=gateway["State"] == "deleting",
            )
            for gateway in found
            if gateway["State"] not in ("deleted", "failed")
        ]

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        cloud.write(
            "ec2",
            "create_nat_gateway",
            SubnetId=wanted["subnet"],
            AllocationId=wanted["allocation"],
            TagSpecifications=tag_specification("natgateway", wanted["tags"]),
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        set_tags(cloud, live.id, wanted["tags"])

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("ec2", "delete_nat_gateway", NatGatewayId=live.id)


@dataclass(frozen=True, kw_only=True)
class RouteTable(_Tagged):
    """Where the traffic of some subnets goes, besides within the VPC.

    `internet` is the gateway that everything else goes to, if anything does. No other route stays
    but AWS's own: those within the VPC, and those that gateway endpoints add.
    """

    fixed: ClassVar[frozenset[str]] = frozenset({"vpc"})
    sets: ClassVar[frozenset[str]] = frozenset({"subnets"})
    held: ClassVar[frozenset[str]] = _IN_USE
    beside: ClassVar[bool] = True

    vpc: Ref
    subnets: tuple[Ref, ...]
    internet: Ref | None = None

    def wanted(self) -> dict[str, Any]:
        routes = {"0.0.0.0/0": self.internet} if self.internet else {}
        return {"vpc": self.vpc, "routes": routes, "subnets": list(self.subnets)}

    def find(self, cloud: Cloud) -> list[Live]:
        found = listed(cloud, self, "describe_route_tables", "RouteTables")
        return [
            Live(
                table["RouteTableId"],
                {
                    "vpc": table["VpcId"],
                    "routes": _own_routes(table["Routes"]),
                    "subnets": [a["SubnetId"] for a in table["Associations"] if "SubnetId" in a],
                    "tags": from_pairs(table.get("Tags")),
                },
                arn=_arn(cloud, f"route-table/{table['RouteTableId']}"),
            )
            for table in found
        ]

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        tags = tag_specification("route-table", wanted["tags"])
        cloud.write("ec2", "create_route_table", VpcId=wanted["vpc"], TagSpecifications=tags)

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        if "routes" in changed:
            self._set_routes(cloud, live, wanted["routes"])
        if "subnets" in changed:
            self._set_subnets(cloud, live, wanted["subnets"])
        if "tags" in changed:
            set_tags(cloud, live.id, wanted["tags"])

    def _set_routes(self, cloud: Cloud, live: Live, wanted: Mapping[str, str]) -> None:
        now = live.attributes["routes"]
        for destination in sorted(now.keys() - wanted.keys()):
            to = {_kind_of_destination(destination): destination}
            cloud.write("ec2", "delete_route", RouteTableId=live.id, **to)
        for destination, target in wanted.items():
            if now.get(destination) != target:
                by = "NatGatewayId" if target.startswith("nat-") else "GatewayId"
                cloud.write(
                    "ec2",
                    "replace_route" if destination in now else "create_route",
                    RouteTableId=live.id,
                    **{_kind_of_destination(destination): destination, by: target},
                )

    def _set_subnets(self, cloud: Cloud, live: Live, wanted: list[str]) -> None:
        tables = cloud.read("ec2", "describe_route_tables")["RouteTables"]
        associations = {
            association["SubnetId"]: association
            for table in tables
            for association in table["Associations"]
            if "SubnetId" in association
        }
        for subnet in live.attributes["subnets"]:
            if subnet not in wanted:
                id = associations[subnet]["RouteTableAssociationId"]
                cloud.write("ec2", "disassociate_route_table", AssociationId=id)
        for subnet in wanted:
            if subnet in live.attributes["subnets"]:
                continue
            if elsewhere := associations.get(subnet):
                cloud.write(
                    "ec2",
                    "replace_route_table_association",
                    AssociationId=elsewhere["RouteTableAssociationId"],
                    RouteTableId=live.id,
                )
            else:
                cloud.write("ec2", "associate_route_table", RouteTableId=live.id, SubnetId=subnet)

    def delete(self, cloud: Cloud, live: Live) -> None:
        self._set_subnets(cloud, live, [])
        cloud.write("ec2", "delete_route_table", RouteTableId=live.id)


_DESTINATIONS = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")
_NO_TARGETS = {*_DESTINATIONS, "InstanceOwnerId", "Origin", "State"}
"""What is said of a route besides its target, of which there are ever more kinds."""


def _own_routes(routes: list[dict[str, Any]]) -> dict[str, str]:
    """The targets by destination."""
    return {
        _said(route, _DESTINATIONS): _said(route, route.keys() - _NO_TARGETS)
        for route in routes
        if not _is_awss_own(route)
    }


def _said(route: Mapping[str, str], names: Iterable[str]) -> str:
    return " ".join(route[name] for name in sorted(names) if name in route)


def _is_awss_own(route: Mapping[str, str]) -> bool:
    gateway = route.get("GatewayId", "")
    of_endpoint = "DestinationPrefixListId" in route and gateway.startswith("vpce-")
    return gateway == "local" or of_endpoint


def _kind_of_destination(destination: str) -> str:
    if destination.startswith("pl-"):
        return "DestinationPrefixListId"
    return "DestinationIpv6CidrBlock" if ":" in destination else "DestinationCidrBlock"


@dataclass(frozen=True, kw_only=True)
class GatewayEndpoint(_Tagged):
    """A way to an AWS service that leaves neither the VPC nor a bill."""

    fixed: ClassVar[frozenset[str]] = frozenset({"vpc", "to"})
    sets: ClassVar[frozenset[str]] = frozenset({"route_tables"})

    vpc: Ref
    to: str
    route_tables: tuple[Ref, ...]
    policy: dict[str, Any]

    def wanted(self) -> dict[str, Any]:
        return {
            "vpc": self.vpc,
            "to": self.to,
            "route_tables": list(self.route_tables),
            "policy": self.policy,
        }

    def find(self, cloud: Cloud) -> list[Live]:
        found = listed(cloud, self, "describe_vpc_endpoints", "VpcEndpoints")
        return [
            Live(
                endpoint["VpcEndpointId"],
                {
                    "vpc": endpoint["VpcId"],
                    "to": endpoint["ServiceName"],
                    "route_tables": endpoint["RouteTableIds"],
                    "policy": json.loads(endpoint["PolicyDocument"]),
                    "tags": from_pairs(endpoint.get("Tags")),
                },
                arn=_arn(cloud, f"vpc-endpoint/{endpoint['VpcEndpointId']}"),
                ready=endpoint["State"] == "available",
                leaving=endpoint["State"] == "deleting",
            )
            for endpoint in found
            if endpoint["State"] != "deleted"
        ]

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        cloud.write(
            "ec2",
            "create_vpc_endpoint",
            VpcEndpointType="Gateway",
            VpcId=wanted["vpc"],
            ServiceName=wanted["to"],
            RouteTableIds=wanted["route_tables"],
            PolicyDocument=json.dumps(wanted["policy"]),
            TagSpecifications=tag_specification("vpc-endpoint", wanted["tags"]),
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        parameters: dict[str, Any] = {}
        if "route_tables" in changed:
            now, then = set(live.attributes["route_tables"]), set(wanted["route_tables"])
            parameters |= {
                "AddRouteTableIds": sorted(then - now),
                "RemoveRouteTableIds": sorted(now - then),
            }
        if "policy" in changed:
            parameters["PolicyDocument"] = json.dumps(wanted["policy"])
        if parameters:
            cloud.write("ec2", "modify_vpc_endpoint", VpcEndpointId=live.id, **parameters)
        if "tags" in changed:
            set_tags(cloud, live.id, wanted["tags"])

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("ec2", "delete_vpc_endpoints", VpcEndpointIds=[live.id])


class FlowLogRefusedError(InfraError):
    """EC2 took the call and made no flow log."""


@dataclass(frozen=True, kw_only=True)
class FlowLog(_Tagged):
    """A record of all connections in a VPC, accepted and refused, to S3. AWS changes none of it."""

    fixed: ClassVar[frozenset[str]] = frozenset({"of", "to", "traffic"})

    of: Ref
    to: Ref

    def wanted(self) -> dict[str, Any]:
        return {"of": self.of, "to": self.to, "traffic": "ALL"}

    def find(self, cloud: Cloud) -> list[Live]:
        found = listed(cloud, self, "describe_flow_logs", "FlowLogs", "Filter")
        return [
            Live(
                log["FlowLogId"],
                {
                    "of": log["ResourceId"],
                    "to": log["LogDestination"],
                    "traffic": log["TrafficType"],
                    "tags": from_pairs(log.get("Tags")),
                },
                arn=_arn(cloud, f"vpc-flow-log/{log['FlowLogId']}"),
            )
            for log in found
        ]

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        reply = cloud.write(
            "ec2",
            "create_flow_logs",
            ResourceType="VPC",
            ResourceIds=[wanted["of"]],
            TrafficType=wanted["traffic"],
            LogDestinationType="s3",
            LogDestination=wanted["to"],
            TagSpecifications=tag_specification("vpc-flow-log", wanted["tags"]),
        )
        if refused := reply.get("Unsuccessful"):
            raise FlowLogRefusedError(refused[0]["Error"]["Message"])

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        set_tags(cloud, live.id, wanted["tags"])

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("ec2", "delete_flow_logs", FlowLogIds=[live.id])


@dataclass(frozen=True)
class Opening:
    """What a security group lets in or out: ports to or from a range or another group."""

    description: str
    peer: Ref | str
    first_port: int
    last_port: int | None = None
    protocol: str = "tcp"

    def as_dict(self) -> dict[str, Any]:
        return {
            "description": self.description,
            "peer": self.peer,
            "protocol": self.protocol,
            "ports": [self.first_port, self.last_port or self.first_port],
        }


@dataclass(frozen=True, kw_only=True)
class SecurityGroup(_Tagged):
    """Who may talk to the instances of one kind, and to whom they may talk.

    `group_name` is unique in a VPC: one that replaces another there has a number behind it.
    """

    fixed: ClassVar[frozenset[str]] = frozenset({"vpc", "description", "group_name"})
    sets: ClassVar[frozenset[str]] = frozenset({"ingress", "egress"})
    held: ClassVar[frozenset[str]] = _IN_USE
    beside: ClassVar[bool] = True

    vpc: Ref
    description: str
    group_name: str
    ingress: tuple[Opening, ...] = ()
    egress: tuple[Opening, ...] = ()

    def wanted(self) -> dict[str, Any]:
        return {
            "vpc": self.vpc,
            "group_name": self.group_name,
            "description": self.description,
            "ingress": [opening.as_dict() for opening in self.ingress],
            "egress": [opening.as_dict() for opening in self.egress],
        }

    def find(self, cloud: Cloud) -> list[Live]:
        found = listed(cloud, self, "describe_security_groups", "SecurityGroups")
        return [
            Live(
                group["GroupId"],
                {
                    "vpc": group["VpcId"],
                    "group_name": without_turn(group["GroupName"]),
                    "description": group["Description"],
                    "ingress": _openings(group["IpPermissions"], cloud.spec.account_id),
                    "egress": _openings(group["IpPermissionsEgress"], cloud.spec.account_id),
                    "tags": from_pairs(group.get("Tags")),
                },
                arn=_arn(cloud, f"security-group/{group['GroupId']}"),
            )
            for group in found
        ]

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        ours = all_listed(cloud, "describe_security_groups", "SecurityGroups")
        taken = [group["GroupName"] for group in ours if group["VpcId"] == wanted["vpc"]]
        cloud.write(
            "ec2",
            "create_security_group",
            GroupName=free_name(wanted["group_name"], taken),
            Description=wanted["description"],
            VpcId=wanted["vpc"],
            TagSpecifications=tag_specification("security-group", wanted["tags"]),
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        for direction in ("ingress", "egress"):
            if direction not in changed:
                continue
            now, then = live.attributes[direction], wanted[direction]
            for verb, openings in (
                ("revoke", [o for o in now if o not in then]),
                ("authorize", [o for o in then if o not in now]),
            ):
                if openings:
                    cloud.write(
                        "ec2",
                        f"{verb}_security_group_{direction}",
                        GroupId=live.id,
                        IpPermissions=[_permission(opening) for opening in openings],
                    )
        if "tags" in changed:
            set_tags(cloud, live.id, wanted["tags"])

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("ec2", "delete_security_group", GroupId=live.id)


_PEERS = {
    "IpRanges": "CidrIp",
    "Ipv6Ranges": "CidrIpv6",
    "PrefixListIds": "PrefixListId",
    "UserIdGroupPairs": "GroupId",
}
"""Where a permission has its peers of each kind, and what one is called there."""


def _openings(permissions: list[dict[str, Any]], account: str) -> list[dict[str, Any]]:
    """One for each peer of each permission; a group of another account has an `owner`."""
    return [
        {
            "description": peer.get("Description"),
            "peer": peer[name],
            "protocol": permission["IpProtocol"],
            "ports": [permission.get("FromPort"), permission.get("ToPort")],
            **({} if peer.get("UserId", account) == account else {"owner": peer["UserId"]}),
        }
        for permission in permissions
        for kind, name in _PEERS.items()
        for peer in permission.get(kind, ())
    ]


def _permission(opening: Mapping[str, Any]) -> dict[str, Any]:
    kind, (first, last) = _kind_of_peer(opening["peer"]), opening["ports"]
    peer = {
        _PEERS[kind]: opening["peer"],
        "Description": opening["description"],
        "UserId": opening.get("owner"),
    }
    permission = {"IpProtocol": opening["protocol"], "FromPort": first, "ToPort": last}
    return {**_given(permission), kind: [_given(peer)]}


def _kind_of_peer(peer: str) -> str:
    if peer.startswith("sg-"):
        return "UserIdGroupPairs"
    if peer.startswith("pl-"):
        return "PrefixListIds"
    return "Ipv6Ranges" if ":" in peer else "IpRanges"


def _given(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value not in (None, "")}
