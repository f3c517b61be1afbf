"""The quarter in a file's name (E2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_assets.surveys.quarter import quarter_of
from data_assets.surveys.rejection import Reason, RejectedSurveyError


@pytest.mark.parametrize(
    "key",
    [
        "surveys/2024Q2.xlsx",
        "surveys/customer survey 2024q2 (final).csv",
        "surveys/アンケート_２０２４Ｑ２.xlsx",
        "surveys/2024年第2四半期アンケート.xlsx",
        "surveys/２０２４年第２四半期.csv",
        "surveys/令和6年第2四半期.csv",
        "surveys/令和６年第２四半期 回答.csv",
        "surveys/R6年第2四半期.csv",
        "surveys/../2023Q1/2024Q2.csv",
        "surveys/2024Q2_2024年第2四半期.csv",
        "2024Q2",
    ],
)
def test_the_three_spellings_are_read(key: str) -> None:
    assert quarter_of(key) == "2024Q2"


@pytest.mark.parametrize(
    ("name", "quarter"),
    [
        ("令和元年第2四半期.csv", "2019Q2"),
        ("令和1年第3四半期.csv", "2019Q3"),
        ("平成31年第1四半期.csv", "2019Q1"),
        ("平成元年第1四半期.csv", "1989Q1"),
    ],
)
def test_first_years_of_eras(name: str, quarter: str) -> None:
    assert quarter_of(name) == quarter


@pytest.mark.parametrize(
    "name",
    [
        "survey.xlsx",
        "2024.xlsx",
        "2024Q5.xlsx",
        "2024Q0.csv",
        "2024Q23.csv",
        "12024Q2.csv",
        "2024年度第2四半期.csv",
        "令和元年第1四半期.csv",
        "平成36年第2四半期.csv",
        "令和0年第2四半期.csv",
        "surveys/2024Q2/answers.csv",
        "",
    ],
)
def test_a_name_without_a_calendar_quarter_is_refused(name: str) -> None:
    with pytest.raises(RejectedSurveyError) as refused:
        quarter_of(name)
    assert refused.value.reason is Reason.NO_QUARTER


def test_two_quarters_in_a_name_are_refused() -> None:
    with pytest.raises(RejectedSurveyError, match="2024Q1, 2024Q2") as refused:
        quarter_of("2024Q1-2024Q2.xlsx")
    assert refused.value.reason is Reason.AMBIGUOUS_QUARTER


@given(year=st.integers(1, 80), quarter=st.integers(1, 4))
def test_the_era_spelling_agrees_with_the_western_one(year: int, quarter: int) -> None:
    if (year, quarter) == (1, 1):
        return
    western = quarter_of(f"{2018 + year}年第{quarter}四半期.csv")
    assert quarter_of(f"令和{year}年第{quarter}四半期.csv") == western == f"{2018 + year}Q{quarter}"
