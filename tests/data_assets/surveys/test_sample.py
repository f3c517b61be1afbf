"""The sample mall's survey files come out as they were answered, but for their planted dirt."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any
from unicodedata import normalize

import pytest

from data_assets.surveys.parse import ParsedSurvey, parse
from data_assets.surveys.values import age_band
from mall_platform.sample_mall import surveys
from mall_platform.sample_mall.catalogue import CATEGORIES
from mall_platform.sample_mall.respondents import Answers, answers, last_quarters

SEED, LAST_DAY, RESPONDENTS, CUSTOMERS = 3, date(2024, 6, 30), 800, 300
KEPT = ("gender", "prefecture", "satisfaction", "recommend")
QUESTIONS = ("channels_seen", "categories_bought")


@cache
def parsed() -> list[ParsedSurvey]:
    files = surveys.files(
        seed=SEED,
        quarters=4,
        last_day=LAST_DAY,
        respondents=RESPONDENTS,
        customers=CUSTOMERS,
    )
    names = [category.name for category in CATEGORIES]
    return [parse(content, name, names) for name, content in files]


def given(turn: int) -> dict[int, Answers]:
    quarter = last_quarters(LAST_DAY, 4)[turn]
    return {a.respondent: a for a in answers(SEED, quarter, RESPONDENTS, CUSTOMERS)}


def test_the_quarters_are_read_from_three_spellings() -> None:
    assert [survey.quarter for survey in parsed()] == ["2023Q3", "2023Q4", "2024Q1", "2024Q2"]


@pytest.mark.parametrize("turn", range(4), ids=["merged", "cp932", "utf-8", "full-width"])
def test_every_accepted_answer_is_what_the_respondent_gave(turn: int) -> None:
    survey, expected = parsed()[turn], given(turn)
    lost: dict[str, int] = {}
    for row in survey.responses.to_dicts():
        person = expected[int(row["respondent_id"].removeprefix("R"))]
        assert row["answered_on"] == person.answered_at.date()
        assert row["age_band"] == age_band(str(person.age))
        assert row["channel"] == person.channel
        assert row["email"] == (normalize("NFKC", person.email).strip() if person.email else None)
        assert row["comment_length"] == (len(person.comment) if person.comment else None)
        for column in KEPT:
            if row[column] != getattr(person, column):
                assert row[column] is None
                lost[column] = lost.get(column, 0) + 1
    assert lost == {c: n for c, n in survey.unknown_answers.items() if c in KEPT}


@pytest.mark.parametrize("turn", range(4), ids=["merged", "cp932", "utf-8", "full-width"])
def test_every_option_chosen_is_found_whole(turn: int) -> None:
    survey, expected = parsed()[turn], given(turn)
    found: dict[tuple[int, str], set[str]] = {}
    for row, question, answer in survey.answers.iter_rows():
        found.setdefault((row, question), set()).add(answer)
    lost = 0
    for row, respondent in enumerate(survey.responses["respondent_id"]):
        person: Any = expected[int(respondent.removeprefix("R"))]
        for question in QUESTIONS:
            chosen = found.get((row, question), set())
            if chosen != set(getattr(person, question)):
                assert not chosen
                lost += 1
    # Of those whose answer was spoilt, some had left the question out.
    assert lost <= sum(survey.unknown_answers.get(question, 0) for question in QUESTIONS)


@pytest.mark.parametrize("turn", range(4), ids=["merged", "cp932", "utf-8", "full-width"])
def test_only_planted_dirt_is_left_out(turn: int) -> None:
    survey = parsed()[turn]
    assert 0 < survey.bad_rows < 0.06 * survey.rows
    assert survey.responses.height + survey.bad_rows == survey.rows >= RESPONDENTS
