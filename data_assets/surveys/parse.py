"""A dropped survey file to tables, row by row judged: pure, from bytes and a name (E2, Q2).

What comes out still holds e-mails and respondents' ids, which `masked` replaces; comments are gone
but for their length. Reasons name rows and columns and never quote a cell.
"""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from data_assets.surveys.columns import COLUMNS, HEADERS, REQUIRED, Column
from data_assets.surveys.extent import HEADING_ROWS, MAX_ROWS, too_many_rows
from data_assets.surveys.header import Header, find_header
from data_assets.surveys.quarter import quarter_of
from data_assets.surveys.rejection import BadCell, Reason, RejectedSurveyError
from data_assets.surveys.sheets import sheets
from data_assets.surveys.values import (
    bands,
    days,
    normalised,
    options,
    scores,
    several_options,
)
from data_assets.tables import CHANNELS, PREFECTURES, SURVEY_GENDERS

if TYPE_CHECKING:
    import polars as pl

MAX_BAD_SHARE = 0.10
"""A file with a greater share of its non-blank rows quarantined is quarantined itself."""


@dataclass(frozen=True)
class ParsedSurvey:
    """An accepted file.

    `responses` has a row per accepted respondent: `respondent_id`, `email` (both as text, to be
    masked), `answered_on`, `age_band`, `gender`, `prefecture`, `channel`, `satisfaction`,
    `recommend`, `comment_length`. `answers` has `respondent` (a row of `responses`, from 0),
    `question`, `answer`, each once.
    `rows` counts the non-blank rows, `unknown_answers` by column what became NULL.
    """

    quarter: str
    responses: pl.DataFrame
    answers: pl.DataFrame
    rows: int
    bad_cells: tuple[BadCell, ...]
    unknown_answers: dict[str, int]
    ignored_columns: tuple[str, ...]

    @property
    def bad_rows(self) -> int:
        return len({cell.row for cell in self.bad_cells})


def parse(data: bytes, name: str, categories: Collection[str]) -> ParsedSurvey:
    """The survey in a file called `name`; `categories` are the shop's category names.

    Raises RejectedSurveyError for a file that is quarantined as a whole.
    """
    import polars as pl

    quarter = quarter_of(name)
    sheet, header = _table(data)
    texts = _respondents(sheet, header)
    read = _read(texts)
    bad_cells = _bad_cells(texts, read)
    bad = {cell.row for cell in bad_cells}
    if len(bad) > MAX_BAD_SHARE * texts.height:
        raise RejectedSurveyError(
            Reason.TOO_MANY_BAD_ROWS,
            f"{len(bad):,} of {texts.height:,} rows can't be read, more than "
            f"{MAX_BAD_SHARE:.0%}: is it the right file?",
            rows=texts.height,
            bad_cells=bad_cells,
        )
    accepted = ~pl.col("row").is_in(list(bad))
    responses, accepted_texts = read.filter(accepted), texts.filter(accepted)
    questions = {"channels_seen": CHANNELS, "categories_bought": categories}
    cells = [accepted_texts[question] for question in questions]
    with ThreadPoolExecutor() as threads:
        answers = threads.map(several_options, cells, questions.values())
    chosen = dict(zip(questions, answers, strict=True))
    return ParsedSurvey(
        quarter=quarter,
        responses=responses.drop("row"),
        answers=_answers(chosen),
        rows=texts.height,
        bad_cells=bad_cells,
        unknown_answers=_unknown_answers(accepted_texts, responses, chosen),
        ignored_columns=header.ignored,
    )


def _read(texts: pl.DataFrame) -> pl.DataFrame:
    """The meaning of each row's cells; NULL for a blank cell and for one without meaning."""
    import polars as pl

    return texts.select(
        "row",
        "respondent_id",
        "email",
        answered_on=days(texts["answered_on"]),
        age_band=bands(texts["age"]),
        gender=options(texts["gender"], SURVEY_GENDERS),
        prefecture=options(texts["prefecture"], PREFECTURES),
        channel=options(texts["channel"], CHANNELS),
        satisfaction=scores(texts["satisfaction"], 1, 5),
        recommend=scores(texts["recommend"], 0, 10),
        comment_length=pl.col("comment").str.len_chars().cast(pl.Int32),
    ).with_columns(pl.when(pl.col("email").str.contains(r"^[^@\s]+@[^@\s]+$")).then("email"))


def _answers(chosen: dict[str, pl.DataFrame]) -> pl.DataFrame:
    import polars as pl

    return pl.concat(
        found.drop_nulls().select(
            pl.col("row").alias("respondent"), pl.lit(question).alias("question"), "answer"
        )
        for question, found in chosen.items()
    )


def _unknown_answers(
    texts: pl.DataFrame, read: pl.DataFrame, chosen: dict[str, pl.DataFrame]
) -> dict[str, int]:
    """How many answers became NULL, by column; columns without any are left out."""
    counts = {
        column: int((texts[column].is_not_null() & read[column].is_null()).sum())
        for column in ("gender", "prefecture", "satisfaction", "recommend", "email")
    } | {question: found["answer"].null_count() for question, found in chosen.items()}
    return {column: count for column, count in counts.items() if count}


def _table(data: bytes) -> tuple[pl.DataFrame, Header]:
    """The one sheet that holds a survey, and its header."""
    found: list[tuple[pl.DataFrame, Header]] = []
    closest: Header | None = None
    for sheet in sheets(data):
        header = find_header(sheet.head(HEADING_ROWS).rows())
        if header and set(REQUIRED) <= header.columns.keys():
            found.append((sheet, header))
        elif header and len(header.columns) > (len(closest.columns) if closest else 0):
            closest = header
    if len(found) > 1:
        raise RejectedSurveyError(
            Reason.SEVERAL_SHEETS, f"{len(found)} sheets of the workbook hold a survey. Keep one."
        )
    if not found:
        raise _missing_columns(closest)
    return found[0]


def _missing_columns(closest: Header | None) -> RejectedSurveyError:
    missing = [c for c in REQUIRED if closest is None or c not in closest.columns]
    wanted = "; ".join(f"{column} ({' or '.join(HEADERS[column])})" for column in missing)
    return RejectedSurveyError(
        Reason.MISSING_COLUMNS,
        f"Required columns aren't in the first {HEADING_ROWS} rows: {wanted}.",
    )


def _respondents(sheet: pl.DataFrame, header: Header) -> pl.DataFrame:
    """The non-blank rows below the header: `row` (as a spreadsheet counts) and every column.

    Cells are trimmed, blank ones NULL; ids and e-mails are NFKC; comments keep their
    length.
    """
    import polars as pl

    def cell(column: Column) -> pl.Expr:
        if column not in header.columns:
            return pl.lit(None, pl.String).alias(column)
        raw = pl.nth(header.columns[column])
        text = raw.str.strip_chars()
        return pl.when(text != "").then(raw if column == "comment" else text).alias(column)

    rows = sheet.slice(header.rows).select(cell(column) for column in COLUMNS)
    rows = rows.with_columns(normalised(rows[column]) for column in ("respondent_id", "email"))
    rows = rows.with_row_index("row", offset=header.rows + 1)
    rows = rows.filter(~pl.all_horizontal(pl.exclude("row").is_null()))
    if rows.height > MAX_ROWS:
        raise too_many_rows()
    if not rows.height:
        raise RejectedSurveyError(Reason.EMPTY, "The survey has no rows below its header.")
    return rows


def _bad_cells(texts: pl.DataFrame, read: pl.DataFrame) -> tuple[BadCell, ...]:
    """Why rows are quarantined, in the order of rows."""
    import polars as pl

    rules = {
        ("respondent_id", "is missing"): texts["respondent_id"].is_null(),
        ("respondent_id", "was seen before in the file"): texts["respondent_id"].is_not_null()
        & ~texts["respondent_id"].is_first_distinct(),
        ("answered_on", "is not a date"): texts["answered_on"].is_not_null()
        & read["answered_on"].is_null(),
        ("age", "is missing"): texts["age"].is_null(),
        ("age", "is not an age, or not within one age band"): texts["age"].is_not_null()
        & read["age_band"].is_null(),
        ("channel", "is missing"): texts["channel"].is_null(),
        ("channel", "is not one of the options"): texts["channel"].is_not_null()
        & read["channel"].is_null(),
    }
    found = pl.concat(
        texts.select("row")
        .filter(broken)
        .with_columns(column=pl.lit(column), reason=pl.lit(reason))
        for (column, reason), broken in rules.items()
    )
    return tuple(BadCell(*cell) for cell in found.sort("row", maintain_order=True).iter_rows())
