"""S3 buckets."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from infra_assets.cloud import Cloud
from infra_assets.policies import document, only_tls
from infra_assets.resource import Attributes, Live, Ref, Resource
from infra_assets.types.tagging import from_pairs, pairs

LockMode = Literal["GOVERNANCE", "COMPLIANCE"]

_BLOCKED = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}


@dataclass(frozen=True, kw_only=True)
class Bucket(Resource):
    """A private, versioned, TLS-only bucket.

    `key` is the KMS key's ARN; None encrypts with S3's own keys. `statements` join the TLS-only
    statement in the bucket's policy. `access_log` is the bucket and prefix of the access log.
    `lock` is the mode in which every new version can't be deleted, and for how many days; in
    governance mode whoever names the bucket for deletion overrides it.
    """

    service: ClassVar[str] = "s3"
    holds_data: ClassVar[bool] = True
    sets: ClassVar[frozenset[str]] = frozenset({"lifecycle"})

    region: str = "ap-northeast-1"
    key: Ref | str | None = None
    statements: tuple[dict[str, Any], ...] = ()
    access_log: tuple[Ref | str, str] | None = None
    lifecycle: tuple[dict[str, Any], ...] = ()
    lock: tuple[LockMode, int] | None = None

    def wanted(self) -> dict[str, Any]:
        log = self.access_log
        return {
            "encryption": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": self.key}
            if self.key
            else {"SSEAlgorithm": "AES256"},
            "bucket_key": self.key is not None,
            "public_access": dict(_BLOCKED),
            "ownership": "BucketOwnerEnforced",
            "versioning": "Enabled",
            "policy": document(only_tls(self.name), *self.statements),
            "access_log": {"TargetBucket": log[0], "TargetPrefix": log[1]} if log else None,
            "lifecycle": list(self.lifecycle),
            "lock": {"Mode": self.lock[0], "Days": self.lock[1]} if self.lock else None,
        }

    def find(self, cloud: Cloud) -> list[Live]:
        buckets = cloud.read("s3", "list_buckets")["Buckets"]
        if self.name not in {bucket["Name"] for bucket in buckets}:
            return []

        def get(setting: str, *absent: str) -> dict[str, Any]:
            return cloud.read("s3", f"get_{setting}", Bucket=self.name, absent=absent) or {}

        encryption = get("bucket_encryption", "ServerSideEncryptionConfigurationNotFoundError").get(
            "ServerSideEncryptionConfiguration", {"Rules": [{}]}
        )["Rules"][0]
        ownership = get("bucket_ownership_controls", "OwnershipControlsNotFoundError")
        log = get("bucket_logging").get("LoggingEnabled")
        policy = get("bucket_policy", "NoSuchBucketPolicy").get("Policy")
        lifecycle = get("bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration")
        lock = get("object_lock_configuration", "ObjectLockConfigurationNotFoundError")
        rule = lock.get("ObjectLockConfiguration", {}).get("Rule", {})
        retention = rule.get("DefaultRetention")
        attributes = {
            "encryption": encryption.get("ApplyServerSideEncryptionByDefault"),
            "bucket_key": encryption.get("BucketKeyEnabled", False),
            "public_access": get("public_access_block", "NoSuchPublicAccessBlockConfiguration").get(
                "PublicAccessBlockConfiguration"
            ),
            "ownership": ownership.get("OwnershipControls", {"Rules": [{}]})["Rules"][0].get(
                "ObjectOwnership"
            ),
            "versioning": get("bucket_versioning").get("Status"),
            "policy": json.loads(policy) if policy else None,
            "access_log": log and {k: log[k] for k in ("TargetBucket", "TargetPrefix")},
            "lifecycle": lifecycle.get("Rules", []),
            "lock": retention and {"Mode": retention["Mode"], "Days": retention.get("Days")},
            "tags": from_pairs(get("bucket_tagging", "NoSuchTagSet").get("TagSet")),
        }
        return [Live(self.name, attributes, arn=f"arn:aws:s3:::{self.name}")]

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        cloud.write(
            "s3",
            "create_bucket",
            Bucket=self.name,
            CreateBucketConfiguration={
                "LocationConstraint": self.region,
                "Tags": pairs(wanted["tags"]),
            },
            ObjectOwnership=wanted["ownership"],
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        def put(setting: str, **parameters: Any) -> None:
            cloud.write("s3", f"put_{setting}", Bucket=self.name, **parameters)

        if "public_access" in changed:
            put("public_access_block", PublicAccessBlockConfiguration=wanted["public_access"])
        if "ownership" in changed:
            rule = {"ObjectOwnership": wanted["ownership"]}
            put("bucket_ownership_controls", OwnershipControls={"Rules": [rule]})
        if changed & {"encryption", "bucket_key"}:
            rule = {
                "ApplyServerSideEncryptionByDefault": wanted["encryption"],
                "BucketKeyEnabled": wanted["bucket_key"],
            }
            put("bucket_encryption", ServerSideEncryptionConfiguration={"Rules": [rule]})
        if "versioning" in changed:
            put("bucket_versioning", VersioningConfiguration={"Status": wanted["versioning"]})
        if "policy" in changed:
            put("bucket_policy", Policy=json.dumps(wanted["policy"]))
        if "access_log" in changed:
            log = wanted["access_log"]
            status = {"LoggingEnabled": log} if log else {}
            put("bucket_logging", BucketLoggingStatus=status)
        if "lifecycle" in changed:
            if wanted["lifecycle"]:
                rules = {"Rules": wanted["lifecycle"]}
                put("bucket_lifecycle_configuration", LifecycleConfiguration=rules)
            else:
                cloud.write("s3", "delete_bucket_lifecycle", Bucket=self.name)
        if "lock" in changed:
            put("object_lock_configuration", ObjectLockConfiguration=_locking(wanted["lock"]))
        if "tags" in changed:
            put("bucket_tagging", Tagging={"TagSet": pairs(_all_tags(live, wanted))})

    def delete(self, cloud: Cloud, live: Live) -> None:
        """Deletes every version in the bucket, then the bucket."""
        s3 = cloud.aws.client("s3")
        lock = live.attributes["lock"]
        override = {"BypassGovernanceRetention": True} if lock else {}
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=self.name):
            versions = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            if not versions:
                continue
            objects = [{"Key": v["Key"], "VersionId": v["VersionId"]} for v in versions]
            cloud.write(
                "s3",
                "delete_objects",
                Bucket=self.name,
                Delete={"Objects": objects, "Quiet": True},
                **override,
            )
        cloud.write("s3", "delete_bucket", Bucket=self.name)


def _locking(lock: Attributes | None) -> dict[str, Any]:
    """Object Lock once enabled stays so; without a rule new versions aren't held any more."""
    rule = {"Rule": {"DefaultRetention": dict(lock)}} if lock else {}
    return {"ObjectLockEnabled": "Enabled", **rule}


def _all_tags(live: Live, wanted: Attributes) -> dict[str, str]:
    """S3 replaces all tags at once, so other people's go in again."""
    return {**live.attributes["tags"], **wanted["tags"]}
