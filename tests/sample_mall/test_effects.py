"""The planted effects are in the raw data, at the size at which the marts must recover them."""

from datetime import timedelta

import polars as pl
import pytest
from scipy.stats import chi2_contingency, pearsonr, spearmanr

from mall_platform.sample_mall import effects
from mall_platform.sample_mall.people import completed_years


@pytest.fixture(scope="module")
def sold(sample: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Purchases of known categories with the buyer's attributes on the day of the purchase."""
    rows = (
        sample["purchases"]
        .join(sample["products"].select("product_id", "category_id"), on="product_id")
        .join(
            sample["categories"].select("category_id", category="name"),
            on="category_id",
        )
        .join(sample["customers"], on="customer_id")
    )
    day = (rows["purchased_at"] + timedelta(hours=9)).dt.date().to_numpy()
    age = pl.Series(completed_years(rows["birth_date"].to_numpy(), day))
    decade = age.clip(10, 70) // 10 * 10
    band = pl.select(
        pl.when(age < 0)
        .then(None)
        .when(decade == 70)
        .then(pl.lit("70+"))
        .otherwise(decade.cast(pl.String) + "s")
    ).to_series()
    return rows.with_columns(age_band=band)


def test_a3_one_band_overbuys_one_category(sold: pl.DataFrame) -> None:
    def share(rows: pl.DataFrame) -> float:
        of_band = rows.filter(age_band=effects.OVERBOUGHT_BAND)
        return of_band["quantity"].sum() / rows["quantity"].sum()

    lift = share(sold.filter(category=effects.OVERBOUGHT_CATEGORY)) / share(sold)
    assert lift > effects.OVERBOUGHT_LIFT_FLOOR


def test_a2_a4_what_sells_more_is_rated_better_and_the_unloved_last(
    sold: pl.DataFrame, sample: dict[str, pl.DataFrame]
) -> None:
    units = sold.group_by("category_id", "category").agg(units=pl.col("quantity").sum())
    ratings = (
        sample["reviews"]
        .join(sample["products"], on="product_id")
        .group_by("category_id")
        .agg(rating=pl.col("rating").mean())
    )
    both = units.join(ratings, on="category_id").sort("units")
    assert both["category"][0] == effects.UNLOVED_CATEGORY
    assert both.sort("rating")["category"][0] == effects.UNLOVED_CATEGORY
    assert both["rating"].min() < effects.UNLOVED_RATING_CEILING
    for method in (pearsonr, spearmanr):
        result = method(both["units"].to_numpy(), both["rating"].to_numpy())
        assert result.statistic > effects.SALES_REVIEW_CORRELATION_FLOOR
        assert result.pvalue < 0.05


def test_a6_attributes_are_associated_with_categories_in_the_planted_order(
    sold: pl.DataFrame,
) -> None:
    cramers_v = {}
    for attribute in effects.ATTRIBUTES_BY_ASSOCIATION:
        pairs = sold.filter(pl.col("quantity") > 0, pl.col(attribute).is_not_null()).unique(
            ["customer_id", "category_id"]
        )
        table = (
            pairs.group_by(attribute, "category_id")
            .len()
            .pivot("category_id", index=attribute, values="len")
            .fill_null(0)
            .drop(attribute)
            .to_numpy()
        )
        chi_square = chi2_contingency(table, correction=False).statistic
        cramers_v[attribute] = (chi_square / (len(pairs) * (min(table.shape) - 1))) ** 0.5
    assert sorted(cramers_v, key=lambda a: -cramers_v[a]) == list(effects.ATTRIBUTES_BY_ASSOCIATION)
    for attribute, floor in effects.ASSOCIATION_FLOOR.items():
        assert cramers_v[attribute] > floor
    assert cramers_v["prefecture"] < effects.UNASSOCIATED_CEILING
