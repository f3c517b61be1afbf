"""Keys, secrets, security groups and roles."""

from __future__ import annotations

from infra_assets.apply_rights import trusted_service
from infra_assets.apply_role import apply_role
from infra_assets.boundary import bounded
from infra_assets.firewall import firewall_rules
from infra_assets.infra_asset import infra_asset
from infra_assets.platform_roles import platform_roles
from infra_assets.policies import account_administers, allow, document, grant, trust
from infra_assets.resource import Resource
from infra_assets.server_groups import server_groups
from infra_assets.server_roles import server_roles
from infra_assets.spec import PlatformSpec
from infra_assets.types.cloudtrail import DataEvents, Trail
from infra_assets.types.elbv2 import LoadBalancer
from infra_assets.types.iam import Role
from infra_assets.types.kms import Alias, Key, Rotation
from infra_assets.types.logs import LogGroup
from infra_assets.types.s3 import Bucket
from infra_assets.types.secretsmanager import GeneratedSecret
from infra_assets.types.wafv2 import Association, Logging, WebAcl

_KEYS = {
    "data": "the lake, the shop database, query results, artifacts and secrets",
    "raw": "raw clicks and dropped surveys, which hold personal data",
    "backup": "backups of the shop database",
    "alerts": "alarms on their way to people",
}


@infra_asset(area="security", kinds=["kms"])
def encryption_keys(spec: PlatformSpec) -> list[Resource]:
    """One rotating key for each kind of data, and the key of the pseudonyms (E1, E4)."""
    alarms_may_use = [
        grant(
            sid,
            service,
            ["kms:Decrypt", "kms:GenerateDataKey*"],
            "*",
            {"StringEquals": {"aws:SourceAccount": spec.account_id}},
        )
        for sid, service in (
            ("AlarmsMayUse", "cloudwatch.amazonaws.com"),
            ("TopicsMayUse", "sns.amazonaws.com"),
        )
    ]
    resources: list[Resource] = []
    for name, protects in _KEYS.items():
        statements = [account_administers(spec.account_id)]
        if name == "alerts":
            statements += alarms_may_use
        resources += [
            Key(
                name=name,
                description=f"mall {spec.env}: {protects}",
                policy=document(*statements),
            ),
            Rotation(name=name),
            Alias(name=f"alias/{spec.names.prefix}-{name}", key=Key.ref(name, "id")),
        ]
    resources.append(
        GeneratedSecret(
            name=spec.names.pseudonym_key_secret,
            description="Key of the pseudonyms in the lake; whoever has it can undo them.",
            key=Key.ref("data"),
        )
    )
    return resources


@infra_asset(area="security", deps=["network/vpc"], kinds=["vpc"])
def security_groups(spec: PlatformSpec) -> list[Resource]:
    """One group for each kind of instance, open only to the one before it (N3)."""
    return server_groups(spec)


_STARTED_LATER = ("ecs-tasks.amazonaws.com", "export.rds.amazonaws.com")
"""Services that get a role with each task or export that somebody starts, not from an apply."""


@infra_asset(area="security", deps=["security/encryption_keys"], kinds=["iam"])
def iam_roles(spec: PlatformSpec) -> list[Resource]:
    """One role for each principal, with no more than it needs, within a boundary (N3)."""
    resources = [_firehose(spec), _crawler(spec), *server_roles(spec), *platform_roles(spec)]
    roles = [resource for resource in resources if isinstance(resource, Role)]
    given = [role for role in roles if trusted_service(role) not in _STARTED_LATER]
    return [*bounded(spec.names.boundary, resources), *apply_role(spec, given)]


def _firehose(spec: PlatformSpec) -> Role:
    raw = f"arn:aws:s3:::{spec.bucket('raw')}"
    group = f"log-group:/aws/kinesisfirehose/{spec.names.click_stream}"
    return Role(
        name=f"{spec.names.prefix}-firehose",
        trust=trust("firehose.amazonaws.com", spec.account_id),
        policies={
            "deliver-clicks": document(
                allow(["s3:GetBucketLocation", "s3:ListBucket"], [raw]),
                allow(["s3:ListBucketMultipartUploads"], [raw]),
                allow(
                    ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
                    [f"{raw}/clicks/*", f"{raw}/clicks-errors/*"],
                ),
                allow(["kms:Decrypt", "kms:GenerateDataKey"], [Key.ref("raw")]),
                allow(["logs:PutLogEvents"], [spec.arn("logs", f"{group}:log-stream:*")]),
            )
        },
    )


def _crawler(spec: PlatformSpec) -> Role:
    raw = f"arn:aws:s3:::{spec.bucket('raw')}"
    database = spec.names.database
    return Role(
        name=f"{spec.names.prefix}-crawler",
        trust=trust("glue.amazonaws.com", spec.account_id),
        policies={
            "crawl-clicks": document(
                allow(["s3:ListBucket"], [raw], {"StringLike": {"s3:prefix": ["clicks/*"]}}),
                allow(["s3:GetObject"], [f"{raw}/clicks/*"]),
                allow(["kms:Decrypt"], [Key.ref("raw")]),
                allow(
                    [
                        "glue:BatchCreatePartition",
                        "glue:BatchGetPartition",
                        "glue:CreatePartition",
                        "glue:GetDatabase",
                        "glue:GetPartition",
                        "glue:GetPartitions",
                        "glue:GetTable",
                        "glue:GetTables",
                        "glue:UpdatePartition",
                        "glue:UpdateTable",
                    ],
                    [
                        spec.arn("glue", "catalog"),
                        spec.arn("glue", f"database/{database}"),
                        spec.arn("glue", f"table/{database}/clicks_raw"),
                    ],
                ),
                allow(
                    ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
                    [spec.arn("logs", "log-group:/aws-glue/crawlers*")],
                ),
            )
        },
    )


@infra_asset(area="security", deps=["web/load_balancer"], kinds=["waf"])
def web_acl(spec: PlatformSpec) -> list[Resource]:
    """Blocks SQL injection and other frequent attacks before they reach the web tier (N5)."""
    name, balancer = spec.names.prefix, spec.names.tier("web")
    group = f"aws-waf-logs-{name}"
    return [
        WebAcl(name=name, rules=firewall_rules(spec.requests_per_address)),
        LogGroup(name=group, retention_days=90),
        Logging(name=name, acl=WebAcl.ref(name), log_group=LogGroup.ref(group)),
        Association(name=balancer, acl=WebAcl.ref(name), load_balancer=LoadBalancer.ref(balancer)),
    ]


@infra_asset(area="security", deps=["storage/log_bucket"], kinds=["cloudtrail"])
def audit_trail(spec: PlatformSpec) -> list[Resource]:
    """Who did what through AWS's API, and who touched backups and raw data (B4, M2)."""
    return [
        Trail(name=spec.names.prefix, bucket=Bucket.ref(spec.bucket("log"), "id")),
        DataEvents(
            name=spec.names.prefix,
            buckets=(spec.bucket("backup"), spec.bucket("drop"), spec.bucket("raw")),
        ),
    ]
