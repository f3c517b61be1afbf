"""S3 buckets, and their settings: S3 keeps each of these under calls of its own."""

from __future__ import annotations

import json
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from infra_assets.cloud import Cloud
from infra_assets.policies import document, only_tls
from infra_assets.resource import Attributes, Live, Ref, Resource, Setting
from infra_assets.types.tagging import from_pairs, pairs

LockMode = Literal["GOVERNANCE", "COMPLIANCE"]


@dataclass(frozen=True, kw_only=True)
class Bucket(Resource):
    """A bucket, encrypted with the KMS key whose ARN `key` is; None takes S3's own keys.

    AWS keeps a new one closed to everybody but its owner, before any setting is made.
    """

    service: ClassVar[str] = "s3"
    holds_data: ClassVar[bool] = True

    region: str = "ap-northeast-1"
    key: Ref | str | None = None

    def wanted(self) -> dict[str, Any]:
        return {
            "encryption": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": self.key}
            if self.key
            else {"SSEAlgorithm": "AES256"},
            "bucket_key": self.key is not None,
        }

    def find(self, cloud: Cloud) -> list[Live]:
        buckets = cloud.read("s3", "list_buckets")["Buckets"]
        if self.name not in {bucket["Name"] for bucket in buckets}:
            return []
        found = cloud.read(
            "s3",
            "get_bucket_encryption",
            Bucket=self.name,
            absent=("ServerSideEncryptionConfigurationNotFoundError",),
        )
        (rule,) = found["ServerSideEncryptionConfiguration"]["Rules"] if found else [{}]
        tags = cloud.read("s3", "get_bucket_tagging", Bucket=self.name, absent=("NoSuchTagSet",))
        attributes = {
            "encryption": rule.get("ApplyServerSideEncryptionByDefault"),
            "bucket_key": rule.get("BucketKeyEnabled", False),
            "tags": from_pairs(tags and tags["TagSet"]),
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
            ObjectOwnership=Ownership.WANTED,
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        if changed & {"encryption", "bucket_key"}:
            rule = {
                "ApplyServerSideEncryptionByDefault": wanted["encryption"],
                "BucketKeyEnabled": wanted["bucket_key"],
            }
            cloud.write(
                "s3",
                "put_bucket_encryption",
                Bucket=self.name,
                ServerSideEncryptionConfiguration={"Rules": [rule]},
            )
        if "tags" in changed:
            tags = pairs({**live.attributes["tags"], **wanted["tags"]})  # S3 replaces them all
            cloud.write("s3", "put_bucket_tagging", Bucket=self.name, Tagging={"TagSet": tags})

    def delete(self, cloud: Cloud, live: Live) -> None:
        """Deletes every version in the bucket, then the bucket.

        A lock in governance mode is overridden: whoever deletes a bucket has named it.
        """
        s3 = cloud.aws.client("s3")
        locked = cloud.live(ObjectLock.former(self.name))
        override = {"BypassGovernanceRetention": True} if locked else {}
        kept: list[Any] = []  # then AWS doesn't let the bucket go, and says so
        while not kept:
            first = s3.list_object_versions(Bucket=self.name)
            versions = [*first.get("Versions", ()), *first.get("DeleteMarkers", ())]
            if not versions:
                break
            objects = [{"Key": v["Key"], "VersionId": v["VersionId"]} for v in versions]
            reply = cloud.write(
                "s3",
                "delete_objects",
                Bucket=self.name,
                Delete={"Objects": objects, "Quiet": True},
                **override,
            )
            kept = reply.get("Errors", [])
        cloud.write("s3", "delete_bucket", Bucket=self.name)


@dataclass(frozen=True, kw_only=True)
class _Setting(Setting):
    """A setting of the bucket whose name it has. One that isn't set isn't there."""

    service: ClassVar[str] = "s3"
    calls: ClassVar[str]
    """How S3's calls that get and put it are called."""
    unset: ClassVar[str] = ""
    """The error that says that it isn't set."""

    @abstractmethod
    def now(self, found: dict[str, Any]) -> Attributes | None:
        """The attributes that S3 answered with; None if it isn't set."""

    @abstractmethod
    def said(self, wanted: Attributes) -> dict[str, Any]:
        """The attributes as the call takes them."""

    def find(self, cloud: Cloud) -> list[Live]:
        found = cloud.read(
            "s3", f"get_{self.calls}", Bucket=self.name, absent=("NoSuchBucket", self.unset)
        )
        now = self.now(found) if found else None
        return [Live(self.name, now)] if now else []

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        cloud.write("s3", f"put_{self.calls}", Bucket=self.name, **self.said(wanted))

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        self.create(cloud, wanted)


@dataclass(frozen=True, kw_only=True)
class PublicAccess(_Setting):
    """No policy and no access list can open the bucket to everybody."""

    calls = "public_access_block"
    unset = "NoSuchPublicAccessBlockConfiguration"

    def wanted(self) -> dict[str, Any]:
        every = (
            "BlockPublicAcls",
            "IgnorePublicAcls",
            "BlockPublicPolicy",
            "RestrictPublicBuckets",
        )
        return {"blocked": dict.fromkeys(every, True)}

    def now(self, found: dict[str, Any]) -> Attributes:
        return {"blocked": found["PublicAccessBlockConfiguration"]}

    def said(self, wanted: Attributes) -> dict[str, Any]:
        return {"PublicAccessBlockConfiguration": wanted["blocked"]}


@dataclass(frozen=True, kw_only=True)
class Ownership(_Setting):
    """Whoever writes an object, it's the bucket owner's: there are no access lists."""

    WANTED: ClassVar[str] = "BucketOwnerEnforced"
    calls = "bucket_ownership_controls"
    unset = "OwnershipControlsNotFoundError"

    def wanted(self) -> dict[str, Any]:
        return {"ownership": self.WANTED}

    def now(self, found: dict[str, Any]) -> Attributes:
        (rule,) = found["OwnershipControls"]["Rules"]
        return {"ownership": rule["ObjectOwnership"]}

    def said(self, wanted: Attributes) -> dict[str, Any]:
        return {"OwnershipControls": {"Rules": [{"ObjectOwnership": wanted["ownership"]}]}}


@dataclass(frozen=True, kw_only=True)
class Policy(_Setting):
    """Who may do what: nobody anything without TLS; `statements` say more."""

    calls = "bucket_policy"
    unset = "NoSuchBucketPolicy"

    statements: tuple[dict[str, Any], ...] = ()

    def wanted(self) -> dict[str, Any]:
        return {"policy": document(only_tls(self.name), *self.statements)}

    def now(self, found: dict[str, Any]) -> Attributes:
        return {"policy": json.loads(found["Policy"])}

    def said(self, wanted: Attributes) -> dict[str, Any]:
        return {"Policy": json.dumps(wanted["policy"])}


@dataclass(frozen=True, kw_only=True)
class Versioning(_Setting):
    """What is overwritten or deleted stays, as an old version."""

    calls = "bucket_versioning"

    def wanted(self) -> dict[str, Any]:
        return {"status": "Enabled"}

    def now(self, found: dict[str, Any]) -> Attributes | None:
        return {"status": found["Status"]} if "Status" in found else None

    def said(self, wanted: Attributes) -> dict[str, Any]:
        return {"VersioningConfiguration": {"Status": wanted["status"]}}


@dataclass(frozen=True, kw_only=True)
class ObjectLock(_Setting):
    """For how many days no version can be deleted; in compliance mode by nobody at all."""

    calls = "object_lock_configuration"
    unset = "ObjectLockConfigurationNotFoundError"

    mode: LockMode
    days: int

    def wanted(self) -> dict[str, Any]:
        return {"mode": self.mode, "days": self.days}

    def now(self, found: dict[str, Any]) -> Attributes | None:
        held = found["ObjectLockConfiguration"].get("Rule", {}).get("DefaultRetention")
        return held and {"mode": held["Mode"], "days": held.get("Days")}

    def said(self, wanted: Attributes) -> dict[str, Any]:
        rule = {"DefaultRetention": {"Mode": wanted["mode"], "Days": wanted["days"]}}
        return {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled", "Rule": rule}}


@dataclass(frozen=True, kw_only=True)
class Lifecycle(_Setting):
    """When objects move to another storage class, and when they go."""

    sets: ClassVar[frozenset[str]] = frozenset({"rules"})
    calls = "bucket_lifecycle_configuration"
    unset = "NoSuchLifecycleConfiguration"

    rules: tuple[dict[str, Any], ...]

    def wanted(self) -> dict[str, Any]:
        return {"rules": list(self.rules)}

    def now(self, found: dict[str, Any]) -> Attributes:
        return {"rules": found["Rules"]}

    def said(self, wanted: Attributes) -> dict[str, Any]:
        return {"LifecycleConfiguration": {"Rules": wanted["rules"]}}


@dataclass(frozen=True, kw_only=True)
class AccessLog(_Setting):
    """Where each access to the bucket is written down: another bucket, and a prefix in it."""

    calls = "bucket_logging"

    bucket: Ref
    prefix: str

    def wanted(self) -> dict[str, Any]:
        return {"bucket": self.bucket, "prefix": self.prefix}

    def now(self, found: dict[str, Any]) -> Attributes | None:
        to = found.get("LoggingEnabled")
        return to and {"bucket": to["TargetBucket"], "prefix": to["TargetPrefix"]}

    def said(self, wanted: Attributes) -> dict[str, Any]:
        to = {"TargetBucket": wanted["bucket"], "TargetPrefix": wanted["prefix"]}
        return {"BucketLoggingStatus": {"LoggingEnabled": to}}
