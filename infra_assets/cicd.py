"""Delivery: every commit on `main` is built, and deployed to the servers of its tier (C1)."""

from __future__ import annotations

from infra_assets.infra_asset import infra_asset
from infra_assets.resource import Resource
from infra_assets.spec import PlatformSpec
from infra_assets.types.autoscaling import Group
from infra_assets.types.cloudwatch import Alarm
from infra_assets.types.codebuild import Project
from infra_assets.types.codecommit import Repository
from infra_assets.types.codedeploy import Application, DeploymentGroup
from infra_assets.types.codepipeline import Pipeline
from infra_assets.types.elbv2 import TargetGroup
from infra_assets.types.events import Rule
from infra_assets.types.iam import Role
from infra_assets.types.kms import Key
from infra_assets.types.logs import LogGroup
from infra_assets.types.s3 import Bucket
from resources.names import Tier

BRANCH = "main"
_IMAGE = "aws/codebuild/amazonlinux-aarch64-standard:3.0"
_DEPS = (
    "security/encryption_keys",
    "security/iam_roles",
    "storage/artifact_bucket",
    "monitoring/alarms",
)
_KINDS = ("codecommit", "codebuild", "codedeploy", "codepipeline")


@infra_asset(area="cicd", deps=[*_DEPS, "web/load_balancer", "web/servers"], kinds=_KINDS)
def web_pipeline(spec: PlatformSpec) -> list[Resource]:
    """The shop's page and nginx, from a commit to every web server (C1)."""
    return _delivery(spec, "web")


@infra_asset(area="cicd", deps=[*_DEPS, "was/load_balancer", "was/servers"], kinds=_KINDS)
def was_pipeline(spec: PlatformSpec) -> list[Resource]:
    """The shop's API, from a commit to every application server (C1)."""
    return _delivery(spec, "was")


def _delivery(spec: PlatformSpec, tier: Tier) -> list[Resource]:
    name = spec.names.tier(tier)
    log_group = f"/aws/codebuild/{name}"
    group = f"{name}:servers"
    return [
        Repository(
            name=name,
            description=f"The {tier} tier's application; its first contents are deploy/{tier}.",
            key=Key.ref("data"),
        ),
        LogGroup(name=log_group, retention_days=90),
        Project(
            name=name,
            role=Role.ref(f"{name}-build"),
            key=Key.ref("data"),
            image=_IMAGE,
            log_group=LogGroup.ref(log_group, "id"),
        ),
        Application(name=name),
        DeploymentGroup(
            name=group,
            application=Application.ref(name, "id"),
            role=Role.ref(f"{name}-deploy"),
            scaling_group=Group.ref(name, "id"),
            target_group=TargetGroup.ref(name, "id"),
            alarms=(Alarm.ref(f"{name}-errors", "id"),),
        ),
        Pipeline(
            name=name,
            role=Role.ref(f"{name}-pipeline"),
            bucket=Bucket.ref(spec.bucket("artifact"), "id"),
            key=Key.ref("data"),
            repository=Repository.ref(name, "id"),
            branch=BRANCH,
            project=Project.ref(name, "id"),
            application=Application.ref(name, "id"),
            deployment_group=DeploymentGroup.ref(group, "id"),
        ),
        Rule(
            name=f"{name}-commit",
            description=f"Starts the {tier} pipeline on every commit on {BRANCH}.",
            pattern={
                "source": ["aws.codecommit"],
                "detail-type": ["CodeCommit Repository State Change"],
                "resources": [Repository.ref(name)],
                "detail": {
                    "event": ["referenceCreated", "referenceUpdated"],
                    "referenceType": ["branch"],
                    "referenceName": [BRANCH],
                },
            },
            target=Pipeline.ref(name),
            role=Role.ref(f"{name}-trigger"),
        ),
    ]
