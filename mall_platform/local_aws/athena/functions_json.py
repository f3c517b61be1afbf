"""JSON: a json value is its text, objects parsed from text with their keys in order."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from mall_platform.local_aws.athena import types as t
from mall_platform.local_aws.athena.dialect_values import Typed, text_literal
from mall_platform.local_aws.athena.functions_math import double_text
from mall_platform.local_aws.athena.functions_registry import Table, invalid, literal_text

TABLE = Table("JSON")
_add = TABLE.scalar
_STEP = re.compile(r"""\.([A-Za-z_]\w*)|\.?\["([^"]*)"\]|\.?\['([^']*)'\]|\[(\d+)\]""")


def java_double(value: float) -> str:
    """A double as Java prints it: plain from 10^-3 up to 10^7, else with an exponent."""
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        text = repr(value)
        return text if "e" not in text else format(value, "f")
    return double_text(value)


def _dump(value: Any, *, ordered: bool) -> str:
    """Compact JSON, its keys sorted where `ordered`."""
    if isinstance(value, dict):
        keys = sorted(value) if ordered else value
        inside = (f"{_quote(key)}:{_dump(value[key], ordered=ordered)}" for key in keys)
        return "{" + ",".join(inside) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_dump(item, ordered=ordered) for item in value) + "]"
    if isinstance(value, float):
        return java_double(value)
    if isinstance(value, str):
        return _quote(value)
    return json.dumps(value)


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _reject(constant: str) -> Any:
    raise ValueError(constant)


def parse(text: str) -> str:
    """A text as json; INVALID_FUNCTION_ARGUMENT where it isn't JSON."""
    try:
        return _dump(json.loads(text, parse_constant=_reject), ordered=True)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"INVALID_FUNCTION_ARGUMENT: Cannot convert value to JSON: '{text}'"
        ) from error


def _plain(text: str) -> str:
    """A piece of JSON with its numbers written as Java writes them."""
    return _dump(json.loads(text), ordered=False)


def _number_at(text: str, path: str) -> str | None:
    """The number at a path of DuckDB's kind, as the text spells it."""
    value = json.loads(text, parse_float=str, parse_int=str)
    for key, position in re.findall(r'\."([^"]*)"|\[(\d+)\]', path):
        value = value[int(position)] if position else value[key]
    return str(value)


def _list(items: list[str | None]) -> str:
    return "[" + ",".join("null" if item is None else item for item in items) + "]"


def _object(keys: list[str], items: list[str | None]) -> str:
    pairs = sorted(zip(keys, items, strict=True))
    return "{" + ",".join(f"{_quote(k)}:{'null' if v is None else v}" for k, v in pairs) + "}"


def _row(names: list[str], items: list[str | None]) -> str:
    parts = (f"{_quote(k)}:{'null' if v is None else v}" for k, v in zip(names, items, strict=True))
    return "{" + ",".join(parts) + "}"


def _contains_text(text: str, wanted: str) -> bool:
    return wanted in [item for item in _items(text) if isinstance(item, str)]


def _contains_number(text: str, wanted: float) -> bool:
    return any(
        item == wanted
        for item in _items(text)
        if isinstance(item, int | float) and not isinstance(item, bool)
    )


def _contains_boolean(text: str, wanted: bool) -> bool:
    return any(item is wanted for item in _items(text))


def _items(text: str) -> list[Any]:
    value = json.loads(text)
    return value if isinstance(value, list) else []


def _elements(text: str) -> list[str] | None:
    """The elements of an array, each as JSON."""
    value = json.loads(text)
    if value is None:
        return None
    if not isinstance(value, list):
        raise ValueError(f"INVALID_CAST_ARGUMENT: Cannot cast to array: {text}")
    return [_dump(item, ordered=False) for item in value]


def _item(text: str, position: int) -> str | None:
    """One element of an array, from the end where `position` is negative."""
    value = json.loads(text)
    if not isinstance(value, list) or not -len(value) <= position < len(value):
        return None
    item = value[position]
    return item if isinstance(item, str) else _dump(item, ordered=False)


def _members(text: str) -> dict[str, Any] | None:
    value = json.loads(text)
    if value is not None and not isinstance(value, dict):
        raise ValueError(f"INVALID_CAST_ARGUMENT: Cannot cast to map: {text}")
    return value


def _keys(text: str) -> list[str] | None:
    members = _members(text)
    return None if members is None else list(members)


def _values(text: str) -> list[str] | None:
    members = _members(text)
    return None if members is None else [_dump(v, ordered=False) for v in members.values()]


def _field(text: str, name: str, position: int) -> str | None:
    """One field of a row: by name (case ignored) in an object, by position in an array."""
    value = json.loads(text)
    if isinstance(value, list):
        return _dump(value[position], ordered=False) if position < len(value) else None
    found = {key.lower(): item for key, item in value.items()}
    return _dump(found[name], ordered=False) if name in found else None


PYTHON = (
    ("trino_json_elements", _elements, ("VARCHAR",), "VARCHAR[]"),
    ("trino_json_item", _item, ("VARCHAR", "BIGINT"), "VARCHAR"),
    ("trino_json_keys", _keys, ("VARCHAR",), "VARCHAR[]"),
    ("trino_json_values", _values, ("VARCHAR",), "VARCHAR[]"),
    ("trino_json_field", _field, ("VARCHAR", "VARCHAR", "INTEGER"), "VARCHAR"),
    ("trino_json_parse", parse, ("VARCHAR",), "VARCHAR"),
    ("trino_json_plain", _plain, ("VARCHAR",), "VARCHAR"),
    ("trino_json_number", _number_at, ("VARCHAR", "VARCHAR"), "VARCHAR"),
    ("trino_json_string", _quote, ("VARCHAR",), "VARCHAR"),
    ("trino_json_double", java_double, ("DOUBLE",), "VARCHAR"),
    ("trino_json_list", _list, ("VARCHAR[]",), "VARCHAR"),
    ("trino_json_object", _object, ("VARCHAR[]", "VARCHAR[]"), "VARCHAR"),
    ("trino_json_row", _row, ("VARCHAR[]", "VARCHAR[]"), "VARCHAR"),
    ("trino_json_contains_text", _contains_text, ("VARCHAR", "VARCHAR"), "BOOLEAN"),
    ("trino_json_contains_number", _contains_number, ("VARCHAR", "DOUBLE"), "BOOLEAN"),
    ("trino_json_contains_boolean", _contains_boolean, ("VARCHAR", "BOOLEAN"), "BOOLEAN"),
)
MACROS = (
    "trino_json_of(value) AS value",
    "trino_json_known(value) AS CASE WHEN json_valid(value) THEN value END",
    """trino_json_at(value, path) AS
       trino_json_plain(CAST(json_extract(trino_json_known(value), path) AS VARCHAR))""",
    """trino_json_scalar(value, path) AS
       CASE json_type(trino_json_known(value), path)
            WHEN 'ARRAY' THEN NULL WHEN 'OBJECT' THEN NULL WHEN 'NULL' THEN NULL
            WHEN 'DOUBLE' THEN trino_json_number(value, path)
            ELSE json_extract_string(trino_json_known(value), path) END""",
    """trino_json_cast_error(value, kind) AS
       trino_fail('INVALID_CAST_ARGUMENT: Cannot cast to ' || kind || ': ' || value)""",
    """trino_json_to_varchar(value) AS
       CASE json_type(value) WHEN 'NULL' THEN NULL
            WHEN 'ARRAY' THEN trino_json_cast_error(value, 'varchar')
            WHEN 'OBJECT' THEN trino_json_cast_error(value, 'varchar')
            WHEN 'DOUBLE' THEN trino_double_text(CAST(value AS DOUBLE))
            ELSE json_extract_string(value, '$') END""",
    """trino_json_to_boolean(value) AS
       CASE json_type(value) WHEN 'NULL' THEN NULL
            WHEN 'BOOLEAN' THEN value = 'true'
            WHEN 'VARCHAR' THEN trino_text_to_boolean(json_extract_string(value, '$'))
            WHEN 'ARRAY' THEN CAST(trino_json_cast_error(value, 'boolean') AS BOOLEAN)
            WHEN 'OBJECT' THEN CAST(trino_json_cast_error(value, 'boolean') AS BOOLEAN)
            ELSE CAST(value AS DOUBLE) <> 0 END""",
    """trino_json_to_bigint(value) AS
       CASE json_type(value) WHEN 'NULL' THEN NULL
            WHEN 'BOOLEAN' THEN CASE WHEN value = 'true' THEN 1 ELSE 0 END
            WHEN 'VARCHAR' THEN CAST(trino_integer_text(json_extract_string(value, '$'), 'bigint')
                                     AS BIGINT)
            WHEN 'DOUBLE' THEN CAST(round(CAST(value AS DOUBLE)) AS BIGINT)
            WHEN 'ARRAY' THEN CAST(trino_json_cast_error(value, 'bigint') AS BIGINT)
            WHEN 'OBJECT' THEN CAST(trino_json_cast_error(value, 'bigint') AS BIGINT)
            ELSE CAST(value AS BIGINT) END""",
    """trino_json_to_double(value) AS
       CASE json_type(value) WHEN 'NULL' THEN NULL
            WHEN 'BOOLEAN' THEN CASE WHEN value = 'true' THEN 1 ELSE 0 END
            WHEN 'VARCHAR' THEN CAST(trino_float_text(json_extract_string(value, '$'), 'double')
                                     AS DOUBLE)
            WHEN 'ARRAY' THEN CAST(trino_json_cast_error(value, 'double') AS DOUBLE)
            WHEN 'OBJECT' THEN CAST(trino_json_cast_error(value, 'double') AS DOUBLE)
            ELSE CAST(value AS DOUBLE) END""",
    """trino_json_to_decimal(value, scale) AS
       CASE json_type(value) WHEN 'NULL' THEN NULL
            WHEN 'BOOLEAN' THEN CASE WHEN value = 'true' THEN '1' ELSE '0' END
            WHEN 'VARCHAR' THEN trino_decimal_text(json_extract_string(value, '$'), scale)
            WHEN 'DOUBLE' THEN trino_exact_text(CAST(value AS DOUBLE), scale)
            WHEN 'ARRAY' THEN trino_json_cast_error(value, 'decimal')
            WHEN 'OBJECT' THEN trino_json_cast_error(value, 'decimal')
            ELSE value END""",
    """trino_json_is_row(value) AS
       CASE json_type(value) WHEN 'NULL' THEN FALSE WHEN 'OBJECT' THEN TRUE WHEN 'ARRAY' THEN TRUE
            ELSE CASE WHEN value IS NOT NULL
                 THEN CAST(trino_json_cast_error(value, 'row') AS BOOLEAN) END END""",
)


def path_of(text: str) -> str:
    """DuckDB's path for a JSONPath of keys and positions; others are not Athena's."""
    if not text.startswith("$"):
        raise invalid(f"Invalid JSON path: '{text}'")
    rest, steps = text[1:], "$"
    while rest:
        match = _STEP.match(rest)
        if match is None:
            raise invalid(f"Invalid JSON path: '{text}'")
        key = next((part for part in match.groups()[:3] if part is not None), None)
        if key is not None:
            if '"' in key or "\\" in key or "*" in key:
                raise invalid(f"Invalid JSON path: '{text}'")
            steps += f'."{key}"'
        else:
            steps += f"[{match[4]}]"
        rest = rest[match.end() :]
    return text_literal(steps)


def _extract(args: Sequence[Typed]) -> Typed:
    path = path_of(literal_text(args[1], "the path"))
    return Typed(f"trino_json_at({args[0].sql}, {path})", t.JSON)


def _extract_scalar(args: Sequence[Typed]) -> Typed:
    path = path_of(literal_text(args[1], "the path"))
    return Typed(f"trino_json_scalar({args[0].sql}, {path})", t.VARCHAR)


def _size(args: Sequence[Typed]) -> Typed:
    path = path_of(literal_text(args[1], "the path"))
    known = f"trino_json_known({args[0].sql})"
    return Typed(
        f"CASE json_type({known}, {path}) WHEN 'ARRAY' THEN "
        f"CAST(json_array_length({known}, {path}) AS BIGINT) WHEN 'OBJECT' THEN "
        f"CAST(len(json_keys({known}, {path})) AS BIGINT) WHEN 'NULL' THEN 0 "
        f"ELSE CASE WHEN json_type({known}, {path}) IS NOT NULL THEN CAST(0 AS BIGINT) END END",
        t.BIGINT,
    )


_add("json_parse(varchar) -> json", "trino_json_parse({0})")
_add("json_format(json) -> varchar", "{0}")
for _kind in ("json", "varchar"):
    _add(
        f"json_extract({_kind}, varchar) -> json",
        _extract,
        "The path must be a literal of keys and of positions in arrays." if _kind == "json" else "",
    )
    _add(
        f"json_extract_scalar({_kind}, varchar) -> varchar",
        _extract_scalar,
        "The path must be a literal of keys and of positions in arrays." if _kind == "json" else "",
    )
    _add(f"json_size({_kind}, varchar) -> bigint", _size)
    _add(
        f"json_array_length({_kind}) -> bigint",
        "CASE WHEN json_type(trino_json_known({0})) = 'ARRAY' "
        "THEN CAST(json_array_length({0}) AS BIGINT) END",
    )
    _add(
        f"json_array_get({_kind}, bigint) -> json",
        "CASE WHEN json_valid({0}) THEN trino_json_item({0}, {1}) END",
        "A text comes without its quotes, as it does on AWS." if _kind == "json" else "",
    )
    _add(
        f"is_json_scalar({_kind}) -> boolean",
        "CASE WHEN json_valid({0}) THEN json_type({0}) NOT IN ('ARRAY', 'OBJECT') "
        "WHEN {0} IS NOT NULL THEN CAST(trino_fail("
        "'INVALID_FUNCTION_ARGUMENT: Invalid JSON value: ' || {0}) AS BOOLEAN) END",
    )
    for _wanted, _sql in (("varchar", "text"), ("boolean", "boolean"), ("double", "number")):
        _add(
            f"json_array_contains({_kind}, {_wanted}) -> boolean",
            "CASE WHEN json_type(trino_json_known({0})) = 'ARRAY' "
            f"THEN trino_json_contains_{_sql}({{0}}, {{1}}) END",
        )
