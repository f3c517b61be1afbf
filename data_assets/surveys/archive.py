"""A bounded look into a dropped xlsx before a native reader touches it (Q2).

Every part is inflated within its declared size, a piece at a time and never held whole, and
measured; the reader is handed a new archive that holds exactly the parts that were measured.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Generator, Iterator, Sequence
from functools import partial

from data_assets.ahead import one_ahead
from data_assets.surveys.extent import (
    MAX_INFLATED_BYTES,
    check_sheet,
    damaged,
    longest_text,
    too_large,
)
from data_assets.surveys.rejection import Reason, RejectedSurveyError

MAX_PARTS = 1_000

_PIECE_BYTES = 2**20
_FED_BYTES = 2**16
_TEXTS = "xl/sharedstrings.xml"  # the reader looks for this very name, in any case
_ENCRYPTED = 0x1
_UTF_8 = 0x800
_VERSION = 20
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_DIRECTORY_ENTRY = struct.Struct("<4s6H3L5H2L")
_DIRECTORY_END = struct.Struct("<4s4H2LH")
_SUFFIXES = (".xml", ".rels")
_UNREAD = ("docProps/", "xl/media/", "xl/drawings/", "xl/theme/", "customXml/")


def checked_archive(data: bytes) -> bytes:
    """The xlsx with nothing but the measured parts, compressed as they came.

    Raises RejectedSurveyError for what isn't an xlsx, needs a password, is damaged or too large.
    """
    parts = _parts(data)
    names = [part.filename for part in parts]
    if "xl/workbook.bin" in names:
        raise RejectedSurveyError(
            Reason.OLD_FORMAT, "The file is a binary workbook (.xlsb). Save it as .xlsx."
        )
    if not any(name.startswith("xl/") for name in names):
        raise RejectedSurveyError(
            Reason.NOT_A_SPREADSHEET, "The file is an archive, but not an Excel workbook."
        )
    of_texts = [part for part in parts if part.filename.lower() == _TEXTS]

    def inflated(part: zipfile.ZipInfo) -> Iterator[bytes]:
        with one_ahead(_inflated(data, part)) as pieces:
            yield from pieces

    def texts() -> Iterator[bytes]:
        for part in of_texts:
            yield from inflated(part)

    longest = longest_text(texts())
    for part in parts:
        if part.filename.endswith(".rels"):
            for _ in inflated(part):
                pass
        elif part not in of_texts:
            check_sheet(partial(inflated, part), texts, longest)
    return _repacked(data, parts)


def _parts(data: bytes) -> list[zipfile.ZipInfo]:
    """The parts that a reader of cells may look at."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
        raise damaged() from error
    if any(entry.flag_bits & _ENCRYPTED for entry in entries):
        raise RejectedSurveyError(Reason.PASSWORD_PROTECTED, "The file needs a password.")
    kept = [e for e in entries if e.filename.endswith((*_SUFFIXES, "xl/workbook.bin"))]
    kept = [e for e in kept if not e.filename.startswith(_UNREAD)]
    if len(entries) > MAX_PARTS or sum(e.file_size for e in kept) > MAX_INFLATED_BYTES:
        raise too_large()
    if len({entry.filename.lower() for entry in kept}) < len(kept):
        raise damaged()
    return kept


def _packed(data: bytes, part: zipfile.ZipInfo) -> memoryview:
    """A part as it is in the archive."""
    header = data[part.header_offset : part.header_offset + _LOCAL_HEADER.size]
    if len(header) < _LOCAL_HEADER.size or not header.startswith(b"PK\3\4"):
        raise damaged()
    *_, name_length, extra_length = _LOCAL_HEADER.unpack(header)
    start = part.header_offset + _LOCAL_HEADER.size + name_length + extra_length
    return memoryview(data)[start : start + part.compress_size]


def _inflated(data: bytes, part: zipfile.ZipInfo) -> Generator[bytes]:
    """A part's text in pieces; raises RejectedSurveyError, after the last at the latest, unless it
    is as it was declared and in an encoding without zeros."""
    size = crc = 0
    for piece in _pieces(_packed(data, part), part.compress_type):
        size, crc = size + len(piece), zlib.crc32(piece, crc)
        if size > part.file_size or b"\0" in piece:
            raise damaged()
        yield piece
    if size != part.file_size or crc != part.CRC:
        raise damaged()


def _pieces(packed: memoryview, compression: int) -> Iterator[bytes]:
    if compression == zipfile.ZIP_STORED:
        for start in range(0, len(packed), _PIECE_BYTES):
            yield bytes(packed[start : start + _PIECE_BYTES])
    elif compression == zipfile.ZIP_DEFLATED:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            for start in range(0, len(packed), _FED_BYTES):
                yield inflater.decompress(packed[start : start + _FED_BYTES], _PIECE_BYTES)
                while inflater.unconsumed_tail:
                    yield inflater.decompress(inflater.unconsumed_tail, _PIECE_BYTES)
        except zlib.error as error:
            raise damaged() from error
        if not inflater.eof or inflater.unused_data:
            raise damaged()
    else:
        raise damaged()


def _repacked(data: bytes, parts: Sequence[zipfile.ZipInfo]) -> bytes:
    """An archive of these parts alone; zipfile can't copy what is compressed already."""
    local: list[bytes | memoryview] = []
    directory: list[bytes] = []
    offset = 0
    for part in parts:
        name, packed = part.filename.encode(), _packed(data, part)
        common = (
            _UTF_8,
            part.compress_type,
            0,
            0,
            part.CRC,
            len(packed),
            part.file_size,
            len(name),
        )
        header = _LOCAL_HEADER.pack(b"PK\3\4", _VERSION, *common, 0)
        entry = _DIRECTORY_ENTRY.pack(b"PK\1\2", _VERSION, _VERSION, *common, 0, 0, 0, 0, 0, offset)
        local += [header, name, packed]
        directory += [entry, name]
        offset += len(header) + len(name) + len(packed)
    end = _DIRECTORY_END.pack(
        b"PK\5\6", 0, 0, len(parts), len(parts), sum(map(len, directory)), offset, 0
    )
    return b"".join([*local, *directory, end])
