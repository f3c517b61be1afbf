"""Athena's types: how they are written, what coerces to what, and what DuckDB stores for them.

A value lives in DuckDB as the type `Type.duckdb` names. Three kinds differ from the obvious:
a timestamp with time zone is STRUCT(u TIMESTAMP, z VARCHAR), the UTC instant and the zone's name,
because DuckDB's own type forgets the zone; json is its text; an interval is one INTERVAL for both
of Athena's kinds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mall_platform.local_aws.athena.errors import NotSupportedError

INTEGERS = ("tinyint", "smallint", "integer", "bigint")
_INTEGER_DIGITS = {"tinyint": 3, "smallint": 5, "integer": 10, "bigint": 19}
_PLAIN = {
    "boolean": "BOOLEAN",
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "real": "FLOAT",
    "double": "DOUBLE",
    "varchar": "VARCHAR",
    "varbinary": "BLOB",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "TIMESTAMP",
    "timestamp with time zone": "STRUCT(u TIMESTAMP, z VARCHAR)",
    "interval day to second": "INTERVAL",
    "interval year to month": "INTERVAL",
    "json": "VARCHAR",
    "unknown": "INTEGER",
}
_SYNONYMS = {
    "int": "integer",
    "string": "varchar",
    "binary": "varbinary",
    "float": "real",
    "bool": "boolean",
    "timestamptz": "timestamp with time zone",
    "text": "varchar",
    "numeric": "decimal",
}


@dataclass(frozen=True)
class Type:
    """One Athena type.

    `args` holds the length of varchar and char, precision and scale of decimal, the precision of
    timestamp, element types of array and map, and (name or None, Type) pairs of row. `zone` is the
    time zone that every value of this expression is known to carry; it takes no part in equality.
    """

    name: str
    args: tuple[Any, ...] = ()
    zone: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        if self.name == "row":
            return f"row({', '.join(f'{n} {t}' if n else str(t) for n, t in self.args)})"
        if self.name == "timestamp with time zone":
            return f"timestamp({self.args[0]}) with time zone"
        comma = "," if self.name == "decimal" else ", "
        return f"{self.name}({comma.join(map(str, self.args))})" if self.args else self.name

    @property
    def duckdb(self) -> str:
        """DuckDB's spelling of the type that holds such values."""
        match self.name:
            case "array":
                return f"{self.args[0].duckdb}[]"
            case "map":
                return f"MAP({self.args[0].duckdb}, {self.args[1].duckdb})"
            case "row":
                fields = (f'"{key}" {kind.duckdb}' for key, kind in self.fields())
                return f"STRUCT({', '.join(fields)})"
            case "decimal":
                return f"DECIMAL({self.args[0]},{self.args[1]})"
            case "char":
                raise NotSupportedError("char(n) pads with blanks, which the local Athena does not")
        return _PLAIN[self.name]

    def fields(self) -> Iterator[tuple[str, Type]]:
        """The fields of a row as (name in DuckDB, type); an unnamed one gets its position."""
        for position, (key, kind) in enumerate(self.args):
            yield (key.lower() if key else f"field{position}"), kind

    @property
    def is_integer(self) -> bool:
        return self.name in INTEGERS

    @property
    def is_exact(self) -> bool:
        return self.is_integer or self.name == "decimal"

    @property
    def is_float(self) -> bool:
        return self.name in ("real", "double")

    @property
    def is_numeric(self) -> bool:
        return self.is_exact or self.is_float

    @property
    def is_interval(self) -> bool:
        return self.name.startswith("interval")

    @property
    def is_zoned(self) -> bool:
        return self.name == "timestamp with time zone"

    @property
    def is_orderable(self) -> bool:
        if self.name in ("json", "map", "char"):
            return False
        return all(kind.is_orderable for kind in self.parts())

    def parts(self) -> Iterator[Type]:
        """The types directly inside an array, map or row."""
        for arg in self.args:
            if isinstance(arg, Type):
                yield arg
            elif isinstance(arg, tuple):
                yield arg[1]

    def contains(self, name: str) -> bool:
        """Whether this type is, or holds somewhere, a type of that name."""
        return self.name == name or any(part.contains(name) for part in self.parts())

    def as_decimal(self) -> Type:
        """The decimal that holds every value of an exact numeric type."""
        return decimal(_INTEGER_DIGITS[self.name], 0) if self.is_integer else self


BOOLEAN = Type("boolean")
TINYINT = Type("tinyint")
SMALLINT = Type("smallint")
INTEGER = Type("integer")
BIGINT = Type("bigint")
REAL = Type("real")
DOUBLE = Type("double")
VARCHAR = Type("varchar")
VARBINARY = Type("varbinary")
DATE = Type("date")
TIME = Type("time", (3,))
TIMESTAMP = Type("timestamp", (3,))
ZONED = Type("timestamp with time zone", (3,))
DAY_TIME = Type("interval day to second")
YEAR_MONTH = Type("interval year to month")
JSON = Type("json")
UNKNOWN = Type("unknown")


def decimal(precision: int, scale: int) -> Type:
    return Type("decimal", (min(precision, 38), scale))


def array(element: Type) -> Type:
    return Type("array", (element,))


def map_of(key: Type, value: Type) -> Type:
    return Type("map", (key, value))


def row(fields: Sequence[tuple[str | None, Type]]) -> Type:
    return Type("row", tuple(fields))


# --- written forms -----------------------------------------------------------------------------

_TOKEN = re.compile(r'"(?:[^"]|"")*"|`[^`]*`|[\w$-]+|[(),<>:]|\S')


class _Reader:
    """A recursive-descent reader of Athena's and Hive's spellings of a type."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = _TOKEN.findall(text)
        self.at = 0

    def peek(self, ahead: int = 0) -> str:
        position = self.at + ahead
        return self.tokens[position].lower() if position < len(self.tokens) else ""

    def take(self, *wanted: str) -> str:
        token = self.tokens[self.at] if self.at < len(self.tokens) else ""
        if not token or (wanted and token.lower() not in wanted):
            raise NotSupportedError(f"the type '{self.text}' is not known to the local Athena")
        self.at += 1
        return token

    def accept(self, token: str) -> bool:
        if self.peek() == token:
            self.at += 1
            return True
        return False

    def numbers(self) -> tuple[int, ...]:
        if not self.accept("("):
            return ()
        found = [int(self.take())]
        while self.accept(","):
            found.append(int(self.take()))
        self.take(")")
        return tuple(found)

    def named_field(self, *, hive: bool) -> tuple[str | None, Type]:
        first = self.peek()
        unnamed = not hive and (
            self.peek(1) in (",", ")", "(") and (first in _KNOWN_NAMES or first in _SYNONYMS)
        )
        if unnamed or (first == "interval" and not hive) or self._starts_long_name():
            return None, self.type()
        key = self.take().strip('`"')
        if hive:
            self.take(":")
        return key.lower(), self.type()

    def _starts_long_name(self) -> bool:
        return self.peek() in ("timestamp", "time") and self.peek(1) == "with"

    def type(self) -> Type:
        name = self.take().lower()
        name = _SYNONYMS.get(name, name)
        match name:
            case "array":
                close = ">" if self.take("(", "<") == "<" else ")"
                element = self.type()
                self.take(close)
                return array(element)
            case "map":
                close = ">" if self.take("(", "<") == "<" else ")"
                key = self.type()
                self.take(",")
                value = self.type()
                self.take(close)
                return map_of(key, value)
            case "row" | "struct":
                hive = self.take("(", "<") == "<"
                fields = [self.named_field(hive=hive)]
                while self.accept(","):
                    fields.append(self.named_field(hive=hive))
                self.take(">" if hive else ")")
                return row(fields)
            case "interval":
                kind = " ".join(self.take() for _ in range(3)).lower()
                if f"interval {kind}" in _PLAIN:
                    return Type(f"interval {kind}")
                raise NotSupportedError(f"the type '{self.text}' is not known to the local Athena")
            case "decimal":
                numbers = self.numbers() or (38, 0)
                return decimal(numbers[0], numbers[1] if len(numbers) > 1 else 0)
            case "varchar" | "char":
                return Type(name, self.numbers() or ((1,) if name == "char" else ()))
            case "timestamp" | "time":
                precision = (self.numbers() or (3,))[0]
                if precision > 6:
                    raise NotSupportedError(f"{name}({precision}) is finer than microseconds")
                if self.accept("with"):
                    self.take("time")
                    self.take("zone")
                    name += " with time zone"
                if name in _PLAIN:
                    return Type(name, (precision,))
            case "double":
                self.accept("precision")
                return DOUBLE
        if name not in _PLAIN:
            raise NotSupportedError(f"the type '{name}' is not known to the local Athena")
        return Type(name)


_KNOWN_NAMES = frozenset({*_PLAIN, "array", "map", "row", "decimal", "char", "interval"})


def parse(text: str) -> Type:
    """The type that an Athena, Hive or Glue spelling names; NotSupportedError for others."""
    reader = _Reader(text)
    found = reader.type()
    if reader.at != len(reader.tokens):
        raise NotSupportedError(f"the type '{text}' is not known to the local Athena")
    return found


def from_hive(text: str) -> str:
    """Athena's spelling of a Glue (Hive) type: `struct<a:int>` is `row(a integer)`."""
    return str(parse(text))


def to_hive(athena_type: str) -> str:
    """Glue's spelling of an Athena type, as a CTAS registers it."""
    return _hive(parse(athena_type))


def _hive(kind: Type) -> str:
    match kind.name:
        case "integer":
            return "int"
        case "real":
            return "float"
        case "varbinary":
            return "binary"
        case "timestamp" | "timestamp with time zone":
            return "timestamp"
        case "varchar":
            return f"varchar({kind.args[0]})" if kind.args else "string"
        case "decimal":
            return f"decimal({kind.args[0]},{kind.args[1]})"
        case "array":
            return f"array<{_hive(kind.args[0])}>"
        case "map":
            return f"map<{_hive(kind.args[0])},{_hive(kind.args[1])}>"
        case "row":
            return f"struct<{','.join(f'{key}:{_hive(part)}' for key, part in kind.fields())}>"
    if kind.name in ("json", "unknown", "time") or kind.is_interval:
        raise NotSupportedError(f"a Glue table can't hold a column of type {kind}")
    return kind.name


def to_duckdb(athena_type: str) -> str:
    """DuckDB's spelling of an Athena (or Glue) type."""
    return parse(athena_type).duckdb


_FROM_DUCKDB = {
    "BOOLEAN": "boolean",
    "TINYINT": "tinyint",
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "FLOAT": "real",
    "DOUBLE": "double",
    "VARCHAR": "varchar",
    "BLOB": "varbinary",
    "DATE": "date",
    "TIME": "time(3)",
    "TIMESTAMP": "timestamp(3)",
    "TIMESTAMP_S": "timestamp(3)",
    "TIMESTAMP_MS": "timestamp(3)",
    "TIMESTAMP_NS": "timestamp(3)",
    "TIMESTAMP WITH TIME ZONE": "timestamp(3) with time zone",
    "JSON": "json",
    "UTINYINT": "smallint",
    "USMALLINT": "integer",
    "UINTEGER": "bigint",
}


def from_duckdb(duckdb_type: str) -> str:
    """Athena's name for the nearest type of a DuckDB column (as `str()` of its type shows it)."""
    text = duckdb_type.strip()
    if text.endswith("[]"):
        return f"array({from_duckdb(text[:-2])})"
    head, _, inside = text.partition("(")
    if head == "MAP":
        key, value = _split(inside[:-1])
        return f"map({from_duckdb(key)}, {from_duckdb(value)})"
    if head == "STRUCT":
        fields = []
        for part in _split(inside[:-1]):
            key, kind = _field_and_type(part)
            fields.append(f"{key} {from_duckdb(kind)}")
        return f"row({', '.join(fields)})"
    if head == "DECIMAL":
        return f"decimal({inside[:-1].replace(' ', '')})"
    if text not in _FROM_DUCKDB:
        raise NotSupportedError(f"DuckDB's type {text} has no counterpart in Athena")
    return _FROM_DUCKDB[text]


def _field_and_type(text: str) -> tuple[str, str]:
    if text.startswith('"'):
        end = text.index('"', 1)
        return text[1:end], text[end + 1 :].strip()
    key, _, kind = text.partition(" ")
    return key, kind


def _split(text: str) -> list[str]:
    """The parts between top-level commas."""
    parts, depth, start = [], 0, 0
    for position, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append(text[start:position].strip())
            start = position + 1
    return [*parts, text[start:].strip()]


# --- coercion ----------------------------------------------------------------------------------

_ORDER = {name: rank for rank, name in enumerate((*INTEGERS, "decimal", "real", "double"))}
_MOMENTS = {"date": 0, "timestamp": 1, "timestamp with time zone": 2}


def common(left: Type, right: Type) -> Type | None:
    """The narrowest type both coerce to without a CAST, None where there is none."""
    if left.name == "unknown":
        return right
    if right.name == "unknown":
        return left
    if left == right:
        return left if left.zone == right.zone else _unzoned(left)
    if left.name in _ORDER and right.name in _ORDER:
        return _common_number(left, right)
    if left.name in _MOMENTS and right.name in _MOMENTS:
        later = max(left, right, key=lambda kind: _MOMENTS[kind.name])
        precision = max((kind.args[0] for kind in (left, right) if kind.args), default=0)
        return Type(later.name, (precision,)) if later.args else later
    if left.name != right.name:
        return None
    if left.name == "varchar":
        return VARCHAR if not (left.args and right.args) else max(left, right, key=lambda t: t.args)
    if left.name == "time":
        return max(left, right, key=lambda t: t.args)
    if left.name in ("array", "map"):
        parts = [common(a, b) for a, b in zip(left.args, right.args, strict=True)]
        return None if None in parts else Type(left.name, tuple(parts))
    if left.name == "row" and len(left.args) == len(right.args):
        fields = []
        for (key, a), (other, b) in zip(left.args, right.args, strict=True):
            part = common(a, b)
            if part is None:
                return None
            fields.append((key if key == other else None, part))
        return row(fields)
    return None


def _unzoned(kind: Type) -> Type:
    return replace(kind, zone=None)


def _common_number(left: Type, right: Type) -> Type:
    wider = max(left, right, key=lambda kind: _ORDER[kind.name])
    if wider.name != "decimal":
        return wider
    (p, s), (q, r) = left.as_decimal().args, right.as_decimal().args
    scale = max(s, r)
    return decimal(max(p - s, q - r) + scale, scale)


def coerces(source: Type, target: Type) -> bool:
    """Whether Athena turns `source` into `target` by itself."""
    if target.name == "decimal" and source.is_exact:
        (p, s), (q, r) = source.as_decimal().args, target.args
        return bool(p - s <= q - r and s <= r)
    if target.name == "varchar" and source.name == "varchar":
        return not target.args or (bool(source.args) and source.args[0] <= target.args[0])
    if target.name in ("array", "map") and source.name == target.name:
        return all(coerces(a, b) for a, b in zip(source.args, target.args, strict=True))
    if target.name == "row" and source.name == "row" and len(source.args) == len(target.args):
        pairs = zip(source.args, target.args, strict=True)
        return all(coerces(a, b) for (_, a), (_, b) in pairs)
    if target.name in _MOMENTS and source.name in _MOMENTS:
        return _MOMENTS[source.name] <= _MOMENTS[target.name]
    if source.name in _ORDER and target.name in _ORDER:
        return _ORDER[source.name] <= _ORDER[target.name]
    return source.name in ("unknown", target.name)
