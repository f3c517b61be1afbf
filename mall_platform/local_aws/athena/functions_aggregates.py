"""Aggregate and window functions."""

from __future__ import annotations

from collections.abc import Sequence

from mall_platform.local_aws.athena import dialect_casts as casts
from mall_platform.local_aws.athena import types as t
from mall_platform.local_aws.athena.dialect_values import Typed, mismatch
from mall_platform.local_aws.athena.errors import NotSupportedError
from mall_platform.local_aws.athena.functions_registry import Renderer, Table

TABLE = Table("Aggregates and windows")
_add, _window = TABLE.aggregate, TABLE.window

MACROS = (
    """trino_finite(value) AS CASE WHEN isfinite(value) THEN value END""",
    """trino_skewness(value, size) AS
       CASE WHEN size > 2
            THEN value * (size - 2) / sqrt(CAST(size AS DOUBLE) * (size - 1)) END""",
    """trino_first_map(keys, items) AS
       map(list_distinct(keys), list_transform(list_distinct(keys),
           lambda k: list_extract(items, list_position(keys, k))))""",
    """trino_multimap(keys, items) AS
       map(list_distinct(keys), list_transform(list_distinct(keys),
           lambda k: list_filter(items, lambda v, i: keys[i] = k)))""",
)


def _average_of_decimals(args: Sequence[Typed]) -> Typed:
    value = args[0]
    total, count = (f"{name}({{d}}{value.sql}){{tail}}" for name in ("sum", "count"))
    return Typed(casts.average_of_decimals(total, count, value.type), value.type)


def _sum_of_decimals(args: Sequence[Typed]) -> Typed:
    kind = t.decimal(38, args[0].type.args[1])
    return Typed(f"CAST(sum({{d}}{args[0].sql}){{tail}} AS {kind.duckdb})", kind)


def _extreme(name: str) -> Renderer:
    def render(args: Sequence[Typed]) -> Typed:
        kind = args[0].type
        _orderable(kind)
        found = f"{name}({args[0].sql}){{tail}}"
        if not kind.is_float:
            return Typed(found, kind)
        stop = f"CAST(trino_fail('NOT_SUPPORTED: {name} of NaN') AS {kind.duckdb})"
        return Typed(
            f"CASE WHEN isnan(max({args[0].sql}){{tail}}) THEN {stop} ELSE {found} END", kind
        )

    return render


def _several(name: str) -> Renderer:
    def render(args: Sequence[Typed]) -> Typed:
        kind = args[0].type
        _orderable(kind)
        if kind.is_float or not isinstance(args[1].literal, int):
            raise NotSupportedError(f"{name} with a count over {kind}")
        return Typed(f"{name}({args[0].sql}, {args[1].literal}){{tail}}", t.array(kind))

    return render


def _by(name: str) -> Renderer:
    def render(args: Sequence[Typed]) -> Typed:
        _orderable(args[1].type)
        value, key = args[0].sql, args[1].sql
        found = f"{name}({value}, {key}){{tail}}"
        kind = args[0].type
        if args[1].type.is_float:
            stop = f"CAST(trino_fail('NOT_SUPPORTED: ordering by NaN') AS {kind.duckdb})"
            found = f"CASE WHEN isnan(max({key}){{tail}}) THEN {stop} ELSE {found} END"
        return Typed(found, kind)

    return render


def _orderable(kind: t.Type) -> None:
    if not kind.is_orderable:
        raise mismatch(f"Type {kind} is not orderable")
    if list(kind.parts()):
        raise NotSupportedError(f"the order of values of type {kind}")


def _percentile(args: Sequence[Typed]) -> Typed:
    value, share = args
    kind = value.type
    result = t.array(kind) if share.type.name == "array" else kind
    return Typed(f"quantile_disc({value.sql}, {share.sql}){{tail}}", result)


_add("count() -> bigint", "count(*){tail}")
_add("count(any) -> bigint", "count({d}{0}){tail}")
_add("count_if(boolean) -> bigint", "count(CASE WHEN {0} THEN 1 END){tail}")
for _kind in t.INTEGERS:
    _add(f"sum({_kind}) -> bigint", "CAST(sum({d}{0}){tail} AS BIGINT)")
    _add(f"avg({_kind}) -> double", "avg({d}{0}){tail}")
for _name in ("sum", "avg"):
    _add(f"{_name}(real) -> real", f"CAST({_name}({{d}}{{0}}){{tail}} AS FLOAT)")
    _add(f"{_name}(double) -> double", f"{_name}({{d}}{{0}}){{tail}}")
_add("sum(decimal) -> decimal", _sum_of_decimals)
_add("avg(decimal) -> decimal", _average_of_decimals)
for _name in ("min", "max"):
    _add(f"{_name}(T) -> T", _extreme(_name), "NaN is refused when met.")
    _add(f"{_name}(T, bigint) -> array(T)", _several(_name))
    _add(f"{_name}_by(T, U) -> T", _by(f"arg_{_name}_null"))
for _name in ("arbitrary", "any_value"):
    _add(f"{_name}(T) -> T", "any_value({0}){tail}", "Which value is not defined.")
for _name in ("bool_and", "every"):
    _add(f"{_name}(boolean) -> boolean", "bool_and({0}){tail}")
_add("bool_or(boolean) -> boolean", "bool_or({0}){tail}")
for _name in ("and", "or", "xor"):
    _add(f"bitwise_{_name}_agg(bigint) -> bigint", f"bit_{_name}({{0}}){{tail}}")
_add("geometric_mean(double) -> double", "exp(avg(trino_ln({0})){tail})")

# --- collections -------------------------------------------------------------------------------

_add("array_agg(T) -> array(T)", "array_agg({d}{0}{o}){tail}")
_add(
    "listagg(varchar, varchar) -> varchar",
    "string_agg({d}{0}, {1}{o}){tail}",
    "ON OVERFLOW is refused.",
)
_add(
    "map_agg(K, V) -> map(K, V)",
    "trino_first_map(list({0}){tail}, list({1}){tail})",
    "Which value a key met twice keeps is not defined.",
)
_add("multimap_agg(K, V) -> map(K, array(V))", "trino_multimap(list({0}){tail}, list({1}){tail})")
_add("histogram(T) -> map(T, bigint)", "CAST(histogram({0}){tail} AS MAP({T}, BIGINT))")

# --- approximate -------------------------------------------------------------------------------

_EXACT = "Exact here; on AWS an estimate (standard error 2.3% unless given)."
_add("approx_distinct(any, [double]) -> bigint", "count(DISTINCT {0}){tail}", _EXACT)
for _kind in ("bigint", "real", "double"):
    for _shares, _result in (("double", _kind), ("array(double)", f"array({_kind})")):
        _add(
            f"approx_percentile({_kind}, {_shares}) -> {_result}",
            _percentile,
            "An exact element here; on AWS an estimate that may lie between two."
            if (_kind, _shares) == ("bigint", "double")
            else "",
        )

# --- statistics --------------------------------------------------------------------------------

for _name, _sql in (
    ("stddev", "stddev_samp"),
    ("stddev_samp", "stddev_samp"),
    ("stddev_pop", "stddev_pop"),
    ("variance", "var_samp"),
    ("var_samp", "var_samp"),
    ("var_pop", "var_pop"),
):
    _add(f"{_name}(double) -> double", f"{_sql}({{d}}{{0}}){{tail}}")
_add("skewness(double) -> double", "trino_skewness(skewness({0}){tail}, count({0}){tail})")
_add("kurtosis(double) -> double", "kurtosis({0}){tail}")
_add("corr(double, double) -> double", "trino_finite(corr({0}, {1}){tail})")
_add("covar_samp(double, double) -> double", "covar_samp({0}, {1}){tail}")
_add("covar_pop(double, double) -> double", "covar_pop({0}, {1}){tail}")
for _name in ("regr_slope", "regr_intercept"):
    _add(f"{_name}(double, double) -> double", f"trino_finite({_name}({{0}}, {{1}}){{tail}})")

# --- windows -----------------------------------------------------------------------------------

for _name in ("row_number", "rank", "dense_rank"):
    _window(f"{_name}() -> bigint", f"{_name}(){{tail}}")
for _name in ("percent_rank", "cume_dist"):
    _window(f"{_name}() -> double", f"{_name}(){{tail}}")
_window("ntile(bigint) -> bigint", "ntile({0}){tail}")
for _name in ("lag", "lead"):
    _window(f"{_name}(T, [bigint, T]) -> T", f"{_name}({{args}}{{i}}){{tail}}")
for _name in ("first_value", "last_value"):
    _window(f"{_name}(T) -> T", f"{_name}({{0}}{{i}}){{tail}}")
_window("nth_value(T, bigint) -> T", "nth_value({0}, {1}{i}){tail}")
