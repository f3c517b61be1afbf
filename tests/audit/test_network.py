"""The network: one VPC over two zones, and who is connected with whom (N1, N2, N3)."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from tests.audit.account import ZONES, Account, as_list, statements

PRIVATE = ("web", "was", "db")


def route_table(account: Account, subnet: str) -> dict[str, Any]:
    """The table that a subnet is explicitly associated with."""
    found = account.read("ec2", "describe_route_tables", **account.ours())["RouteTables"]
    (table,) = [
        t for t in found if subnet in [a.get("SubnetId") for a in t.get("Associations", [])]
    ]
    return table


def ways_out(account: Account, subnet: str) -> list[str]:
    """Where a subnet's routes beyond the VPC and to the internet lead."""
    return [
        route.get("NatGatewayId") or route.get("GatewayId", "?")
        for route in route_table(account, subnet)["Routes"]
        if route.get("DestinationCidrBlock") == "0.0.0.0/0"
        or route.get("DestinationIpv6CidrBlock") == "::/0"
    ]


def nat_gateways(account: Account) -> list[dict[str, Any]]:
    found = account.read("ec2", "describe_nat_gateways", Filter=account.ours()["Filters"])
    return [nat for nat in found["NatGateways"] if nat["State"] == "available"]


@pytest.mark.parametrize("attribute", ["enableDnsSupport", "enableDnsHostnames"])
def test_the_vpc_has_names(account: Account, attribute: str) -> None:
    """(N1)"""
    answer = account.read(
        "ec2", "describe_vpc_attribute", VpcId=account.vpc_id(), Attribute=attribute
    )
    assert answer[attribute[0].upper() + attribute[1:]]["Value"] is True


def test_two_public_and_six_private_subnets_in_zones_a_and_c(account: Account) -> None:
    """(N1) Each tier has one in each zone, in ranges of the VPC that don't overlap."""
    for tier in ("public", *PRIVATE):
        assert sorted(account.subnets(tier)) == list(ZONES), tier
    found = account.read("ec2", "describe_subnets", **account.ours())["Subnets"]
    (vpc,) = account.read("ec2", "describe_vpcs", **account.ours())["Vpcs"]
    ranges = [ip_network(subnet["CidrBlock"]) for subnet in found]
    assert len(ranges) == 8
    assert all(r.subnet_of(ip_network(vpc["CidrBlock"])) for r in ranges)
    assert not [(a, b) for a in ranges for b in ranges if a is not b and a.overlaps(b)]


def test_no_subnet_gives_servers_a_public_address(account: Account) -> None:
    """(N3)"""
    found = account.read("ec2", "describe_subnets", **account.ours())["Subnets"]
    assert {subnet["MapPublicIpOnLaunch"] for subnet in found} == {False}


def test_one_internet_gateway_is_attached(account: Account) -> None:
    """(N2)"""
    (gateway,) = account.read("ec2", "describe_internet_gateways", **account.ours())[
        "InternetGateways"
    ]
    assert [a["VpcId"] for a in gateway["Attachments"]] == [account.vpc_id()]


def test_outside_production_one_nat_gateway_with_an_elastic_ip(account: Account) -> None:
    """(N2) In a public subnet, with the only elastic IP that there is."""
    (nat,) = nat_gateways(account)
    assert nat["SubnetId"] in account.subnets("public").values()
    (address,) = account.read("ec2", "describe_addresses", **account.ours())["Addresses"]
    assert [a["AllocationId"] for a in nat["NatGatewayAddresses"]] == [address["AllocationId"]]


@pytest.mark.parametrize("tier", ["public", *PRIVATE])
def test_each_tier_has_a_route_table_in_each_zone(account: Account, tier: str) -> None:
    """(N2)"""
    tables = {
        route_table(account, subnet)["RouteTableId"] for subnet in account.subnets(tier).values()
    }
    assert len(tables) == 2


def test_only_public_subnets_have_a_route_to_the_internet_gateway(account: Account) -> None:
    """(N2, N3)"""
    for subnet in account.subnets("public").values():
        (way,) = ways_out(account, subnet)
        assert way.startswith("igw-")


@pytest.mark.parametrize("tier", ["web", "was"])
def test_servers_get_out_through_nat_only(account: Account, tier: str) -> None:
    """(N2)"""
    gateways = {nat["NatGatewayId"] for nat in nat_gateways(account)}
    for subnet in account.subnets(tier).values():
        (way,) = ways_out(account, subnet)
        assert way in gateways


def test_the_database_has_no_route_out(account: Account) -> None:
    """(N2, N3)"""
    for subnet in account.subnets("db").values():
        assert ways_out(account, subnet) == []


def test_s3_is_reached_through_a_gateway_endpoint(account: Account) -> None:
    """(N2) From every private subnet; through it only the platform's buckets are written."""
    (endpoint,) = account.read("ec2", "describe_vpc_endpoints", **account.ours())["VpcEndpoints"]
    assert endpoint["VpcEndpointType"] == "Gateway"
    assert endpoint["ServiceName"] == "com.amazonaws.ap-northeast-1.s3"
    assert endpoint["State"].lower() == "available"
    tables = {
        route_table(account, subnet)["RouteTableId"]
        for tier in PRIVATE
        for subnet in account.subnets(tier).values()
    }
    assert set(endpoint["RouteTableIds"]) == tables
    written = [
        resource
        for statement in statements(endpoint["PolicyDocument"])
        if any(action.startswith(("s3:Put", "s3:Delete")) for action in statement["Action"])
        for resource in as_list(statement["Resource"])
    ]
    assert written == [f"arn:aws:s3:::{account.named('*/*')}"]


def test_every_connection_is_logged(account: Account) -> None:
    """(M2) Accepted or rejected, to the log bucket."""
    (flow,) = account.read("ec2", "describe_flow_logs")["FlowLogs"]
    assert (flow["ResourceId"], flow["TrafficType"]) == (account.vpc_id(), "ALL")
    assert (flow["FlowLogStatus"], flow["LogDestinationType"]) == ("ACTIVE", "s3")
    assert flow["LogDestination"].startswith(f"arn:aws:s3:::{account.bucket('log')}")


def test_the_default_security_group_allows_nothing(account: Account) -> None:
    """(N3)"""
    (group,) = account.read(
        "ec2",
        "describe_security_groups",
        Filters=[
            {"Name": "vpc-id", "Values": [account.vpc_id()]},
            {"Name": "group-name", "Values": ["default"]},
        ],
    )["SecurityGroups"]
    assert (group["IpPermissions"], group["IpPermissionsEgress"]) == ([], [])
