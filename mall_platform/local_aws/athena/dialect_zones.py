"""Timestamps with time zone as two pieces of SQL, so that each is computed once.

DuckDB holds such a value as STRUCT(u TIMESTAMP, z VARCHAR): the UTC instant and the zone's name.
Functions work on the pieces; the struct is made where a value leaves an expression. A zone known
when the query is translated is computed with directly.
"""

from __future__ import annotations

import re
import zoneinfo

from mall_platform.local_aws.athena.dialect_values import Typed, text_literal
from mall_platform.local_aws.athena.errors import QuerySyntaxError
from mall_platform.local_aws.athena.types import Type

_UTC_NAMES = {"utc", "z", "ut", "uct", "gmt", "gmt0", "greenwich", "universal", "zulu"}


def zone_name(written: str) -> str:
    """A time zone as Athena names it; INVALID_FUNCTION_ARGUMENT where there is none."""
    plain = written.lower().removeprefix("etc/")
    if plain in _UTC_NAMES or re.fullmatch(r"[+-]00:?00", written):
        return "UTC"
    if match := re.fullmatch(r"([+-]\d{2}):?(\d{2})?", written):
        return f"{match[1]}:{match[2] or '00'}"
    if written not in zoneinfo.available_timezones():
        raise QuerySyntaxError(f"'{written}' is not a valid time zone", "INVALID_FUNCTION_ARGUMENT")
    return written


def zoned(instant: str, zone: str, precision: int, known: str | None) -> Typed:
    """A value of a UTC timestamp and a zone, both SQL; `known` is the zone's name if constant."""
    kind = Type("timestamp with time zone", (precision,), known)
    return Typed(f"trino_at_zone({instant}, {zone})", kind, instant=instant, zone=zone)


def instant(value: Typed) -> str:
    """The UTC timestamp of a value."""
    return value.instant or f"({value.sql}).u"


def zone(value: Typed) -> str:
    """The zone's name of a value, NULL where the value is."""
    if value.type.zone is not None:
        return text_literal(value.type.zone)
    return value.zone or f"({value.sql}).z"


def local(value: Typed) -> str:
    """The wall-clock timestamp that a value shows; other kinds of value show themselves."""
    if not value.type.is_zoned:
        return value.sql
    return shown(instant(value), zone(value), value.type.zone)


def shown(moment: str, name: str, known: str | None) -> str:
    """The wall clock of a zone at a UTC timestamp."""
    if known is None:
        return f"trino_zone_local({moment}, {name})"
    if known == "UTC":
        return moment
    if known[0] in "+-":
        return f"({moment} + to_minutes({_minutes(known)}))"
    return f"timezone({text_literal(known)}, timezone('UTC', {moment}))"


def at_local(moment: str, like: Typed) -> Typed:
    """The value whose wall clock, in the zone of `like`, shows a timestamp."""
    name = zone(like)
    return zoned(utc(moment, name, like.type.zone), name, like.type.args[0], like.type.zone)


def utc(moment: str, name: str, known: str | None) -> str:
    """The UTC timestamp at which the wall clock of a zone shows a timestamp."""
    if known is None:
        return f"trino_zone_utc({moment}, {name})"
    if known == "UTC":
        return moment
    if known[0] in "+-":
        return f"({moment} - to_minutes({_minutes(known)}))"
    return f"timezone('UTC', timezone({text_literal(known)}, {moment}))"


def _minutes(offset: str) -> int:
    sign = -1 if offset[0] == "-" else 1
    return sign * (int(offset[1:3]) * 60 + int(offset[4:6]))
