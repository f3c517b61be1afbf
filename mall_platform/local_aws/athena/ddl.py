"""DDL and utility statements: what Athena does in the Glue catalog."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from mall_platform.local_aws.athena import ddl_statements as statements
from mall_platform.local_aws.athena.ddl_formats import storage_descriptor
from mall_platform.local_aws.athena.ddl_show import (
    Shown,
    create_table,
    create_view,
    described_lines,
)
from mall_platform.local_aws.athena.engine_catalog import Catalog, TableName, View
from mall_platform.local_aws.athena.engine_errors import DdlError
from mall_platform.local_aws.athena.engine_names import table_name
from mall_platform.local_aws.athena.errors import NotSupportedError
from mall_platform.local_aws.athena.storage import Location
from mall_platform.local_aws.athena.storage_tables import (
    Column,
    Table,
    default_location,
    partition_folder,
    table_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mall_platform.local_aws.athena.storage import Storage

_TASK = "Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask"
_NOTHING: Shown = ([], [])


class Ddl:
    """Runs DDL against one catalog; `database` is the session's."""

    def __init__(self, catalog: Catalog, storage: Storage, database: str | None) -> None:
        self._catalog = catalog
        self._storage = storage
        self._database = database

    def run(self, statement: statements.Statement) -> Shown:
        """Columns and lines that the statement shows; none for most.

        Raises DdlError where Hive would, and NotSupportedError.
        """
        handlers = {
            statements.CreateDatabase: self._create_database,
            statements.DropDatabase: self._drop_database,
            statements.CreateTable: self._create_table,
            statements.DropTable: self._drop_table,
            statements.DropView: self._drop_view,
            statements.AddPartitions: self._add_partitions,
            statements.DropPartitions: self._drop_partitions,
            statements.SetLocation: self._set_location,
            statements.AddColumns: self._add_columns,
            statements.SetProperties: self._set_properties,
            statements.RepairTable: self._repair,
            statements.ShowDatabases: self._show_databases,
            statements.ShowTables: self._show_tables,
            statements.ShowPartitions: self._show_partitions,
            statements.ShowColumns: self._show_columns,
            statements.ShowCreate: self._show_create,
            statements.ShowProperties: self._show_properties,
            statements.Describe: self._describe,
        }
        handler: Any = handlers.get(type(statement))
        if handler is None:
            raise NotSupportedError(f"{statement.subtype or type(statement).__name__}")
        shown: Shown | None = handler(statement)
        return shown or _NOTHING

    # --- databases -------------------------------------------------------------------------------

    def _create_database(self, statement: statements.CreateDatabase) -> None:
        if self._catalog.has_database(statement.name):
            if statement.if_not_exists:
                return
            raise DdlError(
                f"{_TASK}. AlreadyExistsException(message:Database {statement.name} already exists)"
            )
        described = {
            "Name": statement.name,
            "Description": statement.comment or None,
            "LocationUri": statement.location or None,
            "Parameters": statement.properties,
        }
        self._catalog.backend.create_database(statement.name, described)

    def _drop_database(self, statement: statements.DropDatabase) -> None:
        if not self._catalog.has_database(statement.name):
            if statement.if_exists:
                return
            raise DdlError(
                f"SemanticException [Error 10072]: Database does not exist: {statement.name}"
            )
        if self._catalog.table_names(statement.name) and not statement.cascade:
            raise DdlError(
                f"{_TASK}. InvalidOperationException(message:Database {statement.name} is not "
                "empty. One or more tables exist.)"
            )
        self._catalog.backend.delete_database(statement.name)

    # --- tables ----------------------------------------------------------------------------------

    def _create_table(self, statement: statements.CreateTable) -> None:
        name = self._name(statement.name)
        if not self._catalog.has_database(name.database):
            raise DdlError(
                f"SemanticException [Error 10072]: Database does not exist: {name.database}"
            )
        if self._catalog.described(name):
            if statement.if_not_exists:
                return
            raise DdlError(
                f"{_TASK}. AlreadyExistsException(message:Table {name.name} already exists.)"
            )
        stored_as = statement.stored_as
        if statement.formats:
            stored_as = "PARQUET" if "parquet" in statement.formats[0].lower() else "TEXTFILE"
        descriptor = storage_descriptor(
            stored_as,
            _glue(statement.columns),
            Location.parse(statement.location).url,
            serde=statement.serde,
            serde_properties=statement.serde_properties,
        )
        described = {
            "Name": name.name,
            "TableType": "EXTERNAL_TABLE",
            "Description": statement.comment or None,
            "Parameters": {"EXTERNAL": "TRUE", **statement.properties},
            "PartitionKeys": _glue(statement.keys),
            "StorageDescriptor": descriptor,
        }
        table_of({**described, "DatabaseName": name.database})
        self._catalog.create_table(name, described)

    def _drop_table(self, statement: statements.DropTable) -> None:
        name = self._name(statement.name)
        if self._catalog.described(name) is None:
            if statement.if_exists:
                return
            raise DdlError(f"SemanticException [Error 10001]: Table not found {name.name}")
        self._catalog.backend.delete_table(name.database, name.name)

    def _drop_view(self, statement: statements.DropView) -> None:
        name = self._name(statement.name)
        described = self._catalog.described(name)
        if described is None:
            if statement.if_exists:
                return
            raise DdlError(f"SemanticException [Error 10001]: View not found {name.name}")
        if described.get("TableType") != "VIRTUAL_VIEW":
            raise DdlError(
                f"SemanticException: Cannot drop a base table with DROP VIEW: {name.name}"
            )
        self._catalog.backend.delete_table(name.database, name.name)

    def _add_columns(self, statement: statements.AddColumns) -> None:
        name, table = self._table(statement.name)
        known = {column.name for column in table.all_columns}
        doubled = [column.name for column in statement.columns if column.name in known]
        if doubled and not statement.replace:
            raise DdlError(f"{_TASK}. Duplicate column name: {doubled[0]}")
        described = self._input(name)
        kept = [] if statement.replace else described["StorageDescriptor"]["Columns"]
        described["StorageDescriptor"]["Columns"] = [*kept, *_glue(statement.columns)]
        self._update(name, described)

    def _set_properties(self, statement: statements.SetProperties) -> None:
        name, _ = self._table(statement.name)
        described = self._input(name)
        described["Parameters"] = {**(described.get("Parameters") or {}), **statement.properties}
        self._update(name, described)

    def _set_location(self, statement: statements.SetLocation) -> None:
        name, table = self._table(statement.name)
        location = Location.parse(statement.location).url
        if not statement.partition:
            described = self._input(name)
            described["StorageDescriptor"]["Location"] = location
            self._update(name, described)
            return
        values = _values(table, statement.partition)
        found = self._catalog.backend.get_table(name.database, name.name).partitions.get(
            str(list(values))
        )
        if found is None:
            raise DdlError(f"SemanticException [Error 10006]: Partition not found {values}")
        changed = copy.deepcopy(found.partition_input)
        changed["StorageDescriptor"]["Location"] = location
        self._catalog.backend.update_partition(name.database, name.name, changed, list(values))

    # --- partitions ------------------------------------------------------------------------------

    def _add_partitions(self, statement: statements.AddPartitions) -> None:
        name, table = self._table(statement.name)
        known = {partition.values for partition in self._catalog.partitions(table)}
        for given, location in statement.partitions:
            values = _values(table, given)
            if values in known:
                if statement.if_not_exists:
                    continue
                raise DdlError(
                    f"{_TASK}. AlreadyExistsException(message:Partition already exists: "
                    f"{partition_folder(table, values).rstrip('/')})"
                )
            place = Location.parse(location) if location else default_location(table, values)
            self._register(name, values, place)
            known.add(values)

    def _drop_partitions(self, statement: statements.DropPartitions) -> None:
        name, table = self._table(statement.name)
        known = {partition.values for partition in self._catalog.partitions(table)}
        for given in statement.partitions:
            values = _values(table, given)
            if values in known:
                self._catalog.backend.delete_partition(name.database, name.name, list(values))
                known.discard(values)
            elif not statement.if_exists:
                raise DdlError(f"SemanticException [Error 10006]: Partition not found {values}")

    def _repair(self, statement: statements.RepairTable) -> Shown:
        """MSCK registers folders named `key=value` that aren't registered; it removes none."""
        name, table = self._table(statement.name)
        known = {partition.values for partition in self._catalog.partitions(table)}
        listing = self._storage.listing(table.location.bucket)
        prefix = table.location.prefix
        found: dict[tuple[str, ...], None] = {}
        for stored in listing.data(prefix):
            folders = stored.key[len(prefix) :].split("/")[:-1]
            values = _folder_values(table, folders)
            if values is not None and values not in known:
                found[values] = None
        lines = []
        for values in found:
            self._register(name, values, default_location(table, values))
            shown = ":".join([table.name, partition_folder(table, values).rstrip("/")])
            lines.append(f"Partitions not in metastore:\t{shown}")
        lines += [
            line.replace("Partitions not in metastore:\t", "Repair: Added partition to metastore ")
            for line in lines
        ]
        return [], lines

    def _register(self, name: TableName, values: tuple[str, ...], place: Location) -> None:
        descriptor = copy.deepcopy(self._input(name)["StorageDescriptor"])
        descriptor["Location"] = place.url
        self._catalog.add_partition(name, values, descriptor)

    # --- what is shown ---------------------------------------------------------------------------

    def _show_databases(self, statement: statements.ShowDatabases) -> Shown:
        return ["database_name"], _like(self._catalog.databases(), statement.pattern)

    def _show_tables(self, statement: statements.ShowTables) -> Shown:
        database = statement.database or self._database
        if database is None or not self._catalog.has_database(database):
            raise DdlError(f"SemanticException [Error 10001]: Database does not exist: {database}")
        names = self._catalog.table_names(database)
        if statement.views_only:
            names = [
                name
                for name in names
                if (self._catalog.described(TableName(database, name)) or {}).get("TableType")
                == "VIRTUAL_VIEW"
            ]
        return ["tab_name"], _like(names, statement.pattern)

    def _show_partitions(self, statement: statements.ShowPartitions) -> Shown:
        _, table = self._table(statement.name)
        if not table.keys:
            raise DdlError(f"{_TASK}. Table {table.name} is not a partitioned table")
        partitions = self._catalog.partitions(table)
        return ["partition"], [
            partition_folder(table, partition.values).rstrip("/") for partition in partitions
        ]

    def _show_columns(self, statement: statements.ShowColumns) -> Shown:
        described = self._described(self._name(statement.name))
        columns = [
            *described["StorageDescriptor"]["Columns"],
            *(described.get("PartitionKeys") or []),
        ]
        return ["field"], [f"{column['Name']:<20}" for column in columns]

    def _show_create(self, statement: statements.ShowCreate) -> Shown:
        name = self._name(statement.name)
        described = self._described(name)
        is_view = described.get("TableType") == "VIRTUAL_VIEW"
        if statement.view or is_view:
            view = self._catalog.table_or_view(name)
            if not isinstance(view, View):
                raise DdlError(f"SemanticException: {name.name} is not a view")
            return create_view(name, view)
        return create_table(name, described)

    def _show_properties(self, statement: statements.ShowProperties) -> Shown:
        described = self._described(self._name(statement.name))
        properties: Mapping[str, str] = described.get("Parameters") or {}
        if statement.key is not None:
            if statement.key not in properties:
                return ["prpt_name"], [f"Table does not have property: {statement.key}"]
            return ["prpt_name"], [properties[statement.key]]
        lines = [f"{key}\t{value}" for key, value in sorted(properties.items())]
        return ["prpt_name", "prpt_value"], lines

    def _describe(self, statement: statements.Describe) -> Shown:
        return described_lines(self._described(self._name(statement.name)))

    # --- look-ups --------------------------------------------------------------------------------

    def _name(self, parts: Sequence[str]) -> TableName:
        return table_name(parts, self._database)

    def _described(self, name: TableName) -> dict[str, Any]:
        described = self._catalog.described(name)
        if described is None:
            raise DdlError(f"SemanticException [Error 10001]: Table not found {name.name}")
        return described

    def _table(self, parts: Sequence[str]) -> tuple[TableName, Table]:
        name = self._name(parts)
        return name, table_of(self._described(name))

    def _input(self, name: TableName) -> dict[str, Any]:
        """The table as Glue's UpdateTable takes it."""
        table = self._catalog.backend.get_table(name.database, name.name)
        return copy.deepcopy(dict(table.versions[str(table._current_version)]))

    def _update(self, name: TableName, described: dict[str, Any]) -> None:
        self._catalog.backend.update_table(name.database, name.name, described)


def _glue(columns: Sequence[Column]) -> list[dict[str, str]]:
    return [
        {"Name": c.name, "Type": c.hive_type, **({"Comment": c.comment} if c.comment else {})}
        for c in columns
    ]


def _values(table: Table, given: Mapping[str, str]) -> tuple[str, ...]:
    """A partition's values in the order of the table's keys; all of them must be given."""
    if set(given) != {key.name for key in table.keys}:
        raise DdlError(
            "SemanticException [Error 10001]: partition spec "
            f"{{{', '.join(given)}}} doesn't fit the partition columns of {table.name}"
        )
    return tuple(given[key.name] for key in table.keys)


def _folder_values(table: Table, folders: Sequence[str]) -> tuple[str, ...] | None:
    """The values that folders below a table name, None if they aren't its partition's."""
    if len(folders) < len(table.keys):
        return None
    values = []
    for key, folder in zip(table.keys, folders, strict=False):
        name, sign, value = folder.partition("=")
        if not sign or name.lower() != key.name:
            return None
        values.append(unquote(value))
    return tuple(values)


def _like(names: Sequence[str], pattern: str | None) -> list[str]:
    """Hive's patterns: `*` for anything, `|` between choices."""
    if pattern is None:
        return list(names)
    choices = "|".join(
        re.escape(choice).replace(r"\*", ".*") for choice in pattern.lower().split("|")
    )
    return [name for name in names if re.fullmatch(choices, name)]
