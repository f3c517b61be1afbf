"""Where a survey's table begins in a sheet and which column is which (E2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from data_assets.surveys.columns import Column, column_of, folded, positions
from data_assets.surveys.extent import HEADING_ROWS
from data_assets.surveys.values import age_band
from data_assets.tables import CHANNELS

Cells = Sequence[str | None]

_CHANNELS = {folded(channel) for channel in CHANNELS}


@dataclass(frozen=True)
class Header:
    """`rows` is the number of rows above the first respondent, titles included."""

    rows: int
    columns: dict[Column, int]
    names: tuple[str | None, ...]

    @property
    def ignored(self) -> tuple[str, ...]:
        """Headers of the columns that aren't read."""
        read = set(self.columns.values())
        return tuple(name for at, name in enumerate(self.names) if name and at not in read)


def find_header(top: Sequence[Cells]) -> Header | None:
    """The header among a sheet's first rows: the row, or the two rows, that name most columns.

    Of two rows the lower one names a column where it is recognised, else the upper.
    """
    best: Header | None = None
    for at, upper in enumerate(top[:HEADING_ROWS]):
        single = Header(at + 1, positions(list(upper)), tuple(upper))
        candidates = [single]
        if at + 1 < len(top) and _is_label(top[at + 1], single):
            candidates.insert(0, _two_rows(at, upper, top[at + 1]))
        for header in candidates:
            named, most = len(header.columns), len(best.columns) if best else 0
            if named > most or (named == most > 0 and header is not single):
                best = header
    if best and best.rows < len(top) and _is_no_respondent(top[best.rows], best):
        return Header(best.rows + 1, best.columns, best.names)
    return best


def _two_rows(at: int, upper: Cells, lower: Cells) -> Header:
    names = tuple(
        low if column_of(low) or not up else up for up, low in zip(upper, lower, strict=True)
    )
    return Header(at + 2, positions(list(names)), names)


def _is_label(row: Cells, above: Header) -> bool:
    """Whether a row holds headers, and no respondent of the header above it."""
    return not _has_age(row, above) and any(column_of(cell) for cell in row)


def _is_no_respondent(row: Cells, above: Header) -> bool:
    """Whether the row below a header belongs to it: it holds headers, or notes such as （歳） below
    an id that is merged over both rows."""
    if _has_age(row, above):
        return False
    notes = {column: row[at] for column, at in above.columns.items() if row[at]}
    return any(column_of(cell) for cell in row) or (
        {"age", "channel"} & notes.keys() != set()
        and "respondent_id" not in notes
        and folded(notes.get("channel") or "") not in _CHANNELS
    )


def _has_age(row: Cells, above: Header) -> bool:
    at_age = above.columns.get("age")
    return at_age is not None and age_band(row[at_age] or "") is not None
