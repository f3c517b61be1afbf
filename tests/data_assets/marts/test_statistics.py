"""The statistics equal figures worked out elsewhere (A1, A4, A6)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from data_assets.marts.statistics import association, correlation, wilson_interval


def test_wilson_interval_of_a_textbook_case() -> None:
    """10 of 100: Wilson's 95% interval is 0.0552 to 0.1744 (A1)."""
    low, high = wilson_interval([10, 0, 7], [100, 10, 7])
    assert low == pytest.approx([0.05522914, 0.0, 7 / (7 + 1.959963984540054**2)], abs=1e-8)
    assert high == pytest.approx([0.17436566, 0.27753279, 1.0], abs=1e-8)


def test_correlation_by_hand() -> None:
    """(A4)"""
    x, y = pd.Series([1.0, 2, 3, 4]), pd.Series([1.0, 3, 2, 5])
    pearson = correlation("pearson", x, y)
    assert pearson.coefficient == pytest.approx(5.5 / np.sqrt(5 * 8.75))
    t = pearson.coefficient * np.sqrt(2 / (1 - pearson.coefficient**2))
    assert pearson.p_value == pytest.approx(1 - t / np.sqrt(2 + t * t))  # Student's t, 2 dof
    assert correlation("spearman", x, y).coefficient == pytest.approx(0.8)
    assert pearson.n == 4


@pytest.mark.parametrize(("x", "y"), [([], []), ([1], [2]), ([1, 1, 1], [1, 2, 3])])
def test_correlation_is_undefined_over_too_little(x: list[int], y: list[int]) -> None:
    found = correlation("spearman", pd.Series(x, dtype=float), pd.Series(y, dtype=float))
    assert (found.coefficient, found.p_value, found.n) == (None, None, len(x))


def test_association_by_hand_without_corrections() -> None:
    """A 2 x 2 table, where Yates' correction would differ (A6)."""
    found = association(pd.DataFrame([[20, 30], [30, 20]]))
    assert found.chi_square == pytest.approx(4.0)
    assert found.dof == 1
    assert found.p_value == pytest.approx(0.04550026389635842)
    assert found.cramers_v == pytest.approx(0.2)
    assert found.n == 100


def test_empty_rows_and_columns_do_not_count() -> None:
    found = association(pd.DataFrame([[20, 0, 30], [30, 0, 20], [0, 0, 0]]))
    assert (found.dof, found.n) == (1, 100)


@pytest.mark.parametrize("table", [[], [[3, 4]], [[3], [4]]])
def test_association_is_undefined_with_one_kind_only(table: list[list[int]]) -> None:
    found = association(pd.DataFrame(table))
    assert found.chi_square is None and found.cramers_v is None and found.p_value is None
    assert found.n == sum(map(sum, table))
