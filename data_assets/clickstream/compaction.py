"""A day of landed clicks as Parquet: judged, deduplicated, without personal data (E3, E4).

The day is worked through in groups of landing files, in the order of their keys and several at
once, so that memory holds a few groups and eight bytes an event. Duplicates within a group are
dropped on the way; those of different groups are found at the end by their hashes, and the files
concerned are written again.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from data_assets.clickstream.events import Reason
from data_assets.clickstream.harmless import devices, hosts, masked_paths
from data_assets.clickstream.parsing import Judgement, Parser
from data_assets.masking import each_once, pseudonyms
from data_assets.tables import CLICKS

if TYPE_CHECKING:
    import polars as pl

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")

_GROUP_BYTES = 64 * 1024 * 1024
_MOST_THREADS = 4
_FEW_VALUES = [
    column.name for column in CLICKS.columns if column.name not in ("event_id", "event_time")
]
_ORDERED = ["event_time", "hour", "event_type", "product_id"]
"""Columns of which it serves readers to know the least and the greatest value."""
_BATCH_ROWS = 64 * 1024
_HOUR_MS = 3_600_000
_TOKYO_AHEAD = 9
"""Hours ahead of UTC; Japan has had no summer time since 1951."""


@dataclass(frozen=True)
class LandedFile:
    """A local copy of a landed object: `lines` records, none of them blank.

    Files are given in the order of their objects' keys.
    """

    path: Path
    key: str
    lines: int

    @property
    def size_bytes(self) -> int:
        return self.path.stat().st_size


@dataclass
class Compacted:
    """What became of a day's landed records: `files` of clicks, `malformed` ones as JSON lines
    with the landing `key`, the `reason` and the `record`."""

    files: list[Path]
    malformed: list[Path]
    landed: int
    published: int
    duplicates: int
    quarantined: Counter[Reason]
    customers: Collection[int] = ()
    """The customers who were seen, by the shop's ids; not to be stored."""

    @property
    def accounted(self) -> int:
        """Published, duplicate and quarantined records together; equals `landed`."""
        return self.published + self.duplicates + self.quarantined.total()


@dataclass(frozen=True)
class _Group:
    """One group's good rows in a file; `hashes` are of their event ids, row by row."""

    file: Path
    hashes: pl.Series
    duplicates: int
    quarantined: Counter[Reason]
    customers: pl.Series


class Workers:
    """Threads that work through groups of landing files, each with a parser of its own.

    There is one more than processors, which steps in while another waits. A run has one set for
    all its days: memory then holds as many groups as there are threads, however many days are
    compacted at once.
    """

    def __init__(self) -> None:
        self._own = threading.local()
        self._parsers = ExitStack()
        threads = min((os.cpu_count() or 1) + 1, _MOST_THREADS)
        self._threads = ThreadPoolExecutor(threads, "compaction", self._prepare)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown()
        self._parsers.close()

    def map(self, work: Callable[[Parser, _Item], _Made], items: Iterable[_Item]) -> list[_Made]:
        """What `work` makes of each item, in their order."""
        return list(self._threads.map(lambda item: work(self._own.parser, item), items))

    def _prepare(self) -> None:
        self._own.parser = self._parsers.enter_context(Parser())


def compact(
    files: Sequence[LandedFile], judgement: Judgement, key: str, target: Path, workers: Workers
) -> Compacted:
    """Writes a day's clicks to Parquet files in `target`, and malformed records beside them.

    `key` is the pseudonyms' key.
    """
    (target / "malformed").mkdir(parents=True)

    def work(parser: Parser, numbered: tuple[int, list[LandedFile]]) -> _Group:
        number, members = numbered
        rows = parser.rows([member.path for member in members], judgement)
        keys = [member.key for member in members]
        _set_aside(rows, keys, target / "malformed" / f"{number:05d}.jsonl")
        return _store(rows, key, target / f"part-{number:05d}.parquet")

    groups = workers.map(work, enumerate(_groups(files)))
    across = _drop_duplicates_across(groups)
    return Compacted(
        files=[group.file for group in groups],
        malformed=sorted((target / "malformed").iterdir()),
        landed=sum(file.lines for file in files),
        published=sum(len(group.hashes) for group in groups) - across,
        duplicates=sum(group.duplicates for group in groups) + across,
        quarantined=sum((group.quarantined for group in groups), Counter()),
        customers=_distinct(group.customers for group in groups),
    )


def _groups(files: Iterable[LandedFile]) -> Iterator[list[LandedFile]]:
    """Files together up to a size, in order."""
    group: list[LandedFile] = []
    size_bytes = 0
    for file in files:
        if group and size_bytes + file.size_bytes > _GROUP_BYTES:
            yield group
            group, size_bytes = [], 0
        group.append(file)
        size_bytes += file.size_bytes
    if group:
        yield group


def _set_aside(rows: pl.DataFrame, keys: Sequence[str], target: Path) -> None:
    """Writes malformed records with their reason, if there are any."""
    import polars as pl

    malformed = rows.filter(pl.col("reason").is_not_null())
    if malformed.height:
        key = pl.Series("key", [keys[number] for number in malformed["file"]])
        malformed.select(key, "reason", record="line").write_ndjson(target)


def _store(rows: pl.DataFrame, key: str, target: Path) -> _Group:
    is_good = rows["reason"].is_null()
    hashes = rows["event_id"].hash()
    repeated = _duplicates(rows, is_good & hashes.is_duplicated())
    kept = is_good & ~repeated
    _write(cleaned(rows.filter(kept), key), target)
    return _Group(
        file=target,
        hashes=hashes.filter(kept),
        duplicates=int(repeated.sum()),
        quarantined=Counter(dict(rows["reason"].drop_nulls().value_counts().iter_rows())),
        customers=rows["customer_id"].filter(is_good).drop_nulls().unique(),
    )


def _duplicates(rows: pl.DataFrame, suspicious: pl.Series) -> pl.Series:
    """Which of a group's suspicious rows repeat an event: all but its earliest, or else first."""
    import polars as pl

    suspects = rows.select("event_id", "event_time_ms", "row").with_row_index("at")
    suspects = suspects.filter(suspicious).sort("event_time_ms", "row")
    losers = suspects.filter(~pl.col("event_id").is_first_distinct())["at"]
    return pl.repeat(False, rows.height, eager=True).scatter(losers, True)


def cleaned(rows: pl.DataFrame, key: str) -> pl.DataFrame:
    """Good records as rows of `clicks`, without personal data."""
    import polars as pl

    hours = pl.col("event_time_ms") // _HOUR_MS
    return rows.select(
        "event_id",
        event_time=pl.from_epoch("event_time_ms", "ms").cast(pl.Datetime("ms")),
        hour=((hours + _TOKYO_AHEAD) % 24).cast(pl.Int32),
        session_key=each_once(rows["session_id"], lambda ids: pseudonyms("session", ids, key)),
        customer_key=pseudonyms("customer", rows["customer_id"], key),
        event_type="event_type",
        page=masked_paths(rows["page"]),
        product_id="product_id",
        referrer_host=hosts(rows["referrer"]),
        device=devices(rows["user_agent"]),
    )


def _distinct(columns: Iterable[pl.Series]) -> list[int]:
    import polars as pl

    return pl.concat([pl.Series([], dtype=pl.Int64), *columns]).unique().to_list()


def _drop_duplicates_across(groups: Sequence[_Group]) -> int:
    """Drops from the files what another group has, too; how many rows that were."""
    import polars as pl

    hashes = pl.concat([pl.Series([], dtype=pl.UInt64), *(group.hashes for group in groups)]).sort()
    repeated = hashes.filter(hashes == hashes.shift()).unique().implode()
    if not repeated.item().len():
        return 0
    suspects = pl.concat(
        pl.read_parquet(group.file, columns=["event_id", "event_time"])
        .with_row_index("row")
        .filter(group.hashes.is_in(repeated))
        .with_columns(group=number)
        for number, group in enumerate(groups)
    ).sort("event_time", "group", "row")
    losers = suspects.filter(~pl.col("event_id").is_first_distinct())
    for number, group in enumerate(groups):
        gone = losers["row"].filter(losers["group"] == number)
        if gone.len():
            rows = pl.read_parquet(group.file, memory_map=False)
            numbers = pl.int_range(pl.len(), dtype=pl.UInt32)
            _write(rows.filter(~numbers.is_in(gone.implode())), group.file)
    return losers.height


def replace_cells(file: Path, column: str, replacements: Mapping[str, str | None]) -> None:
    """Writes a Parquet file again with some of a column's texts replaced."""
    import polars as pl

    rows = pl.read_parquet(file, memory_map=False)
    _write(rows.with_columns(pl.col(column).replace(dict(replacements))), file)


def _write(rows: pl.DataFrame, target: Path) -> None:
    import polars as pl
    import pyarrow.parquet as pq

    pq.write_table(
        rows.to_arrow(compat_level=pl.CompatLevel.oldest()),
        target,
        store_schema=False,  # readers need not know that polars' offsets are of 64 bits
        compression="zstd",
        compression_level=1,
        use_dictionary=_FEW_VALUES,
        write_statistics=_ORDERED,
        write_batch_size=_BATCH_ROWS,
    )
