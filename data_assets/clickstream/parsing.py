"""Lines of landed clicks as rows: DuckDB reads JSON by declared fields and judges each record.

Every line is read by DuckDB's JSON reader, which is fast and lenient: broken lines are rows of
NULLs, and a text may have been a number, `true` or an object. Rows that aren't plainly good by
what was read are read again from their lines, strictly; they are few.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_assets.clickstream.events import CLOCK_SKEW
from data_assets.clickstream.lines import LONGEST_LINE_BYTES
from data_assets.partitions import utc_bounds
from data_assets.tables import EVENT_TYPES

if TYPE_CHECKING:
    from io import RawIOBase

    import numpy as np
    import numpy.typing as npt
    import polars as pl

_TEXTS = ("event_id", "session_id", "event_type", "page", "referrer", "user_agent")
_INTEGERS = ("event_time_ms", "customer_id", "product_id")
_READ = [f"{name}_read" for name in _INTEGERS]
"""Integers as they were read: their JSON."""

_MAYBE_NO_TEXT = r"^(?:[\[{]|(?:[-0-9][-+.0-9eE]*|true|false|-?(?:[nN]a[nN]|[iI]nf(?:inity)?))$)"
"""What JSON values that aren't strings look like when they are read as text."""
_END = ord("\n")
_PIECE_BYTES = 2**20


@dataclass(frozen=True)
class Judgement:
    """What a record's time is held against: the folder's Tokyo day, and now."""

    day: date
    now: datetime

    def parameters(self) -> dict[str, int]:
        """First and end of the day, and the latest time that is not in the future, in ms."""
        first, end = utc_bounds(self.day)
        latest = self.now + CLOCK_SKEW
        return {"first_ms": _ms(first), "end_ms": _ms(end), "latest_ms": _ms(latest)}


def _ms(instant: datetime) -> int:
    return round(instant.timestamp() * 1000)


class LostRecordsError(Exception):
    """A file of lines was not read as one row a line."""

    def __init__(self, rows: int, lines: int) -> None:
        super().__init__(f"{rows} rows were read of {lines} lines of JSON.")


class Parser:
    """A DuckDB of one thread that reads files of lines; not to be shared between threads."""

    def __init__(self) -> None:
        import duckdb

        self._duckdb = duckdb.connect(config={"threads": 1})

    def __enter__(self) -> Parser:
        return self

    def __exit__(self, *_: Any) -> None:
        self._duckdb.close()

    def rows(self, files: Sequence[Path], judgement: Judgement) -> pl.DataFrame:
        """One row per line; `row` counts them in the order of files and lines, which aren't blank.

        `reason` says why a record is malformed and is NULL in good ones; only malformed records
        have their `line` and `file`, its number in `files`. Optional fields of another type than
        declared are NULL.
        """
        import polars as pl

        read = self._select(_FAST, files=[str(file) for file in files])
        read = read.with_columns(*map(_as_integer, _INTEGERS)).with_row_index("row")
        plainly_good = _plainly_good(read, **judgement.parameters())
        doubtful = read["row"].filter(~plainly_good)
        good = (read if doubtful.is_empty() else read.filter(plainly_good)).drop(_READ)
        good = good.with_columns(
            reason=pl.lit(None, pl.String),
            line=pl.lit(None, pl.String),
            file=pl.lit(None, pl.Int32),
        )
        if doubtful.is_empty():
            return good
        lines = pl.DataFrame(
            _lines_at(files, doubtful, read.height),
            schema={"file": pl.Int32, "line": pl.String},
            orient="row",
        )
        judged = self.strictly(lines.with_columns(row=doubtful), judgement)
        return pl.concat([good, judged.select(good.columns)])

    def strictly(self, lines: pl.DataFrame, judgement: Judgement) -> pl.DataFrame:
        """Rows of lines that are at hand, in column `line`; other columns stay."""
        self._duckdb.register("lines", lines.to_arrow())
        return self._select(_STRICT, **judgement.parameters())

    def _select(self, sql: str, **parameters: Any) -> pl.DataFrame:
        rows: pl.DataFrame = self._duckdb.sql(sql, params=parameters).pl()
        return rows


def _plainly_good(read: pl.DataFrame, first_ms: int, end_ms: int, latest_ms: int) -> pl.Series:
    """Which rows are good records, all that was read being what it looks like."""
    import polars as pl

    required = [pl.col(name).is_not_null() for name in ("event_id", "session_id")]
    texts = [name for name in _TEXTS if name != "event_type"]
    conditions = [
        *required,
        *(~pl.col(name).str.contains(_MAYBE_NO_TEXT).fill_null(False) for name in texts),
        *(pl.col(name).is_not_null() | pl.col(f"{name}_read").is_null() for name in _INTEGERS),
        pl.col("event_type").is_in(EVENT_TYPES),
        pl.col("event_time_ms").is_between(first_ms, min(end_ms - 1, latest_ms)),
    ]
    return read.select(pl.all_horizontal(conditions).fill_null(False)).to_series()


def _as_integer(name: str) -> pl.Expr:
    import polars as pl

    return pl.col(f"{name}_read").cast(pl.Int64, strict=False).alias(name)


def _lines_at(files: Sequence[Path], rows: Iterable[int], total: int) -> list[tuple[int, str]]:
    """Number of the file and text of the given lines, ascending, counted over all files."""
    import numpy as np

    found: list[tuple[int, str]] = []
    wanted = np.fromiter(rows, np.int64)
    first = 0
    for number, path in enumerate(files):
        with path.open("rb", buffering=0) as file:
            ends = _line_ends(file)
            here = wanted[(wanted >= first) & (wanted < first + ends.size)] - first
            begins = np.where(here > 0, ends[here - 1] + 1, 0)
            for begin, end in zip(begins.tolist(), ends[here].tolist(), strict=True):
                file.seek(begin)
                found.append((number, file.read(end - begin).decode()))
        first += ends.size
    if first != total:
        raise LostRecordsError(total, first)
    return found


def _line_ends(file: RawIOBase) -> npt.NDArray[np.intp]:
    """Offsets of a file's line feeds; it is read in pieces into the same memory, which is quick."""
    import numpy as np

    piece = bytearray(_PIECE_BYTES)
    signs = np.frombuffer(piece, np.uint8)
    ends, begin = [np.zeros(0, np.intp)], 0
    while size := file.readinto(piece):
        ends.append(np.flatnonzero(signs[:size] == _END) + begin)
        begin += size
    return np.concatenate(ends)


def _shape() -> Iterator[tuple[str, str]]:
    """Integers are read as JSON, which tells 1 from "1" and from 1.5."""
    yield from ((name, "VARCHAR") for name in _TEXTS)
    yield from ((name, "JSON") for name in _INTEGERS)


def _integer(value: str) -> str:
    value = f"CAST({value} AS VARCHAR)"
    is_integer = f"regexp_full_match({value}, '-?[0-9]{{1,19}}')"
    return f"CASE WHEN {is_integer} THEN try_cast({value} AS BIGINT) END"


def _text(name: str) -> str:
    is_text = f"event IS NOT NULL AND json_type(line, '$.{name}') = 'VARCHAR'"
    return f"CASE WHEN {is_text} THEN event.{name} END"


_GOOD = f"""
    event_id IS NOT NULL AND session_id IS NOT NULL AND event_type IN {EVENT_TYPES}
    AND event_time_ms >= $first_ms AND event_time_ms < least($end_ms, $latest_ms + 1)
"""

_FAST = f"""
SELECT {", ".join(_TEXTS)}, {", ".join(f"{name} AS {name}_read" for name in _INTEGERS)}
FROM read_json(
    $files, columns = {{{", ".join(f"{name}: '{type_}'" for name, type_ in _shape())}}},
    format = 'newline_delimited', ignore_errors = true, hive_partitioning = false,
    maximum_object_size = {2 * LONGEST_LINE_BYTES}
)
"""  # noqa: S608  (constants)

_STRICT = f"""
WITH transformed AS (
    SELECT *, TRY(json_transform(
        line, '{{{", ".join(f'"{name}": "{type_}"' for name, type_ in _shape())}}}'
    )) AS event
    FROM lines
),
typed AS (
    SELECT
        * EXCLUDE (event),
        {", ".join(f"{_text(name)} AS {name}" for name in _TEXTS)},
        {", ".join(f"{_integer(f'event.{name}')} AS {name}" for name in _INTEGERS)}
    FROM transformed
)
SELECT *, CASE
    WHEN {_GOOD} THEN NULL
    WHEN TRY(json_type(line)) IS DISTINCT FROM 'OBJECT' THEN 'not_an_object'
    WHEN event_id IS NULL THEN 'event_id'
    WHEN event_time_ms IS NULL THEN 'event_time_ms'
    WHEN session_id IS NULL THEN 'session_id'
    WHEN event_type IS NULL THEN 'event_type'
    WHEN event_type NOT IN {EVENT_TYPES} THEN 'unknown_event_type'
    WHEN event_time_ms > $latest_ms THEN 'in_the_future'
    ELSE 'another_day'
END AS reason
FROM typed
"""  # noqa: S608  (constants)
