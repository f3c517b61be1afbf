"""Servers, delivery and monitoring as AWS shows them, by the requirements' words (S1-S3, C1, M1,
M2, N3, N4), and what a change of the spec does to servers."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from infra_assets.registry import REGISTRY
from tests.infra_assets.world import World

TIERS = ["web", "was"]


class Account:
    """Reads AWS by plain calls; knows nothing of resource types."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __call__(self, service: str) -> Any:
        return self._world.aws.client(service)

    def balancer(self, tier: str) -> dict[str, Any]:
        return self("elbv2").describe_load_balancers(Names=[f"mall-dev-{tier}"])["LoadBalancers"][0]

    def listeners(self, tier: str) -> dict[int, dict[str, Any]]:
        found = self("elbv2").describe_listeners(
            LoadBalancerArn=self.balancer(tier)["LoadBalancerArn"]
        )
        return {listener["Port"]: listener for listener in found["Listeners"]}

    def target_group(self, tier: str) -> dict[str, Any]:
        found = self("elbv2").describe_target_groups(Names=[f"mall-dev-{tier}"])
        return found["TargetGroups"][0]

    def group(self, tier: str) -> dict[str, Any]:
        found = self("autoscaling").describe_auto_scaling_groups(
            AutoScalingGroupNames=[f"mall-dev-{tier}"]
        )
        return found["AutoScalingGroups"][0]

    def template(self, tier: str) -> dict[str, Any]:
        found = self("ec2").describe_launch_template_versions(
            LaunchTemplateName=f"mall-dev-{tier}", Versions=["$Default"]
        )
        return found["LaunchTemplateVersions"][0]["LaunchTemplateData"]

    def zones(self, subnets: list[str]) -> set[str]:
        found = self("ec2").describe_subnets(SubnetIds=subnets)["Subnets"]
        return {subnet["AvailabilityZone"] for subnet in found}

    def alarms(self) -> dict[str, dict[str, Any]]:
        found = self("cloudwatch").describe_alarms()["MetricAlarms"]
        return {alarm["AlarmName"].removeprefix("mall-dev-"): alarm for alarm in found}


@pytest.fixture
def account_of(complete: World) -> Account:
    return Account(complete)


def test_customers_reach_the_shop_over_https_only(account_of: Account) -> None:
    """(N4, S1) A TLS 1.2/1.3 policy, a redirect from HTTP, logs, no invalid headers."""
    balancer, listeners = account_of.balancer("web"), account_of.listeners("web")
    assert balancer["Scheme"] == "internet-facing"
    assert set(listeners) == {80, 443}
    assert (listeners[443]["Protocol"], listeners[443]["SslPolicy"]) == (
        "HTTPS",
        "ELBSecurityPolicy-TLS13-1-2-2021-06",
    )
    assert listeners[443]["Certificates"][0]["CertificateArn"].startswith("arn:aws:acm:")
    redirect = listeners[80]["DefaultActions"][0]["RedirectConfig"]
    assert (redirect["Protocol"], redirect["StatusCode"]) == ("HTTPS", "HTTP_301")


@pytest.mark.parametrize("tier", TIERS)
def test_load_balancers_log_and_watch_their_servers(account_of: Account, tier: str) -> None:
    """(S1, S2, M2)"""
    balancer = account_of.balancer(tier)
    found = account_of("elbv2").describe_load_balancer_attributes(
        LoadBalancerArn=balancer["LoadBalancerArn"]
    )["Attributes"]
    attributes = {each["Key"]: each["Value"] for each in found}
    assert attributes["access_logs.s3.enabled"] == "true"
    assert attributes["access_logs.s3.bucket"] == "mall-dev-log-123456789012"
    assert attributes["routing.http.drop_invalid_header_fields.enabled"] == "true"
    assert len(balancer["AvailabilityZones"]) == 2
    assert account_of.target_group(tier)["HealthCheckPath"] == "/health"


def test_the_application_is_reached_from_inside_only(account_of: Account) -> None:
    """(S2, N3)"""
    assert account_of.balancer("was")["Scheme"] == "internal"
    assert {port: lst["Protocol"] for port, lst in account_of.listeners("was").items()} == {
        80: "HTTP"
    }


@pytest.mark.parametrize("tier", TIERS)
def test_servers_are_private_encrypted_and_guard_their_metadata(
    account_of: Account, tier: str
) -> None:
    """(S1, S2, N3) No public address, IMDSv2, encrypted volumes, the newest AMI, the agent."""
    template = account_of.template(tier)
    (interface,) = template["NetworkInterfaces"]
    assert interface["AssociatePublicIpAddress"] is False
    assert template["MetadataOptions"]["HttpTokens"] == "required"
    (volume,) = template["BlockDeviceMappings"]
    assert volume["Ebs"]["Encrypted"] is True
    assert template["ImageId"].startswith("resolve:ssm:/aws/service/ami-amazon-linux-latest/")
    start = base64.b64decode(template["UserData"]).decode()
    assert "aws-codedeploy-ap-northeast-1" in start
    assert {"web": "nginx", "was": "python3.11"}[tier] in start
    assert "KeyName" not in template


@pytest.mark.parametrize("tier", TIERS)
def test_groups_span_both_zones_and_heal_and_scale_by_themselves(
    account_of: Account, tier: str
) -> None:
    """(S3, S4) Both zones, ELB health checks, target tracking on CPU and requests per target."""
    group = account_of.group(tier)
    subnets = group["VPCZoneIdentifier"].split(",")
    assert account_of.zones(subnets) == {"ap-northeast-1a", "ap-northeast-1c"}
    assert group["HealthCheckType"] == "ELB"
    assert group["MinSize"] >= 2
    assert group["MaxSize"] > group["MinSize"]
    assert group["TargetGroupARNs"] == [account_of.target_group(tier)["TargetGroupArn"]]
    policies = account_of("autoscaling").describe_policies(
        AutoScalingGroupName=group["AutoScalingGroupName"]
    )["ScalingPolicies"]
    metrics = {
        policy["TargetTrackingConfiguration"]["PredefinedMetricSpecification"][
            "PredefinedMetricType"
        ]
        for policy in policies
    }
    assert metrics == {"ASGAverageCPUUtilization", "ALBRequestCountPerTarget"}


@pytest.mark.parametrize("tier", TIERS)
def test_a_commit_is_built_and_deployed_by_itself(account_of: Account, tier: str) -> None:
    """(C1) From the repository's event to servers, also those that scaling adds."""
    name = f"mall-dev-{tier}"
    repository = account_of("codecommit").get_repository(repositoryName=name)["repositoryMetadata"]
    rule = account_of("events").describe_rule(Name=f"{name}-commit")
    pattern = json.loads(rule["EventPattern"])
    assert (rule["State"], pattern["resources"]) == ("ENABLED", [repository["Arn"]])
    (target,) = account_of("events").list_targets_by_rule(Rule=f"{name}-commit")["Targets"]
    assert target["Arn"].endswith(f":{name}")
    found = account_of("codepipeline").get_pipeline(name=name)["pipeline"]
    providers = [
        action["actionTypeId"]["provider"]
        for stage in found["stages"]
        for action in stage["actions"]
    ]
    assert providers == ["CodeCommit", "CodeBuild", "CodeDeploy"]
    assert found["artifactStore"]["location"] == "mall-dev-artifact-123456789012"
    assert found["artifactStore"]["encryptionKey"]["type"] == "KMS"


@pytest.mark.parametrize("tier", TIERS)
def test_a_deployment_keeps_the_shop_open_and_goes_back_when_it_fails(
    account_of: Account, tier: str
) -> None:
    """(C1) In place, out of the load balancer meanwhile, rolled back on failure or alarm."""
    group = account_of("codedeploy").get_deployment_group(
        applicationName=f"mall-dev-{tier}", deploymentGroupName="servers"
    )["deploymentGroupInfo"]
    assert group["deploymentStyle"] == {
        "deploymentType": "IN_PLACE",
        "deploymentOption": "WITH_TRAFFIC_CONTROL",
    }
    assert [each["name"] for each in group["autoScalingGroups"]] == [f"mall-dev-{tier}"]
    assert group["loadBalancerInfo"]["targetGroupInfoList"] == [{"name": f"mall-dev-{tier}"}]
    rollback = group["autoRollbackConfiguration"]
    assert rollback["enabled"]
    assert set(rollback["events"]) == {"DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"}
    alarms = {alarm["name"] for alarm in group["alarmConfiguration"]["alarms"]}
    assert alarms <= {f"mall-dev-{name}" for name in account_of.alarms()}


def test_everything_that_must_not_go_unseen_has_an_alarm(account_of: Account) -> None:
    """(M1) CPU at 75%, dead hosts, errors, storage, connections, clicks, the daemon's silence."""
    alarms = account_of.alarms()
    for tier in ("web", "was", "db"):
        cpu = alarms[f"{tier}-cpu"]
        assert (cpu["MetricName"], cpu["ComparisonOperator"], cpu["Threshold"]) == (
            "CPUUtilization",
            "GreaterThanOrEqualToThreshold",
            75,
        )
        assert (cpu["Period"], cpu["EvaluationPeriods"]) == (60, 1)
    assert {alarm["MetricName"] for alarm in alarms.values()} >= {
        "UnHealthyHostCount",
        "HTTPCode_Target_5XX_Count",
        "HTTPCode_ELB_5XX_Count",
        "FreeStorageSpace",
        "DatabaseConnections",
        "DeliveryToS3.Success",
        "PartitionCountExceeded",
    }
    assert alarms["dagster-daemon"]["TreatMissingData"] == "breaching"
    topic = "arn:aws:sns:ap-northeast-1:123456789012:mall-dev-alerts"
    for alarm in alarms.values():
        assert (alarm["AlarmActions"], alarm["OKActions"]) == ([topic], [topic])


def test_the_dashboard_shows_requests_per_target_and_connections(account_of: Account) -> None:
    """(M2) The distribution over the ALBs, and connections to web, WAS and DB."""
    found = account_of("cloudwatch").get_dashboard(DashboardName="mall-dev")
    shown: dict[str, set[str]] = {}
    for widget in json.loads(found["DashboardBody"])["widgets"]:
        for _, metric, *dimensions in widget["properties"]["metrics"]:
            shown.setdefault(metric, set()).add(dimensions[1])
    suffixes = {account_of.target_group(tier)["TargetGroupArn"].split(":")[-1] for tier in TIERS}
    assert shown["RequestCountPerTarget"] == suffixes
    assert len(shown["ActiveConnectionCount"]) == 2
    assert shown["DatabaseConnections"] == {"mall-dev-shop"}


def test_servers_are_replaced_when_what_they_start_as_changes(complete: World) -> None:
    """(S1) A new template version and an instance refresh, both in the plan; then nothing."""
    autoscaling = complete.aws.client("autoscaling")
    before = {i["InstanceId"] for i in Account(complete).group("web")["Instances"]}
    engine = complete.engine(web_servers={"instance_type": "t4g.medium"})
    plan = engine.plan(["web/servers"])
    assert [
        (s.resource.address, s.action, [c.attribute for c in s.changes]) for s in plan.changes
    ] == [
        ("ec2.LaunchTemplate/mall-dev-web", "update", ["instance_type"]),
        ("autoscaling.Group/mall-dev-web", "update", ["revision"]),
    ]
    engine.apply(["web/servers"])
    (refresh,) = autoscaling.describe_instance_refreshes(AutoScalingGroupName="mall-dev-web")[
        "InstanceRefreshes"
    ]
    assert refresh["Preferences"]["MinHealthyPercentage"] == 100
    after = Account(complete).group("web")["Instances"]
    assert before.isdisjoint(i["InstanceId"] for i in after)
    assert {i["InstanceType"] for i in after} == {"t4g.medium"}
    assert not engine.plan(["web/servers"]).changes


def test_how_many_servers_there_are_is_scalings_business(complete: World) -> None:
    """(S3) A moved desired capacity is no drift, and an apply leaves it."""
    autoscaling = complete.aws.client("autoscaling")
    autoscaling.set_desired_capacity(AutoScalingGroupName="mall-dev-was", DesiredCapacity=3)
    engine = complete.engine()
    assert not engine.plan(["was"]).changes
    engine.apply(["was"])
    assert Account(complete).group("was")["DesiredCapacity"] == 3


def test_what_a_deployment_suspends_is_no_drift(complete: World) -> None:
    """(C1) CodeDeploy holds a group still while it works, and may have to for long."""
    complete.aws.client("autoscaling").suspend_processes(
        AutoScalingGroupName="mall-dev-was", ScalingProcesses=["AZRebalance", "AlarmNotification"]
    )
    assert not complete.engine().plan(["was"]).changes


@pytest.mark.parametrize("tier", TIERS)
def test_servers_and_their_volumes_say_whose_they_are(complete: World, tier: str) -> None:
    """By environment and asset; what a group starts is no orphan."""
    ec2 = complete.aws.client("ec2")
    servers = [i["InstanceId"] for i in Account(complete).group(tier)["Instances"]]
    volumes = ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": servers}])[
        "Volumes"
    ]
    assert len(volumes) >= len(servers)
    for id in [*servers, *(volume["VolumeId"] for volume in volumes)]:
        found = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [id]}])["Tags"]
        tags = {tag["Key"]: tag["Value"] for tag in found}
        assert (tags["mall:environment"], tags["mall:asset"]) == ("dev", f"{tier}/servers")
    assert {f"{tier}/servers" for tier in TIERS} <= {asset.address for asset in REGISTRY}
    assert complete.engine().plan().orphans == ()


def test_the_alarms_of_scaling_are_its_own(complete: World) -> None:
    """(S3) What target tracking makes for itself is neither drift nor left over."""
    cloudwatch = complete.aws.client("cloudwatch")
    for side, comparison in (("High", "GreaterThanThreshold"), ("Low", "LessThanThreshold")):
        cloudwatch.put_metric_alarm(
            AlarmName=f"TargetTracking-mall-dev-web-Alarm{side}-0123",
            Namespace="AWS/EC2",
            MetricName="CPUUtilization",
            Dimensions=[{"Name": "AutoScalingGroupName", "Value": "mall-dev-web"}],
            Statistic="Average",
            Period=60,
            EvaluationPeriods=3,
            Threshold=50,
            ComparisonOperator=comparison,
        )
    plan = complete.engine().plan()
    assert (plan.changes, plan.orphans) == ([], ())
    complete.engine().apply()
    found = cloudwatch.describe_alarms(AlarmNamePrefix="TargetTracking-")["MetricAlarms"]
    assert len(found) == 2
