"""How a failed query shows in Athena's API: its reason, and AthenaError's category and type."""

from __future__ import annotations

from typing import Any, Final

from mall_platform.local_aws.athena import errors
from mall_platform.local_aws.athena.errors import AthenaError

_SYSTEM: Final = 1
_USER: Final = 2

_GENERIC_USER_ERROR: Final = 1000
_TYPES: Final = {
    "HIVE_BAD_DATA": 1001,
    "HIVE_PARTITION_SCHEMA_MISMATCH": 1001,
    "HIVE_CURSOR_ERROR": 1001,
    "DDL": 1003,
}
_INTERNAL_ERROR: Final = 200


class DdlError(AthenaError):
    """A statement of the DDL engine failed; its texts carry no code of their own."""

    kind = "DDL"

    def __init__(self, message: str) -> None:
        super().__init__(f"FAILED: {message}")


class ScanLimitError(AthenaError):
    """The query reads more than its workgroup allows: it is cancelled, not failed."""

    kind = "EXCEEDED_SCAN_LIMIT"

    def __init__(self) -> None:
        super().__init__("Query cancelled! : Bytes scanned limit was exceeded")


class QueryCancelledError(AthenaError):
    """The query was stopped while it ran."""

    kind = "USER_CANCELED"

    def __init__(self) -> None:
        super().__init__("Query cancelled by user")


class InvalidRequestError(AthenaError):
    """The call asks for what can't be: refused before the query is queued."""

    kind = "INVALID_INPUT"


class MalformedQueryError(AthenaError):
    """The text isn't a statement of Athena's: refused before it is queued."""

    kind = "MALFORMED_QUERY"


_BAD_DATA: Final = "HIVE_BAD_DATA"


def from_duckdb(error: Exception) -> AthenaError:
    """The Athena error that a DuckDB exception stands for, whatever is at fault."""
    _, found, message = str(error).partition(f"{_BAD_DATA}: ")
    if found:
        return AthenaError(message.splitlines()[0], _BAD_DATA)
    return errors.from_duckdb(error)


def reason(error: AthenaError) -> str:
    """The text of StateChangeReason."""
    if isinstance(error, DdlError | ScanLimitError | QueryCancelledError):
        return error.message
    return str(error)


def describe(error: AthenaError) -> dict[str, Any]:
    """The AthenaError structure of GetQueryExecution."""
    internal = error.kind == "GENERIC_INTERNAL_ERROR"
    return {
        "ErrorCategory": _SYSTEM if internal else _USER,
        "ErrorType": _INTERNAL_ERROR if internal else _TYPES.get(error.kind, _GENERIC_USER_ERROR),
        "Retryable": False,
        "ErrorMessage": reason(error),
    }


def position(sql: str, offset: int) -> str:
    """`line 2:7` of a character of the statement, both counted from 1."""
    line = sql.count("\n", 0, offset) + 1
    return f"line {line}:{offset - sql.rfind(chr(10), 0, offset)}"
