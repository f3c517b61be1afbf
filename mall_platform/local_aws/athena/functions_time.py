"""Dates, times, time zones and intervals."""

from __future__ import annotations

from collections.abc import Sequence

from mall_platform.local_aws.athena.dialect_values import Typed
from mall_platform.local_aws.athena.functions_registry import Table, invalid, literal_text

TABLE = Table("Dates and times")
_add = TABLE.scalar
_UNITS = ("millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year")


def _truncated(args: Sequence[Typed]) -> Typed:
    unit = literal_text(args[0], "the unit of date_trunc").lower()
    value = args[1]
    if unit not in _UNITS or (value.type.name == "date" and unit in _UNITS[:4]):
        raise invalid(f"'{unit}' is not a valid {value.type.name.upper()} field")
    if value.type.is_zoned:
        local = f"date_trunc('{unit}', trino_local({value.sql}))"
        return Typed(f"trino_zoned_from_local({local}, ({value.sql}).z)", value.type)
    return Typed(f"CAST(date_trunc('{unit}', {value.sql}) AS {value.type.duckdb})", value.type)


for _type in ("date", "timestamp", "zoned"):
    _add(f"date_trunc(varchar, {_type}) -> {_type}", _truncated)
