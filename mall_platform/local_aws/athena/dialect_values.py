"""The pieces a translation is made of: a typed piece of DuckDB SQL, and what is in scope."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from mall_platform.local_aws.athena.errors import NotSupportedError, QuerySyntaxError
from mall_platform.local_aws.athena.types import Type


@dataclass(frozen=True)
class Typed:
    """An expression in DuckDB's SQL with its Athena type.

    `literal` is set for plain literals. `instant` and `zone` are the two pieces of a timestamp
    with time zone, where they are known apart.
    """

    sql: str
    type: Type
    literal: Any = None
    instant: str = ""
    zone: str = ""


@dataclass(frozen=True)
class Field:
    """One column in scope: `name` as written, `sql` how DuckDB reaches it."""

    qualifier: str | None
    name: str | None
    type: Type
    sql: str


@dataclass(frozen=True)
class Output:
    """One column of a query's result; `inner` is its (unique) name in DuckDB."""

    name: str | None
    inner: str
    type: Type


# A select item: its name (None where it has none), its value, and the node unless from a star.
Item = tuple[str | None, Typed, exp.Expr | None]


@dataclass
class Scope:
    """The columns and common table expressions an expression may name."""

    fields: Sequence[Field] = ()
    parent: Scope | None = None
    windows: Mapping[str, exp.Expr] = field(default_factory=dict)
    aliases: Mapping[str, Typed] = field(default_factory=dict)

    def matches(self, parts: Sequence[str]) -> Iterator[tuple[Field, int]]:
        """Fields that the leading parts of a dotted name reach, with how many parts they took."""
        for taken in (3, 2, 1):
            if taken > len(parts):
                continue
            wanted = [part.lower() for part in parts[:taken]]
            found = False
            for candidate in self.fields:
                if candidate.name is None or candidate.name.lower() != wanted[-1]:
                    continue
                qualifier = (candidate.qualifier or "").lower()
                if taken > 1 and qualifier != wanted[-2]:
                    continue
                found = True
                yield candidate, taken
            if found:
                return

    def column(self, parts: Sequence[str]) -> tuple[Field, int, bool]:
        """The one field a dotted name means: (field, parts used, belongs to an outer query)."""
        scope: Scope | None = self
        while scope is not None:
            found = list(scope.matches(parts))
            if len(found) > 1:
                raise QuerySyntaxError(f"Column '{'.'.join(parts)}' is ambiguous", "AMBIGUOUS_NAME")
            if found:
                return *found[0], scope is not self
            scope = scope.parent
        raise QuerySyntaxError(f"Column '{'.'.join(parts)}' cannot be resolved", "COLUMN_NOT_FOUND")


def quoted(name: str) -> str:
    """A DuckDB identifier."""
    return '"' + name.replace('"', '""') + '"'


def text_literal(value: str) -> str:
    """A DuckDB string literal."""
    return "'" + value.replace("'", "''") + "'"


def only(node: exp.Expr, *known: str) -> None:
    """Refuse a node that carries a clause this translation doesn't read."""
    for key, value in node.args.items():
        if key not in known and value not in (None, False, [], ""):
            raise NotSupportedError(
                f"{type(node).__name__} with {key}: {node.sql(dialect='trino')}"
            )


def unsupported(node: exp.Expr) -> NotSupportedError:
    return NotSupportedError(f"{type(node).__name__}: {node.sql(dialect='trino')}")


def mismatch(message: str) -> QuerySyntaxError:
    return QuerySyntaxError(message, "TYPE_MISMATCH")
