"""RDS's groups, NAT gateways and web ACLs keep to AWS's rules where moto doesn't."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

Clients = Callable[[str], Any]


def subnets(client: Clients, number: int) -> list[str]:
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    return [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{i}.0/24")["Subnet"]["SubnetId"]
        for i in range(number)
    ]


def test_a_changed_subnet_group_stays_with_its_tags(client: Clients) -> None:
    rds = client("rds")
    first, second = subnets(client, 2)
    tags = [{"Key": "a", "Value": "b"}]
    rds.create_db_subnet_group(
        DBSubnetGroupName="kept",
        DBSubnetGroupDescription="kept",
        SubnetIds=[first],
        Tags=tags,
    )
    rds.modify_db_subnet_group(DBSubnetGroupName="kept", SubnetIds=[second])
    (group,) = rds.describe_db_subnet_groups(DBSubnetGroupName="kept")["DBSubnetGroups"]
    assert [subnet["SubnetIdentifier"] for subnet in group["Subnets"]] == [second]
    found = rds.list_tags_for_resource(ResourceName=group["DBSubnetGroupArn"])
    assert found["TagList"] == tags
    with pytest.raises(ClientError, match="DBSubnetGroupNotFoundFault"):
        rds.modify_db_subnet_group(DBSubnetGroupName="missing", SubnetIds=[second])


def test_parameters_go_back_to_their_defaults(client: Clients) -> None:
    rds = client("rds")
    rds.create_db_parameter_group(
        DBParameterGroupName="reset", DBParameterGroupFamily="mysql8.4", Description="reset"
    )
    parameters = [
        {"ParameterName": name, "ParameterValue": "1", "ApplyMethod": "pending-reboot"}
        for name in ("slow_query_log", "require_secure_transport")
    ]
    rds.modify_db_parameter_group(DBParameterGroupName="reset", Parameters=parameters)

    def set_now() -> list[str]:
        found = rds.describe_db_parameters(DBParameterGroupName="reset", Source="user")
        return [parameter["ParameterName"] for parameter in found["Parameters"]]

    rds.reset_db_parameter_group(
        DBParameterGroupName="reset",
        Parameters=[{"ParameterName": "slow_query_log", "ApplyMethod": "pending-reboot"}],
    )
    assert set_now() == ["require_secure_transport"]
    rds.reset_db_parameter_group(DBParameterGroupName="reset", ResetAllParameters=True)
    assert set_now() == []


def test_a_parameter_group_tells_what_takes_effect_at_once(client: Clients) -> None:
    """A static parameter can't be told to."""
    rds = client("rds")
    rds.create_db_parameter_group(
        DBParameterGroupName="kinds", DBParameterGroupFamily="mysql8.4", Description="kinds"
    )

    def told(name: str, method: str) -> None:
        parameter = {"ParameterName": name, "ParameterValue": "2", "ApplyMethod": method}
        rds.modify_db_parameter_group(DBParameterGroupName="kinds", Parameters=[parameter])

    def kinds(**source: str) -> dict[str, tuple[str, str]]:
        found = rds.describe_db_parameters(DBParameterGroupName="kinds", **source)["Parameters"]
        return {p["ParameterName"]: (p["ApplyType"], p["Source"]) for p in found}

    assert kinds()["long_query_time"] == ("dynamic", "engine-default")
    told("long_query_time", "immediate")
    told("ft_min_word_len", "pending-reboot")
    assert kinds(Source="user") == {
        "long_query_time": ("dynamic", "user"),
        "ft_min_word_len": ("static", "user"),
    }
    with pytest.raises(ClientError, match="immediate apply method for static parameter"):
        told("ft_min_word_len", "immediate")


def test_a_deleted_nat_gateway_lets_go_of_its_address(client: Clients) -> None:
    ec2 = client("ec2")
    (subnet,) = subnets(client, 1)
    allocation = ec2.allocate_address(Domain="vpc")["AllocationId"]
    for _ in range(2):
        made = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=allocation)
        ec2.delete_nat_gateway(NatGatewayId=made["NatGateway"]["NatGatewayId"])
    ec2.release_address(AllocationId=allocation)


def test_a_resource_has_one_web_acl(client: Clients) -> None:
    waf = client("wafv2")
    visibility = {
        "SampledRequestsEnabled": True,
        "CloudWatchMetricsEnabled": True,
        "MetricName": "m",
    }
    account = "arn:aws:elasticloadbalancing:ap-northeast-1:123456789012"
    balancer = f"{account}:loadbalancer/app/one-acl/0123456789abcdef"
    for name in ("first-acl", "second-acl"):
        arn = waf.create_web_acl(
            Name=name,
            Scope="REGIONAL",
            DefaultAction={"Allow": {}},
            VisibilityConfig=visibility,
        )["Summary"]["ARN"]
        waf.associate_web_acl(WebACLArn=arn, ResourceArn=balancer)
        assert waf.get_web_acl_for_resource(ResourceArn=balancer)["WebACL"]["Name"] == name
