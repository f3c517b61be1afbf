"""Function calls: overload choice, lambdas, aggregates with their clauses, and windows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from mall_platform.local_aws.athena import dialect_casts as casts
from mall_platform.local_aws.athena import functions
from mall_platform.local_aws.athena import types as t
from mall_platform.local_aws.athena.dialect_values import (
    Field,
    Scope,
    Typed,
    mismatch,
    only,
    quoted,
    unsupported,
)
from mall_platform.local_aws.athena.errors import NotSupportedError, QuerySyntaxError
from mall_platform.local_aws.athena.functions_registry import (
    LAMBDAS,
    Bindings,
    Function,
    Overload,
    bind,
    resolve,
    template_values,
)
from mall_platform.local_aws.athena.types import Type

_LAMBDA_ROUNDS = 3
_FRAME_WORDS = {"UNBOUNDED", "CURRENT ROW"}


@dataclass(frozen=True)
class _Invocation:
    """A call with the clauses around it."""

    function: Function
    nodes: Sequence[exp.Expr]
    distinct: bool = False
    order: exp.Order | None = None
    condition: exp.Expr | None = None
    window: exp.Window | None = None
    ignore_nulls: bool = False


class Calls(ABC):
    """The part of a translator that knows how functions are called."""

    @abstractmethod
    def expression(self, node: exp.Expr, scope: Scope) -> Typed: ...

    @abstractmethod
    def boolean(self, node: exp.Expr, scope: Scope, what: str) -> Typed: ...

    @abstractmethod
    def merged(self, values: Sequence[Typed], what: str) -> tuple[Type, list[str]]: ...

    @abstractmethod
    def compare(self, operator: str, left: Typed, right: Typed) -> str: ...

    @abstractmethod
    def sort_key(self, value: Typed) -> str: ...

    @abstractmethod
    def group_key(self, value: Typed, what: str) -> str: ...

    @abstractmethod
    def fresh(self, prefix: str) -> str: ...

    def call(self, name: str, args: Sequence[Typed]) -> Typed:
        """A scalar function applied to arguments that are already translated."""
        function = functions.find(name)
        overload, typed, bound = _choose(function, args)
        return _rendered(overload, typed, bound, {})

    def function_call(self, node: exp.Expr, scope: Scope) -> Typed:
        """A call as written, with everything around it."""
        call = _unwrap(node)
        if call.function.name == "normalize":
            call = _with_form_name(call)
        if call.function.kind == "form":
            return self._form(call, node, scope)
        if call.function.kind == "scalar":
            if call.distinct or call.order or call.condition or call.window or call.ignore_nulls:
                raise QuerySyntaxError(f"'{call.function.name}' is not an aggregate function")
            return self._scalar(call, scope)
        return self._aggregate(call, scope)

    # --- special forms -------------------------------------------------------------------------

    def _form(self, call: _Invocation, node: exp.Expr, scope: Scope) -> Typed:
        if not isinstance(node, exp.Anonymous):
            raise unsupported(node)
        name = call.function.name
        if name == "grouping":
            keys = ", ".join(self.expression(item, scope).sql for item in call.nodes)
            return Typed(f"CAST(grouping({keys}) AS BIGINT)", t.BIGINT)
        args = [self.expression(item, scope) for item in call.nodes]
        match name:
            case "coalesce" if len(args) > 1:
                kind, values = self.merged(args, "COALESCE operands")
                return Typed(f"coalesce({', '.join(values)})", kind)
            case "nullif" if len(args) == 2:
                same = self.compare("=", args[0], args[1])
                return Typed(f"(CASE WHEN {same} THEN NULL ELSE {args[0].sql} END)", args[0].type)
            case "try" if len(args) == 1:
                return Typed(f"TRY({args[0].sql})", args[0].type)
            case "row" if args:
                return self.row_of(args)
            case "typeof" if len(args) == 1:
                name = f"'{args[0].type}'"
                return Typed(
                    f"(CASE WHEN ({args[0].sql}) IS NULL THEN {name} ELSE {name} END)", t.VARCHAR
                )
        raise QuerySyntaxError(f"Unexpected parameters for function {name}", "FUNCTION_NOT_FOUND")

    def row_of(self, args: Sequence[Typed]) -> Typed:
        """`ROW(…)`: fields without names."""
        kind = t.row([(None, arg.type) for arg in args])
        fields = ", ".join(
            f"{quoted(key)} := {arg.sql}" for (key, _), arg in zip(kind.fields(), args, strict=True)
        )
        return Typed(f"struct_pack({fields})", kind)

    # --- scalars and lambdas -------------------------------------------------------------------

    def _scalar(self, call: _Invocation, scope: Scope) -> Typed:
        if not any(isinstance(item, exp.Lambda) for item in call.nodes):
            return self.call(call.function.name, [self.expression(n, scope) for n in call.nodes])
        values = [
            None if isinstance(item, exp.Lambda) else self.expression(item, scope)
            for item in call.nodes
        ]
        for overload in call.function.overloads:
            if not overload.takes(len(values)):
                continue
            found = self._with_lambdas(overload, call.nodes, values, scope)
            if found:
                return found
        raise _no_overload(call.function, [value.type for value in values if value])

    def _with_lambdas(
        self,
        overload: Overload,
        nodes: Sequence[exp.Expr],
        values: Sequence[Typed | None],
        scope: Scope,
    ) -> Typed | None:
        bound: Bindings = {}
        for position, value in enumerate(values):
            pattern = overload.parameter(position)
            if (value is None) != (pattern.name in LAMBDAS):
                return None
            if value is not None and not bind(pattern, value.type, bound, exact=False):
                return None
        for _ in range(_LAMBDA_ROUNDS):
            before = dict(bound)
            args = []
            for position, (node, value) in enumerate(zip(nodes, values, strict=True)):
                pattern = overload.parameter(position)
                if isinstance(node, exp.Lambda):
                    args.append(self._lambda(node, pattern, bound, scope))
                elif value is not None:
                    args.append(casts.coerce(value, resolve(pattern, bound, value.type)))
            if bound == before:
                break
        return _rendered(overload, args, bound, {})

    def _lambda(self, node: exp.Lambda, pattern: Type, bound: Bindings, scope: Scope) -> Typed:
        *inputs, output = pattern.args
        if len(node.expressions) != len(inputs):
            raise QuerySyntaxError(f"Expected a lambda that takes {len(inputs)} argument(s)")
        names = [self.fresh("l") for _ in inputs]
        reached = [quoted(name) for name in names]
        if pattern.name == "paired":
            reached = [f"({quoted(names[0])}).{part}" for part in "ab"]
            names = names[:1]
        fields = [
            Field(None, parameter.name, resolve(kind, bound), sql)
            for parameter, kind, sql in zip(node.expressions, inputs, reached, strict=True)
        ]
        body = self.expression(node.this, Scope(fields=fields, parent=scope))
        if not bind(output, body.type, bound, exact=False):
            raise mismatch(f"Lambda returns {body.type} where {resolve(output, bound)} is expected")
        body = casts.coerce(body, resolve(output, bound, body.type), "lambda result")
        return Typed(f"lambda {', '.join(map(quoted, names))}: {body.sql}", body.type)

    # --- aggregates and windows ----------------------------------------------------------------

    def _aggregate(self, call: _Invocation, scope: Scope) -> Typed:
        name = call.function.name
        if call.function.kind == "window" and call.window is None:
            raise QuerySyntaxError(f"Window function {name} requires an OVER clause")
        nodes = [item for item in call.nodes if not isinstance(item, exp.Star)]
        args = [self.expression(item, scope) for item in nodes]
        if name != "count" or call.distinct:
            for arg in args:
                self.group_key(arg, name)
        overload, typed, bound = _choose(call.function, args)
        if name == "listagg" and call.order is None:
            raise QuerySyntaxError("listagg requires WITHIN GROUP (ORDER BY …)")
        clauses = {"d": "DISTINCT " if call.distinct else "", "o": "", "tail": ""}
        if call.order is not None:
            clauses["o"] = f" ORDER BY {self.ordering(call.order, scope)}"
        if call.ignore_nulls:
            if "i" not in overload.placeholders():
                raise NotSupportedError(f"{name} with IGNORE NULLS")
            clauses["i"] = " IGNORE NULLS"
        else:
            clauses["i"] = ""
        if call.condition is not None:
            clauses["tail"] += (
                f" FILTER (WHERE {self.boolean(call.condition, scope, 'FILTER').sql})"
            )
        if call.window is not None:
            clauses["tail"] += f" OVER ({self.window_frame(call.window, scope)})"
        if isinstance(overload.render, str):
            for key in ("d", "o"):
                if clauses[key] and key not in overload.placeholders():
                    raise NotSupportedError(f"{name} with DISTINCT or ORDER BY inside")
            if call.window is not None and "tail" not in overload.placeholders():
                raise NotSupportedError(f"{name} as a window function")
        return _rendered(overload, typed, bound, clauses)

    def ordering(self, order: exp.Expr, scope: Scope) -> str:
        """The items of an ORDER BY; NULLs come last unless said otherwise."""
        items = []
        for item in order.expressions:
            only(item, "this", "desc", "nulls_first")
            value = self.expression(item.this, scope)
            if not value.type.is_orderable:
                raise mismatch(f"Type {value.type} is not orderable")
            items.append(f"{self.sort_key(value)}{direction(item)}")
        return ", ".join(items)

    def window_frame(self, node: exp.Expr, scope: Scope) -> str:
        """What stands between the parentheses of OVER."""
        only(node, "this", "partition_by", "order", "spec", "alias", "over")
        if node.args.get("alias") is not None:
            named = scope.windows.get(node.args["alias"].name.lower())
            if named is None or node.args.get("partition_by") or node.args.get("order"):
                raise unsupported(node)
            return self.window_frame(named, scope)
        parts = []
        if node.args.get("partition_by"):
            keys = [
                self.group_key(self.expression(item, scope), "PARTITION BY")
                for item in node.args["partition_by"]
            ]
            parts.append(f"PARTITION BY {', '.join(keys)}")
        order = node.args.get("order")
        if order is not None:
            parts.append(f"ORDER BY {self.ordering(order, scope)}")
        if node.args.get("spec") is not None:
            parts.append(self._frame(node.args["spec"], order, scope))
        return " ".join(parts)

    def _frame(self, spec: exp.Expr, order: exp.Expr | None, scope: Scope) -> str:
        only(spec, "kind", "start", "start_side", "end", "end_side")
        kind = spec.args["kind"].upper()
        start = self._bound(spec.args.get("start"), spec.args.get("start_side"), kind, order, scope)
        end = self._bound(spec.args.get("end"), spec.args.get("end_side"), kind, order, scope)
        return f"{kind} BETWEEN {start} AND {end or 'CURRENT ROW'}"

    def _bound(
        self,
        edge: exp.Expr | str | None,
        side: str | None,
        kind: str,
        order: exp.Expr | None,
        scope: Scope,
    ) -> str:
        if edge is None:
            return ""
        if isinstance(edge, str):
            if edge.upper() not in _FRAME_WORDS:
                raise NotSupportedError(f"window frame bound {edge}")
            return f"{edge} {side or ''}".strip().upper()
        value = self.expression(edge, scope)
        if kind in ("ROWS", "GROUPS"):
            if not value.type.is_integer:
                raise mismatch(f"Window frame {kind} offset must be an integer")
            return (
                f"{value.sql} {side}".upper()
                if value.literal is None
                else f"{value.literal} {side}"
            )
        key = self.expression(order.expressions[0].this, scope).type if order else None
        plain = key is not None and len(order.expressions if order else ()) == 1
        if (
            plain
            and key is not None
            and (key.is_numeric or (key.name == "timestamp" and value.type == t.DAY_TIME))
        ):
            if key.is_numeric:
                value = casts.coerce(value, key, "Window frame offset")
            return f"{value.sql} {side}"
        raise NotSupportedError(f"RANGE with an offset over values of type {key}")


def direction(item: exp.Expr) -> str:
    """` ASC NULLS LAST` and so on; Athena puts NULLs last in both directions."""
    down = "DESC" if item.args.get("desc") else "ASC"
    return f" {down} NULLS {'FIRST' if item.args.get('nulls_first') else 'LAST'}"


def _unwrap(node: exp.Expr) -> _Invocation:
    """The call inside OVER, FILTER, WITHIN GROUP and IGNORE NULLS."""
    if isinstance(node, exp.Window):
        return replace(_unwrap(node.this), window=node)
    if isinstance(node, exp.Filter):
        only(node, "this", "expression")
        return replace(_unwrap(node.this), condition=node.expression.this)
    if isinstance(node, exp.WithinGroup):
        return replace(_unwrap(node.this), order=node.expression)
    if isinstance(node, exp.IgnoreNulls):
        return replace(_unwrap(node.this), ignore_nulls=True)
    if isinstance(node, exp.RespectNulls):
        return _unwrap(node.this)
    if not isinstance(node, exp.Anonymous):
        raise unsupported(node)
    only(node, "this", "expressions")
    function = functions.find(node.name)
    nodes, order, distinct, ignore = list(node.expressions), None, False, False
    if nodes and isinstance(nodes[-1], exp.IgnoreNulls):
        nodes[-1], ignore = nodes[-1].this, True
    if nodes and isinstance(nodes[-1], exp.Order):
        order = nodes[-1]
        nodes[-1] = order.this
    if nodes and isinstance(nodes[0], exp.Distinct):
        only(nodes[0], "expressions")
        distinct = True
        nodes = [*nodes[0].expressions, *nodes[1:]]
        if nodes and isinstance(nodes[-1], exp.Order):
            order = nodes[-1]
            nodes[-1] = order.this
    return _Invocation(function, nodes, distinct, order, ignore_nulls=ignore)


def _with_form_name(call: _Invocation) -> _Invocation:
    """`normalize(x, NFKC)` names its form without quotes."""
    forms = [item.name.upper() for item in call.nodes[1:]]
    if any(form not in ("NFC", "NFD", "NFKC", "NFKD") for form in forms):
        raise QuerySyntaxError(f"Invalid normalization form: {', '.join(forms)}")
    return replace(call, nodes=[call.nodes[0], *map(exp.Literal.string, forms)])


def _choose(function: Function, args: Sequence[Typed]) -> tuple[Overload, list[Typed], Bindings]:
    """The overload that fits, exactly or else by coercion, with coerced arguments."""
    for exact in (True, False):
        for overload in function.overloads:
            if not overload.takes(len(args)):
                continue
            bound: Bindings = {}
            patterns = [overload.parameter(position) for position in range(len(args))]
            if all(
                bind(pattern, arg.type, bound, exact=exact)
                for pattern, arg in zip(patterns, args, strict=True)
            ):
                typed = [
                    casts.coerce(arg, resolve(pattern, bound, arg.type))
                    for pattern, arg in zip(patterns, args, strict=True)
                ]
                return overload, typed, bound
    raise _no_overload(function, [arg.type for arg in args])


def _no_overload(function: Function, kinds: Sequence[Type]) -> Exception:
    given = ", ".join(map(str, kinds))
    known = "; ".join(function.signatures)
    if any(kind.name == "char" for kind in kinds):
        return NotSupportedError(f"{function.name}({given})")
    return QuerySyntaxError(
        f"Unexpected parameters ({given}) for function {function.name}. Expected: {known}",
        "FUNCTION_NOT_FOUND",
    )


def _rendered(
    overload: Overload, args: Sequence[Typed], bound: Bindings, clauses: dict[str, str]
) -> Typed:
    if not isinstance(overload.render, str):
        result = overload.render(args)
        sql = result.sql
        for key in ("d", "o", "tail"):
            sql = sql.replace(f"{{{key}}}", clauses.get(key, ""))
        return replace(result, sql=sql)
    result_type = resolve(overload.result, bound)
    values = template_values(overload, [arg.sql for arg in args], bound, result_type)
    values |= clauses
    sql = overload.render.format(*(arg.sql for arg in args), **values)
    return Typed(sql, result_type)
