"""What a cell's text means: ages, dates, scores, options (contract, Surveys).

Everything takes text as people type it, full-width or not, and gives None for what it can't place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from data_assets.surveys.columns import folded
from data_assets.surveys.eras import ERA, YEAR_OF_ERA, western_year, within

if TYPE_CHECKING:
    import polars as pl

MAX_AGE = 120
FIRST_DAY, LAST_DAY = date(1900, 3, 1), date(2100, 12, 31)
"""Days outside are taken for mistakes; before March 1900 Excel's serials are wrong by one."""

_YEARS = re.compile(r"満?(\d{1,3})(?:\.0+)?[歳才]?")
_BAND = re.compile(r"(\d{1,3})([歳才]?代|[歳才])?(以上|以下|未満)")
_DECADE = re.compile(r"(\d{1,2}0)[歳才]?代")
_DASH = r"\-‐‑‒–—―−ー"
"""What is typed for a hyphen, in NFKC."""
_RANGE = re.compile(rf"(\d{{1,3}})[歳才]?[~〜{_DASH}](\d{{1,3}})[歳才]?")


def age_band(text: str) -> str | None:
    """The age band of completed years or of a band that lies within one; else None."""
    span = _ages(folded(text))
    if span is None or not 0 <= span[0] <= span[1] <= MAX_AGE:
        return None
    lowest, highest = map(_band_of_years, span)
    return lowest if lowest == highest else None


def _ages(text: str) -> tuple[int, int] | None:
    """The lowest and the highest age that a text stands for."""
    if match := _YEARS.fullmatch(text):
        return int(match[1]), int(match[1])
    if match := _RANGE.fullmatch(text):
        return int(match[1]), int(match[2])
    if match := _DECADE.fullmatch(text):
        return int(match[1]), int(match[1]) + 9
    if match := _BAND.fullmatch(text):
        first = int(match[1])
        last = first + 9 if (match[2] or "").endswith("代") else first
        return {"以上": (first, MAX_AGE), "以下": (0, last), "未満": (0, first - 1)}[match[3]]
    return None


def _band_of_years(years: int) -> str:
    if years < 20:
        return "10s"
    return "70+" if years >= 70 else f"{years // 10}0s"


_TIME = (
    r"(?i)\s*(?:午前|午後|[AP]M)?[T\s]*(?:[01]?\d|2[0-3])"
    r"(?::[0-5]?\d(?::[0-5]?\d(?:\.\d+)?)?|時(?:[0-5]?\d分(?:[0-5]?\d秒)?)?)"
    r"(?:\s*[AP]M)?(?:Z|[+-]\d\d:?\d\d)?$"
)
_FRACTION = r"^(\d{5})\.\d+$"
_WEEKDAY = r"(?:\([月火水木金土日](?:曜日?)?\))?"
_WESTERN = re.compile(rf"(\d{{4}})[{_DASH}/.年](\d{{1,2}})[{_DASH}/.月](\d{{1,2}})日?{_WEEKDAY}")
_COMPACT = re.compile(r"((?:19|20)\d\d)(\d\d)(\d\d)")
_ERA_DAY = re.compile(
    rf"({ERA})({YEAR_OF_ERA})[{_DASH}/.年](\d{{1,2}})[{_DASH}/.月](\d{{1,2}})日?{_WEEKDAY}"
)
_SERIAL = re.compile(r"\d{5}")
_SERIAL_ZERO = date(1899, 12, 30)


def day(text: str) -> date | None:
    """The day of a date without a time: western, 和暦 or an Excel serial; None when impossible."""
    text = folded(text)
    try:
        if _SERIAL.fullmatch(text):
            found = _SERIAL_ZERO + timedelta(days=int(text))
        elif match := _WESTERN.fullmatch(text) or _COMPACT.fullmatch(text):
            found = date(int(match[1]), int(match[2]), int(match[3]))
        elif match := _ERA_DAY.fullmatch(text):
            found = date(western_year(match[1], match[2]), int(match[3]), int(match[4]))
            if not within(match[1], found, found):
                return None
        else:
            return None
    except ValueError:
        return None
    return found if FIRST_DAY <= found <= LAST_DAY else None


def score(text: str, lowest: int, highest: int) -> int | None:
    """A whole number from `lowest` to `highest`, with or without 点."""
    match = re.fullmatch(r"(\d{1,2})(?:\.0+)?点?", folded(text))
    return int(match[1]) if match and lowest <= int(match[1]) <= highest else None


def bands(cells: pl.Series) -> pl.Series:
    """Ages and bands as age bands; NULL for what isn't one."""
    import polars as pl

    return _mapped(cells, {text: age_band(text) for text in _distinct(cells)}, pl.String)


def days(cells: pl.Series) -> pl.Series:
    """Dates, with or without a time, as days; NULL for what isn't one."""
    import polars as pl

    texts = normalised(cells).str.replace(_TIME, "").str.replace(_FRACTION, "$1")
    return _mapped(texts, {text: day(text) for text in _distinct(texts)}, pl.Date)


def scores(cells: pl.Series, lowest: int, highest: int) -> pl.Series:
    """Whole numbers from `lowest` to `highest`; NULL for anything else."""
    import polars as pl

    meaning = {text: score(text, lowest, highest) for text in _distinct(cells)}
    return _mapped(cells, meaning, pl.Int32)


def options(cells: pl.Series, accepted: Iterable[str]) -> pl.Series:
    """The one option that a cell names, as it is spelt in `accepted`; NULL for anything else."""
    import polars as pl

    spelling = {folded(option): option for option in accepted}
    return _mapped(
        cells, {text: spelling.get(folded(text)) for text in _distinct(cells)}, pl.String
    )


SEPARATORS = "、,;/\n"


def several_options(cells: pl.Series, accepted: Iterable[str]) -> pl.DataFrame:
    """The options that cells with several answers name: `row` (index of the cell), `answer`.

    Options are matched longest first between separators, so one that contains a separator stays
    whole, and none is found inside another word. An option that a cell names again counts once;
    each unknown answer is a row with `answer` NULL.
    """
    distinct = cells.rename("cell").drop_nulls().unique().to_frame()
    answers = _answers_in(distinct["cell"], accepted)
    named = distinct.with_row_index("at").join(answers, on="at").select("cell", "answer")
    rows = cells.rename("cell").to_frame().with_row_index("row")
    return rows.join(named, on="cell", maintain_order="left_right").select("row", "answer")


def _answers_in(cells: pl.Series, accepted: Iterable[str]) -> pl.DataFrame:
    """`several_options` of distinct cells: `at` (index of the cell), `answer`."""
    import polars as pl

    spelling = {folded(option).strip(SEPARATORS): option for option in accepted}
    longest_first = sorted(filter(None, spelling), key=len, reverse=True)
    known = "".join(f"{pl.escape_regex(option)}|" for option in longest_first)
    one = rf"(?:{known}[^{SEPARATORS}]+)(?:[{SEPARATORS}]+|$)"
    texts = normalised(cells).str.replace_all(r"\r\n?", "\n")
    if texts.str.contains(r"[^\S\n]").any():
        texts = texts.str.replace_all(r"[^\S\n]+", "")
    texts = texts.str.to_lowercase().str.strip_chars_start(SEPARATORS)
    answers = (
        texts.str.extract_all(one)
        .alias("answer")
        .to_frame()
        .with_row_index("at")
        .explode("answer")
        .drop_nulls()
    )
    token = answers["answer"].str.strip_chars_end(SEPARATORS)
    answers = answers.with_columns(_mapped(token, spelling, pl.String).alias("answer"))
    return answers.filter(
        pl.col("answer").is_null() | pl.struct("at", "answer").is_first_distinct()
    )


def normalised(cells: pl.Series) -> pl.Series:
    """Text in NFKC; costs nothing where all of it is ASCII."""
    if cells.str.contains(r"[^\x00-\x7f]").any():
        return cells.str.normalize("NFKC")
    return cells


def _distinct(cells: pl.Series) -> list[str]:
    return cells.drop_nulls().unique().to_list()


def _mapped(cells: pl.Series, meaning: Mapping[str, Any], dtype: type[pl.DataType]) -> pl.Series:
    return cells.replace_strict(meaning, default=None, return_dtype=dtype)
