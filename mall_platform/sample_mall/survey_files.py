"""Rows as the bytes of a spreadsheet file, the same bytes for the same rows."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

Cell = str | int | datetime | None

_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_SAVED = re.compile(rb"(<dcterms:(created|modified)[^>]*>)[^<]*")


def as_csv(rows: Iterable[Sequence[Cell]], *, encoding: str, newline: str) -> bytes:
    """Comma-separated values, quoted where needed."""
    text = io.StringIO()
    csv.writer(text, lineterminator=newline).writerows(rows)
    return text.getvalue().encode(encoding)


def as_workbook(
    headers: Sequence[Sequence[str | None]], rows: Iterable[Sequence[Cell]], *, saved_on: date
) -> bytes:
    """An xlsx file with one sheet and one or two header rows.

    With two, a None in the upper row is merged with the cell on its left, a None in the lower one
    with the cell above. Text that starts with `=` stays text.
    """
    from openpyxl import Workbook

    workbook = Workbook()
    sheet = workbook.active
    sheet.title = "回答一覧"
    for header in headers:
        sheet.append(header)
    if len(headers) == 2:
        _merge_headers(sheet, *headers)
    for number, row in enumerate(rows, start=len(headers) + 1):
        for column, value in enumerate(row, start=1):
            if value is None:
                continue
            cell = sheet.cell(number, column, value)
            if cell.data_type == "f":
                cell.data_type = "s"
    content = io.BytesIO()
    workbook.save(content)
    return _timeless(content, saved_on)


def _merge_headers(sheet: Any, upper: Sequence[str | None], lower: Sequence[str | None]) -> None:
    begin = 1
    for column in range(2, len(upper) + 2):
        if column <= len(upper) and upper[column - 1] is None:
            continue
        deep = lower[begin - 1] is None
        if deep or column - 1 > begin:
            sheet.merge_cells(
                start_row=1, start_column=begin, end_row=1 + deep, end_column=column - 1
            )
        begin = column


def _timeless(workbook: io.BytesIO, saved_on: date) -> bytes:
    """The same xlsx without the moment at which it was written."""
    result = io.BytesIO()
    moment = f"{saved_on.isoformat()}T09:00:00Z".encode()
    with (
        zipfile.ZipFile(workbook) as source,
        zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as target,
    ):
        for name in source.namelist():
            part = source.read(name)
            if name == "docProps/core.xml":
                part = _SAVED.sub(rb"\g<1>" + moment, part)
            entry = zipfile.ZipInfo(name, _ZIP_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(entry, part)
    return result.getvalue()
