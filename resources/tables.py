"""How a lake table is declared: once, for its Parquet schema, its Glue table and its documents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

GlueType = Literal["string", "binary", "boolean", "int", "bigint", "double", "date", "timestamp"]


@dataclass(frozen=True)
class Column:
    """One column of a lake table.

    `allowed` closes the set of values. `minimum` and `maximum` are inclusive. Timestamps are UTC
    with milliseconds.
    """

    name: str
    type: GlueType
    description: str
    nullable: bool = False
    allowed: tuple[str, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True)
class Table:
    """A table of the lake: `columns` are in the files, `partitioned_by` are in the key.

    `key` names the columns whose values together are unique within a partition.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    partitioned_by: tuple[Column, ...] = ()
    key: tuple[str, ...] = ()

    def arrow_schema(self) -> pa.Schema:
        """The schema of the table's Parquet files."""
        import pyarrow as pa

        types = {
            "string": pa.string(),
            "binary": pa.binary(),
            "boolean": pa.bool_(),
            "int": pa.int32(),
            "bigint": pa.int64(),
            "double": pa.float64(),
            "date": pa.date32(),
            "timestamp": pa.timestamp("ms"),
        }
        return pa.schema(
            [pa.field(c.name, types[c.type], nullable=c.nullable) for c in self.columns]
        )

    def polars_schema(self) -> pl.Schema:
        """The columns of the table's files as polars holds them, in order."""
        import polars as pl

        types = {
            "string": pl.String(),
            "binary": pl.Binary(),
            "boolean": pl.Boolean(),
            "int": pl.Int32(),
            "bigint": pl.Int64(),
            "double": pl.Float64(),
            "date": pl.Date(),
            "timestamp": pl.Datetime("ms"),
        }
        return pl.Schema({column.name: types[column.type] for column in self.columns})
