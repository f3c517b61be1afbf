"""Dates, times, time zones and intervals."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from mall_platform.local_aws.athena import dialect_casts as casts
from mall_platform.local_aws.athena import dialect_zones as zones
from mall_platform.local_aws.athena import functions_time_formats as formats
from mall_platform.local_aws.athena import types as t
from mall_platform.local_aws.athena.dialect_values import Typed, text_literal
from mall_platform.local_aws.athena.functions_registry import Renderer, Table, invalid, literal_text
from mall_platform.local_aws.athena.types import Type

TABLE = Table("Dates and times")
_add = TABLE.scalar
_CLOCK = ("millisecond", "second", "minute", "hour")
_CALENDAR = ("day", "week", "month", "quarter", "year")


def _zone(value: Typed) -> tuple[str, str | None]:
    """A zone argument as SQL and, where it is a literal, its name."""
    if isinstance(value.literal, str):
        name = zones.zone_name(value.literal)
        return text_literal(name), name
    return f"trino_zone_name({value.sql})", None


# --- python ------------------------------------------------------------------------------------


def _date_parse(text: str, pattern: str) -> datetime:
    return formats.parsed(text, pattern, "mysql")[0]


def _datetime_parse(text: str, pattern: str) -> dict[str, object]:
    moment, zone = formats.parsed(text, pattern, "joda")
    return {"u": _utc(moment, zone), "z": zone}


def _utc(moment: datetime, zone: str) -> datetime:
    if zone == "UTC":
        return moment
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
    return moment + offset if zone[0] == "-" else moment - offset


PYTHON = (
    ("trino_date_parse", _date_parse, ("VARCHAR", "VARCHAR"), "TIMESTAMP"),
    (
        "trino_parse_datetime_parts",
        _datetime_parse,
        ("VARCHAR", "VARCHAR"),
        "STRUCT(u TIMESTAMP, z VARCHAR)",
    ),
)
_ISO = (
    r"^([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:T([0-9]{2})?(?::([0-9]{2}))?(?::([0-9]{2}))?(?:[.,]([0-9]{1,9}))?"
    r"(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?$"
)
MACROS = (
    f"trino_iso_piece(value, piece) AS regexp_extract(value, '{_ISO}', piece)",
    """trino_iso_clock(value, piece) AS
       coalesce(nullif(trino_iso_piece(value, piece), ''), '00')""",
    f"""trino_iso_local(value) AS
       CAST(CASE WHEN regexp_matches(value, '{_ISO}')
                 THEN trino_iso_piece(value, 1) || ' ' || trino_iso_clock(value, 2) || ':'
                      || trino_iso_clock(value, 3) || ':' || trino_iso_clock(value, 4) || '.'
                      || left(trino_iso_piece(value, 5) || '000', 3)
                 WHEN value IS NOT NULL
                 THEN trino_fail('INVALID_FUNCTION_ARGUMENT: Invalid format: ' || value)
                 END AS TIMESTAMP)""",
    """trino_iso_zone(value) AS
       trino_zone_name(coalesce(nullif(trino_iso_piece(value, 6), ''), 'UTC'))""",
    """trino_iso_instant(value) AS
       trino_iso_local(value)
       - CASE WHEN trino_iso_zone(value) = 'UTC' THEN to_minutes(0)
              ELSE trino_zone_offset(trino_iso_zone(value)) END""",
    r"""trino_from_iso8601_date(value) AS
        CASE WHEN regexp_full_match(value, '[0-9]{4}-[0-9]{2}-[0-9]{2}') THEN CAST(value AS DATE)
             WHEN regexp_full_match(value, '[0-9]{4}-[0-9]{3}')
             THEN CAST(make_date(CAST(left(value, 4) AS INTEGER), 1, 1)
                       + to_days(CAST(right(value, 3) AS INTEGER) - 1) AS DATE)
             WHEN regexp_full_match(value, '[0-9]{4}-W[0-9]{2}(-[1-7])?')
             THEN CAST(date_trunc('week', make_date(CAST(left(value, 4) AS INTEGER), 1, 4))
                       + to_days((CAST(value[7:8] AS INTEGER) - 1) * 7
                       + CASE WHEN length(value) = 10 THEN CAST(right(value, 1) AS INTEGER) - 1
                              ELSE 0 END) AS DATE)
             WHEN value IS NOT NULL THEN CAST(trino_fail(
                 'INVALID_FUNCTION_ARGUMENT: Invalid format: ' || value) AS DATE) END""",
    """trino_offset_minutes(moment, zone) AS
       CAST(epoch_us(trino_zone_local(moment, zone)) - epoch_us(moment) AS BIGINT) // 60000000""",
    """trino_offset_text(moment, zone, colon) AS
       CASE WHEN trino_offset_minutes(moment, zone) < 0 THEN '-' ELSE '+' END
       || printf('%02d', abs(trino_offset_minutes(moment, zone)) // 60) || colon
       || printf('%02d', abs(trino_offset_minutes(moment, zone)) % 60)""",
    """trino_iso_text(moment, digits) AS replace(trino_timestamp_text(moment, digits), ' ', 'T')""",
    """trino_from_unixtime(seconds) AS
       make_timestamp(CAST(floor(seconds * 1000 + 0.5) AS BIGINT) * 1000)""",
)


# --- arithmetic --------------------------------------------------------------------------------


def _unit(value: Typed, kind: Type) -> str:
    unit = literal_text(value, "the unit").lower()
    if unit not in (*_CLOCK, *_CALENDAR) or (kind.name == "date" and unit in _CLOCK):
        raise invalid(f"'{unit}' is not a valid {kind.name.upper()} field")
    return unit


def _truncated(args: Sequence[Typed]) -> Typed:
    value = args[1]
    unit = _unit(args[0], value.type)
    if not value.type.is_zoned:
        return Typed(f"CAST(date_trunc('{unit}', {value.sql}) AS {value.type.duckdb})", value.type)
    shown, moment = zones.local(value), zones.instant(value)
    if unit in _CLOCK:
        start = f"({moment} - ({shown} - date_trunc('{unit}', {shown})))"
        return zones.zoned(start, zones.zone(value), value.type.args[0], value.type.zone)
    return zones.at_local(f"CAST(date_trunc('{unit}', {shown}) AS TIMESTAMP)", value)


def _span(unit: str, number: str) -> str:
    match unit:
        case "week":
            return f"to_days(CAST({number} * 7 AS INTEGER))"
        case "quarter":
            return f"to_months(CAST({number} * 3 AS INTEGER))"
        case "day" | "month" | "year":
            return f"to_{unit}s(CAST({number} AS INTEGER))"
        case "millisecond":
            return f"to_microseconds(CAST({number} * 1000 AS BIGINT))"
    return f"to_{unit}s(CAST({number} AS BIGINT))"


def _added(args: Sequence[Typed]) -> Typed:
    value = args[2]
    unit = _unit(args[0], value.type)
    span = _span(unit, args[1].sql)
    if not value.type.is_zoned:
        return Typed(f"CAST({value.sql} + {span} AS {value.type.duckdb})", value.type)
    if unit in _CLOCK:
        moment = f"({zones.instant(value)} + {span})"
        return zones.zoned(moment, zones.zone(value), value.type.args[0], value.type.zone)
    return zones.at_local(f"({zones.local(value)} + {span})", value)


def _difference(args: Sequence[Typed]) -> Typed:
    start, end = args[1], args[2]
    unit = _unit(args[0], start.type)
    a, b = start.sql, end.sql
    if start.type.is_zoned and unit in _CLOCK:
        a, b = zones.instant(start), zones.instant(end)
    elif start.type.is_zoned:
        a = zones.local(start)
        b = zones.shown(zones.instant(end), zones.zone(start), start.type.zone)
    if unit == "week":
        return Typed(f"(date_sub('day', {a}, {b}) // 7)", t.BIGINT)
    return Typed(f"date_sub('{unit}', {a}, {b})", t.BIGINT)


def _field(name: str) -> Renderer:
    return lambda args: Typed(f"CAST({name.format(zones.local(args[0]))} AS BIGINT)", t.BIGINT)


for _type in ("date", "timestamp", "zoned"):
    _add(f"date_trunc(varchar, {_type}) -> {_type}", _truncated)
    _add(f"date_add(varchar, bigint, {_type}) -> {_type}", _added)
    _add(
        f"date_diff(varchar, {_type}, {_type}) -> bigint",
        _difference,
        "Full units; a date meets a timestamp as its midnight.",
    )
    for _names, _sql in (
        (("year",), "year({})"),
        (("quarter",), "quarter({})"),
        (("month",), "month({})"),
        (("week", "week_of_year"), "week({})"),
        (("day", "day_of_month"), "day({})"),
        (("day_of_week", "dow"), "isodow({})"),
        (("day_of_year", "doy"), "dayofyear({})"),
        (("year_of_week", "yow"), "isoyear({})"),
    ):
        for _name in _names:
            _add(f"{_name}({_type}) -> bigint", _field(_sql))
for _type in ("timestamp", "zoned", "time"):
    for _name, _sql in (
        ("hour", "hour({})"),
        ("minute", "minute({})"),
        ("second", "second({})"),
        ("millisecond", "millisecond({}) % 1000"),
    ):
        _add(f"{_name}({_type}) -> bigint", _field(_sql))


def _offset(operator: str) -> Renderer:
    def render(args: Sequence[Typed]) -> Typed:
        minutes = f"trino_offset_minutes({zones.instant(args[0])}, {zones.zone(args[0])})"
        return Typed(f"CAST({minutes} {operator} 60 AS BIGINT)", t.BIGINT)

    return render


_add("timezone_hour(zoned) -> bigint", _offset("//"))
_add("timezone_minute(zoned) -> bigint", _offset("%"))


# --- zones -------------------------------------------------------------------------------------


def _at_timezone(args: Sequence[Typed]) -> Typed:
    name, known = _zone(args[1])
    return zones.zoned(zones.instant(args[0]), name, args[0].type.args[0], known)


def _with_timezone(args: Sequence[Typed]) -> Typed:
    name, known = _zone(args[1])
    return zones.zoned(zones.utc(args[0].sql, name, known), name, args[0].type.args[0], known)


def _from_unixtime(args: Sequence[Typed]) -> Typed:
    name, known = _zone(args[1]) if len(args) > 1 else ("'UTC'", "UTC")
    return zones.zoned(f"trino_from_unixtime({args[0].sql})", name, 3, known)


def _now(args: Sequence[Typed]) -> Typed:
    return zones.zoned("trino_now()", "'UTC'", 3, "UTC")


_add("at_timezone(zoned, varchar) -> zoned", _at_timezone, "Also written AT TIME ZONE.")
_add("with_timezone(timestamp, varchar) -> zoned", _with_timezone)
_add("current_timezone() -> varchar", "'UTC'")
_add("now() -> zoned", _now)
_add("from_unixtime(double, [varchar]) -> zoned", _from_unixtime)
_add("to_unixtime(timestamp) -> double", "(epoch_us({0}) / 1e6)")
_add(
    "to_unixtime(zoned) -> double",
    lambda args: Typed(f"(epoch_us({zones.instant(args[0])}) / 1e6)", t.DOUBLE),
)


# --- text --------------------------------------------------------------------------------------


def _from_iso8601(args: Sequence[Typed]) -> Typed:
    value = args[0].sql
    return zones.zoned(f"trino_iso_instant({value})", f"trino_iso_zone({value})", 3, None)


def _cast_to_date(args: Sequence[Typed]) -> Typed:
    return casts.cast(args[0], t.DATE)


def _iso_text(args: Sequence[Typed]) -> Typed:
    value = args[0]
    if value.type.name == "date":
        return Typed(f"CAST({value.sql} AS VARCHAR)", t.VARCHAR)
    text = f"trino_iso_text({zones.local(value)}, {value.type.args[0]})"
    if value.type.is_zoned:
        name = zones.zone(value)
        offset = f"trino_offset_text({zones.instant(value)}, {name}, ':')"
        text += f" || CASE WHEN {name} = 'UTC' THEN 'Z' ELSE {offset} END"
    return Typed(f"({text})", t.VARCHAR)


def _printed(style: str) -> Renderer:
    def render(args: Sequence[Typed]) -> Typed:
        pattern = literal_text(args[1], "the pattern of a date")
        value = args[0]
        elements = formats.mysql(pattern) if style == "mysql" else formats.joda(pattern)
        if value.type.is_zoned:
            moment, name = zones.instant(value), zones.zone(value)
        else:
            moment, name = value.sql, "'UTC'"
        return Typed(formats.printed(elements, zones.local(value), moment, name), t.VARCHAR)

    return render


def _date_parse_sql(args: Sequence[Typed]) -> Typed:
    pattern = literal_text(args[1], "the pattern of a date")
    formats.check_parsable(formats.mysql(pattern), "mysql")
    return Typed(f"trino_date_parse({args[0].sql}, {args[1].sql})", t.TIMESTAMP)


def _parse_datetime_sql(args: Sequence[Typed]) -> Typed:
    pattern = literal_text(args[1], "the pattern of a date")
    elements = formats.joda(pattern)
    formats.check_parsable(elements, "joda")
    offset = any(element.field.startswith("offset") for element in elements)
    parts = f"trino_parse_datetime_parts({args[0].sql}, {args[1].sql})"
    if offset:
        return zones.zoned(f"({parts}).u", f"({parts}).z", 3, None)
    return zones.zoned(f"({parts}).u", "'UTC'", 3, "UTC")


def _duration(args: Sequence[Typed]) -> Typed:
    text = literal_text(args[0], "the duration")
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ns|us|ms|s|m|h|d)\s*", text)
    if match is None:
        raise invalid(f"duration is not a valid data duration string: {text}")
    factors = {"ns": 1e-6, "us": 1e-3, "ms": 1, "s": 1e3, "m": 6e4, "h": 3.6e6, "d": 8.64e7}
    milliseconds = int(float(match[1]) * factors[match[2]] + 0.5)
    return Typed(f"to_microseconds({milliseconds * 1000})", t.DAY_TIME)


_add("date(varchar) -> date", _cast_to_date)
_add("date(timestamp) -> date", _cast_to_date)
_add("date(zoned) -> date", _cast_to_date)
_add("date(date) -> date", "{0}")
for _type in ("date", "timestamp", "zoned"):
    _add(
        f"last_day_of_month({_type}) -> date",
        lambda args: Typed(f"last_day(CAST({zones.local(args[0])} AS DATE))", t.DATE),
    )
    _add(f"to_iso8601({_type}) -> varchar", _iso_text)
for _type in ("timestamp", "zoned"):
    _add(
        f"date_format({_type}, varchar) -> varchar",
        _printed("mysql"),
        "The pattern must be a literal." if _type == "zoned" else "",
    )
    _add(
        f"format_datetime({_type}, varchar) -> varchar",
        _printed("joda"),
        "The pattern must be a literal; letters C, G, K, k and z are refused."
        if _type == "zoned"
        else "",
    )
_add(
    "from_iso8601_timestamp(varchar) -> zoned",
    _from_iso8601,
    "Calendar dates; week and ordinal dates are refused.",
)
_add("from_iso8601_date(varchar) -> date", "trino_from_iso8601_date({0})")
_add(
    "date_parse(varchar, varchar) -> timestamp",
    _date_parse_sql,
    "The pattern must be a literal and hold a year.",
)
_add(
    "parse_datetime(varchar, varchar) -> zoned",
    _parse_datetime_sql,
    "The pattern must be a literal and hold a year.",
)
_add("parse_duration(varchar) -> day_time", _duration, "The text must be a literal.")
_add("to_milliseconds(day_time) -> bigint", "CAST(trino_milliseconds({0}) AS BIGINT)")
