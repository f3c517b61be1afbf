"""Survey files: four shapes that real readers open, and the dirt in them."""

import csv
import io
import re
import unicodedata
from collections import Counter
from datetime import date, datetime

import openpyxl
import polars as pl
import pytest

from mall_platform.sample_mall import people, surveys
from mall_platform.sample_mall.effects import LEADING_CHANNEL, LEADING_CHANNEL_SHARE_FLOOR
from mall_platform.sample_mall.respondents import CHANNELS, Quarter, answers, last_quarters
from mall_platform.sample_mall.survey_files import as_workbook

LAST_DAY = date(2024, 7, 14)
COLUMNS = {
    "respondent_id": ("回答ID", "回答番号", "No."),
    "answered_on": ("回答日", "回答日時"),
    "age": ("年齢", "年代"),
    "gender": ("性別",),
    "prefecture": ("都道府県", "居住地"),
    "channel": ("当店を最初に知ったきっかけ", "きっかけ"),
    "channels_seen": ("最近3か月に当店の広告を見た媒体（複数回答）",),
    "categories_bought": ("購入したことのあるカテゴリ（複数回答）",),
    "satisfaction": ("総合満足度", "満足度"),
    "recommend": ("おすすめ度", "推奨度"),
    "email": ("メールアドレス（任意）", "メールアドレス"),
    "comment": ("自由記述", "ご意見"),
}
"""The headers that the contract accepts."""


@pytest.fixture(scope="module")
def dropped() -> dict[str, bytes]:
    return dict(surveys.files(5, 4, LAST_DAY, respondents=2_000))


@pytest.fixture(scope="module")
def tables(dropped: dict[str, bytes]) -> list[pl.DataFrame]:
    """The four files' rows as text under the contract's names, read as people would read them."""
    merged, cp932, utf8, full_width = dropped.values()
    first = pl.read_excel(merged, has_header=False, infer_schema_length=0)
    headers = [lower or upper for upper, lower in zip(first.row(0), first.row(1), strict=True)]
    read = [
        first[2:].rename(dict(zip(first.columns, headers, strict=True))),
        from_csv(cp932.decode("cp932")),
        from_csv(utf8.decode("utf-8-sig")),
        pl.read_excel(full_width, infer_schema_length=0),
    ]
    return [table.rename(known_names(table.columns)) for table in read]


def from_csv(text: str) -> pl.DataFrame:
    header, *rows = csv.reader(io.StringIO(text))
    rows = [[cell or None for cell in row] for row in rows]
    return pl.DataFrame(rows, schema=dict.fromkeys(header, pl.String), orient="row")


def known_names(headers: list[str]) -> dict[str, str]:
    return {
        header: name for header in headers for name, known in COLUMNS.items() if header in known
    }


def test_files_are_named_for_their_quarters_in_three_spellings(
    dropped: dict[str, bytes],
) -> None:
    assert list(dropped) == [
        "お客様アンケート_2023年第3四半期.xlsx",
        "customer_survey_2023Q4.csv",
        "令和6年第1四半期 顧客満足度調査.csv",
        "アンケート結果(2024年第2四半期)最終版.xlsx",
    ]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    first, again, other = (
        list(surveys.files(seed, 4, LAST_DAY, respondents=30)) for seed in (1, 1, 2)
    )
    assert first == again
    assert all(a[1] != b[1] for a, b in zip(first, other, strict=True))


def test_every_column_of_the_contract_is_under_an_accepted_header(
    tables: list[pl.DataFrame],
) -> None:
    for table in tables:
        assert set(COLUMNS) <= set(table.columns)
    assert set(tables[2].columns) - set(COLUMNS) == {"回答経路", "所要時間（秒）"}


def test_encodings_are_what_they_are_said_to_be(dropped: dict[str, bytes]) -> None:
    _, cp932, utf8, _ = dropped.values()
    with pytest.raises(UnicodeDecodeError):
        cp932.decode("utf-8")
    assert "①" in cp932.decode("cp932") and "㈱" in cp932.decode("cp932")
    with pytest.raises(UnicodeDecodeError):
        cp932.decode("shift_jis")
    assert cp932.count(b"\r\n") > 700
    assert utf8.startswith(b"\xef\xbb\xbf")
    assert b"\r" not in utf8


def test_excel_files_open_with_openpyxl_with_merged_headers_and_real_dates(
    dropped: dict[str, bytes],
) -> None:
    merged, _, _, full_width = dropped.values()
    sheet = openpyxl.load_workbook(io.BytesIO(merged)).active
    assert {str(r) for r in sheet.merged_cells.ranges} == {
        *("A1:A2", "B1:B2", "C1:E1", "F1:G1", "H1:J1", "K1:K2", "L1:L2")
    }
    kinds = Counter(type(cell.value) for cell in sheet["B"][2:])
    assert kinds[datetime] > 700 and kinds[int] > 20
    assert isinstance(sheet["C3"].value, int)
    assert not openpyxl.load_workbook(io.BytesIO(full_width)).active.merged_cells.ranges


def test_answers_are_dated_in_the_quarter_in_each_shape(tables: list[pl.DataFrame]) -> None:
    assert tables[1]["answered_on"].drop_nulls().str.contains(r"^2023/12/\d+$|2/30").all()
    assert tables[2]["answered_on"].drop_nulls().str.contains(r"^2024-03-\d\d |2/30").all()
    japanese = tables[3]["answered_on"].drop_nulls()
    assert japanese.str.contains("^令和６年６月").any()
    assert japanese.str.contains("^令和6年6月").any()
    assert japanese.str.contains("^２０２４／６／").any()
    assert japanese.str.contains("^２０２４年６月").any()


def test_ages_are_years_or_bands(tables: list[pl.DataFrame]) -> None:
    assert set(tables[1]["age"].drop_nulls()) >= {"10代以下", "20代", "70代以上"}
    exact = " ".join(tables[2]["age"].drop_nulls())
    for sign in ("20-29歳", "30〜39歳", "70歳以上"):
        assert sign in exact
    assert tables[3]["age"].str.contains("^[１-９][０-９]歳?$").mean() > 0.95


def test_several_answers_share_a_cell_with_all_separators(tables: list[pl.DataFrame]) -> None:
    cells = tables[3]["channels_seen"].drop_nulls()
    for separator in surveys.SEPARATORS:
        pair = f"({'|'.join(map(re.escape, CHANNELS))}){separator}"
        assert cells.str.contains(pair).any(), separator
    bought = tables[3]["categories_bought"].drop_nulls()
    for name in ("シャツ/ブラウス", "トップス, カットソー", "バッグ、財布", "靴下;タイツ"):
        assert bought.str.contains(name, literal=True).any(), name


def test_dirt_is_present_and_within_what_a_file_may_have(tables: list[pl.DataFrame]) -> None:
    """(Q2) Less than a tenth of the rows of a file are beyond repair."""
    for table in tables:
        filled = table.filter(~pl.all_horizontal(pl.col(c).is_null() for c in COLUMNS))
        required = pl.any_horizontal(
            pl.col(c).is_null() for c in ("respondent_id", "age", "channel")
        )
        unknown = ~pl.col("channel").is_in(list(CHANNELS))
        strange = pl.col("age").is_in(["150", "-3"])
        again = ~pl.col("respondent_id").is_first_distinct()
        undated = pl.col("answered_on").str.contains("/2/30", literal=True)
        bad = filled.select((required | unknown | strange | again | undated).fill_null(True).mean())
        assert 0.015 < bad.item() < 0.06
        for kind in (required, unknown, strange, again):
            assert filled.select(kind.any()).item()
        assert filled["gender"].is_in(["不明"]).any() or filled["prefecture"].is_in(["海外"]).any()


def test_blank_lines_are_among_the_rows(tables: list[pl.DataFrame]) -> None:
    for table in tables[1:3]:
        blank = table.select(pl.all_horizontal(pl.col(c).is_null() for c in COLUMNS).sum())
        assert 0 < blank.item() < 25


def test_some_comments_give_away_their_author_or_look_like_formulas(
    dropped: dict[str, bytes], tables: list[pl.DataFrame]
) -> None:
    for table in tables:
        comments = table["comment"].drop_nulls()
        assert comments.str.contains(r"@example").any()
        assert comments.str.contains(r"090-0\d{3}-\d{4}").any()
    formula = '=HYPERLINK("http://www.example.com/","こちら")'
    assert any(formula in table["comment"].drop_nulls().to_list() for table in tables)


def test_text_that_starts_with_an_equals_sign_stays_text() -> None:
    content = as_workbook([["回答ID"], ["ご意見"]], [["=1+1"], ["<&>\n\"'"]])
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    assert [cell.value for cell in sheet["A"][2:]] == ["=1+1", "<&>\n\"'"]
    assert sheet["A3"].data_type == "s"
    held = pl.read_excel(content, has_header=False)["column_0"].to_list()
    assert held[-2:] == ["=1+1", "<&>\n\"'"]


def test_some_respondents_are_customers_of_the_shop(tables: list[pl.DataFrame]) -> None:
    import numpy as np

    def normalised(emails: pl.Series) -> pl.Series:
        return emails.str.normalize("NFKC").str.strip_chars().str.to_lowercase()

    customers = normalised(people.emails(5, np.arange(1, 1_001)))
    given = normalised(pl.concat([table["email"] for table in tables]).drop_nulls())
    assert 0.35 < given.is_in(customers.implode()).mean() < 0.55


def test_a1_each_age_band_has_its_leading_channel() -> None:
    """(A1) At the size at which the mart must recover it: all quarters together."""
    told: dict[str, Counter[str]] = {}
    for quarter in last_quarters(LAST_DAY, 4):
        for each in answers(7, quarter, 3_000, 1_000):
            decade = min(max(each.age // 10, 1), 7) * 10
            band = "70+" if decade == 70 else f"{decade}s"
            told.setdefault(band, Counter())[each.channel] += 1
    assert set(told) == set(LEADING_CHANNEL)
    for band, channels in told.items():
        leading, count = channels.most_common(1)[0]
        assert leading == LEADING_CHANNEL[band]
        assert count / channels.total() > LEADING_CHANNEL_SHARE_FLOOR


@pytest.mark.parametrize(
    ("last_day", "count", "expected"),
    [
        (date(2024, 6, 30), 1, [Quarter(2024, 2)]),
        (date(2024, 6, 29), 1, [Quarter(2024, 1)]),
        (date(2024, 1, 1), 3, [Quarter(2023, 2), Quarter(2023, 3), Quarter(2023, 4)]),
        (date(2024, 1, 1), 0, []),
    ],
)
def test_quarters_are_the_newest_that_are_over(
    last_day: date, count: int, expected: list[Quarter]
) -> None:
    assert last_quarters(last_day, count) == expected


def test_full_width_digits_mean_the_same_numbers(tables: list[pl.DataFrame]) -> None:
    satisfaction = tables[3]["satisfaction"].drop_nulls()
    folded = {unicodedata.normalize("NFKC", value) for value in satisfaction}
    assert folded >= {"1", "2", "3", "4", "5"}
    assert satisfaction.str.contains("^[１-５]$").mean() > 0.9
