"""What becomes of a query's rows before they are a mart: small groups hidden, statistics added.

Each function takes the rows of the SQL file of its name and returns those of its table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from data_assets.marts.statistics import association, correlation, wilson_interval
from data_assets.marts.suppression import (
    FEWEST_PEOPLE,
    cells_of,
    hidden_cells,
    lines_of,
    suppressed,
)
from data_assets.tables import ALL_QUARTERS, ATTRIBUTES, CORRELATION_METHODS

if TYPE_CHECKING:
    import pandas as pd


def channel_by_age_band(rows: pd.DataFrame) -> pd.DataFrame:
    """Adds shares with their intervals and hides small groups (A1)."""
    key = ["quarter", "age_band", "channel"]
    low, high = wilson_interval(rows["respondents"], rows["base"])
    cells = rows.assign(
        share=rows["respondents"] / rows["base"],
        share_low=low,
        share_high=high,
    )
    people = dict(zip(cells_of(cells, key), cells["respondents"], strict=True))
    lines = lines_of(people, along=2) + lines_of(people, along=0, total=ALL_QUARTERS)
    figures = ["respondents", "share", "share_low", "share_high"]
    result = suppressed(cells, hidden_cells(people, lines), key, figures)
    result["base"] = result["base"].mask(result["base"] < FEWEST_PEOPLE)
    return result


def sales_by_age_band_and_category(rows: pd.DataFrame) -> pd.DataFrame:
    """Hides small groups; the totals of a month and category stand in `sales_by_category` (A3)."""
    key = ["month", "age_band", "category_id"]
    people = dict(zip(cells_of(rows, key), rows["buyers"], strict=True))
    hidden = hidden_cells(people, lines_of(people, along=1))
    return suppressed(rows, hidden, key, ["units", "sales_yen", "buyers"])


def sales_review_correlation(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per method (A4)."""
    import pandas as pd

    found = [
        {"method": method, **vars(correlation(method, rows["sales_rate"], rows["mean_rating"]))}
        for method in CORRELATION_METHODS
    ]
    return pd.DataFrame(found)


def attribute_category_association(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per attribute (A6)."""
    import pandas as pd

    found = []
    for attribute in ATTRIBUTES:
        pairs = rows[rows["attribute"] == attribute]
        table = pairs.pivot_table(
            index="described_as", columns="category_id", values="pairs", aggfunc="sum", fill_value=0
        )
        found.append({"attribute": attribute, **vars(association(table))})
    return pd.DataFrame(found)
