"""Scalar expressions: each node of Athena's syntax that is known, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from sqlglot import exp

from mall_platform.local_aws.athena import dialect_casts as casts
from mall_platform.local_aws.athena import dialect_zones as zones
from mall_platform.local_aws.athena import types as t
from mall_platform.local_aws.athena.dialect_calls import Calls
from mall_platform.local_aws.athena.dialect_operators import ARITHMETIC, COMPARISONS, Operators
from mall_platform.local_aws.athena.dialect_values import (
    Field,
    Scope,
    Typed,
    mismatch,
    only,
    quoted,
    text_literal,
    unsupported,
)
from mall_platform.local_aws.athena.errors import NotSupportedError, QuerySyntaxError
from mall_platform.local_aws.athena.types import Type

_INTERVAL_UNITS = {"SECOND", "MINUTE", "HOUR", "DAY"}
_MONTH_UNITS = {"MONTH", "YEAR"}
_EXTRACTS = {
    "YEAR": "year",
    "QUARTER": "quarter",
    "MONTH": "month",
    "WEEK": "week",
    "DAY": "day",
    "DAY_OF_MONTH": "day",
    "DAY_OF_WEEK": "day_of_week",
    "DOW": "day_of_week",
    "DAY_OF_YEAR": "day_of_year",
    "DOY": "day_of_year",
    "YEAR_OF_WEEK": "year_of_week",
    "YOW": "year_of_week",
    "HOUR": "hour",
    "MINUTE": "minute",
    "SECOND": "second",
    "TIMEZONE_HOUR": "timezone_hour",
    "TIMEZONE_MINUTE": "timezone_minute",
}


class Expressions(Operators):
    """Translates one expression in a scope to DuckDB's SQL and its Athena type."""

    def __init__(self) -> None:
        self.translated: dict[int, tuple[exp.Expr, str]] = {}
        self.resolved: dict[int, Field] = {}
        self.counter = 0

    def sql_of(self, node: exp.Expr) -> str | None:
        """What a node was translated to, None where it hasn't been by itself."""
        return self.translated.get(id(node), (node, None))[1]

    def fresh(self, prefix: str) -> str:
        """A name no query can have written."""
        self.counter += 1
        return f"_{prefix}{self.counter}_"

    def expression(self, node: exp.Expr, scope: Scope) -> Typed:
        handler = _HANDLERS.get(type(node))
        if handler is None:
            raise unsupported(node)
        if not isinstance(node, exp.Query):
            only(node, "this", "expression", "expressions", *_ARGUMENTS.get(type(node), ()))
        result = handler(self, node, scope)
        self.translated[id(node)] = (node, result.sql)
        return result

    # --- names and literals --------------------------------------------------------------------

    def name(self, node: exp.Expr, scope: Scope) -> Typed:
        parts = [part.name for part in node.parts] if isinstance(node, exp.Column) else [node.name]
        if isinstance(node, exp.Column):
            only(node, "this", "table", "db", "catalog")
        if len(parts) == 1 and parts[0].lower() in scope.aliases:
            value = scope.aliases[parts[0].lower()]
            self.resolved[id(node)] = Field(None, parts[0], value.type, value.sql)
            return value
        found, used, _ = scope.column(parts)
        self.resolved[id(node)] = found
        value = Typed(found.sql, found.type)
        for part in parts[used:]:
            value = self.dereference(value, part)
        return value

    def dereference(self, value: Typed, name: str) -> Typed:
        if value.type.name == "row":
            for (written, kind), (inner, _) in zip(
                value.type.args, value.type.fields(), strict=True
            ):
                if written and written.lower() == name.lower():
                    return Typed(f"({value.sql}).{quoted(inner)}", kind)
        raise QuerySyntaxError(f"Column '{name}' cannot be resolved", "COLUMN_NOT_FOUND")

    def dot(self, node: exp.Dot, scope: Scope) -> Typed:
        if not isinstance(node.expression, exp.Identifier):
            raise unsupported(node)
        return self.dereference(self.expression(node.this, scope), node.expression.name)

    def literal(self, node: exp.Literal, scope: Scope) -> Typed:
        text = node.this
        if node.is_string:
            return Typed(text_literal(text), Type("varchar", (len(text),)), text)
        if re.fullmatch(r"\d+", text):
            number = int(text)
            if number >= 2**63:
                raise QuerySyntaxError(f"Invalid numeric literal: {text}")
            kind = t.INTEGER if number < 2**31 else t.BIGINT
            return Typed(f"CAST({number} AS {kind.duckdb})", kind, number)
        if re.fullmatch(r"\d*\.\d*", text) and text != ".":
            whole, _, fraction = text.partition(".")
            digits = len(whole.lstrip("0")) + len(fraction)
            if digits > 38:
                raise QuerySyntaxError(f"Invalid numeric literal: {text}")
            kind = t.decimal(max(digits, 1), len(fraction))
            return Typed(f"CAST('{text}' AS {kind.duckdb})", kind)
        if re.fullmatch(r"(\d+\.?\d*|\.\d+)[eE][+-]?\d+", text):
            return Typed(f"CAST({text} AS DOUBLE)", t.DOUBLE)
        raise unsupported(node)

    def binary_literal(self, node: exp.HexString, scope: Scope) -> Typed:
        digits = re.sub(r"\s", "", node.this)
        if len(digits) % 2:
            raise QuerySyntaxError("Binary literal must contain an even number of digits")
        return Typed(f"from_hex('{digits}')", t.VARBINARY)

    def interval(self, node: exp.Interval, scope: Scope) -> Typed:
        unit = node.args["unit"].name.upper() if node.args.get("unit") else ""
        if not isinstance(node.this, exp.Literal) or not re.fullmatch(r"[+-]?\d+", node.this.name):
            raise unsupported(node)
        number = int(node.this.name)
        if unit in _INTERVAL_UNITS:
            return Typed(f"to_{unit.lower()}s({number})", t.DAY_TIME)
        if unit in _MONTH_UNITS:
            return Typed(f"to_{unit.lower()}s({number})", t.YEAR_MONTH)
        raise unsupported(node)

    def json_literal(self, node: exp.ParseJSON, scope: Scope) -> Typed:
        if not node.args.get("is_literal"):
            raise unsupported(node)
        return self.call("json_parse", [self.expression(node.this, scope)])

    def moment_literal(self, node: exp.Cast, target: Type) -> Typed | None:
        """`TIMESTAMP '…'`, which the parser makes a cast to the precision that the text shows.

        It has milliseconds at least; with a zone in the text it keeps that zone.
        """
        text = node.this.name.strip()
        digits = len(text.partition(" ")[2].partition(" ")[0].partition(".")[2])
        if target.args != (digits,) or not node.args["to"].expressions:
            return None
        precision = max(digits, 3)
        if not target.is_zoned:
            value = Typed(text_literal(text), t.VARCHAR)
            return casts.cast(value, replace(target, args=(precision,)))
        match = re.fullmatch(r"(\S+(?: [\d:.]+)?)\s*(\S+)", text)
        if match is None:
            raise QuerySyntaxError(f"'{text}' is not a valid TIMESTAMP literal", "INVALID_LITERAL")
        name = zones.zone_name(match[2])
        moment = f"trino_text_to_timestamp({text_literal(match[1])}, {precision})"
        return zones.zoned(zones.utc(moment, "", name), text_literal(name), precision, name)

    # --- conversion ----------------------------------------------------------------------------

    def conversion(self, node: exp.Cast, scope: Scope) -> Typed:
        only(node, "this", "to", "safe")
        _check_type(node.args["to"])
        written = node.args["to"].sql(dialect="trino")
        bare = re.fullmatch(r"(?i)decimal", written)
        if bare and isinstance(node.this, exp.Literal) and node.this.is_string:
            raise NotSupportedError("DECIMAL without precision and scale beside a text literal")
        target = t.parse(written)
        if (
            isinstance(node.this, exp.Literal)
            and node.this.is_string
            and "timestamp" in target.name
        ):
            literal = self.moment_literal(node, target)
            if literal is not None and not isinstance(node, exp.TryCast):
                return literal
        result = casts.cast(self.expression(node.this, scope), target)
        if isinstance(node, exp.TryCast):
            return Typed(f"TRY({result.sql})", result.type)
        return result

    def at_time_zone(self, node: exp.AtTimeZone, scope: Scope) -> Typed:
        value = self.expression(node.this, scope)
        if value.type.name not in ("timestamp", "timestamp with time zone", "unknown"):
            raise mismatch(f"Type of value must be a time or timestamp: {value.type}")
        return self.call("at_timezone", [value, self.expression(node.args["zone"], scope)])

    def extract(self, node: exp.Extract, scope: Scope) -> Typed:
        unit = node.this.name.upper()
        if unit not in _EXTRACTS:
            raise QuerySyntaxError(f"Invalid EXTRACT field: {unit}")
        return self.call(_EXTRACTS[unit], [self.expression(node.expression, scope)])

    def trim(self, node: exp.Trim, scope: Scope) -> Typed:
        only(node, "this", "position", "expression")
        side = (node.args.get("position") or "BOTH").upper()
        name = {"BOTH": "trim", "LEADING": "ltrim", "TRAILING": "rtrim"}[side]
        args = [self.expression(node.this, scope)]
        if node.args.get("expression") is not None:
            args.append(self.expression(node.expression, scope))
        return self.call(name, args)

    def position(self, node: exp.StrPosition, scope: Scope) -> Typed:
        only(node, "this", "substr")
        return self.call(
            "strpos",
            [self.expression(node.this, scope), self.expression(node.args["substr"], scope)],
        )

    # --- collections ---------------------------------------------------------------------------

    def array(self, node: exp.Array, scope: Scope) -> Typed:
        values = [self.expression(item, scope) for item in node.expressions]
        kind, parts = self.merged(values, "ARRAY elements")
        if not values:
            return Typed("CAST([] AS INTEGER[])", t.array(t.UNKNOWN))
        return Typed(f"CAST([{', '.join(parts)}] AS {t.array(kind).duckdb})", t.array(kind))

    def row(self, node: exp.Tuple, scope: Scope) -> Typed:
        return self.row_of([self.expression(item, scope) for item in node.expressions])

    def subscript(self, node: exp.Bracket, scope: Scope) -> Typed:
        only(node, "this", "expressions", "offset")
        base = self.expression(node.this, scope)
        if len(node.expressions) != 1:
            raise unsupported(node)
        index = self.expression(node.expressions[0], scope)
        match base.type.name:
            case "array":
                at = casts.coerce(index, t.BIGINT, "Array subscript").sql
                return Typed(f"trino_subscript({base.sql}, {at})", base.type.args[0])
            case "map":
                key = casts.coerce(index, base.type.args[0], "Map key").sql
                return Typed(f"trino_map_value({base.sql}, {key})", base.type.args[1])
            case "row" if isinstance(index.literal, int):
                if not 1 <= index.literal <= len(base.type.args):
                    raise QuerySyntaxError("Row subscript out of bounds")
                inner, kind = list(base.type.fields())[index.literal - 1]
                return Typed(f"({base.sql}).{quoted(inner)}", kind)
        raise mismatch(f"Cannot use {base.type} for a subscript with {index.type}")

    # --- subqueries ----------------------------------------------------------------------------

    def scalar_subquery(self, node: exp.Expr, scope: Scope) -> Typed:
        query = self.query(node, scope)
        if len(query.outputs) != 1:
            raise QuerySyntaxError("Multiple columns returned by subquery are not yet supported")
        return Typed(f"({query.sql})", query.outputs[0].type)

    def exists(self, node: exp.Exists, scope: Scope) -> Typed:
        inner = node.this.this if isinstance(node.this, exp.Subquery) else node.this
        return Typed(f"EXISTS ({self.query(inner, scope).sql})", t.BOOLEAN)


_TYPES = frozenset(
    {
        "BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL", "VARCHAR",
        "CHAR", "VARBINARY", "DATE", "TIME", "TIMESTAMP", "TIMESTAMPTZ", "JSON", "ARRAY", "MAP",
        "STRUCT", "UUID", "IPADDRESS",
    }
)  # fmt: skip


def _check_type(node: exp.Expr) -> None:
    """Refuse names of types that the parser knows and Athena's queries don't, such as STRING."""
    for kind in node.find_all(exp.DataType):
        name = kind.this.name if hasattr(kind.this, "name") else str(kind.this)
        if name not in _TYPES:
            raise QuerySyntaxError(f"Unknown type: {kind.sql(dialect='trino').lower()}")


def _constant(sql: str, kind: Type, literal: object = None) -> Callable[..., Typed]:
    def constant(self: Expressions, node: exp.Expr, scope: Scope) -> Typed:
        only(node)
        return Typed(sql, kind, literal)

    return constant


def _current_timestamp(self: Expressions, node: exp.Expr, scope: Scope) -> Typed:
    only(node)
    return self.call("now", [])


# What a node may carry beside `this`, `expression` and `expressions`; all else is refused.
_ARGUMENTS: dict[type[exp.Expr], tuple[str, ...]] = {
    exp.Column: ("table", "db", "catalog"),
    exp.Identifier: ("quoted",),
    exp.Literal: ("is_string",),
    exp.Interval: ("unit",),
    exp.ParseJSON: ("is_literal",),
    exp.Div: ("typed", "safe"),
    exp.DPipe: ("safe",),
    exp.Like: ("negate",),
    exp.In: ("query",),
    exp.Between: ("low", "high"),
    exp.Case: ("ifs", "default"),
    exp.If: ("true", "false"),
    exp.Cast: ("to", "safe"),
    exp.TryCast: ("to", "safe"),
    exp.AtTimeZone: ("zone",),
    exp.Trim: ("position",),
    exp.StrPosition: ("substr",),
    exp.Bracket: ("offset",),
    exp.Window: ("partition_by", "order", "spec", "alias", "over"),
}
_HANDLERS: dict[type[exp.Expr], Callable[..., Typed]] = {
    exp.Column: Expressions.name,
    exp.Identifier: Expressions.name,
    exp.Dot: Expressions.dot,
    exp.Literal: Expressions.literal,
    exp.HexString: Expressions.binary_literal,
    exp.Interval: Expressions.interval,
    exp.ParseJSON: Expressions.json_literal,
    exp.Null: _constant("NULL", t.UNKNOWN),
    exp.Boolean: lambda self, node, scope: Typed("TRUE" if node.this else "FALSE", t.BOOLEAN),
    exp.Paren: lambda self, node, scope: self.expression(node.this, scope),
    exp.And: Expressions.connective,
    exp.Or: Expressions.connective,
    exp.Not: Expressions.negation,
    **dict.fromkeys(COMPARISONS, Expressions.comparison),
    **dict.fromkeys(ARITHMETIC, Expressions.arithmetic),
    exp.In: Expressions.membership,
    exp.Between: Expressions.between,
    exp.Is: Expressions.is_test,
    exp.NullSafeEQ: Expressions.distinct_from,
    exp.NullSafeNEQ: Expressions.distinct_from,
    exp.Like: Expressions.like,
    exp.Escape: Expressions.like,
    exp.Case: Expressions.case,
    exp.If: Expressions.choice,
    exp.Neg: Expressions.negative,
    exp.DPipe: Expressions.concatenation,
    exp.Cast: Expressions.conversion,
    exp.TryCast: Expressions.conversion,
    exp.AtTimeZone: Expressions.at_time_zone,
    exp.Extract: Expressions.extract,
    exp.Trim: Expressions.trim,
    exp.StrPosition: Expressions.position,
    exp.Array: Expressions.array,
    exp.Tuple: Expressions.row,
    exp.Bracket: Expressions.subscript,
    exp.Subquery: Expressions.scalar_subquery,
    exp.Select: Expressions.scalar_subquery,
    exp.Exists: Expressions.exists,
    exp.CurrentDate: _constant("CAST(trino_now() AS DATE)", t.DATE),
    exp.CurrentTimestamp: _current_timestamp,
    exp.Localtimestamp: _constant("trino_now()", t.TIMESTAMP),
    exp.Anonymous: Calls.function_call,
    exp.Filter: Calls.function_call,
    exp.Window: Calls.function_call,
    exp.WithinGroup: Calls.function_call,
    exp.IgnoreNulls: Calls.function_call,
    exp.RespectNulls: Calls.function_call,
}
