"""What cells mean (Q2)."""

from datetime import date, time

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_assets.surveys import values
from data_assets.tables import CHANNELS
from tests.data_assets.surveys.files import CATEGORIES


@pytest.mark.parametrize(
    ("text", "band"),
    [
        ("0", "10s"),
        ("19", "10s"),
        ("20", "20s"),
        ("29歳", "20s"),
        ("３４", "30s"),
        ("満34歳", "30s"),
        ("34.0", "30s"),
        ("69", "60s"),
        ("70", "70+"),
        ("120", "70+"),
        ("10代", "10s"),
        ("20代", "20s"),
        ("２０代", "20s"),
        ("20-29歳", "20s"),
        ("20〜29歳", "20s"),
        ("20―29歳", "20s"),
        ("20～29歳", "20s"),
        ("20歳〜29歳", "20s"),
        ("20 - 29 歳", "20s"),
        ("30～34歳", "30s"),
        ("15-19歳", "10s"),
        ("10代以下", "10s"),
        ("20歳未満", "10s"),
        ("19歳以下", "10s"),
        ("70代", "70+"),
        ("80代", "70+"),
        ("70代以上", "70+"),
        ("70歳以上", "70+"),
        ("80歳以上", "70+"),
        ("70-79歳", "70+"),
    ],
)
def test_ages_and_bands(text: str, band: str) -> None:
    assert values.age_band(text) == band


@pytest.mark.parametrize(
    "text",
    ["", "-1", "121", "150歳", "34.5", "1990", "二十代", "不明", "20-39歳", "60代以上", "25代",
     "29-20歳", "2024-05-01 00:00:00", "20代以下", "70歳未満"],
)  # fmt: skip
def test_what_is_no_age_or_not_within_one_band(text: str) -> None:
    assert values.age_band(text) is None


@given(st.integers(0, 119))
def test_every_age_is_in_the_band_that_its_decade_names(age: int) -> None:
    assert values.age_band(str(age)) == values.age_band(f"{max(age // 10, 1)}0代")


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-01", "2024/5/1", "2024.05.01", "2024年5月1日", "２０２４年５月１日",
        "２０２４／０５／０１",
        "２０２４−０５−０１", "２０２４ー０５ー０１", "2024‐05‐01", "2024–05–01", "R6―5―1",
        "2024-05-01 00:00:00", "2024/05/01 23:59", "2024/05/01 9時30分", "2024-05-01T12:34:56.789Z",
        "2024年5月1日 午後3:15", "2024年5月1日（水）", "20240501", "45413", "45413.75",
        "令和6年5月1日", "令和６年５月１日", "R6.5.1", "R6/05/01", "令6.5.1", "㋿6年5月1日",
        "令和 6 年 5 月 1 日",
    ],
)  # fmt: skip
def test_dates(text: str) -> None:
    assert values.days(pl.Series([text, None])).to_list() == [date(2024, 5, 1), None]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("令和元年5月1日", date(2019, 5, 1)),
        ("令和1年12月31日", date(2019, 12, 31)),
        ("平成31年4月30日", date(2019, 4, 30)),
        ("平成元年1月8日", date(1989, 1, 8)),
        ("昭和64年1月7日", date(1989, 1, 7)),
        ("2024-02-29", date(2024, 2, 29)),
    ],
)
def test_first_and_last_days_of_eras(text: str, day: date) -> None:
    assert values.day(text) == day


@pytest.mark.parametrize(
    "text",
    ["2024-02-30", "2023-02-29", "2024/13/01", "24/05/01", "05/01/2024", "2024-05", "2024",
     "令和元年4月30日", "令和0年5月1日", "平成31年5月1日", "昭和64年1月8日", "令和6年2月30日",
     "2024/05/01 24:00", "2024/05/01 10:60", "99999", "5", "1800-01-01", "先週", "2024-05-01x"],
)  # fmt: skip
def test_impossible_dates(text: str) -> None:
    assert values.days(pl.Series([text])).to_list() == [None]


_ERAS = [
    ("昭和", "S", date(1926, 12, 25), date(1989, 1, 7)),
    ("平成", "H", date(1989, 1, 8), date(2019, 4, 30)),
    ("令和", "R", date(2019, 5, 1), date(2099, 12, 31)),
]
_FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


@given(st.dates(date(1926, 12, 25), date(2099, 12, 31)), st.booleans(), st.booleans())
def test_era_dates_round_trip(day: date, short: bool, full_width: bool) -> None:
    name, letter, first, _ = next(era for era in _ERAS if era[2] <= day <= era[3])
    year = day.year - first.year + 1
    text = (
        f"{letter}{year}.{day.month}.{day.day}"
        if short
        else f"{name}{'元' if year == 1 else year}年{day.month}月{day.day}日"
    )
    assert values.day(text.translate(_FULL_WIDTH) if full_width else text) == day


@given(day=st.dates(date(1930, 1, 1), date(2099, 12, 31)), moment=st.times())
def test_serials_and_times_round_trip(day: date, moment: time) -> None:
    serial = (day - date(1899, 12, 30)).days
    fraction = (moment.hour * 60 + moment.minute) / 1440
    texts = [str(serial), repr(serial + fraction), f"{day:%Y/%m/%d} {moment}", f"{day}T{moment}"]
    assert values.days(pl.Series(texts)).to_list() == [day] * 4


def test_scores_stay_in_their_range() -> None:
    cells = pl.Series(["1", "５", "4.0", "3点", "0", "6", "4.5", "良い", None])
    assert values.scores(cells, 1, 5).to_list() == [1, 5, 4, 3, None, None, None, None, None]
    assert values.scores(pl.Series(["0", "10", "11"]), 0, 10).to_list() == [0, 10, None]


def test_an_option_is_known_in_any_width_and_case() -> None:
    cells = pl.Series(
        ["X（旧Twitter）", "X(旧twitter)", "ｉｎｓｔａｇｒａｍ", "Google 検索", "看板", None]
    )
    found = values.options(cells, CHANNELS).to_list()
    assert found == ["X（旧Twitter）", "X（旧Twitter）", "Instagram", "Google検索", None, None]


def answers(cell: str, accepted: tuple[str, ...] = CATEGORIES) -> list[str | None]:
    return values.several_options(pl.Series([cell]), accepted)["answer"].to_list()


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("トップス", ["トップス"]),
        ("トップス、ボトムス", ["トップス", "ボトムス"]),
        ("トップス,ボトムス;シャツ", ["トップス", "ボトムス", "シャツ"]),
        ("トップス；ボトムス／シャツ", ["トップス", "ボトムス", "シャツ"]),
        ("トップス\nボトムス\r\nシャツ", ["トップス", "ボトムス", "シャツ"]),
        (" トップス 、 ボトムス 、", ["トップス", "ボトムス"]),
        ("、、トップス、、", ["トップス"]),
        ("シャツ/ブラウス", ["シャツ/ブラウス"]),
        ("シャツ／ブラウス、シャツ", ["シャツ/ブラウス", "シャツ"]),
        ("バッグ、小物、トップス", ["バッグ、小物", "トップス"]),
        ("ﾄｯﾌﾟｽ", ["トップス"]),
        ("靴&靴下", ["靴 & 靴下"]),
        ("Tシャツ", [None]),
        ("シャツ類、トップス", [None, "トップス"]),
        ("バッグ、トップス", [None, "トップス"]),
        ("、", []),
        ("シャツ、トップス、シャツ", ["シャツ", "トップス"]),
        ("看板、シャツ、看板", [None, "シャツ", None]),
    ],
)
def test_options_are_matched_whole_and_longest_first(cell: str, found: list[str | None]) -> None:
    assert answers(cell) == found


def test_without_any_option_every_answer_is_unknown() -> None:
    assert answers("トップス、ボトムス", ()) == [None, None]


def test_answers_know_their_row() -> None:
    found = values.several_options(pl.Series(["シャツ", None, "トップス、看板"]), CATEGORIES)
    assert found.rows() == [(0, "シャツ"), (2, "トップス"), (2, None)]


def test_equal_cells_give_each_row_its_answers_in_order() -> None:
    found = values.several_options(pl.Series(["シャツ、トップス", "看板"] * 2), CATEGORIES)
    one = [(0, "シャツ"), (0, "トップス"), (1, None)]
    assert found.rows() == [*one, *((row + 2, answer) for row, answer in one)]


@given(
    chosen=st.lists(st.sampled_from(CHANNELS), unique=True),
    separators=st.lists(
        st.sampled_from(["、", ",", ";", "/", "\n", "，", " ; ", "\r\n"]), min_size=12
    ),
)
def test_shuffled_options_round_trip(chosen: list[str], separators: list[str]) -> None:
    cell = "".join(option + sign for option, sign in zip(chosen, separators, strict=False))
    assert answers(cell, CHANNELS) == chosen
