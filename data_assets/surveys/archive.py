"""A bounded look into a dropped xlsx before a native reader touches it (Q2).

The reader lays a sheet out as one dense block from its first to its last cell and copies a shared
text into every cell that points to it, so a few kilobytes can ask for terabytes. Here every part
is inflated within a limit, sheets are measured, and the reader is handed a new archive that holds
exactly the parts that were measured.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.parsers import expat

from data_assets.surveys.rejection import Reason, RejectedSurveyError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MAX_PARTS = 1_000
MAX_INFLATED_BYTES = 256 * 2**20
MAX_ROWS = 200_000
"""Respondents in a file."""
HEADING_ROWS = 30
"""Rows above the respondents: titles, notes and headers."""
MAX_COLUMNS = 256
MAX_CELLS = 16_000_000
MAX_TEXT_BYTES = 512 * 2**20

_CHUNK_BYTES = 2**20
_TEXTS = "xl/sharedstrings.xml"  # the reader looks for this very name, in any case
_ENCRYPTED = 0x1
_LOCAL_HEADER = struct.Struct("<4s5HLLLHH")
_SUFFIXES = (".xml", ".rels")
_UNREAD = ("docProps/", "xl/media/", "xl/drawings/", "xl/theme/", "customXml/")


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


def checked_archive(data: bytes) -> bytes:
    """The xlsx as an uncompressed archive of the measured parts.

    Raises RejectedSurveyError for what isn't an xlsx, needs a password, is damaged or too large.
    """
    parts = _inflated(data)
    if "xl/workbook.bin" in parts:
        raise RejectedSurveyError(
            Reason.OLD_FORMAT, "The file is a binary workbook (.xlsb). Save it as .xlsx."
        )
    if not any(name.startswith("xl/") for name in parts):
        raise RejectedSurveyError(
            Reason.NOT_A_SPREADSHEET, "The file is an archive, but not an Excel workbook."
        )
    texts = next((part for name, part in parts.items() if name.lower() == _TEXTS), b"")
    longest = _longest_text(texts)
    for name, part in parts.items():
        if not name.endswith(".rels") and name.lower() != _TEXTS:
            _check_sheet(part, texts, longest)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return packed.getvalue()


def _damaged() -> RejectedSurveyError:
    return RejectedSurveyError(Reason.DAMAGED, "The workbook is damaged and can't be opened.")


def _inflated(data: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
        raise _damaged() from error
    if any(entry.flag_bits & _ENCRYPTED for entry in entries):
        raise RejectedSurveyError(Reason.PASSWORD_PROTECTED, "The file needs a password.")
    kept = [e for e in entries if e.filename.endswith((*_SUFFIXES, "xl/workbook.bin"))]
    kept = [e for e in kept if not e.filename.startswith(_UNREAD)]
    if len(entries) > MAX_PARTS or sum(e.file_size for e in kept) > MAX_INFLATED_BYTES:
        raise _too_large()
    if len({entry.filename.lower() for entry in kept}) < len(kept):
        raise _damaged()
    parts: dict[str, bytes] = {}
    left = MAX_INFLATED_BYTES
    for entry in kept:
        parts[entry.filename] = _inflate(data, entry, left)
        left -= len(parts[entry.filename])
    return parts


def _inflate(data: bytes, entry: zipfile.ZipInfo, limit: int) -> bytes:
    header = data[entry.header_offset : entry.header_offset + _LOCAL_HEADER.size]
    if len(header) < _LOCAL_HEADER.size or not header.startswith(b"PK\3\4"):
        raise _damaged()
    *_, name_length, extra_length = _LOCAL_HEADER.unpack(header)
    start = entry.header_offset + _LOCAL_HEADER.size + name_length + extra_length
    packed = data[start : start + entry.compress_size]
    if entry.compress_type == zipfile.ZIP_STORED:
        part = packed
    elif entry.compress_type == zipfile.ZIP_DEFLATED:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            part = inflater.decompress(packed, limit + 1)
        except zlib.error as error:
            raise _damaged() from error
    else:
        raise _damaged()
    if len(part) > limit:
        raise _too_large()
    if len(part) != entry.file_size or zlib.crc32(part) != entry.CRC:
        raise _damaged()
    return part


def _too_large() -> RejectedSurveyError:
    return RejectedSurveyError(
        Reason.TOO_LARGE,
        f"The workbook would unpack to more than {MAX_INFLATED_BYTES // 2**20} MB, "
        f"{MAX_CELLS:,} cells or {MAX_COLUMNS} columns.",
    )


def _check_sheet(sheet: bytes, texts: bytes, longest: int | None) -> None:
    if b"\0" in sheet[:64] or b"<!DOCTYPE" in sheet[:4096]:
        raise _damaged()
    extent = None if longest is None else _quick_extent(sheet, longest)
    if extent is None or not extent.within_limits:
        extent = _exact_extent(sheet, texts)
    if extent.rows > MAX_ROWS + HEADING_ROWS:
        raise too_many_rows()
    if not extent.within_limits:
        raise _too_large()


def too_many_rows() -> RejectedSurveyError:
    return RejectedSurveyError(
        Reason.TOO_MANY_ROWS, f"The file has more than {MAX_ROWS:,} rows. Split the survey."
    )


def _quick_extent(sheet: bytes, longest: int) -> Extent | None:
    """An upper bound of a sheet's extent, or None when its cells aren't all of the plain form
    `<c r="AB12"`. Styled cells without content count as cells; no shared text is of more than
    `longest` bytes."""
    import numpy as np

    raw = np.frombuffer(sheet, np.uint8)
    if _has_prefixed(raw, b"c"):
        return None
    number = rows = columns = 0
    for cells in _names(raw, b"<c"):
        last = _last_cell(raw, cells)
        if last is None:
            return None
        number, rows, columns = number + len(cells), max(rows, last[0]), max(columns, last[1])
    return Extent(rows, columns, text_bytes=len(sheet) + number * longest if number else 0)


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


def _longest_text(texts: bytes) -> int | None:
    """No shared text is longer than this many bytes; None when the part isn't of the plain form."""
    import numpy as np

    raw = np.frombuffer(texts, np.uint8)
    if _has_prefixed(raw, b"si"):
        return None
    items = np.concatenate([np.empty(0, np.intp), *_names(raw, b"<si")])
    return int(np.diff(items, append=len(texts)).max(initial=0))


def _has_prefixed(raw: npt.NDArray[np.uint8], name: bytes) -> bool:
    """Whether an element may be called `name` with a prefix."""
    return any(found.size for found in _names(raw, b":" + name))


def _names(raw: npt.NDArray[np.uint8], beginning: bytes) -> Iterator[npt.NDArray[np.intp]]:
    """Offsets behind each `beginning` that is followed by the end of a name, in order.

    As many at a time as a processor's cache holds together with what is worked out of them.
    """
    import numpy as np

    ends = np.zeros(256, bool)
    ends[list(b" \t\r\n/>")] = True
    for start in range(0, len(raw), _CHUNK_BYTES):
        found = np.flatnonzero(raw[start : start + _CHUNK_BYTES] == beginning[0]) + start
        for at, byte in enumerate(beginning[1:], start=1):
            found = found[_at(raw, found + at) == byte]
        found = found + len(beginning)
        yield found[ends[_at(raw, found)]]


def _at(raw: npt.NDArray[np.uint8], offsets: npt.NDArray[np.intp]) -> npt.NDArray[np.uint8]:
    """The bytes at these offsets; behind the end there is more of the last byte."""
    return raw.take(offsets, mode="clip")


def _exact_extent(sheet: bytes, texts: bytes) -> Extent:
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
                raise _too_large()


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


def _text_lengths(texts: bytes) -> list[int]:
    """Bytes of each shared text."""
    lengths: list[int] = []

    def start(name: str, _: dict[str, str]) -> None:
        if name.rpartition(":")[2] == "si":
            lengths.append(0)

    def text(text: str) -> None:
        if lengths:
            lengths[-1] += len(text.encode())

    if texts:
        _parse(texts, start, lambda _: None, text)
    return lengths


def _parse(
    part: bytes,
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None],
    text: Callable[[str], None],
) -> None:
    def refuse_document_type(*_: object) -> None:
        raise ValueError("a workbook's parts declare no document type")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = refuse_document_type
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    try:
        parser.Parse(part, True)
    except (expat.ExpatError, ValueError, IndexError) as error:
        raise _damaged() from error
