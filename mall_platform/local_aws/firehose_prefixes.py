"""Firehose's prefixes: `!{namespace:value}` expressions and the rules AWS has for them."""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Mapping
from datetime import UTC, datetime

_EXPRESSION = re.compile(r"!\{([^:}]*):?([^}]*)\}")
_TIME_FIELDS = {
    "yyyy": "%Y",
    "YYYY": "%Y",
    "yy": "%y",
    "MM": "%m",
    "dd": "%d",
    "DDD": "%j",
    "HH": "%H",
    "mm": "%M",
    "ss": "%S",
}
_TIME_PATTERN = re.compile(r"'([^']*)'|([A-Za-z])\2*|[^A-Za-z']+")
_DEFAULT_TIME = "yyyy/MM/dd/HH"
_RANDOM_LENGTH = 11


class InvalidPrefixError(Exception):
    """A prefix that AWS rejects, or whose time pattern is not emulated."""


def validate(prefix: str, error_prefix: str, *, dynamic: bool) -> None:
    """Raises InvalidPrefixError by AWS's rules for a stream's two prefixes."""
    for name, value in ("Prefix", prefix), ("ErrorOutputPrefix", error_prefix):
        for namespace, argument in _EXPRESSION.findall(value):
            _check_expression(name, namespace, argument)
    if expressions(prefix) and not error_prefix:
        raise InvalidPrefixError("ErrorOutputPrefix is required when Prefix has expressions")
    if ("firehose", "error-output-type") in expressions(prefix):
        raise InvalidPrefixError("Prefix must not contain !{firehose:error-output-type}")
    if expressions(error_prefix) and (
        ("firehose", "error-output-type") not in expressions(error_prefix)
    ):
        raise InvalidPrefixError("ErrorOutputPrefix must contain !{firehose:error-output-type}")
    if partition_keys(error_prefix):
        raise InvalidPrefixError("ErrorOutputPrefix must not contain partition keys")
    if dynamic and not partition_keys(prefix):
        raise InvalidPrefixError("Prefix must use partition keys with dynamic partitioning")
    if partition_keys(prefix) and not dynamic:
        raise InvalidPrefixError("Partition keys in Prefix need dynamic partitioning")


def expressions(prefix: str) -> list[tuple[str, str]]:
    return _EXPRESSION.findall(prefix)


def partition_keys(prefix: str) -> list[str]:
    """The names of the partition keys that a prefix uses."""
    return [key for namespace, key in expressions(prefix) if namespace == "partitionKeyFromQuery"]


def evaluate(
    prefix: str, arrived: datetime, keys: Mapping[str, str], *, error_type: str | None = None
) -> str:
    """The folder of an object whose oldest record arrived then (in the stream's time zone).

    Without any expression, AWS appends the hour (and before it the type of error).
    """
    if not expressions(prefix):
        kind = f"{error_type}/" if error_type else ""
        return f"{prefix}{kind}{_format(_DEFAULT_TIME, arrived)}/"

    def value(match: re.Match[str]) -> str:
        namespace, argument = match.groups()
        if namespace == "timestamp":
            return _format(argument, arrived)
        if namespace == "partitionKeyFromQuery":
            return keys[argument]
        return error_type or "" if argument == "error-output-type" else _random_string()

    return _EXPRESSION.sub(value, prefix)


def _check_expression(where: str, namespace: str, argument: str) -> None:
    if namespace == "timestamp":
        _format(argument, datetime.min.replace(tzinfo=UTC))
    elif namespace == "firehose":
        if argument not in ("error-output-type", "random-string"):
            raise InvalidPrefixError(f"{where}: unknown expression firehose:{argument}")
    elif namespace != "partitionKeyFromQuery":
        raise InvalidPrefixError(f"{where}: unknown or unemulated namespace {namespace}")


def _format(pattern: str, moment: datetime) -> str:
    """Java's DateTimeFormatter for the fields of dates and times by number."""
    parts = []
    for match in _TIME_PATTERN.finditer(pattern):
        if match[1] is not None:
            parts.append(match[1])
        elif match[2] is None:
            parts.append(match[0])
        elif match[0] in _TIME_FIELDS:
            field = _TIME_FIELDS[match[0]]
            parts.append(f"{moment.year:04}" if field == "%Y" else moment.strftime(field))
        else:
            raise InvalidPrefixError(f"time pattern {match[0]} is not emulated")
    return "".join(parts)


def _random_string() -> str:
    letters = string.ascii_letters + string.digits
    return "".join(secrets.choice(letters) for _ in range(_RANDOM_LENGTH))
