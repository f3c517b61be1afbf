"""What people change by hand in ways that the code never writes itself: who may connect to what,
where traffic goes, what is recorded and how servers start."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from infra_assets.reconcile import plan
from infra_assets.resource import Resource
from tests.infra_assets.by_hand import (
    ANYONE,
    ANYONE_BY_IPV6,
    ByHand,
    id_of,
    interface,
    peering,
    prefix_list,
    rule,
    transit_gateway,
    way_out_by_ipv6,
)
from tests.infra_assets.world import SPEC, World, comparable, one

OPENINGS = {
    "udp": rule("udp", (53, 53), **ANYONE),
    "icmp": rule("icmp", (-1, -1), **ANYONE),
    "every protocol": rule("-1", None, **ANYONE),
    "several ports": rule("tcp", (0, 65535), **ANYONE),
    "ipv6": rule("tcp", (22, 22), **ANYONE_BY_IPV6),
    "every protocol by ipv6": rule("-1", None, **ANYONE_BY_IPV6),
    "a prefix list": rule("tcp", (22, 22), PrefixListIds=[{"PrefixListId": prefix_list}]),
    "another group": rule(
        "tcp", (22, 22), UserIdGroupPairs=[{"GroupId": id_of("ec2.SecurityGroup/web")}]
    ),
    "another account's group": rule(
        "tcp",
        (22, 22),
        UserIdGroupPairs=[{"GroupId": id_of("ec2.SecurityGroup/web"), "UserId": "210987654321"}],
    ),
    "several peers at once": rule("tcp", (22, 22), **ANYONE, **ANYONE_BY_IPV6),
}


@pytest.mark.parametrize("direction", ["ingress", "egress"])
@pytest.mark.parametrize("opening", OPENINGS.values(), ids=OPENINGS)
def test_an_opening_is_closed(repaired: World, opening: dict[str, Any], direction: str) -> None:
    """(N3) Whatever protocol it is for, whomever it is to."""
    by_hand = ByHand(f"authorize_security_group_{direction}", {"IpPermissions": [opening]})
    _is_seen_and_repaired(repaired, "ec2.SecurityGroup/db", direction, by_hand)


def test_an_opening_for_another_protocol_is_another_one(repaired: World) -> None:
    """(N3)"""
    group = one("ec2.SecurityGroup/public-alb")
    ec2, live = repaired.aws.client("ec2"), repaired.found(group)
    id, wanted = live.id, comparable(group, live)
    (found,) = ec2.describe_security_groups(GroupIds=[id])["SecurityGroups"]
    for permission in found["IpPermissions"]:
        ec2.revoke_security_group_ingress(GroupId=id, IpPermissions=[permission])
        by_udp = ByHand(
            "authorize_security_group_ingress",
            {"IpPermissions": [{**permission, "IpProtocol": "udp"}]},
        )
        by_udp.make(repaired, id)
    _is_repaired(repaired, group, "ingress", wanted)


ROUTES = {
    "ipv6 to the internet": {
        "DestinationIpv6CidrBlock": "::/0",
        "GatewayId": id_of("ec2.InternetGateway/main"),
    },
    "ipv6 out": {
        "DestinationIpv6CidrBlock": "::/0",
        "EgressOnlyInternetGatewayId": way_out_by_ipv6,
    },
    "a prefix list to the internet": {
        "DestinationPrefixListId": prefix_list,
        "GatewayId": id_of("ec2.InternetGateway/main"),
    },
    "another network": {
        "DestinationCidrBlock": "10.7.0.0/16",
        "VpcPeeringConnectionId": peering,
    },
    "a transit gateway": {
        "DestinationCidrBlock": "10.8.0.0/16",
        "TransitGatewayId": transit_gateway,
    },
    "an interface": {"DestinationCidrBlock": "0.0.0.0/0", "NetworkInterfaceId": interface},
}


@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
def test_a_route_is_taken_away(repaired: World, route: dict[str, Any]) -> None:
    """(N3) The database has no way out, whatever it leads to."""
    _is_seen_and_repaired(repaired, "ec2.RouteTable/db-a", "routes", ByHand("create_route", route))


def test_a_route_leads_where_it_led_before(repaired: World) -> None:
    """(N2)"""
    elsewhere = {"DestinationCidrBlock": "0.0.0.0/0", "VpcPeeringConnectionId": peering}
    _is_seen_and_repaired(
        repaired, "ec2.RouteTable/web-a", "routes", ByHand("replace_route", elsewhere)
    )


def test_a_range_of_ipv6_is_taken_away(repaired: World) -> None:
    """(N1) With it, addresses that no rule speaks of."""
    vpc = one("ec2.Vpc/main")
    live = repaired.found(vpc)
    repaired.aws.client("ec2").associate_vpc_cidr_block(
        VpcId=live.id, AmazonProvidedIpv6CidrBlock=True
    )
    _is_repaired(repaired, vpc, "other_ranges", comparable(vpc, live))


SELECTORS = {
    "no management events": {"ReadWriteType": "All", "IncludeManagementEvents": False},
    "writes only": {"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True},
    "not who uses keys": {
        "ReadWriteType": "All",
        "IncludeManagementEvents": True,
        "ExcludeManagementEventSources": ["kms.amazonaws.com"],
    },
}


@pytest.mark.parametrize("selector", SELECTORS.values(), ids=SELECTORS)
def test_what_the_trail_records_is_set_back(repaired: World, selector: dict[str, Any]) -> None:
    """(M2) Also where the same objects are still watched."""
    name = f"cloudtrail.DataEvents/{SPEC.names.prefix}"
    (declared,) = one(name).wanted()["selectors"]
    changed = {**selector, "DataResources": declared["DataResources"]}
    by_hand = ByHand("put_event_selectors", {"EventSelectors": [changed]}, "cloudtrail")
    _is_seen_and_repaired(repaired, name, "selectors", by_hand)


def test_query_results_are_given_to_nobody_else(repaired: World) -> None:
    """(A0) Athena keeps what an update doesn't speak of."""
    group = one(f"athena.WorkGroup/{SPEC.names.prefix}")
    live = repaired.found(group)
    theirs = {
        "AclConfiguration": {"S3AclOption": "BUCKET_OWNER_FULL_CONTROL"},
        "ExpectedBucketOwner": "210987654321",
    }
    repaired.aws.client("athena").update_work_group(
        WorkGroup=live.id, ConfigurationUpdates={"ResultConfigurationUpdates": theirs}
    )
    _is_repaired(repaired, group, "results", comparable(group, live))


def test_an_alarm_waits_for_no_unit_that_its_metric_hasnt(repaired: World) -> None:
    """(M1) It would never go off."""
    alarm = one(f"cloudwatch.Alarm/{SPEC.names.prefix}-web-cpu")
    live = repaired.found(alarm)
    now = live.attributes
    repaired.aws.client("cloudwatch").put_metric_alarm(
        AlarmName=live.id,
        Dimensions=[{"Name": name, "Value": value} for name, value in now["dimensions"].items()],
        Unit="Count",
        **{name: value for name, value in now["settings"].items() if value is not None},
        **now["tells"],
    )
    _is_repaired(repaired, alarm, "settings", comparable(alarm, live))


def test_the_crawler_crawls_one_table(repaired: World) -> None:
    """(A0)"""
    crawler = one(f"glue.Crawler/{SPEC.names.prefix}-clicks-raw")
    live, glue = repaired.found(crawler), repaired.aws.client("glue")
    targets = glue.get_crawler(Name=live.id)["Crawler"]["Targets"]["CatalogTargets"]
    other = {**targets[0], "Tables": ["other"]}
    glue.update_crawler(Name=live.id, Targets={"CatalogTargets": [*targets, other]})
    _is_repaired(repaired, crawler, "tables", comparable(crawler, live))


INTERFACE = {"DeviceIndex": 1, "AssociatePublicIpAddress": True}
VOLUME = {"DeviceName": "/dev/xvdb", "Ebs": {"VolumeSize": 8, "Encrypted": False}}
SCRIPT = base64.b64encode(b"\x1f\x8b\xff").decode()
STARTS: dict[str, tuple[str, Callable[[dict[str, Any]], Any]]] = {
    "a key": ("others", lambda data: {"KeyName": "by-hand"}),
    "a host of their own": ("others", lambda data: {"Placement": {"Tenancy": "host"}}),
    "another interface": (
        "others",
        lambda data: {"NetworkInterfaces": [*data["NetworkInterfaces"], INTERFACE]},
    ),
    "another volume": (
        "others",
        lambda data: {"BlockDeviceMappings": [*data["BlockDeviceMappings"], VOLUME]},
    ),
    "a public address": (
        "network",
        lambda data: {
            "NetworkInterfaces": [
                {**data["NetworkInterfaces"][0], "AssociatePublicIpAddress": True}
            ]
        },
    ),
    "an IPv6 address": (
        "network",
        lambda data: {
            "NetworkInterfaces": [{**data["NetworkInterfaces"][0], "Ipv6AddressCount": 1}]
        },
    ),
    "metadata for containers": (
        "metadata",
        lambda data: {"MetadataOptions": {**data["MetadataOptions"], "HttpPutResponseHopLimit": 2}},
    ),
    "metadata over IPv6": (
        "metadata",
        lambda data: {
            "MetadataOptions": {**data["MetadataOptions"], "HttpProtocolIpv6": "enabled"}
        },
    ),
    "another role": ("profile", lambda data: {"IamInstanceProfile": {"Name": "by-hand"}}),
    "a script of its own": ("user_data", lambda data: {"UserData": SCRIPT}),
    "somebody's volume": (
        "volume",
        lambda data: {
            "BlockDeviceMappings": [
                {
                    "DeviceName": "/dev/xvda",
                    "Ebs": {**data["BlockDeviceMappings"][0]["Ebs"], "SnapshotId": "snap-1"},
                }
            ]
        },
    ),
    "tags of interfaces": (
        "server_tags",
        lambda data: {
            "TagSpecifications": [
                *data["TagSpecifications"],
                {"ResourceType": "network-interface", "Tags": [{"Key": "a", "Value": "b"}]},
            ]
        },
    ),
}


@pytest.mark.parametrize(("attribute", "changed"), STARTS.values(), ids=STARTS)
def test_servers_start_as_the_code_says(
    repaired: World, attribute: str, changed: Callable[[dict[str, Any]], Any]
) -> None:
    """(N3) Whatever a new default version of their template says."""
    resource = one(f"ec2.LaunchTemplate/{SPEC.names.tier('web')}")
    live, ec2 = repaired.found(resource), repaired.aws.client("ec2")
    template = {"LaunchTemplateId": live.id}
    found = ec2.describe_launch_template_versions(**template, Versions=["$Default"])
    data = found["LaunchTemplateVersions"][0]["LaunchTemplateData"]
    made = ec2.create_launch_template_version(
        **template, LaunchTemplateData={**data, **changed(data)}
    )
    number = str(made["LaunchTemplateVersion"]["VersionNumber"])
    ec2.modify_launch_template(**template, DefaultVersion=number)
    _is_repaired(repaired, resource, attribute, comparable(resource, live))


def _is_seen_and_repaired(world: World, address: str, attribute: str, by_hand: ByHand) -> None:
    resource = one(address)
    found = world.found(resource)
    wanted = comparable(resource, found)
    by_hand.make(world, found.id)
    _is_repaired(world, resource, attribute, wanted)


def _is_repaired(world: World, resource: Resource, attribute: str, wanted: Any) -> None:
    """The plan names the attribute and no other, apply sets it right, the next plan is empty."""
    step = plan(resource, world.cloud())
    assert [change.attribute for change in step.changes] == [attribute]
    assert world.apply(resource).result == "updated"
    assert comparable(resource, world.found(resource)) == wanted
    assert plan(resource, world.cloud()).action == "none"
