"""Which tables a query reads: names resolved in the catalog, views put in place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from mall_platform.local_aws.athena import dialect
from mall_platform.local_aws.athena.engine_catalog import CATALOG, Catalog, TableName, View
from mall_platform.local_aws.athena.engine_errors import position
from mall_platform.local_aws.athena.engine_metadata import metadata_table
from mall_platform.local_aws.athena.errors import AthenaError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mall_platform.local_aws.athena.engine_metadata import MetadataTable
    from mall_platform.local_aws.athena.storage_tables import Table

_MAX_VIEWS = 50


@dataclass(frozen=True)
class TableUse:
    """One place where a query reads a table. `name` is what the tree calls it now."""

    node: exp.Table
    name: str
    table: Table | MetadataTable

    @property
    def columns(self) -> Mapping[str, str]:
        """Athena types by column."""
        return self.table.athena_types()


class Names:
    """Resolves the tables of one query. Every use gets a name of its own in DuckDB."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._views = 0
        self.uses: list[TableUse] = []

    def resolve(self, tree: exp.Expression, sql: str, database: str | None) -> None:
        """Renames the tables in the tree, in place, and lists them in `uses`.

        Raises AthenaError (TABLE_NOT_FOUND, SCHEMA_NOT_FOUND, …) with the position in `sql`.
        """
        self._visit(tree, frozenset(), sql, database)

    def _visit(
        self, node: exp.Expression, common: frozenset[str], sql: str, database: str | None
    ) -> None:
        if with_ := node.args.get("with_"):
            for cte in with_.expressions:
                own = common | {cte.alias.lower()} if with_.args.get("recursive") else common
                self._visit(cte.this, own, sql, database)
                common |= {cte.alias.lower()}
        if isinstance(node, exp.Table):
            self._table(node, common, sql, database)
        for key, value in list(node.args.items()):
            if key == "with_":
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, exp.Expression):
                    self._visit(child, common, sql, database)

    def _table(
        self, node: exp.Table, common: frozenset[str], sql: str, database: str | None
    ) -> None:
        if not isinstance(node.this, exp.Identifier):
            return
        if not node.args.get("db") and node.name.lower() in common:
            return
        where = _where(node, sql)
        name = _qualified(node, database, where)
        found = metadata_table(self._catalog, name) or self._catalog.table_or_view(name)
        if found is None:
            kind = "Schema" if not self._catalog.has_database(name.database) else "Table"
            code = "SCHEMA_NOT_FOUND" if kind == "Schema" else "TABLE_NOT_FOUND"
            what = name.database if kind == "Schema" else str(name)
            raise AthenaError(f"{where}: {kind} '{what}' does not exist", code)
        if isinstance(found, View):
            self._view(node, name, found)
            return
        use = TableUse(node, f"{name.name}#{len(self.uses)}", found)
        self.uses.append(use)
        if not node.args.get("alias"):
            node.set("alias", exp.TableAlias(this=exp.to_identifier(node.name, quoted=True)))
        node.set("this", exp.to_identifier(use.name, quoted=True))
        node.set("db", None)
        node.set("catalog", None)

    def _view(self, node: exp.Table, name: TableName, view: View) -> None:
        self._views += 1
        if self._views > _MAX_VIEWS:
            raise AthenaError(f"View '{name}' is recursive", "VIEW_IS_RECURSIVE")
        inner = dialect.parse(view.sql)
        self.resolve(inner, view.sql, view.database)
        alias = node.args.get("alias") or exp.TableAlias(
            this=exp.to_identifier(node.name, quoted=True)
        )
        subquery = exp.Subquery(this=inner, alias=alias)
        if joins := node.args.get("joins"):
            subquery.set("joins", joins)
        node.replace(subquery)


def _where(node: exp.Table, sql: str) -> str:
    first = node.args.get("catalog") or node.args.get("db") or node.this
    return position(sql, first.meta.get("start", 0))


def _qualified(node: exp.Table, database: str | None, where: str) -> TableName:
    return table_name([part.name for part in node.parts], database, where)


def table_name(parts: Sequence[str], database: str | None, where: str = "") -> TableName:
    """The table that a written name means.

    Raises AthenaError for another catalog and where neither name nor session has a database.
    """
    prefix = f"{where}: " if where else ""
    names = [part.lower() for part in parts]
    if len(names) > 2 and names[-3] != CATALOG:
        raise AthenaError(f"{prefix}Catalog '{names[-3]}' not found", "CATALOG_NOT_FOUND")
    schema = names[-2] if len(names) > 1 else database
    if schema is None:
        raise AthenaError(
            f"{prefix}Schema must be specified when session schema is not set",
            "MISSING_SCHEMA_NAME",
        )
    return TableName(schema.lower(), names[-1])
