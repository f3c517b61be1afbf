"""Delivery: for each tier from a commit to every server (C1)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.audit.account import ACCOUNT_ID, REGION, TIERS, Account

pytestmark = pytest.mark.parametrize("tier", TIERS)


def pipeline(account: Account, tier: str) -> dict[str, Any]:
    return account.read("codepipeline", "get_pipeline", name=account.named(tier))["pipeline"]


def actions(account: Account, tier: str) -> dict[str, dict[str, str]]:
    """What each stage does, by the service that does it, in order."""
    return {
        action["actionTypeId"]["provider"]: action["configuration"]
        for stage in pipeline(account, tier)["stages"]
        for action in stage["actions"]
    }


def deployment_group(account: Account, tier: str) -> dict[str, Any]:
    name = actions(account, tier)["CodeDeploy"]["DeploymentGroupName"]
    answer = account.read(
        "codedeploy",
        "get_deployment_group",
        applicationName=account.named(tier),
        deploymentGroupName=name,
    )
    return answer["deploymentGroupInfo"]


def test_a_pipeline_takes_a_commit_builds_and_deploys(account: Account, tier: str) -> None:
    found = actions(account, tier)
    assert list(found) == ["CodeCommit", "CodeBuild", "CodeDeploy"]
    assert found["CodeCommit"]["RepositoryName"] == account.named(tier)
    assert found["CodeBuild"]["ProjectName"] == account.named(tier)
    assert found["CodeDeploy"]["ApplicationName"] == account.named(tier)
    assert pipeline(account, tier)["roleArn"] == account.role_arn(f"{tier}-pipeline")


def test_artifacts_are_encrypted(account: Account, tier: str) -> None:
    store = pipeline(account, tier)["artifactStore"]
    assert (store["type"], store["location"]) == ("S3", account.bucket("artifact"))
    assert store["encryptionKey"] == {"id": account.key("data"), "type": "KMS"}


def test_the_source_is_encrypted(account: Account, tier: str) -> None:
    answer = account.read("codecommit", "get_repository", repositoryName=account.named(tier))
    assert answer["repositoryMetadata"]["kmsKeyId"] == account.key("data")


def test_every_commit_starts_the_pipeline(account: Account, tier: str) -> None:
    """By an event, not by asking again and again."""
    branch = actions(account, tier)["CodeCommit"]["BranchName"]
    assert actions(account, tier)["CodeCommit"]["PollForSourceChanges"] == "false"
    repository = f"arn:aws:codecommit:{REGION}:{ACCOUNT_ID}:{account.named(tier)}"
    started = f"arn:aws:codepipeline:{REGION}:{ACCOUNT_ID}:{account.named(tier)}"
    names = account.read("events", "list_rule_names_by_target", TargetArn=started)["RuleNames"]
    (name,) = names
    rule = account.read("events", "describe_rule", Name=name)
    pattern = json.loads(rule["EventPattern"])
    assert rule["State"] == "ENABLED"
    assert pattern["source"] == ["aws.codecommit"]
    assert pattern["resources"] == [repository]
    assert set(pattern["detail"]["event"]) == {"referenceCreated", "referenceUpdated"}
    assert pattern["detail"]["referenceName"] == [branch]
    (target,) = account.read("events", "list_targets_by_rule", Rule=name)["Targets"]
    assert target["RoleArn"] == account.role_arn(f"{tier}-trigger")


def test_a_build_runs_without_privileges_and_logs(account: Account, tier: str) -> None:
    (project,) = account.read("codebuild", "batch_get_projects", names=[account.named(tier)])[
        "projects"
    ]
    assert (project["source"]["type"], project["artifacts"]["type"]) == (
        "CODEPIPELINE",
        "CODEPIPELINE",
    )
    assert project["serviceRole"] == account.role_arn(f"{tier}-build")
    assert project["encryptionKey"] == account.key("data")
    assert project["environment"]["privilegedMode"] is False
    logs = project["logsConfig"]["cloudWatchLogs"]
    assert logs["status"] == "ENABLED"
    found = account.read("logs", "describe_log_groups", logGroupNamePrefix=logs["groupName"])[
        "logGroups"
    ]
    assert [group["logGroupName"] for group in found] == [logs["groupName"]]


def test_deployments_are_in_place_behind_the_load_balancer(account: Account, tier: str) -> None:
    found = deployment_group(account, tier)
    assert found["deploymentStyle"] == {
        "deploymentType": "IN_PLACE",
        "deploymentOption": "WITH_TRAFFIC_CONTROL",
    }
    (target,) = found["loadBalancerInfo"]["targetGroupInfoList"]
    assert target["name"] == account.target_group(tier)["TargetGroupName"]
    assert found["deploymentConfigName"] != "CodeDeployDefault.AllAtOnce"
    assert found["serviceRoleArn"] == account.role_arn(f"{tier}-deploy")


def test_deployments_reach_servers_that_scaling_adds(account: Account, tier: str) -> None:
    found = deployment_group(account, tier)
    assert [group["name"] for group in found["autoScalingGroups"]] == [account.named(tier)]
    assert found["outdatedInstancesStrategy"] == "UPDATE"


def test_a_deployment_that_fails_or_alarms_is_rolled_back(account: Account, tier: str) -> None:
    found = deployment_group(account, tier)
    rollback, alarms = found["autoRollbackConfiguration"], found["alarmConfiguration"]
    assert rollback["enabled"] and set(rollback["events"]) == {
        "DEPLOYMENT_FAILURE",
        "DEPLOYMENT_STOP_ON_ALARM",
    }
    assert alarms["enabled"]
    names = [alarm["name"] for alarm in alarms["alarms"]]
    there = account.read("cloudwatch", "describe_alarms", AlarmNames=names)["MetricAlarms"]
    assert names and len(there) == len(names)
