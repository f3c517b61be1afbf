"""Scalar expressions: each node of Athena's syntax that is known, and nothing else."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from mall_platform.local_aws.athena import dialect_casts as casts
from mall_platform.local_aws.athena import types as t
from mall_platform.local_aws.athena.dialect_calls import Calls
from mall_platform.local_aws.athena.dialect_values import (
    Field,
    Output,
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
_COMPARISONS = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_ARITHMETIC = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%"}


@dataclass(frozen=True)
class Query:
    """A translated query: DuckDB's SQL and the columns it returns."""

    sql: str
    outputs: Sequence[Output]


class Expressions(Calls, ABC):
    """Translates one expression in a scope to DuckDB's SQL and its Athena type."""

    def __init__(self) -> None:
        self.translated: dict[int, str] = {}
        self.resolved: dict[int, Field] = {}
        self.counter = 0

    @abstractmethod
    def query(self, node: exp.Expression, parent: Scope | None) -> Query:
        """Translate a subquery."""

    def fresh(self, prefix: str) -> str:
        """A name no query can have written."""
        self.counter += 1
        return f"_{prefix}{self.counter}_"

    def expression(self, node: exp.Expression, scope: Scope) -> Typed:
        handler = _HANDLERS.get(type(node))
        if handler is None:
            raise unsupported(node)
        result = handler(self, node, scope)
        self.translated[id(node)] = result.sql
        return result

    def boolean(self, node: exp.Expression, scope: Scope, what: str) -> Typed:
        """A condition."""
        value = self.expression(node, scope)
        if value.type not in (t.BOOLEAN, t.UNKNOWN):
            raise mismatch(f"{what} must evaluate to a boolean: actual type {value.type}")
        return casts.coerce(value, t.BOOLEAN)

    # --- names and literals --------------------------------------------------------------------

    def name(self, node: exp.Expression, scope: Scope) -> Typed:
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

    def typed_literal(self, node: exp.Cast, target: Type) -> Typed | None:
        """`DATE '…'` and `TIMESTAMP '…'`, whose zone or fraction decides their type."""
        text = node.this.name.strip()
        if target.name != "timestamp" or not isinstance(node.this, exp.Literal):
            return None
        if not re.fullmatch(r"\S+( [\d:.]+)?", text):
            zone = re.sub(r"^\S+( [\d:.]+)?\s*", "", text)
            target = replace(t.ZONED, zone=zone)
        digits = len(text.partition(".")[2]) if "." in text else 0
        target = replace(target, args=(max(target.args[0], 3, min(digits, 6)),))
        value = Typed(text_literal(text), t.VARCHAR)
        return replace(casts.cast(value, target), type=target)

    # --- logic and comparison ------------------------------------------------------------------

    def connective(self, node: exp.Connector, scope: Scope) -> Typed:
        word = "AND" if isinstance(node, exp.And) else "OR"
        parts = [self.boolean(part, scope, f"{word} operand").sql for part in node.flatten()]
        return Typed(f"({f' {word} '.join(parts)})", t.BOOLEAN)

    def negation(self, node: exp.Not, scope: Scope) -> Typed:
        return Typed(f"(NOT {self.boolean(node.this, scope, 'NOT operand').sql})", t.BOOLEAN)

    def comparison(self, node: exp.Binary, scope: Scope) -> Typed:
        operator = _COMPARISONS[type(node)]
        if isinstance(node.expression, exp.Any | exp.All):
            return self.quantified(node, operator, scope)
        sides = [_row_parts(side) for side in (node.this, node.expression)]
        if sides[0] and sides[1] and operator in ("=", "<>"):
            return self.row_equality(sides[0], sides[1], operator, scope)
        left, right = self.expression(node.this, scope), self.expression(node.expression, scope)
        return Typed(self.compare(operator, left, right), t.BOOLEAN)

    def row_equality(
        self,
        left: Sequence[exp.Expression],
        right: Sequence[exp.Expression],
        operator: str,
        scope: Scope,
    ) -> Typed:
        if len(left) != len(right):
            raise mismatch("Row values have different numbers of fields")
        pairs = [
            self.compare("=", self.expression(a, scope), self.expression(b, scope))
            for a, b in zip(left, right, strict=True)
        ]
        sql = f"({' AND '.join(pairs)})"
        return Typed(sql if operator == "=" else f"(NOT {sql})", t.BOOLEAN)

    def compare(self, operator: str, left: Typed, right: Typed) -> str:
        """`left operator right` as a condition; text never meets numbers or dates."""
        kind = t.common(left.type, right.type)
        if kind is None:
            raise mismatch(f"Cannot apply operator: {left.type} {operator} {right.type}")
        if kind == t.UNKNOWN:
            return "CAST(NULL AS BOOLEAN)"
        if kind.name in ("array", "map", "row", "json") or kind.is_interval:
            return self.compare_whole(operator, left, right, kind)
        a, b = (self.sort_key(casts.coerce(side, kind)) for side in (left, right))
        if kind.is_float:
            unordered = "TRUE" if operator == "<>" else "FALSE"
            return f"trino_compare_float({a}, {b}, {a} {operator} {b}, {unordered})"
        return f"({a} {operator} {b})"

    def compare_whole(self, operator: str, left: Typed, right: Typed, kind: Type) -> str:
        if operator not in ("=", "<>") and not (kind.is_interval or kind.name == "array"):
            raise mismatch(f"Cannot apply operator: {left.type} {operator} {right.type}")
        a, b = casts.coerce(left, kind).sql, casts.coerce(right, kind).sql
        if kind.is_interval or kind.name == "json":
            return f"({a} {operator} {b})"
        if kind.name == "array" and not list(kind.args[0].parts()):
            if kind.args[0].is_float:
                raise NotSupportedError("comparison of arrays of floating-point numbers")
            return f"trino_compare_arrays({a}, {b}, {a} {operator} {b})"
        raise NotSupportedError(f"comparison of values of type {kind}")

    def sort_key(self, value: Typed) -> str:
        """What orders and compares a value: the instant, where it has a zone."""
        return f"({value.sql}).u" if value.type.is_zoned else value.sql

    def group_key(self, value: Typed, what: str) -> str:
        """What tells groups and duplicates apart."""
        if value.type.is_zoned:
            if value.type.zone is None:
                raise NotSupportedError(
                    f"{what} over timestamps whose time zone may differ: use AT TIME ZONE first"
                )
            return value.sql
        if any(part.contains("timestamp with time zone") for part in value.type.parts()):
            raise NotSupportedError(f"{what} over values of type {value.type}")
        return value.sql

    def quantified(self, node: exp.Binary, operator: str, scope: Scope) -> Typed:
        word = "ANY" if isinstance(node.expression, exp.Any) else "ALL"
        inner = node.expression.this
        query = self.query(inner.this if isinstance(inner, exp.Subquery) else inner, scope)
        left = self.expression(node.this, scope)
        self.same_kind(left.type, query, f"{left.type} {operator} {word}")
        return Typed(f"({left.sql} {operator} {word} ({query.sql}))", t.BOOLEAN)

    def same_kind(self, kind: Type, query: Query, what: str) -> None:
        """A subquery compared with a value must return one column of the same plain type."""
        if len(query.outputs) != 1:
            raise QuerySyntaxError("Multiple columns returned by subquery are not yet supported")
        other = query.outputs[0].type
        merged = t.common(kind, other)
        if merged is None:
            raise mismatch(f"Cannot apply operator: {what} of {other}")
        if kind != other and not (kind.is_exact and other.is_exact) and kind.name != "varchar":
            raise NotSupportedError(f"{what} of {other}: CAST one of them")
        if list(kind.parts()) or kind.is_zoned or kind.is_float:
            raise NotSupportedError(f"{what} of {other}")

    def membership(self, node: exp.In, scope: Scope) -> Typed:
        only(node, "this", "expressions", "query")
        if node.args.get("query"):
            inner = node.args["query"]
            query = self.query(inner.this if isinstance(inner, exp.Subquery) else inner, scope)
            left = self.expression(node.this, scope)
            self.same_kind(left.type, query, f"{left.type} IN")
            return Typed(f"({left.sql} IN ({query.sql}))", t.BOOLEAN)
        parts = _row_parts(node.this)
        if parts:
            rows = [_row_parts(item) for item in node.expressions]
            if not all(rows):
                raise unsupported(node)
            tests = [self.row_equality(parts, item, "=", scope).sql for item in rows if item]
            return Typed(f"({' OR '.join(tests)})", t.BOOLEAN)
        left = self.expression(node.this, scope)
        items = [self.expression(item, scope) for item in node.expressions]
        kind: Type | None = left.type
        for item in items:
            kind = kind and t.common(kind, item.type)
        if kind is None:
            raise mismatch(f"IN value and list items must be the same type: {left.type}")
        if kind.is_float or kind.is_zoned or list(kind.parts()):
            tests = [self.compare("=", left, item) for item in items]
            return Typed(f"({' OR '.join(tests)})", t.BOOLEAN)
        listed = ", ".join(casts.coerce(item, kind).sql for item in items)
        return Typed(f"({casts.coerce(left, kind).sql} IN ({listed}))", t.BOOLEAN)

    def between(self, node: exp.Between, scope: Scope) -> Typed:
        only(node, "this", "low", "high")
        value, low, high = (
            self.expression(node.args[key], scope) for key in ("this", "low", "high")
        )
        return Typed(
            f"({self.compare('>=', value, low)} AND {self.compare('<=', value, high)})", t.BOOLEAN
        )

    def is_test(self, node: exp.Is, scope: Scope) -> Typed:
        if not isinstance(node.expression, exp.Null):
            raise unsupported(node)
        return Typed(f"({self.expression(node.this, scope).sql} IS NULL)", t.BOOLEAN)

    def distinct_from(self, node: exp.Binary, scope: Scope) -> Typed:
        word = "IS DISTINCT FROM" if isinstance(node, exp.NullSafeNEQ) else "IS NOT DISTINCT FROM"
        left, right = self.expression(node.this, scope), self.expression(node.expression, scope)
        kind = t.common(left.type, right.type)
        if kind is None:
            raise mismatch(f"Cannot apply operator: {left.type} {word} {right.type}")
        a, b = (self.sort_key(casts.coerce(side, kind)) for side in (left, right))
        return Typed(f"({a} {word} {b})", t.BOOLEAN)

    def like(self, node: exp.Expression, scope: Scope) -> Typed:
        escape = ""
        if isinstance(node, exp.Escape):
            if not isinstance(node.this, exp.Like):
                raise unsupported(node)
            mark = self.expression(node.expression, scope)
            if not isinstance(mark.literal, str) or len(mark.literal) != 1:
                raise QuerySyntaxError("Escape string must be a single character")
            escape = f" ESCAPE {mark.sql}"
            node = node.this
        only(node, "this", "expression")
        left, right = (
            self.expression(node.this, scope),
            self.expression(node.args["expression"], scope),
        )
        for side in (left, right):
            if side.type.name not in ("varchar", "unknown"):
                raise mismatch(f"LIKE expression must evaluate to a varchar: {side.type}")
        return Typed(f"({left.sql} LIKE {right.sql}{escape})", t.BOOLEAN)

    # --- choices -------------------------------------------------------------------------------

    def merged(self, values: Sequence[Typed], what: str) -> tuple[Type, list[str]]:
        """The common type of some results, and each coerced to it."""
        kind: Type | None = t.UNKNOWN
        for value in values:
            kind = kind and t.common(kind, value.type)
            if kind is None:
                raise mismatch(f"All {what} must be the same type or coercible to a common type")
        assert kind is not None
        return kind, [casts.coerce(value, kind).sql for value in values]

    def case(self, node: exp.Case, scope: Scope) -> Typed:
        only(node, "this", "ifs", "default")
        conditions = []
        for branch in node.args["ifs"]:
            if node.this is None:
                conditions.append(self.boolean(branch.this, scope, "CASE WHEN clause").sql)
            else:
                operand = self.expression(node.this, scope)
                conditions.append(self.compare("=", operand, self.expression(branch.this, scope)))
        results = [branch.args["true"] for branch in node.args["ifs"]]
        if node.args.get("default") is not None:
            results.append(node.args["default"])
        kind, values = self.merged([self.expression(r, scope) for r in results], "CASE results")
        sql = " ".join(
            f"WHEN {test} THEN {value}" for test, value in zip(conditions, values, strict=False)
        )
        if len(values) > len(conditions):
            sql += f" ELSE {values[-1]}"
        return Typed(f"(CASE {sql} END)", kind)

    def choice(self, node: exp.If, scope: Scope) -> Typed:
        only(node, "this", "true", "false")
        test = self.boolean(node.this, scope, "IF condition").sql
        parts = [node.args["true"]]
        if node.args.get("false") is not None:
            parts.append(node.args["false"])
        kind, values = self.merged([self.expression(p, scope) for p in parts], "IF results")
        otherwise = f" ELSE {values[1]}" if len(values) > 1 else ""
        return Typed(f"(CASE WHEN {test} THEN {values[0]}{otherwise} END)", kind)

    # --- arithmetic ----------------------------------------------------------------------------

    def arithmetic(self, node: exp.Binary, scope: Scope) -> Typed:
        operator = _ARITHMETIC[type(node)]
        left, right = self.expression(node.this, scope), self.expression(node.expression, scope)
        return self.calculate(operator, left, right)

    def calculate(self, operator: str, left: Typed, right: Typed) -> Typed:
        temporal = {"date", "timestamp", "timestamp with time zone", "time"}
        if (
            left.type.is_interval
            or right.type.is_interval
            or {left.type.name, right.type.name} & temporal
        ):
            return self.moment_arithmetic(operator, left, right)
        return casts.arithmetic(operator, left, right)

    def moment_arithmetic(self, operator: str, left: Typed, right: Typed) -> Typed:
        a, b = left.type, right.type
        wrong = mismatch(f"Cannot apply operator: {a} {operator} {b}")
        if operator == "+" and a.is_interval and not b.is_interval:
            return self.moment_arithmetic(operator, right, left)
        if operator in "+-" and a.is_interval and a == b:
            return Typed(f"({left.sql} {operator} {right.sql})", a)
        if operator in "*/" and a.is_interval and b.is_integer:
            if operator == "/":
                raise NotSupportedError("division of an interval")
            return Typed(f"({left.sql} * {right.sql})", a)
        if operator == "*" and b.is_interval and a.is_integer:
            return Typed(f"({left.sql} * {right.sql})", b)
        if operator == "-" and a.name == b.name and a.name in ("date", "timestamp"):
            return Typed(f"trino_between({left.sql}, {right.sql})", t.DAY_TIME)
        if operator not in "+-" or not b.is_interval:
            raise wrong
        match a.name:
            case "date" if b == t.YEAR_MONTH:
                return Typed(f"CAST({left.sql} {operator} {right.sql} AS DATE)", a)
            case "date":
                return Typed(f"trino_date_shift({left.sql}, {left.sql} {operator} {right.sql})", a)
            case "timestamp":
                return Typed(f"({left.sql} {operator} {right.sql})", a)
            case "timestamp with time zone" if b == t.DAY_TIME:
                value = (
                    f"struct_pack(u := ({left.sql}).u {operator} {right.sql}, z := ({left.sql}).z)"
                )
                return Typed(f"CASE WHEN ({left.sql}) IS NOT NULL THEN {value} END", a)
            case "timestamp with time zone":
                local = f"trino_local({left.sql}) {operator} {right.sql}"
                return Typed(f"trino_zoned_from_local({local}, ({left.sql}).z)", a)
        raise wrong

    def negative(self, node: exp.Neg, scope: Scope) -> Typed:
        value = self.expression(node.this, scope)
        if not (value.type.is_numeric or value.type.is_interval):
            raise mismatch(f"Cannot negate {value.type}")
        number = -value.literal if isinstance(value.literal, int) else None
        return Typed(f"(-{value.sql})", value.type, number)

    def concatenation(self, node: exp.DPipe, scope: Scope) -> Typed:
        parts = [self.expression(part, scope) for part in _dpipe_parts(node)]
        if all(part.type.name in ("varchar", "unknown") for part in parts):
            return Typed(
                f"({' || '.join(casts.coerce(p, t.VARCHAR).sql for p in parts)})", t.VARCHAR
            )
        if any(part.type.name == "varbinary" for part in parts):
            return Typed(
                f"({' || '.join(casts.coerce(p, t.VARBINARY).sql for p in parts)})", t.VARBINARY
            )
        return self.call("concat", parts)

    # --- conversion ----------------------------------------------------------------------------

    def conversion(self, node: exp.Cast, scope: Scope) -> Typed:
        only(node, "this", "to", "safe")
        written = node.args["to"].sql(dialect="trino")
        bare = re.fullmatch(r"(?i)decimal", written)
        if bare and isinstance(node.this, exp.Literal) and node.this.is_string:
            raise NotSupportedError("DECIMAL without precision and scale beside a text literal")
        target = t.parse(written)
        if (
            isinstance(node.this, exp.Literal)
            and node.this.is_string
            and not isinstance(node, exp.TryCast)
        ):
            literal = self.typed_literal(node, target)
            if literal:
                return literal
        result = casts.cast(self.expression(node.this, scope), target)
        if isinstance(node, exp.TryCast):
            return Typed(f"TRY({result.sql})", result.type)
        return result

    def at_time_zone(self, node: exp.AtTimeZone, scope: Scope) -> Typed:
        return self.call(
            "at_timezone",
            [self.expression(node.this, scope), self.expression(node.args["zone"], scope)],
        )

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

    def scalar_subquery(self, node: exp.Expression, scope: Scope) -> Typed:
        query = self.query(node, scope)
        if len(query.outputs) != 1:
            raise QuerySyntaxError("Multiple columns returned by subquery are not yet supported")
        return Typed(f"({query.sql})", query.outputs[0].type)

    def exists(self, node: exp.Exists, scope: Scope) -> Typed:
        inner = node.this.this if isinstance(node.this, exp.Subquery) else node.this
        return Typed(f"EXISTS ({self.query(inner, scope).sql})", t.BOOLEAN)


def _row_parts(node: exp.Expression) -> list[exp.Expression] | None:
    if isinstance(node, exp.Tuple):
        return list(node.expressions)
    if isinstance(node, exp.Anonymous) and node.name.lower() == "row":
        return list(node.expressions)
    return None


def _dpipe_parts(node: exp.Expression) -> list[exp.Expression]:
    if isinstance(node, exp.DPipe):
        return [*_dpipe_parts(node.this), *_dpipe_parts(node.expression)]
    return [node]


def _constant(sql: str, kind: Type, literal: object = None) -> Callable[..., Typed]:
    def constant(self: Expressions, node: exp.Expression, scope: Scope) -> Typed:
        only(node)
        return Typed(sql, kind, literal)

    return constant


_UTC = replace(t.ZONED, zone="UTC")
_HANDLERS: dict[type[exp.Expression], Callable[..., Typed]] = {
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
    **dict.fromkeys(_COMPARISONS, Expressions.comparison),
    **dict.fromkeys(_ARITHMETIC, Expressions.arithmetic),
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
    exp.CurrentTimestamp: _constant("trino_at_zone(trino_now(), 'UTC')", _UTC),
    exp.Localtimestamp: _constant("trino_now()", t.TIMESTAMP),
    exp.Anonymous: Calls.function_call,
    exp.Filter: Calls.function_call,
    exp.Window: Calls.function_call,
    exp.WithinGroup: Calls.function_call,
    exp.IgnoreNulls: Calls.function_call,
    exp.RespectNulls: Calls.function_call,
}
