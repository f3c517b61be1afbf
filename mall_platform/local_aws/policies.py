"""Evaluates a bucket policy for a request that reaches the local AWS.

The caller is the account's root. The context that is known: `aws:SecureTransport` is true (the
endpoint is on loopback, where nobody listens in, so it counts as TLS), `s3:TlsVersion` is 1.3,
and the caller's account and ARN. A statement whose condition names any other key does not apply.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Literal

from mall_platform.local_aws.lifecycle import ACCOUNT_ID

Verdict = Literal["allow", "deny", "neither"]

_CALLER = f"arn:aws:iam::{ACCOUNT_ID}:root"
_CONTEXT = {
    "aws:securetransport": "true",
    "s3:tlsversion": "1.3",
    "aws:principalaccount": ACCOUNT_ID,
    "aws:principalarn": _CALLER,
}
# What moto calls a request of S3, and the permission that it needs.
_PERMISSIONS = {"s3:HeadObject": "s3:GetObject", "s3:PostObject": "s3:PutObject"}

_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "bool": lambda actual, wanted: actual.lower() == wanted.lower(),
    "stringequals": lambda actual, wanted: actual == wanted,
    "stringnotequals": lambda actual, wanted: actual != wanted,
    "stringlike": fnmatchcase,
    "stringnotlike": lambda actual, wanted: not fnmatchcase(actual, wanted),
    "arnequals": fnmatchcase,
    "arnlike": fnmatchcase,
    "arnnotequals": lambda actual, wanted: not fnmatchcase(actual, wanted),
    "arnnotlike": lambda actual, wanted: not fnmatchcase(actual, wanted),
    "numericequals": lambda actual, wanted: float(actual) == float(wanted),
    "numericnotequals": lambda actual, wanted: float(actual) != float(wanted),
    "numericlessthan": lambda actual, wanted: float(actual) < float(wanted),
    "numericlessthanequals": lambda actual, wanted: float(actual) <= float(wanted),
    "numericgreaterthan": lambda actual, wanted: float(actual) > float(wanted),
    "numericgreaterthanequals": lambda actual, wanted: float(actual) >= float(wanted),
}


def evaluate(policy: bytes | None, action: str, resource: str) -> Verdict:
    """What a policy document says of one action on one resource; a Deny wins."""
    if policy is None:
        return "neither"
    action = _PERMISSIONS.get(action, action)
    verdict: Verdict = "neither"
    for statement in _statements(policy):
        if not _applies(statement, action, resource):
            continue
        if statement["Effect"] == "Deny":
            return "deny"
        verdict = "allow"
    return verdict


@lru_cache(256)
def _statements(policy: bytes) -> tuple[dict[str, Any], ...]:
    return tuple(_listed(json.loads(policy)["Statement"]))


def _applies(statement: dict[str, Any], action: str, resource: str) -> bool:
    return (
        _names(statement, "Action", action, ignore_case=True)
        and _names(statement, "Resource", resource)
        and _principal_is_caller(statement)
        and _condition_holds(statement.get("Condition", {}))
    )


def _names(
    statement: dict[str, Any], element: str, value: str, *, ignore_case: bool = False
) -> bool:
    negated = f"Not{element}" in statement
    patterns = _listed(statement[f"Not{element}" if negated else element])
    if ignore_case:
        value, patterns = value.lower(), [pattern.lower() for pattern in patterns]
    return any(_like(value, pattern) for pattern in patterns) != negated


def _like(value: str, pattern: str) -> bool:
    # IAM knows * and ? only; fnmatch would read [ as well.
    return fnmatchcase(value, pattern.replace("[", "[[]"))


def _principal_is_caller(statement: dict[str, Any]) -> bool:
    negated = "NotPrincipal" in statement
    principal = statement["NotPrincipal" if negated else "Principal"]
    named = ["*"] if principal == "*" else _listed(principal.get("AWS", []))
    return any(name in ("*", ACCOUNT_ID, _CALLER) for name in named) != negated


def _condition_holds(condition: dict[str, Any]) -> bool:
    return all(
        _test_holds(operator, key, _listed(wanted))
        for operator, tests in condition.items()
        for key, wanted in tests.items()
    )


def _test_holds(operator: str, key: str, wanted: list[Any]) -> bool:
    name = operator.lower().removesuffix("ifexists")
    actual = _CONTEXT.get(key.lower())
    compare = _OPERATORS.get(name)
    if actual is None or compare is None:
        return False
    tests = [compare(actual, str(value)) for value in wanted]
    return all(tests) if "not" in name else any(tests)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
