"""The buckets: who may write what, how long it stays, and in which storage class."""

from __future__ import annotations

from typing import Any

from infra_assets.infra_asset import infra_asset
from infra_assets.policies import grant
from infra_assets.resource import Ref, Resource
from infra_assets.spec import PlatformSpec
from infra_assets.types.kms import Key
from infra_assets.types.s3 import (
    AccessLog,
    Bucket,
    Lifecycle,
    ObjectLock,
    Ownership,
    Policy,
    PublicAccess,
    Versioning,
)
from resources.names import Purpose

_KEYS = ["security/encryption_keys", "storage/log_bucket"]

_LOGGED: tuple[Purpose, ...] = ("lake", "raw", "drop", "backup", "artifact", "state")

Rule = dict[str, Any]


def _rule(id: str, prefix: str = "", **actions: Any) -> Rule:
    return {"ID": id, "Status": "Enabled", "Filter": {"Prefix": prefix}, **actions}


def _of_any_size(rule: Rule) -> Rule:
    """The rule for all that isn't empty. Without a size of its own S3 leaves what is under 128 KB
    in the storage class where it is."""
    prefix, size = rule["Filter"]["Prefix"], {"ObjectSizeGreaterThan": 0}
    return {**rule, "Filter": {"And": {"Prefix": prefix, **size}} if prefix else size}


def _transitions(id: str, prefix: str = "", **days: int) -> Rule:
    """Moves objects to a storage class at an age in days."""
    moves = [{"Days": d, "StorageClass": c} for c, d in days.items()]
    return _of_any_size(_rule(id, prefix, Transitions=moves))


def _with_old_versions(rule: Rule) -> Rule:
    """The same for versions that are no longer current, days counted from then."""
    old: Rule = {}
    if "Transitions" in rule:
        old["NoncurrentVersionTransitions"] = [
            {"NoncurrentDays": move["Days"], "StorageClass": move["StorageClass"]}
            for move in rule["Transitions"]
        ]
    if "Expiration" in rule:
        old["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule["Expiration"]["Days"]}
    return {**rule, **old}


def _expire(id: str, days: int, prefix: str = "") -> Rule:
    return _rule(id, prefix, Expiration={"Days": days})


def _tidy(noncurrent_days: int) -> list[Rule]:
    """Old versions go, and so do the leftovers of uploads and deletions."""
    return [
        _rule("old-versions", NoncurrentVersionExpiration={"NoncurrentDays": noncurrent_days}),
        *_leftovers(),
    ]


def _leftovers() -> list[Rule]:
    """What every bucket gets rid of; of these S3 takes no size."""
    return [
        _rule("broken-uploads", AbortIncompleteMultipartUpload={"DaysAfterInitiation": 7}),
        _rule("delete-markers", Expiration={"ExpiredObjectDeleteMarker": True}),
    ]


def _bucket(
    spec: PlatformSpec,
    purpose: Purpose,
    *,
    lifecycle: list[Rule],
    key: Ref | None = None,
    statements: tuple[Rule, ...] = (),
) -> list[Resource]:
    """A bucket that nobody outside reaches, that keeps old versions, and whose access is logged."""
    name = spec.bucket(purpose)
    resources: list[Resource] = [
        Bucket(name=name, region=spec.region, key=key),
        PublicAccess(name=name),
        Ownership(name=name),
        Policy(name=name, statements=statements),
        Versioning(name=name),
        Lifecycle(name=name, rules=tuple(lifecycle)),
    ]
    if purpose in _LOGGED:
        log = Bucket.ref(spec.bucket("log"), "id")
        resources.append(AccessLog(name=name, bucket=log, prefix=f"s3-access/{purpose}/"))
    return resources


def _access_logs_of(spec: PlatformSpec, purpose: Purpose) -> Rule:
    return grant(
        f"AccessLogsOf{purpose.title()}",
        "logging.s3.amazonaws.com",
        ["s3:PutObject"],
        f"arn:aws:s3:::{spec.bucket('log')}/s3-access/{purpose}/*",
        {
            "ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{spec.bucket(purpose)}"},
            "StringEquals": {"aws:SourceAccount": spec.account_id},
        },
    )


def _access_logs_of_load_balancers(spec: PlatformSpec) -> Rule:
    return grant(
        "AccessLogsOfLoadBalancers",
        "logdelivery.elasticloadbalancing.amazonaws.com",
        ["s3:PutObject"],
        f"arn:aws:s3:::{spec.bucket('log')}/load-balancers/*",
        {"ArnLike": {"aws:SourceArn": spec.arn("elasticloadbalancing", "loadbalancer/*")}},
    )


def _flow_logs_and_audit_trail(spec: PlatformSpec) -> list[Rule]:
    """Both look at the bucket before they write into folders of this account."""
    log = f"arn:aws:s3:::{spec.bucket('log')}"
    flow, ours = "delivery.logs.amazonaws.com", {"aws:SourceAccount": spec.account_id}
    trail = "cloudtrail.amazonaws.com"
    from_trail = {"aws:SourceArn": spec.arn("cloudtrail", f"trail/{spec.names.prefix}")}
    return [
        grant(sid, service, actions, resource, {"StringEquals": condition})
        for sid, service, actions, resource, condition in (
            (
                "FlowLogs",
                flow,
                ["s3:PutObject"],
                f"{log}/AWSLogs/{spec.account_id}/vpcflowlogs/*",
                ours,
            ),
            ("FlowLogsLook", flow, ["s3:GetBucketAcl", "s3:ListBucket"], log, ours),
            (
                "AuditTrail",
                trail,
                ["s3:PutObject"],
                f"{log}/AWSLogs/{spec.account_id}/CloudTrail/*",
                from_trail,
            ),
            ("AuditTrailLook", trail, ["s3:GetBucketAcl"], log, from_trail),
        )
    ]


@infra_asset(area="storage", kinds=["s3"])
def log_bucket(spec: PlatformSpec) -> list[Resource]:
    """Access logs of everything else, change records, and the state bucket beside it (M2, B5).

    The state bucket holds the lock of the engine, which makes it before all else.
    """
    return [
        *_bucket(
            spec,
            "log",
            statements=(
                *(_access_logs_of(spec, purpose) for purpose in _LOGGED),
                _access_logs_of_load_balancers(spec),
                *_flow_logs_and_audit_trail(spec),
            ),
            lifecycle=[
                _transitions("colder", STANDARD_IA=30, GLACIER=180),
                _expire("expire", spec.log_days),
                *_tidy(30),
            ],
        ),
        *_bucket(spec, "state", lifecycle=_tidy(30)),
    ]


@infra_asset(area="storage", deps=_KEYS, kinds=["s3"])
def lake_bucket(spec: PlatformSpec) -> list[Resource]:
    """The lake's tables, which hold no raw personal data, and query results (T1, A0, B5)."""
    return _bucket(
        spec,
        "lake",
        key=Key.ref("data"),
        lifecycle=[
            _transitions("colder", INTELLIGENT_TIERING=30),
            _expire("query-results", spec.query_result_days, "athena-results/"),
            *_tidy(30),
        ],
    )


@infra_asset(area="storage", deps=_KEYS, kinds=["s3"])
def raw_bucket(spec: PlatformSpec) -> list[Resource]:
    """Clicks as they land, with personal data: an own key and a short life (E3, E4, B5)."""
    return _bucket(
        spec,
        "raw",
        key=Key.ref("raw"),
        lifecycle=[_expire("raw-clicks", spec.raw_click_days), *_tidy(7)],
    )


@infra_asset(area="storage", deps=_KEYS, kinds=["s3"])
def drop_bucket(spec: PlatformSpec) -> list[Resource]:
    """Where survey files are dropped, with personal data: an own key, a limited life (E2, B5)."""
    return _bucket(
        spec,
        "drop",
        key=Key.ref("raw"),
        lifecycle=[
            _transitions("colder", STANDARD_IA=30),
            _expire("surveys", spec.drop_days),
            *_tidy(7),
        ],
    )


@infra_asset(area="storage", deps=_KEYS, kinds=["s3"])
def backup_bucket(spec: PlatformSpec) -> list[Resource]:
    """Backups of the shop database: colder with age, locked until their time is over (B1-B4).

    One that is overwritten or deleted is locked all the same, so it stays and ages like the others.
    """
    lock = ObjectLock(
        name=spec.bucket("backup"), mode=spec.backup_lock, days=_days(spec.retention_years)
    )
    bucket = _bucket(
        spec,
        "backup",
        key=Key.ref("backup"),
        lifecycle=[
            _with_old_versions(
                _transitions("colder", STANDARD_IA=30, GLACIER=90, DEEP_ARCHIVE=730)
            ),
            _with_old_versions(_of_any_size(_expire("retention", _days(spec.retention_years)))),
            *_leftovers(),
        ],
    )
    return [*bucket, lock]


@infra_asset(area="storage", deps=_KEYS, kinds=["s3"])
def artifact_bucket(spec: PlatformSpec) -> list[Resource]:
    """What the delivery pipelines build (C1)."""
    return _bucket(
        spec,
        "artifact",
        key=Key.ref("data"),
        lifecycle=[_expire("builds", 180), *_tidy(30)],
    )


def _days(years: int) -> int:
    """So many days that no calendar of that many years is longer."""
    return years * 365 + (years + 3) // 4
