"""moto's Glue catalog, as Athena sees it: names in lower case, errors in Athena's words."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mall_platform.local_aws.athena import types
from mall_platform.local_aws.athena.errors import AthenaError
from mall_platform.local_aws.athena.storage_tables import (
    Partition,
    Table,
    partition_of,
    table_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CATALOG: Final = "awsdatacatalog"
_VIEW_TEXT = re.compile(r"/\* Presto View: ([A-Za-z0-9+/=]+) \*/")


@dataclass(frozen=True)
class TableName:
    """A table's database and name, in lower case."""

    database: str
    name: str

    def __str__(self) -> str:
        return f"{CATALOG}.{self.database}.{self.name}"


@dataclass(frozen=True)
class View:
    """A view: its query, the database it was written in, and its columns' Athena types."""

    sql: str
    database: str
    columns: Mapping[str, str]


class Catalog:
    """Glue of one account and region."""

    def __init__(self, account_id: str, region: str) -> None:
        self._account_id = account_id
        self._region = region

    @property
    def backend(self) -> Any:
        """moto's Glue backend."""
        from moto.glue.models import glue_backends

        return glue_backends[self._account_id][self._region]

    def databases(self) -> list[str]:
        return sorted(database.name for database in self.backend.get_databases())

    def has_database(self, name: str) -> bool:
        return name in self.backend.databases

    def table_names(self, database: str) -> list[str]:
        """Names of tables and views; raises AthenaError for an unknown database."""
        return sorted(table.name for table in self._database(database).tables.values())

    def described(self, name: TableName) -> dict[str, Any] | None:
        """Glue's description of a table or view, None if there isn't one."""
        database = self.backend.databases.get(name.database)
        table = database.tables.get(name.name) if database else None
        return table.as_dict() if table else None

    def table_or_view(self, name: TableName) -> Table | View | None:
        described = self.described(name)
        if described is None:
            return None
        view = _VIEW_TEXT.search(described.get("ViewOriginalText") or "")
        if view is None:
            return table_of(described)
        stored = json.loads(base64.b64decode(view[1]))
        columns = {c["name"]: c["type"] for c in stored["columns"]}
        return View(stored["originalSql"], stored["schema"], columns)

    def partitions(self, table: Table) -> list[Partition]:
        """The registered partitions, in order of registration."""
        found = self.backend.get_table(table.database, table.name).partitions
        return [partition_of(table, partition.as_dict()) for partition in list(found.values())]

    def put_view(self, name: TableName, view: View, *, replace: bool) -> None:
        """Stores a view as Athena does. Raises AthenaError if the name is taken."""
        existing = self.described(name)
        if existing and existing.get("TableType") != "VIRTUAL_VIEW":
            raise AthenaError(f"View already exists: '{name}' is a table", "TABLE_ALREADY_EXISTS")
        if existing and not replace:
            raise AthenaError(f"View already exists: '{name}'", "TABLE_ALREADY_EXISTS")
        described = _view_input(name, view)
        if existing:
            self.backend.update_table(name.database, name.name, described)
        else:
            self.create_table(name, described)

    def create_table(self, name: TableName, described: dict[str, Any]) -> None:
        self._database(name.database)
        self.backend.create_table(name.database, name.name, described)

    def add_partition(
        self, name: TableName, values: Sequence[str], descriptor: dict[str, Any]
    ) -> None:
        """Registers a partition, whose place and columns the storage descriptor gives."""
        described = {"Values": list(values), "StorageDescriptor": descriptor, "Parameters": {}}
        self.backend.create_partition(name.database, name.name, described)

    def _database(self, name: str) -> Any:
        database = self.backend.databases.get(name)
        if database is None:
            raise AthenaError(f"Schema '{name}' does not exist", "SCHEMA_NOT_FOUND")
        return database


def _view_input(name: TableName, view: View) -> dict[str, Any]:
    stored = {
        "originalSql": view.sql,
        "catalog": CATALOG,
        "schema": view.database,
        "columns": [{"name": key, "type": kind} for key, kind in view.columns.items()],
    }
    encoded = base64.b64encode(json.dumps(stored).encode()).decode()
    return {
        "Name": name.name,
        "TableType": "VIRTUAL_VIEW",
        "Parameters": {"comment": "Presto View", "presto_view": "true"},
        "ViewOriginalText": f"/* Presto View: {encoded} */",
        "ViewExpandedText": "/* Presto View */",
        "PartitionKeys": [],
        "StorageDescriptor": {
            "Columns": [
                {"Name": key, "Type": types.to_hive(kind)} for key, kind in view.columns.items()
            ],
            "Location": "",
            "SerdeInfo": {},
        },
    }


def glue_columns(columns: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    """Glue's list of columns from pairs of name and Athena type."""
    return [{"Name": name, "Type": types.to_hive(kind)} for name, kind in columns]
