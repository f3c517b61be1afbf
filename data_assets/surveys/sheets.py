"""Dropped bytes to sheets of text cells: xlsx, or delimited text in UTF-8 or CP932 (E2).

A sheet is a polars frame of nullable strings whose row 0 is row 1 of the spreadsheet. Cells read
as a person sees them: whole numbers without a fraction, dates as `2024-05-01 00:00:00`, formulas
by their cached value. Text that begins with `=` is text.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from data_assets.surveys.archive import checked_archive
from data_assets.surveys.columns import column_of
from data_assets.surveys.extent import HEADING_ROWS, MAX_COLUMNS, MAX_ROWS, damaged, too_many_rows
from data_assets.surveys.rejection import Reason, RejectedSurveyError

if TYPE_CHECKING:
    import polars as pl

MAX_FILE_BYTES = 100 * 2**20

_ZIP = b"PK\3\4"
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
_CONTROLS = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""What input methods and word processors leave behind in text."""
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def sheets(data: bytes) -> Iterator[pl.DataFrame]:
    """The visible sheets of a dropped file, one for delimited text; what it is, its bytes tell.

    Raises RejectedSurveyError for a file that can't be read within the limits.
    """
    if not data.strip():
        raise RejectedSurveyError(Reason.EMPTY, "The file is empty.")
    check_size(len(data))
    if data.startswith(_OLE):
        raise _ole(data)
    if data.startswith(_ZIP):
        yield from _workbook(checked_archive(data))
    else:
        yield _delimited(_decoded(data))


def check_size(size_bytes: int) -> None:
    """Raises RejectedSurveyError for a file that is too large to be downloaded."""
    if size_bytes > MAX_FILE_BYTES:
        raise RejectedSurveyError(
            Reason.TOO_LARGE, f"The file is larger than {MAX_FILE_BYTES // 2**20} MB."
        )


def _ole(data: bytes) -> RejectedSurveyError:
    if _ENCRYPTED_PACKAGE in data:
        return RejectedSurveyError(Reason.PASSWORD_PROTECTED, "The file needs a password.")
    return RejectedSurveyError(
        Reason.OLD_FORMAT, "The file is in Excel's old format (.xls). Save it as .xlsx."
    )


def _workbook(archive: bytes) -> Iterator[pl.DataFrame]:
    import fastexcel
    import polars as pl

    try:
        reader = fastexcel.read_excel(archive)
        if len(reader.sheet_names) == 1:
            # Eager reading is quicker, but doesn't tell whether a sheet is hidden; one alone isn't.
            yield pl.DataFrame(
                reader.load_sheet(0, header_row=None, skip_rows=0, dtypes="string", eager=True)
            )
            return
        for index in range(len(reader.sheet_names)):
            sheet = reader.load_sheet(index, header_row=None, skip_rows=0, dtypes="string")
            if sheet.visible == "visible":
                yield pl.DataFrame(sheet)
    except BaseException as error:
        # A panic of the native reader derives from BaseException and has no importable name.
        if isinstance(error, fastexcel.FastExcelError) or type(error).__name__ == "PanicException":
            raise damaged() from None
        raise


def _decoded(data: bytes) -> str:
    encodings = ["utf-16"] if data.startswith(_UTF_16) else ["utf-8-sig", "cp932"]
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return _CONTROLS.sub("", text)
        break
    raise RejectedSurveyError(
        Reason.NOT_A_SPREADSHEET, "The file is neither an .xlsx nor text in UTF-8 or CP932."
    )


def _delimited(text: str) -> pl.DataFrame:
    import polars as pl

    delimiter = max(",\t", key=lambda sign: _recognised(text, sign))
    rows: list[list[str]] = []
    filled = 0
    try:
        for cells in _rows(text, delimiter):
            filled += any(cells)
            if filled > MAX_ROWS + HEADING_ROWS or len(rows) > 2 * MAX_ROWS:
                raise too_many_rows()
            if len(cells) > MAX_COLUMNS:
                raise RejectedSurveyError(
                    Reason.TOO_LARGE, f"Row {len(rows) + 1} has more than {MAX_COLUMNS} columns."
                )
            rows.append(cells)
    except csv.Error as error:
        raise RejectedSurveyError(
            Reason.DAMAGED, f"The quoting or a cell's length is wrong in row {len(rows) + 1}."
        ) from error
    width = max(map(len, rows), default=0)
    columns = zip(*(row + [""] * (width - len(row)) for row in rows), strict=True)
    frame = pl.DataFrame({str(at): cells for at, cells in enumerate(columns)})
    return frame.with_columns(pl.when(pl.all() != "").then(pl.all()))


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)


def _recognised(text: str, delimiter: str) -> int:
    """How many cells at the top are headers, when read with a delimiter."""
    found = 0
    try:
        for cells in islice(_rows(text, delimiter), HEADING_ROWS):
            found += sum(column_of(cell) is not None for cell in cells)
    except csv.Error:
        return found
    return found
