"""How a function table is written: signatures as text, DuckDB's SQL as a template beside them.

A signature reads `split_part(varchar, varchar, bigint) -> varchar`. Single capitals are type
variables, `any` is whatever comes, `...` after the last parameter repeats it, brackets hold
optional ones and `function(T, U)` is a lambda from T to U. `paired(K, V, R)` is a lambda from K and
V to R that DuckDB calls with one struct of the fields a and b. `decimal`, `timestamp`, `zoned` and
`varchar` without numbers stand for every precision and length.

Templates name arguments `{0}`, all of them `{args}`, those of a repeated parameter `{rest}`, the
bound variables `{T}` and the result `{R}` (as DuckDB types). An aggregate's template places
DISTINCT at `{d}`, ORDER BY at `{o}` and FILTER and OVER at `{tail}`; where it has no place for
one of them the local Athena refuses it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from string import Formatter
from typing import Any

from mall_platform.local_aws.athena import types as t
from mall_platform.local_aws.athena.dialect_values import Typed
from mall_platform.local_aws.athena.errors import NotSupportedError, QuerySyntaxError
from mall_platform.local_aws.athena.types import Type

Renderer = Callable[[Sequence[Typed]], Typed]
Render = str | Renderer
Bindings = dict[str, Type]

_PIECE = re.compile(r"[A-Za-z_]\w*|\.\.\.|->|\S")
_NAMES = {
    "zoned": Type("timestamp with time zone"),
    "timestamp": Type("timestamp"),
    "time": Type("time"),
    "decimal": Type("decimal"),
    "day_time": t.DAY_TIME,
    "year_month": t.YEAR_MONTH,
    "any": Type("any"),
}
_GENERIC = frozenset({"decimal", "timestamp", "time", "timestamp with time zone"})
_DEFAULTS = {
    "decimal": t.decimal(38, 0),
    "timestamp": t.TIMESTAMP,
    "time": t.TIME,
    "timestamp with time zone": t.ZONED,
}
LAMBDAS = ("function", "paired")


@dataclass(frozen=True)
class Overload:
    """One signature of a function with its rendering."""

    parameters: tuple[Type, ...]
    required: int
    variadic: bool
    result: Type
    render: Render

    def parameter(self, position: int) -> Type:
        return self.parameters[min(position, len(self.parameters) - 1)]

    def takes(self, count: int) -> bool:
        return count >= self.required and (self.variadic or count <= len(self.parameters))

    def placeholders(self) -> set[str]:
        if not isinstance(self.render, str):
            return set()
        return {name for _, name, _, _ in Formatter().parse(self.render) if name}


@dataclass(frozen=True)
class Function:
    """A function the local Athena computes: `kind` is scalar, aggregate or window."""

    name: str
    kind: str
    group: str
    note: str
    overloads: tuple[Overload, ...]
    signatures: tuple[str, ...]


@dataclass
class Table:
    """A group of functions under one heading, filled by `scalar`, `aggregate` and `window`."""

    group: str
    functions: dict[str, Function] = field(default_factory=dict)

    def scalar(self, signature: str, render: Render, note: str = "") -> None:
        self._add("scalar", signature, render, note)

    def aggregate(self, signature: str, render: Render, note: str = "") -> None:
        self._add("aggregate", signature, render, note)

    def window(self, signature: str, render: Render, note: str = "") -> None:
        self._add("window", signature, render, note)

    def _add(self, kind: str, signature: str, render: Render, note: str) -> None:
        name, overload = read_signature(signature, render)
        known = self.functions.get(name) or Function(name, kind, self.group, "", (), ())
        self.functions[name] = replace(
            known,
            note=" ".join(filter(None, (known.note, note))),
            overloads=(*known.overloads, overload),
            signatures=(*known.signatures, signature),
        )


def read_signature(signature: str, render: Render) -> tuple[str, Overload]:
    """The function's name and its overload."""
    pieces = _PIECE.findall(signature)
    name, at = pieces[0], 2
    parameters: list[Type] = []
    required: int | None = None
    variadic = False
    while pieces[at] != ")":
        match pieces[at]:
            case "[":
                required = len(parameters)
                at += 1
            case "..." | "," | "]":
                variadic = variadic or pieces[at] == "..."
                at += 1
            case _:
                kind, at = _pattern(pieces, at)
                parameters.append(kind)
    result, _ = _pattern(pieces, at + 2)
    count = len(parameters) if required is None else required
    return name, Overload(tuple(parameters), count, variadic, result, render)


def _pattern(pieces: Sequence[str], at: int) -> tuple[Type, int]:
    name = pieces[at]
    at += 1
    parts: list[Type] = []
    if at < len(pieces) and pieces[at] == "(":
        while pieces[at] != ")":
            part, at = _pattern(pieces, at + 1)
            parts.append(part)
        at += 1
    if len(name) == 1 and name.isupper():
        return Type(f"${name}"), at
    if name == "row":
        return t.row([(None, part) for part in parts]), at
    if parts:
        return Type(name, tuple(parts)), at
    return _NAMES.get(name) or t.parse(name), at


# --- matching ----------------------------------------------------------------------------------


def bind(pattern: Type, actual: Type, bound: Bindings, *, exact: bool) -> bool:
    """Whether `actual` fits `pattern`, noting in `bound` what its variables stand for."""
    if pattern.name == "any":
        return True
    if pattern.name.startswith("$"):
        known = bound.get(pattern.name, actual)
        merged = t.common(known, actual)
        if merged is None or (exact and t.UNKNOWN not in (known, actual) and merged != known):
            return False
        bound[pattern.name] = merged
        return True
    if actual == t.UNKNOWN:
        return not exact
    if pattern.name in ("array", "map", "row"):
        if actual.name != pattern.name or len(actual.args) != len(pattern.args):
            return False
        pairs = zip(pattern.parts(), actual.parts(), strict=True)
        return all(bind(a, b, bound, exact=exact) for a, b in pairs)
    if not pattern.args and pattern.name in _GENERIC:
        return _bind_generic(pattern, actual, bound, exact=exact)
    if pattern.name == "varchar":
        return actual.name == "varchar"
    return pattern == actual if exact else t.coerces(actual, pattern)


def _bind_generic(pattern: Type, actual: Type, bound: Bindings, *, exact: bool) -> bool:
    if actual.name != pattern.name:
        if exact:
            return False
        if pattern.name == "decimal" and actual.is_integer:
            actual = actual.as_decimal()
        elif pattern.name == "timestamp" and actual.name == "date":
            actual = t.TIMESTAMP
        elif pattern.is_zoned and actual.name in ("date", "timestamp"):
            actual = replace(t.ZONED, zone="UTC")
        else:
            return False
    known = bound.get(pattern.name, actual)
    bound[pattern.name] = t.common(known, actual) or actual
    return True


def resolve(pattern: Type, bound: Mapping[str, Type], actual: Type | None = None) -> Type:
    """The pattern with its variables replaced by what they are bound to."""
    if pattern.name == "any":
        return actual or t.UNKNOWN
    if pattern.name.startswith("$"):
        return bound.get(pattern.name, t.UNKNOWN)
    if pattern.name == "varchar" and actual is not None and actual.name == "varchar":
        return actual
    if pattern.name in _GENERIC and not pattern.args:
        return bound.get(pattern.name, _DEFAULTS[pattern.name])
    if pattern.name == "row":
        return t.row([(name, resolve(part, bound)) for name, part in pattern.args])
    if pattern.name in ("array", "map", *LAMBDAS):
        return Type(pattern.name, tuple(resolve(part, bound) for part in pattern.args))
    return pattern


def template_values(
    overload: Overload, args: Sequence[str], bound: Mapping[str, Type], result: Type
) -> dict[str, Any]:
    """What a template's named placeholders stand for."""
    values: dict[str, Any] = {"args": ", ".join(args), "R": "", "d": "", "o": "", "tail": ""}
    if overload.variadic:
        values["rest"] = ", ".join(args[len(overload.parameters) - 1 :])
    if result.name != "any":
        values["R"] = result.duckdb
    for name, kind in bound.items():
        if name.startswith("$"):
            values[name[1:]] = kind.duckdb
    return values


def literal_text(value: Typed, what: str) -> str:
    """The text of an argument that must be written as a literal."""
    if not isinstance(value.literal, str):
        raise NotSupportedError(f"{what} must be a literal in the local Athena")
    return value.literal


def invalid(message: str) -> QuerySyntaxError:
    """An argument that is wrong whatever the rows hold."""
    return QuerySyntaxError(message, "INVALID_FUNCTION_ARGUMENT")
