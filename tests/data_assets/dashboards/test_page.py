"""The page holds every answer, needs no network, and gives nobody away (V1)."""

from __future__ import annotations

import html
import json
import re
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from typing import Any

import pandas as pd
import pytest

from data_assets.dashboards import charts
from data_assets.dashboards.labels import LABELS, LANGUAGES, text, token
from data_assets.dashboards.page import render
from data_assets.tables import AGE_BANDS

NOON = datetime(2024, 6, 3, 3, tzinfo=UTC)
HOSTILE = "</script><script>alert(1)</script>"


def marts() -> dict[str, pd.DataFrame]:
    """A row or two of each mart, one of them suppressed, one name hostile."""
    days = [date(2024, 6, 1), date(2024, 6, 2)]
    return {
        "channel_by_age_band": pd.DataFrame(
            {
                "quarter": ["all", "all", "2024Q2"],
                "age_band": ["20s", "20s", "unknown"],
                "channel": ["Instagram", "X（旧Twitter）", "LINE"],
                "respondents": [41, None, 8],
                "base": [50, 50, 8],
                "share": [0.82, None, 1.0],
                "share_low": [0.69, None, 0.7],
                "share_high": [0.9, None, 1.0],
                "suppressed": [False, True, False],
            }
        ),
        "sales_by_category": pd.DataFrame(
            {
                "business_day": [*days, days[1]],
                "category_id": [1, 2, None],
                "category": [HOSTILE, "小物", "unknown"],
                "units": [3, -1, 2],
                "sales_yen": [9000, -800, 4000],
                "orders": [3, 0, 2],
                "returns": [0, 1, 0],
                "buyers": [None, None, None],
            }
        ),
        "sales_by_age_band_and_category": pd.DataFrame(
            {
                "month": ["2024-05", "2024-06"],
                "age_band": ["20s", "30s"],
                "category_id": [1, 1],
                "category": [HOSTILE, HOSTILE],
                "units": [7, None],
                "sales_yen": [70_000, None],
                "buyers": [6, None],
                "suppressed": [False, True],
            }
        ),
        "category_sales_and_reviews": pd.DataFrame(
            {
                "category_id": [1, 2],
                "category": [HOSTILE, "小物"],
                "units": [3, -1],
                "sales_rate": [1.5, -0.5],
                "reviews": [9, 0],
                "mean_rating": [4.2, None],
                "low_rating_share": [0.1, None],
            }
        ),
        "sales_review_correlation": pd.DataFrame(
            {
                "method": ["pearson", "spearman"],
                "coefficient": [None, None],
                "p_value": [None, None],
                "n": [1, 1],
            },
        ).astype({"coefficient": float, "p_value": float}),
        "clicks_by_hour": pd.DataFrame(
            {
                "business_day": days,
                "hour": [12, 21],
                "clicks": [40, 60],
                "sessions": [9, 12],
                "visitors": [8, 11],
            }
        ),
        "attribute_category_association": pd.DataFrame(
            {
                "attribute": ["age_band", "gender"],
                "chi_square": [12.5, None],
                "dof": [6, 0],
                "p_value": [0.05, None],
                "cramers_v": [0.12, None],
                "n": [400, 0],
            }
        ),
    }


@pytest.fixture(scope="module")
def page() -> str:
    return render(marts(), NOON)


class Elements(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def without_library(page: str) -> str:
    return re.sub(r'<script type="module">.*?</script>', "", page, flags=re.DOTALL)


def test_nothing_is_fetched(page: str) -> None:
    fetching = [
        (tag, name)
        for tag, attributes in Elements(page).found
        for name in attributes
        if name in ("src", "srcset", "action") or (name == "href" and tag != "a")
    ]
    assert fetching == []
    assert "default-src 'none'" in page


def test_every_answer_has_a_chart_a_title_and_a_table(page: str) -> None:
    assert {answer for answer, charts_ in specs_of(page).items() if charts_} == {
        f"a{n}" for n in range(1, 7)
    }
    elements = Elements(page).found
    figures = [a for tag, a in elements if tag == "figure"]
    ids = {a["id"] for _, a in elements if "id" in a}
    assert len(figures) == 6
    assert all(a["role"] == "img" for a in figures)
    assert all(set(a["aria-labelledby"].split()) <= ids for a in figures)
    assert sum(tag == "table" for tag, _ in elements) == 6


def test_text_of_others_cannot_become_markup(page: str) -> None:
    assert "alert(1)" in page
    assert HOSTILE not in page
    assert sum(tag == "script" for tag, _ in Elements(page).found) == 4


def test_suppressed_cells_are_said_to_be_hidden(page: str) -> None:
    """(A1, A3)"""
    rows = re.findall(r"<tr>(.*?)</tr>", without_library(page), re.DOTALL)
    [row] = [row for row in rows if "channel.X（旧Twitter）" in row]
    assert row.count('data-say="hidden"') == 2
    assert "50" in row


def test_times_are_tokyos(page: str) -> None:
    assert "2024-06-03 12:00" in page
    assert "2024-06-01 〜 2024-06-02" in page


def test_a_mart_that_is_not_published_has_no_data_and_others_are_shown() -> None:
    some = marts()
    page = render({"clicks_by_hour": some["clicks_by_hour"]}, NOON)
    assert page.count('class="nothing"') == 5
    assert '<div class="chart" data-section="a5"' in page


def test_an_empty_page_renders() -> None:
    page = render({name: frame.head(0) for name, frame in marts().items()}, NOON)
    assert page.count('class="nothing"') == 6


@pytest.mark.parametrize("key", LABELS)
def test_every_label_is_in_every_language_with_the_same_values(key: str) -> None:
    slots = {frozenset(re.findall(r"\{\d\}", text(key, language))) for language in LANGUAGES}
    assert len(slots) == 1
    assert all(text(key, language).strip() for language in LANGUAGES)


def test_every_word_the_page_asks_for_is_in_the_dictionary(page: str) -> None:
    plain = without_library(page)
    asked = set(re.findall(r'data-say(?:-label)?="([^"]+)"', plain))
    asked |= set(re.findall(r"⟦([^⟧]+)⟧", plain))
    assert asked <= LABELS.keys()


def test_a_word_that_is_not_in_the_dictionary_is_an_error() -> None:
    with pytest.raises(KeyError):
        token("no.such.word")


def drawn(spec: dict[str, Any], width: int) -> str:
    import vl_convert

    svg: str = vl_convert.vegalite_to_svg(
        {**spec, "width": width, "autosize": "pad"}, allowed_base_urls=[]
    )
    return svg


@pytest.mark.parametrize(
    ("chart", "mart", "says"),
    [
        (charts.channel_by_age_band, "channel_by_age_band", "82"),
        (charts.sales_by_day, "sales_by_category", "06/01"),
        (charts.sales_by_category, "sales_by_category", "小物"),
        (charts.sales_by_age_band_and_category, "sales_by_age_band_and_category", "–"),
        (charts.category_sales_and_reviews, "category_sales_and_reviews", "150%"),
        (charts.visitors_by_hour, "clicks_by_hour", "23"),
        (charts.visitors_by_weekday_and_hour, "clicks_by_hour", "21"),
        (charts.attribute_category_association, "attribute_category_association", "0.120"),
    ],
)
def test_charts_draw(chart, mart: str, says: str) -> None:
    """Vega-Lite draws each specification, without a network."""
    assert says in drawn(chart(marts()[mart]), 600)


def test_vega_has_nothing_to_warn_of(page: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Regression: five warnings in the browser's console, of heights and of orders of rows."""
    import vl_convert

    specs = [spec for charts_ in specs_of(page).values() for spec in charts_]
    for spec in specs:
        vl_convert.vegalite_to_vega(spec, show_warnings=True)
    said = capfd.readouterr()
    assert len(specs) == 8
    assert said.out + said.err == ""


def test_names_of_dots_are_left_to_the_placement_that_hides_none(page: str) -> None:
    """(A4) Regression: names of close dots were written over each other.

    The placement itself needs a browser's canvas.
    """
    import vl_convert

    [spec] = specs_of(page)["a4"]
    [patch] = spec["usermeta"]["embedOptions"]["patch"]
    names = patch["value"]
    [dots] = vl_convert.vegalite_to_vega(spec)["marks"]
    assert (patch["op"], patch["path"]) == ("add", "/marks/-")
    assert names["from"]["data"] == dots["name"]
    assert [transform["type"] for transform in names["transform"]] == ["label"]
    assert not names["interactive"]


def test_a_mall_without_ratings_has_no_data_on_them() -> None:
    """(A4)"""
    some = marts()
    some["category_sales_and_reviews"]["mean_rating"] = None
    assert render(some, NOON).count('class="nothing"') == 1


def test_a_correlation_that_is_not_known_is_not_told(page: str) -> None:
    """(A4)"""
    some = marts()
    some["sales_review_correlation"] = some["sales_review_correlation"].assign(
        coefficient=[0.5, 0.4], p_value=[0.0004, 0.12], n=20
    )
    assert 'id="a4-insight"' not in page
    assert "r\u00a0=\u00a00.50（p\u00a0<\u00a00.001）" in html.unescape(render(some, NOON))


def test_sales_of_less_than_a_week_have_no_mean() -> None:
    """(A2) Regression: a tooltip said that the mean of 7 days was 0."""
    spec = charts.sales_by_day(marts()["sales_by_category"])
    assert "layer" not in spec
    [days] = spec["datasets"].values()
    assert [day["said_mean"] for day in days] == ["–", "–"]


def test_billions_are_called_so() -> None:
    """(A2, A3) Regression: they were G, as of a unit of measure."""
    mart = sales_of({"2024-06": [1_400_000_000, 2_000]})
    assert ">1.4B<" in drawn(charts.sales_by_age_band_and_category(mart), 600)
    sales = marts()["sales_by_category"].assign(sales_yen=[9_000_000_000, 5, 6])
    assert ">8B<" in drawn(charts.sales_by_category(sales), 600)


def specs_of(page: str) -> dict[str, list[dict[str, Any]]]:
    """The charts' specifications by answer."""
    found: dict[str, list[dict[str, Any]]] = json.loads(
        re.search(r'id="specs">(.*?)</script>', page, re.DOTALL)[1]
    )
    return found


def sales_of(months: dict[str, list[int]]) -> pd.DataFrame:
    """A category's sales by month, for the first age bands."""
    return pd.DataFrame(
        [
            {
                "month": month,
                "age_band": band,
                "category_id": 1,
                "category": "小物",
                "units": 1,
                "sales_yen": yen,
                "buyers": 9,
                "suppressed": False,
            }
            for month, figures in months.items()
            for band, yen in zip(AGE_BANDS, figures, strict=False)
        ]
    )


def test_figures_on_dark_cells_are_white_whatever_other_months_sold() -> None:
    """The newest month is shown; an older one sold a thousand times as much."""
    mart = sales_of({"2024-05": [9_000_000, 1], "2024-06": [9_000, 100]})
    svg = drawn(charts.sales_by_age_band_and_category(mart), 600)
    fills = {text: fill for fill, text in re.findall(r'fill="([^"]+)">([^<]+)</text>', svg)}
    assert fills["9k"] == "white"
    assert fills["100"] == charts.INK


def test_figures_fit_the_cells_of_a_phone() -> None:
    mart = sales_of({"2024-06": [1_400_000 + n * 100_000 for n in range(8)]})
    svg = drawn(charts.sales_by_age_band_and_category(mart), 190)
    [size] = set(re.findall(r'font-size="([\d.]+)px"[^>]*>1\.4M<', svg))
    assert float(size) < 10
