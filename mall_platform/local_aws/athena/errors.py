"""The errors a query ends with, worded with the prefixes that Athena gives them."""

import re

_KINDS = (
    "DIVISION_BY_ZERO|INVALID_CAST_ARGUMENT|INVALID_FUNCTION_ARGUMENT|NOT_SUPPORTED"
    "|NUMERIC_VALUE_OUT_OF_RANGE"
)
_COLON_PREFIX = re.compile(rf"\b({_KINDS}): (.*)", re.DOTALL)
_TRAILING_HINT = re.compile(
    r"(?:'? to INT32\b|'? when casting from source column|\n\s*\nLINE \d+:).*", re.DOTALL
)


class AthenaError(Exception):
    """A query that fails the way Athena lets it fail; `str()` is the text Athena shows."""

    kind = "GENERIC_INTERNAL_ERROR"

    def __init__(self, message: str, kind: str | None = None) -> None:
        self.kind = kind or self.kind
        self.message = message
        super().__init__(f"{self.kind}: {message}")


class NotSupportedError(AthenaError):
    """Valid or not on Athena, but the local one can't compute it exactly, so it doesn't."""

    kind = "NOT_SUPPORTED"


class QuerySyntaxError(AthenaError):
    """The text or its types are wrong (SYNTAX_ERROR, COLUMN_NOT_FOUND, TYPE_MISMATCH, …)."""

    kind = "SYNTAX_ERROR"


class QueryRuntimeError(AthenaError):
    """A value the query met can't be computed with (DIVISION_BY_ZERO, INVALID_CAST_ARGUMENT, …)."""

    kind = "GENERIC_USER_ERROR"


def from_duckdb(error: Exception) -> AthenaError:
    """The Athena error that a DuckDB exception raised by a translated query stands for."""
    text = str(error)
    if match := _COLON_PREFIX.search(text):
        message = _TRAILING_HINT.sub("", match[2]).strip()
        refused = match[1] == NotSupportedError.kind
        return NotSupportedError(message) if refused else QueryRuntimeError(message, match[1])
    name = type(error).__name__
    if "ivision by zero" in text or "ivide by zero" in text:
        return QueryRuntimeError("Division by zero", "DIVISION_BY_ZERO")
    if "Map keys must be unique" in text:
        return QueryRuntimeError("Duplicate map keys are not allowed", "INVALID_FUNCTION_ARGUMENT")
    if "More than one row returned by a subquery" in text:
        return QueryRuntimeError(
            "Scalar sub-query has returned multiple rows", "SUBQUERY_MULTIPLE_ROWS"
        )
    if name == "OutOfRangeException" or "out of range" in text or "Overflow in" in text:
        return QueryRuntimeError(text.splitlines()[0], "NUMERIC_VALUE_OUT_OF_RANGE")
    if name == "ConversionException":
        return QueryRuntimeError(text.splitlines()[0], "INVALID_CAST_ARGUMENT")
    if name in {"NotImplementedException", "BinderException", "ParserException"}:
        return NotSupportedError(f"the local Athena can't run this query: {text.splitlines()[0]}")
    return QueryRuntimeError(text.splitlines()[0], "GENERIC_INTERNAL_ERROR")
