"""Arrays, maps and the lambdas over them."""

from __future__ import annotations

from collections.abc import Sequence

from mall_platform.local_aws.athena import dialect_casts as casts
from mall_platform.local_aws.athena import types as t
from mall_platform.local_aws.athena.dialect_values import Typed, mismatch
from mall_platform.local_aws.athena.errors import NotSupportedError
from mall_platform.local_aws.athena.functions_registry import Renderer, Table

TABLE = Table("Arrays and maps")
_add = TABLE.scalar

MACROS = (
    "trino_has_null(list) AS len(list_filter(list, lambda x: x IS NULL)) > 0",
    """trino_contains(list, item) AS
       CASE WHEN list IS NULL OR item IS NULL THEN NULL
            WHEN list_contains(list, item) THEN TRUE
            WHEN trino_has_null(list) THEN NULL ELSE FALSE END""",
    """trino_holds(list, item) AS
       CASE WHEN item IS NULL THEN trino_has_null(list) ELSE list_contains(list, item) END""",
    """trino_distinct(list) AS
       list_filter(list, lambda x, i: CASE WHEN x IS NULL
           THEN i = 1 OR NOT trino_has_null(list[1:i - 1])
           ELSE list_position(list, x) = i END)""",
    """trino_intersect(a, b) AS
       CASE WHEN b IS NOT NULL
            THEN trino_distinct(list_filter(a, lambda x: trino_holds(b, x))) END""",
    """trino_except(a, b) AS
       CASE WHEN b IS NOT NULL
            THEN trino_distinct(list_filter(a, lambda x: NOT trino_holds(b, x))) END""",
    "trino_concat(a, b) AS CASE WHEN a IS NOT NULL AND b IS NOT NULL THEN list_concat(a, b) END",
    """trino_overlap(a, b) AS
       CASE WHEN a IS NULL OR b IS NULL THEN NULL
            WHEN len(list_filter(a, lambda x: x IS NOT NULL AND list_contains(b, x))) > 0 THEN TRUE
            WHEN len(a) > 0 AND len(b) > 0 AND (trino_has_null(a) OR trino_has_null(b)) THEN NULL
            ELSE FALSE END""",
    """trino_element_at(list, position) AS
       list_extract(list, CASE WHEN position = 0 AND list IS NOT NULL
           THEN trino_fail_integer('INVALID_FUNCTION_ARGUMENT: SQL array indices start at 1')
           ELSE position END)""",
    """trino_slice(list, start, size) AS
       CASE WHEN start = 0 THEN list[trino_fail_integer(
                'INVALID_FUNCTION_ARGUMENT: SQL array indices start at 1'):1]
            WHEN size < 0 THEN list[trino_fail_integer(
                'INVALID_FUNCTION_ARGUMENT: length must be greater than or equal to 0'):1]
            WHEN size IS NULL OR start IS NULL THEN NULL
            WHEN size = 0 OR abs(start) > len(list) THEN list[2:1]
            WHEN start > 0 THEN list[start:start + size - 1]
            ELSE list[len(list) + start + 1:len(list) + start + size] END""",
    """trino_trim_array(list, size) AS
       CASE WHEN size < 0 OR size > len(list) THEN list[trino_fail_integer(
                'INVALID_FUNCTION_ARGUMENT: size must not exceed array cardinality or be negative: '
                || size):1]
            WHEN size IS NULL THEN NULL
            ELSE list[1:len(list) - size] END""",
    """trino_any(answers) AS
       CASE WHEN list_contains(answers, TRUE) THEN TRUE
            WHEN trino_has_null(answers) THEN NULL WHEN answers IS NOT NULL THEN FALSE END""",
    """trino_all(answers) AS
       CASE WHEN list_contains(answers, FALSE) THEN FALSE
            WHEN trino_has_null(answers) THEN NULL WHEN answers IS NOT NULL THEN TRUE END""",
    """trino_checked_range(items) AS
       CASE WHEN len(items) > 10000 THEN items[trino_fail_integer(
                'INVALID_FUNCTION_ARGUMENT: result of sequence function must not have more than '
                || '10000 entries'):1] ELSE items END""",
    """trino_step(step, upwards) AS
       CASE WHEN step = 0 OR (step > 0) <> upwards THEN trino_fail_integer(
                'INVALID_FUNCTION_ARGUMENT: sequence stop value should be greater than or equal '
                || 'to start value if step is greater than zero otherwise stop should be less '
                || 'than or equal to start') ELSE step END""",
    """trino_keys_known(keys) AS
       CASE WHEN trino_has_null(keys) THEN keys[trino_fail_integer(
                'INVALID_FUNCTION_ARGUMENT: map key cannot be null'):1]
            WHEN len(list_distinct(keys)) <> len(keys) THEN keys[trino_fail_integer(
                'INVALID_FUNCTION_ARGUMENT: Duplicate map keys are not allowed'):1]
            ELSE keys END""",
    """trino_map(keys, items) AS
       CASE WHEN keys IS NULL OR items IS NULL THEN NULL
            WHEN len(keys) <> len(items) THEN map(keys[trino_fail_integer(
                'INVALID_FUNCTION_ARGUMENT: Key and value arrays must be the same length'):1],
                items[1:0])
            ELSE map(trino_keys_known(keys), items) END""",
    """trino_pairs(map) AS
       list_transform(map_entries(map), lambda e: struct_pack(a := e.key, b := e.value))""",
    """trino_unpair(pairs) AS
       CASE WHEN pairs IS NOT NULL
            THEN map(list_transform(pairs, lambda e: e.a), list_transform(pairs, lambda e: e.b))
            END""",
    """trino_zip(a, b) AS
       CASE WHEN a IS NOT NULL AND b IS NOT NULL
            THEN list_transform(range(1, greatest(len(a), len(b)) + 1),
                 lambda i: struct_pack(a := list_extract(a, CAST(i AS BIGINT)),
                                       b := list_extract(b, CAST(i AS BIGINT)))) END""",
    """trino_array_join(items, delimiter) AS
       CASE WHEN items IS NOT NULL AND delimiter IS NOT NULL
            THEN coalesce(array_to_string(items, delimiter), '') END""",
)


# --- arrays ------------------------------------------------------------------------------------


def _joined(args: Sequence[Typed]) -> Typed:
    element = args[0].type.args[0]
    text = casts.cast(Typed("x", element), t.VARCHAR).sql
    missing = f"coalesce({text}, {args[2].sql})" if len(args) > 2 else text
    if list(element.parts()):
        raise NotSupportedError(f"array_join of {element}")
    return Typed(
        f"trino_array_join(list_transform({args[0].sql}, lambda x: {missing}), {args[1].sql})",
        t.VARCHAR,
    )


def _concat(args: Sequence[Typed]) -> Typed:
    """Texts, binaries, or arrays with elements of the same type."""
    if len(args) < 2:
        raise mismatch("There must be two or more concatenation arguments")
    if all(arg.type.name in ("varchar", "unknown") for arg in args):
        parts = [casts.coerce(arg, t.VARCHAR).sql for arg in args]
        return Typed(f"({' || '.join(parts)})", t.VARCHAR)
    if any(arg.type.name == "varbinary" for arg in args):
        parts = [casts.coerce(arg, t.VARBINARY).sql for arg in args]
        return Typed(f"({' || '.join(parts)})", t.VARBINARY)
    kind: t.Type | None = next((arg.type for arg in args if arg.type.name == "array"), None)
    for arg in args:
        other = arg.type if arg.type.name == "array" else t.array(arg.type)
        kind = kind and t.common(kind, other)
    if kind is None:
        raise mismatch(f"Cannot concatenate {', '.join(str(arg.type) for arg in args)}")
    parts = [
        casts.coerce(arg, kind).sql
        if arg.type.name in ("array", "unknown")
        else f"[{casts.coerce(arg, kind.args[0]).sql}]"
        for arg in args
    ]
    sql = parts[0]
    for part in parts[1:]:
        sql = f"trino_concat({sql}, {part})"
    return Typed(sql, kind)


def _ordered(args: Sequence[Typed]) -> Typed:
    kind = args[0].type
    _sortable(kind)
    return Typed(f"list_sort({args[0].sql}, 'ASC', 'NULLS LAST')", kind)


def _sortable(kind: t.Type) -> None:
    if not kind.is_orderable:
        raise mismatch(f"{kind} can't be ordered")
    if kind.contains("row") or kind.contains("timestamp with time zone"):
        raise NotSupportedError(f"ordering values of {kind}")


def _extreme(name: str) -> Renderer:
    def render(args: Sequence[Typed]) -> Typed:
        kind = args[0].type.args[0]
        _sortable(kind)
        value = args[0].sql
        stop = "NULL"
        if kind.is_float:
            stop = (
                f"CASE WHEN len(list_filter({value}, lambda x: isnan(x))) > 0 "
                f"THEN CAST(trino_fail('NOT_SUPPORTED: array_{name} of NaN') AS {kind.duckdb}) END"
            )
            nan = f" OR len(list_filter({value}, lambda x: isnan(x))) > 0"
        else:
            nan = ""
        return Typed(
            f"CASE WHEN trino_has_null({value}){nan} THEN {stop} ELSE list_{name}({value}) END",
            kind,
        )

    return render


def _plain_elements(args: Sequence[Typed], what: str) -> None:
    for arg in args:
        if arg.type.contains("timestamp with time zone") or arg.type.contains("map"):
            raise NotSupportedError(f"{what} over {arg.type}")
        if arg.type.name == "array" and list(arg.type.args[0].parts()):
            raise NotSupportedError(f"{what} over {arg.type}")


def _compared(name: str, template: str, result: t.Type | None = None) -> Renderer:
    """Functions that compare elements: refused where equality isn't DuckDB's."""

    def render(args: Sequence[Typed]) -> Typed:
        _plain_elements(args, name)
        return Typed(template.format(*(arg.sql for arg in args)), result or args[0].type)

    return render


def _compare(signature: str, template: str, result: t.Type | None = None) -> None:
    name = signature.partition("(")[0]
    _add(signature, _compared(name, template, result))


_add("cardinality(array(T)) -> bigint", "CAST(len({0}) AS BIGINT)")
_add("cardinality(map(K, V)) -> bigint", "CAST(cardinality({0}) AS BIGINT)")
_compare("array_distinct(array(T)) -> array(T)", "trino_distinct({0})")
_compare("array_intersect(array(T), array(T)) -> array(T)", "trino_intersect({0}, {1})")
_compare("array_except(array(T), array(T)) -> array(T)", "trino_except({0}, {1})")
_compare("array_union(array(T), array(T)) -> array(T)", "trino_distinct(trino_concat({0}, {1}))")
_compare("arrays_overlap(array(T), array(T)) -> boolean", "trino_overlap({0}, {1})", t.BOOLEAN)
_compare("contains(array(T), T) -> boolean", "trino_contains({0}, {1})", t.BOOLEAN)
_compare(
    "array_position(array(T), T) -> bigint",
    "CASE WHEN {0} IS NOT NULL AND {1} IS NOT NULL "
    "THEN CAST(coalesce(list_position({0}, {1}), 0) AS BIGINT) END",
    t.BIGINT,
)
_compare(
    "array_remove(array(T), T) -> array(T)",
    "CASE WHEN {1} IS NOT NULL THEN list_filter({0}, lambda x: x IS NULL OR x <> {1}) END",
)
_add("array_join(array(T), varchar, [varchar]) -> varchar", _joined)
_add("array_max(array(T)) -> T", _extreme("max"))
_add("array_min(array(T)) -> T", _extreme("min"))
_add("array_sort(array(T)) -> array(T)", _ordered, "With a comparing lambda it is refused.")
_add("concat(any, ...) -> any", _concat)
_add("element_at(array(T), bigint) -> T", "trino_element_at({0}, {1})")
_add("element_at(map(K, V), K) -> V", "list_extract(map_extract({0}, {1}), 1)")
_add("flatten(array(array(T))) -> array(T)", "flatten({0})")
_add("repeat(T, bigint) -> array(T)", "list_transform(range({1}), lambda x: CAST({0} AS {T}))")
_add("reverse(array(T)) -> array(T)", "list_reverse({0})")
_add("slice(array(T), bigint, bigint) -> array(T)", "trino_slice({0}, {1}, {2})")
_add("trim_array(array(T), bigint) -> array(T)", "trino_trim_array({0}, {1})")
_add(
    "sequence(bigint, bigint) -> array(bigint)",
    "trino_checked_range(generate_series({0}, {1}, CASE WHEN {1} >= {0} THEN 1 ELSE -1 END))",
)
_add(
    "sequence(bigint, bigint, bigint) -> array(bigint)",
    "trino_checked_range(generate_series({0}, {1}, trino_step({2}, {1} >= {0})))",
)
_add(
    "sequence(date, date) -> array(date)",
    "trino_checked_range(list_transform(generate_series(0, abs({1} - {0})), "
    "lambda x: {0} + CAST(CASE WHEN {1} >= {0} THEN x ELSE -x END AS INTEGER)))",
)
for _span in ("day_time", "year_month"):
    _add(
        f"sequence(date, date, {_span}) -> array(date)",
        "trino_checked_range(list_transform(generate_series(CAST({0} AS TIMESTAMP), "
        "CAST({1} AS TIMESTAMP), {2}), lambda x: CAST(x AS DATE)))",
    )
    _add(
        f"sequence(timestamp, timestamp, {_span}) -> array(timestamp)",
        "trino_checked_range(generate_series({0}, {1}, {2}))",
    )


def _zip(args: Sequence[Typed]) -> Typed:
    kind = t.row([(None, arg.type.args[0]) for arg in args])
    longest = f"greatest({', '.join(f'len({arg.sql})' for arg in args)})"
    fields = ", ".join(
        f'"field{position}" := list_extract({arg.sql}, CAST(i AS BIGINT))'
        for position, arg in enumerate(args)
    )
    known = " AND ".join(f"({arg.sql}) IS NOT NULL" for arg in args)
    return Typed(
        f"CASE WHEN {known} THEN list_transform(range(1, {longest} + 1), "
        f"lambda i: struct_pack({fields})) END",
        t.array(kind),
    )


_add("zip(array(T), array(U)) -> array(row(T, U))", _zip)
_add("zip(array(T), array(U), array(V)) -> array(row(T, U, V))", _zip)

# --- lambdas -----------------------------------------------------------------------------------

_add("transform(array(T), function(T, U)) -> array(U)", "list_transform({0}, {1})")
_add("filter(array(T), function(T, boolean)) -> array(T)", "list_filter({0}, {1})")
_add("any_match(array(T), function(T, boolean)) -> boolean", "trino_any(list_transform({0}, {1}))")
_add("all_match(array(T), function(T, boolean)) -> boolean", "trino_all(list_transform({0}, {1}))")
_add(
    "none_match(array(T), function(T, boolean)) -> boolean",
    "(NOT trino_any(list_transform({0}, {1})))",
)

_add(
    "reduce(array(T), S, function(S, T, S), function(S, R)) -> R",
    "CASE WHEN {0} IS NOT NULL THEN list_extract(list_transform("
    "[list_reduce({0}, {2}, CAST({1} AS {S}))], {3}), 1) END",
)
_add(
    "zip_with(array(T), array(U), paired(T, U, R)) -> array(R)",
    "list_transform(trino_zip({0}, {1}), {2})",
)
_add(
    "map_filter(map(K, V), paired(K, V, boolean)) -> map(K, V)",
    "trino_unpair(list_filter(trino_pairs({0}), {1}))",
)
_add(
    "transform_keys(map(K, V), paired(K, V, R)) -> map(R, V)",
    "trino_map(list_transform(trino_pairs({0}), {1}), map_values({0}))",
)
_add(
    "transform_values(map(K, V), paired(K, V, R)) -> map(K, R)",
    "CASE WHEN {0} IS NOT NULL THEN map(map_keys({0}), list_transform(trino_pairs({0}), {1})) END",
)

# --- maps --------------------------------------------------------------------------------------


def _entries(args: Sequence[Typed]) -> Typed:
    key, value = args[0].type.args
    fields = '"field0" := x.key, "field1" := x.value'
    return Typed(
        f"list_transform(map_entries({args[0].sql}), lambda x: struct_pack({fields}))",
        t.array(t.row([(None, key), (None, value)])),
    )


def _from_entries(args: Sequence[Typed]) -> Typed:
    entry = args[0].type.args[0]
    (key, one), (value, two) = entry.fields()
    keys, values = (
        f'list_transform({args[0].sql}, lambda x: (x)."{name}")' for name in (key, value)
    )
    return Typed(f"trino_map({keys}, {values})", t.map_of(one, two))


def _map_concat(args: Sequence[Typed]) -> Typed:
    known = " AND ".join(f"({arg.sql}) IS NOT NULL" for arg in args)
    listed = ", ".join(arg.sql for arg in args)
    return Typed(f"CASE WHEN {known} THEN map_concat({listed}) END", args[0].type)


_add("map() -> map(unknown, unknown)", "map(CAST([] AS INTEGER[]), CAST([] AS INTEGER[]))")
_add("map(array(K), array(V)) -> map(K, V)", "trino_map({0}, {1})")
_add("map_keys(map(K, V)) -> array(K)", "map_keys({0})")
_add("map_values(map(K, V)) -> array(V)", "map_values({0})")
_add("map_entries(map(K, V)) -> array(row(K, V))", _entries)
_add("map_from_entries(array(row(K, V))) -> map(K, V)", _from_entries)
_add("map_concat(map(K, V), map(K, V), ...) -> map(K, V)", _map_concat)
