"""The quarter of a survey, from its file's name (E2): 2024Q2, 2024年第2四半期, 令和6年第2四半期.

Quarters are calendar quarters. A fiscal year (年度) is not read as a calendar year: such a name has
no quarter.
"""

from __future__ import annotations

import calendar
import re
import unicodedata
from collections.abc import Iterator
from datetime import date

from data_assets.surveys.eras import ERA, YEAR_OF_ERA, western_year, within
from data_assets.surveys.rejection import Reason, RejectedSurveyError

_SHORT = re.compile(r"(?<!\d)(\d{4})[-_ ]?Q([1-4])(?![0-9])", re.IGNORECASE)
_LONG = re.compile(r"(?<!\d)(\d{4}) ?年 ?第 ?([1-4]) ?四半期")
_ERA = re.compile(rf"({ERA}) ?({YEAR_OF_ERA}) ?年 ?第 ?([1-4]) ?四半期")


def quarter_of(key: str) -> str:
    """The quarter, like `2024Q2`, that the last part of an S3 key or path names.

    Raises RejectedSurveyError when it names none, or more than one.
    """
    name = unicodedata.normalize("NFKC", key.rsplit("/", 1)[-1])
    found = set(_quarters(name))
    if not found:
        raise RejectedSurveyError(
            Reason.NO_QUARTER,
            "The file's name has no calendar quarter. Name it like 2024Q2, 2024年第2四半期 or "
            "令和6年第2四半期.",
        )
    if len(found) > 1:
        raise RejectedSurveyError(
            Reason.AMBIGUOUS_QUARTER,
            f"The file's name has more than one quarter: {', '.join(sorted(found))}.",
        )
    return found.pop()


def _quarters(name: str) -> Iterator[str]:
    for pattern in (_SHORT, _LONG):
        for year, quarter in pattern.findall(name):
            yield f"{year}Q{quarter}"
    for era, year_of_era, quarter in _ERA.findall(name):
        year, last_month = western_year(era, year_of_era), 3 * int(quarter)
        first = date(year, last_month - 2, 1)
        last = date(year, last_month, calendar.monthrange(year, last_month)[1])
        if within(era, first, last):
            yield f"{year}Q{quarter}"
