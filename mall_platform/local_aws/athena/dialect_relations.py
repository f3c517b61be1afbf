"""What a query reads FROM: tables, subqueries, joins and UNNEST."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

from sqlglot import exp

from mall_platform.local_aws.athena import types as t
from mall_platform.local_aws.athena.dialect_expressions import Expressions
from mall_platform.local_aws.athena.dialect_operators import Query
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


class Relations(Expressions):
    """Translates relations; `columns` maps a table's name in DuckDB to its columns' types."""

    def __init__(self, columns: Mapping[str, Mapping[str, str]]) -> None:
        super().__init__()
        self.columns = {name.lower(): found for name, found in columns.items()}
        self.common_tables: list[dict[str, Sequence[Output]]] = []

    @abstractmethod
    def values(self, node: exp.Expr, parent: Scope | None) -> Query:
        """Translate VALUES."""

    @abstractmethod
    def parenthesised(self, node: exp.Subquery, parent: Scope | None) -> Query:
        """Translate a query in parentheses with its ORDER BY and LIMIT."""

    @abstractmethod
    def refuse_aggregates(self, node: exp.Expr, where: str) -> None:
        """Raise where an aggregate stands in a place without groups."""

    def renamed(self, outputs: Sequence[Output], alias: exp.Expr | None) -> list[Output]:
        """Outputs under the column names an alias gives."""
        names = [column.name for column in (alias.args.get("columns") or [])] if alias else []
        if not names:
            return list(outputs)
        if len(names) != len(outputs):
            raise _alias_count(len(names), len(outputs))
        inner = unique(names)
        return [
            Output(name, into, output.type)
            for name, into, output in zip(names, inner, outputs, strict=True)
        ]

    def source(self, node: exp.Select, parent: Scope | None) -> tuple[str, list[Field]]:
        source = node.args.get("from_")
        if source is None:
            return "", []
        only(source, "this")
        sql, fields = self._relation(source.this, [], parent)
        sql, fields = self._joins(sql, fields, node.args.get("joins") or [], parent)
        return f"FROM {sql}", fields

    def _joins(
        self, sql: str, fields: list[Field], joins: Sequence[exp.Expr], parent: Scope | None
    ) -> tuple[str, list[Field]]:
        for join in joins:
            only(join, "this", "side", "kind", "on", "using")
            sql, fields = self._join(sql, fields, join, parent)
        return sql, fields

    def _join(
        self, sql: str, fields: list[Field], join: exp.Expr, parent: Scope | None
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
        self.refuse_aggregates(on, "JOIN clause")
        test = self.boolean(on, Scope(fields=merged, parent=parent), "JOIN ON clause")
        return f"{sql} {side or 'INNER'} JOIN {right} ON {test.sql}", merged

    def _using(
        self,
        sql: str,
        left: Sequence[Field],
        right: Sequence[Field],
        using: Sequence[exp.Expr],
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
        self, node: exp.Expr, before: Sequence[Field], parent: Scope | None
    ) -> tuple[str, list[Field]]:
        if isinstance(node, exp.Table):
            return self._table(node, parent)
        if isinstance(node, exp.Unnest):
            return self._unnest(node, Scope(fields=before, parent=parent))
        if isinstance(node, exp.Values):
            only(node, "expressions", "alias")
            return self._derived(self.values(node, parent), node.args.get("alias"))
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
        return self._derived(self.parenthesised(plain, parent), alias)

    def _derived(self, query: Query, alias: exp.Expr | None) -> tuple[str, list[Field]]:
        name = alias.this.name if alias is not None and alias.this is not None else None
        inner = name or self.fresh("q")
        outputs = self.renamed(query.outputs, alias)
        columns = ", ".join(quoted(output.inner) for output in outputs)
        return f"({query.sql}) AS {quoted(inner)}({columns})", fields_of(outputs, name, inner)

    def _table(self, node: exp.Table, parent: Scope | None) -> tuple[str, list[Field]]:
        only(node, "this", "db", "catalog", "alias", "joins")
        if not isinstance(node.this, exp.Identifier):
            raise unsupported(node)
        alias = node.args.get("alias")
        name = alias.this.name if alias is not None and alias.this is not None else node.name
        outputs, sql = self._stored(node)
        outputs = self.renamed(outputs, alias)
        columns = ""
        if alias is not None and alias.args.get("columns"):
            columns = f"({', '.join(quoted(output.inner) for output in outputs)})"
        fields = fields_of(outputs, name, name)
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
        return f"LATERAL (SELECT {listed}) AS {quoted(inner)}({columns})", fields_of(
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
        alias: exp.Expr | None,
        offset: exp.Expr | bool | None,
    ) -> list[Output]:
        """The parser moves the ordinality's name out of the column list; put it back."""
        names = [column.name for column in (alias.args.get("columns") or [])] if alias else []
        if names and isinstance(offset, exp.Expr):
            names.append(offset.name)
        if not names:
            return list(outputs)
        if len(names) != len(outputs):
            raise _alias_count(len(names), len(outputs))
        return [
            Output(name, into, output.type)
            for name, into, output in zip(names, unique(names), outputs, strict=True)
        ]


def _alias_count(names: int, columns: int) -> QuerySyntaxError:
    return QuerySyntaxError(
        f"Column alias list has {names} entries but relation has {columns} columns"
    )


def fields_of(outputs: Sequence[Output], qualifier: str | None, inner: str) -> list[Field]:
    return [
        Field(qualifier, output.name, output.type, f"{quoted(inner)}.{quoted(output.inner)}")
        for output in outputs
    ]


def _column_type(kind: str) -> Type:
    """The type of a table's column; one the local Athena can't hold fails where it is used."""
    return t.parse(kind)


def unique(names: Sequence[str]) -> list[str]:
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
