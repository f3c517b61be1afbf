"""The tagging API lists what AWS lists there, with AWS's ARNs, and nothing that AWS leaves out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

import pytest

Clients = Callable[[str], Any]
Tags = dict[str, str]

ACCOUNT = "arn:aws:%s:ap-northeast-1:123456789012:"


@pytest.fixture
def tag() -> Tags:
    """One that nothing else has."""
    return {"test": uuid4().hex}


def pairs(tag: Tags, key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    return [{key: name, value: text} for name, text in tag.items()]


def listed(client: Clients, tag: Tags, *kinds: str) -> list[str]:
    api = client("resourcegroupstaggingapi")
    filters = [{"Key": key, "Values": [value]} for key, value in tag.items()]
    pages = api.get_paginator("get_resources").paginate(
        TagFilters=filters, ResourceTypeFilters=kinds
    )
    found = pages.build_full_result()["ResourceTagMappingList"]
    assert all(tag.items() <= {t["Key"]: t["Value"] for t in f["Tags"]}.items() for f in found)
    return sorted(each["ResourceARN"] for each in found)


def network(client: Clients) -> tuple[str, Sequence[str]]:
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    return vpc, [
        ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.7.{n}.0/24", AvailabilityZone=f"ap-northeast-1{zone}"
        )["Subnet"]["SubnetId"]
        for n, zone in enumerate("ac")
    ]


def flow_log(client: Clients, tag: Tags) -> str:
    vpc, _ = network(client)
    made = client("ec2").create_flow_logs(
        ResourceIds=[vpc],
        ResourceType="VPC",
        TrafficType="ALL",
        LogDestinationType="s3",
        LogDestination=f"arn:aws:s3:::{bucket(client)}",
        TagSpecifications=[{"ResourceType": "vpc-flow-log", "Tags": pairs(tag)}],
    )
    return ACCOUNT % "ec2" + f"vpc-flow-log/{made['FlowLogIds'][0]}"


def elastic_ip(client: Clients, tag: Tags) -> str:
    given = [{"ResourceType": "elastic-ip", "Tags": pairs(tag)}]
    made = client("ec2").allocate_address(Domain="vpc", TagSpecifications=given)
    return ACCOUNT % "ec2" + f"elastic-ip/{made['AllocationId']}"


def endpoint(client: Clients, tag: Tags) -> str:
    vpc, _ = network(client)
    made = client("ec2").create_vpc_endpoint(
        VpcId=vpc,
        VpcEndpointType="Gateway",
        ServiceName="com.amazonaws.ap-northeast-1.s3",
        TagSpecifications=[{"ResourceType": "vpc-endpoint", "Tags": pairs(tag)}],
    )
    return ACCOUNT % "ec2" + f"vpc-endpoint/{made['VpcEndpoint']['VpcEndpointId']}"


def launch_template(client: Clients, tag: Tags) -> str:
    made = client("ec2").create_launch_template(
        LaunchTemplateName=uuid4().hex,
        LaunchTemplateData={"InstanceType": "t3.micro"},
        TagSpecifications=[{"ResourceType": "launch-template", "Tags": pairs(tag)}],
    )
    return ACCOUNT % "ec2" + f"launch-template/{made['LaunchTemplate']['LaunchTemplateId']}"


def listener(client: Clients, tag: Tags) -> str:
    elb = client("elbv2")
    made = elb.create_load_balancer(Name=uuid4().hex, Subnets=network(client)[1])
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}
    return elb.create_listener(
        LoadBalancerArn=made["LoadBalancers"][0]["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[fixed],
        Tags=pairs(tag),
    )["Listeners"][0]["ListenerArn"]


def subnet_group(client: Clients, tag: Tags) -> str:
    return client("rds").create_db_subnet_group(
        DBSubnetGroupName=f"g-{uuid4().hex}",
        DBSubnetGroupDescription="tagged",
        SubnetIds=network(client)[1],
        Tags=pairs(tag),
    )["DBSubnetGroup"]["DBSubnetGroupArn"]


def parameter_group(client: Clients, tag: Tags) -> str:
    return client("rds").create_db_parameter_group(
        DBParameterGroupName=f"g-{uuid4().hex}",
        DBParameterGroupFamily="mysql8.4",
        Description="tagged",
        Tags=pairs(tag),
    )["DBParameterGroup"]["DBParameterGroupArn"]


def rule(client: Clients, tag: Tags) -> str:
    return client("events").put_rule(
        Name=uuid4().hex, ScheduleExpression="rate(1 day)", Tags=pairs(tag)
    )["RuleArn"]


def bucket(client: Clients) -> str:
    name = f"tagged-{uuid4().hex}"
    client("s3").create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"}
    )
    return name


def trail(client: Clients, tag: Tags) -> str:
    name = bucket(client)
    client("s3").put_bucket_policy(Bucket=name, Policy=json.dumps({"Statement": []}))
    made = client("cloudtrail").create_trail(
        Name=f"t{uuid4().hex}", S3BucketName=name, TagsList=pairs(tag)
    )
    return made["TrailARN"]


def web_acl(client: Clients, tag: Tags) -> str:
    return client("wafv2").create_web_acl(
        Name=uuid4().hex,
        Scope="REGIONAL",
        DefaultAction={"Allow": {}},
        VisibilityConfig={
            "SampledRequestsEnabled": False,
            "CloudWatchMetricsEnabled": False,
            "MetricName": "tagged",
        },
        Tags=pairs(tag),
    )["Summary"]["ARN"]


def repository(client: Clients, tag: Tags) -> str:
    made = client("codecommit").create_repository(repositoryName=uuid4().hex, tags=tag)
    return made["repositoryMetadata"]["Arn"]


def role(client: Clients, tag: Tags, service: str = "codebuild") -> str:
    trust = {
        "Action": "sts:AssumeRole",
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
    }
    return client("iam").create_role(
        RoleName=uuid4().hex,
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        Tags=pairs(tag),
    )["Role"]["Arn"]


def project(client: Clients, tag: Tags) -> str:
    return client("codebuild").create_project(
        name=f"p{uuid4().hex}",
        source={"type": "CODEPIPELINE"},
        artifacts={"type": "CODEPIPELINE"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": "image",
            "computeType": "BUILD_GENERAL1_SMALL",
        },
        serviceRole=role(client, {}),
        tags=pairs(tag, "key", "value"),
    )["project"]["arn"]


def pipeline(client: Clients, tag: Tags) -> str:
    name = uuid4().hex
    kind = {"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"}
    stages = [
        {"name": stage, "actions": [{"name": "a", "actionTypeId": {**kind, "category": category}}]}
        for stage, category in (("take", "Source"), ("give", "Deploy"))
    ]
    client("codepipeline").create_pipeline(
        pipeline={
            "name": name,
            "roleArn": role(client, {}, "codepipeline"),
            "artifactStore": {"type": "S3", "location": bucket(client)},
            "stages": stages,
        },
        tags=pairs(tag, "key", "value"),
    )
    return ACCOUNT % "codepipeline" + name


def hosted_zone(client: Clients, tag: Tags) -> str:
    route53 = client("route53")
    made = route53.create_hosted_zone(Name=f"{uuid4().hex}.example", CallerReference=uuid4().hex)
    id = made["HostedZone"]["Id"].removeprefix("/hostedzone/")
    route53.change_tags_for_resource(ResourceType="hostedzone", ResourceId=id, AddTags=pairs(tag))
    return id


def scaling_group(client: Clients, tag: Tags) -> str:
    name = uuid4().hex
    template = launch_template(client, {"other": "x"})
    of_group = {
        "ResourceId": name,
        "ResourceType": "auto-scaling-group",
        "PropagateAtLaunch": False,
    }
    client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName=name,
        MinSize=0,
        MaxSize=0,
        VPCZoneIdentifier=network(client)[1][0],
        LaunchTemplate={"LaunchTemplateId": template.rpartition("/")[2]},
        Tags=[{**each, **of_group} for each in pairs(tag)],
    )
    return name


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (flow_log, "ec2:vpc-flow-log"),
        (elastic_ip, "ec2:elastic-ip"),
        (endpoint, "ec2:vpc-endpoint"),
        (launch_template, "ec2:launch-template"),
        (listener, "elasticloadbalancing:listener"),
        (subnet_group, "rds:subgrp"),
        (parameter_group, "rds:pg"),
        (rule, "events:rule"),
        (trail, "cloudtrail:trail"),
        (web_acl, "wafv2:webacl"),
        (repository, "codecommit:repository"),
        (project, "codebuild:project"),
        (pipeline, "codepipeline:pipeline"),
    ],
)
def test_it_lists(client: Clients, tag: Tags, make: Callable[..., str], kind: str) -> None:
    arn = make(client, tag)
    assert listed(client, tag) == [arn]
    assert listed(client, tag, kind) == [arn]
    assert listed(client, tag, kind.partition(":")[0]) == [arn]
    assert listed(client, tag, "sqs") == []
    assert listed(client, {"test": "of nothing"}) == []


@pytest.mark.parametrize("make", [role, hosted_zone, scaling_group])
def test_it_does_not_list(client: Clients, tag: Tags, make: Callable[..., str]) -> None:
    """By AWS's list of what the tagging API supports, asked in Tokyo."""
    make(client, tag)
    assert listed(client, tag) == []


def test_a_deleted_endpoint_is_listed_no_more(client: Clients, tag: Tags) -> None:
    id = endpoint(client, tag).rpartition("/")[2]
    client("ec2").delete_vpc_endpoints(VpcEndpointIds=[id])
    assert listed(client, tag) == []


def test_many_come_in_pages(client: Clients, tag: Tags) -> None:
    made = sorted(rule(client, tag | {str(n): "x" for n in range(20)}) for _ in range(12))
    assert listed(client, tag) == made
