"""Whole queries: SELECT, set operations, VALUES, WITH, joins, UNNEST, grouping and ordering."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from sqlglot import exp

from mall_platform.local_aws.athena import dialect_casts as casts
from mall_platform.local_aws.athena import functions
from mall_platform.local_aws.athena import types as t
from mall_platform.local_aws.athena.dialect_calls import direction
from mall_platform.local_aws.athena.dialect_expressions import Expressions, Query
from mall_platform.local_aws.athena.dialect_values import (
    Field,
    Output,
    Scope,
    Typed,
    mismatch,
    only,
    quoted,
    unsupported,
)
from mall_platform.local_aws.athena.errors import NotSupportedError, QuerySyntaxError
from mall_platform.local_aws.athena.types import Type

_SELECT_CLAUSES = (
    "with_", "expressions", "from_", "joins", "where", "group", "having", "windows", "distinct",
    "order", "limit", "offset",
)  # fmt: skip
_SET_WORDS = {exp.Union: "UNION", exp.Intersect: "INTERSECT", exp.Except: "EXCEPT"}
_CALLS = (exp.Anonymous, exp.Filter, exp.WithinGroup, exp.IgnoreNulls, exp.RespectNulls)


class Translator(Expressions):
    """Translates queries over tables whose columns are known.

    `columns` maps a table's name (in DuckDB) to its columns' Athena types.
    """

    def __init__(self, columns: Mapping[str, Mapping[str, str]]) -> None:
        super().__init__()
        self.columns = {name.lower(): found for name, found in columns.items()}
        self.common_tables: list[dict[str, Sequence[Output]]] = []

    def query(self, node: exp.Expression, parent: Scope | None) -> Query:
        if isinstance(node, exp.Subquery):
            return self._parenthesised(node, parent)
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

    def _parenthesised(self, node: exp.Subquery, parent: Scope | None) -> Query:
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

    def _with(self, node: exp.Expression | None, parent: Scope | None) -> str | None:
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
            outputs = self._renamed(query.outputs, item.args["alias"])
            inner = ", ".join(quoted(output.inner) for output in outputs)
            parts.append(f"{quoted(name)}({inner}) AS ({query.sql})")
            known[name] = outputs
        return f"WITH {', '.join(parts)}"

    def _renamed(self, outputs: Sequence[Output], alias: exp.Expression | None) -> list[Output]:
        """Outputs under the column names an alias gives."""
        names = [column.name for column in (alias.args.get("columns") or [])] if alias else []
        if not names:
            return list(outputs)
        if len(names) != len(outputs):
            raise QuerySyntaxError(
                f"Column alias list has {len(names)} entries but relation has {len(outputs)} columns"
            )
        inner = _unique(names)
        return [
            Output(name, into, output.type)
            for name, into, output in zip(names, inner, outputs, strict=True)
        ]

    # --- SELECT --------------------------------------------------------------------------------

    def _select(self, node: exp.Select, parent: Scope | None) -> Query:
        only(node, *_SELECT_CLAUSES)
        source, fields = self._from(node, parent)
        scope = Scope(fields=fields, parent=parent, windows=_named_windows(node))
        items = list(self._items(node, scope))
        grouping = self._grouping(node, items, scope)
        clauses = [
            source,
            self._where(node, scope),
            grouping.sql if grouping else "",
            self._having(node, scope),
        ]
        if grouping or self._aggregates(node):
            self._check_grouped(node, grouping, scope)
        distinct = self._distinct(node, [value for _, value, _ in items])
        outputs = [
            Output(name, inner, value.type)
            for (name, value, _), inner in zip(
                items, _unique([name or "" for name, _, _ in items]), strict=True
            )
        ]
        listed = ", ".join(
            f"{value.sql} AS {quoted(output.inner)}"
            for (_, value, _), output in zip(items, outputs, strict=True)
        )
        order = self._order(node, items, scope, grouping)
        clauses += [order, self._limit(node, scope)]
        return Query(" ".join(filter(None, [f"SELECT {distinct}{listed}", *clauses])), outputs)

    def _items(
        self, node: exp.Select, scope: Scope
    ) -> Iterator[tuple[str | None, Typed, exp.Expression | None]]:
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

    def _starred(
        self, table: str | None, scope: Scope
    ) -> Iterator[tuple[str | None, Typed, exp.Expression | None]]:
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

    def _where(self, node: exp.Expression, scope: Scope) -> str:
        where = node.args.get("where")
        if where is None:
            return ""
        self._refuse_aggregates(where.this, "WHERE clause")
        return f"WHERE {self.boolean(where.this, scope, 'WHERE clause').sql}"

    def _having(self, node: exp.Expression, scope: Scope) -> str:
        having = node.args.get("having")
        if having is None:
            return ""
        return f"HAVING {self.boolean(having.this, scope, 'HAVING clause').sql}"

    def _distinct(self, node: exp.Expression, values: Sequence[Typed]) -> str:
        distinct = node.args.get("distinct")
        if not distinct:
            return ""
        if isinstance(distinct, exp.Distinct):
            only(distinct)
        for value in values:
            self.group_key(value, "SELECT DISTINCT")
        return "DISTINCT "

    # --- grouping ------------------------------------------------------------------------------

    def _grouping(
        self,
        node: exp.Select,
        items: Sequence[tuple[str | None, Typed, exp.Expression | None]],
        scope: Scope,
    ) -> _Grouping | None:
        group = node.args.get("group")
        if group is None:
            return None
        only(group, "expressions", "rollup", "cube", "grouping_sets")
        keys: list[str] = []

        def key(item: exp.Expression) -> str:
            if isinstance(item, exp.Literal) and not item.is_string:
                position = int(item.name)
                if not 1 <= position <= len(items):
                    raise QuerySyntaxError(f"GROUP BY position {position} is not in select list")
                value, source = items[position - 1][1:]
                if source is not None:
                    self._refuse_aggregates(source, "GROUP BY clause")
            else:
                self._refuse_aggregates(item, "GROUP BY clause")
                value = self.expression(item, scope)
            sql = self.group_key(value, "GROUP BY")
            if value.type.contains("map") or value.type.contains("json"):
                raise NotSupportedError(f"GROUP BY over values of type {value.type}")
            keys.append(sql)
            return sql

        def element(item: exp.Expression) -> str:
            if isinstance(item, exp.Tuple):
                return f"({', '.join(key(part) for part in item.expressions)})"
            if isinstance(item, exp.Paren):
                return f"({key(item.this)})"
            return key(item)

        def grouping_set(item: exp.Expression) -> str:
            if isinstance(item, exp.Rollup | exp.Cube):
                word = "ROLLUP" if isinstance(item, exp.Rollup) else "CUBE"
                return f"{word} ({', '.join(element(part) for part in item.expressions)})"
            if isinstance(item, exp.GroupingSets):
                sets = ", ".join(grouping_set(part) for part in item.expressions)
                return f"GROUPING SETS ({sets})"
            return element(item)

        listed = [*group.expressions]
        for name in ("rollup", "cube", "grouping_sets"):
            listed += group.args.get(name) or []
        parts = [grouping_set(item) for item in listed]
        return _Grouping(f"GROUP BY {', '.join(parts)}" if parts else "", frozenset(keys))

    def _aggregates(self, node: exp.Select) -> bool:
        roots = [*node.expressions, node.args.get("having"), node.args.get("order")]
        return bool(node.args.get("having")) or any(
            self._find_aggregate(root) for root in roots if root is not None
        )

    def _find_aggregate(self, node: exp.Expression) -> bool:
        """Whether an aggregate of this query (not of a subquery, not a window) is inside."""
        if isinstance(node, exp.Query):
            return False
        if isinstance(node, exp.Window):
            inner = node.this
            while not isinstance(inner, exp.Anonymous):
                inner = inner.this
            parts = [*inner.expressions, *(node.args.get("partition_by") or [])]
            if node.args.get("order") is not None:
                parts.append(node.args["order"])
            return any(self._find_aggregate(part) for part in parts)
        if isinstance(node, exp.Anonymous) and functions.is_aggregate(node.name):
            return True
        return any(self._find_aggregate(child) for child in node.iter_expressions())

    def _refuse_aggregates(self, node: exp.Expression, where: str) -> None:
        if self._find_aggregate(node) or any(
            not inside_query(window, node) for window in node.find_all(exp.Window)
        ):
            raise QuerySyntaxError(
                f"{where} cannot contain aggregations, window functions or grouping operations",
                "EXPRESSION_NOT_SCALAR",
            )

    def _check_grouped(self, node: exp.Select, grouping: _Grouping | None, scope: Scope) -> None:
        """Every column outside an aggregate must be a grouping key."""
        keys = grouping.keys if grouping else frozenset()
        roots = list(node.expressions)
        if node.args.get("having") is not None:
            roots.append(node.args["having"].this)
        for root in roots:
            self._check_item(root, keys, scope)

    def _check_item(self, node: exp.Expression, keys: frozenset[str], scope: Scope) -> None:
        if self.translated.get(id(node)) in keys:
            return
        if isinstance(node, exp.Star) or (
            isinstance(node, exp.Column) and isinstance(node.this, exp.Star)
        ):
            for field in scope.fields:
                if field.sql not in keys:
                    raise _not_grouped(field.name or "*")
            return
        if isinstance(node, _CALLS):
            inner: exp.Expression = node
            while not isinstance(inner, exp.Anonymous):
                inner = inner.this
            if functions.is_aggregate(inner.name):
                return
        field = self.resolved.get(id(node))
        if field is not None:
            if any(field is candidate for candidate in scope.fields):
                raise _not_grouped(node.sql(dialect="trino"))
            return
        if isinstance(node, exp.Window):
            inner = node.this
            while not isinstance(inner, exp.Anonymous):
                inner = inner.this
            for part in [*inner.expressions, *(node.args.get("partition_by") or [])]:
                self._check_item(part, keys, scope)
            for item in node.args["order"].expressions if node.args.get("order") else []:
                self._check_item(item.this, keys, scope)
            return
        for child in node.iter_expressions():
            self._check_item(child, keys, scope)

    # --- ORDER BY, LIMIT -----------------------------------------------------------------------

    def _order(
        self,
        node: exp.Expression,
        items: Sequence[tuple[str | None, Typed, exp.Expression | None]],
        scope: Scope,
        grouping: _Grouping | None,
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
        grouped = grouping is not None or (isinstance(node, exp.Select) and self._aggregates(node))
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
                    self._check_item(target, grouping.keys if grouping else frozenset(), scope)
            if not value.type.is_orderable:
                raise mismatch(f"Type {value.type} is not orderable")
            parts.append(self._order_item(value, items) + direction(item))
        return f"ORDER BY {', '.join(parts)}"

    def _order_item(
        self, value: Typed, items: Sequence[tuple[str | None, Typed, exp.Expression | None]]
    ) -> str:
        """A select item by its position, which also works under DISTINCT; else its key."""
        if not value.type.is_zoned or value.type.zone is not None:
            for position, (_, item, _) in enumerate(items, start=1):
                if item.sql == value.sql:
                    return str(position)
        return self.sort_key(value)

    def _limit(self, node: exp.Expression, scope: Scope | None) -> str:
        parts = []
        limit, offset = node.args.get("limit"), node.args.get("offset")
        if limit is not None:
            parts.append(self._limit_text(limit))
        if offset is not None:
            only(offset, "expression")
            parts.append(f"OFFSET {_count(offset.expression)}")
        return " ".join(filter(None, parts))

    def _limit_text(self, limit: exp.Expression) -> str:
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

    def _ordered_wrapper(self, node: exp.Expression, query: Query, parent: Scope | None) -> Query:
        """ORDER BY and LIMIT over a finished query, by its output columns only."""
        alias = self.fresh("q")
        fields = _fields_of(query.outputs, None, alias)
        items = [(f.name, Typed(f.sql, f.type), None) for f in fields]
        scope = Scope(fields=fields, parent=parent)
        order = self._order(node, items, scope, None)
        names = ", ".join(field.sql for field in fields)
        sql = f"SELECT {names} FROM ({query.sql}) AS {quoted(alias)} {order} {self._limit(node, scope)}"
        return Query(sql.rstrip(), query.outputs)

    # --- set operations and VALUES -------------------------------------------------------------

    def _set_operation(self, node: exp.Expression, parent: Scope | None) -> Query:
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

    def _values_query(self, node: exp.Expression, parent: Scope | None) -> Query:
        only(node, "expressions", "alias", "order", "limit", "offset", "with_")
        query = self._values(node, parent)
        if any(node.args.get(key) for key in ("order", "limit", "offset")):
            return self._ordered_wrapper(node, query, parent)
        return query

    def _values(self, node: exp.Expression, parent: Scope | None) -> Query:
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

    # --- FROM ----------------------------------------------------------------------------------

    def _from(self, node: exp.Select, parent: Scope | None) -> tuple[str, list[Field]]:
        source = node.args.get("from_")
        if source is None:
            return "", []
        only(source, "this")
        sql, fields = self._relation(source.this, [], parent)
        sql, fields = self._joins(sql, fields, node.args.get("joins") or [], parent)
        return f"FROM {sql}", fields

    def _joins(
        self, sql: str, fields: list[Field], joins: Sequence[exp.Expression], parent: Scope | None
    ) -> tuple[str, list[Field]]:
        for join in joins:
            only(join, "this", "side", "kind", "on", "using")
            sql, fields = self._join(sql, fields, join, parent)
        return sql, fields

    def _join(
        self, sql: str, fields: list[Field], join: exp.Expression, parent: Scope | None
    ) -> tuple[str, list[Field]]:
        side, kind = (str(join.args.get(key) or "").upper() for key in ("side", "kind"))
        if kind not in ("", "INNER", "OUTER", "CROSS") or side not in ("", "LEFT", "RIGHT", "FULL"):
            raise unsupported(join)
        right, added = self._relation(join.this, fields, parent)
        merged = [*fields, *added]
        on, using = join.args.get("on"), join.args.get("using")
        if isinstance(join.this, exp.Unnest) and side:
            if side != "LEFT" or not (isinstance(on, exp.Boolean) and on.this):
                raise NotSupportedError("a JOIN with UNNEST must be CROSS, or LEFT with ON TRUE")
            return f"{sql} LEFT JOIN {right} ON TRUE", merged
        if using:
            return self._using(f"{sql} {side} JOIN {right}", fields, added, using, side)
        if on is None:
            if side or kind == "INNER":
                raise QuerySyntaxError("JOIN without ON or USING")
            return f"{sql} CROSS JOIN {right}", merged
        self._refuse_aggregates(on, "JOIN clause")
        test = self.boolean(on, Scope(fields=merged, parent=parent), "JOIN ON clause")
        return f"{sql} {side or 'INNER'} JOIN {right} ON {test.sql}", merged

    def _using(
        self,
        sql: str,
        left: Sequence[Field],
        right: Sequence[Field],
        using: Sequence[exp.Expression],
        side: str,
    ) -> tuple[str, list[Field]]:
        tests, keys, used = [], [], []
        for item in using:
            a, _, _ = Scope(fields=left).column([item.name])
            b, _, _ = Scope(fields=right).column([item.name])
            one, two = Typed(a.sql, a.type), Typed(b.sql, b.type)
            tests.append(self.compare("=", one, two))
            kind, values = self.merged([one, two], "JOIN USING columns")
            chosen = {"": values[0], "LEFT": values[0], "RIGHT": values[1]}.get(
                side, f"coalesce({values[0]}, {values[1]})"
            )
            keys.append(Field(None, item.name, kind, chosen))
            used += [a, b]
        rest = [f for f in (*left, *right) if not any(f is taken for taken in used)]
        return f"{sql} ON {' AND '.join(tests)}", [*keys, *rest]

    def _relation(
        self, node: exp.Expression, before: Sequence[Field], parent: Scope | None
    ) -> tuple[str, list[Field]]:
        if isinstance(node, exp.Table):
            return self._table(node, parent)
        if isinstance(node, exp.Unnest):
            return self._unnest(node, Scope(fields=before, parent=parent))
        if isinstance(node, exp.Values):
            only(node, "expressions", "alias")
            return self._derived(self._values(node, parent), node.args.get("alias"))
        if isinstance(node, exp.Subquery):
            return self._subquery(node, parent)
        if isinstance(node, exp.Lateral):
            return self._lateral(node, before, parent)
        raise unsupported(node)

    def _lateral(
        self, node: exp.Lateral, before: Sequence[Field], parent: Scope | None
    ) -> tuple[str, list[Field]]:
        only(node, "this", "alias")
        if not isinstance(node.this, exp.Subquery):
            raise unsupported(node)
        query = self.query(node.this, Scope(fields=before, parent=parent))
        sql, fields = self._derived(query, node.args.get("alias"))
        return f"LATERAL {sql}", fields

    def _subquery(self, node: exp.Subquery, parent: Scope | None) -> tuple[str, list[Field]]:
        only(node, "this", "alias", "joins", "order", "limit", "offset", "with_")
        if isinstance(node.this, exp.Table | exp.Values | exp.Unnest) and not node.args.get(
            "order"
        ):
            if node.args.get("alias") is not None or isinstance(node.this, exp.Values):
                query = self.query(node.this, parent)
                return self._derived(query, node.args.get("alias"))
            sql, fields = self._relation(node.this, [], parent)
            joins = [*(node.this.args.get("joins") or []), *(node.args.get("joins") or [])]
            sql, fields = self._joins(sql, fields, joins, parent)
            return f"({sql})", fields
        bare = node.copy() if node.args.get("joins") else node
        if bare is not node:
            raise unsupported(node)
        alias = node.args.get("alias")
        plain = exp.Subquery(**{k: v for k, v in node.args.items() if k != "alias"})
        return self._derived(self._parenthesised(plain, parent), alias)

    def _derived(self, query: Query, alias: exp.Expression | None) -> tuple[str, list[Field]]:
        name = alias.this.name if alias is not None and alias.this is not None else None
        inner = name or self.fresh("q")
        outputs = self._renamed(query.outputs, alias)
        columns = ", ".join(quoted(output.inner) for output in outputs)
        return f"({query.sql}) AS {quoted(inner)}({columns})", _fields_of(outputs, name, inner)

    def _table(self, node: exp.Table, parent: Scope | None) -> tuple[str, list[Field]]:
        only(node, "this", "db", "catalog", "alias", "joins")
        if not isinstance(node.this, exp.Identifier):
            raise unsupported(node)
        alias = node.args.get("alias")
        name = alias.this.name if alias is not None and alias.this is not None else node.name
        outputs, sql = self._stored(node)
        outputs = self._renamed(outputs, alias)
        columns = ""
        if alias is not None and alias.args.get("columns"):
            columns = f"({', '.join(quoted(output.inner) for output in outputs)})"
        fields = _fields_of(outputs, name, name)
        sql = f"{sql} AS {quoted(name)}{columns}"
        if node.args.get("joins"):
            sql, fields = self._joins(sql, fields, node.args["joins"], parent)
            sql = f"({sql})"
        return sql, fields

    def _stored(self, node: exp.Table) -> tuple[list[Output], str]:
        """The columns of a common table expression or of a table, and its name in DuckDB."""
        name = node.name.lower()
        if not node.args.get("db"):
            for known in reversed(self.common_tables):
                if name in known:
                    return list(known[name]), quoted(name)
        parts = [part.name for part in node.parts]
        columns = self.columns.get(".".join(parts).lower(), self.columns.get(name))
        if columns is None:
            raise QuerySyntaxError(f"Table '{'.'.join(parts)}' does not exist", "TABLE_NOT_FOUND")
        outputs = [Output(key.lower(), key, _column_type(kind)) for key, kind in columns.items()]
        return outputs, ".".join(map(quoted, parts))

    def _unnest(self, node: exp.Unnest, scope: Scope) -> tuple[str, list[Field]]:
        only(node, "expressions", "alias", "offset")
        alias = node.args.get("alias")
        name = alias.this.name if alias is not None and alias.this is not None else None
        inner = name or self.fresh("u")
        selected: list[tuple[str, Type]] = []
        lengths = []
        for item in node.expressions:
            value = self.expression(item, scope)
            selected += self._unnested(value)
            lengths.append(
                f"coalesce(cardinality({value.sql}), 0)"
                if value.type.name == "map"
                else f"coalesce(len({value.sql}), 0)"
            )
        if node.args.get("offset"):
            longest = f"greatest({', '.join(lengths)})" if len(lengths) > 1 else lengths[0]
            selected.append((f"unnest(range(1, CAST({longest} AS BIGINT) + 1))", t.BIGINT))
        outputs = [Output(None, f"_c{i}", kind) for i, (_, kind) in enumerate(selected)]
        listed = ", ".join(
            f"{sql} AS {quoted(output.inner)}"
            for (sql, _), output in zip(selected, outputs, strict=True)
        )
        outputs = self._unnest_names(outputs, alias, node.args.get("offset"))
        columns = ", ".join(quoted(output.inner) for output in outputs)
        return f"LATERAL (SELECT {listed}) AS {quoted(inner)}({columns})", _fields_of(
            outputs, name, inner
        )

    def _unnested(self, value: Typed) -> list[tuple[str, Type]]:
        """The columns one argument of UNNEST becomes."""
        kind = value.type
        if kind.name == "map":
            return [
                (f"unnest(map_keys({value.sql}))", kind.args[0]),
                (f"unnest(map_values({value.sql}))", kind.args[1]),
            ]
        if kind.name != "array":
            raise mismatch(f"Cannot unnest type: {kind}")
        element = kind.args[0]
        if element.name != "row":
            return [(f"unnest({value.sql})", element)]
        return [
            (f"unnest(list_transform({value.sql}, lambda x: (x).{quoted(inner)}))", part)
            for inner, part in element.fields()
        ]

    def _unnest_names(
        self,
        outputs: Sequence[Output],
        alias: exp.Expression | None,
        offset: exp.Expression | bool | None,
    ) -> list[Output]:
        """The parser moves the ordinality's name out of the column list; put it back."""
        names = [column.name for column in (alias.args.get("columns") or [])] if alias else []
        if names and isinstance(offset, exp.Expression):
            names.append(offset.name)
        if not names:
            return list(outputs)
        if len(names) != len(outputs):
            raise QuerySyntaxError(
                f"Column alias list has {len(names)} entries but relation has {len(outputs)} columns"
            )
        return [
            Output(name, into, output.type)
            for name, into, output in zip(names, _unique(names), outputs, strict=True)
        ]


class _Grouping:
    """A rendered GROUP BY and the keys in it."""

    def __init__(self, sql: str, keys: frozenset[str]) -> None:
        self.sql = sql
        self.keys = keys


def inside_query(node: exp.Expression, root: exp.Expression) -> bool:
    """Whether a subquery stands between a node and the root above it."""
    current = node.parent
    while current is not None and current is not root:
        if isinstance(current, exp.Query):
            return True
        current = current.parent
    return isinstance(root, exp.Query)


def _not_grouped(name: str) -> QuerySyntaxError:
    return QuerySyntaxError(
        f"'{name}' must be an aggregate expression or appear in GROUP BY clause",
        "EXPRESSION_NOT_AGGREGATE",
    )


def _named_windows(node: exp.Select) -> dict[str, exp.Expression]:
    return {window.name.lower(): window for window in node.args.get("windows") or []}


def _fields_of(outputs: Sequence[Output], qualifier: str | None, inner: str) -> list[Field]:
    return [
        Field(qualifier, output.name, output.type, f"{quoted(inner)}.{quoted(output.inner)}")
        for output in outputs
    ]


def _column_type(kind: str) -> Type:
    """The type of a table's column; one the local Athena can't hold fails where it is used."""
    return t.parse(kind)


def _typed_null(sql: str, kind: Type) -> str:
    return f"CAST(NULL AS {kind.duckdb})" if sql == "NULL" else sql


def _inner(node: exp.Expression) -> exp.Expression:
    return node.this if isinstance(node, exp.Paren) else node


def _count(node: exp.Expression) -> int:
    if not isinstance(node, exp.Literal) or not node.name.isdigit():
        raise unsupported(node)
    return int(node.name)


def _unique(names: Sequence[str]) -> list[str]:
    """Names for DuckDB: `_colN` for the unnamed, a suffix for those that appear twice."""
    taken: set[str] = set()
    result = []
    for position, name in enumerate(names):
        chosen = name or f"_col{position}"
        while chosen.lower() in taken:
            chosen += "_"
        taken.add(chosen.lower())
        result.append(chosen)
    return result
