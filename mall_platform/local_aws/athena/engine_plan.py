"""A query as DuckDB is to run it: names resolved, partitions chosen, files on disk, translated."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from mall_platform.local_aws.athena import dialect, types
from mall_platform.local_aws.athena.engine_errors import position
from mall_platform.local_aws.athena.engine_metadata import MetadataTable
from mall_platform.local_aws.athena.engine_names import Names, TableUse
from mall_platform.local_aws.athena.engine_pruning import Pruning
from mall_platform.local_aws.athena.errors import (
    AthenaError,
    NotSupportedError,
    QuerySyntaxError,
)
from mall_platform.local_aws.athena.results import ResultColumn
from mall_platform.local_aws.athena.storage_scan import Scan, Scanner, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from mall_platform.local_aws.athena.ddl_statements import QueryText
    from mall_platform.local_aws.athena.engine_catalog import Catalog
    from mall_platform.local_aws.athena.storage import Storage
    from mall_platform.local_aws.athena.storage_footers import Footers
    from mall_platform.local_aws.athena.storage_tables import Table

_UNRESOLVED = re.compile(r"Column '(?:.*\.)?([^.']+)' cannot be resolved")


@dataclass(frozen=True)
class Plan:
    """A planned query. `sources` are DuckDB's names and SELECTs of the tables that `sql` reads;
    `named` are the columns that the query names, `*` among them if it selects all."""

    sql: str
    columns: tuple[ResultColumn, ...]
    sources: tuple[tuple[str, str], ...]
    scans: tuple[Scan, ...]
    named: frozenset[str] = frozenset()

    def selecting(self, values: Sequence[str]) -> str:
        """The query for DuckDB with other values in place of its columns, which are `c0`, `c1`, …
        there; the order of rows stays."""
        tables = ", ".join(
            f"{quoted(name)} AS NOT MATERIALIZED ({sql})" for name, sql in self.sources
        )
        with_ = f"WITH {tables} " if tables else ""
        names = ", ".join(f"c{index}" for index in range(len(self.columns)))
        return f"{with_}SELECT {', '.join(values)} FROM ({self.sql}) AS q({names})"  # noqa: S608


class Planner:
    """Plans queries against one catalog and storage as they are at this moment."""

    def __init__(
        self, connection: Any, catalog: Catalog, storage: Storage, footers: Footers
    ) -> None:
        self._connection = connection
        self._catalog = catalog
        self._scanner = Scanner(storage, footers)

    def plan(self, query: QueryText, database: str | None, parameters: Sequence[str] = ()) -> Plan:
        """Plans a query of Athena's dialect. Parameters are literals that replace its `?`s.

        Raises AthenaError with the position in the statement where that is known.
        """
        tree, uses = self._resolved(query, database, parameters)
        columns = {use.name: use.columns for use in uses}
        outputs = _outputs(tree, uses, query.sql)
        sql = dialect.to_duckdb(tree, columns)
        pruning = Pruning(self._connection, tree, uses)
        sources, scans = [], []
        for use in uses:
            if isinstance(use.table, MetadataTable):
                sources.append((use.name, use.table.sql))
                continue
            scan = self._scan(use, use.table, pruning)
            scans.append(scan)
            sources.append((use.name, scan.sql))
        return Plan(
            sql,
            outputs,
            tuple(sources),
            tuple(scans),
            _named(tree),
        )

    def columns(
        self, query: QueryText, database: str | None, parameters: Sequence[str] = ()
    ) -> tuple[ResultColumn, ...]:
        """What a query returns, without reading anything."""
        tree, uses = self._resolved(query, database, parameters)
        return _outputs(tree, uses, query.sql)

    def _resolved(
        self, query: QueryText, database: str | None, parameters: Sequence[str]
    ) -> tuple[exp.Expression, list[TableUse]]:
        tree = bind(dialect.parse(query.sql), parameters)
        names = Names(self._catalog)
        names.resolve(tree, query.sql, database)
        return tree, names.uses

    def _scan(self, use: TableUse, table: Table, pruning: Pruning) -> Scan:
        partitions = self._catalog.partitions(table) if table.keys else []
        return self._scanner.scan(table, pruning.kept(use, table, partitions))


def _outputs(tree: exp.Expression, uses: Sequence[TableUse], sql: str) -> tuple[ResultColumn, ...]:
    try:
        found = dialect.result_types(tree, {use.name: use.columns for use in uses})
    except QuerySyntaxError as error:
        raise _located(error, tree, sql) from error
    return tuple(ResultColumn(name, types.parse(kind)) for name, kind in found)


def _named(tree: exp.Expression) -> frozenset[str]:
    stars = [star for star in tree.find_all(exp.Star) if not isinstance(star.parent, exp.Func)]
    names = {column.name.lower() for column in tree.find_all(exp.Column)}
    return frozenset(names | {"*"} if stars else names - {"*"})


def bind(tree: exp.Expression, parameters: Sequence[str]) -> exp.Expression:
    """Replaces each `?` of a query by the literal given for it.

    Raises AthenaError (INVALID_PARAMETER_USAGE) unless there are as many of one as of the other.
    """
    placeholders = list(tree.find_all(exp.Placeholder, bfs=False))
    if len(placeholders) != len(parameters):
        raise AthenaError(
            f"Incorrect number of parameters: expected {len(placeholders)} but found "
            f"{len(parameters)}",
            "INVALID_PARAMETER_USAGE",
        )
    for placeholder, text in zip(placeholders, parameters, strict=True):
        value = dialect.parse(f"SELECT {text}").expressions
        if len(value) != 1:
            raise AthenaError(f"Invalid parameter: {text}", "INVALID_PARAMETER_USAGE")
        placeholder.replace(value[0])
    return tree


def _located(error: QuerySyntaxError, tree: exp.Expression, sql: str) -> AthenaError:
    """The error with the position of the column that it names."""
    named = _UNRESOLVED.search(error.message)
    if named and named[1].startswith("$"):
        return NotSupportedError(f'the hidden column "{named[1]}"')
    if named is None or error.message.startswith("line "):
        return error
    for column in tree.find_all(exp.Column, bfs=False):
        if column.name.lower() == named[1].lower() and "start" in column.this.meta:
            first = column.parts[0]
            where = position(sql, first.meta.get("start", 0))
            return QuerySyntaxError(f"{where}: {error.message}", error.kind)
    return error
