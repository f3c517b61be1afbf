"""The marts: which table each SQL file fills, from what, and what its figures must add up to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from data_assets import tables
from data_assets.conventions import data_key
from data_assets.marts import figures
from resources.tables import Table

if TYPE_CHECKING:
    import pandas as pd

_SQL = Path(__file__).parent / "sql"


@dataclass(frozen=True)
class Mart:
    """A mart. Its SQL is the file of the table's name; Athena writes the result by UNLOAD, unless
    `finish` turns it, a small one, into the mart's rows.

    `control` is a column of the SQL's rows and a query for what it must add up to, so that a join
    which loses or doubles rows of the source doesn't pass unseen; None where no column adds up.
    """

    table: Table
    sources: tuple[Table, ...]
    control: tuple[str, str] | None = None
    finish: Callable[[pd.DataFrame], pd.DataFrame] | None = None

    @property
    def sql(self) -> str:
        return (_SQL / f"{self.table.name}.sql").read_text("utf-8")


_SALES = (tables.PURCHASES, tables.PRODUCTS, tables.CATEGORIES)
_UNITS_SOLD = ("units", "SELECT SUM(quantity) FROM purchases")

MARTS = (
    Mart(
        tables.CHANNEL_BY_AGE_BAND,
        (tables.SURVEY_RESPONSES,),
        ("respondents", "SELECT 2 * COUNT(*) FROM survey_responses"),
        figures.channel_by_age_band,
    ),
    Mart(tables.SALES_BY_CATEGORY, _SALES, _UNITS_SOLD),
    Mart(
        tables.SALES_BY_AGE_BAND_AND_CATEGORY,
        _SALES,
        _UNITS_SOLD,
        figures.sales_by_age_band_and_category,
    ),
    Mart(
        tables.CATEGORY_SALES_AND_REVIEWS,
        (*_SALES, tables.REVIEWS),
        ("reviews", "SELECT COUNT(*) FROM reviews"),
    ),
    Mart(
        tables.SALES_REVIEW_CORRELATION,
        (tables.CATEGORY_SALES_AND_REVIEWS,),
        finish=figures.sales_review_correlation,
    ),
    Mart(
        tables.CLICKS_BY_HOUR,
        (tables.CLICKS,),
        ("clicks", "SELECT COUNT(*) FROM clicks WHERE device <> 'bot'"),
    ),
    Mart(
        tables.ATTRIBUTE_CATEGORY_ASSOCIATION,
        (*_SALES, tables.CUSTOMERS),
        finish=figures.attribute_category_association,
    ),
)


def asset_of(table: Table) -> dg.AssetKey:
    """The asset that publishes a table."""
    if table in tables.EXTRACTS:
        return data_key("extracts", table.name)
    if table in (tables.SURVEY_RESPONSES, tables.SURVEY_ANSWERS):
        return data_key("surveys", table.name.removeprefix("survey_"))
    if table == tables.CLICKS:
        return data_key("clickstream", table.name)
    return data_key("marts", table.name)
