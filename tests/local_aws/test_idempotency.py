"""A create repeated after a lost reply makes nothing twice."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

Clients = Callable[[str], Any]


class Network:
    def __init__(self, client: Clients) -> None:
        self.ec2 = client("ec2")
        self.vpc = self.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [
            self.ec2.create_subnet(
                VpcId=self.vpc, CidrBlock=f"10.9.{n}.0/24", AvailabilityZone=f"ap-northeast-1{z}"
            )["Subnet"]["SubnetId"]
            for n, z in enumerate("ac")
        ]


@pytest.fixture(scope="module")
def network(client: Clients) -> Network:
    return Network(client)


def creates(network: Network) -> dict[str, tuple[Callable[..., Any], dict[str, Any], str, str]]:
    ec2 = network.ec2
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    return {
        "nat": (
            ec2.create_nat_gateway,
            {"SubnetId": network.subnets[0], "AllocationId": address},
            "NatGateway",
            "NatGatewayId",
        ),
        "route table": (
            ec2.create_route_table,
            {"VpcId": network.vpc},
            "RouteTable",
            "RouteTableId",
        ),
        "endpoint": (
            ec2.create_vpc_endpoint,
            {"VpcId": network.vpc, "ServiceName": "com.amazonaws.ap-northeast-1.s3"},
            "VpcEndpoint",
            "VpcEndpointId",
        ),
        "launch template": (
            ec2.create_launch_template,
            {
                "LaunchTemplateName": f"template-{uuid.uuid4()}",
                "LaunchTemplateData": {"InstanceType": "t3.micro"},
            },
            "LaunchTemplate",
            "LaunchTemplateId",
        ),
    }


@pytest.mark.parametrize("what", ["nat", "route table", "endpoint", "launch template"])
def test_a_repeated_client_token_answers_with_what_it_made(network: Network, what: str) -> None:
    create, arguments, key, identifier = creates(network)[what]
    token = str(uuid.uuid4())
    first = create(**arguments, ClientToken=token)[key][identifier]
    again = create(**arguments, ClientToken=token)[key][identifier]
    assert again == first
    tags = {"ResourceType": "natgateway", "Tags": [{"Key": "a", "Value": "b"}]}
    tags["ResourceType"] = {
        "nat": "natgateway",
        "route table": "route-table",
        "endpoint": "vpc-endpoint",
        "launch template": "launch-template",
    }[what]
    with pytest.raises(ClientError, match="IdempotentParameterMismatch"):
        create(**arguments, TagSpecifications=[tags], ClientToken=token)


def test_the_same_token_at_once_makes_one(network: Network) -> None:
    token = str(uuid.uuid4())

    def create(_: int) -> str:
        made = network.ec2.create_route_table(VpcId=network.vpc, ClientToken=token)
        return made["RouteTable"]["RouteTableId"]

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(create, range(16)))) == 1


def test_a_caller_reference_makes_one_hosted_zone(client: Clients) -> None:
    route53, reference = client("route53"), str(uuid.uuid4())
    name = f"zone-{uuid.uuid4()}.example"
    route53.create_hosted_zone(Name=name, CallerReference=reference)
    with pytest.raises(ClientError, match="HostedZoneAlreadyExists"):
        route53.create_hosted_zone(Name=name, CallerReference=reference)
    found = route53.list_hosted_zones_by_name(DNSName=name)["HostedZones"]
    assert [zone["Name"] for zone in found].count(f"{name}.") == 1


def test_load_balancers_target_groups_and_listeners_answer_by_name(
    client: Clients, network: Network
) -> None:
    elb, name = client("elbv2"), uuid.uuid4().hex[:20]
    balancer = {"Name": name, "Subnets": network.subnets, "Scheme": "internal"}
    first = elb.create_load_balancer(**balancer)["LoadBalancers"][0]["LoadBalancerArn"]
    again = elb.create_load_balancer(**balancer)["LoadBalancers"][0]["LoadBalancerArn"]
    assert again == first
    with pytest.raises(ClientError, match="DuplicateLoadBalancerName"):
        elb.create_load_balancer(**balancer | {"Scheme": "internet-facing"})

    group = {"Name": name, "Protocol": "HTTP", "Port": 80, "VpcId": network.vpc}
    target = elb.create_target_group(**group)["TargetGroups"][0]["TargetGroupArn"]
    assert elb.create_target_group(**group)["TargetGroups"][0]["TargetGroupArn"] == target
    with pytest.raises(ClientError, match="DuplicateTargetGroupName"):
        elb.create_target_group(**group | {"Port": 81})

    listener = {
        "LoadBalancerArn": first,
        "Protocol": "HTTP",
        "Port": 80,
        "DefaultActions": [{"Type": "forward", "TargetGroupArn": target}],
    }
    made = elb.create_listener(**listener)["Listeners"][0]["ListenerArn"]
    assert elb.create_listener(**listener)["Listeners"][0]["ListenerArn"] == made
    respond = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    with pytest.raises(ClientError, match="DuplicateListener"):
        elb.create_listener(**listener | {"DefaultActions": [respond]})
