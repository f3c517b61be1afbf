"""Small groups are hidden so that no published total gives them away (A1, A3)."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_assets.marts.suppression import Line, cells_of, hidden_cells, lines_of, suppressed


def hidden_of(*people: int, total: bool = False) -> list[int]:
    """Which cells of a single line are hidden; the total is cell -1."""
    counts = dict(enumerate(people))
    line = Line(tuple(counts), -1 if total else None)
    if total:
        counts[-1] = sum(people)
    return sorted(hidden_cells(counts, [line]))


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        ((5, 6, 7), []),
        ((4, 9, 7), [0, 2]),
        ((4, 7, 7), [0, 1]),
        ((2, 3, 9), [0, 1]),
        ((2, 2, 9), [0, 1, 2]),
        ((1, 1, 8, 6), [0, 1, 3]),
        ((2, 2), [0, 1]),
        ((3,), [0]),
        ((0, 4, 0, 9), [1, 3]),
        ((), []),
    ],
)
def test_a_line_hides_two_cells_and_five_people_or_all_of_itself(
    people: tuple[int, ...], expected: list[int]
) -> None:
    assert hidden_of(*people) == expected


def test_a_line_that_cannot_hide_enough_hides_its_total_too() -> None:
    """A lone hidden cell equals its total."""
    cells = {("q1", "a"): 7, ("q1", "b"): 2, ("all", "a"): 7, ("all", "b"): 40}
    lines = lines_of(cells, 0, total="all") + lines_of(cells, 1)
    assert hidden_cells(cells, lines) == {("q1", "a"), ("q1", "b"), ("all", "a"), ("all", "b")}


def test_a_hidden_total_is_not_the_sum_of_shown_cells() -> None:
    """The smallest cell of `all` is hidden for another channel's sake; its quarters show it."""
    cells = {
        ("q1", "small"): 2,
        ("q2", "small"): 2,
        ("all", "small"): 4,
        **{(quarter, "next"): 10 for quarter in ("q1", "q2")},
        ("all", "next"): 20,
        **{(quarter, "other"): 9 for quarter in ("q1", "q2")},
        **{(quarter, "another"): 9 for quarter in ("q3", "q4")},
        ("q3", "other"): 9,
        ("all", "other"): 27,
        ("all", "another"): 18,
    }
    hidden = hidden_cells(cells, lines_of(cells, 1) + lines_of(cells, 0, total="all"))
    assert ("all", "another") in hidden
    assert {("q3", "another"), ("q4", "another")} <= hidden


def test_hiding_spreads_until_nothing_changes() -> None:
    cells = {
        ("q1", "x"): 3,
        ("q1", "y"): 6,
        ("q1", "z"): 9,
        ("q2", "x"): 8,
        ("q2", "y"): 7,
        ("q2", "z"): 30,
        ("all", "x"): 11,
        ("all", "y"): 13,
        ("all", "z"): 39,
    }
    hidden = hidden_cells(cells, lines_of(cells, 1) + lines_of(cells, 0, total="all"))
    assert hidden == {(quarter, channel) for quarter in ("q1", "q2") for channel in "xy"}


def test_ties_go_by_key() -> None:
    cells = {("b",): 6, ("a",): 6, ("c",): 2}
    assert hidden_cells(cells, lines_of(cells, 0)) == {("a",), ("c",)}


def test_lines_keep_cells_of_an_unknown_category_together() -> None:
    cells = [("20s", None), ("10s", None), ("20s", 1)]
    assert lines_of(cells, 0) == [
        Line((("10s", None), ("20s", None))),
        Line((("20s", 1),)),
    ] or lines_of(cells, 0) == [Line((("20s", 1),)), Line((("10s", None), ("20s", None)))]


def test_hidden_figures_are_null_and_say_so() -> None:
    frame = pd.DataFrame(
        {"band": ["10s", "20s"], "id": pd.array([None, 1], dtype="Int64"), "n": [3, 8]}
    ).astype({"n": "Int64"})
    assert cells_of(frame, ["band", "id"]) == [("10s", None), ("20s", 1)]
    result = suppressed(frame, {("10s", None)}, ["band", "id"], ["n"])
    assert result["suppressed"].tolist() == [True, False]
    assert result["n"].isna().tolist() == [True, False]


PEOPLE = st.integers(0, 12) | st.integers(0, 200)


@given(
    st.dictionaries(
        st.tuples(st.sampled_from(["q1", "q2", "q3"]), st.sampled_from("abcde")), PEOPLE
    )
)
def test_no_published_total_gives_a_hidden_cell_away(
    quarters: dict[tuple[str, str], int],
) -> None:
    cells = {cell: count for cell, count in quarters.items() if count}
    for channel in {channel for _, channel in cells}:
        cells["all", channel] = sum(n for (_, c), n in quarters.items() if c == channel)
    lines = lines_of(cells, 1) + lines_of(cells, 0, total="all")
    hidden = hidden_cells(cells, lines)

    assert {cell for cell, n in cells.items() if n < 5} <= hidden
    for quarter in ("q1", "q2", "q3", "all"):
        line = [cell for cell in cells if cell[0] == quarter]
        gone = [cell for cell in line if cell in hidden]
        enough = len(gone) >= 2 and sum(cells[c] for c in gone) >= 5
        assert not gone or enough or set(gone) == set(line)
    for channel in "abcde":
        line = [cell for cell in cells if cell[1] == channel and cell[0] != "all"]
        gone = [cell for cell in line if cell in hidden]
        enough = len(gone) >= 2 and sum(cells[c] for c in gone) >= 5
        whole = set(gone) == set(line) and ("all", channel) in hidden
        assert not gone or enough or whole
        assert ("all", channel) not in hidden or gone


@given(st.dictionaries(st.tuples(st.integers(0, 5)), PEOPLE))
def test_nothing_is_hidden_where_nobody_is_few(cells: dict[tuple[int], int]) -> None:
    hidden = hidden_cells(cells, lines_of(cells, 0))
    if all(n == 0 or n >= 5 for n in cells.values()):
        assert hidden == set()
    assert all(cells[cell] > 0 for cell in hidden)
