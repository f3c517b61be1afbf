"""How much a workbook's sheet would ask of a native reader, measured in pieces (Q2).

The reader lays a sheet out as one dense block from its first to its last cell and copies a shared
text into every cell that points to it, so a few kilobytes can ask for terabytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.parsers import expat

from data_assets.surveys.rejection import Reason, RejectedSurveyError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MAX_INFLATED_BYTES = 256 * 2**20
MAX_ROWS = 200_000
"""Respondents in a file."""
HEADING_ROWS = 30
"""Rows above the respondents: titles, notes and headers."""
MAX_COLUMNS = 256
MAX_CELLS = 16_000_000
MAX_TEXT_BYTES = 512 * 2**20

_OVERLAP_BYTES = 32
"""More than the beginning of a cell with its reference has."""


@dataclass(frozen=True)
class Extent:
    """What reading a sheet could take: its last row and column, and bytes of text in cells."""

    rows: int
    columns: int
    text_bytes: int

    @property
    def within_limits(self) -> bool:
        return (
            self.rows <= MAX_ROWS + HEADING_ROWS
            and self.columns <= MAX_COLUMNS
            and self.rows * self.columns <= MAX_CELLS
            and self.text_bytes <= MAX_TEXT_BYTES
        )


def check_sheet(
    sheet: Callable[[], Iterable[bytes]],
    texts: Callable[[], Iterable[bytes]],
    longest: int | None,
) -> None:
    """Raises RejectedSurveyError if a sheet is too large; `longest` is of `longest_text`."""
    extent = None if longest is None else quick_extent(sheet(), longest)
    if extent is None or not extent.within_limits:
        extent = exact_extent(sheet(), texts())
    if extent.rows > MAX_ROWS + HEADING_ROWS:
        raise too_many_rows()
    if not extent.within_limits:
        raise too_large()


def too_many_rows() -> RejectedSurveyError:
    return RejectedSurveyError(
        Reason.TOO_MANY_ROWS, f"The file has more than {MAX_ROWS:,} rows. Split the survey."
    )


def too_large() -> RejectedSurveyError:
    return RejectedSurveyError(
        Reason.TOO_LARGE,
        f"The workbook would unpack to more than {MAX_INFLATED_BYTES // 2**20} MB, "
        f"{MAX_CELLS:,} cells or {MAX_COLUMNS} columns.",
    )


def damaged() -> RejectedSurveyError:
    return RejectedSurveyError(Reason.DAMAGED, "The workbook is damaged and can't be opened.")


def quick_extent(sheet: Iterable[bytes], longest: int) -> Extent | None:
    """An upper bound of a sheet's extent, or None when its cells aren't all of the plain form
    `<c r="AB12"`. Styled cells without content count as cells; no shared text is of more than
    `longest` bytes."""
    import numpy as np

    number = rows = columns = size = 0
    for text, end in _windows(sheet):
        raw = np.frombuffer(text, np.uint8)
        if b"<!DOCTYPE" in text or _names(raw, b":c", end).size:
            return None
        cells = _names(raw, b"<c", end)
        last = _last_cell(raw, cells)
        if last is None:
            return None
        number, size = number + len(cells), size + end
        rows, columns = max(rows, last[0]), max(columns, last[1])
    return Extent(rows, columns, text_bytes=size + number * longest if number else 0)


def _last_cell(raw: npt.NDArray[np.uint8], cells: npt.NDArray[np.intp]) -> tuple[int, int] | None:
    """The greatest row and column of cells whose names end at these offsets, or None when one
    doesn't begin with a reference of at most three letters and six digits."""
    if any((_at(raw, cells + at) != byte).any() for at, byte in enumerate(b' r="')):
        return None
    columns, ends = _number(raw, cells + len(' r="'), base=26, zero=ord("A"), digits=3, first=1)
    rows, ends = _number(raw, ends, base=10, zero=ord("0"), digits=6, first=0)
    if not (rows.all() and columns.all() and (_at(raw, ends) == ord('"')).all()):
        return None
    return int(rows.max(initial=0)), int(columns.max(initial=0))


def _number(
    raw: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.intp],
    *,
    base: int,
    zero: int,
    digits: int,
    first: int,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.intp]]:
    """The numbers that begin at these offsets, and where each ends; `first` is the first digit's
    value."""
    import numpy as np

    numbers = np.zeros(len(starts), np.int32)
    for _ in range(digits):
        digit = _at(raw, starts) - np.uint8(zero)
        is_digit = digit < base
        if not is_digit.any():
            break
        numbers = np.where(is_digit, numbers * np.int32(base) + digit + np.int32(first), numbers)
        starts = starts + is_digit
    return numbers, starts


def longest_text(texts: Iterable[bytes]) -> int | None:
    """No shared text is longer than this many bytes; None when the part isn't of the plain form."""
    import numpy as np

    longest = start = 0
    last: int | None = None
    for text, end in _windows(texts):
        raw = np.frombuffer(text, np.uint8)
        if _names(raw, b":si", end).size:
            return None
        items = _names(raw, b"<si", end) + start
        if items.size:
            gaps = np.diff(items, prepend=items[0] if last is None else last)
            longest, last = max(longest, int(gaps.max())), int(items[-1])
        start += end
    return longest if last is None else max(longest, start - last)


def _windows(pieces: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
    """The pieces, each with a little more of what follows, behind an end that is given with it:
    a name that begins before the end is there as a whole, and so is its first attribute."""
    held = b""
    for piece in pieces:
        held += piece
        if len(held) > _OVERLAP_BYTES:
            yield held, len(held) - _OVERLAP_BYTES
            held = held[-_OVERLAP_BYTES:]
    if held:
        yield held, len(held)


def _names(raw: npt.NDArray[np.uint8], beginning: bytes, end: int) -> npt.NDArray[np.intp]:
    """Offsets behind each `beginning` before `end` that is followed by the end of a name."""
    import numpy as np

    is_here = raw[:end] == beginning[0]
    for at, byte in enumerate(beginning[1:], start=1):
        behind = raw[at : end + at] == byte
        is_here[: len(behind)] &= behind
        is_here[len(behind) :] = False
    found = np.flatnonzero(is_here) + len(beginning)
    ends = np.zeros(256, bool)
    ends[list(b" \t\r\n/>")] = True
    return found[ends[_at(raw, found)]]


def _at(raw: npt.NDArray[np.uint8], offsets: npt.NDArray[np.intp]) -> npt.NDArray[np.uint8]:
    """The bytes at these offsets; behind the end there is more of the last byte."""
    return raw.take(offsets, mode="clip")


def exact_extent(sheet: Iterable[bytes], texts: Iterable[bytes]) -> Extent:
    """The extent of a sheet's cells that hold something, by a real XML parser."""
    meter = _Meter(_text_lengths(texts))
    _parse(sheet, meter.start, meter.end, meter.text)
    return Extent(meter.rows, meter.columns, meter.text_bytes)


class _Meter:
    """Measures a sheet while it is parsed. Names count without their prefix, as the reader's do."""

    def __init__(self, text_lengths: list[int]) -> None:
        self.rows = self.columns = self.text_bytes = 0
        self._text_lengths = text_lengths
        self._row = self._column = 0
        self._cell: list[str] | None = None
        self._shared = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if local == "row":
            self._row = int(attributes["r"]) if "r" in attributes else self._row + 1
            self._column = 0
        elif local == "c":
            self._column += 1
            if "r" in attributes:
                self._row, self._column = _position(attributes["r"])
            self._cell, self._shared = [], attributes.get("t") == "s"

    def text(self, text: str) -> None:
        if self._cell is not None:
            self._cell.append(text)

    def end(self, name: str) -> None:
        if self._cell is None or name.rpartition(":")[2] != "c":
            return
        content, self._cell = "".join(self._cell), None
        if content:
            self.rows, self.columns = max(self.rows, self._row), max(self.columns, self._column)
            self.text_bytes += self._text_lengths[int(content)] if self._shared else len(content)
            if self.text_bytes > MAX_TEXT_BYTES:
                raise too_large()


_CELL = re.compile(r"([A-Z]{1,7})([1-9][0-9]{0,9})")


def _position(reference: str) -> tuple[int, int]:
    """Row and column of a reference like `AB12`, both from 1. Raises ValueError."""
    match = _CELL.fullmatch(reference)
    if not match:
        raise ValueError("not a cell reference")
    column = 0
    for letter in match[1]:
        column = column * 26 + ord(letter) - ord("A") + 1
    return int(match[2]), column


def _text_lengths(texts: Iterable[bytes]) -> list[int]:
    """Bytes of each shared text."""
    lengths: list[int] = []

    def start(name: str, _: dict[str, str]) -> None:
        if name.rpartition(":")[2] == "si":
            lengths.append(0)

    def text(text: str) -> None:
        if lengths:
            lengths[-1] += len(text.encode())

    _parse(texts, start, lambda _: None, text)
    return lengths


def _parse(
    pieces: Iterable[bytes],
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None],
    text: Callable[[str], None],
) -> None:
    """Does nothing for a part without a byte: there may be no shared texts."""

    def refuse_document_type(*_: object) -> None:
        raise ValueError("a workbook's parts declare no document type")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = refuse_document_type
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    is_empty = True
    try:
        for piece in pieces:
            parser.Parse(piece, False)
            is_empty = is_empty and not piece
        if not is_empty:
            parser.Parse(b"", True)
    except (expat.ExpatError, ValueError, IndexError) as error:
        raise damaged() from error
