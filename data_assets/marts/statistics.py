"""The marts' statistics that SQL lacks, as pure functions over small results."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

_Z_95 = 1.959963984540054
"""The 97.5% quantile of the standard normal distribution."""


def wilson_interval(
    successes: ArrayLike, trials: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper end of the 95% Wilson score interval of shares; trials are above 0."""
    import numpy as np

    n = np.asarray(trials, dtype=float)
    share = np.asarray(successes, dtype=float) / n
    z2 = _Z_95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z_95 / (1 + z2 / n) * np.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)


@dataclass(frozen=True)
class Correlation:
    """A correlation coefficient with its two-sided p-value; None where it is undefined."""

    coefficient: float | None
    p_value: float | None
    n: int


def correlation(method: str, x: pd.Series, y: pd.Series) -> Correlation:
    """Pearson's or Spearman's correlation of two columns without gaps.

    Undefined over fewer than 2 pairs or when a column is constant; Spearman's p-value needs 3.
    """
    from scipy import stats

    if len(x) < 2 or x.nunique() < 2 or y.nunique() < 2:
        return Correlation(None, None, len(x))
    found = {"pearson": stats.pearsonr, "spearman": stats.spearmanr}[method](
        x.to_numpy(float), y.to_numpy(float)
    )
    coefficient = min(max(float(found.statistic), -1.0), 1.0)
    p_value = float(found.pvalue)
    return Correlation(coefficient, None if math.isnan(p_value) else p_value, len(x))


@dataclass(frozen=True)
class Association:
    """Pearson's chi-square test of a contingency table; None where it is undefined."""

    chi_square: float | None
    dof: int
    p_value: float | None
    cramers_v: float | None
    n: int


def association(table: pd.DataFrame) -> Association:
    """Whether rows and columns of a table of counts depend on each other.

    No Yates correction, no correction of Cramér's V. Undefined unless at least two rows and two
    columns hold anything.
    """
    import numpy as np
    from scipy import stats

    counts = table.to_numpy(dtype=np.int64)
    n = int(counts.sum())
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    smaller = min(counts.shape, default=0) - 1
    if smaller < 1:
        return Association(None, 0, None, None, n)
    found = stats.chi2_contingency(counts, correction=False)
    cramers_v = min(float(np.sqrt(found.statistic / (n * smaller))), 1.0)
    return Association(float(found.statistic), int(found.dof), float(found.pvalue), cramers_v, n)
