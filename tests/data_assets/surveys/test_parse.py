"""Files to tables: what is taken in, what is left out, what is refused (E2, Q2)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_assets.surveys.columns import COLUMNS, HEADERS, REQUIRED
from data_assets.surveys.parse import ParsedSurvey, parse
from data_assets.surveys.rejection import BadCell, Reason, RejectedSurveyError
from data_assets.tables import CHANNELS
from tests.data_assets.surveys.files import (
    CATEGORIES,
    HEADER,
    SHEET,
    delimited,
    respondent,
    respondents,
    with_dirt,
    with_part,
    with_shared_texts,
    xlsx,
)

NAME = "surveys/2024Q2.xlsx"


def read(data: bytes, name: str = NAME) -> ParsedSurvey:
    return parse(data, name, CATEGORIES)


def refused(data: bytes, name: str = NAME) -> RejectedSurveyError:
    with pytest.raises(RejectedSurveyError) as caught:
        read(data, name)
    return caught.value


def frame(survey: ParsedSurvey) -> list[dict[str, Any]]:
    return survey.responses.to_dicts()


EXPECTED = {
    "respondent_id": "R00001",
    "email": "hanako@example.jp",
    "answered_on": date(2024, 5, 1),
    "age_band": "30s",
    "gender": "女性",
    "prefecture": "東京都",
    "channel": "Instagram",
    "satisfaction": 4,
    "recommend": 8,
    "comment_length": 5,
}


@pytest.mark.parametrize(
    "encode",
    [
        xlsx,
        lambda rows: with_shared_texts(xlsx(rows)),
        delimited,
        lambda rows: delimited(rows, "utf-8-sig"),
        lambda rows: delimited(rows, "cp932"),
        lambda rows: delimited(rows, "utf-16", "\t"),
        lambda rows: delimited(rows, "cp932", "\t"),
    ],
    ids=[
        "xlsx",
        "xlsx as Excel writes it",
        "utf-8",
        "utf-8 with mark",
        "cp932",
        "excel's unicode text",
        "cp932 with tabs",
    ],
)
def test_the_same_table_comes_out_of_every_encoding(encode: Callable[..., bytes]) -> None:
    survey = read(encode([HEADER, respondent(1, email="hanako@example.jp")]))
    assert frame(survey) == [EXPECTED]
    assert survey.answers.rows() == [
        (0, "channels_seen", "LINE"),
        (0, "channels_seen", "Instagram"),
        (0, "categories_bought", "トップス"),
    ]
    assert (survey.quarter, survey.rows, survey.bad_cells) == ("2024Q2", 1, ())


def test_characters_that_only_microsofts_shift_jis_has_are_read() -> None:
    data = delimited([HEADER, respondent(1, comment="①㈱髙～")], "cp932")
    assert read(data).responses["comment_length"].to_list() == [4]


@pytest.mark.parametrize("column", COLUMNS)
def test_every_accepted_header_names_its_column(column: str) -> None:
    for header in HEADERS[column]:  # type: ignore[index]
        headers = [
            header if name == column else first for name, first in zip(COLUMNS, HEADER, strict=True)
        ]
        assert frame(read(xlsx([headers, respondent(1, email="hanako@example.jp")]))) == [EXPECTED]


def test_headers_are_known_in_any_width_and_with_line_breaks() -> None:
    headers = [*HEADER]
    headers[0], headers[6] = "ｎｏ．", "最近３か月に当店の広告を\n見た媒体(複数回答)"
    survey = read(xlsx([headers, respondent(1)]))
    assert survey.responses["respondent_id"].to_list() == ["R00001"]
    assert survey.answers.height == 3


def test_of_two_headers_for_one_column_the_preferred_one_is_read() -> None:
    survey = read(xlsx([["No.", *HEADER], [7, *respondent(1)]]))
    assert survey.responses["respondent_id"].to_list() == ["R00001"]
    assert survey.ignored_columns == ("No.",)


def test_two_merged_header_rows() -> None:
    upper = [HEADER[0], HEADER[1], "回答者", None, None, *HEADER[5:8], "評価", None, *HEADER[10:]]
    lower = [None, None, *HEADER[2:5], None, None, None, *HEADER[8:10], "（任意）", None]
    merged = ["A1:A2", "B1:B2", "C1:E1", "F1:F2", "G1:G2", "H1:H2", "I1:J1", "L1:L2"]
    data = xlsx([upper, lower, respondent(1, email="hanako@example.jp")], merged=merged)
    assert frame(read(data)) == [EXPECTED]


def test_the_lower_of_two_header_rows_names_a_column_though_it_names_no_more_of_them() -> None:
    """(Q2) It was ignored then, and 接客 taken for the satisfaction."""
    upper = ["回答ID", "年齢", "きっかけ", "満足度", None]
    lower = [None, None, None, "接客", "総合満足度"]
    survey = read(xlsx([upper, lower, [1, 30, "雑誌", 1, 5]]))
    assert survey.responses["satisfaction"].to_list() == [5]
    title = ["お客様アンケート"]
    swapped = [
        ["回答ID", "年齢", "きっかけ", "満足度", "推奨度"],
        [None] * 3 + ["推奨度", "満足度"],
    ]
    survey = read(xlsx([title, *swapped, [1, 30, "雑誌", 9, 5]]))
    assert survey.responses.select("satisfaction", "recommend").row(0) == (5, 9)


@pytest.mark.parametrize(
    "lower", [[None, "（歳）", "（1つ選択）", "（5段階）"], [None, None, "1つだけ", None]]
)
def test_notes_below_a_header_are_no_respondent(lower: list[str | None]) -> None:
    rows = [["回答ID", "年齢", "きっかけ", "満足度"], lower, [1, 30, "雑誌", 5]]
    survey = read(xlsx(rows, merged=["A1:A2"]))
    assert (survey.rows, survey.bad_cells) == (1, ())


@pytest.mark.parametrize(
    "row",
    [[9, "x", "看板", 5], [None, 30, "看板", 5], [None, "x", "雑誌", 5], [None, None, None, 5]],
)
def test_a_bad_respondent_below_a_header_is_no_note(row: list[Any]) -> None:
    header = ["回答ID", "年齢", "きっかけ", "満足度"]
    survey = read(xlsx([header, row, *([n, 30, "雑誌", 5] for n in range(100, 120))]))
    assert (survey.rows, {cell.row for cell in survey.bad_cells}) == (21, {2})


def test_control_characters_in_a_cell_do_not_cost_the_file() -> None:
    """Input methods leave \\x08 behind, word processors \\x0b."""
    survey = read(
        delimited([HEADER, respondent(1, comment="良い\x08です\x0bね", channel="雑\x08誌")])
    )
    assert survey.responses.select("channel", "comment_length").row(0) == ("雑誌", 5)


def test_titles_and_blank_rows_above_and_columns_left_of_the_table() -> None:
    rows: list[list[Any]] = [
        [],
        [None, None, "2024年第2四半期 お客様アンケート"],
        [],
        [None, *HEADER],
        [None, *respondent(1, email="hanako@example.jp")],
        [None, *respondent(2, channel="看板")],
        *([None, *row] for row in respondents(10, first=3)),
    ]
    survey = read(xlsx(rows))
    assert frame(survey)[0] == EXPECTED
    assert [cell.row for cell in survey.bad_cells] == [6]


def test_a_respondent_whose_comment_reads_like_a_header_is_no_header() -> None:
    survey = read(xlsx([HEADER, respondent(1, comment="満足度"), respondent(2)]))
    assert survey.rows == 2


def test_the_survey_is_found_among_other_sheets_and_hidden_ones_are_left() -> None:
    def change(sheet: Any) -> None:
        sheet.parent.create_sheet("説明", 0).append(["この調査について"])
        copy = sheet.parent.copy_worksheet(sheet)
        copy.sheet_state = "hidden"

    assert read(xlsx([HEADER, respondent(1)], change=change)).rows == 1


def test_two_sheets_with_answers_are_refused() -> None:
    data = xlsx([HEADER, respondent(1)], change=lambda sheet: sheet.parent.copy_worksheet(sheet))
    assert refused(data).reason is Reason.SEVERAL_SHEETS


def test_full_width_digits_eras_and_several_answers_in_a_cell() -> None:
    row = respondent(
        1,
        answered_on="令和６年５月１日",
        age="３４歳",
        satisfaction="４",
        recommend="８",
        email="ＨＡＮＡＫＯ@example.jp",
        channels_seen="友人・家族／店頭・チラシ；X(旧Twitter)",
        categories_bought="シャツ/ブラウス\nバッグ、小物",
    )
    survey = read(xlsx([HEADER, row]))
    assert frame(survey) == [{**EXPECTED, "email": "HANAKO@example.jp"}]
    assert survey.answers["answer"].to_list() == [
        "友人・家族", "店頭・チラシ", "X（旧Twitter）", "シャツ/ブラウス", "バッグ、小物",
    ]  # fmt: skip


def test_dates_that_excel_holds_as_dates_and_as_serials() -> None:
    rows = [respondent(1, answered_on=date(2024, 5, 1)), respondent(2, answered_on=45413)]
    assert read(xlsx([HEADER, *rows])).responses["answered_on"].to_list() == [date(2024, 5, 1)] * 2


def test_numeric_ids_read_as_whole_numbers() -> None:
    survey = read(
        xlsx([HEADER, respondent(1, respondent_id=1001), respondent(2, respondent_id=7.0)])
    )
    assert survey.responses["respondent_id"].to_list() == ["1001", "7"]


@pytest.mark.parametrize(
    ("over", "column", "reason"),
    [
        ({"respondent_id": None}, "respondent_id", "is missing"),
        ({"respondent_id": "　"}, "respondent_id", "is missing"),
        ({"age": None}, "age", "is missing"),
        ({"channel": ""}, "channel", "is missing"),
        ({"channel": "看板"}, "channel", "is not one of the options"),
        ({"channel": "Instagram、LINE"}, "channel", "is not one of the options"),
        ({"answered_on": "2024/02/30"}, "answered_on", "is not a date"),
        ({"age": 150}, "age", "is not an age, or not within one age band"),
        ({"age": -3}, "age", "is not an age, or not within one age band"),
        ({"respondent_id": "R90000"}, None, None),
    ],
)
def test_a_row_that_breaks_a_rule_is_left_out_by_itself(
    over: dict[str, Any], column: str | None, reason: str | None
) -> None:
    survey = read(xlsx(with_dirt(respondent(1, **over))))
    if column is None:
        assert survey.bad_cells == (BadCell(3, "respondent_id", "was seen before in the file"),)
    else:
        assert survey.bad_cells == (BadCell(2, column, reason or ""),)
    assert (survey.rows, survey.responses.height) == (21, 20)


def test_answers_of_rows_left_out_are_left_out() -> None:
    row = respondent(1, age=None, channels_seen="TikTok")
    survey = read(xlsx(with_dirt(row, respondent(2, channels_seen="雑誌"))))
    assert survey.answers.row(0) == (0, "channels_seen", "雑誌")
    assert survey.responses["respondent_id"][0] == "R00002"
    assert "TikTok" not in survey.answers["answer"]


def test_a_row_with_several_faults_counts_once() -> None:
    survey = read(xlsx(with_dirt(respondent(1, age="x", channel=None, answered_on="x"))))
    assert len(survey.bad_cells) == 3
    assert survey.bad_rows == 1


def test_unknown_answers_become_null_and_are_counted() -> None:
    row = respondent(
        1,
        gender="不明",
        prefecture="カリフォルニア州",
        satisfaction=6,
        recommend=11,
        email="なし",
        channels_seen="LINE、看板、電車",
        categories_bought="宇宙服",
    )
    survey = read(xlsx([HEADER, row]))
    kept = frame(survey)[0]
    for column in ("gender", "prefecture", "satisfaction", "recommend", "email"):
        assert kept[column] is None
    assert survey.answers["answer"].to_list() == ["LINE"]
    assert survey.unknown_answers == {
        "gender": 1, "prefecture": 1, "satisfaction": 1, "recommend": 1, "email": 1,
        "channels_seen": 2, "categories_bought": 1,
    }  # fmt: skip


def test_optional_columns_may_be_absent_and_extra_ones_are_reported() -> None:
    rows = [["回答ID", "年代", "きっかけ", "来店頻度"], ["1", "20代", "雑誌", "週1"]]
    survey = read(delimited(rows))
    assert frame(survey)[0]["age_band"] == "20s"
    assert frame(survey)[0]["email"] is None
    assert survey.ignored_columns == ("来店頻度",)
    assert survey.answers.is_empty()


def test_blank_rows_do_not_count() -> None:
    rows = [HEADER, respondent(1), [None] * 12, ["　", "", *[None] * 10], respondent(2)]
    assert read(xlsx(rows)).rows == 2


@pytest.mark.parametrize(("bad", "accepted"), [(2, True), (3, False)])
def test_more_than_a_tenth_of_bad_rows_refuses_the_file(bad: int, accepted: bool) -> None:
    rows = [*respondents(20 - bad), *(respondent(n, age=None) for n in range(50, 50 + bad))]
    if accepted:
        assert read(xlsx([HEADER, *rows])).bad_rows == bad
    else:
        error = refused(xlsx([HEADER, *rows]))
        assert (error.reason, error.rows) == (Reason.TOO_MANY_BAD_ROWS, 20)
        assert [cell.row for cell in error.bad_cells] == [19, 20, 21]


@pytest.mark.parametrize("column", REQUIRED)
def test_a_missing_required_column_refuses_the_file(column: str) -> None:
    at = COLUMNS.index(column)  # type: ignore[arg-type]
    rows = [[cell for n, cell in enumerate(row) if n != at] for row in [HEADER, *respondents(3)]]
    error = refused(xlsx(rows))
    assert error.reason is Reason.MISSING_COLUMNS
    assert column in str(error)


def test_text_that_begins_with_an_equals_sign_stays_text() -> None:
    rows = [HEADER, respondent(1, respondent_id="=1+1", comment='=HYPERLINK("x")')]
    for data in (xlsx(rows), delimited(rows)):
        assert read(data).responses["respondent_id"].to_list() == ["=1+1"]
        assert read(data).responses["comment_length"].to_list() == [15]


def test_formulas_count_by_their_cached_value() -> None:
    def change(sheet: Any) -> None:
        sheet["C2"] = "=17*2"

    data = _with_cached_value(xlsx([HEADER, respondent(1)], change=change), "17*2", "34")
    assert read(data).responses["age_band"].to_list() == ["30s"]


def _with_cached_value(data: bytes, formula: str, value: str) -> bytes:
    def cached(xml: bytes) -> bytes:
        wanted = f"<f>{formula}</f><v>{value}</v>".encode()
        changed, times = re.subn(
            rb"<f>%s</f><v ?(?:/>|></v>)" % re.escape(formula).encode(), wanted, xml
        )
        assert times == 1
        return changed

    return with_part(data, SHEET, cached)


def test_furigana_are_not_part_of_a_text() -> None:
    """Excel keeps the reading of Japanese text beside it."""
    data = with_shared_texts(xlsx([HEADER, respondent(1)]))
    furigana = "<t>東京都</t><rPh sb='0' eb='3'><t>トウキョウト</t></rPh>"
    data = with_part(
        data,
        "xl/sharedStrings.xml",
        lambda xml: xml.replace("<t>東京都</t>".encode(), furigana.encode()),
    )
    assert read(data).responses["prefecture"].to_list() == ["東京都"]


def test_no_reason_quotes_a_cell() -> None:
    secret = "hanako.yamada@example.jp"
    rows = [
        HEADER,
        *(respondent(n, age=secret, channel=secret, answered_on=secret) for n in range(9)),
    ]
    error = refused(xlsx(rows))
    assert secret not in f"{error} {error.bad_cells}"
    unnamed = refused(xlsx([[secret, "090-1234-5678"], [1, 2]]))
    assert secret not in str(unnamed)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.integers(0, 120),
            st.sampled_from(CHANNELS),
            st.lists(st.sampled_from(CHANNELS), unique=True, max_size=4),
            st.lists(st.sampled_from(CATEGORIES), unique=True, max_size=4),
            st.one_of(st.none(), st.integers(1, 5)),
            st.one_of(
                st.none(),
                st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1),
            ),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_whatever_was_answered_comes_out(people: list[tuple[Any, ...]]) -> None:
    rows = [
        respondent(n, age=age, channel=channel, channels_seen="、".join(seen),
                   categories_bought="\n".join(bought), satisfaction=score, comment=comment)
        for n, (age, channel, seen, bought, score, comment) in enumerate(people)
    ]  # fmt: skip
    survey = read(delimited([HEADER, *rows]))
    assert survey.responses["channel"].to_list() == [p[1] for p in people]
    assert survey.responses["satisfaction"].to_list() == [p[4] for p in people]
    expected = [p[5] if p[5] and p[5].strip() else None for p in people]
    assert survey.responses["comment_length"].to_list() == [len(c) if c else None for c in expected]
    found = survey.answers.group_by("respondent", "question").agg(pl.col("answer").sort())
    assert {(who, question): answers for who, question, answers in found.iter_rows()} == {
        (n, question): sorted(given)
        for n, (_, _, seen, bought, _, _) in enumerate(people)
        for question, given in (("channels_seen", seen), ("categories_bought", bought))
        if given
    }
