"""The buckets: who reaches them, and what becomes of what lies there (B2, B3, B5, T1)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.audit.account import Account, as_list, statements

PURPOSES = ("lake", "raw", "drop", "backup", "artifact", "log", "state")
KEYS = {"lake": "data", "raw": "raw", "drop": "raw", "backup": "backup", "artifact": "data"}
YEAR = 365


def of(account: Account, purpose: str, what: str) -> dict[str, Any]:
    return account.read("s3", f"get_bucket_{what}", Bucket=account.bucket(purpose))


def lifecycle(account: Account, purpose: str) -> list[dict[str, Any]]:
    rules = of(account, purpose, "lifecycle_configuration")["Rules"]
    assert {rule["Status"] for rule in rules} == {"Enabled"}
    return rules


def expiry_days(account: Account, purpose: str, prefix: str = "") -> int:
    """After how many days what lies under a prefix goes."""
    (days,) = [
        rule["Expiration"]["Days"]
        for rule in lifecycle(account, purpose)
        if "Days" in rule.get("Expiration", {}) and rule["Filter"].get("Prefix", "") == prefix
    ]
    return days


def transitions(account: Account, purpose: str) -> dict[str, int]:
    """From which day on objects of a bucket lie in which storage class."""
    return {
        each["StorageClass"]: each["Days"]
        for rule in lifecycle(account, purpose)
        for each in rule.get("Transitions", [])
    }


def test_the_buckets_are_seven(account: Account) -> None:
    found = {bucket["Name"] for bucket in account.read("s3", "list_buckets")["Buckets"]}
    assert found == {account.bucket(purpose) for purpose in PURPOSES}


@pytest.mark.parametrize("purpose", PURPOSES)
class TestEveryBucket:
    def test_stands_in_tokyo(self, account: Account, purpose: str) -> None:
        """(N1)"""
        assert of(account, purpose, "location")["LocationConstraint"] == "ap-northeast-1"

    def test_encrypts_by_itself(self, account: Account, purpose: str) -> None:
        """With the key of its kind of data; logs, which ALB writes only so, with S3's own."""
        answer = of(account, purpose, "encryption")["ServerSideEncryptionConfiguration"]
        (rule,) = answer["Rules"]
        found = rule["ApplyServerSideEncryptionByDefault"]
        if purpose in KEYS:
            assert found["SSEAlgorithm"] == "aws:kms"
            assert found["KMSMasterKeyID"] == account.key(KEYS[purpose])
            assert rule["BucketKeyEnabled"] is True
        else:
            assert found["SSEAlgorithm"] == "AES256"

    def test_is_closed_to_the_public(self, account: Account, purpose: str) -> None:
        found = account.read("s3", "get_public_access_block", Bucket=account.bucket(purpose))
        assert set(found["PublicAccessBlockConfiguration"].values()) == {True}

    def test_refuses_what_came_without_tls(self, account: Account, purpose: str) -> None:
        arn = f"arn:aws:s3:::{account.bucket(purpose)}"
        (denied,) = [
            statement
            for statement in statements(of(account, purpose, "policy")["Policy"])
            if statement["Effect"] == "Deny"
        ]
        assert denied["Principal"] in ("*", {"AWS": "*"})
        assert denied["Action"] == "s3:*"
        assert set(as_list(denied["Resource"])) == {arn, f"{arn}/*"}
        assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}

    def test_lets_nobody_in_but_services_that_write_logs(
        self, account: Account, purpose: str
    ) -> None:
        found = statements(of(account, purpose, "policy")["Policy"])
        admitted = [s for s in found if s["Effect"] == "Allow"]
        assert bool(admitted) == (purpose == "log")
        for statement in admitted:
            assert set(statement["Principal"]) == {"Service"}
            assert "aws:Source" in json.dumps(statement["Condition"])

    def test_belongs_to_its_owner_whoever_writes(self, account: Account, purpose: str) -> None:
        (rule,) = of(account, purpose, "ownership_controls")["OwnershipControls"]["Rules"]
        assert rule["ObjectOwnership"] == "BucketOwnerEnforced"

    def test_keeps_versions_for_a_while(self, account: Account, purpose: str) -> None:
        """(B5)"""
        assert of(account, purpose, "versioning")["Status"] == "Enabled"
        days = [
            rule["NoncurrentVersionExpiration"]["NoncurrentDays"]
            for rule in lifecycle(account, purpose)
            if "NoncurrentVersionExpiration" in rule
        ]
        assert days and (max(days) <= 30 or purpose == "backup")

    def test_tidies_up_after_uploads_and_deletions(self, account: Account, purpose: str) -> None:
        """(B5)"""
        rules = lifecycle(account, purpose)
        assert [r for r in rules if "AbortIncompleteMultipartUpload" in r]
        assert [r for r in rules if r.get("Expiration", {}).get("ExpiredObjectDeleteMarker")]

    def test_records_who_reached_it(self, account: Account, purpose: str) -> None:
        """(B4) But for the log bucket, whose records would be about themselves."""
        found = of(account, purpose, "logging").get("LoggingEnabled")
        if purpose == "log":
            assert found is None
        else:
            assert found["TargetBucket"] == account.bucket("log")
            assert purpose in found["TargetPrefix"]

    def test_moves_objects_of_every_size(self, account: Account, purpose: str) -> None:
        """(B2) S3 leaves small objects where they are unless a rule names a size."""
        for rule in lifecycle(account, purpose):
            if {"Transitions", "NoncurrentVersionTransitions"} & set(rule):
                rule_filter = rule["Filter"].get("And", rule["Filter"])
                assert rule_filter["ObjectSizeGreaterThan"] <= 1


# ── how long, and in which class ─────────────────────────────────────────────────────────────


def test_backups_grow_colder_as_they_age(account: Account) -> None:
    """(B2) A month in Standard, to three in Infrequent Access, to two years in Glacier."""
    assert transitions(account, "backup") == {
        "STANDARD_IA": 30,
        "GLACIER": 90,
        "DEEP_ARCHIVE": 2 * YEAR,
    }


def test_backups_that_were_replaced_grow_colder_too(account: Account) -> None:
    """(B2) The lock keeps a version that is no longer current as long as any other."""
    found = {
        each["StorageClass"]: each["NoncurrentDays"]
        for rule in lifecycle(account, "backup")
        for each in rule.get("NoncurrentVersionTransitions", [])
    }
    assert found == {"STANDARD_IA": 30, "GLACIER": 90, "DEEP_ARCHIVE": 2 * YEAR}


def test_backups_go_after_five_years(account: Account) -> None:
    """(B2, B3) Not before, whichever years they are, and not much later."""
    assert 5 * YEAR + 1 < expiry_days(account, "backup") <= 5 * YEAR + 2


def test_backups_that_were_replaced_go_when_their_lock_ends(account: Account) -> None:
    """(B2, B3) Not sooner, and every rule on what is kept says for which sizes."""
    rules = lifecycle(account, "backup")
    (days,) = [
        rule["NoncurrentVersionExpiration"]["NoncurrentDays"]
        for rule in rules
        if "NoncurrentVersionExpiration" in rule
    ]
    assert days == expiry_days(account, "backup")
    unsized = [r for r in rules if "ObjectSizeGreaterThan" not in str(r["Filter"])]
    assert {key for rule in unsized for key in rule} == {
        "ID",
        "Status",
        "Filter",
        "AbortIncompleteMultipartUpload",
        "Expiration",
    }
    assert [r["Expiration"] for r in unsized if "Expiration" in r] == [
        {"ExpiredObjectDeleteMarker": True}
    ]


def test_backups_are_locked_as_long_as_they_are_kept(account: Account) -> None:
    """(B3, B4) Those with the right to override it aside."""
    found = account.read("s3", "get_object_lock_configuration", Bucket=account.bucket("backup"))[
        "ObjectLockConfiguration"
    ]
    assert found["ObjectLockEnabled"] == "Enabled"
    retention = found["Rule"]["DefaultRetention"]
    assert (retention["Mode"], retention["Days"]) == (
        "GOVERNANCE",
        expiry_days(account, "backup"),
    )


@pytest.mark.parametrize(
    ("purpose", "prefix", "at_most"),
    [
        ("raw", "", 180),
        ("drop", "", 180),
        ("lake", "athena-results/", 30),
        ("artifact", "", YEAR),
        ("log", "", 2 * YEAR),
    ],
)
def test_what_is_no_backup_goes_sooner(
    account: Account, purpose: str, prefix: str, at_most: int
) -> None:
    """(B5) Raw clicks and surveys, query results, builds, logs."""
    assert 0 < expiry_days(account, purpose, prefix) <= at_most


@pytest.mark.parametrize("purpose", ["lake", "drop", "log"])
def test_what_stays_for_long_moves_to_cheaper_storage(account: Account, purpose: str) -> None:
    """(B5)"""
    assert transitions(account, purpose)


def test_the_lakes_tables_stay(account: Account) -> None:
    """(T1) Only query results go by themselves."""
    expiring = [r for r in lifecycle(account, "lake") if "Days" in r.get("Expiration", {})]
    assert [rule["Filter"]["Prefix"] for rule in expiring] == ["athena-results/"]
