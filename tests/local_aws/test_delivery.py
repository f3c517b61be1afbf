"""CodeCommit, CodeBuild, CodeDeploy, CodePipeline: what moto lacks of keeping them (C1)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

Clients = Callable[[str], Any]


@pytest.fixture
def name() -> str:
    return f"web-{uuid.uuid4()}"


def role(client: Clients, service: str) -> str:
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    created = client("iam").create_role(
        RoleName=f"{service}-{uuid.uuid4()}", AssumeRolePolicyDocument=document
    )
    return created["Role"]["Arn"]


def test_a_repository_is_tagged_listed_and_changed(client: Clients, name: str) -> None:
    codecommit = client("codecommit")
    created = codecommit.create_repository(
        repositoryName=name, repositoryDescription="first", tags={"mall:asset": "web"}
    )["repositoryMetadata"]
    arn = created["Arn"]
    assert codecommit.list_tags_for_resource(resourceArn=arn)["tags"] == {"mall:asset": "web"}
    codecommit.tag_resource(resourceArn=arn, tags={"owner": "data"})
    codecommit.untag_resource(resourceArn=arn, tagKeys=["mall:asset"])
    assert codecommit.list_tags_for_resource(resourceArn=arn)["tags"] == {"owner": "data"}

    codecommit.update_repository_description(repositoryName=name, repositoryDescription="second")
    codecommit.update_default_branch(repositoryName=name, defaultBranchName="main")
    codecommit.update_repository_name(oldName=name, newName=f"{name}-new")

    changed = codecommit.get_repository(repositoryName=f"{name}-new")["repositoryMetadata"]
    assert changed["repositoryDescription"] == "second"
    assert changed["defaultBranch"] == "main"
    assert changed["Arn"] == f"{arn}-new"
    assert changed["cloneUrlHttp"].endswith(f"/{name}-new")
    names = [each["repositoryName"] for each in codecommit.list_repositories()["repositories"]]
    assert f"{name}-new" in names
    assert name not in names
    with pytest.raises(ClientError, match="RepositoryDoesNotExistException"):
        codecommit.update_repository_description(repositoryName=name, repositoryDescription="gone")


def test_a_build_project_for_a_pipeline_keeps_its_settings_and_updates(
    client: Clients, name: str
) -> None:
    codebuild = client("codebuild")
    project = {
        "name": name,
        "description": "builds the web tier",
        "source": {"type": "CODEPIPELINE", "buildspec": "buildspec.yml"},
        "artifacts": {"type": "CODEPIPELINE"},
        "environment": {
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/amazonlinux-x86_64-standard:5.0",
            "computeType": "BUILD_GENERAL1_SMALL",
        },
        "serviceRole": "arn:aws:iam::123456789012:role/build",
        "encryptionKey": "arn:aws:kms:ap-northeast-1:123456789012:key/1",
        "logsConfig": {"cloudWatchLogs": {"status": "ENABLED", "groupName": "/build"}},
        "tags": [{"key": "mall:asset", "value": "web_pipeline"}],
    }
    codebuild.create_project(**project)

    def kept() -> dict[str, Any]:
        return codebuild.batch_get_projects(names=[name])["projects"][0]

    assert {key: kept()[key] for key in project} == project
    assert kept()["timeoutInMinutes"] == 60

    codebuild.update_project(
        name=name, timeoutInMinutes=20, source=project["source"] | {"buildspec": "other.yml"}
    )
    assert kept()["timeoutInMinutes"] == 20
    assert kept()["source"]["buildspec"] == "other.yml"
    assert kept()["description"] == "builds the web tier"
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        codebuild.update_project(name=f"{name}-missing", timeoutInMinutes=20)


def test_deployment_groups_and_applications_change_and_go(client: Clients, name: str) -> None:
    codedeploy = client("codedeploy")
    codedeploy.create_application(applicationName=name, computePlatform="Server")
    codedeploy.create_deployment_group(
        applicationName=name,
        deploymentGroupName="web",
        serviceRoleArn="arn:aws:iam::123456789012:role/deploy",
        autoScalingGroups=["web-a"],
        alarmConfiguration={"enabled": True, "alarms": [{"name": "web-5xx"}]},
        deploymentStyle={
            "deploymentType": "IN_PLACE",
            "deploymentOption": "WITH_TRAFFIC_CONTROL",
        },
    )

    def group(group_name: str = "web") -> dict[str, Any]:
        return codedeploy.get_deployment_group(
            applicationName=name, deploymentGroupName=group_name
        )["deploymentGroupInfo"]

    assert [each["name"] for each in group()["autoScalingGroups"]] == ["web-a"]
    assert group()["alarmConfiguration"]["alarms"] == [{"name": "web-5xx"}]

    codedeploy.update_deployment_group(
        applicationName=name,
        currentDeploymentGroupName="web",
        newDeploymentGroupName="web-2",
        autoScalingGroups=["web-b"],
        autoRollbackConfiguration={"enabled": True, "events": ["DEPLOYMENT_FAILURE"]},
    )
    changed = group("web-2")
    assert [each["name"] for each in changed["autoScalingGroups"]] == ["web-b"]
    assert changed["autoRollbackConfiguration"]["events"] == ["DEPLOYMENT_FAILURE"]
    assert changed["deploymentStyle"]["deploymentType"] == "IN_PLACE"
    found = codedeploy.batch_get_deployment_groups(
        applicationName=name, deploymentGroupNames=["web-2", "web"]
    )["deploymentGroupsInfo"]
    assert [each["deploymentGroupName"] for each in found] == ["web-2"]

    codedeploy.delete_deployment_group(applicationName=name, deploymentGroupName="web-2")
    with pytest.raises(ClientError, match="DeploymentGroupDoesNotExist"):
        group("web-2")
    codedeploy.update_application(applicationName=name, newApplicationName=f"{name}-2")
    codedeploy.get_application(applicationName=f"{name}-2")
    codedeploy.delete_application(applicationName=f"{name}-2")
    with pytest.raises(ClientError, match="ApplicationDoesNotExist"):
        codedeploy.get_application(applicationName=f"{name}-2")


def test_a_pipelines_state_shows_its_latest_execution(client: Clients, name: str) -> None:
    codepipeline = client("codepipeline")

    def stage(stage_name: str, category: str, provider: str) -> dict[str, Any]:
        kind = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
        return {"name": stage_name, "actions": [{"name": provider, "actionTypeId": kind}]}

    codepipeline.create_pipeline(
        pipeline={
            "name": name,
            "roleArn": role(client, "codepipeline"),
            "artifactStore": {"type": "S3", "location": "artifacts"},
            "stages": [
                stage("Source", "Source", "CodeCommit"),
                stage("Build", "Build", "CodeBuild"),
            ],
        }
    )
    state = codepipeline.get_pipeline_state(name=name)
    assert [each["stageName"] for each in state["stageStates"]] == ["Source", "Build"]
    assert "latestExecution" not in state["stageStates"][0]

    execution = codepipeline.start_pipeline_execution(name=name)["pipelineExecutionId"]
    latest = codepipeline.get_pipeline_state(name=name)["stageStates"][1]["latestExecution"]
    assert latest == {"pipelineExecutionId": execution, "status": "Succeeded"}
    with pytest.raises(ClientError, match="PipelineNotFoundException"):
        codepipeline.get_pipeline_state(name=f"{name}-missing")
