"""From the shop's database to staged versions: read, mask, write, and gather what audits will say.

One statement reads all days of a run, so that all of them come from one snapshot, and the source
says how many rows it found. Memory is bounded: when enough rows are at hand, the days with the
most of them are stored, each as one more file of its version, by threads; reading and masking wait
only when too many rows are on their way to the store.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Self

from data_assets.ahead import one_ahead
from data_assets.checks import ROW_COUNT, SchemaAudit, known
from data_assets.extracts.customers import Births, personal_values
from data_assets.extracts.declaration import (
    BIRTH_DATE,
    Extract,
    Masking,
    tokyo_day,
)
from data_assets.extracts.sources import CUSTOMERS
from data_assets.partitions import business_day, spans
from data_assets.personal_data import (
    LeakScan,
    PersonalDataFoundError,
    Persons,
    nobody,
    streamed_persons,
)
from data_assets.publishing import Staged
from resources.lake import ROWS, AuditFailedError, AuditResult, Lake, Version, VersionWriter
from resources.shop_db import ShopDatabase

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

CUTOFF = "mall.cutoff"
"""Glue parameter of a version: the source's clock before it was read, in UTC."""

_FRAME_BYTES = 6 * 2**20
_SNAPSHOT_FRAME_BYTES = 4 * 2**20
_ROWS_AT_HAND = 200_000
_ROWS_BEING_WRITTEN = 200_000
_THREADS = 4
_DAYS_IN_A_STATEMENT = 400


@dataclass(frozen=True)
class Extraction:
    """One extract in one run: its declaration, where it reads and writes, and the key."""

    extract: Extract
    shop_db: ShopDatabase
    lake: Lake
    pseudonym_key: str

    def persons(self) -> Persons:
        """The persons whose values may be in the rows: those of `customers`, in that table."""
        if self.extract is CUSTOMERS or not self.extract.has_open_text:
            return streamed_persons(personal_values(self.shop_db))
        return nobody


def stage_snapshot(extraction: Extraction) -> Staged:
    """The whole table as of now, ready to be published.

    Raises UndeclaredSourceError if the source isn't as declared, PersonalDataFoundError if a
    leak was found (nothing is stored then), TransientDatabaseError if the database is away.
    """
    reading = _Reading(extraction)
    version = extraction.lake.stage(extraction.extract.table)
    with extraction.lake.writer(version) as writer, _Writing(1) as writing:
        part = _Part(version, writer, extraction)
        for rows in reading.frames():
            part.take(extraction.extract.masked(rows, reading.masking))
            writing.begin(part, part.write)
        writing.wait()
        staged = part.end(extraction.lake, reading)
    if isinstance(staged, AuditFailedError):
        raise staged
    return staged


def stage_days(extraction: Extraction, days: Sequence[date]) -> Iterator[Staged | AuditFailedError]:
    """Each of the business days, ready to be published, or why it can't be, once all are read.

    Errors as of `stage_snapshot`; a day with a leak is given as its PersonalDataFoundError.
    """
    for start in range(0, len(days), _DAYS_IN_A_STATEMENT):
        yield from _stage_statement(extraction, days[start : start + _DAYS_IN_A_STATEMENT])


def _stage_statement(
    extraction: Extraction, days: Sequence[date]
) -> Iterator[Staged | AuditFailedError]:
    extract, lake = extraction.extract, extraction.lake
    reading = _Reading(extraction, spans(days))
    with ExitStack() as writers:
        parts = {}
        for day in days:
            version = lake.stage(extract.table, day.isoformat())
            writer = writers.enter_context(lake.writer(version))
            parts[day] = _Part(version, writer, extraction)
        # Left before the writers, so that nothing is being stored when they are given up.
        writing = writers.enter_context(_Writing(_THREADS))
        for rows in reading.frames():
            for day, of_day in _by_day(extract.masked(rows, reading.masking), extract).items():
                parts[day].take(of_day)
            for part in _fullest(parts.values()):
                writing.begin(part, part.store)
        writing.wait()
        yield from writing.threads.map(lambda part: part.end(lake, reading), parts.values())


class _Writing:
    """Threads that write parts' rows, those of one part in order; leaving waits for them.

    An error comes out of a later `begin`, or of `wait`.
    """

    def __init__(self, threads: int) -> None:
        self.threads = ThreadPoolExecutor(threads)
        self._under_way: deque[tuple[int, Future[None]]] = deque()
        self._last: dict[_Part, Future[None]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.threads.shutdown()

    def begin(self, part: _Part, write: Callable[[Sequence[pa.Table]], None]) -> None:
        """Begins to write a part's rows at hand; waits if too many rows are being written."""
        if not (rows := part.rows_at_hand):
            return
        before, tables = self._last.get(part), part.hand_over()

        def in_turn() -> None:
            if before:
                before.result()
            write(tables)

        self._last[part] = self.threads.submit(in_turn)
        self._under_way.append((rows, self._last[part]))
        self.wait(_ROWS_BEING_WRITTEN)

    def wait(self, most: int = 0) -> None:
        """Waits until no more than so many rows are being written."""
        while sum(rows for rows, _ in self._under_way) > most:
            self._under_way.popleft()[1].result()


class _Reading:
    """One statement: its rows, their number by the source, and what masking needs."""

    def __init__(self, extraction: Extraction, of_days: Sequence[tuple[date, date]] = ()) -> None:
        extract, shop_db = extraction.extract, extraction.shop_db
        for needed in (extract, CUSTOMERS) if extract.buyer_column else (extract,):
            needed.require_declared(shop_db.columns(needed.table.name))
        self.cutoff: datetime = shop_db.clock()
        self.masking = Masking(extraction.pseudonym_key, business_day(self.cutoff))
        self.source_rows: int | None = None
        self.rows = 0
        self._extract = extract
        self._shop_db = shop_db
        self._days = of_days

    @property
    def counts(self) -> dict[str, int | None]:
        return {"statement_source_rows": self.source_rows, "statement_rows": self.rows}

    def frames(self) -> Iterator[pl.DataFrame]:
        """The statement's rows in batches, with the buyers' birth dates where they are needed."""
        buyer = self._extract.buyer_column
        sql = self._extract.statement(self._days)
        size = _FRAME_BYTES if self._extract.day_column else _SNAPSHOT_FRAME_BYTES
        read = self._shop_db.read(sql, frame_bytes=size, counted=self._found)
        with one_ahead(read) as frames:
            births = Births.read(self._shop_db) if buyer else None
            for rows in frames:
                self.rows += rows.height
                if births and buyer:
                    yield rows.with_columns(births.of(rows[buyer]).alias(BIRTH_DATE))
                else:
                    yield rows

    def _found(self, rows: int) -> None:
        self.source_rows = rows


class _Part:
    """A version on its way: its writer, and what its audits have seen so far."""

    def __init__(self, version: Version, writer: VersionWriter, extraction: Extraction) -> None:
        self.version = version
        self.rows = 0
        self._at_hand: list[pa.Table] = []
        self._writer = writer
        self._schema = SchemaAudit(version.table)
        self._scan = LeakScan(version.table, extraction.persons())
        self._has_open_text = extraction.extract.has_open_text
        self._is_snapshot = version.partition is None
        self._leak: PersonalDataFoundError | None = None

    @property
    def rows_at_hand(self) -> int:
        return sum(rows.num_rows for rows in self._at_hand)

    def take(self, masked: pl.DataFrame) -> None:
        """Takes rows in; they are looked at when they are written.

        As Arrow: polars would keep the keys of all rows they came among in memory with them.
        """
        self._at_hand.append(masked.to_arrow())
        self.rows += masked.height

    def hand_over(self) -> list[pa.Table]:
        """The rows at hand, for `write` or `store`, which a thread may do while others come."""
        at_hand, self._at_hand = self._at_hand, []
        return at_hand

    def write(self, tables: Sequence[pa.Table]) -> None:
        """Holds rows against the schema, scans them, and hands them to the writer.

        Text of declared vocabularies needs no scan. Keys of a snapshot are kept, those of many
        days would be too many: they are read again if they weren't ascending.
        """
        import polars as pl
        import pyarrow as pa

        table = pa.concat_tables(tables)
        rows = pl.DataFrame(table)
        if not self._schema.see(rows) or self._has_open_text:
            self._scan.see(rows)
        if self._is_snapshot:
            self._schema.see_keys(rows)
        if self._leak is None:
            self._writer.write(table)

    def store(self, tables: Sequence[pa.Table]) -> None:
        """Stores rows, unless there is a leak among those so far."""
        self.write(tables)
        if self._is_clean():
            self._writer.cut()

    def end(self, lake: Lake, reading: _Reading) -> Staged | PersonalDataFoundError:
        """Stores the rest, and looks at what was stored."""
        if self._at_hand:
            self.write(self.hand_over())
        if not self._is_clean() or self._leak:
            assert self._leak  # noqa: S101  (narrowing)
            return self._leak
        written = self._writer.close()
        for footer in written.footers:
            self._schema.see_footer(footer)
        if not (self._is_snapshot or self._schema.keys_are_ascending):
            for location in written.locations:
                with lake.parquet(location) as file:
                    self._schema.see_stored_keys(file)
        results = [self._schema.result(), self._count(reading), self._scan.settle()]
        parameters = {CUTOFF: reading.cutoff.isoformat(), ROWS: str(written.rows)}
        return Staged(self.version, written, [known(result) for result in results], parameters)

    def _is_clean(self) -> bool:
        if self._leak is None:
            try:
                self._scan.require_clean(self.version)
            except PersonalDataFoundError as leak:
                self._leak = leak
                self._writer.abort()
        return self._leak is None

    def _count(self, reading: _Reading) -> AuditResult:
        stored = self._schema.stored_rows
        passed = stored == self.rows and reading.rows == reading.source_rows
        counts = {"source_rows": self.rows, "written_rows": stored, **reading.counts}
        return AuditResult(ROW_COUNT, passed, counts)


def _by_day(masked: pl.DataFrame, extract: Extract) -> Mapping[date, pl.DataFrame]:
    """Rows by the business day of the lake's day column, each day's in memory of its own."""
    import polars as pl

    assert extract.day_column  # noqa: S101  (narrowing)
    days = masked.with_columns(tokyo_day(pl.col(extract.day_column)).alias("_day"))
    parts = days.partition_by("_day", as_dict=True, include_key=False)
    return {day: rows for (day,), rows in parts.items()}


def _fullest(parts: Iterable[_Part]) -> list[_Part]:
    """The parts with the most rows at hand, without which few enough are left."""
    fullest = sorted(parts, key=lambda part: part.rows_at_hand, reverse=True)
    at_hand = sum(part.rows_at_hand for part in fullest)
    chosen = []
    while at_hand > _ROWS_AT_HAND:
        chosen.append(fullest.pop(0))
        at_hand -= chosen[-1].rows_at_hand
    return chosen
