"""Who may talk to whom (N3)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.audit.account import Account

GROUPS = ("public-alb", "web", "internal-alb", "was", "db", "platform")
BEFORE = {
    "web": {"public-alb"},
    "internal-alb": {"web"},
    "was": {"internal-alb"},
    "db": {"was", "platform"},
    "platform": set(),
}


def openings(group: dict[str, Any], direction: str = "IpPermissions") -> list[dict[str, Any]]:
    """Every peer of a group with the ports it is opened to."""
    return [
        {**peer, "ports": (rule.get("FromPort"), rule.get("ToPort")), "by": rule["IpProtocol"]}
        for rule in group[direction]
        for peer in [
            *rule.get("IpRanges", []),
            *rule.get("Ipv6Ranges", []),
            *rule.get("PrefixListIds", []),
            *rule.get("UserIdGroupPairs", []),
        ]
    ]


def test_there_is_one_group_for_each_kind(account: Account) -> None:
    assert set(account.security_groups()) == set(GROUPS)


@pytest.mark.parametrize("name", GROUPS)
def test_a_group_and_each_of_its_rules_are_described(account: Account, name: str) -> None:
    group = account.security_groups()[name]
    described = [group, *openings(group), *openings(group, "IpPermissionsEgress")]
    assert all(each.get("Description") for each in described)


@pytest.mark.parametrize("name", BEFORE)
def test_a_group_opens_only_to_the_one_before_it_by_reference(account: Account, name: str) -> None:
    groups = account.security_groups()
    names = {group["GroupId"]: known for known, group in groups.items()}
    found = openings(groups[name])
    assert {names[opening["GroupId"]] for opening in found} == BEFORE[name]
    assert all(o["by"] == "tcp" and o["ports"][0] == o["ports"][1] for o in found)


def test_the_internet_reaches_only_the_public_load_balancer(account: Account) -> None:
    """HTTP and HTTPS, nothing else; no other group is open to a range at all."""
    found = openings(account.security_groups()["public-alb"])
    assert {(o["CidrIp"], *o["ports"]) for o in found} == {
        ("0.0.0.0/0", 80, 80),
        ("0.0.0.0/0", 443, 443),
    }
    for name in BEFORE:
        ranges = {"CidrIp", "CidrIpv6", "PrefixListId"}
        assert not [o for o in openings(account.security_groups()[name]) if ranges & set(o)]


def test_the_database_starts_no_connections(account: Account) -> None:
    assert openings(account.security_groups()["db"], "IpPermissionsEgress") == []


@pytest.mark.parametrize("name", [name for name in GROUPS if name != "db"])
def test_nobody_may_start_every_connection(account: Account, name: str) -> None:
    """What a group may reach is named by port; anywhere at all, by HTTPS only."""
    for opening in openings(account.security_groups()[name], "IpPermissionsEgress"):
        assert opening["by"] == "tcp"
        if opening.get("CidrIp") == "0.0.0.0/0":
            assert opening["ports"] == (443, 443)


@pytest.mark.parametrize("tier", ["web", "was"])
def test_servers_stand_in_private_subnets_without_public_addresses(
    account: Account, tier: str
) -> None:
    """Together with the groups: no path from the internet to a server."""
    reservations = account.read(
        "ec2",
        "describe_instances",
        Filters=[{"Name": "tag:mall:tier", "Values": [tier]}],
    )["Reservations"]
    servers = [server for r in reservations for server in r["Instances"]]
    servers = [server for server in servers if server["State"]["Name"] == "running"]
    assert len(servers) >= 2
    group = account.security_groups()[tier]["GroupId"]
    for server in servers:
        assert server["SubnetId"] in account.subnets(tier).values()
        assert not server.get("PublicIpAddress")
        assert [g["GroupId"] for g in server["SecurityGroups"]] == [group]


def test_the_database_has_no_public_address(account: Account) -> None:
    """(N3, D1)"""
    found = account.database()
    assert found["PubliclyAccessible"] is False
    assert [g["VpcSecurityGroupId"] for g in found["VpcSecurityGroups"]] == [
        account.security_groups()["db"]["GroupId"]
    ]
