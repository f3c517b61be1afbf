"""Pseudonyms and age bands by the contract (E1, E4)."""

from __future__ import annotations

import hashlib
import hmac
from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_assets.masking import (
    Kind,
    RepeatedPseudonyms,
    age_band,
    band_of_years,
    normalised_email,
    pseudonyms,
    respondent,
)

KEY = "鍵" * 50


def expected(kind: str, value: object, key: str = KEY) -> bytes:
    message = kind.encode() + b"\0" + str(value).encode()
    return hmac.new(key.encode(), message, hashlib.sha256).digest()[:16]


@pytest.mark.parametrize("kind", ["customer", "email", "session", "respondent"])
@pytest.mark.parametrize("values", [["a", "b", "c"], ["a", "b", "a", None, "a", "𠮷"], ["a"] * 9])
def test_pseudonyms_are_the_first_half_of_a_keyed_hash(
    kind: Kind, values: list[str | None]
) -> None:
    """Whether values repeat or not; NULL stays NULL, and the order stays."""
    found = pseudonyms(kind, pl.Series("v", values), KEY)
    assert found.to_list() == [value and expected(kind, value) for value in values]
    assert found.dtype == pl.Binary and found.name == "v"


@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)), st.text(min_size=1))
def test_numbers_count_in_decimal_under_any_key(values: list[int | None], key: str) -> None:
    found = pseudonyms("customer", pl.Series("v", values, pl.Int64), key)
    assert found.to_list() == [
        None if value is None else expected("customer", value, key) for value in values
    ]


@given(st.lists(st.lists(st.none() | st.integers(-3, 40) | st.sampled_from([2**40, 2**63 - 1]))))
def test_repeated_numbers_get_the_same_pseudonyms_batch_by_batch(
    batches: list[list[int | None]],
) -> None:
    """Also those for which there is no room, and NULL."""
    repeated = RepeatedPseudonyms("customer", KEY, room=30)
    for values in batches:
        series = pl.Series("v", values, pl.Int64)
        assert repeated.of(series).equals(pseudonyms("customer", series, KEY), check_names=True)


def test_pseudonyms_work_inside_an_expression() -> None:
    frame = pl.DataFrame({"v": [3, 1]}).with_columns(k=pseudonyms("session", pl.col("v"), KEY))
    assert frame["k"].to_list() == [expected("session", 3), expected("session", 1)]


def test_another_key_or_kind_gives_another_pseudonym() -> None:
    values = pl.Series(["1"])
    kinds: list[Kind] = ["customer", "email"]
    found = {pseudonyms(kind, values, key)[0] for key in ("a", "b") for kind in kinds}
    assert len(found) == 4


def test_a_respondents_pseudonym_is_of_the_quarter_and_the_id() -> None:
    frame = pl.DataFrame({"id": [7]}).select(respondent("2024Q2", pl.col("id")))
    assert pseudonyms("respondent", frame.to_series(), KEY)[0] == expected(
        "respondent", "2024Q2\x007"
    )


@pytest.mark.parametrize(
    ("raw", "normal"),
    [
        ("Taro@Example.JP", "taro@example.jp"),
        ("\u3000ｔａｒｏ＠example.jp ", "taro@example.jp"),
        ("  ", None),
        ("", None),
        (None, None),
    ],
)
def test_addresses_are_normalised_before_they_are_hashed(raw: str, normal: str | None) -> None:
    frame = pl.DataFrame({"e": [raw]}, schema={"e": pl.String})
    assert frame.select(normalised_email(pl.col("e"))).item() == normal


@pytest.mark.parametrize(
    ("birth", "on", "band"),
    [
        (date(2004, 6, 2), date(2024, 6, 1), "10s"),
        (date(2004, 6, 1), date(2024, 6, 1), "20s"),
        (date(2004, 2, 29), date(2024, 2, 28), "10s"),
        (date(2004, 2, 29), date(2024, 2, 29), "20s"),
        (date(2004, 2, 29), date(2034, 2, 28), "20s"),
        (date(2004, 2, 29), date(2034, 3, 1), "30s"),
        (date(1954, 6, 2), date(2024, 6, 1), "60s"),
        (date(1954, 6, 1), date(2024, 6, 1), "70+"),
        (date(1850, 1, 1), date(2024, 6, 1), "70+"),
        (date(2024, 6, 2), date(2024, 6, 1), "unknown"),
        (None, date(2024, 6, 1), "unknown"),
    ],
)
def test_age_bands_count_completed_years(birth: date | None, on: date, band: str) -> None:
    frame = pl.DataFrame({"b": [birth], "d": [on]}, schema={"b": pl.Date, "d": pl.Date})
    assert frame.select(age_band(pl.col("b"), on)).item() == band
    assert frame.select(age_band(pl.col("b"), pl.col("d"))).item() == band


def test_bands_of_years_are_the_contracts() -> None:
    years = {None: "unknown", -1: "unknown", 0: "10s", 19: "10s", 70: "70+", 150: "70+"}
    years |= {y: f"{decade}s" for decade in range(20, 70, 10) for y in (decade, decade + 9)}
    frame = pl.DataFrame({"y": list(years)}).select(band_of_years(pl.col("y")))
    assert frame.to_series().to_list() == list(years.values())
