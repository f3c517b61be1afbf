"""What something else needs is not deleted, as on AWS; once that is gone it is."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

Clients = Callable[[str], Any]


class Network:
    """A VPC of a test's own with two subnets and a way to the internet."""

    def __init__(self, client: Clients) -> None:
        self.client, self.ec2, self.elb = client, client("ec2"), client("elbv2")
        self.name = f"in-use-{uuid.uuid4().hex[:8]}"
        self.vpc = self.ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [self.subnet(number, zone) for number, zone in enumerate("ac")]
        made = self.ec2.create_internet_gateway()["InternetGateway"]
        self.gateway = made["InternetGatewayId"]
        self.ec2.attach_internet_gateway(InternetGatewayId=self.gateway, VpcId=self.vpc)

    def subnet(self, number: int, zone: str = "a") -> str:
        made = self.ec2.create_subnet(
            VpcId=self.vpc,
            CidrBlock=f"10.7.{number}.0/24",
            AvailabilityZone=f"ap-northeast-1{zone}",
        )
        return made["Subnet"]["SubnetId"]

    def security_group(self, name: str = "") -> str:
        return self.ec2.create_security_group(
            GroupName=f"{self.name}{name}", Description="of a test", VpcId=self.vpc
        )["GroupId"]

    def load_balancer(self, **more: Any) -> str:
        made = self.elb.create_load_balancer(Name=self.name, Subnets=self.subnets, **more)
        return made["LoadBalancers"][0]["LoadBalancerArn"]

    def target_group(self) -> str:
        made = self.elb.create_target_group(
            Name=self.name, Protocol="HTTP", Port=80, VpcId=self.vpc
        )
        return made["TargetGroups"][0]["TargetGroupArn"]


@pytest.fixture
def network(client: Clients) -> Network:
    return Network(client)


def refused(code: str, call: Callable[..., Any], **parameters: Any) -> None:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    assert caught.value.response["Error"]["Code"] == code


def test_a_vpc_stays_while_anything_is_in_it(network: Network) -> None:
    ec2, group = network.ec2, network.security_group()
    for remove in (
        lambda: [ec2.delete_subnet(SubnetId=id) for id in network.subnets],
        lambda: ec2.detach_internet_gateway(InternetGatewayId=network.gateway, VpcId=network.vpc),
        lambda: ec2.delete_security_group(GroupId=group),
    ):
        refused("DependencyViolation", ec2.delete_vpc, VpcId=network.vpc)
        remove()
    ec2.delete_vpc(VpcId=network.vpc)


def test_a_vpc_stays_while_an_endpoint_is_in_it(client: Clients) -> None:
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    endpoint = ec2.create_vpc_endpoint(
        VpcId=vpc, ServiceName="com.amazonaws.ap-northeast-1.s3", VpcEndpointType="Gateway"
    )["VpcEndpoint"]["VpcEndpointId"]
    refused("DependencyViolation", ec2.delete_vpc, VpcId=vpc)
    ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
    ec2.delete_vpc(VpcId=vpc)


def test_a_nat_gateway_holds_its_subnet_and_the_internet_gateway(network: Network) -> None:
    ec2, subnet = network.ec2, network.subnets[0]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]
    attached = {"InternetGatewayId": network.gateway, "VpcId": network.vpc}
    refused("DependencyViolation", ec2.delete_subnet, SubnetId=subnet)
    refused("DependencyViolation", ec2.detach_internet_gateway, **attached)
    ec2.delete_nat_gateway(NatGatewayId=nat["NatGatewayId"])
    ec2.delete_subnet(SubnetId=subnet)
    ec2.detach_internet_gateway(**attached)


def test_an_address_serves_one_nat_gateway(network: Network) -> None:
    address = network.ec2.allocate_address(Domain="vpc")["AllocationId"]
    at = {"SubnetId": network.subnets[0], "AllocationId": address}
    network.ec2.create_nat_gateway(**at)
    refused("Resource.AlreadyAssociated", network.ec2.create_nat_gateway, **at)


def test_servers_hold_their_subnet_and_security_group(network: Network) -> None:
    ec2, group, subnet = network.ec2, network.security_group(), network.subnets[0]
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    started = ec2.run_instances(
        ImageId=image, MinCount=1, MaxCount=1, SubnetId=subnet, SecurityGroupIds=[group]
    )["Instances"]
    refused("DependencyViolation", ec2.delete_subnet, SubnetId=subnet)
    refused("DependencyViolation", ec2.delete_security_group, GroupId=group)
    ec2.terminate_instances(InstanceIds=[started[0]["InstanceId"]])
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_security_group(GroupId=group)


def test_a_load_balancer_holds_all_that_it_uses(network: Network) -> None:
    ec2, elb, group = network.ec2, network.elb, network.security_group()
    balancer, targets = network.load_balancer(SecurityGroups=[group]), network.target_group()
    elb.create_listener(
        LoadBalancerArn=balancer,
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": targets}],
    )
    attached = {"InternetGatewayId": network.gateway, "VpcId": network.vpc}
    refused("DependencyViolation", ec2.delete_subnet, SubnetId=network.subnets[0])
    refused("DependencyViolation", ec2.delete_security_group, GroupId=group)
    refused("DependencyViolation", ec2.detach_internet_gateway, **attached)
    refused("ResourceInUse", elb.delete_target_group, TargetGroupArn=targets)
    elb.delete_load_balancer(LoadBalancerArn=balancer)
    elb.delete_target_group(TargetGroupArn=targets)
    ec2.delete_security_group(GroupId=group)
    ec2.delete_subnet(SubnetId=network.subnets[0])
    ec2.detach_internet_gateway(**attached)


def test_a_load_balancer_stays_in_its_vpc(client: Clients, network: Network) -> None:
    balancer, elsewhere = network.load_balancer(), Network(client)
    refused(
        "InvalidConfigurationRequest",
        network.elb.set_subnets,
        LoadBalancerArn=balancer,
        Subnets=elsewhere.subnets,
    )


def test_a_security_group_stays_while_another_refers_to_it(network: Network) -> None:
    ec2, peer, other = network.ec2, network.security_group("-peer"), network.security_group()
    rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80}
    rules = [{**rule, "UserIdGroupPairs": [{"GroupId": peer}]}]
    ec2.authorize_security_group_ingress(GroupId=other, IpPermissions=rules)
    refused("DependencyViolation", ec2.delete_security_group, GroupId=peer)
    ec2.revoke_security_group_ingress(GroupId=other, IpPermissions=rules)
    ec2.delete_security_group(GroupId=peer)


def test_a_certificate_stays_while_a_listener_has_it(client: Clients, network: Network) -> None:
    acm = client("acm")
    certificate = acm.request_certificate(
        DomainName=f"{network.name}.example", ValidationMethod="DNS"
    )["CertificateArn"]
    listener = network.elb.create_listener(
        LoadBalancerArn=network.load_balancer(),
        Protocol="HTTPS",
        Port=443,
        Certificates=[{"CertificateArn": certificate}],
        DefaultActions=[{"Type": "forward", "TargetGroupArn": network.target_group()}],
    )["Listeners"][0]["ListenerArn"]
    refused("ResourceInUseException", acm.delete_certificate, CertificateArn=certificate)
    network.elb.delete_listener(ListenerArn=listener)
    acm.delete_certificate(CertificateArn=certificate)


def test_a_database_holds_where_it_stands_and_what_it_has(
    client: Clients, network: Network
) -> None:
    """A PostgreSQL instance, which is recorded only."""
    rds, ec2, name, group = client("rds"), network.ec2, network.name, network.security_group()
    rds.create_db_subnet_group(
        DBSubnetGroupName=name, DBSubnetGroupDescription=name, SubnetIds=network.subnets
    )
    rds.create_db_parameter_group(
        DBParameterGroupName=name, DBParameterGroupFamily="postgres16", Description=name
    )
    rds.create_db_instance(
        DBInstanceIdentifier=name,
        Engine="postgres",
        DBInstanceClass="db.t4g.micro",
        AllocatedStorage=20,
        MasterUsername="somebody",
        MasterUserPassword="of-a-test-only",
        DBSubnetGroupName=name,
        DBParameterGroupName=name,
        VpcSecurityGroupIds=[group],
    )
    first, second = network.subnets
    staying = {"DBSubnetGroupName": name, "SubnetIds": [second, network.subnet(2, "c")]}
    elsewhere = {"DBSubnetGroupName": name, "SubnetIds": Network(client).subnets}
    refused("SubnetAlreadyInUse", rds.modify_db_subnet_group, **staying)
    refused("InvalidParameterValue", rds.modify_db_subnet_group, **elsewhere)
    deletions = (
        ("DependencyViolation", ec2.delete_subnet, {"SubnetId": first}),
        ("DependencyViolation", ec2.delete_security_group, {"GroupId": group}),
        (
            "InvalidDBSubnetGroupStateFault",
            rds.delete_db_subnet_group,
            {"DBSubnetGroupName": name},
        ),
        (
            "InvalidDBParameterGroupState",
            rds.delete_db_parameter_group,
            {"DBParameterGroupName": name},
        ),
    )
    for code, call, parameters in deletions:
        refused(code, call, **parameters)
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    for _, call, parameters in deletions:
        call(**parameters)
