"""Rows of MySQL's binary protocol as frames, whole columns at a time, in a stream.

PyMySQL makes the connection and speaks the protocol's small talk. Rows, which it would take apart
one by one in Python, are read here: their bytes fill a buffer, and each column is gathered out of
it by the rows' offsets. Nothing here quotes a cell. The protocol is described at
https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    import pymysql
    from numpy.typing import NDArray

_PREPARE, _EXECUTE = 0x16, 0x17
_HEADER_BYTES = 4
_SHORT_BYTES = 256
_SPLIT_PACKET = 0xFFFFFF
_ROW, _ERROR = 0x00, 0xFF
_LOST = 2013

FRAME_BYTES = 8 * 2**20
_SPARE_BYTES = 16
"""Behind the packets: what is gathered for a NULL of the last row stays within the buffer."""

_ALIKE = 32
"""Packets of one size that are looked for at once."""

_NOT_NULL, _UNSIGNED = 1, 32
_BINARY_CHARSET = 63
_INTEGERS = {1: "i1", 2: "<i2", 3: "<i4", 9: "<i4", 8: "<i8"}
_DATES = (7, 10, 12)
_DATE = 10
_TEXTS = (15, 249, 250, 251, 252, 253, 254)
_LONGEST_NUMBER = 12
_LONGEST_SIZE = 9
_TWO_BYTES, _THREE_BYTES = 0xFC, 0xFD
"""First bytes of a text whose size is in the next two or three bytes."""

_LAST_YEAR = 9999
_SECOND_US = 1_000_000
_DAY_US = 86_400 * _SECOND_US


class UndecodableError(Exception):
    """What came isn't rows as this module knows them."""


class Field(NamedTuple):
    """A column of a result, as the server describes it."""

    name: str
    type: int
    is_nullable: bool
    is_unsigned: bool
    most_bytes: int


class Packets(NamedTuple):
    """Packets in a buffer, one after the other: where the payload of each begins and ends."""

    data: NDArray[np.uint8]
    begins: NDArray[np.int64]
    ends: NDArray[np.int64]


def read(
    connection: pymysql.Connection, sql: str, frame_bytes: int = FRAME_BYTES
) -> Iterator[pl.DataFrame]:
    """A statement's rows, in frames of about so many bytes; at least one comes, maybe without rows.

    Integers keep their width, dates and times are as stored, without a zone; one that doesn't
    exist, such as 0000-00-00, is NULL. Raises PyMySQL's errors, and UndecodableError for columns
    of other types and for text that isn't UTF-8. A connection is spoilt by a read that fails or
    is given up.
    """
    wire: Any = connection
    fields = _execute(wire, sql)
    stream = _Stream(wire, frame_bytes, is_short=_most_bytes(fields) < _SHORT_BYTES)
    while not stream.ended:
        yield decode(fields, stream.rows())


def _execute(wire: Any, sql: str) -> list[Field]:
    """Has the server execute the statement; the columns of the rows that follow."""
    wire._execute_command(_PREPARE, sql)
    prepared = wire._read_packet().get_all_data()
    statement, columns, parameters = struct.unpack_from("<xIHH", prepared)
    if parameters or not columns:
        raise UndecodableError("The statement has parameters or gives no rows.")
    _fields(wire, columns)
    wire._execute_command(_EXECUTE, struct.pack("<IBI", statement, 0, 1))
    return _fields(wire, wire._read_packet().read_length_encoded_integer())


def _fields(wire: Any, count: int) -> list[Field]:
    from pymysql.protocol import FieldDescriptorPacket

    found = []
    for _ in range(count):
        column = wire._read_packet(FieldDescriptorPacket)
        kind, flags = column.type_code, column.flags
        is_text = kind in _TEXTS and column.charsetnr != _BINARY_CHARSET
        if not (is_text or kind in _INTEGERS or kind in _DATES):
            raise UndecodableError(f"The column {column.name} is of MySQL's type {kind}.")
        nullable, unsigned = not flags & _NOT_NULL, bool(flags & _UNSIGNED)
        found.append(Field(column.name, kind, nullable, unsigned, column.length))
    wire._read_packet()
    return found


def _most_bytes(fields: Sequence[Field]) -> int:
    """Which no row's payload exceeds."""
    texts = sum(_LONGEST_SIZE + field.most_bytes for field in fields if field.type in _TEXTS)
    return _cells_begin(len(fields)) + _LONGEST_NUMBER * len(fields) + texts


def _cells_begin(columns: int) -> int:
    """Where a row's cells begin: behind a zero and a bit for each column, and two to spare."""
    return 1 + (columns + 2 + 7) // 8


class _Stream:
    """The rows that a connection is about to receive; `is_short` ones have below 256 bytes."""

    def __init__(self, wire: Any, frame_bytes: int, *, is_short: bool) -> None:
        self._wire = wire
        self._frame_bytes = frame_bytes
        self._is_short = is_short
        self._left: bytes = wire._rfile.read(len(wire._rfile.peek()))
        self._sequence: int = wire._next_seq_id
        self.ended = False

    def rows(self) -> Packets:
        """As many rows as fill a buffer, or are left."""
        import numpy as np

        room = bytearray(max(self._frame_bytes, 2 * len(self._left)) + _SPARE_BYTES)
        sizes = self._fill(room)
        data = np.frombuffer(room, np.uint8)
        ends = np.cumsum(sizes + _HEADER_BYTES)
        packets = Packets(data, ends - sizes, ends)
        numbers = np.arange(sizes.size) + self._sequence
        if (data[packets.begins - 1] != numbers.astype(np.uint8)).any():
            raise UndecodableError("The rows came in disorder.")
        self._sequence += sizes.size
        if self.ended:
            _judge(bytes(data[packets.begins[-1] : packets.ends[-1]]))
            packets = Packets(data, packets.begins[:-1], packets.ends[:-1])
        if (data[packets.begins] != _ROW).any() or (sizes == _SPLIT_PACKET).any():
            raise UndecodableError("What came is no row, or one of 16 megabytes.")
        return packets

    def _fill(self, room: bytearray) -> NDArray[np.int64]:
        """Receives until the room or the result ends; the sizes of the whole packets."""
        import numpy as np

        short, long = bytearray(), array("i")
        at, end, full = 0, len(self._left), len(room) - _SPARE_BYTES
        room[:end] = self._left
        with memoryview(room) as view:
            while True:
                if self._is_short:
                    at = _split_short(room, at, end, short)
                else:
                    at = _split(room, at, end, long)
                sizes = short or long
                self.ended = bool(sizes) and at == end and room[at - sizes[-1]] != _ROW
                if self.ended or end == full:
                    break
                end += self._receive(view[end:full])
        self._left = bytes(room[at:end])
        return np.frombuffer(sizes, np.uint8 if self._is_short else np.int32).astype(np.int64)

    def _receive(self, room: memoryview) -> int:
        from pymysql.err import OperationalError

        try:
            received: int = self._wire._sock.recv_into(room)
        except OSError:
            received = 0
        if not received:
            raise OperationalError(_LOST, "The connection was lost in a read.")
        return received


def _split_short(room: bytearray, at: int, end: int, sizes: bytearray) -> int:
    """`_split` for packets of less than 256 bytes: those of one size in a row are found at once."""
    last = end - _HEADER_BYTES
    while at <= last:
        step = room[at] + _HEADER_BYTES
        ahead = room[at : min(at + _ALIKE * step, end) : step]
        alike = len(ahead) - len(ahead.lstrip(ahead[:1]))
        sizes += ahead[:alike]
        at += alike * step
    return at if at <= end else at - sizes.pop() - _HEADER_BYTES


def _split(room: bytearray, at: int, end: int, sizes: array[int]) -> int:
    """Adds the sizes of the whole packets between `at` and `end`; where the next one begins."""
    add, last = sizes.append, end - _HEADER_BYTES
    while at <= last:
        add(size := room[at] | room[at + 1] << 8 | room[at + 2] << 16)
        at += size + _HEADER_BYTES
    return at if at <= end else at - sizes.pop() - _HEADER_BYTES


def _judge(last: bytes) -> None:
    """Raises PyMySQL's error if the packet behind the rows is one."""
    from pymysql.err import raise_mysql_exception

    if last[0] == _ERROR:
        raise_mysql_exception(last)


def decode(fields: Sequence[Field], rows: Packets) -> pl.DataFrame:
    """The cells of rows, column by column; raises UndecodableError if they don't add up."""
    import numpy as np
    import polars as pl

    columns: list[pl.Series] = []
    sizes: NDArray[np.int64] | int
    cells = rows.begins + _cells_begin(len(fields))
    for place, field in enumerate(fields):
        missing = _missing(rows, place) if field.is_nullable else None
        if field.type in _INTEGERS:
            column, sizes = _integers(field, rows.data, cells, missing)
        elif field.type in _DATES:
            column, sizes = _dates(field, rows.data, cells, missing)
        else:
            column, sizes = _texts(rows.data, cells, missing)
        columns.append(column.alias(field.name))
        cells = cells + (sizes if missing is None else np.where(missing, 0, sizes))
    if (cells != rows.ends).any():
        raise UndecodableError("A row's cells don't fill it.")
    return pl.DataFrame(columns)


def _missing(rows: Packets, place: int) -> NDArray[np.bool_] | None:
    """Which rows have NULL in a column; None if no row has."""
    byte, bit = divmod(place + 2, 8)
    missing: NDArray[np.bool_] = (rows.data[rows.begins + 1 + byte] & (1 << bit)) != 0
    return missing if missing.any() else None


def _integers(
    field: Field, data: NDArray[np.uint8], cells: NDArray[np.int64], missing: Any
) -> tuple[pl.Series, int]:
    import polars as pl
    import pyarrow as pa

    kind = _INTEGERS[field.type]
    values = _gathered(data, cells, kind.replace("i", "u") if field.is_unsigned else kind)
    return pl.Series(pa.array(values, mask=missing)), values.itemsize


def _dates(
    field: Field, data: NDArray[np.uint8], cells: NDArray[np.int64], missing: Any
) -> tuple[pl.Series, NDArray[np.int64]]:
    """Dates, or dates with a time, in UTC; they take less room where their end is zero."""
    import numpy as np
    import polars as pl
    import pyarrow as pa

    sizes = data[cells]
    date = np.where(sizes >= 4, _gathered(data, cells + 1, "<u4"), 0)
    days, is_real = _days(date & 0xFFFF, date >> 16 & 0xFF, date >> 24)
    unreal = ~is_real if missing is None else ~is_real | missing
    taken = sizes + np.int64(1)
    if field.type == _DATE:
        return pl.Series(pa.array(days, mask=unreal).view(pa.date32())), taken
    time = np.where(sizes >= 7, _gathered(data, cells + 5, "<u4"), 0)
    fraction = np.where(sizes >= 11, _gathered(data, cells + 8, "<u4"), 0)
    seconds = ((time & 0xFF) * 60 + (time >> 8 & 0xFF)) * 60 + (time >> 16 & 0xFF)
    instants = days * np.int64(_DAY_US) + seconds * np.int64(_SECOND_US) + fraction
    return pl.Series(pa.array(instants, mask=unreal).view(pa.timestamp("us"))), taken


def _days(
    year: NDArray[Any], month: NDArray[Any], day: NDArray[Any]
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Days since 1970, and whether there is such a day; there is no year 0."""
    import numpy as np

    firsts = _first_days()
    index = year.astype(np.int32) * 12 + month - 1
    first, following = (firsts.take(index + more, mode="clip") for more in (0, 1))
    is_month = (year >= 1) & (year <= _LAST_YEAR) & (month >= 1) & (month <= 12)
    is_real = is_month & (day >= 1) & (day <= following - first)
    return (first + day - 1).astype(np.int32), is_real


@cache
def _first_days() -> NDArray[np.int32]:
    """Of each month from 0000-01 to 10000-01, the first day as days since 1970."""
    import numpy as np

    months = np.arange("0000-01", "10000-02", dtype="M8[M]")
    return months.astype("M8[D]").astype(np.int32)


def _texts(
    data: NDArray[np.uint8], cells: NDArray[np.int64], missing: Any
) -> tuple[pl.Series, NDArray[np.int64]]:
    """Texts; each begins with its size in one byte, or in two or three behind the first."""
    import numpy as np
    import polars as pl
    import pyarrow as pa

    first = data[cells] if missing is None else np.where(missing, 0, data[cells])
    sizes, heads = first.astype(np.int64), np.ones(first.size, np.int64)
    if (first >= _TWO_BYTES).any():
        wide = _gathered(data, cells + 1, "<u4")
        sizes = np.where(first == _TWO_BYTES, wide & 0xFFFF, sizes)
        sizes = np.where(first == _THREE_BYTES, wide & 0xFFFFFF, sizes)
        heads = np.where(first == _TWO_BYTES, 3, np.where(first == _THREE_BYTES, 4, 1))
    if (cells + heads + sizes > data.size).any():
        raise UndecodableError("A text is longer than its row.")
    buffers = [None, pa.py_buffer(np.append(cells, data.size)), pa.py_buffer(data)]
    tails = pa.LargeBinaryArray.from_buffers(pa.large_binary(), cells.size, buffers)
    frame = pl.DataFrame({"tail": pl.Series(tails), "head": heads, "size": sizes})
    text = pl.col("tail").bin.slice("head", "size")
    if missing is not None:
        text = pl.when(~pl.Series(missing)).then(text)
    try:
        column = frame.select(text.cast(pl.String)).to_series()
    except pl.exceptions.PolarsError:
        raise UndecodableError("A text isn't UTF-8.") from None
    return column, heads + sizes


def _gathered(data: NDArray[np.uint8], at: NDArray[np.int64], kind: str) -> NDArray[Any]:
    """Numbers that begin anywhere in the bytes."""
    import numpy as np

    dtype = np.dtype(kind)
    everywhere = np.ndarray(data.size - dtype.itemsize + 1, dtype, data, strides=(1,))
    gathered: NDArray[Any] = everywhere[at]
    return gathered
