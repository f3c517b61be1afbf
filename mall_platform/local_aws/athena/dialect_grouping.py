"""GROUP BY, and which columns may stand beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from mall_platform.local_aws.athena import functions
from mall_platform.local_aws.athena.dialect_relations import Relations
from mall_platform.local_aws.athena.dialect_values import Item, Scope, only
from mall_platform.local_aws.athena.errors import NotSupportedError, QuerySyntaxError

_CALLS = (exp.Anonymous, exp.Filter, exp.WithinGroup, exp.IgnoreNulls, exp.RespectNulls)


@dataclass(frozen=True)
class Grouping:
    """A rendered GROUP BY and the keys in it."""

    sql: str
    keys: frozenset[str]


class Groups(Relations):
    """Translates grouping and checks what stands beside it."""

    def grouping(
        self,
        node: exp.Select,
        items: Sequence[Item],
        scope: Scope,
    ) -> Grouping | None:
        group = node.args.get("group")
        if group is None:
            return None
        only(group, "expressions", "rollup", "cube", "grouping_sets")
        keys: list[str] = []

        def key(item: exp.Expr) -> str:
            if isinstance(item, exp.Literal) and not item.is_string:
                position = int(item.name)
                if not 1 <= position <= len(items):
                    raise QuerySyntaxError(f"GROUP BY position {position} is not in select list")
                value, source = items[position - 1][1:]
                if source is not None:
                    self.refuse_aggregates(source, "GROUP BY clause")
            else:
                self.refuse_aggregates(item, "GROUP BY clause")
                value = self.expression(item, scope)
            sql = self.group_key(value, "GROUP BY")
            if value.type.contains("map") or value.type.contains("json"):
                raise NotSupportedError(f"GROUP BY over values of type {value.type}")
            keys.append(sql)
            return sql

        def element(item: exp.Expr) -> str:
            if isinstance(item, exp.Tuple):
                return f"({', '.join(key(part) for part in item.expressions)})"
            if isinstance(item, exp.Paren):
                return f"({key(item.this)})"
            return key(item)

        def grouping_set(item: exp.Expr) -> str:
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
        return Grouping(f"GROUP BY {', '.join(parts)}" if parts else "", frozenset(keys))

    def aggregates(self, node: exp.Select) -> bool:
        roots = [*node.expressions, node.args.get("having"), node.args.get("order")]
        return bool(node.args.get("having")) or any(
            self._find_aggregate(root) for root in roots if root is not None
        )

    def _find_aggregate(self, node: exp.Expr) -> bool:
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

    def refuse_aggregates(self, node: exp.Expr, where: str) -> None:
        if self._find_aggregate(node) or any(
            not inside_query(window, node) for window in node.find_all(exp.Window)
        ):
            raise QuerySyntaxError(
                f"{where} cannot contain aggregations, window functions or grouping operations",
                "EXPRESSION_NOT_SCALAR",
            )

    def check_grouped(self, node: exp.Select, grouping: Grouping | None, scope: Scope) -> None:
        """Every column outside an aggregate must be a grouping key."""
        keys = grouping.keys if grouping else frozenset()
        roots = list(node.expressions)
        if node.args.get("having") is not None:
            roots.append(node.args["having"].this)
        for root in roots:
            starred = isinstance(root.this if isinstance(root, exp.Column) else root, exp.Star)
            for field in scope.fields if starred else ():
                if field.sql not in keys:
                    raise _not_grouped(field.name or "*")
            self.check_item(root, keys, scope)

    def check_item(self, node: exp.Expr, keys: frozenset[str], scope: Scope) -> None:
        if self.sql_of(node) in keys:
            return
        if isinstance(node, _CALLS):
            inner: exp.Expr = node
            while not isinstance(inner, exp.Anonymous):
                inner = inner.this
            if functions.is_aggregate(inner.name):
                return
        found = self.resolved.get(id(node))
        if found is not None:
            if any(found is candidate for candidate in scope.fields):
                raise _not_grouped(node.sql(dialect="trino"))
            return
        if isinstance(node, exp.Window):
            inner = node.this
            while not isinstance(inner, exp.Anonymous):
                inner = inner.this
            for part in [*inner.expressions, *(node.args.get("partition_by") or [])]:
                self.check_item(part, keys, scope)
            for item in node.args["order"].expressions if node.args.get("order") else []:
                self.check_item(item.this, keys, scope)
            return
        for child in node.iter_expressions():
            self.check_item(child, keys, scope)


def inside_query(node: exp.Expr, root: exp.Expr) -> bool:
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
