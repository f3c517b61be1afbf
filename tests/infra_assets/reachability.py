"""Who can open connections to whom: computed from the routes, subnets and groups in an account.

It errs on the side of reach: everything counts as having public addresses and as allowed to send
anywhere, and whatever leads to another network as a door to the internet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from resources.aws import Aws

INTERNET = "internet"
NO_TARGETS = {
    *("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId"),
    *("InstanceOwnerId", "Origin", "State"),
}
NO_DOORS = ("local", "nat-", "eigw-")
"""Targets of routes through which nobody outside comes in."""

Range = IPv4Network | IPv6Network


@dataclass(frozen=True)
class Host:
    """What listens: the subnets that it may stand in, and the groups that say who may connect."""

    name: str
    subnets: frozenset[str]
    groups: frozenset[str]


class Reachability:
    """The account as it is now."""

    def __init__(self, aws: Aws) -> None:
        self._ec2 = aws.client("ec2")
        self.hosts = _together([*_servers(aws), *_load_balancers(aws), *_databases(aws)])

    def paths(self, to: str) -> set[tuple[str, ...]]:
        """Every way from the internet to a host that passes nobody twice."""
        found, unfinished = set(), [(INTERNET,)]
        while unfinished:
            path = unfinished.pop()
            if path[-1] == to:
                found.add(path)
            else:
                unfinished += [(*path, n) for n in self._reached_from(path[-1]) if n not in path]
        return found

    def _reached_from(self, start: str) -> list[str]:
        return [name for name, host in self.hosts.items() if self._reaches(start, host)]

    def _reaches(self, start: str, host: Host) -> bool:
        groups, ranges = self._let_in(host)
        if start == INTERNET:
            own = [range for subnet in host.subnets for range in self._around[subnet]]
            outside = [range for range in ranges if not any(_within(range, each) for each in own)]
            return bool(outside and host.subnets & self._public)
        other = self.hosts[start]
        near = [range for subnet in other.subnets for range in self._ranges[subnet]]
        return bool(groups & other.groups) or any(_overlap(a, b) for a in ranges for b in near)

    def _let_in(self, host: Host) -> tuple[set[str], list[Range]]:
        """The groups and the ranges that a host takes connections from."""
        permissions = [p for group in host.groups for p in self._permissions[group]]
        groups = {each["GroupId"] for p in permissions for each in p.get("UserIdGroupPairs", ())}
        ranges = [
            *(each["CidrIp"] for p in permissions for each in p.get("IpRanges", ())),
            *(each["CidrIpv6"] for p in permissions for each in p.get("Ipv6Ranges", ())),
            *(
                cidr
                for p in permissions
                for each in p.get("PrefixListIds", ())
                for cidr in self._entries(each["PrefixListId"])
            ),
        ]
        return groups, [ip_network(cidr) for cidr in ranges]

    def _entries(self, prefix_list: str) -> list[str]:
        found = self._ec2.get_managed_prefix_list_entries(PrefixListId=prefix_list)["Entries"]
        return [entry["Cidr"] for entry in found]

    @cached_property
    def _permissions(self) -> dict[str, list[dict[str, Any]]]:
        found = self._ec2.describe_security_groups()["SecurityGroups"]
        return {group["GroupId"]: group["IpPermissions"] for group in found}

    @cached_property
    def _subnets(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._ec2.describe_subnets()["Subnets"]
        return found

    @cached_property
    def _ranges(self) -> dict[str, list[Range]]:
        return {subnet["SubnetId"]: _ranges(subnet) for subnet in self._subnets}

    @cached_property
    def _around(self) -> dict[str, list[Range]]:
        """The ranges of the VPC that a subnet is in."""
        vpcs = {vpc["VpcId"]: _ranges(vpc) for vpc in self._ec2.describe_vpcs()["Vpcs"]}
        return {subnet["SubnetId"]: vpcs[subnet["VpcId"]] for subnet in self._subnets}

    @cached_property
    def _public(self) -> set[str]:
        """The subnets with a door: those without a table of their own have their VPC's."""
        tables = self._ec2.describe_route_tables()["RouteTables"]
        of_subnets, of_vpcs = {}, {}
        for table in tables:
            for association in table["Associations"]:
                if association.get("Main"):
                    of_vpcs[table["VpcId"]] = table
                elif "SubnetId" in association:
                    of_subnets[association["SubnetId"]] = table
        return {
            subnet["SubnetId"]
            for subnet in self._subnets
            for table in [of_subnets.get(subnet["SubnetId"]) or of_vpcs[subnet["VpcId"]]]
            if any(map(_is_door, table["Routes"]))
        }


def _is_door(route: dict[str, str]) -> bool:
    """Gateway endpoints are none, the only endpoints that a prefix list leads to."""
    targets = [value for key, value in route.items() if key not in NO_TARGETS]
    closed = (*NO_DOORS, "vpce-") if "DestinationPrefixListId" in route else NO_DOORS
    return not any(target.startswith(closed) for target in targets)


def _ranges(place: dict[str, Any]) -> list[Range]:
    """Those of a VPC or a subnet."""
    six = place.get("Ipv6CidrBlockAssociationSet", ())
    return [ip_network(cidr) for cidr in [place["CidrBlock"], *(s["Ipv6CidrBlock"] for s in six)]]


def _within(one: Range, other: Range) -> bool:
    return one.version == other.version and one.subnet_of(other)


def _overlap(one: Range, other: Range) -> bool:
    return one.version == other.version and one.overlaps(other)


def _servers(aws: Aws) -> Iterator[Host]:
    ec2 = aws.client("ec2")
    for reservation in ec2.describe_instances()["Reservations"]:
        for instance in reservation["Instances"]:
            if instance["State"]["Name"] == "running":
                tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", ())}
                faces = [instance, *instance.get("NetworkInterfaces", ())]
                groups = [g for f in faces for g in f.get("SecurityGroups", f.get("Groups", ()))]
                yield Host(
                    f"{tags.get('mall:tier', instance['InstanceId'])} servers",
                    frozenset(face["SubnetId"] for face in faces),
                    frozenset(group["GroupId"] for group in groups),
                )


def _load_balancers(aws: Aws) -> Iterator[Host]:
    for balancer in aws.client("elbv2").describe_load_balancers()["LoadBalancers"]:
        yield Host(
            f"{balancer['LoadBalancerName'].rpartition('-')[2]} load balancer",
            frozenset(zone["SubnetId"] for zone in balancer["AvailabilityZones"]),
            frozenset(balancer.get("SecurityGroups", ())),
        )


def _databases(aws: Aws) -> Iterator[Host]:
    for database in aws.client("rds").describe_db_instances()["DBInstances"]:
        yield Host(
            "database",
            frozenset(s["SubnetIdentifier"] for s in database["DBSubnetGroup"]["Subnets"]),
            frozenset(g["VpcSecurityGroupId"] for g in database["VpcSecurityGroups"]),
        )


def _together(hosts: Iterable[Host]) -> dict[str, Host]:
    """Hosts of one name, as the servers of a group, as one: where any of them stands, with the
    groups of any."""
    found: dict[str, Host] = {}
    for host in hosts:
        known = found.get(host.name, host)
        found[host.name] = Host(host.name, known.subnets | host.subnets, known.groups | host.groups)
    return found
