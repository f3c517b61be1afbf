"""Things made ahead by threads: in order, no more than asked for, none after a failure."""

from __future__ import annotations

import threading

import pytest

from data_assets.ahead import made_ahead


def test_things_come_in_order_whichever_is_ready_first() -> None:
    second_is_made = threading.Event()

    def make(number: int) -> int:
        if number == 0:
            assert second_is_made.wait(10)
        if number == 1:
            second_is_made.set()
        return number * 10

    with made_ahead(make, range(5), at_once=2) as made:
        assert list(made) == [0, 10, 20, 30, 40]


def test_no_more_is_begun_than_asked_for() -> None:
    begun: list[int] = []

    def make(number: int) -> int:
        begun.append(number)
        return number

    with made_ahead(make, range(100), at_once=2) as made:
        assert [next(made), next(made)] == [0, 1]
    assert max(begun) <= 3


def test_a_failure_is_raised_in_its_turn_and_nothing_more_is_begun() -> None:
    begun: list[int] = []

    def make(number: int) -> int:
        begun.append(number)
        if number == 1:
            raise KeyError(number)
        return number

    taken: list[int] = []
    with pytest.raises(KeyError), made_ahead(make, range(100), at_once=2) as made:
        taken += [next(made)]
        next(made)
    assert taken == [0]
    assert max(begun) <= 2
