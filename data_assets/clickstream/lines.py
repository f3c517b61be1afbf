"""Landed objects as local files of lines, whatever bytes are in them.

A record that could not be read as text becomes a JSON string, which is text and no event: it is
counted and quarantined like any other malformed record. So does what is JSON to DuckDB alone, with
a comma too many; and half an emoji, which is no JSON to DuckDB, is replaced.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

LONGEST_LINE_BYTES = 2 * 1024 * 1024
"""Firehose takes records of 1,000 KiB; what is longer is no record of its."""

_CHUNK_BYTES = 1024 * 1024
_GZIP = b"\x1f\x8b"
_FIRST_PRINTABLE = 0x20
_END = b"\n"
_BLANKS = (b"\n", b" ", b"\t", b"\r")
_BLANK_SIGNS = tuple(b"".join(_BLANKS))
_KEPT_BYTES = 16 * 1024
_TO_CLOSING_BRACE = 0x20
"""The bit by which `}` differs from `]`."""
_COMMA_TOO_MANY = re.compile(rb",[ \t]*[}\]]")
_ESCAPED = re.compile(
    rb"\\(?:(u[dD][89abAB]..\\u[dD][c-fC-F]..)|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)
_REPLACEMENT = rb"\ufffd"


def store_lines(source: BinaryIO, target: Path) -> int:
    """Copies lines to a file in bounded memory, unzipped and without blank ones; how many.

    What is stored is UTF-8 without control characters, each line with its end.
    """
    lines = 0
    with target.open("wb") as file:
        for block in _blocks(_plain(source)):
            if not _is_clean(block) or _has_blank(block) or _may_be_lenient(block):
                block = b"".join(map(_clean, _lines(block)))
            lines += block.count(_END)
            file.write(block)
    return lines


def as_line(record: bytes) -> bytes:
    """A record as a line of UTF-8: itself if it is one, else a JSON string of its base64."""
    record = record.removesuffix(b"\n").removesuffix(b"\r")
    if len(record) > LONGEST_LINE_BYTES or b"\n" in record or not _is_clean(record):
        return unreadable(record)
    if _COMMA_TOO_MANY.search(record) and not _is_json(record):
        return json.dumps(record.decode(), ensure_ascii=False).encode() + b"\n"
    return _ESCAPED.sub(_whole, record) + b"\n"


def _is_json(record: bytes) -> bool:
    try:
        json.loads(record)
    except (ValueError, RecursionError):
        return False
    return True


def _whole(escaped: re.Match[bytes]) -> bytes:
    """An escape as it is, but for one of half a character alone."""
    return _REPLACEMENT if escaped[2] else escaped[0]


def unreadable(record: bytes) -> bytes:
    """The line that stands for a record which is no line of text: base64 of its beginning."""
    return json.dumps(base64.b64encode(record[:_KEPT_BYTES]).decode()).encode() + b"\n"


def _plain(source: BinaryIO) -> Iterator[bytes]:
    first = source.read(_CHUNK_BYTES)
    if first.startswith(_GZIP):
        unzipped: Any = gzip.GzipFile(fileobj=_Rejoined(first, source))
        yield from iter(lambda: unzipped.read(_CHUNK_BYTES), b"")
        return
    while first:
        yield first
        first = source.read(_CHUNK_BYTES)


class _Rejoined(io.RawIOBase):
    """A source with the bytes that were read of it put back."""

    def __init__(self, first: bytes, rest: BinaryIO) -> None:
        self._first, self._rest = first, rest

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not self._first:
            return self._rest.read(size)
        cut = len(self._first) if size < 0 else size
        taken, self._first = self._first[:cut], self._first[cut:]
        return taken


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Whole lines, many at a time; a line that is too long is replaced by its stand-in."""
    rest, skipping = b"", False
    for chunk in chunks:
        if skipping:
            _, end, chunk = chunk.partition(b"\n")
            skipping = not end
        head, end, tail = chunk.rpartition(b"\n")
        if end:
            yield rest + head + end
            rest = tail
        else:
            rest += tail
        if len(rest) > LONGEST_LINE_BYTES:
            yield unreadable(rest)
            rest, skipping = b"", True
    if rest:
        yield rest + b"\n"


def _is_clean(block: bytes) -> bool:
    import numpy as np

    if not block.isascii():
        try:
            block.decode()
        except UnicodeDecodeError:
            return False
    controls = int(np.count_nonzero(np.frombuffer(block, np.uint8) < _FIRST_PRINTABLE))
    return controls == block.count(b"\n") + block.count(b"\t")


def _has_blank(block: bytes) -> bool:
    """Whether there may be a blank line, by how lines begin."""
    import numpy as np

    signs = np.frombuffer(block, np.uint8)
    begins = signs.take(np.flatnonzero(signs[:-1] == _END[0]) + 1)
    return block.startswith(_BLANKS) or bool(np.isin(begins, _BLANK_SIGNS).any())


def _may_be_lenient(block: bytes) -> bool:
    """Whether DuckDB may take a line for JSON that isn't, or the other way round: there is a comma
    or a blank before a closing bracket, or a backslash."""
    import numpy as np

    signs = np.frombuffer(block, np.uint8)
    closing = np.flatnonzero((signs[1:] | _TO_CLOSING_BRACE) == ord("}"))
    before = signs.take(closing)
    odd = (before == ord(",")) | (before == ord(" ")) | (before == ord("\t"))
    return bool(odd.any()) or b"\\" in block


def _lines(block: bytes) -> list[bytes]:
    return block.removesuffix(b"\n").split(b"\n")


def _clean(line: bytes) -> bytes:
    return as_line(line) if line.strip() else b""
