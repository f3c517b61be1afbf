"""The sample mall's quarterly surveys as the files people drop: four shapes, with their dirt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import NamedTuple

import numpy as np

from mall_platform.sample_mall import draws
from mall_platform.sample_mall.respondents import Answers, Quarter, answers, last_quarters
from mall_platform.sample_mall.survey_files import Cell, as_csv, as_workbook

SEPARATORS = ("、", ",", ";", "/", "\n")
REFUSED = 0.032
"""About this share of the rows can't be accepted (something required is missing or impossible)."""

_FULL_WIDTH = str.maketrans("0123456789/-", "０１２３４５６７８９／－")
_REIWA = 2019
_EXCEL_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001

_Row = list[Cell]
_ID, _DATE, _AGE, _GENDER, _PREFECTURE, _CHANNEL, _SEEN, _BOUGHT, _SATISFIED = range(9)


class _Shape(NamedTuple):
    """How one kind of file looks: its rows and its bytes."""

    extension: str
    row: Callable[[Answers], _Row]
    content: Callable[[list[_Row]], bytes]


def files(
    seed: int,
    quarters: int,
    last_day: date,
    respondents: int = 3_000,
    customers: int = 1_000,
) -> Iterator[tuple[str, bytes]]:
    """(file name, content) of the newest quarters that had ended by `last_day`, oldest first.

    Shapes take turns: xlsx with two header rows, CP932 CSV, UTF-8 CSV with a byte order mark, xlsx
    with full-width digits, Japanese years and several separators. Some respondents are customers
    1 … `customers` of the shop of the same seed. A file has `respondents` rows besides blank and
    repeated ones, of which about REFUSED can't be accepted.
    """
    for turn, quarter in enumerate(last_quarters(last_day, quarters)):
        shape = _SHAPES[turn % len(_SHAPES)]
        rows = [shape.row(each) for each in answers(seed, quarter, respondents, customers)]
        spoilt = _spoilt(seed, quarter, rows)
        name = _NAMES[turn % len(_NAMES)].format(_spelling(quarter, turn))
        yield f"{name}.{shape.extension}", shape.content(spoilt)


def _spelling(quarter: Quarter, turn: int) -> str:
    """The quarter in one of its three spellings; before Reiwa's first full year in one of two."""
    reiwa = quarter.year - _REIWA + 1
    if turn % 3 == 0:
        return f"{quarter.year}年第{quarter.number}四半期"
    if turn % 3 == 1 or reiwa < 2:
        return f"{quarter.year}Q{quarter.number}"
    return f"令和{reiwa}年第{quarter.number}四半期"


_NAMES = (
    "お客様アンケート_{}",
    "customer_survey_{}",
    "{} 顧客満足度調査",
    "アンケート結果({})最終版",
)


def _merged_row(given: Answers) -> _Row:
    """Numbers and dates as Excel keeps them; a few dates as bare serials."""
    at: Cell = given.answered_at
    if given.respondent % 25 == 0:
        at = (given.answered_at.replace(hour=0, minute=0) - _EXCEL_EPOCH).days
    row: _Row = [f"R{given.respondent:06}", at, given.age, *_shared(given, "、")]
    return row


def _cp932_row(given: Answers) -> _Row:
    """Age bands, dates with slashes."""
    at = given.answered_at
    decade = given.age // 10 * 10
    band = "10代以下" if decade <= 10 else "70代以上" if decade >= 70 else f"{decade}代"
    row: _Row = [
        str(given.respondent),
        f"{at.year}/{at.month}/{at.day}",
        band,
        *_shared(given, ","),
    ]
    return [_in_cp932(cell) for cell in row]


def _utf8_row(given: Answers) -> _Row:
    """Ages in years or in bands of two spellings, times of day, and columns of the tool's own."""
    decade = given.age // 10 * 10
    ages: tuple[Cell, ...] = (given.age, f"{given.age}歳")
    if 20 <= decade < 70:
        ages = (*ages, f"{decade}-{decade + 9}歳", f"{decade}〜{decade + 9}歳")
    elif decade >= 70:
        ages = (*ages, "70歳以上")
    return [
        given.respondent,
        f"{given.answered_at:%Y-%m-%d %H:%M:%S}",
        ages[given.respondent % len(ages)],
        *_shared(given, SEPARATORS[3 + given.respondent % 2]),
        ("web", "app", "店頭QR")[given.respondent % 3],
        60 + given.respondent * 37 % 900,
    ]


def _full_width_row(given: Answers) -> _Row:
    """Full-width digits, Japanese years, all five separators."""
    at = given.answered_at
    dates = (
        f"令和{at.year - _REIWA + 1}年{at.month}月{at.day}日",
        f"{at.year}年{at.month}月{at.day}日",
        f"{at.year}/{at.month}/{at.day}",
    )
    when = dates[given.respondent % 3]
    if at.year <= _REIWA:
        when = dates[1]
    ages = (f"{given.age}", f"{given.age}歳")
    shared = _shared(given, SEPARATORS[given.respondent % 5])
    shared[_SATISFIED - 3 : _SATISFIED - 1] = [
        None if value is None else str(value).translate(_FULL_WIDTH)
        for value in (given.satisfaction, given.recommend)
    ]
    if given.respondent % 4:
        when = when.translate(_FULL_WIDTH)
    return [
        f"{given.respondent:05}".translate(_FULL_WIDTH),
        when,
        ages[given.respondent % 2].translate(_FULL_WIDTH),
        *shared,
    ]


def _shared(given: Answers, separator: str) -> list[Cell]:
    """The cells from gender on, as all shapes have them."""
    return [
        given.gender,
        given.prefecture,
        given.channel,
        separator.join(given.channels_seen) or None,
        separator.join(given.categories_bought) or None,
        given.satisfaction,
        given.recommend,
        given.email,
        given.comment,
    ]


def _in_cp932(cell: Cell) -> Cell:
    """What is left of a text once the form's old software has stored it."""
    return cell.encode("cp932", "replace").decode("cp932") if isinstance(cell, str) else cell


def _spoilt(seed: int, quarter: Quarter, rows: list[_Row]) -> list[_Row]:
    """The rows with some spoilt in a cell, some sent twice, and blank ones among them."""
    uid = (quarter.year * 4 + quarter.number) * 2**32 + 1 + np.arange(len(rows))
    fate = draws.uniform(seed, "survey.fate", uid)
    result: list[_Row] = []
    for i, row in enumerate(rows):
        spoilt = list(row)
        left = fate[i]
        for share, column, cell in _SPOILING:
            if left < share:
                spoilt[column] = cell
                break
            left -= share
        result.append(spoilt)
        if fate[i] > 1 - _SENT_TWICE:
            result.append(list(row))
        elif fate[i] > 1 - _SENT_TWICE - _BLANK:
            result.append([None] * len(row))
    return result


_SENT_TWICE = 0.006
_BLANK = 0.004
_SPOILING: tuple[tuple[float, int, Cell], ...] = (
    (0.004, _ID, None),
    (0.004, _AGE, None),
    (0.003, _AGE, "150"),
    (0.001, _AGE, "-3"),
    (0.004, _CHANNEL, None),
    (0.004, _CHANNEL, "Threads"),
    (0.002, _CHANNEL, "駅の看板"),
    (0.004, _DATE, "2023/2/30"),
    (0.003, _GENDER, "不明"),
    (0.003, _PREFECTURE, "海外"),
    (0.003, _SATISFIED, "とても満足"),
    (0.002, _SATISFIED, 6),
    (0.003, _SEEN, "mixi"),
    (0.003, _BOUGHT, "浴衣"),
)
"""Share of the rows, column, and what stands in it instead; the first eight refuse the row."""

_SEEN_HEADER = "最近3か月に当店の広告を見た媒体（複数回答）"
_BOUGHT_HEADER = "購入したことのあるカテゴリ（複数回答）"
_CP932_HEADERS = (
    *("回答番号", "回答日", "年代", "性別", "居住地", "きっかけ", _SEEN_HEADER, _BOUGHT_HEADER),
    *("満足度", "推奨度", "メールアドレス", "ご意見"),
)
_UTF8_HEADERS = (
    *("No.", "回答日時", "年齢", "性別", "都道府県", "当店を最初に知ったきっかけ", _SEEN_HEADER),
    *(_BOUGHT_HEADER, "総合満足度", "おすすめ度", "メールアドレス（任意）", "自由記述"),
    *("回答経路", "所要時間（秒）"),
)
_FULL_WIDTH_HEADERS = (
    *("回答ID", "回答日", "年齢", "性別", "都道府県", "きっかけ", _SEEN_HEADER, _BOUGHT_HEADER),
    *("総合満足度", "おすすめ度", "メールアドレス（任意）", "ご意見"),
)
_MERGED_HEADERS: tuple[tuple[str | None, str | None], ...] = (
    ("回答ID", None),
    ("回答日時", None),
    ("ご回答者について", "年齢"),
    (None, "性別"),
    (None, "居住地"),
    ("広告について", "当店を最初に知ったきっかけ"),
    (None, _SEEN_HEADER),
    ("お買い物について", _BOUGHT_HEADER),
    (None, "総合満足度"),
    (None, "おすすめ度"),
    ("メールアドレス（任意）", None),
    ("自由記述", None),
)
"""Upper and lower header; a None beside is merged with its left, one below with its upper."""


def _two_header_workbook(rows: list[_Row]) -> bytes:
    upper, lower = zip(*_MERGED_HEADERS, strict=True)
    return as_workbook([upper, lower], rows)


def _one_header_workbook(rows: list[_Row]) -> bytes:
    return as_workbook([_FULL_WIDTH_HEADERS], rows)


def _cp932_csv(rows: list[_Row]) -> bytes:
    return as_csv([_CP932_HEADERS, *rows], encoding="cp932", newline="\r\n")


def _utf8_csv(rows: list[_Row]) -> bytes:
    return as_csv([_UTF8_HEADERS, *rows], encoding="utf-8-sig", newline="\n")


_SHAPES = (
    _Shape("xlsx", _merged_row, _two_header_workbook),
    _Shape("csv", _cp932_row, _cp932_csv),
    _Shape("csv", _utf8_row, _utf8_csv),
    _Shape("xlsx", _full_width_row, _one_header_workbook),
)
