"""Why a whole survey file can't be taken in, and why one of its rows can't (Q2).

Texts made here go to reports, logs and Slack: they name rows, columns and rules, and never quote
a cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """The rules by which a whole file is refused."""

    NO_QUARTER = "no_quarter"
    AMBIGUOUS_QUARTER = "ambiguous_quarter"
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    NOT_A_SPREADSHEET = "not_a_spreadsheet"
    OLD_FORMAT = "old_format"
    DAMAGED = "damaged"
    PASSWORD_PROTECTED = "password_protected"  # noqa: S105  # the rule's name
    SEVERAL_SHEETS = "several_sheets"
    TOO_MANY_ROWS = "too_many_rows"
    MISSING_COLUMNS = "missing_columns"
    TOO_MANY_BAD_ROWS = "too_many_bad_rows"


@dataclass(frozen=True)
class BadCell:
    """One reason for which a row is quarantined.

    `row` counts from 1 at the top of the sheet or file, header included, as a spreadsheet shows it.
    """

    row: int
    column: str
    reason: str


class RejectedSurveyError(Exception):
    """A survey file that can't be taken in, for good: trying again can't help."""

    def __init__(
        self, reason: Reason, message: str, *, rows: int = 0, bad_cells: tuple[BadCell, ...] = ()
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.rows = rows
        self.bad_cells = bad_cells
