"""A parsed survey to what the lake may hold: pseudonyms instead of ids and e-mails (E4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data_assets.masking import normalised_email, pseudonyms, respondent
from data_assets.tables import SURVEY_ANSWERS, SURVEY_RESPONSES

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

    from data_assets.surveys.parse import ParsedSurvey


def responses_table(survey: ParsedSurvey, key: str) -> pa.Table:
    """The rows of `survey_responses`; `key` is the pseudonym key."""
    import polars as pl

    rows = survey.responses.with_columns(
        _respondent_key(survey, key),
        pseudonyms("email", normalised_email(pl.col("email")), key).alias("email_key"),
    )
    schema = SURVEY_RESPONSES.arrow_schema()
    return rows.select(schema.names).to_arrow().cast(schema)


def answers_table(survey: ParsedSurvey, key: str) -> pa.Table:
    """The rows of `survey_answers`; `key` is the pseudonym key."""
    schema = SURVEY_ANSWERS.arrow_schema()
    rows = survey.answers.with_columns(_respondent_key(survey, key))
    return rows.select(schema.names).to_arrow().cast(schema)


def _respondent_key(survey: ParsedSurvey, key: str) -> pl.Expr:
    import polars as pl

    ids = respondent(survey.quarter, pl.col("respondent_id"))
    return pseudonyms("respondent", ids, key).alias("respondent_key")
