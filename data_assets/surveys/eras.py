"""Japanese eras: from 和暦 to the western calendar."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple


class Era(NamedTuple):
    first: date
    last: date


_ERAS = {
    "明治": Era(date(1873, 1, 1), date(1912, 7, 29)),  # the Gregorian calendar begins in 明治6年
    "大正": Era(date(1912, 7, 30), date(1926, 12, 24)),
    "昭和": Era(date(1926, 12, 25), date(1989, 1, 7)),
    "平成": Era(date(1989, 1, 8), date(2019, 4, 30)),
    "令和": Era(date(2019, 5, 1), date.max),
}
_FIRST_YEARS = {"明治": 1868, "大正": 1912, "昭和": 1926, "平成": 1989, "令和": 2019}
_SHORT = {
    "M": "明治", "T": "大正", "S": "昭和", "H": "平成", "R": "令和",
    "明": "明治", "大": "大正", "昭": "昭和", "平": "平成", "令": "令和",
}  # fmt: skip

ERA = "明治|大正|昭和|平成|令和|[MTSHRmtshr明大昭平令]"
"""Regular expression of an era's spellings, after NFKC."""

YEAR_OF_ERA = r"元|\d{1,2}"
"""Regular expression of a year within an era; 元 is the first."""


def _name(era: str) -> str:
    return _SHORT.get(era.upper(), era)


def western_year(era: str, year: str) -> int:
    """The western year of a year of an era, both as `ERA` and `YEAR_OF_ERA` match them.

    Year 0 gives the year before the era, which `within` refuses for every day.
    """
    return _FIRST_YEARS[_name(era)] + (1 if year == "元" else int(year)) - 1


def within(era: str, first: date, last: date) -> bool:
    """Whether any day from `first` to `last` (inclusive) belongs to the era."""
    bounds = _ERAS[_name(era)]
    return bounds.first <= last and first <= bounds.last
