"""The catalog, and Athena over it."""

from __future__ import annotations

from infra_assets.infra_asset import infra_asset
from infra_assets.resource import Resource
from infra_assets.spec import PlatformSpec
from infra_assets.types.athena import WorkGroup
from infra_assets.types.glue import Crawler, Database, JsonTable
from infra_assets.types.iam import Role
from infra_assets.types.kms import Key
from infra_assets.types.logs import SharedLogGroup
from infra_assets.types.quicksight import AthenaSource

_CLICK_FIELDS = {
    "event_id": "string",
    "event_time_ms": "bigint",
    "session_id": "string",
    "customer_id": "bigint",
    "event_type": "string",
    "page": "string",
    "product_id": "bigint",
    "referrer": "string",
    "user_agent": "string",
    "ip": "string",
}


@infra_asset(
    area="analytics",
    deps=["security/iam_roles", "storage/lake_bucket", "storage/raw_bucket"],
    kinds=["glue"],
)
def catalog(spec: PlatformSpec) -> list[Resource]:
    """The Glue database of the lake, and the crawler of the raw clicks (A0).

    The crawler has no schedule: the asset of the raw clicks starts it. What crawlers log goes to a
    group of the whole account, which would keep everything (B5).
    """
    database = spec.names.database
    crawler = spec.names.crawler
    return [
        Database(
            name=database,
            description=f"The mall's data platform, {spec.env}",
            location=f"s3://{spec.bucket('lake')}/",
        ),
        JsonTable(
            name=f"{database}.clicks_raw",
            database=Database.ref(database, "id"),
            location=f"s3://{spec.bucket('raw')}/clicks/",
            columns=_CLICK_FIELDS,
            partitioned_by={"dt": "string", "hour": "string"},
        ),
        SharedLogGroup(name="/aws-glue/crawlers", retention_days=90),
        Crawler(
            name=crawler,
            role=Role.ref(f"{spec.names.prefix}-crawler", "id"),
            database=Database.ref(database, "id"),
            table="clicks_raw",
        ),
    ]


@infra_asset(
    area="analytics",
    deps=["security/encryption_keys", "storage/lake_bucket"],
    kinds=["athena"],
)
def athena_workgroup(spec: PlatformSpec) -> list[Resource]:
    """The workgroup all queries run in: encrypted results in S3, a limit on what one scans (A0)."""
    name = spec.names.workgroup
    return [
        WorkGroup(
            name=name,
            results=f"s3://{spec.bucket('lake')}/athena-results/",
            key=Key.ref("data"),
            scan_limit_bytes=spec.query_scan_limit_bytes,
        )
    ]


@infra_asset(
    area="analytics",
    deps=["security/iam_roles", "analytics/athena_workgroup"],
    kinds=["quicksight"],
    why_empty="The spec names no quicksight_users: the account has no subscription to QuickSight.",
)
def quicksight_source(spec: PlatformSpec) -> list[Resource]:
    """The workgroup as a source of QuickSight's data sets, once the account subscribes (V1)."""
    if not spec.quicksight_users:
        return []
    return [
        AthenaSource(
            name=spec.names.prefix,
            title=f"mall {spec.env}",
            workgroup=WorkGroup.ref(spec.names.workgroup, "id"),
            role=Role.ref(spec.names.quicksight_role),
            users=spec.quicksight_users,
        )
    ]
