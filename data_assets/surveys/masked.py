"""A parsed survey to what the lake may hold: pseudonyms instead of ids and e-mails (E4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data_assets.masking import normalised_email, pseudonyms, respondent
from data_assets.tables import SURVEY_ANSWERS, SURVEY_RESPONSES

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

    from data_assets.surveys.parse import ParsedSurvey
    from resources.tables import Table


def lake_tables(survey: ParsedSurvey, key: str) -> tuple[pa.Table, pa.Table]:
    """The rows of `survey_responses` and of `survey_answers`; `key` is the pseudonym key."""
    import polars as pl

    ids = respondent(survey.quarter, pl.col("respondent_id"))
    responses = survey.responses.with_columns(
        pseudonyms("respondent", ids, key).alias("respondent_key"),
        pseudonyms("email", normalised_email(pl.col("email")), key).alias("email_key"),
    )
    whose = responses["respondent_key"].gather(survey.answers["respondent"])
    answers = survey.answers.with_columns(whose.alias("respondent_key"))
    return _rows(responses, SURVEY_RESPONSES), _rows(answers, SURVEY_ANSWERS)


def _rows(frame: pl.DataFrame, table: Table) -> pa.Table:
    schema = table.arrow_schema()
    return frame.select(schema.names).to_arrow().cast(schema)
