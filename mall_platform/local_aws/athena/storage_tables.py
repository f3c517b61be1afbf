"""Tables and their partitions as Glue describes them, for the engine to read and write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from mall_platform.local_aws.athena import types
from mall_platform.local_aws.athena.errors import AthenaError, NotSupportedError
from mall_platform.local_aws.athena.storage import Location

if TYPE_CHECKING:
    from collections.abc import Mapping

FileFormat = Literal["parquet", "json", "csv", "delimited"]

_SERDES: dict[str, FileFormat] = {
    "org.apache.hadoop.hive.ql.io.parquet.serde.parquethiveserde": "parquet",
    "org.openx.data.jsonserde.jsonserde": "json",
    "org.apache.hive.hcatalog.data.jsonserde": "json",
    "org.apache.hadoop.hive.serde2.jsonserde": "json",
    "org.apache.hadoop.hive.serde2.opencsvserde": "csv",
    "org.apache.hadoop.hive.serde2.lazy.lazysimpleserde": "delimited",
}


@dataclass(frozen=True)
class Column:
    """A column of a table; `hive_type` is Glue's spelling of its type, in lower case."""

    name: str
    hive_type: str
    comment: str = ""

    @property
    def type(self) -> types.Type:
        return types.parse(self.hive_type)


@dataclass(frozen=True)
class Partition:
    """A registered partition: its values as text, in the order of the table's keys, and where its
    objects are. `columns` are the columns it was registered with."""

    values: tuple[str, ...]
    location: Location
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Table:
    """A table in Glue. `options` holds the table's and the serde's parameters together."""

    database: str
    name: str
    columns: tuple[Column, ...]
    keys: tuple[Column, ...]
    location: Location
    format: FileFormat
    options: Mapping[str, str]

    @property
    def all_columns(self) -> tuple[Column, ...]:
        return (*self.columns, *self.keys)

    def athena_types(self) -> dict[str, str]:
        """Athena's name of each column's type, partition keys last."""
        return {column.name: str(column.type) for column in self.all_columns}


def columns_of(described: Any) -> tuple[Column, ...]:
    """Glue's list of columns; names are case-insensitive and kept in lower case."""
    return tuple(
        Column(c["Name"].lower(), str(c.get("Type") or "string").lower(), c.get("Comment") or "")
        for c in described or ()
    )


def table_of(described: Mapping[str, Any]) -> Table:
    """A table from Glue's description of it.

    Raises NotSupportedError for formats and features that the local Athena doesn't have, and
    AthenaError for a table that Athena couldn't read either.
    """
    descriptor = described.get("StorageDescriptor") or {}
    serde = descriptor.get("SerdeInfo") or {}
    options = {**(described.get("Parameters") or {}), **(serde.get("Parameters") or {})}
    name = f"{described['DatabaseName']}.{described['Name']}"
    if options.get("projection.enabled", "").lower() == "true":
        raise NotSupportedError(f"{name} uses partition projection, which the local Athena hasn't")
    if options.get("table_type", "").lower() == "iceberg":
        raise NotSupportedError(f"{name} is an Iceberg table, which the local Athena can't read")
    if not descriptor.get("Location"):
        raise AthenaError(f"Table {name} has no location", "HIVE_INVALID_METADATA")
    library = str(serde.get("SerializationLibrary") or "").lower()
    if library not in _SERDES:
        raise NotSupportedError(f"{name} is stored with {library or 'no serde'}")
    return Table(
        database=described["DatabaseName"],
        name=described["Name"],
        columns=columns_of(descriptor.get("Columns")),
        keys=columns_of(described.get("PartitionKeys")),
        location=Location.parse(descriptor["Location"]),
        format=_SERDES[library],
        options=options,
    )


def partition_of(table: Table, described: Mapping[str, Any]) -> Partition:
    """A partition from Glue's description of it.

    Raises NotSupportedError if it is stored in another format than its table.
    """
    descriptor = described.get("StorageDescriptor") or {}
    values = tuple(str(value) for value in described["Values"])
    location = descriptor.get("Location")
    library = str((descriptor.get("SerdeInfo") or {}).get("SerializationLibrary") or "").lower()
    if library and _SERDES.get(library) != table.format:
        raise NotSupportedError(
            f"partition {values} of {table.database}.{table.name} has a format of its own"
        )
    return Partition(
        values,
        Location.parse(location) if location else default_location(table, values),
        columns_of(descriptor.get("Columns")) or table.columns,
    )


def default_location(table: Table, values: tuple[str, ...]) -> Location:
    """Where a partition lies unless it says otherwise: `<table>/dt=2024-06-01/`."""
    return Location(table.location.bucket, table.location.prefix + partition_folder(table, values))


def partition_folder(table: Table, values: tuple[str, ...]) -> str:
    """`dt=2024-06-01/hour=09/`, Hive's escapes applied."""
    return "".join(
        f"{key.name}={escape(value)}/" for key, value in zip(table.keys, values, strict=True)
    )


_ESCAPED = frozenset("\"#%'*/:=?\\{[]^\x7f") | {chr(code) for code in range(0x20)}
NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"


def escape(value: str) -> str:
    """A partition value as Hive writes it in a folder's name."""
    return "".join(f"%{ord(sign):02X}" if sign in _ESCAPED else sign for sign in value)
