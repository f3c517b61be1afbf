"""Conditions of a query that tell which partitions of its tables matter.

A condition is carried from where it is written to the table that it is about: through joins,
subqueries, common table expressions and views, wherever leaving out rows of the table that fail it
can't change the result. Where that isn't certain, it isn't used.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlglot import exp

from mall_platform.local_aws.athena import functions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mall_platform.local_aws.athena.engine_names import TableUse

_VOLATILE = {"rand", "random", "uuid", "shuffle", "now"}
_LIMITS = ("limit", "offset")
_SET_OPERATIONS = (exp.Union, exp.Intersect, exp.Except)


@dataclass(frozen=True)
class Condition:
    """What rows of one use of a table must fulfil; columns are bare names. `unless_null` says that
    it only holds if it isn't true of a row of NULLs (the table may be on an outer join's side that
    is filled with NULLs)."""

    expression: exp.Expression
    unless_null: bool


@dataclass
class _Source:
    """What one entry of a FROM clause is called and which columns it has, None if unknown.
    `inner` is what those columns are called where they come from."""

    alias: str
    node: exp.Expression
    columns: list[str] | None
    inner: list[str] = field(default_factory=list)
    nullable: bool = False
    pushed: list[Condition] = field(default_factory=list)


@dataclass
class _CommonTable:
    node: exp.CTE
    references: int
    incoming: list[exp.Expression] = field(default_factory=list)


def conditions(tree: exp.Expression, uses: Sequence[TableUse]) -> Mapping[str, Sequence[Condition]]:
    """Conditions by the name of the table's use."""
    collector = _Collector(uses)
    collector.query(tree, [])
    return collector.found


class _Collector:
    def __init__(self, uses: Sequence[TableUse]) -> None:
        self._uses = {use.name: use for use in uses}
        self._common: list[dict[str, _CommonTable]] = []
        self.found: dict[str, list[Condition]] = defaultdict(list)

    def query(self, node: exp.Expression, incoming: Sequence[exp.Expression]) -> None:
        """Collects from a query whose rows matter only if they fulfil `incoming`, which names its
        output columns."""
        with_ = node.args.get("with_")
        known = _common_tables(node, with_)
        self._common.append(known)
        if any(node.args.get(key) for key in _LIMITS):
            incoming = []
        if isinstance(node, exp.Subquery):
            self.query(node.this, incoming)
        elif isinstance(node, exp.Select):
            self._select(node, incoming)
        elif isinstance(node, _SET_OPERATIONS):
            self._set_operation(node, incoming)
        else:
            self._inner_queries(node)
        for common in reversed(list(known.values())):
            single = common.references == 1 and not (with_ and with_.args.get("recursive"))
            self.query(common.node.this, common.incoming if single else [])
        self._common.pop()

    def _set_operation(self, node: exp.Expression, incoming: Sequence[exp.Expression]) -> None:
        names = self._names(node.this)
        for side in (node.this, node.args["expression"]):
            others = self._names(side)
            if names is None or others is None or len(names) != len(others):
                self.query(side, [])
                continue
            into = {name: exp.column(other) for name, other in zip(names, others, strict=True)}
            self.query(side, [c for c in (_mapped(x, into) for x in incoming) if c])

    # --- SELECT ----------------------------------------------------------------------------------

    def _select(self, node: exp.Select, incoming: Sequence[exp.Expression]) -> None:
        sources = self._sources(node)
        where = node.args.get("where")
        wanted = list(_conjuncts(where.this)) if where else []
        wanted += self._through(node, sources, incoming)
        for condition in wanted:
            _push(condition, sources, sources)
        self._push_joins(node, sources)
        for source in sources:
            self._enter(source)
        for key, value in node.args.items():
            if key not in {"from_", "with_", "joins"}:
                for item in value if isinstance(value, list) else [value]:
                    if isinstance(item, exp.Expression):
                        self._inner_queries(item)
        for join in node.args.get("joins") or []:
            if join.args.get("on"):
                self._inner_queries(join.args["on"])

    def _sources(self, node: exp.Select) -> list[_Source]:
        start = node.args.get("from_")
        sources = [self._source(start.this)] if start else []
        for join in node.args.get("joins") or []:
            added = self._source(join.this)
            side = str(join.args.get("side") or "").upper()
            added.nullable = side in {"LEFT", "FULL"}
            for source in sources:
                source.nullable = source.nullable or side in {"RIGHT", "FULL"}
            sources.append(added)
        return sources

    def _source(self, node: exp.Expression) -> _Source:
        alias = node.alias_or_name.lower()
        columns = (
            [c.name.lower() for c in node.args["alias"].columns] if node.args.get("alias") else []
        )
        if node.args.get("joins"):
            return _Source("", node, None)
        if isinstance(node, exp.Table | exp.Subquery):
            inner = self._names(node)
            if inner is None or (columns and len(columns) != len(inner)):
                return _Source(alias, node, None)
            return _Source(alias, node, columns or inner, inner)
        return _Source(alias, node, columns or None, columns)

    def _push_joins(self, node: exp.Select, sources: Sequence[_Source]) -> None:
        """ON conditions, where a row that fails one is in no joined row."""
        before = 1 if node.args.get("from_") else 0
        for join in node.args.get("joins") or []:
            side = str(join.args.get("side") or "").upper()
            on = join.args.get("on")
            known, added = sources[:before], sources[before]
            for condition in _conjuncts(on) if on else ():
                if side == "":
                    _push(condition, sources[: before + 1], sources)
                elif side == "LEFT":
                    _push(condition, [added], sources[: before + 1], always=True)
                elif side == "RIGHT":
                    _push(condition, known, sources[: before + 1])
            before += 1

    def _enter(self, source: _Source) -> None:
        """Hands a source's conditions on to what it is made of."""
        node = source.node
        plain = [c.expression for c in source.pushed if not c.unless_null]
        if isinstance(node, exp.Subquery) and not node.args.get("joins"):
            self.query(node, plain)
            return
        if isinstance(node, exp.Table) and not node.args.get("joins"):
            if node.name in self._uses:
                self.found[node.name].extend(source.pushed)
            elif common := self._common_table(node):
                common.incoming.extend(self._renamed(common, plain))
            return
        self._inner_queries(node)

    def _renamed(
        self, common: _CommonTable, incoming: Sequence[exp.Expression]
    ) -> list[exp.Expression]:
        """Conditions on a common table expression's columns, on those of its query."""
        inner = self._names(common.node.this)
        outer = self._common_names(common)
        if inner is None or outer is None:
            return []
        into = {name: exp.column(other) for name, other in zip(outer, inner, strict=True)}
        return [c for c in (_mapped(x, into) for x in incoming) if c]

    def _through(
        self,
        node: exp.Select,
        sources: Sequence[_Source],
        incoming: Sequence[exp.Expression],
    ) -> list[exp.Expression]:
        """Conditions on a SELECT's outputs, on its inputs, where that is the same."""
        outputs = _outputs(node, sources)
        if outputs is None or not incoming or any(node.find_all(exp.Window)):
            return []
        group = node.args.get("group")
        if group is None and any(_is_aggregate(item) for item in node.expressions):
            return []
        if group is not None:
            outputs = _grouped(node, group, outputs)
        return [c for c in (_mapped(x, outputs) for x in incoming) if c]

    # --- names -----------------------------------------------------------------------------------

    def _names(self, node: exp.Expression) -> list[str] | None:
        """The columns of a table or query in order, None if they aren't known or not unique."""
        if isinstance(node, exp.Subquery):
            return self._names(node.this)
        if isinstance(node, _SET_OPERATIONS):
            return self._names(node.this)
        if isinstance(node, exp.Table):
            if node.name in self._uses:
                return list(self._uses[node.name].columns)
            common = self._common_table(node)
            return self._common_names(common) if common else None
        if isinstance(node, exp.Select):
            with_ = node.args.get("with_")
            self._common.append(_common_tables(node, with_))
            outputs = _outputs(node, self._sources(node))
            self._common.pop()
            return list(outputs) if outputs is not None else None
        return None

    def _common_names(self, common: _CommonTable) -> list[str] | None:
        inner = self._names(common.node.this)
        given = [column.name.lower() for column in common.node.args["alias"].columns]
        if inner is None or (given and len(given) != len(inner)):
            return None
        return given or inner

    def _common_table(self, node: exp.Table) -> _CommonTable | None:
        name = node.name.lower()
        return next((known[name] for known in reversed(self._common) if name in known), None)

    def _inner_queries(self, node: exp.Expression) -> None:
        """Queries inside expressions: their own conditions count, none comes from outside."""
        if isinstance(node, exp.Select | exp.Subquery | exp.SetOperation):
            self.query(node, [])
            return
        for child in node.iter_expressions():
            self._inner_queries(child)


def _common_tables(node: exp.Expression, with_: exp.With | None) -> dict[str, _CommonTable]:
    if with_ is None:
        return {}
    names = [table.name.lower() for table in node.find_all(exp.Table)]
    return {
        cte.alias.lower(): _CommonTable(cte, names.count(cte.alias.lower()))
        for cte in with_.expressions
    }


def _conjuncts(node: exp.Expression) -> Iterator[exp.Expression]:
    if isinstance(node, exp.And):
        yield from _conjuncts(node.this)
        yield from _conjuncts(node.args["expression"])
    elif isinstance(node, exp.Paren):
        yield from _conjuncts(node.this)
    else:
        yield node


def _push(
    condition: exp.Expression,
    targets: Sequence[_Source],
    visible: Sequence[_Source],
    *,
    always: bool = False,
) -> None:
    """Gives a condition to the one target that it is about, if there is one.

    `visible` are the sources that its names may mean. `always`: whatever the joins, rows that fail
    the condition don't matter.
    """
    if not _is_stable(condition):
        return
    owners = [_owner(column, visible) for column in condition.find_all(exp.Column)]
    if not owners or owners[0] is None or any(owner is not owners[0] for owner in owners):
        return
    owner = owners[0]
    if not any(owner is target for target in targets):
        return
    names = zip(owner.columns or (), owner.inner, strict=True)
    bare = {name: exp.column(exp.to_identifier(inner, quoted=True)) for name, inner in names}
    mapped = _mapped(_unqualified(condition), bare)
    if mapped is not None:
        owner.pushed.append(Condition(mapped, owner.nullable and not always))


def _owner(column: exp.Column, sources: Sequence[_Source]) -> _Source | None:
    """The source that a column belongs to, None if that isn't certain."""
    if len(column.parts) > 2 and column.args.get("catalog"):
        return None
    name = column.name.lower()
    if column.table:
        found = [s for s in sources if s.alias == column.table.lower()]
    elif any(source.columns is None for source in sources):
        return None
    else:
        found = [s for s in sources if name in (s.columns or ())]
    if len(found) != 1 or name not in (found[0].columns or ()):
        return None
    return found[0]


def _unqualified(condition: exp.Expression) -> exp.Expression:
    copy = condition.copy()
    for column in list(copy.find_all(exp.Column)):
        bare = exp.column(exp.to_identifier(column.name.lower(), quoted=True))
        if column is copy:
            return bare
        column.replace(bare)
    return copy


def _mapped(condition: exp.Expression, into: Mapping[str, exp.Expression]) -> exp.Expression | None:
    """The condition with each column replaced, None if one of them has no replacement."""
    copy = condition.copy()
    for column in list(copy.find_all(exp.Column)):
        replacement = into.get(column.name.lower())
        if replacement is None or not _is_stable(replacement):
            return None
        if column is copy:
            return replacement.copy()
        column.replace(replacement.copy())
    return copy


def _is_stable(node: exp.Expression) -> bool:
    """Whether an expression means the same for a row wherever it is evaluated."""
    for part in node.walk():
        if isinstance(part, exp.Query | exp.Window | exp.Star | exp.Placeholder | exp.Lambda):
            return False
        if isinstance(part, exp.Anonymous) and (
            part.name.lower() in _VOLATILE or functions.is_aggregate(part.name)
        ):
            return False
    return True


def _is_aggregate(node: exp.Expression) -> bool:
    return any(functions.is_aggregate(call.name) for call in node.find_all(exp.Anonymous))


def _outputs(node: exp.Select, sources: Sequence[_Source]) -> dict[str, exp.Expression] | None:
    """A SELECT's outputs by name, None if they can't be told apart."""
    found: dict[str, exp.Expression] = {}
    count = 0
    for index, item in enumerate(node.expressions):
        for name, value in _output(item, index, sources) or [("", None)]:
            if value is None:
                return None
            found[name] = value
            count += 1
    return found if count == len(found) else None


def _output(
    item: exp.Expression, index: int, sources: Sequence[_Source]
) -> list[tuple[str, exp.Expression | None]]:
    qualifier = item.table.lower() if isinstance(item, exp.Column) else None
    if _is_star(item):
        wanted = [s for s in sources if qualifier is None or s.alias == qualifier]
        if any(source.columns is None for source in wanted):
            return []
        return [
            (name, exp.column(name, table=source.alias))
            for source in wanted
            for name in source.columns or ()
        ]
    if isinstance(item, exp.Alias):
        return [(item.alias.lower(), item.this)]
    if isinstance(item, exp.Column):
        return [(item.name.lower(), item)]
    return [(f"_col{index}", item)]


def _is_star(item: exp.Expression) -> bool:
    return isinstance(item.this if isinstance(item, exp.Column) else item, exp.Star)


def _grouped(
    node: exp.Select, group: exp.Group, outputs: Mapping[str, exp.Expression]
) -> dict[str, exp.Expression]:
    """The outputs that are grouping keys: a condition on those may come before the grouping."""
    if any(group.args.get(key) for key in ("rollup", "cube", "grouping_sets")):
        return {}
    if any(_is_star(item) for item in node.expressions):
        return {}
    keys = []
    for item in group.expressions:
        ordinal = int(item.name) if isinstance(item, exp.Literal) and not item.is_string else 0
        keys += [selected.unalias() for selected in node.expressions[ordinal - 1 : ordinal]]
        if not ordinal:
            keys.append(item)
    return {name: value for name, value in outputs.items() if value in keys}
