"""The computation that says who reaches whom finds holes of every kind, and no others."""

from __future__ import annotations

from typing import Any

import pytest

from tests.infra_assets.by_hand import (
    ANYONE,
    ANYONE_BY_IPV6,
    ByHand,
    id_of,
    peering,
    prefix_list,
    rule,
)
from tests.infra_assets.reachability import INTERNET, Reachability
from tests.infra_assets.world import World, one

ALB = "web load balancer"
SSH = (22, 22)


def opened(group: str, peers: dict[str, Any]) -> tuple[str, ByHand]:
    parameters = {"IpPermissions": [rule("tcp", SSH, **peers)]}
    return f"ec2.SecurityGroup/{group}", ByHand("authorize_security_group_ingress", parameters)


def led(table: str, destination: dict[str, Any], target: dict[str, Any]) -> tuple[str, ByHand]:
    operation = "replace_route" if table.startswith(("web", "was")) else "create_route"
    by_hand = ByHand(operation, {**destination, **target})
    return f"ec2.RouteTable/{table}", by_hand


EVERYWHERE = {"DestinationCidrBlock": "0.0.0.0/0"}
EVERYWHERE_BY_IPV6 = {"DestinationIpv6CidrBlock": "::/0"}
TO_ANOTHER_NETWORK = {"DestinationCidrBlock": "10.7.0.0/16"}
TO_THE_LIST = {"DestinationPrefixListId": prefix_list}
GATEWAY = {"GatewayId": id_of("ec2.InternetGateway/main")}
HOLES = {
    "a public subnet": (
        [led("was-c", EVERYWHERE, GATEWAY), opened("was", ANYONE)],
        (INTERNET, "was servers"),
    ),
    "half of the internet": (
        [
            led("was-c", EVERYWHERE, GATEWAY),
            opened("was", {"IpRanges": [{"CidrIp": "128.0.0.0/1"}]}),
        ],
        (INTERNET, "was servers"),
    ),
    "ipv6": (
        [led("db-a", EVERYWHERE_BY_IPV6, GATEWAY), opened("db", ANYONE_BY_IPV6)],
        (INTERNET, "database"),
    ),
    "prefix lists": (
        [
            led("db-c", TO_THE_LIST, GATEWAY),
            opened("db", {"PrefixListIds": [{"PrefixListId": prefix_list}]}),
        ],
        (INTERNET, "database"),
    ),
    "another network": (
        [
            led(
                "db-c", {"DestinationCidrBlock": "10.7.0.0/16"}, {"VpcPeeringConnectionId": peering}
            ),
            opened("db", {"IpRanges": [{"CidrIp": "10.7.0.0/16"}]}),
        ],
        (INTERNET, "database"),
    ),
    "a group too many": (
        [opened("db", {"UserIdGroupPairs": [{"GroupId": id_of("ec2.SecurityGroup/public-alb")}]})],
        (INTERNET, ALB, "database"),
    ),
    "a tier left out": (
        [opened("db", {"UserIdGroupPairs": [{"GroupId": id_of("ec2.SecurityGroup/web")}]})],
        (INTERNET, ALB, "web servers", "database"),
    ),
    "a range instead of a group": (
        [opened("db", {"IpRanges": [{"CidrIp": "10.0.0.0/16"}]})],
        (INTERNET, ALB, "database"),
    ),
}


@pytest.mark.parametrize(("changes", "path"), HOLES.values(), ids=HOLES)
def test_a_hole_is_found(
    complete: World, changes: list[tuple[str, ByHand]], path: tuple[str, ...]
) -> None:
    assert path not in Reachability(complete.aws).paths(path[-1])
    for address, by_hand in changes:
        by_hand.make(complete, complete.found(one(address)).id)
    assert path in Reachability(complete.aws).paths(path[-1])


NO_HOLES = {
    "a route without an opening": [led("db-a", EVERYWHERE, GATEWAY)],
    "an opening without a route": [opened("db", ANYONE_BY_IPV6)],
}


@pytest.mark.parametrize("changes", NO_HOLES.values(), ids=NO_HOLES)
def test_half_a_hole_lets_nobody_in(complete: World, changes: list[tuple[str, ByHand]]) -> None:
    for address, by_hand in changes:
        by_hand.make(complete, complete.found(one(address)).id)
    assert (INTERNET, "database") not in Reachability(complete.aws).paths("database")
