"""CAST, implicit coercion and the arithmetic of types, as Athena's engine defines them."""

from __future__ import annotations

from dataclasses import replace

from mall_platform.local_aws.athena import dialect_zones as zones
from mall_platform.local_aws.athena import types as t
from mall_platform.local_aws.athena.dialect_values import Typed, mismatch, text_literal
from mall_platform.local_aws.athena.errors import NotSupportedError
from mall_platform.local_aws.athena.types import Type

_RANGES = {"tinyint": "TINYINT", "smallint": "SMALLINT", "integer": "INTEGER", "bigint": "BIGINT"}


def coerce(value: Typed, target: Type, what: str = "value") -> Typed:
    """`value` as `target` where Athena converts by itself; TYPE_MISMATCH elsewhere."""
    source = value.type
    if source == target:
        return value
    if not t.coerces(source, target):
        raise mismatch(f"{what} must be {target}, not {source}")
    if target.is_zoned and source.name != "unknown":
        if source.is_zoned:
            return replace(value, type=replace(target, zone=source.zone))
        return zones.zoned(f"CAST({value.sql} AS TIMESTAMP)", "'UTC'", target.args[0], "UTC")
    return Typed(_widen(value.sql, source, target), target, value.literal)


def _widen(sql: str, source: Type, target: Type) -> str:
    if source.name != "unknown" and source.duckdb == target.duckdb:
        return sql
    if target.name in ("array", "map", "row") and target.contains("timestamp with time zone"):
        raise NotSupportedError(f"implicit conversion of {source} to {target}")
    return f"CAST({sql} AS {target.duckdb})"


def cast(value: Typed, target: Type) -> Typed:
    """`CAST(value AS target)`."""
    source = value.type
    if target.name == "char" or source.name == "char":
        raise NotSupportedError("char(n) pads with blanks, which the local Athena does not")
    if source.name == "unknown":
        return Typed(f"CAST(NULL AS {target.duckdb})", target)
    if source == target:
        return value
    if target.is_zoned:
        return _to_zoned(value, target)
    if source.is_zoned and target.name not in ("varchar", "date", "time", "timestamp"):
        raise mismatch(f"Cannot cast {source} to {target}")
    sql = _from_zoned(value, target) if source.is_zoned else _cast(value.sql, source, target)
    if sql is None:
        raise mismatch(f"Cannot cast {source} to {target}")
    return Typed(sql, target)


def _from_zoned(value: Typed, target: Type) -> str | None:
    local = zones.local(value)
    plain = Type("timestamp", value.type.args)
    if target.name != "varchar":
        return _cast(local, plain, target)
    text = f"trino_timestamp_text({local}, {plain.args[0]}) || ' ' || {zones.zone(value)}"
    return _fitted(f"({text})", value.type, target)


def _to_zoned(value: Typed, target: Type) -> Typed:
    source, precision = value.type, target.args[0]
    if source.is_zoned:
        moment = _rounded(zones.instant(value), source, target)
        return zones.zoned(moment, zones.zone(value), precision, source.zone)
    if source.name in ("date", "timestamp"):
        moment = _rounded(f"CAST({value.sql} AS TIMESTAMP)", source, target)
        return zones.zoned(moment, "'UTC'", precision, "UTC")
    if source.name == "varchar":
        name = f"trino_zone_of({value.sql})"
        local = f"trino_text_to_timestamp(trino_without_zone({value.sql}), {precision})"
        return zones.zoned(zones.utc(local, name, None), name, precision, None)
    raise mismatch(f"Cannot cast {source} to {target}")


def _cast(sql: str, source: Type, target: Type) -> str | None:
    if source == target:
        return sql
    if source == t.UNKNOWN:
        return f"CAST(NULL AS {target.duckdb})"
    if source.is_zoned or target.is_zoned:
        raise NotSupportedError(f"CAST of {source} to {target} inside another value")
    match target.name:
        case "varchar":
            return _to_varchar(sql, source, target)
        case "json":
            return f"trino_json_of({_json_value(sql, source)})"
        case "boolean":
            return _to_boolean(sql, source)
        case "tinyint" | "smallint" | "integer" | "bigint":
            return _to_integer(sql, source, target)
        case "real" | "double":
            return _to_float(sql, source, target)
        case "decimal":
            return _to_decimal(sql, source, target)
        case "date" | "timestamp" | "time":
            return _to_moment(sql, source, target)
        case "varbinary":
            return None
        case "array" | "map" | "row":
            return _to_nested(sql, source, target)
    return None


def _to_varchar(sql: str, source: Type, target: Type) -> str | None:
    length = target.args[0] if target.args else None
    if source.name == "varchar":
        if length is None or (source.args and source.args[0] <= length):
            return sql
        return f"left({sql}, {length})"
    text: str | None = None
    match source.name:
        case "boolean" | "date":
            text = f"CAST({sql} AS VARCHAR)"
        case "tinyint" | "smallint" | "integer" | "bigint" | "decimal":
            text = f"CAST({sql} AS VARCHAR)"
        case "real":
            text = f"trino_real_text({sql})"
        case "double":
            text = f"trino_double_text({sql})"
        case "timestamp":
            text = f"trino_timestamp_text({sql}, {source.args[0]})"
        case "time":
            text = f"trino_time_text({sql}, {source.args[0]})"
        case "json":
            text = f"trino_json_to_varchar({sql})"
        case "interval day to second":
            text = f"trino_day_time_text({sql})"
        case "interval year to month":
            text = f"trino_year_month_text({sql})"
    return text and _fitted(text, source, target)


def _fitted(text: str, source: Type, target: Type) -> str:
    if not target.args:
        return text
    length = target.args[0]
    return f"trino_fit({text}, {length}, {text_literal(str(source))})"


def _to_boolean(sql: str, source: Type) -> str | None:
    if source.name == "varchar":
        return f"trino_text_to_boolean({sql})"
    if source.name == "json":
        return f"trino_json_to_boolean({sql})"
    return f"({sql} <> 0)" if source.is_numeric else None


def _to_integer(sql: str, source: Type, target: Type) -> str | None:
    if source.name == "boolean" or source.is_exact:
        return f"CAST({sql} AS {target.duckdb})"
    if source.is_float:
        return f"CAST(round({sql}) AS {target.duckdb})"
    if source.name == "varchar":
        shown = "int" if target == t.INTEGER else target.name
        return f"CAST(trino_integer_text({sql}, '{shown}') AS {target.duckdb})"
    if source.name == "json":
        return f"CAST(trino_json_to_bigint({sql}) AS {target.duckdb})"
    return None


def _to_float(sql: str, source: Type, target: Type) -> str | None:
    if source.name == "boolean" or source.is_numeric:
        return f"CAST({sql} AS {target.duckdb})"
    if source.name == "varchar":
        return f"CAST(trino_float_text({sql}, '{target.name}') AS {target.duckdb})"
    if source.name == "json":
        return f"CAST(trino_json_to_double({sql}) AS {target.duckdb})"
    return None


def _to_decimal(sql: str, source: Type, target: Type) -> str | None:
    if source.is_exact:
        return f"CAST({sql} AS {target.duckdb})"
    if source.name == "boolean":
        return f"CAST(CAST({sql} AS INTEGER) AS {target.duckdb})"
    if source.is_float:
        number = f"CAST(trino_real_text({sql}) AS DOUBLE)" if source == t.REAL else sql
        return f"CAST(trino_exact_text({number}, {target.args[1]}) AS {target.duckdb})"
    if source.name == "varchar":
        return f"CAST(trino_decimal_text({sql}, {target.args[1]}) AS {target.duckdb})"
    if source.name == "json":
        return f"CAST(trino_json_to_decimal({sql}, {target.args[1]}) AS {target.duckdb})"
    return None


def _to_moment(sql: str, source: Type, target: Type) -> str | None:
    """Casts to date, time and timestamp."""
    if source.name == "varchar":
        match target.name:
            case "date":
                return f"trino_text_to_date({sql})"
            case "timestamp":
                return f"trino_text_to_timestamp({sql}, {target.args[0]})"
        return None
    if source.name not in ("date", "timestamp") or (source.name, target.name) == ("date", "time"):
        return None
    if target.name == "timestamp":
        return _rounded(f"CAST({sql} AS TIMESTAMP)", source, target)
    return f"CAST({sql} AS {target.duckdb})"


def _rounded(sql: str, source: Type, target: Type) -> str:
    if source.args and target.args[0] < source.args[0]:
        return f"trino_round_timestamp({sql}, {target.args[0]})"
    return sql


def _to_nested(sql: str, source: Type, target: Type) -> str | None:
    """Casts of arrays, maps and rows, part by part."""
    if source.name == "json":
        return from_json(sql, target)
    if source.name != target.name or len(source.args) != len(target.args):
        return None
    if target.name == "array":
        part = _cast("x", source.args[0], target.args[0])
        return part and f"list_transform({sql}, lambda x: {part})"
    if target.name == "map":
        key = _cast("x.key", source.args[0], target.args[0])
        value = _cast("x.value", source.args[1], target.args[1])
        if key is None or value is None:
            return None
        return (
            f"map_from_entries(list_transform(map_entries({sql}), "
            f"lambda x: {{'key': {key}, 'value': {value}}}))"
        )
    parts = []
    for (name, kind), (into, wanted) in zip(source.fields(), target.fields(), strict=True):
        part = _cast(f'({sql})."{name}"', kind, wanted)
        if part is None:
            return None
        parts.append(f'"{into}" := {part}')
    return f"CASE WHEN ({sql}) IS NOT NULL THEN struct_pack({', '.join(parts)}) END"


# --- json --------------------------------------------------------------------------------------


def _json_value(sql: str, source: Type) -> str:
    """The JSON text of a value of `source`, NULL where the value is."""
    match source.name:
        case "json":
            return sql
        case "varchar":
            return f"trino_json_string({sql})"
        case "boolean" | "tinyint" | "smallint" | "integer" | "bigint" | "decimal":
            return f"CAST({sql} AS VARCHAR)"
        case "double" | "real":
            return f"trino_json_double(CAST({sql} AS DOUBLE))"
        case "date":
            return f"trino_json_string(CAST({sql} AS VARCHAR))"
        case "timestamp":
            return f"trino_json_string(trino_timestamp_text({sql}, {source.args[0]}))"
        case "array":
            part = _json_value("x", source.args[0])
            return f"trino_json_list(list_transform({sql}, lambda x: {part}))"
        case "map" if source.args[0].name in ("varchar", *t.INTEGERS, "boolean"):
            part = _json_value("x", source.args[1])
            return (
                f"trino_json_object(list_transform(map_keys({sql}), lambda x: CAST(x AS VARCHAR)), "
                f"list_transform(map_values({sql}), lambda x: {part}))"
            )
        case "row":
            names = ", ".join(text_literal(n or "") for n, _ in source.args)
            values = ", ".join(
                _json_value(f'({sql})."{name}"', kind) for name, kind in source.fields()
            )
            return f"CASE WHEN ({sql}) IS NOT NULL THEN trino_json_row([{names}], [{values}]) END"
    raise mismatch(f"Cannot cast {source} to json")


def from_json(sql: str, target: Type) -> str | None:
    """`CAST(json AS target)`; JSON null is NULL."""
    if target.name == "json":
        return sql
    if target.name == "array":
        part = from_json("x", target.args[0])
        return part and f"list_transform(trino_json_elements({sql}), lambda x: {part})"
    if target.name == "map":
        if target.args[0].name != "varchar":
            raise NotSupportedError("CAST of json to a map whose keys are not varchar")
        part = from_json("x", target.args[1])
        if part is None:
            return None
        return (
            f"CASE WHEN trino_json_keys({sql}) IS NOT NULL THEN map(trino_json_keys({sql}), "
            f"list_transform(trino_json_values({sql}), lambda x: {part})) END"
        )
    if target.name == "row":
        parts = []
        for position, (name, kind) in enumerate(target.fields()):
            part = from_json(f"trino_json_field({sql}, {text_literal(name)}, {position})", kind)
            if part is None:
                return None
            parts.append(f'"{name}" := {part}')
        return f"CASE WHEN trino_json_is_row({sql}) THEN struct_pack({', '.join(parts)}) END"
    if target.name in ("date", "timestamp", "varbinary", "time") or target.is_zoned:
        return None
    return _cast(sql, t.JSON, target)


# --- arithmetic --------------------------------------------------------------------------------


def arithmetic(operator: str, left: Typed, right: Typed) -> Typed:
    """`left operator right` over numbers, for + - * / %."""
    wider = t.common(left.type, right.type)
    if wider is None or not (wider.is_numeric or wider == t.UNKNOWN):
        raise mismatch(f"Cannot apply operator: {left.type} {operator} {right.type}")
    if wider == t.UNKNOWN:
        wider = t.INTEGER
    if wider.name == "decimal":
        return _decimal_arithmetic(operator, left, right)
    a, b = coerce(left, wider).sql, coerce(right, wider).sql
    if operator == "/" and wider.is_integer:
        return Typed(f"({a} // {b})", wider)
    if operator == "%" and wider.is_float:
        return Typed(f"trino_float_mod({a}, {b})", wider)
    return Typed(f"({a} {operator} {b})", wider)


def _decimal_arithmetic(operator: str, left: Typed, right: Typed) -> Typed:
    unknown = t.decimal(1, 0)
    one = unknown if left.type == t.UNKNOWN else left.type.as_decimal()
    two = unknown if right.type == t.UNKNOWN else right.type.as_decimal()
    (p, s), (q, r) = one.args, two.args
    a, b = coerce(left, one).sql, coerce(right, two).sql
    scale = max(s, r)
    whole = t.decimal(38, scale).duckdb
    match operator:
        case "+" | "-":
            result = t.decimal(max(p - s, q - r) + scale + 1, scale)
            kind = result.duckdb
            sql = f"CAST({a} AS {kind}) {operator} CAST({b} AS {kind})"
        case "*":
            if s + r > 38:
                raise mismatch("DECIMAL scale must be in range [0, precision (38)]")
            result = t.decimal(p + q, s + r)
            wide = f"CAST({a} AS DECIMAL(38,{s}))" if p + q > 18 else a
            sql = f"{wide} * {b}"
        case "/":
            result = t.decimal(p + r + max(0, r - s), scale)
            shift = scale - s + r
            sql = f"trino_decimal_divide({a}, {s}, {b}, {r}, {shift}, {_unit(scale)})"
        case _:
            result = t.decimal(min(p - s, q - r) + scale, scale)
            sql = f"CAST({a} AS {whole}) % CAST({b} AS {whole})"
    return Typed(f"CAST({sql} AS {result.duckdb})", result)


def _unit(scale: int) -> str:
    """The decimal 10^-scale, as a literal of exactly that scale."""
    if scale == 0:
        return "CAST(1 AS DECIMAL(1,0))"
    return f"CAST('0.{'0' * (scale - 1)}1' AS DECIMAL({scale + 1 if scale < 38 else 38},{scale}))"


def average_of_decimals(total: str, count: str, kind: Type) -> str:
    """The mean of decimals, rounded half up to their own scale."""
    scale = kind.args[1]
    sql = (
        f"trino_decimal_divide(CAST({total} AS DECIMAL(38,{scale})), {scale}, "
        f"CAST(nullif({count}, 0) AS DECIMAL(19,0)), 0, 0, {_unit(scale)})"
    )
    return f"CAST({sql} AS {kind.duckdb})"
