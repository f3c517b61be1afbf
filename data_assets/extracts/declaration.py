"""How a table of the shop is declared for extraction: every column, once, with what becomes of it.

The declaration decides what is read at all, what the lake's columns hold, and what the data
dictionary says. A column of the source that it doesn't name, or that has changed, fails the
extract before a row is read (E1): nobody has said yet whether it is personal data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from data_assets.conventions import data_key
from data_assets.masking import Kind, RepeatedPseudonyms, age_band, normalised_email, pseudonyms
from data_assets.partitions import utc_bounds
from resources.tables import Table

if TYPE_CHECKING:
    import dagster as dg
    import polars as pl

SourceType = Literal["bigint", "int", "tinyint", "varchar", "char", "text", "date", "datetime"]

BIRTH_DATE = "birth_date"

_DECLARED_IN = "data_assets/extracts/sources.py"


@dataclass(frozen=True)
class Masking:
    """What masking needs besides the rows: the pseudonym key and the day of a snapshot."""

    key: str
    day: date

    @cached_property
    def customers(self) -> RepeatedPseudonyms:
        """The customers met so far: most come in many rows."""
        return RepeatedPseudonyms("customer", self.key)


@dataclass(frozen=True)
class Use:
    """What becomes of a source column: `says` is for people.

    `to` names the lake's column; without it the source's own name stays.
    """

    says: str
    to: str | None = None

    def sql(self, column: str) -> str | None:
        """What is read; None if nothing is."""
        return column

    def value(self, source: pl.Expr, masking: Masking) -> pl.Expr:
        """The lake's column, of what was read."""
        return source


class Drop(Use):
    """Not even read."""

    def sql(self, column: str) -> None:
        return None


class Length(Use):
    """The number of characters, counted by the database: the text is not read."""

    def sql(self, column: str) -> str:
        return f"CHAR_LENGTH({column})"


@dataclass(frozen=True)
class Pseudonym(Use):
    """A keyed pseudonym; a value has the same one in every table."""

    kind: Kind = "customer"

    def value(self, source: pl.Expr, masking: Masking) -> pl.Expr:
        import polars as pl

        if self.kind == "customer":
            return source.map_batches(masking.customers.of, return_dtype=pl.Binary)
        value = normalised_email(source) if self.kind == "email" else source
        return pseudonyms(self.kind, value, masking.key)


class AgeOnSnapshot(Use):
    """The age band on the day of the snapshot."""

    def value(self, source: pl.Expr, masking: Masking) -> pl.Expr:
        return age_band(source, masking.day)


class TokyoDay(Use):
    """The Tokyo day of a time in UTC."""

    def value(self, source: pl.Expr, masking: Masking) -> pl.Expr:
        return tokyo_day(source)


KEEP = Use("kept")


@dataclass(frozen=True)
class SourceColumn:
    """A column of the shop's table, and what becomes of it."""

    name: str
    type: SourceType
    use: Use


@dataclass(frozen=True)
class Extract:
    """A table of the shop and the lake's table it becomes.

    The first column is the source's key. With `day_column`, the lake's table is partitioned by
    the Tokyo day of that column; else each extraction is a snapshot of the whole. With
    `buyer_column`, which holds a customer's id, each row carries that customer's age band on its
    business day.
    """

    table: Table
    columns: tuple[SourceColumn, ...]
    day_column: str | None = None
    buyer_column: str | None = None

    @property
    def asset_key(self) -> dg.AssetKey:
        return data_key("extracts", self.table.name)

    @property
    def source_key(self) -> str:
        """The source's key column, which is kept or pseudonymised, never NULL."""
        return self.columns[0].name

    @property
    def has_open_text(self) -> bool:
        """Whether a text column of the lake's table may hold other than declared values."""
        return any(c.type == "string" and c.allowed is None for c in self.table.columns)

    def require_declared(self, found: Mapping[str, str]) -> None:
        """Holds the source's columns and types against the declaration.

        Raises UndeclaredSourceError naming every column that is new, missing or changed.
        """
        declared: dict[str, str] = {column.name: column.type for column in self.columns}
        table = self.table.name
        problems = [
            f"{table}.{name} ({found[name]}) is new: declare whether it is kept, dropped, "
            f"pseudonymised or generalised"
            for name in found.keys() - declared.keys()
        ]
        problems += [
            f"{table}.{name} is gone: take it out of the declaration, and its column out of the "
            "lake's table or make it nullable"
            for name in declared.keys() - found.keys()
        ]
        problems += [
            f"{table}.{name} was {declared[name]} and is now {found[name]}: check what it holds, "
            "then declare the new type"
            for name in declared.keys() & found.keys()
            if declared[name] != found[name]
        ]
        if problems:
            raise UndeclaredSourceError(sorted(problems))

    def statement(self, spans: Sequence[tuple[date, date]] = ()) -> str:
        """The SELECT of the rows of some business days (first, last), or of the whole table."""
        values = ", ".join(
            f"{sql} AS `{column.name}`"
            for column in self.columns
            if (sql := column.use.sql(f"`{column.name}`")) is not None
        )
        return f"SELECT {values} FROM `{self.table.name}` WHERE {self._condition(spans)}"  # noqa: S608

    def masked(self, rows: pl.DataFrame, masking: Masking) -> pl.DataFrame:
        """Source rows as the lake's, without personal data.

        With `buyer_column`, `rows` has the buyers' birth dates in `birth_date`, too.
        """
        import polars as pl

        values = {
            column.use.to or column.name: column.use.value(pl.col(column.name), masking)
            for column in self.columns
            if column.use.sql(column.name) is not None
        }
        if self.buyer_column and self.day_column:
            values["age_band"] = age_band(pl.col(BIRTH_DATE), tokyo_day(pl.col(self.day_column)))
        return rows.select(
            values[name].cast(dtype).alias(name)
            for name, dtype in self.table.polars_schema().items()
        )

    def _condition(self, spans: Sequence[tuple[date, date]]) -> str:
        if not self.day_column:
            return "TRUE"
        name = f"`{self.day_column}`"
        ranges = [[f"{bound:%Y-%m-%d %H:%M:%S}" for bound in utc_bounds(*span)] for span in spans]
        return " OR ".join(f"({name} >= '{low}' AND {name} < '{high}')" for low, high in ranges)


class UndeclaredSourceError(Exception):
    """The shop's table isn't as declared; nothing was read."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(
            f"The shop's database has changed, so nothing was read. {'. '.join(problems)}. "
            f"The declarations are in {_DECLARED_IN}."
        )
        self.problems = tuple(problems)


def tokyo_day(instant: pl.Expr) -> pl.Expr:
    """The business day of times in UTC without a zone; Japan keeps UTC+9 all year."""
    return (instant + timedelta(hours=9)).dt.date()
