"""Roles of the shop's servers, of their delivery pipelines, and of the notifier (N3, C1, M1)."""

from __future__ import annotations

from infra_assets.policies import Statement, allow, document, trust, trusts_what_it_runs, via
from infra_assets.resource import Resource
from infra_assets.spec import PlatformSpec
from infra_assets.types.iam import InstanceProfile, Role
from infra_assets.types.kms import Key
from resources.names import Tier

TIERS: tuple[Tier, ...] = ("web", "was")


def server_roles(spec: PlatformSpec) -> list[Resource]:
    """For each tier a role of its servers and three of its pipeline; and the notifier's."""
    roles: list[Resource] = []
    for tier in TIERS:
        roles += [
            _server(spec, tier),
            InstanceProfile(name=spec.names.tier(tier), role=Role.ref(spec.names.tier(tier), "id")),
            _pipeline(spec, tier),
            _build(spec, tier),
            _trigger(spec, tier),
            _deploy(spec, tier),
        ]
    return [*roles, _notifier(spec)]


def _server(spec: PlatformSpec, tier: Tier) -> Role:
    """Shell access by Session Manager, deployments, and for the WAS its database and clicks."""
    agent = f"arn:aws:s3:::aws-codedeploy-{spec.region}"
    policies = {
        "take-deployments": document(
            allow(["s3:GetObject", "s3:GetObjectVersion"], [f"{agent}/*", _artifacts(spec, tier)]),
            _may_use_key(spec, "data", "s3"),
        ),
        "offer-shells": document(
            allow(["ssm:UpdateInstanceInformation"], [spec.arn("ec2", "instance/*")]),
            allow(
                [
                    "ssmmessages:CreateControlChannel",
                    "ssmmessages:CreateDataChannel",
                    "ssmmessages:OpenControlChannel",
                    "ssmmessages:OpenDataChannel",
                ],
                ["*"],
            ),
        ),
    }
    if tier == "was":
        policies["serve-the-shop"] = document(*_serve_the_shop(spec))
    return Role(
        name=spec.names.tier(tier),
        trust=trusts_what_it_runs("ec2.amazonaws.com"),
        policies=policies,
    )


def _serve_the_shop(spec: PlatformSpec) -> list[Statement]:
    database = spec.arn("rds", f"db:{spec.names.shop_database}")
    return [
        allow(["rds:DescribeDBInstances"], [database]),
        allow(
            ["secretsmanager:GetSecretValue"],
            [spec.arn("secretsmanager", f"secret:{spec.names.shop_session_key_secret}-*")],
        ),
        allow(
            ["secretsmanager:GetSecretValue"],
            [spec.arn("secretsmanager", "secret:rds!db-*")],
            {"StringEquals": {"secretsmanager:ResourceTag/aws:rds:primaryDBInstanceArn": database}},
        ),
        _may_read_key(spec, "data", "secretsmanager"),
        allow(
            ["firehose:PutRecordBatch"],
            [spec.arn("firehose", f"deliverystream/{spec.names.click_stream}")],
        ),
    ]


def _pipeline(spec: PlatformSpec, tier: Tier) -> Role:
    name = spec.names.tier(tier)
    deployment = [
        spec.arn("codedeploy", f"application:{name}"),
        spec.arn("codedeploy", f"deploymentgroup:{name}/servers"),
        spec.arn("codedeploy", "deploymentconfig:CodeDeployDefault.OneAtATime"),
    ]
    return Role(
        name=f"{name}-pipeline",
        trust=trust("codepipeline.amazonaws.com", spec.account_id),
        policies={
            "deliver": document(
                allow(
                    [
                        "codecommit:CancelUploadArchive",
                        "codecommit:GetBranch",
                        "codecommit:GetCommit",
                        "codecommit:GetUploadArchiveStatus",
                        "codecommit:UploadArchive",
                    ],
                    [spec.arn("codecommit", name)],
                ),
                _may_use_key(spec, "data", "codecommit"),
                allow(
                    ["codebuild:BatchGetBuilds", "codebuild:StartBuild"],
                    [spec.arn("codebuild", f"project/{name}")],
                ),
                allow(
                    [
                        "codedeploy:CreateDeployment",
                        "codedeploy:GetApplication",
                        "codedeploy:GetApplicationRevision",
                        "codedeploy:GetDeployment",
                        "codedeploy:GetDeploymentConfig",
                        "codedeploy:RegisterApplicationRevision",
                    ],
                    deployment,
                ),
                *_may_move_artifacts(spec, tier),
            )
        },
    )


def _build(spec: PlatformSpec, tier: Tier) -> Role:
    name = spec.names.tier(tier)
    group = spec.arn("logs", f"log-group:/aws/codebuild/{name}")
    return Role(
        name=f"{name}-build",
        trust=trust("codebuild.amazonaws.com", spec.account_id),
        policies={
            "build": document(
                allow(["logs:CreateLogStream", "logs:PutLogEvents"], [f"{group}:*"]),
                *_may_move_artifacts(spec, tier),
            )
        },
    )


def _trigger(spec: PlatformSpec, tier: Tier) -> Role:
    name = spec.names.tier(tier)
    pipeline = spec.arn("codepipeline", name)
    return Role(
        name=f"{name}-trigger",
        trust=trust("events.amazonaws.com", spec.account_id),
        policies={
            "start-pipeline": document(allow(["codepipeline:StartPipelineExecution"], [pipeline]))
        },
    )


def _deploy(spec: PlatformSpec, tier: Tier) -> Role:
    """What AWSCodeDeployRole allows everywhere, for one group of servers and in place only."""
    name = spec.names.tier(tier)
    scaling = spec.arn("autoscaling", f"autoScalingGroup:*:autoScalingGroupName/{name}")
    targets = [  # also of a group that has taken another one's place
        spec.arn("elasticloadbalancing", f"targetgroup/{each}/*") for each in (name, f"{name}-?")
    ]
    return Role(
        name=f"{name}-deploy",
        trust=trust("codedeploy.amazonaws.com", spec.account_id),
        policies={
            "deploy": document(
                allow(
                    [
                        "autoscaling:CompleteLifecycleAction",
                        "autoscaling:DeleteLifecycleHook",
                        "autoscaling:PutLifecycleHook",
                        "autoscaling:RecordLifecycleActionHeartbeat",
                        "autoscaling:ResumeProcesses",
                        "autoscaling:SuspendProcesses",
                        "autoscaling:UpdateAutoScalingGroup",
                    ],
                    [scaling],
                ),
                allow(
                    [
                        "elasticloadbalancing:DeregisterTargets",
                        "elasticloadbalancing:RegisterTargets",
                    ],
                    targets,
                ),
                allow(["cloudwatch:DescribeAlarms"], [spec.arn("cloudwatch", f"alarm:{name}-*")]),
                allow(
                    [
                        "autoscaling:DescribeAutoScalingGroups",
                        "autoscaling:DescribeLifecycleHooks",
                        "ec2:DescribeInstanceStatus",
                        "ec2:DescribeInstances",
                        "elasticloadbalancing:DescribeTargetGroups",
                        "elasticloadbalancing:DescribeTargetHealth",
                        "tag:GetResources",
                    ],
                    ["*"],
                ),
            )
        },
    )


def _notifier(spec: PlatformSpec) -> Role:
    name = f"{spec.names.prefix}-notifier"
    return Role(
        name=name,
        trust=trusts_what_it_runs("lambda.amazonaws.com"),
        policies={
            "notify": document(
                allow(
                    ["logs:CreateLogStream", "logs:PutLogEvents"],
                    [spec.arn("logs", f"log-group:/aws/lambda/{name}:*")],
                ),
                allow(
                    ["secretsmanager:GetSecretValue"],
                    [spec.arn("secretsmanager", f"secret:{spec.names.slack_token_secret}-*")],
                ),
                _may_read_key(spec, "data", "secretsmanager"),
                allow(["sqs:SendMessage"], [spec.arn("sqs", f"{name}-dead-letters")]),
                _may_use_key(spec, "alerts", "sqs"),
            )
        },
    )


def _artifacts(spec: PlatformSpec, tier: Tier) -> str:
    """CodePipeline keeps a pipeline's artifacts under the first 20 letters of its name."""
    return f"arn:aws:s3:::{spec.bucket('artifact')}/{spec.names.tier(tier)[:20]}/*"


def _may_move_artifacts(spec: PlatformSpec, tier: Tier) -> list[Statement]:
    return [
        allow(["s3:GetBucketVersioning"], [f"arn:aws:s3:::{spec.bucket('artifact')}"]),
        allow(["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"], [_artifacts(spec, tier)]),
        _may_use_key(spec, "data", "s3"),
    ]


def _may_use_key(spec: PlatformSpec, key: str, service: str) -> Statement:
    """A key for reading and writing, through one service only."""
    return allow(["kms:Decrypt", "kms:GenerateDataKey"], [Key.ref(key)], via(spec.region, service))


def _may_read_key(spec: PlatformSpec, key: str, service: str) -> Statement:
    return allow(["kms:Decrypt"], [Key.ref(key)], via(spec.region, service))
