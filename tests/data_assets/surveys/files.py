"""Survey files made in tests: valid ones by default, with the dirt that a test asks for."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from data_assets.surveys.columns import COLUMNS, HEADERS

CATEGORIES = ("トップス", "ボトムス", "シャツ", "シャツ/ブラウス", "バッグ、小物", "靴 & 靴下")
HEADER = [HEADERS[column][0] for column in COLUMNS]

_VALID: dict[str, Any] = {
    "answered_on": "2024/05/01",
    "age": 34,
    "gender": "女性",
    "prefecture": "東京都",
    "channel": "Instagram",
    "channels_seen": "LINE、Instagram",
    "categories_bought": "トップス",
    "satisfaction": 4,
    "recommend": 8,
    "email": None,
    "comment": "また来ます",
}


def respondent(number: int, **over: Any) -> list[Any]:
    """One respondent's cells in the order of the columns."""
    row = {"respondent_id": f"R{number:05d}", **_VALID, **over}
    return [row[column] for column in COLUMNS]


def respondents(count: int, first: int = 1) -> list[list[Any]]:
    return [respondent(number) for number in range(first, first + count)]


def with_dirt(*dirty: list[Any]) -> list[list[Any]]:
    """A header, enough valid rows for the dirty ones to stay below the limit, and the dirty ones.

    The first dirty row is the sheet's row 2.
    """
    return [HEADER, *dirty, *respondents(10 * len(dirty) + 10, first=90_000)]


def xlsx(
    rows: Iterable[Sequence[Any]],
    *,
    merged: Sequence[str] = (),
    change: Callable[[Any], None] | None = None,
) -> bytes:
    """A workbook of one sheet; `change` gets the openpyxl worksheet before it is saved."""
    from openpyxl import Workbook

    workbook = Workbook()
    sheet = workbook.active
    for row in rows:
        sheet.append(list(row))
    for cells in sheet.iter_rows():
        for cell in cells:
            if cell.data_type == "f":
                cell.data_type = "s"
    for area in merged:
        sheet.merge_cells(area)
    if change:
        change(sheet)
    saved = io.BytesIO()
    workbook.save(saved)
    return saved.getvalue()


def delimited(
    rows: Iterable[Sequence[Any]], encoding: str = "utf-8", delimiter: str = ","
) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue().encode(encoding)
