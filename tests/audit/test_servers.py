"""The web and the application tier: templates, load balancers, groups of servers (S1, S2, S3)."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.audit.account import TIERS, ZONES, Account

pytestmark = pytest.mark.parametrize("tier", TIERS)

BALANCERS = {
    "web": {"scheme": "internet-facing", "subnets": "public", "group": "public-alb"},
    "was": {"scheme": "internal", "subnets": "was", "group": "internal-alb"},
}
RUNTIMES = {"web": "nginx", "was": "python3"}


def template(account: Account, tier: str) -> dict[str, Any]:
    """What a tier's servers start from."""
    answer = account.read(
        "ec2",
        "describe_launch_template_versions",
        LaunchTemplateName=account.named(tier),
        Versions=["$Default"],
    )
    return answer["LaunchTemplateVersions"][0]["LaunchTemplateData"]


def group(account: Account, tier: str) -> dict[str, Any]:
    answer = account.read(
        "autoscaling",
        "describe_auto_scaling_groups",
        AutoScalingGroupNames=[account.named(tier)],
    )
    return answer["AutoScalingGroups"][0]


def listeners(account: Account, tier: str) -> dict[int, dict[str, Any]]:
    arn = account.load_balancer(tier)["LoadBalancerArn"]
    found = account.read("elbv2", "describe_listeners", LoadBalancerArn=arn)["Listeners"]
    return {listener["Port"]: listener for listener in found}


def attributes(account: Account, tier: str) -> dict[str, str]:
    answer = account.read(
        "elbv2",
        "describe_load_balancer_attributes",
        LoadBalancerArn=account.load_balancer(tier)["LoadBalancerArn"],
    )
    return {a["Key"]: a["Value"] for a in answer["Attributes"]}


# ── launch templates ─────────────────────────────────────────────────────────────────────────


def test_servers_ask_for_session_tokens_of_the_metadata_service(
    account: Account, tier: str
) -> None:
    """IMDSv2 only, from the server itself only."""
    options = template(account, tier)["MetadataOptions"]
    assert (options["HttpTokens"], options["HttpPutResponseHopLimit"]) == ("required", 1)


def test_servers_volumes_are_encrypted(account: Account, tier: str) -> None:
    (volume,) = template(account, tier)["BlockDeviceMappings"]
    assert volume["Ebs"]["Encrypted"] is True


def test_servers_start_from_amazons_newest_image(account: Account, tier: str) -> None:
    assert template(account, tier)["ImageId"].startswith("resolve:ssm:/aws/service/")


def test_servers_get_no_public_address_and_no_key_pair(account: Account, tier: str) -> None:
    """(N3)"""
    found = template(account, tier)
    (interface,) = found["NetworkInterfaces"]
    assert interface["AssociatePublicIpAddress"] is False
    assert interface["Groups"] == [account.security_groups()[tier]["GroupId"]]
    assert "KeyName" not in found


def test_servers_install_the_agent_and_their_runtime(account: Account, tier: str) -> None:
    """(C1)"""
    script = base64.b64decode(template(account, tier)["UserData"]).decode()
    assert script.startswith("#!/bin/bash\n")
    assert "aws-codedeploy-ap-northeast-1" in script
    (packages,) = [line for line in script.splitlines() if line.startswith("dnf install")]
    assert RUNTIMES[tier] in packages


def test_servers_take_the_role_of_their_tier(account: Account, tier: str) -> None:
    profile = template(account, tier)["IamInstanceProfile"]["Arn"]
    assert profile.endswith(f":instance-profile/{account.named(tier)}")


# ── load balancers ───────────────────────────────────────────────────────────────────────────


def test_a_load_balancer_stands_in_both_zones(account: Account, tier: str) -> None:
    expected, found = BALANCERS[tier], account.load_balancer(tier)
    assert (found["Type"], found["Scheme"]) == ("application", expected["scheme"])
    assert {z["ZoneName"]: z["SubnetId"] for z in found["AvailabilityZones"]} == account.subnets(
        expected["subnets"]
    )
    assert found["SecurityGroups"] == [account.security_groups()[expected["group"]]["GroupId"]]


def test_a_load_balancer_logs_and_drops_invalid_headers(account: Account, tier: str) -> None:
    """(M2, N5)"""
    found = attributes(account, tier)
    assert found["access_logs.s3.enabled"] == "true"
    assert found["access_logs.s3.bucket"] == account.bucket("log")
    assert found["routing.http.drop_invalid_header_fields.enabled"] == "true"


def test_outside_production_a_load_balancer_can_be_deleted(account: Account, tier: str) -> None:
    assert attributes(account, tier)["deletion_protection.enabled"] == "false"


def test_customers_speak_https_and_servers_http(account: Account, tier: str) -> None:
    """(N4) HTTPS by TLS 1.2 or 1.3, HTTP redirects; inside, one HTTP listener."""
    found = listeners(account, tier)
    arn = account.target_group(tier)["TargetGroupArn"]
    entrance = found[443 if tier == "web" else 80]
    assert [(a["Type"], a["TargetGroupArn"]) for a in entrance["DefaultActions"]] == [
        ("forward", arn)
    ]
    if tier == "was":
        assert (list(found), entrance["Protocol"]) == ([80], "HTTP")
        return
    assert sorted(found) == [80, 443]
    assert entrance["Protocol"] == "HTTPS" and entrance["Certificates"]
    assert entrance["SslPolicy"].startswith("ELBSecurityPolicy-TLS13-1-2-")
    (redirect,) = found[80]["DefaultActions"]
    assert redirect["Type"] == "redirect"
    assert redirect["RedirectConfig"]["Protocol"] == "HTTPS"
    assert redirect["RedirectConfig"]["StatusCode"] == "HTTP_301"


def test_a_target_group_checks_its_servers_health(account: Account, tier: str) -> None:
    found = account.target_group(tier)
    assert (found["HealthCheckEnabled"], found["HealthCheckPath"]) == (True, "/health")
    assert found["Matcher"]["HttpCode"] == "200"
    assert (found["TargetType"], found["VpcId"]) == ("instance", account.vpc_id())


# ── groups of servers ────────────────────────────────────────────────────────────────────────


def test_a_group_has_servers_in_both_zones(account: Account, tier: str) -> None:
    """(S3) At least two, and room to grow."""
    found = group(account, tier)
    assert set(found["VPCZoneIdentifier"].split(",")) == set(account.subnets(tier).values())
    assert {server["AvailabilityZone"] for server in found["Instances"]} == set(ZONES)
    assert 2 <= found["MinSize"] < found["MaxSize"]


def test_a_group_replaces_what_the_load_balancer_finds_ill(account: Account, tier: str) -> None:
    """(S3)"""
    found = group(account, tier)
    assert found["HealthCheckType"] == "ELB"
    assert found["TargetGroupARNs"] == [account.target_group(tier)["TargetGroupArn"]]
    assert found["SuspendedProcesses"] == []


def test_a_group_starts_servers_from_the_newest_template(account: Account, tier: str) -> None:
    """(S3)"""
    found = group(account, tier)["LaunchTemplate"]
    assert found["LaunchTemplateName"] == account.named(tier)
    assert found["Version"] in ("$Default", "$Latest")


def test_a_group_scales_on_cpu_and_on_requests(account: Account, tier: str) -> None:
    """(S3) CPU well below the alarm; requests per target of the tier's own load balancer."""
    answer = account.read(
        "autoscaling", "describe_policies", AutoScalingGroupName=account.named(tier)
    )
    assert {p["PolicyType"] for p in answer["ScalingPolicies"]} == {"TargetTrackingScaling"}
    targets = {
        t["PredefinedMetricSpecification"]["PredefinedMetricType"]: t
        for t in (p["TargetTrackingConfiguration"] for p in answer["ScalingPolicies"])
    }
    assert set(targets) == {"ASGAverageCPUUtilization", "ALBRequestCountPerTarget"}
    assert targets["ASGAverageCPUUtilization"]["TargetValue"] < 75
    label = targets["ALBRequestCountPerTarget"]["PredefinedMetricSpecification"]["ResourceLabel"]
    balancer = account.load_balancer(tier)["LoadBalancerArn"].split(":loadbalancer/")[1]
    assert label.startswith(f"{balancer}/targetgroup/{account.named(tier)}/")
