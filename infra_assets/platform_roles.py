"""Roles of the data platform itself: its runs, and what exports snapshots of the database."""

from __future__ import annotations

from infra_assets.policies import Statement, allow, document, trust, trusts_what_it_runs, via
from infra_assets.resource import Resource
from infra_assets.spec import PlatformSpec
from infra_assets.types.iam import Role
from infra_assets.types.kms import Key
from infra_assets.watching import PLATFORM_METRICS
from resources.names import Purpose

_READ_TABLES = (
    "glue:GetDatabase",
    "glue:GetPartition",
    "glue:GetPartitions",
    "glue:GetTable",
    "glue:GetTables",
)
_WRITE_TABLES = (
    "glue:CreatePartition",
    "glue:CreateTable",
    "glue:UpdatePartition",
    "glue:UpdateTable",
)

_QUERY = (
    "athena:GetQueryExecution",
    "athena:GetQueryResults",
    "athena:GetWorkGroup",
    "athena:StartQueryExecution",
    "athena:StopQueryExecution",
)
_LIST = ("s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads")


def platform_roles(spec: PlatformSpec) -> list[Resource]:
    """The role of data runs, that of exports to the backup bucket, and QuickSight's."""
    return [_data(spec), _snapshot_export(spec), _quicksight(spec)]


def _data(spec: PlatformSpec) -> Role:
    """What a run needs to extract, clean, publish and tell; nothing on IAM or infrastructure."""
    return Role(
        name=spec.names.data_role,
        trust=trust("ecs-tasks.amazonaws.com", spec.account_id),
        policies={
            "use-buckets": document(*_use_buckets(spec)),
            "publish-tables": document(*_publish_tables(spec)),
            "read-sources": document(*_read_sources(spec)),
            "be-watched": document(
                allow(["s3:GetObject", "s3:PutObject"], _objects(spec, "log", "dagster/")),
                allow(
                    ["cloudwatch:PutMetricData"],
                    ["*"],
                    {"StringEquals": {"cloudwatch:namespace": PLATFORM_METRICS}},
                ),
            ),
        },
    )


def _use_buckets(spec: PlatformSpec) -> list[Statement]:
    """The lake whole; raw clicks and dropped surveys to read, their refuse to put aside."""
    parts = ["s3:AbortMultipartUpload", "s3:PutObject"]
    return [
        allow(_LIST, [_bucket(spec, "lake")]),
        allow(
            ["s3:DeleteObject", "s3:GetObject", "s3:ListMultipartUploadParts", *parts],
            _objects(spec, "lake", ""),
        ),
        allow(["s3:ListBucket"], [_bucket(spec, "raw"), _bucket(spec, "drop")]),
        allow(
            ["s3:GetObject"],
            _objects(spec, "raw", "clicks/", "clicks-errors/", "clicks-quarantine/"),
        ),
        allow(["s3:DeleteObject", *parts], _objects(spec, "raw", "clicks-quarantine/")),
        allow(["s3:ListBucketVersions"], [_bucket(spec, "drop")]),
        allow(
            ["s3:DeleteObjectVersion", "s3:GetObject", "s3:GetObjectVersion"],
            _objects(spec, "drop", "surveys/"),
        ),
        allow(["s3:GetObject", *parts], _objects(spec, "drop", "ledger/", "quarantine/")),
        allow(
            ["kms:Decrypt", "kms:GenerateDataKey"],
            [Key.ref("data"), Key.ref("raw")],
            via(spec.region, "s3"),
        ),
    ]


def _publish_tables(spec: PlatformSpec) -> list[Statement]:
    return [
        allow([*_READ_TABLES, *_WRITE_TABLES], _tables(spec)),
        allow(
            ["glue:GetCrawler", "glue:StartCrawler"],
            [spec.arn("glue", f"crawler/{spec.names.crawler}")],
        ),
        allow(_QUERY, [spec.arn("athena", f"workgroup/{spec.names.workgroup}")]),
    ]


def _read_sources(spec: PlatformSpec) -> list[Statement]:
    """The shop's database and the secrets that reading and masking it take."""
    database = spec.arn("rds", f"db:{spec.names.shop_database}")
    named = (spec.names.pseudonym_key_secret, spec.names.slack_token_secret)
    return [
        allow(["rds:DescribeDBInstances"], [database]),
        allow(
            ["secretsmanager:GetSecretValue"],
            [spec.arn("secretsmanager", f"secret:{name}-*") for name in named],
        ),
        allow(
            ["secretsmanager:GetSecretValue"],
            [spec.arn("secretsmanager", "secret:rds!db-*")],
            {"StringEquals": {"secretsmanager:ResourceTag/aws:rds:primaryDBInstanceArn": database}},
        ),
        allow(["kms:Decrypt"], [Key.ref("data")], via(spec.region, "secretsmanager")),
    ]


def _snapshot_export(spec: PlatformSpec) -> Role:
    """Writes exports of the database's snapshots to the backup bucket (B1)."""
    return Role(
        name=f"{spec.names.prefix}-snapshot-export",
        trust=trusts_what_it_runs("export.rds.amazonaws.com"),
        policies={
            "export": document(
                allow(["s3:GetBucketLocation", "s3:ListBucket"], [_bucket(spec, "backup")]),
                allow(
                    ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
                    _objects(spec, "backup", ""),
                ),
                allow(
                    ["kms:Decrypt", "kms:GenerateDataKey"],
                    [Key.ref("backup")],
                    via(spec.region, "s3"),
                ),
            )
        },
    )


def _quicksight(spec: PlatformSpec) -> Role:
    """Queries the lake, which holds no raw personal data, in the platform's workgroup (V1)."""
    results = _objects(spec, "lake", "athena-results/")
    return Role(
        name=spec.names.quicksight_role,
        trust=trusts_what_it_runs("quicksight.amazonaws.com"),
        policies={
            "query": document(
                allow(_QUERY, [spec.arn("athena", f"workgroup/{spec.names.workgroup}")]),
                allow(
                    [
                        "athena:GetDataCatalog",
                        "athena:GetDatabase",
                        "athena:GetTableMetadata",
                        "athena:ListDatabases",
                        "athena:ListTableMetadata",
                    ],
                    [spec.arn("athena", "datacatalog/AwsDataCatalog")],
                ),
                allow([*_READ_TABLES, "glue:GetDatabases"], _tables(spec)),
                allow(_LIST, [_bucket(spec, "lake")]),
                allow(["s3:GetObject"], _objects(spec, "lake", "")),
                allow(
                    ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject"],
                    results,
                ),
                allow(
                    ["kms:Decrypt", "kms:GenerateDataKey"],
                    [Key.ref("data")],
                    via(spec.region, "s3"),
                ),
            )
        },
    )


def _tables(spec: PlatformSpec) -> list[str]:
    database = spec.names.database
    paths = ("catalog", f"database/{database}", f"table/{database}/*")
    return [spec.arn("glue", path) for path in paths]


def _bucket(spec: PlatformSpec, purpose: Purpose) -> str:
    return f"arn:aws:s3:::{spec.bucket(purpose)}"


def _objects(spec: PlatformSpec, purpose: Purpose, *prefixes: str) -> list[str]:
    return [f"{_bucket(spec, purpose)}/{prefix}*" for prefix in prefixes]
