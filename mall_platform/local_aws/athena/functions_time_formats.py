"""MySQL's and Joda's patterns for dates: read once, then rendered as DuckDB SQL or as a parser."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from mall_platform.local_aws.athena.errors import NotSupportedError
from mall_platform.local_aws.athena.functions_registry import invalid

_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September",
           "October", "November", "December")  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Element:
    """One piece of a pattern: a field with its width, or literal text (field "")."""

    field: str
    width: int = 1
    text: str = ""


# --- reading patterns --------------------------------------------------------------------------

_MYSQL = {
    "a": [("weekday_short", 1)],
    "b": [("month_short", 1)],
    "c": [("month", 1)],
    "d": [("day", 2)],
    "e": [("day", 1)],
    "f": [("fraction", 6)],
    "H": [("hour", 2)],
    "h": [("hour12", 2)],
    "I": [("hour12", 2)],
    "i": [("minute", 2)],
    "j": [("day_of_year", 3)],
    "k": [("hour", 1)],
    "l": [("hour12", 1)],
    "M": [("month_name", 1)],
    "m": [("month", 2)],
    "p": [("half", 1)],
    "S": [("second", 2)],
    "s": [("second", 2)],
    "v": [("week", 2)],
    "W": [("weekday_name", 1)],
    "x": [("week_year", 4)],
    "Y": [("year", 4)],
    "y": [("year", 2)],
}
_MYSQL_SHORTHAND = {"r": "%h:%i:%s %p", "T": "%H:%i:%s"}


def mysql(pattern: str) -> list[Element]:
    """The elements of a MySQL pattern such as `%Y-%m-%d %H:%i:%s`."""
    found: list[Element] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char != "%" or at == len(pattern):
            found.append(Element("", text=char))
            continue
        code = pattern[at]
        at += 1
        if code in _MYSQL_SHORTHAND:
            found += mysql(_MYSQL_SHORTHAND[code])
        elif code in _MYSQL:
            found += [Element(name, width) for name, width in _MYSQL[code]]
        elif code in "DUuVwX":
            raise invalid(f"%{code} not supported in date format string")
        else:
            found.append(Element("", text=code))
    return found


_JODA = {
    "y": "year",
    "Y": "year",
    "x": "week_year",
    "w": "week",
    "e": "weekday",
    "D": "day_of_year",
    "d": "day",
    "H": "hour",
    "h": "hour12",
    "m": "minute",
    "s": "second",
    "S": "fraction",
    "a": "half",
}


def joda(pattern: str) -> list[Element]:
    """The elements of a Joda pattern such as `yyyy-MM-dd'T'HH:mm:ssZZ`."""
    found = []
    for match in re.finditer(r"'((?:[^']|'')*)'|(([A-Za-z])\3*)|([^A-Za-z'])", pattern):
        literal, letters, letter, other = match[1], match[2], match[3], match[4]
        if other is not None:
            found.append(Element("", text=other))
        elif letters is None:
            found.append(Element("", text=literal.replace("''", "'") or "'"))
        elif letter == "M":
            name = {3: "month_short"}.get(len(letters), "month_name")
            found.append(Element("month" if len(letters) < 3 else name, len(letters)))
        elif letter == "E":
            name = "weekday_short" if len(letters) < 4 else "weekday_name"
            found.append(Element(name, len(letters)))
        elif letter == "Z":
            name = {1: "offset", 2: "offset_colon"}.get(len(letters), "zone")
            found.append(Element(name))
        elif letter in _JODA:
            found.append(Element(_JODA[letter], len(letters)))
        else:
            raise NotSupportedError(f"the letter {letter} in a date pattern")
    return found


# --- printing ----------------------------------------------------------------------------------

_STRFTIME = {
    ("month", 2): "%m",
    ("month", 1): "%-m",
    ("month_short", 0): "%b",
    ("month_name", 0): "%B",
    ("weekday_short", 0): "%a",
    ("weekday_name", 0): "%A",
    ("day", 2): "%d",
    ("day", 1): "%-d",
    ("day_of_year", 3): "%j",
    ("day_of_year", 1): "%-j",
    ("hour", 2): "%H",
    ("hour", 1): "%-H",
    ("hour12", 2): "%I",
    ("hour12", 1): "%-I",
    ("minute", 2): "%M",
    ("minute", 1): "%-M",
    ("second", 2): "%S",
    ("second", 1): "%-S",
    ("half", 0): "%p",
    ("week", 2): "%V",
    ("week_year", 4): "%G",
    ("weekday", 1): "%u",
    ("year", 2): "%y",
    ("year", 4): "%Y",
}
_NAMED = ("month_short", "month_name", "weekday_short", "weekday_name", "half")


def printed(elements: Sequence[Element], local: str, instant: str, zone: str) -> str:
    """SQL that prints a timestamp: its wall clock `local` in a zone at a UTC `instant`."""
    parts: list[str] = []
    buffer = ""
    for element in elements:
        key = (element.field, 0 if element.field in _NAMED else element.width)
        if not element.field:
            buffer += element.text.replace("%", "%%")
        elif key in _STRFTIME:
            buffer += _STRFTIME[key]
        else:
            if buffer:
                parts.append(_strftime(local, buffer))
            buffer = ""
            parts.append(_special(element, local, instant, zone))
    if buffer or not parts:
        parts.append(_strftime(local, buffer))
    return f"({' || '.join(parts)})"


def _strftime(local: str, pattern: str) -> str:
    escaped = pattern.replace("'", "''")
    return f"strftime({local}, '{escaped}')"


def _special(element: Element, local: str, instant: str, zone: str) -> str:
    match element.field:
        case "fraction" if element.width <= 6:
            digits = f"left(strftime({local}, '%f'), {min(element.width, 3)})"
            return f"rpad({digits}, {element.width}, '0')"
        case "year" if element.width in (1, 3):
            return (
                f"lpad(CAST(year({local}) AS VARCHAR), greatest({element.width}, "
                f"length(CAST(year({local}) AS VARCHAR))), '0')"
            )
        case "week" if element.width == 1:
            return f"CAST(week({local}) AS VARCHAR)"
        case "zone":
            return zone
        case "offset" | "offset_colon":
            colon = ":" if element.field == "offset_colon" else ""
            return f"trino_offset_text({instant}, {zone}, '{colon}')"
    raise NotSupportedError(f"{element.field} of width {element.width} in a date pattern")


# --- parsing -----------------------------------------------------------------------------------

_READS = {
    "month": r"\d{1,2}",
    "day": r"\d{1,2}",
    "hour": r"\d{1,2}",
    "hour12": r"\d{1,2}",
    "minute": r"\d{1,2}",
    "second": r"\d{1,2}",
    "day_of_year": r"\d{1,3}",
    "month_short": "|".join(name[:3] for name in _MONTHS),
    "month_name": "|".join(_MONTHS),
    "weekday_short": "|".join(name[:3] for name in _DAYS),
    "weekday_name": "|".join(_DAYS),
    "half": "AM|PM",
    "offset": r"[+-]\d{2}:?\d{2}|Z",
    "offset_colon": r"[+-]\d{2}:?\d{2}|Z",
}
_REQUIRED_YEAR = "year"


def _expression(elements: Sequence[Element], style: str) -> str:
    parts = []
    for position, element in enumerate(elements):
        following = elements[position + 1] if position + 1 < len(elements) else None
        touches = (
            following is not None
            and following.field not in ("", *_NAMED)
            and not (following.field.startswith("offset"))
        )
        match element.field:
            case "":
                parts.append(re.escape(element.text))
            case "year" if element.width == 2:
                parts.append(r"(?P<year2>\d{2})")
            case "year":
                parts.append(r"(?P<year>\d{4})")
            case "fraction":
                most = 9 if style == "mysql" else element.width
                parts.append(rf"(?P<fraction>\d{{1,{most}}})")
            case name if name in _READS:
                digits = rf"\d{{{element.width}}}"
                use = digits if touches and _READS[name].startswith(r"\d") else _READS[name]
                parts.append(f"(?P<{name}>{use})")
            case name:
                raise NotSupportedError(f"{name} in the pattern of a parsed date")
    return "".join(parts)


def check_parsable(elements: Sequence[Element], style: str) -> None:
    """Refuse patterns whose parsing isn't known here; a year must be among the fields."""
    fields = [element.field for element in elements if element.field]
    if "year" not in fields:
        raise NotSupportedError("a date pattern without a year")
    if len(set(fields)) != len(fields):
        raise NotSupportedError("a date pattern that names a field twice")
    if "hour12" in fields and "half" not in fields:
        raise NotSupportedError("a 12-hour clock without AM or PM")
    re.compile(_expression(elements, style))


@lru_cache(maxsize=256)
def _reader(pattern: str, style: str) -> re.Pattern[str]:
    elements = mysql(pattern) if style == "mysql" else joda(pattern)
    return re.compile(_expression(elements, style), re.IGNORECASE)


def parsed(text: str, pattern: str, style: str) -> tuple[datetime, str]:
    """The local timestamp (to the millisecond) and the zone that a text shows."""
    match = _reader(pattern, style).fullmatch(text)
    if match is None:
        raise ValueError(f'INVALID_FUNCTION_ARGUMENT: Invalid format: "{text}"')
    found = {name: value for name, value in match.groupdict().items() if value is not None}
    try:
        moment = _moment(found)
    except ValueError as error:
        raise ValueError(f'INVALID_FUNCTION_ARGUMENT: Cannot parse "{text}": {error}') from error
    offset = found.get("offset") or found.get("offset_colon") or "Z"
    if offset.upper() == "Z" or offset.strip("+-0:") == "":
        return moment, "UTC"
    digits = offset.replace(":", "")
    return moment, f"{digits[:3]}:{digits[3:]}"


def _moment(found: dict[str, str]) -> datetime:
    year = int(found["year"]) if "year" in found else _two_digit_year(int(found["year2"]))
    month = int(found.get("month", 1))
    for name in ("month_short", "month_name"):
        if name in found:
            starts = [full[:3].lower() for full in _MONTHS]
            month = starts.index(found[name][:3].lower()) + 1
    hour = int(found.get("hour", 0))
    if "hour12" in found:
        clock = int(found["hour12"])
        if not 1 <= clock <= 12:
            raise ValueError(f"Value {clock} for clockhourOfHalfday must be in the range [1,12]")
        hour = clock % 12 + (12 if found["half"].upper() == "PM" else 0)
    fraction = int((found.get("fraction", "0") + "000")[:3]) * 1000
    clock_time = (hour, int(found.get("minute", 0)), int(found.get("second", 0)), fraction)
    if "day_of_year" in found:
        day = datetime(year, 1, 1) + timedelta(int(found["day_of_year"]) - 1)  # noqa: DTZ001
        if day.year != year:
            raise ValueError("the day of the year is out of range")
        month, number = day.month, day.day
    else:
        number = int(found.get("day", 1))
    return datetime(year, month, number, *clock_time)  # noqa: DTZ001


def _two_digit_year(year: int) -> int:
    """Joda's pivot: 1970 to 2069."""
    return year + (1900 if year >= 70 else 2000)
