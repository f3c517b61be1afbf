"""Whole queries: SELECT, set operations, VALUES, WITH, ordering and limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlglot import exp

from mall_platform.local_aws.athena import dialect_casts as casts
from mall_platform.local_aws.athena import types as t
from mall_platform.local_aws.athena.dialect_calls import direction
from mall_platform.local_aws.athena.dialect_grouping import Grouping, Groups
from mall_platform.local_aws.athena.dialect_operators import Query
from mall_platform.local_aws.athena.dialect_relations import fields_of, unique
from mall_platform.local_aws.athena.dialect_values import (
    Item,
    Output,
    Scope,
    Typed,
    mismatch,
    only,
    quoted,
    unsupported,
)
from mall_platform.local_aws.athena.errors import QuerySyntaxError
from mall_platform.local_aws.athena.types import Type

_SELECT_CLAUSES = (
    "with_", "expressions", "from_", "joins", "where", "group", "having", "windows", "distinct",
    "order", "limit", "offset",
)  # fmt: skip
_SET_WORDS: dict[type[exp.Expr], str] = {
    exp.Union: "UNION",
    exp.Intersect: "INTERSECT",
    exp.Except: "EXCEPT",
}


class Translator(Groups):
    """Translates queries over tables whose columns are known."""

    def query(self, node: exp.Expr, parent: Scope | None) -> Query:
        if isinstance(node, exp.Subquery):
            return self.parenthesised(node, parent)
        prefix = self._with(node.args.get("with_"), parent)
        if isinstance(node, exp.Select):
            body = self._select(node, parent)
        elif type(node) in _SET_WORDS:
            body = self._set_operation(node, parent)
        elif isinstance(node, exp.Values):
            body = self._values_query(node, parent)
        elif isinstance(node, exp.Table):
            body = self._select(exp.select("*").from_(node.copy()), parent)
        else:
            raise unsupported(node)
        if prefix is None:
            return body
        self.common_tables.pop()
        return replace(body, sql=f"{prefix} {body.sql}")

    def parenthesised(self, node: exp.Subquery, parent: Scope | None) -> Query:
        only(node, "this", "order", "limit", "offset", "with_")
        prefix = self._with(node.args.get("with_"), parent)
        inner = self.query(node.this, parent)
        body = inner
        if any(node.args.get(key) for key in ("order", "limit", "offset")):
            body = self._ordered_wrapper(node, inner, parent)
        if prefix is None:
            return body
        self.common_tables.pop()
        return replace(body, sql=f"{prefix} {body.sql}")

    # --- common table expressions --------------------------------------------------------------

    def _with(self, node: exp.Expr | None, parent: Scope | None) -> str | None:
        if node is None:
            return None
        only(node, "expressions")
        known: dict[str, Sequence[Output]] = {}
        self.common_tables.append(known)
        parts = []
        for item in node.expressions:
            only(item, "this", "alias")
            name = item.args["alias"].this.name.lower()
            if name in known:
                raise QuerySyntaxError(f"WITH query name '{name}' specified more than once")
            query = self.query(item.this, parent)
            outputs = self.renamed(query.outputs, item.args["alias"])
            inner = ", ".join(quoted(output.inner) for output in outputs)
            parts.append(f"{quoted(name)}({inner}) AS ({query.sql})")
            known[name] = outputs
        return f"WITH {', '.join(parts)}"

    # --- SELECT --------------------------------------------------------------------------------

    def _select(self, node: exp.Select, parent: Scope | None) -> Query:
        only(node, *_SELECT_CLAUSES)
        source, fields = self.source(node, parent)
        scope = Scope(fields=fields, parent=parent, windows=_named_windows(node))
        items = list(self._items(node, scope))
        grouping = self.grouping(node, items, scope)
        clauses = [
            source,
            self._where(node, scope),
            grouping.sql if grouping else "",
            self._having(node, scope),
        ]
        if grouping or self.aggregates(node):
            self.check_grouped(node, grouping, scope)
        distinct = self._distinct(node, [value for _, value, _ in items])
        outputs = [
            Output(name, inner, value.type)
            for (name, value, _), inner in zip(
                items, unique([name or "" for name, _, _ in items]), strict=True
            )
        ]
        listed = ", ".join(
            f"{value.sql} AS {quoted(output.inner)}"
            for (_, value, _), output in zip(items, outputs, strict=True)
        )
        order = self._order(node, items, scope, grouping)
        clauses += [order, self._limit(node)]
        return Query(" ".join(filter(None, [f"SELECT {distinct}{listed}", *clauses])), outputs)

    def _items(self, node: exp.Select, scope: Scope) -> Iterator[Item]:
        """The select list as (name, value, node), `*` expanded."""
        for item in node.expressions:
            if isinstance(item, exp.Star):
                only(item)
                yield from self._starred(None, scope)
            elif isinstance(item, exp.Column) and isinstance(item.this, exp.Star):
                only(item.this)
                yield from self._starred(item.table, scope)
            elif isinstance(item, exp.Alias):
                yield item.alias, self.expression(item.this, scope), item.this
            else:
                name = item.name if isinstance(item, exp.Column | exp.Dot) else None
                if isinstance(item, exp.Dot):
                    name = item.expression.name
                yield name, self.expression(item, scope), item

    def _starred(self, table: str | None, scope: Scope) -> Iterator[Item]:
        found = [
            field
            for field in scope.fields
            if table is None or (field.qualifier or "").lower() == table.lower()
        ]
        if not found:
            raise QuerySyntaxError(
                f"Table '{table}' not found" if table else "SELECT * not allowed without FROM"
            )
        for field in found:
            yield field.name, Typed(field.sql, field.type), None

    def _where(self, node: exp.Expr, scope: Scope) -> str:
        where = node.args.get("where")
        if where is None:
            return ""
        self.refuse_aggregates(where.this, "WHERE clause")
        return f"WHERE {self.boolean(where.this, scope, 'WHERE clause').sql}"

    def _having(self, node: exp.Expr, scope: Scope) -> str:
        having = node.args.get("having")
        if having is None:
            return ""
        return f"HAVING {self.boolean(having.this, scope, 'HAVING clause').sql}"

    def _distinct(self, node: exp.Expr, values: Sequence[Typed]) -> str:
        distinct = node.args.get("distinct")
        if not distinct:
            return ""
        if isinstance(distinct, exp.Distinct):
            only(distinct)
        for value in values:
            self.group_key(value, "SELECT DISTINCT")
        return "DISTINCT "

    # --- ORDER BY, LIMIT -----------------------------------------------------------------------

    def _order(
        self,
        node: exp.Expr,
        items: Sequence[Item],
        scope: Scope,
        grouping: Grouping | None,
    ) -> str:
        order = node.args.get("order")
        if order is None:
            return ""
        only(order, "expressions")
        names = [name.lower() for name, _, _ in items if name]
        aliases = {
            name.lower(): value
            for name, value, _ in items
            if name and names.count(name.lower()) == 1
        }
        inner = replace(scope, aliases=aliases)
        grouped = grouping is not None or (isinstance(node, exp.Select) and self.aggregates(node))
        parts = []
        for item in order.expressions:
            only(item, "this", "desc", "nulls_first")
            target = item.this
            if isinstance(target, exp.Literal) and not target.is_string:
                position = int(target.name)
                if not 1 <= position <= len(items):
                    raise QuerySyntaxError(f"ORDER BY position {position} is not in select list")
                value = items[position - 1][1]
            else:
                value = self.expression(target, inner)
                if grouped:
                    self.check_item(target, grouping.keys if grouping else frozenset(), scope)
            if not value.type.is_orderable:
                raise mismatch(f"Type {value.type} is not orderable")
            parts.append(self._order_item(value, items) + direction(item))
        return f"ORDER BY {', '.join(parts)}"

    def _order_item(self, value: Typed, items: Sequence[Item]) -> str:
        """A select item by its position, which also works under DISTINCT; else its key."""
        if not value.type.is_zoned or value.type.zone is not None:
            for position, (_, item, _) in enumerate(items, start=1):
                if item.sql == value.sql:
                    return str(position)
        return self.sort_key(value)

    def _limit(self, node: exp.Expr) -> str:
        parts = []
        limit, offset = node.args.get("limit"), node.args.get("offset")
        if limit is not None:
            parts.append(self._limit_text(limit))
        if offset is not None:
            only(offset, "expression")
            parts.append(f"OFFSET {_count(offset.expression)}")
        return " ".join(filter(None, parts))

    def _limit_text(self, limit: exp.Expr) -> str:
        if isinstance(limit, exp.Fetch):
            only(limit, "direction", "count", "limit_options")
            options = limit.args.get("limit_options")
            if options is not None:
                only(options, "rows")
            return f"LIMIT {_count(limit.args['count']) if limit.args.get('count') else 1}"
        only(limit, "expression")
        amount = limit.args["expression"]
        if isinstance(amount, exp.Column | exp.Var) and amount.name.upper() == "ALL":
            return ""
        return f"LIMIT {_count(amount)}"

    def _ordered_wrapper(self, node: exp.Expr, query: Query, parent: Scope | None) -> Query:
        """ORDER BY and LIMIT over a finished query, by its output columns only."""
        alias = self.fresh("q")
        fields = fields_of(query.outputs, None, alias)
        items = [(f.name, Typed(f.sql, f.type), None) for f in fields]
        scope = Scope(fields=fields, parent=parent)
        order = self._order(node, items, scope, None)
        names = ", ".join(field.sql for field in fields)
        source = f"({query.sql}) AS {quoted(alias)}"
        sql = f"SELECT {names} FROM {source} {order} {self._limit(node)}"
        return Query(sql.rstrip(), query.outputs)

    # --- set operations and VALUES -------------------------------------------------------------

    def _set_operation(self, node: exp.Expr, parent: Scope | None) -> Query:
        only(node, "with_", "this", "expression", "distinct", "order", "limit", "offset")
        left, right = self.query(node.this, parent), self.query(node.args["expression"], parent)
        word = _SET_WORDS[type(node)]
        if len(left.outputs) != len(right.outputs):
            raise mismatch(f"{word} query has different number of fields")
        outputs = []
        for position, (a, b) in enumerate(zip(left.outputs, right.outputs, strict=True), start=1):
            kind = t.common(a.type, b.type)
            if kind is None:
                raise mismatch(
                    f"column {position} in {word} query has incompatible types: {a.type}, {b.type}"
                )
            if node.args.get("distinct") is not False:
                self.group_key(Typed("", kind), word)
            outputs.append(Output(a.name, a.inner, kind))
        sides = f" {word}{' ALL' if node.args.get('distinct') is False else ''} ".join(
            self._recast(side, outputs) for side in (left, right)
        )
        query = Query(sides, outputs)
        if any(node.args.get(key) for key in ("order", "limit", "offset")):
            return self._ordered_wrapper(node, query, parent)
        return query

    def _recast(self, query: Query, outputs: Sequence[Output]) -> str:
        alias = self.fresh("q")
        listed = ", ".join(
            casts.coerce(Typed(f"{quoted(alias)}.{quoted(a.inner)}", a.type), b.type).sql
            + f" AS {quoted(b.inner)}"
            for a, b in zip(query.outputs, outputs, strict=True)
        )
        return f"(SELECT {listed} FROM ({query.sql}) AS {quoted(alias)})"

    def _values_query(self, node: exp.Expr, parent: Scope | None) -> Query:
        only(node, "expressions", "alias", "order", "limit", "offset", "with_")
        query = self.values(node, parent)
        if any(node.args.get(key) for key in ("order", "limit", "offset")):
            return self._ordered_wrapper(node, query, parent)
        return query

    def values(self, node: exp.Expr, parent: Scope | None) -> Query:
        scope = Scope(parent=parent)
        rows = [
            [
                self.expression(part, scope)
                for part in (item.expressions if isinstance(item, exp.Tuple) else [_inner(item)])
            ]
            for item in node.expressions
        ]
        if len({len(row) for row in rows}) != 1:
            raise QuerySyntaxError("Values rows have mismatched number of columns")
        merged = [self.merged(column, "Values columns") for column in zip(*rows, strict=True)]
        outputs = [
            Output(None, f"_col{position}", kind) for position, (kind, _) in enumerate(merged)
        ]
        lines = ", ".join(
            "("
            + ", ".join(_typed_null(sql, kind) for (kind, _), sql in zip(merged, line, strict=True))
            + ")"
            for line in zip(*(values for _, values in merged), strict=True)
        )
        names = ", ".join(quoted(output.inner) for output in outputs)
        alias = quoted(self.fresh("v"))
        return Query(f"SELECT * FROM (VALUES {lines}) AS {alias}({names})", outputs)


def _named_windows(node: exp.Select) -> dict[str, exp.Expr]:
    return {window.name.lower(): window for window in node.args.get("windows") or []}


def _typed_null(sql: str, kind: Type) -> str:
    return f"CAST(NULL AS {kind.duckdb})" if sql == "NULL" else sql


def _inner(node: exp.Expr) -> exp.Expr:
    return node.this if isinstance(node, exp.Paren) else node


def _count(node: exp.Expr) -> int:
    if not isinstance(node, exp.Literal) or not node.name.isdigit():
        raise unsupported(node)
    return int(node.name)
