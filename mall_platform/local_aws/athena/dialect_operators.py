"""Operators: comparison, logic, choices and arithmetic, typed as Athena types them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from mall_platform.local_aws.athena import dialect_casts as casts
from mall_platform.local_aws.athena import dialect_zones as zones
from mall_platform.local_aws.athena import types as t
from mall_platform.local_aws.athena.dialect_calls import Calls
from mall_platform.local_aws.athena.dialect_values import (
    Output,
    Scope,
    Typed,
    mismatch,
    only,
    unsupported,
)
from mall_platform.local_aws.athena.errors import NotSupportedError, QuerySyntaxError
from mall_platform.local_aws.athena.types import Type

COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
ARITHMETIC: dict[type[exp.Expr], str] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.Mod: "%",
}


@dataclass(frozen=True)
class Query:
    """A translated query: DuckDB's SQL and the columns it returns."""

    sql: str
    outputs: Sequence[Output]


class Operators(Calls):
    """The part of a translator that knows operators."""

    @abstractmethod
    def query(self, node: exp.Expr, parent: Scope | None) -> Query:
        """Translate a subquery."""

    def boolean(self, node: exp.Expr, scope: Scope, what: str) -> Typed:
        """A condition."""
        value = self.expression(node, scope)
        if value.type not in (t.BOOLEAN, t.UNKNOWN):
            raise mismatch(f"{what} must evaluate to a boolean: actual type {value.type}")
        return casts.coerce(value, t.BOOLEAN)

    # --- logic and comparison ------------------------------------------------------------------

    def connective(self, node: exp.Connector, scope: Scope) -> Typed:
        word = "AND" if isinstance(node, exp.And) else "OR"
        parts = [
            self.boolean(part, scope, f"{word} operand").sql for part in _flat(node, type(node))
        ]
        return Typed(f"({f' {word} '.join(parts)})", t.BOOLEAN)

    def negation(self, node: exp.Not, scope: Scope) -> Typed:
        return Typed(f"(NOT {self.boolean(node.this, scope, 'NOT operand').sql})", t.BOOLEAN)

    def comparison(self, node: exp.Binary, scope: Scope) -> Typed:
        operator = COMPARISONS[type(node)]
        if isinstance(node.expression, exp.Any | exp.All):
            return self.quantified(node, operator, scope)
        sides = [_row_parts(side) for side in (node.this, node.expression)]
        if sides[0] and sides[1] and operator in ("=", "<>"):
            return self.row_equality(sides[0], sides[1], operator, scope)
        left, right = self.expression(node.this, scope), self.expression(node.expression, scope)
        return Typed(self.compare(operator, left, right), t.BOOLEAN)

    def row_equality(
        self,
        left: Sequence[exp.Expr],
        right: Sequence[exp.Expr],
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
        return zones.instant(value) if value.type.is_zoned else value.sql

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

    def like(self, node: exp.Expr, scope: Scope) -> Typed:
        escape = ""
        if isinstance(node, exp.Escape):
            if not isinstance(node.this, exp.Like):
                raise unsupported(node)
            mark = self.expression(node.expression, scope)
            if not isinstance(mark.literal, str) or len(mark.literal) != 1:
                raise QuerySyntaxError("Escape string must be a single character")
            escape = f" ESCAPE {mark.sql}"
            node = node.this
        only(node, "this", "expression", "negate")
        word = "NOT LIKE" if node.args.get("negate") else "LIKE"
        left, right = (
            self.expression(node.this, scope),
            self.expression(node.args["expression"], scope),
        )
        for side in (left, right):
            if side.type.name not in ("varchar", "unknown"):
                raise mismatch(f"LIKE expression must evaluate to a varchar: {side.type}")
        return Typed(f"({left.sql} {word} {right.sql}{escape})", t.BOOLEAN)

    # --- choices -------------------------------------------------------------------------------

    def merged(self, values: Sequence[Typed], what: str) -> tuple[Type, list[str]]:
        """The common type of some results, and each coerced to it."""
        kind = t.UNKNOWN
        for value in values:
            merged = t.common(kind, value.type)
            if merged is None:
                raise mismatch(f"All {what} must be the same type or coercible to a common type")
            kind = merged
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
        operator = ARITHMETIC[type(node)]
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
                moment = f"({zones.instant(left)} {operator} {right.sql})"
                return zones.zoned(moment, zones.zone(left), a.args[0], a.zone)
            case "timestamp with time zone":
                return zones.at_local(f"({zones.local(left)} {operator} {right.sql})", left)
        raise wrong

    def negative(self, node: exp.Neg, scope: Scope) -> Typed:
        value = self.expression(node.this, scope)
        if not (value.type.is_numeric or value.type.is_interval):
            raise mismatch(f"Cannot negate {value.type}")
        number = -value.literal if isinstance(value.literal, int) else None
        return Typed(f"(-{value.sql})", value.type, number)

    def concatenation(self, node: exp.DPipe, scope: Scope) -> Typed:
        parts = [self.expression(part, scope) for part in _flat(node, exp.DPipe)]
        if all(part.type.name in ("varchar", "unknown") for part in parts):
            return Typed(
                f"({' || '.join(casts.coerce(p, t.VARCHAR).sql for p in parts)})", t.VARCHAR
            )
        if any(part.type.name == "varbinary" for part in parts):
            return Typed(
                f"({' || '.join(casts.coerce(p, t.VARBINARY).sql for p in parts)})", t.VARBINARY
            )
        return self.call("concat", parts)


def _row_parts(node: exp.Expr) -> list[exp.Expr] | None:
    if isinstance(node, exp.Tuple):
        return list(node.expressions)
    if isinstance(node, exp.Anonymous) and node.name.lower() == "row":
        return list(node.expressions)
    return None


def _flat(node: exp.Expr, kind: type[exp.Expr]) -> list[exp.Expr]:
    """The operands of a chain of one operator, without depth in the call stack."""
    operands: list[exp.Expr] = []
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if isinstance(current, kind):
            waiting += [current.args["expression"], current.this]
        else:
            operands.append(current)
    return operands
