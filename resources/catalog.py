"""The Glue catalog: which version of each table and partition readers see."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import dagster as dg
from pydantic import PrivateAttr

from resources.aws import Aws
from resources.faults import explained
from resources.tables import Column, Table

_ATTEMPTS = 5

CATALOG = "infra/analytics/catalog"

_PARQUET = "org.apache.hadoop.hive.ql.io.parquet"
_FORMAT = {
    "InputFormat": f"{_PARQUET}.MapredParquetInputFormat",
    "OutputFormat": f"{_PARQUET}.MapredParquetOutputFormat",
    "SerdeInfo": {"SerializationLibrary": f"{_PARQUET}.serde.ParquetHiveSerDe"},
}


@dataclass(frozen=True)
class Entry:
    """Where Glue points for a table or partition, with what was recorded at its publication."""

    location: str
    parameters: dict[str, str]


class Catalog(dg.ConfigurableResource):
    """The platform's Glue database.

    Every method raises MissingInfrastructureError if the database isn't there.
    """

    aws: Aws
    _current: set[str] = PrivateAttr(default_factory=set)

    @property
    def database(self) -> str:
        return self.aws.names.database

    def ensure_table(self, table: Table, location: str) -> None:
        """Creates a partitioned table, or brings its columns to the declaration."""
        found = self._table(table.name)
        wanted = _table_input(table, location, {})
        with self._explained():
            if found is None:
                self._create_table(wanted)
            elif _shape(found) != _shape(wanted):
                self._glue.update_table(
                    DatabaseName=self.database, TableInput=wanted, SkipArchive=True
                )

    def switch(
        self,
        table: Table,
        partition: str | None,
        location: str,
        parameters: Mapping[str, str],
        *,
        root: str | None = None,
    ) -> None:
        """Makes `location` what readers of the table or partition see, in one call.

        `root` is the folder of a partitioned table; the table is created there if need be.
        """
        if partition is None:
            with self._explained():
                self._switch_table(_table_input(table, location, parameters))
            return
        if table.name not in self._current:
            self.ensure_table(table, root or location)
            self._current.add(table.name)
        entry = {
            "Values": [partition],
            "StorageDescriptor": _storage(table, location),
            "Parameters": dict(parameters),
        }
        with self._explained():
            try:
                self._switch_partition(table.name, entry)
            except self._glue.exceptions.EntityNotFoundException:
                self._create_table(_table_input(table, root or location, {}))
                self._switch_partition(table.name, entry)

    def entry(self, table_name: str, partition: str | None = None) -> Entry | None:
        """Where Glue points, or None if nothing is published there."""
        if partition is None:
            found = self._table(table_name)
        else:
            found = self._partition(table_name, partition)
        return _entry(found) if found else None

    def location(self, table_name: str, partition: str | None = None) -> str | None:
        """The folder readers see, ending in a slash, or None if nothing is published there."""
        entry = self.entry(table_name, partition)
        return entry.location if entry else None

    def partitions(self, table_name: str) -> dict[str, Entry]:
        """Every published partition by its value, in order; empty if there is no such table."""
        found: dict[str, Entry] = {}
        pages = self._glue.get_paginator("get_partitions")
        with self._explained():
            try:
                for page in pages.paginate(DatabaseName=self.database, TableName=table_name):
                    found |= {p["Values"][0]: _entry(p) for p in page["Partitions"]}
            except self._glue.exceptions.EntityNotFoundException:
                self._require_database()
        return dict(sorted(found.items()))

    def tables(self) -> dict[str, Entry]:
        """Every table of the database by name."""
        pages = self._glue.get_paginator("get_tables")
        with self._explained():
            return {
                table["Name"]: _entry(table)
                for page in pages.paginate(DatabaseName=self.database)
                for table in page["TableList"]
            }

    @property
    def _glue(self) -> Any:
        return self.aws.client("glue")

    def _explained(self) -> AbstractContextManager[None]:
        return explained(f"The Glue database {self.database}", CATALOG)

    def _require_database(self) -> None:
        with self._explained():
            self._glue.get_database(Name=self.database)

    def _table(self, name: str) -> dict[str, Any] | None:
        with self._explained():
            try:
                table: dict[str, Any] = self._glue.get_table(DatabaseName=self.database, Name=name)[
                    "Table"
                ]
            except self._glue.exceptions.EntityNotFoundException:
                self._require_database()
                return None
        return table

    def _partition(self, table_name: str, partition: str) -> dict[str, Any] | None:
        with self._explained():
            try:
                found: dict[str, Any] = self._glue.get_partition(
                    DatabaseName=self.database, TableName=table_name, PartitionValues=[partition]
                )["Partition"]
            except self._glue.exceptions.EntityNotFoundException:
                self._require_database()
                return None
        return found

    def _create_table(self, table_input: dict[str, Any]) -> bool:
        """Creates a table; False if another run has just done so."""
        try:
            self._glue.create_table(DatabaseName=self.database, TableInput=table_input)
        except self._glue.exceptions.AlreadyExistsException:
            return False
        return True

    def _switch_table(self, table_input: dict[str, Any]) -> None:
        update = {"DatabaseName": self.database, "TableInput": table_input, "SkipArchive": True}
        for attempt in range(_ATTEMPTS):
            try:
                self._glue.update_table(**update)
            except self._glue.exceptions.EntityNotFoundException:
                if self._create_table(table_input):
                    return
            except self._glue.exceptions.ConcurrentModificationException:
                if attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(0.1 * 2**attempt)
            else:
                return

    def _switch_partition(self, table_name: str, entry: dict[str, Any]) -> None:
        where = {"DatabaseName": self.database, "TableName": table_name, "PartitionInput": entry}
        glue = self._glue
        try:
            glue.update_partition(**where, PartitionValueList=entry["Values"])
        except glue.exceptions.EntityNotFoundException:
            try:
                glue.create_partition(**where)
            except glue.exceptions.AlreadyExistsException:
                glue.update_partition(**where, PartitionValueList=entry["Values"])


def _columns(columns: tuple[Column, ...]) -> list[dict[str, str]]:
    return [{"Name": c.name, "Type": c.type, "Comment": c.description} for c in columns]


def _storage(table: Table, location: str) -> dict[str, Any]:
    return {"Columns": _columns(table.columns), "Location": location, **_FORMAT}


def _table_input(table: Table, location: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    return {
        "Name": table.name,
        "Description": table.description,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"classification": "parquet", "EXTERNAL": "TRUE", **parameters},
        "PartitionKeys": _columns(table.partitioned_by),
        "StorageDescriptor": _storage(table, location),
    }


def _shape(table: Mapping[str, Any]) -> Any:
    """What of a table must equal its declaration."""
    columns = table["StorageDescriptor"]["Columns"], table.get("PartitionKeys", [])
    return table.get("Description"), *([(c["Name"], c["Type"]) for c in part] for part in columns)


def _entry(found: Mapping[str, Any]) -> Entry:
    return Entry(found["StorageDescriptor"]["Location"], dict(found.get("Parameters") or {}))
