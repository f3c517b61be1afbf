"""What a run that applies infrastructure may do, one policy for each part of it.

Where AWS knows an object by its name, only names of this environment are reached; where it doesn't
(EC2, KMS), only what carries this environment's tag, or is made with it. Both are what the engine
goes by, so what it may change is what it may find. Deleting what holds data is a policy of its own,
which exists only where the spec allows that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from infra_assets.policies import Statement, allow
from infra_assets.spec import PlatformSpec
from infra_assets.types.iam import Role

_MADE_BY_EC2 = (
    "elastic-ip",
    "internet-gateway",
    "launch-template",
    "natgateway",
    "route-table",
    "security-group",
    "subnet",
    "vpc",
    "vpc-endpoint",
    "vpc-flow-log",
)
_SERVICES_WITH_ROLES_OF_THEIR_OWN = ("autoscaling", "elasticloadbalancing", "rds", "wafv2")


def apply_rights(spec: PlatformSpec, roles: Sequence[Role]) -> dict[str, list[Statement]]:
    """The statements by the name of their policy; `roles` are those that can be handed over."""
    rights = {
        "network": _network(spec),
        "servers": [*_balancers(spec), *_servers(spec), *_domain(spec)],
        "data": [*_storage(spec), *_database(spec), *_analytics(spec), *_quicksight(spec)],
        "delivery": [*_delivery(spec), *_monitoring(spec)],
        "identity": [*_roles(spec, roles), *_keys(spec), *_secrets(spec)],
    }
    return rights | ({"data-loss": _data_loss(spec)} if spec.allow_data_loss else {})


def _network(spec: PlatformSpec) -> list[Statement]:
    ours = made_by_ec2(spec)
    creating = _actions(
        "ec2",
        "AllocateAddress CreateFlowLogs CreateInternetGateway CreateLaunchTemplate CreateNatGateway"
        " CreateRouteTable CreateSecurityGroup CreateSubnet CreateVpc CreateVpcEndpoint",
    )
    return [
        allow(creating, ours, made_as(spec)),
        allow(
            _actions(
                "ec2",
                "CreateFlowLogs CreateNatGateway CreateRouteTable CreateSecurityGroup CreateSubnet"
                " CreateVpcEndpoint AssociateRouteTable AttachInternetGateway"
                " AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress"
                " CreateLaunchTemplateVersion CreateRoute CreateTags DeleteFlowLogs"
                " DeleteInternetGateway DeleteLaunchTemplate DeleteNatGateway DeleteRoute"
                " DeleteRouteTable DeleteSecurityGroup DeleteSubnet DeleteVpc DeleteVpcEndpoints"
                " DetachInternetGateway DisassociateRouteTable DisassociateVpcCidrBlock"
                " ModifyLaunchTemplate ModifySubnetAttribute ModifyVpcAttribute ModifyVpcEndpoint"
                " ReleaseAddress ReplaceRoute ReplaceRouteTableAssociation",
            ),
            ours,
            _tagged(spec),
        ),
        allow(
            ["ec2:CreateTags"],
            [*ours, *_started(spec)],
            {"StringEquals": {"ec2:CreateAction": [*_names(creating), "RunInstances"]}},
        ),
        allow(  # a VPC's default group has no tags, and is closed by this
            _actions("ec2", "RevokeSecurityGroupEgress RevokeSecurityGroupIngress"),
            [spec.arn("ec2", "security-group/*")],
        ),
        allow(
            _actions(
                "ec2",
                "DescribeAccountAttributes DescribeAddresses DescribeAvailabilityZones"
                " DescribeFlowLogs DescribeInternetGateways DescribeLaunchTemplateVersions"
                " DescribeLaunchTemplates DescribeNatGateways DescribeRouteTables"
                " DescribeSecurityGroups DescribeSubnets DescribeVpcEndpoints DescribeVpcs",
            ),
            ["*"],
        ),
        allow(["ec2:DescribeVpcAttribute"], [spec.arn("ec2", "vpc/*")]),
        allow(_actions("logs", "CreateLogDelivery DeleteLogDelivery"), ["*"]),
    ]


def _balancers(spec: PlatformSpec) -> list[Statement]:
    kinds = ("loadbalancer/app", "listener/app", "listener-rule/app", "targetgroup")
    named = [spec.arn("elasticloadbalancing", f"{k}/{spec.names.prefix}-*") for k in kinds]
    acl = [spec.arn("wafv2", f"regional/webacl/{spec.names.prefix}/*")]
    return [
        allow(
            _actions(
                "elasticloadbalancing",
                "AddTags CreateListener CreateLoadBalancer CreateTargetGroup DeleteListener"
                " DeleteLoadBalancer DeleteRule DeleteTargetGroup ModifyListener"
                " ModifyLoadBalancerAttributes ModifyTargetGroup ModifyTargetGroupAttributes"
                " SetSecurityGroups SetSubnets",
            ),
            named,
        ),
        allow(
            _actions(
                "elasticloadbalancing",
                "DescribeListeners DescribeLoadBalancerAttributes DescribeLoadBalancers"
                " DescribeRules DescribeTags DescribeTargetGroupAttributes DescribeTargetGroups"
                " SetWebAcl",
            ),
            ["*"],
        ),
        allow(
            _actions(
                "wafv2",
                "AssociateWebACL CreateWebACL DeleteLoggingConfiguration DeleteWebACL"
                " DisassociateWebACL GetLoggingConfiguration GetWebACL GetWebACLForResource"
                " ListTagsForResource PutLoggingConfiguration TagResource UpdateWebACL",
            ),
            [*acl, *named[:1]],
        ),
        allow(
            _actions("wafv2", "CreateWebACL UpdateWebACL"),
            [spec.arn("wafv2", "regional/managedruleset/*/*")],
        ),
        allow(["wafv2:ListWebACLs"], ["*"]),
        allow(_actions("logs", "DescribeResourcePolicies PutResourcePolicy"), ["*"]),
    ]


def _servers(spec: PlatformSpec) -> list[Statement]:
    """A group is made by who may start servers from its template."""
    name = f"autoScalingGroup:*:autoScalingGroupName/{spec.names.prefix}-*"
    image = f"arn:aws:ssm:{spec.region}::parameter/aws/service/ami-amazon-linux-latest/*"
    given = ("launch-template", "security-group", "subnet")
    return [
        allow(
            _actions(
                "autoscaling",
                "AttachLoadBalancerTargetGroups CreateAutoScalingGroup CreateOrUpdateTags"
                " DeleteAutoScalingGroup DeletePolicy DetachLoadBalancerTargetGroups"
                " PutScalingPolicy ResumeProcesses StartInstanceRefresh UpdateAutoScalingGroup",
            ),
            [spec.arn("autoscaling", name)],
        ),
        allow(
            _actions(
                "autoscaling",
                "DescribeAutoScalingGroups DescribeInstanceRefreshes DescribePolicies",
            ),
            ["*"],
        ),
        allow(
            ["ec2:RunInstances"],
            [f"arn:aws:ec2:{spec.region}::image/*", *_started(spec)],
            {"ArnLike": {"ec2:LaunchTemplate": spec.arn("ec2", "launch-template/*")}},
        ),
        allow(
            ["ec2:RunInstances"], [spec.arn("ec2", f"{kind}/*") for kind in given], _tagged(spec)
        ),
        allow(["ssm:GetParameters"], [image]),
    ]


def _domain(spec: PlatformSpec) -> list[Statement]:
    certificates = [spec.arn("acm", "certificate/*")]
    domains = [spec.domain, f"*.{spec.domain}", f"*.{spec.names.private_domain}"]
    record_names = "route53:ChangeResourceRecordSetsNormalizedRecordNames"
    return [
        allow(["acm:RequestCertificate"], ["*"], made_as(spec)),
        allow(["acm:AddTagsToCertificate"], certificates, made_as(spec)),
        allow(["acm:DeleteCertificate"], certificates, _tagged(spec)),
        allow(_actions("acm", "DescribeCertificate ListTagsForCertificate"), certificates),
        allow(
            [*_actions("route53", "CreateHostedZone ListHostedZones"), "acm:ListCertificates"],
            ["*"],
        ),
        allow(
            ["route53:ChangeResourceRecordSets"],
            ["arn:aws:route53:::hostedzone/*"],
            {"ForAllValues:StringLike": {record_names: domains}},
        ),
        allow(
            _actions(
                "route53",
                "AssociateVPCWithHostedZone ChangeTagsForResource DisassociateVPCFromHostedZone"
                " GetHostedZone ListResourceRecordSets ListTagsForResource ListTagsForResources"
                " UpdateHostedZoneComment",
            ),
            ["arn:aws:route53:::hostedzone/*"],
        ),
    ]


def _storage(spec: PlatformSpec) -> list[Statement]:
    buckets = f"arn:aws:s3:::{spec.names.prefix}-*-{spec.account_id}"
    state, log = (f"arn:aws:s3:::{spec.bucket(purpose)}" for purpose in ("state", "log"))
    return [
        allow(
            _actions(
                "s3",
                "CreateBucket GetBucketLogging GetBucketObjectLockConfiguration"
                " GetBucketOwnershipControls GetBucketPolicy GetBucketPublicAccessBlock"
                " GetBucketTagging GetBucketVersioning GetEncryptionConfiguration"
                " GetLifecycleConfiguration PutBucketLogging PutBucketObjectLockConfiguration"
                " PutBucketOwnershipControls PutBucketPolicy PutBucketPublicAccessBlock"
                " PutBucketTagging PutBucketVersioning PutEncryptionConfiguration"
                " PutLifecycleConfiguration TagResource",
            ),
            [buckets],
        ),
        allow(["s3:ListAllMyBuckets"], ["*"]),
        allow(_actions("s3", "GetObject PutObject"), [f"{state}/locks/*"]),
        allow(["s3:PutObject"], [f"{bucket}/infra-changes/*" for bucket in (state, log)]),
        allow(_actions("s3", "GetObject PutObject"), [f"{log}/dagster/*"]),
    ]


def _database(spec: PlatformSpec) -> list[Statement]:
    name = spec.names.shop_database
    return [
        allow(
            _actions(
                "rds",
                "AddTagsToResource CreateDBInstance CreateDBParameterGroup CreateDBSubnetGroup"
                " DeleteDBParameterGroup DeleteDBSubnetGroup DescribeDBInstances"
                " DescribeDBParameterGroups DescribeDBParameters DescribeDBSubnetGroups"
                " ListTagsForResource ModifyDBInstance ModifyDBParameterGroup ModifyDBSubnetGroup"
                " ResetDBParameterGroup",
            ),
            [spec.arn("rds", f"{kind}:{name}") for kind in ("db", "pg", "subgrp")],
        ),
    ]


def _analytics(spec: PlatformSpec) -> list[Statement]:
    database = spec.names.database
    return [
        allow(
            _actions(
                "glue",
                "CreateDatabase CreateTable DeleteTable GetDatabase GetTable GetTags TagResource"
                " UpdateDatabase UpdateTable",
            ),
            [
                spec.arn("glue", "catalog"),
                spec.arn("glue", f"database/{database}"),
                spec.arn("glue", f"table/{database}/*"),
            ],
        ),
        allow(
            _actions("glue", "DeleteCrawler GetCrawler GetTags TagResource UpdateCrawler"),
            [spec.arn("glue", f"crawler/{spec.names.crawler}")],
        ),
        allow(["glue:CreateCrawler"], ["*"], made_as(spec)),
        allow(
            _actions(
                "athena",
                "CreateWorkGroup DeleteWorkGroup GetWorkGroup ListTagsForResource TagResource"
                " UpdateWorkGroup",
            ),
            [spec.arn("athena", f"workgroup/{spec.names.workgroup}")],
        ),
        allow(["athena:ListWorkGroups"], ["*"]),
        allow(
            _actions(
                "firehose",
                "CreateDeliveryStream DeleteDeliveryStream DescribeDeliveryStream"
                " ListTagsForDeliveryStream StartDeliveryStreamEncryption TagDeliveryStream"
                " UpdateDestination",
            ),
            [spec.arn("firehose", f"deliverystream/{spec.names.click_stream}")],
        ),
    ]


def _quicksight(spec: PlatformSpec) -> list[Statement]:
    return [
        allow(
            _actions(
                "quicksight",
                "DeleteDataSource DescribeDataSource"
                " DescribeDataSourcePermissions ListTagsForResource TagResource UpdateDataSource"
                " UpdateDataSourcePermissions",
            ),
            [spec.arn("quicksight", f"datasource/{spec.names.prefix}")],
        ),
        allow(["quicksight:CreateDataSource"], ["*"], made_as(spec)),
    ]


def _delivery(spec: PlatformSpec) -> list[Statement]:
    prefix = spec.names.prefix
    return [
        allow(
            _actions(
                "codecommit",
                "CreateRepository GetRepository ListTagsForResource TagResource"
                " UpdateRepositoryDescription UpdateRepositoryEncryptionKey",
            ),
            [spec.arn("codecommit", f"{prefix}-*")],
        ),
        allow(
            _actions("codebuild", "BatchGetProjects CreateProject DeleteProject UpdateProject"),
            [spec.arn("codebuild", f"project/{prefix}-*")],
        ),
        allow(
            _actions(
                "codedeploy",
                "CreateApplication CreateDeploymentGroup DeleteApplication DeleteDeploymentGroup"
                " GetApplication GetDeploymentGroup ListTagsForResource TagResource"
                " UpdateDeploymentGroup",
            ),
            [
                spec.arn("codedeploy", f"{kind}:{prefix}-*")
                for kind in ("application", "deploymentgroup")
            ],
        ),
        allow(
            _actions(
                "codepipeline",
                "CreatePipeline DeletePipeline GetPipeline ListTagsForResource TagResource"
                " UpdatePipeline",
            ),
            [spec.arn("codepipeline", f"{prefix}-*")],
        ),
        allow(
            _actions(
                "events",
                "DeleteRule DescribeRule ListTagsForResource ListTargetsByRule PutRule PutTargets"
                " RemoveTargets TagResource",
            ),
            [spec.arn("events", f"rule/{prefix}-*")],
        ),
    ]


def _monitoring(spec: PlatformSpec) -> list[Statement]:
    prefix = spec.names.prefix
    return [
        allow(
            _actions("cloudwatch", "DeleteAlarms ListTagsForResource PutMetricAlarm TagResource"),
            [spec.arn("cloudwatch", f"alarm:{prefix}-*")],
        ),
        allow(
            _actions("cloudwatch", "DeleteDashboards GetDashboard PutDashboard"),
            [spec.arn("cloudwatch", f"dashboard/{prefix}", regional=False)],
        ),
        allow(["cloudtrail:DescribeTrails", "logs:DescribeLogGroups"], ["*"]),
        allow(["cloudwatch:DescribeAlarms"], [spec.arn("cloudwatch", "alarm:*")]),
        allow(
            _actions(
                "cloudtrail",
                "AddTags CreateTrail GetEventSelectors GetTrailStatus ListTags"
                " PutEventSelectors PutInsightSelectors StartLogging UpdateTrail",
            ),
            [spec.arn("cloudtrail", f"trail/{prefix}")],
        ),
        allow(
            _actions(
                "logs",
                "CreateLogGroup CreateLogStream DeleteLogGroup DeleteLogStream DescribeLogStreams"
                " ListTagsForResource PutRetentionPolicy TagResource",
            ),
            [spec.arn("logs", f"log-group:*{prefix}*")],
        ),
        allow(  # what crawlers log, whoever's they are
            _actions("logs", "CreateLogGroup PutRetentionPolicy"),
            [spec.arn("logs", "log-group:/aws-glue/crawlers*")],
        ),
        allow(
            _actions(
                "sns",
                "CreateTopic DeleteTopic GetTopicAttributes ListSubscriptionsByTopic"
                " ListTagsForResource SetTopicAttributes Subscribe TagResource",
            ),
            [spec.arn("sns", spec.names.alert_topic)],
        ),
        allow(
            _actions("sns", "GetSubscriptionAttributes SetSubscriptionAttributes Unsubscribe"),
            ["*"],
        ),
        allow(
            _actions(
                "sqs",
                "CreateQueue DeleteQueue GetQueueAttributes GetQueueUrl ListQueueTags"
                " SetQueueAttributes TagQueue",
            ),
            [spec.arn("sqs", f"{prefix}-*")],
        ),
        allow(
            _actions(
                "lambda",
                "AddPermission CreateFunction DeleteFunction DeleteFunctionConcurrency GetFunction"
                " GetFunctionEventInvokeConfig GetPolicy PutFunctionEventInvokeConfig"
                " RemovePermission TagResource UpdateFunctionCode UpdateFunctionConfiguration",
            ),
            [spec.arn("lambda", f"function:{prefix}-*")],
        ),
    ]


def _roles(spec: PlatformSpec, roles: Sequence[Role]) -> list[Statement]:
    """Roles of this environment, within their boundary only, for the services they are made for."""
    named = spec.arn("iam", f"role/{spec.names.prefix}-*", regional=False)
    profiles = spec.arn("iam", f"instance-profile/{spec.names.prefix}-*", regional=False)
    policies = spec.arn("iam", f"policy/{spec.names.prefix}-*", regional=False)
    boundary = spec.arn("iam", f"policy/{spec.names.boundary}", regional=False)
    return [
        allow(
            [
                *_actions(
                    "iam", "GetAccountAuthorizationDetails ListInstanceProfiles ListPolicies"
                ),
                "tag:GetResources",
            ],
            ["*"],
        ),
        allow(
            _actions("iam", "AttachRolePolicy CreateRole PutRolePermissionsBoundary PutRolePolicy"),
            [named],
            {"ArnEquals": {"iam:PermissionsBoundary": boundary}},
        ),
        allow(
            _actions(
                "iam", "DeleteRole DeleteRolePolicy DetachRolePolicy TagRole UpdateAssumeRolePolicy"
            ),
            [named],
        ),
        allow(
            _actions(
                "iam",
                "AddRoleToInstanceProfile CreateInstanceProfile DeleteInstanceProfile"
                " GetInstanceProfile RemoveRoleFromInstanceProfile TagInstanceProfile",
            ),
            [profiles],
        ),
        allow(_actions("iam", "GetPolicy GetPolicyVersion"), [policies]),
        *_handing_over(spec, roles),
        allow(
            ["iam:CreateServiceLinkedRole"],
            [spec.arn("iam", "role/aws-service-role/*", regional=False)],
            {
                "StringEquals": {
                    "iam:AWSServiceName": [
                        f"{service}.amazonaws.com" for service in _SERVICES_WITH_ROLES_OF_THEIR_OWN
                    ]
                }
            },
        ),
    ]


def _handing_over(spec: PlatformSpec, roles: Sequence[Role]) -> list[Statement]:
    """Each role to the service that it trusts, and to no other."""
    by_service: dict[str, list[str]] = {}
    for role in roles:
        service = trusted_service(role)
        arn = spec.arn("iam", f"role/{role.name}", regional=False)
        by_service.setdefault(service, []).append(arn)
    return [
        allow(["iam:PassRole"], arns, {"StringEquals": {"iam:PassedToService": service}})
        for service, arns in sorted(by_service.items())
    ]


def trusted_service(role: Role) -> str:
    """The service that a role is for."""
    service: str = role.trust["Statement"][0]["Principal"]["Service"]
    return service


def _keys(spec: PlatformSpec) -> list[Statement]:
    """Keys are governed, and used through the services that encrypt what is being made."""
    keys = [spec.arn("kms", "key/*")]
    using = [
        f"{service}.{spec.region}.amazonaws.com"
        for service in ("codecommit", "firehose", "rds", "secretsmanager")
    ]
    return [
        allow(["kms:CreateKey"], ["*"], made_as(spec)),
        allow(["kms:TagResource"], keys, made_as(spec)),
        allow(
            _actions(
                "kms",
                "CreateAlias DeleteAlias EnableKey EnableKeyRotation PutKeyPolicy UpdateAlias"
                " UpdateKeyDescription CancelKeyDeletion",
            ),
            keys,
            _tagged(spec),
        ),
        allow(
            _actions("kms", "CreateAlias DeleteAlias UpdateAlias"),
            [spec.arn("kms", f"alias/{spec.names.prefix}-*")],
        ),
        allow(
            _actions("kms", "DescribeKey GetKeyPolicy GetKeyRotationStatus ListResourceTags"), keys
        ),
        allow(_actions("kms", "ListAliases ListKeys"), ["*"]),
        allow(
            _actions(
                "kms", "CreateGrant Decrypt Encrypt GenerateDataKey ReEncryptFrom ReEncryptTo"
            ),
            keys,
            _both(_tagged(spec), {"StringEquals": {"kms:ViaService": using}}),
        ),
    ]


def _secrets(spec: PlatformSpec) -> list[Statement]:
    """Secrets are made and described; the one of Slack's token is read, to tell of a failed run."""
    secret = spec.arn("secretsmanager", f"secret:mall/{spec.env}/*")
    managed = spec.arn("secretsmanager", "secret:rds!db-*")
    token = spec.arn("secretsmanager", f"secret:{spec.names.slack_token_secret}-*")
    return [
        allow(
            _actions(
                "secretsmanager",
                "CreateSecret DescribeSecret RestoreSecret TagResource UpdateSecret",
            ),
            [secret],
        ),
        allow(_actions("secretsmanager", "CreateSecret TagResource"), [managed]),
        allow(["secretsmanager:GetSecretValue"], [token]),
    ]


def _data_loss(spec: PlatformSpec) -> list[Statement]:
    """Deleting what holds data, and the record of who did; locked backups stay all the same."""
    buckets = f"arn:aws:s3:::{spec.names.prefix}-*-{spec.account_id}"
    database = spec.names.database
    return [
        allow(_actions("s3", "DeleteBucket ListBucketVersions"), [buckets]),
        allow(["s3:DeleteObjectVersion"], [f"{buckets}/*"]),
        allow(
            _actions("rds", "CreateDBSnapshot DeleteDBInstance"),
            [
                spec.arn("rds", f"db:{spec.names.shop_database}"),
                spec.arn("rds", f"snapshot:{spec.names.shop_database}-*"),
            ],
        ),
        allow(["cloudtrail:DeleteTrail"], [spec.arn("cloudtrail", f"trail/{spec.names.prefix}")]),
        allow(["kms:ScheduleKeyDeletion"], [spec.arn("kms", "key/*")], _tagged(spec)),
        allow(
            ["secretsmanager:DeleteSecret"],
            [spec.arn("secretsmanager", f"secret:mall/{spec.env}/*")],
        ),
        allow(["route53:DeleteHostedZone"], ["arn:aws:route53:::hostedzone/*"]),
        allow(
            ["glue:DeleteDatabase"],
            [
                spec.arn("glue", "catalog"),
                spec.arn("glue", f"database/{database}"),
                spec.arn("glue", f"table/{database}/*"),
                spec.arn("glue", f"userDefinedFunction/{database}/*"),
            ],
        ),
        allow(
            ["codecommit:DeleteRepository"],
            [spec.arn("codecommit", f"{spec.names.prefix}-*")],
        ),
    ]


def made_by_ec2(spec: PlatformSpec) -> list[str]:
    """What EC2 knows by ids only, and IAM by tags."""
    return [spec.arn("ec2", f"{kind}/*") for kind in _MADE_BY_EC2]


def _started(spec: PlatformSpec) -> list[str]:
    """What comes into being with a server."""
    return [spec.arn("ec2", f"{kind}/*") for kind in ("instance", "network-interface", "volume")]


def _actions(service: str, names: str) -> list[str]:
    return [f"{service}:{name}" for name in names.split()]


def _names(actions: Sequence[str]) -> list[str]:
    return [action.partition(":")[2] for action in actions]


def _tagged(spec: PlatformSpec) -> dict[str, Any]:
    """The condition that an object carries this environment's tag."""
    return {"StringEquals": {"aws:ResourceTag/mall:environment": spec.env}}


def made_as(spec: PlatformSpec) -> dict[str, Any]:
    """The condition that a call gives what it makes this environment's tag."""
    return {"StringEquals": {"aws:RequestTag/mall:environment": spec.env}}


def _both(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {"StringEquals": {**one["StringEquals"], **other["StringEquals"]}}
