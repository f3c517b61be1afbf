"""Which partitions a query needs, from its conditions on partition keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from mall_platform.local_aws.athena import dialect
from mall_platform.local_aws.athena.engine_conditions import conditions
from mall_platform.local_aws.athena.errors import AthenaError
from mall_platform.local_aws.athena.storage_scan import literal, quoted
from mall_platform.local_aws.athena.storage_tables import NULL_PARTITION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mall_platform.local_aws.athena.engine_conditions import Condition
    from mall_platform.local_aws.athena.engine_names import TableUse
    from mall_platform.local_aws.athena.storage_tables import Partition, Table

_ORDINAL = "#"
_NULLS = -1


class Pruning:
    """Chooses partitions for each use of a table in one query."""

    def __init__(self, connection: Any, tree: exp.Expression, uses: Sequence[TableUse]) -> None:
        self._connection = connection
        self._conditions = conditions(tree, uses)

    def kept(
        self, use: TableUse, table: Table, partitions: Sequence[Partition]
    ) -> Sequence[Partition]:
        """The partitions that may hold rows that the query needs."""
        keys = {key.name for key in table.keys}
        usable = [
            condition
            for condition in self._conditions.get(use.name, ())
            if {column.name for column in condition.expression.find_all(exp.Column)} <= keys
        ]
        if not usable or not partitions:
            return partitions
        kept = set(range(len(partitions)))
        for condition in usable:
            found = self._fulfilling(condition, table, partitions)
            if found is not None:
                kept &= found
        return [partition for index, partition in enumerate(partitions) if index in kept]

    def _fulfilling(
        self, condition: Condition, table: Table, partitions: Sequence[Partition]
    ) -> set[int] | None:
        """Indexes of the partitions of which a condition is true, None if it can't be told."""
        import duckdb

        tree = dialect.parse(f'SELECT "{_ORDINAL}" FROM parts WHERE true')  # noqa: S608
        tree.args["where"].set("this", condition.expression.copy())
        columns = {_ORDINAL: "bigint", **{key.name: str(key.type) for key in table.keys}}
        try:
            sql = dialect.to_duckdb(tree, {"parts": columns})
            with_values = f"WITH parts AS ({_values(table, partitions)}) {sql}"
            rows = self._connection.execute(with_values).fetchall()
        except (AthenaError, duckdb.Error):
            # The query itself will say what is wrong with the condition, if it gets that far.
            return None
        found = {int(row[0]) for row in rows}
        if _NULLS in found:
            return None if condition.unless_null else found - {_NULLS}
        return found


def _values(table: Table, partitions: Sequence[Partition]) -> str:
    """The partitions' values as a SELECT for DuckDB, with a row of NULLs."""
    rows = [(str(index), *map(_literal, p.values)) for index, p in enumerate(partitions)]
    rows.append((str(_NULLS), *("NULL" for _ in table.keys)))
    lines = ", ".join(f"({', '.join(row)})" for row in rows)
    names = [f"k{index}" for index in range(len(table.keys))]
    selected = ", ".join(
        f"CAST({name} AS {key.type.duckdb}) AS {quoted(key.name)}"
        for name, key in zip(names, table.keys, strict=True)
    )
    listed = ", ".join(["i", *names])
    return f"SELECT i AS {quoted(_ORDINAL)}, {selected} FROM (VALUES {lines}) AS v({listed})"  # noqa: S608


def _literal(value: str) -> str:
    return "NULL" if value == NULL_PARTITION else literal(value)
