"""Aggregate and window functions."""

from __future__ import annotations

from collections.abc import Sequence

from mall_platform.local_aws.athena import dialect_casts as casts
from mall_platform.local_aws.athena import types as t
from mall_platform.local_aws.athena.dialect_values import Typed
from mall_platform.local_aws.athena.functions_registry import Table

TABLE = Table("Aggregates and windows")
_add, _window = TABLE.aggregate, TABLE.window


def _average_of_decimals(args: Sequence[Typed]) -> Typed:
    value = args[0]
    total, count = (f"{name}({{d}}{value.sql}){{tail}}" for name in ("sum", "count"))
    return Typed(casts.average_of_decimals(total, count, value.type), value.type)


def _sum_of_decimals(args: Sequence[Typed]) -> Typed:
    kind = t.decimal(38, args[0].type.args[1])
    return Typed(f"CAST(sum({{d}}{args[0].sql}){{tail}} AS {kind.duckdb})", kind)


_add("count() -> bigint", "count(*){tail}")
_add("count(any) -> bigint", "count({d}{0}){tail}")
_add("count_if(boolean) -> bigint", "count(CASE WHEN {0} THEN 1 END){tail}")
for _kind in ("tinyint", "smallint", "integer", "bigint"):
    _add(f"sum({_kind}) -> bigint", "CAST(sum({d}{0}){tail} AS BIGINT)")
    _add(f"avg({_kind}) -> double", "avg({d}{0}){tail}")
for _name in ("sum", "avg"):
    _add(f"{_name}(real) -> real", f"CAST({_name}({{d}}{{0}}){{tail}} AS FLOAT)")
    _add(f"{_name}(double) -> double", f"{_name}({{d}}{{0}}){{tail}}")
_add("sum(decimal) -> decimal", _sum_of_decimals)
_add("avg(decimal) -> decimal", _average_of_decimals)
_add("min(T) -> T", "min({d}{0}){tail}")
_add("max(T) -> T", "max({d}{0}){tail}")

_window("row_number() -> bigint", "row_number(){tail}")
_window("rank() -> bigint", "rank(){tail}")
_window("dense_rank() -> bigint", "dense_rank(){tail}")
