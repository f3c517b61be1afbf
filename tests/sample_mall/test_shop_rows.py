"""The generated rows: the same every time, within memory, dirty in the ways that are said."""

import itertools
import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from mall_platform.sample_mall import catalogue
from mall_platform.sample_mall.people import Population, completed_years
from mall_platform.sample_mall.shop import ShopSize, frames
from mall_platform.sample_mall.window import Window

LAST_DAY = date(2024, 6, 30)
SMALL = ShopSize(1_000, 4_000, 800, 200, 10, LAST_DAY)
EMAIL = r"[\w.+-]+@example[\w.]+"


def in_window(column: str, window: Window) -> pl.Expr:
    us = pl.col(column).dt.timestamp("us")
    return us.is_between(window.start_us, window.end_us - 1)


def test_the_same_seed_gives_the_same_shop_and_another_seed_another() -> None:
    first, again, other = (list(frames(SMALL, seed)) for seed in (1, 1, 2))
    for (table, rows), (table_again, rows_again) in zip(first, again, strict=True):
        assert table == table_again
        assert_frame_equal(rows, rows_again)
    customers = dict(first)["customers"]
    assert not customers["email"].equals(dict(other)["customers"]["email"])


def test_a_customer_is_the_same_in_any_batch() -> None:
    population = Population(1, 1_000, SMALL.window)
    whole = next(population.frames())
    some = np.array([3, 500, 999])
    assert_frame_equal(population.frame(some), whole[some - 1])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("customers", 999),
        ("customers", 10_000_001),
        ("products", 99),
        ("days", 0),
        ("purchases", 0),
        ("reviews", 2_001),
    ],
)
def test_a_size_that_cannot_be_made_is_refused(field: str, value: int) -> None:
    with pytest.raises(ValueError, match=field):
        replace(SMALL, **{field: value})


def test_ten_million_customers_come_in_small_batches() -> None:
    size = ShopSize(10_000_000, 100_000_000, 10_000_000, 100_000, 365, LAST_DAY)
    upcoming = itertools.islice(frames(size, 1), 8)
    assert max(len(rows) for _, rows in upcoming) <= 50_000


def test_memory_stays_flat_however_many_rows() -> None:
    def resident_mb() -> float:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * 4096 / 1e6

    after = [
        resident_mb() for _ in frames(ShopSize(50_000, 700_000, 70_000, 500, 365, LAST_DAY), 1)
    ]
    assert len(after) > 25
    assert max(after[15:]) < max(after[:10]) + 60


def test_every_row_of_the_asked_number_is_there_with_a_key_of_its_own(
    sample: dict[str, pl.DataFrame],
) -> None:
    expected = {
        "customers": 20_000,
        "products": 2_000,
        "purchases": 200_000,
        "reviews": 40_000,
        "categories": len(catalogue.CATEGORIES),
    }
    assert {table: len(rows) for table, rows in sample.items()} == expected
    for rows in sample.values():
        assert rows[:, 0].n_unique() == len(rows)


def test_what_happens_happens_within_the_days(sample: dict[str, pl.DataFrame]) -> None:
    window = Window(LAST_DAY, 90)
    assert window.first_day == date(2024, 4, 2)
    assert sample["purchases"].select(in_window("purchased_at", window).all()).item()
    assert sample["reviews"].select(in_window("created_at", window).all()).item()
    for rows in sample.values():
        assert rows["updated_at"].dt.timestamp("us").max() < window.end_us
        assert (rows["updated_at"] >= rows["created_at"]).all()
    days = (sample["purchases"]["purchased_at"] + timedelta(hours=9)).dt.date()
    assert days.n_unique() == 90


def test_a_return_refers_once_to_an_earlier_order_of_the_same_customer(
    sample: dict[str, pl.DataFrame],
) -> None:
    purchases = sample["purchases"]
    returns = purchases.filter(pl.col("return_of").is_not_null())
    assert len(returns) == pytest.approx(10_000, abs=2)
    pairs = returns.join(purchases, left_on="return_of", right_on="purchase_id", suffix="_order")
    assert len(pairs) == len(returns) == returns["return_of"].n_unique()
    assert pairs.select(
        (
            (pl.col("quantity") < 0)
            & (pl.col("amount_yen") < 0)
            & (-pl.col("quantity") <= pl.col("quantity_order"))
            & (-pl.col("amount_yen") <= pl.col("amount_yen_order"))
            & (pl.col("customer_id") == pl.col("customer_id_order"))
            & (pl.col("product_id") == pl.col("product_id_order"))
            & (pl.col("purchased_at") >= pl.col("purchased_at_order"))
            & pl.col("return_of_order").is_null()
        ).all()
    ).item()
    assert (-pairs["quantity"] < pairs["quantity_order"]).any()
    orders = purchases.filter(pl.col("return_of").is_null())
    assert (orders["quantity"] > 0).all()
    assert (orders["amount_yen"] > 0).all()


def test_nobody_buys_before_signing_up_or_reviews_before_buying(
    sample: dict[str, pl.DataFrame],
) -> None:
    bought = sample["purchases"].join(sample["customers"], on="customer_id", validate="m:1")
    assert len(bought) == len(sample["purchases"])
    assert (bought["purchased_at"] >= bought["signed_up_at"]).all()
    about = sample["reviews"].join(sample["purchases"], on="purchase_id", suffix="_of_order")
    assert (about["created_at"] >= about["purchased_at"]).all()
    assert (about["customer_id"] == about["customer_id_of_order"]).all()
    assert (about["product_id"] == about["product_id_of_order"]).all()


def test_some_rows_arrive_or_change_after_their_day(sample: dict[str, pl.DataFrame]) -> None:
    tokyo_day = (pl.col("purchased_at") + timedelta(hours=9)).dt.date()
    arrived = (pl.col("created_at") + timedelta(hours=9)).dt.date()
    touched = (pl.col("updated_at") + timedelta(hours=9)).dt.date()
    late, changed = (
        sample["purchases"]
        .select(
            late=(arrived > tokyo_day).mean(),
            changed=((touched > tokyo_day) & (arrived == tokyo_day)).mean(),
        )
        .row(0)
    )
    assert 0.003 < late < 0.01
    assert 0.008 < changed < 0.02
    edited = (sample["reviews"]["updated_at"] > sample["reviews"]["created_at"]).mean()
    assert 0.008 < edited < 0.02


def test_only_nullable_columns_have_nulls_and_all_of_them_do(
    sample: dict[str, pl.DataFrame],
) -> None:
    nulls = {
        table: {column for column in rows.columns if rows[column].null_count()}
        for table, rows in sample.items()
    }
    assert nulls == {
        "customers": {
            *("name_kana", "phone", "postal_code", "prefecture", "address", "birth_date"),
            "gender",
        },
        "categories": {"parent_id"},
        "products": {"category_id"},
        "purchases": {"return_of"},
        "reviews": {"purchase_id", "title", "body"},
    }


def test_people_who_registered_twice_share_an_email_once_it_is_normalised(
    sample: dict[str, pl.DataFrame],
) -> None:
    typed = sample["customers"]["email"]
    same = typed.str.normalize("NFKC").str.strip_chars().str.to_lowercase()
    twice = len(same) - same.n_unique()
    assert 200 < twice < 400
    assert typed.n_unique() > same.n_unique()
    assert same.str.contains(f"^{EMAIL}$").all()


def test_categories_and_products_are_sometimes_unknown(sample: dict[str, pl.DataFrame]) -> None:
    known = sample["categories"]["category_id"].implode()
    categories = sample["products"]["category_id"]
    assert categories.null_count() > 20
    assert (~categories.drop_nulls().is_in(known)).sum() > 5
    strange = ~sample["purchases"]["product_id"].is_in(sample["products"]["product_id"].implode())
    assert 0.004 < strange.mean() < 0.015


def test_some_reviews_give_away_their_author(sample: dict[str, pl.DataFrame]) -> None:
    told = sample["reviews"].join(sample["customers"], on="customer_id")
    bodies = told.drop_nulls("body")
    shown = bodies.filter(pl.col("body").str.contains("連絡は", literal=True))
    assert len(shown) > 300
    assert shown.select(pl.col("body").str.contains(pl.col("email"), literal=True).all()).item()
    assert bodies["body"].str.contains("TEL:").sum() > 300
    named = bodies.select(pl.col("body").str.contains(pl.col("name"), literal=True).sum()).item()
    assert named > 300


def test_values_are_japanese_and_plausible(sample: dict[str, pl.DataFrame]) -> None:
    customers = sample["customers"]
    assert customers["prefecture"].drop_nulls().n_unique() == 47
    assert customers["postal_code"].drop_nulls().str.contains(r"^\d{3}-\d{4}$").all()
    assert customers["name_kana"].drop_nulls().str.contains(r"^[ァ-ヴー]+ [ァ-ヴー]+$").all()
    assert customers["name"].str.contains("𠮷", literal=True).any()
    assert customers["password_hash"].str.contains(r"^\$2b\$12\$[./A-Za-z0-9]{53}$").all()
    plain = (
        customers["phone"].drop_nulls().str.normalize("NFKC").str.replace_all(r"[-+ ]|^\+81", "")
    )
    assert plain.str.contains(r"^(0|81)[789]00\d{7}$").all()
    assert set(customers["gender"].drop_nulls().unique()) == {"F", "M", "X"}
    assert set(sample["reviews"]["rating"].unique()) == {1, 2, 3, 4, 5}
    born = customers["birth_date"].drop_nulls()
    assert born.max() < date(2011, 1, 1)
    assert (born == date(1900, 1, 1)).sum() > 10


def test_phone_numbers_belong_to_nobody(sample: dict[str, pl.DataFrame]) -> None:
    """A Japanese exchange never starts with 0."""
    phones = sample["customers"]["phone"].drop_nulls().str.normalize("NFKC").to_list()
    assert all(re.match(r"^(0|\+81 )[789]0-?0", phone) for phone in phones)


@pytest.mark.parametrize(
    ("born", "on", "years"),
    [
        ("2004-06-30", "2024-06-29", 19),
        ("2004-06-30", "2024-06-30", 20),
        ("2004-02-29", "2024-02-28", 19),
        ("2004-02-29", "2025-02-28", 20),
        ("2004-02-29", "2025-03-01", 21),
        ("NaT", "2024-06-30", -1),
    ],
)
def test_completed_years(born: str, on: str, years: int) -> None:
    day = "datetime64[D]"
    assert completed_years(np.array([born], day), np.array([on], day)).tolist() == [years]
