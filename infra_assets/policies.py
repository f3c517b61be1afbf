"""IAM policy documents, built from statements that read like sentences."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from infra_assets.resource import Ref

Statement = dict[str, Any]


def document(*statements: Statement) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(
    actions: Iterable[str], resources: Iterable[str | Ref], when: dict[str, Any] | None = None
) -> Statement:
    """What the policy's holder may do."""
    statement: Statement = {
        "Effect": "Allow",
        "Action": sorted(actions),
        "Resource": list(resources),
    }
    return statement | ({"Condition": when} if when else {})


def deny(
    actions: Iterable[str], resources: Iterable[str], when: dict[str, Any] | None = None
) -> Statement:
    """What the policy's holder may not do, whatever else allows it."""
    statement: Statement = {"Effect": "Deny", "Action": sorted(actions), "Resource": [*resources]}
    return statement | ({"Condition": when} if when else {})


def deny_elsewhere(actions: Iterable[str], resources: Iterable[str]) -> Statement:
    """What the policy's holder may not do but on these resources."""
    return {"Effect": "Deny", "Action": sorted(actions), "NotResource": [*resources]}


def trust(service: str, account_id: str) -> dict[str, Any]:
    """Lets one AWS service assume a role, on behalf of this account only."""
    return document(
        {
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": account_id}},
        }
    )


def trusts_what_it_runs(service: str) -> dict[str, Any]:
    """For services that assume a role for what they run, and then name no account as the source;
    that only this account hands the role to them is what `iam:PassRole` sees to."""
    return document(
        {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    )


def via(region: str, service: str) -> dict[str, Any]:
    """The condition that a key is used through one service only."""
    return {"StringEquals": {"kms:ViaService": f"{service}.{region}.amazonaws.com"}}


def grant(
    sid: str,
    service: str,
    actions: Iterable[str],
    resource: str,
    when: dict[str, Any] | None = None,
) -> Statement:
    """A statement of a resource's own policy: what an AWS service may do with it."""
    statement: Statement = {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": sorted(actions),
        "Resource": resource,
    }
    return statement | ({"Condition": when} if when else {})


def only_tls(bucket: str) -> Statement:
    """Refuses every request to a bucket that didn't come over TLS."""
    return {
        "Sid": "OnlyTls",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def account_administers(account_id: str) -> Statement:
    """The key's account governs it by IAM; without this a key can become unmanageable."""
    return {
        "Sid": "AccountAdministers",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account_id}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
