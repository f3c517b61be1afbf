"""Finds raw personal data in cells that are about to be published (E1, E4).

Known values (e-mail, phone, postal code, address, name and kana of the persons concerned) are
looked for after NFKC, case and separator folding: values of four characters or more anywhere in
a cell, by Aho–Corasick, shorter ones as whole cells. Patterns find e-mails, phones and postal
codes of persons nobody knows of. Percent-encoded cells are decoded first.

Left out is what can't leak: cells of a column's closed vocabulary, names of prefectures, and
machine identifiers (UUIDs, ULIDs, hex digests), whose signs are random. Likewise a number is a
match only where it is a whole number: "1000001" isn't in "31000001".
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING
from urllib.parse import unquote

from data_assets.tables import PREFECTURES
from resources.lake import AuditFailedError, AuditResult, Version
from resources.tables import Table

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

NO_PERSONAL_DATA = "no_raw_personal_data"

SHORT = 4
"""Characters, after folding, from which on a known value is looked for inside cells."""

EMAIL = r"[\p{L}\p{N}._%+\-]+@[\p{L}\p{N}\-]+(?:\.[\p{L}\p{N}\-]+)+"
_GAP = r"[\s\p{Pd}−ー.()]{1,2}"
_BEFORE, _AFTER = r"(?:^|[^0-9a-z_\-])", r"(?:$|[^0-9a-z_\-])"
_PHONE = (
    rf"{_BEFORE}(?:0|\+81[\s\-]?\(?0?\)?)(?:"
    r"[1-9]\d{8,9}"
    rf"|[1-9]0{_GAP}\d{{4}}{_GAP}\d{{4}}"
    rf"|[1-9]{_GAP}\d{{4}}{_GAP}\d{{4}}"
    rf"|[1-9]\d{_GAP}\d{{3}}{_GAP}\d{{4}}"
    rf"|[1-9]\d\d{_GAP}\d\d{_GAP}\d{{4}}"
    rf"|[1-9]\d\d{_GAP}\d{{3}}{_GAP}\d{{3,4}}"
    rf"|[1-9]\d\d\d{_GAP}\d{_GAP}\d{{4}}"
    rf"){_AFTER}"
)
_POSTAL_CODE = rf"〒\s*\d{{3}}(?:{_GAP})?\d{{4}}|{_BEFORE}\d{{3}}[\p{{Pd}}−ー]\d{{4}}{_AFTER}"
PATTERNS = {"email": EMAIL, "phone": _PHONE, "postal_code": _POSTAL_CODE}
"""Regular expressions (Rust's dialect) for text that `plain` has folded."""

_SEPARATORS = r"[\s\p{Pd}\p{Cf}\x00−・.,、。/_()\[\]'’]+"
MACHINE_ID = (
    r"^(?:(?i:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32,64})"
    r"|[0-7][0-9A-HJKMNP-TV-Z]{25})$"
)
"""UUIDs, hex digests and ULIDs, whose signs are random."""
_PHONE_DIGITS = 10
_PREFECTURES = (*PREFECTURES, *(re.sub("[都府県]$", "", name) for name in PREFECTURES))
"""Also without 県, as some shops store them: 山口 may be all there is of a name or an address."""
_HAYSTACK_CELLS = 100_000


class PersonalDataFoundError(AuditFailedError):
    """A version would hold personal data: nothing of it was stored, readers keep the old one."""

    def __init__(self, version: Version, result: AuditResult) -> None:
        super().__init__(version, [result])
        where = f"{version.table.name} {version.partition or ''}".strip()
        self.args = (f"{where} would hold personal data, so it was not stored: {result.metadata}",)


def plain(cells: pl.Expr) -> pl.Expr:
    """Text after NFKC and case folding, separators kept."""
    return cells.str.normalize("NFKC").str.to_lowercase()


def folded(cells: pl.Expr) -> pl.Expr:
    """Text after NFKC, case and separator folding; a long-vowel mark after a digit is a dash."""
    return plain(cells).str.replace_all(_SEPARATORS, "").str.replace_all(r"(\d)ー", "$1")


class KnownValues:
    """Personal values, folded and ready to be found in many cells.

    With `cells` given, only values that could occur in one of them are kept: many persons can
    then be streamed past a few cells.
    """

    def __init__(self, values: Iterable[pl.Series], cells: pl.Series | None = None) -> None:
        import polars as pl
        from ahocorasick_rs import AhoCorasick

        grams = None if cells is None else _beginnings(cells)
        kept = [_folded_values(series, grams) for series in values]
        found = pl.concat([pl.Series("value", [], pl.String), *kept]).unique()
        is_long = found.str.len_chars() >= SHORT
        self._short = found.filter(~is_long)
        self._long: list[str] = found.filter(is_long).to_list()
        self._automaton = AhoCorasick(self._long)

    def found_in(self, cells: pl.Series) -> pl.Series:
        """For each cell, which must be text, whether it holds any of the values."""
        import polars as pl

        frame = cells.alias("cell").to_frame().select(plain=plain(pl.col("cell")))
        frame = frame.with_columns(folded=folded(pl.col("plain")))
        hits = frame["folded"].is_in(self._short.implode()).to_list()
        for start in range(0, frame.height if self._long else 0, _HAYSTACK_CELLS):
            for index in self._hits(frame.slice(start, _HAYSTACK_CELLS)):
                hits[start + index] = True
        return pl.Series(hits, dtype=pl.Boolean)

    def _hits(self, frame: pl.DataFrame) -> Iterator[int]:
        """Indexes of the cells that hold a long value; an index may come several times."""
        cells: list[str] = frame["folded"].to_list()
        starts = list(accumulate((len(cell) + 1 for cell in cells), initial=0))
        text = "\n".join(cells)
        for which, start, _ in self._automaton.find_matches_as_indexes(text, overlapping=True):
            index = bisect_right(starts, start) - 1
            value = self._long[which]
            if not value.isdecimal() or _is_whole_number(value, frame["plain"][index]):
                yield index


Persons = Callable[["pl.Series"], KnownValues]
"""Gives what is known of the persons concerned, for the distinct cells about to be scanned."""


def nobody(_cells: pl.Series) -> KnownValues:
    """Where no person is concerned; the patterns still apply."""
    return KnownValues(())


def persons_at_hand(values: Iterable[pl.Series]) -> Persons:
    """Persons whose values are at hand, for many scans."""
    known = KnownValues(values)
    return lambda _cells: known


def streamed_persons(values: Callable[[], Iterable[pl.Series]]) -> Persons:
    """Persons too many to hold: their values are read past the cells of each scan."""
    return lambda cells: KnownValues(values(), cells)


class LeakScan:
    """Looks through the text cells of a version, each distinct cell once.

    `see` takes cells in, `settle` looks through what has been taken in since.
    """

    def __init__(self, table: Table, persons: Persons = nobody) -> None:
        self._persons = persons
        self._vocabularies = {c.name: c.allowed or () for c in table.columns if c.type == "string"}
        self._pending: dict[str, list[pl.DataFrame]] = {}
        self._findings: Counter[str] = Counter()
        self._cells = 0

    def see(self, frame: pl.DataFrame) -> None:
        """Takes in the cells of some rows; columns that the table doesn't have are left alone."""
        import polars as pl

        for name in self._vocabularies.keys() & set(frame.columns):
            harmless = pl.Series([*self._vocabularies[name], *_PREFECTURES]).implode()
            cells = frame[name].drop_nulls().cast(pl.String).alias("cell")
            distinct = cells.value_counts(name="rows").filter(
                ~pl.col("cell").is_in(harmless) & ~pl.col("cell").str.contains(MACHINE_ID)
            )
            if distinct.height:
                self._pending.setdefault(name, []).append(distinct)

    def settle(self) -> AuditResult:
        """Looks through the pending cells; the verdict on all cells so far, as counts."""
        import polars as pl

        for name, parts in self._pending.items():
            cells = pl.concat(parts).group_by("cell").agg(pl.col("rows").sum())
            self._cells += int(cells["rows"].sum())
            for rule, rows in _findings(cells, self._persons).items():
                self._findings[f"{name}: {rule}"] += rows
        self._pending.clear()
        counts = {"cells_scanned": self._cells, "findings": dict(self._findings)}
        return AuditResult(NO_PERSONAL_DATA, not self._findings, counts)

    def guard(
        self, version: Version, batches: Iterable[pa.RecordBatch]
    ) -> Iterator[pa.RecordBatch]:
        """Passes a version's rows on to its writer, which stores nothing before their end.

        Raises PersonalDataFoundError at the end if any of them holds personal data.
        """
        import polars as pl

        for batch in batches:
            self.see(pl.DataFrame(batch))
            yield batch
        self.require_clean(version)

    def require_clean(self, version: Version) -> AuditResult:
        """Settles; raises PersonalDataFoundError if personal data was found."""
        result = self.settle()
        if not result.passed:
            raise PersonalDataFoundError(version, result)
        return result


def like_personal(cells: pl.Series) -> pl.Series:
    """For each cell, which must be text, whether it holds what looks like anybody's value."""
    import polars as pl

    text = plain(pl.col("cell"))
    looks_so = pl.any_horizontal(text.str.contains(pattern) for pattern in PATTERNS.values())
    return cells.alias("cell").to_frame().select(hit=looks_so)["hit"]


def _findings(cells: pl.DataFrame, persons: Persons) -> dict[str, int]:
    """Rows with personal data by rule; `cells` has distinct `cell`s and their number of `rows`."""
    import polars as pl

    if cells["cell"].str.contains("%", literal=True).any():
        cells = cells.with_columns(pl.col("cell").map_elements(unquote, return_dtype=pl.String))
    text = cells.select(text=plain(pl.col("cell")))["text"]
    hits = {rule: text.str.contains(pattern) for rule, pattern in PATTERNS.items()}
    hits["known_value"] = persons(cells["cell"]).found_in(cells["cell"])
    rows = {rule: int(cells["rows"].filter(hit).sum()) for rule, hit in hits.items()}
    return {rule: count for rule, count in rows.items() if count}


def _folded_values(values: pl.Series, beginnings: pl.Series | None) -> pl.Series:
    """Distinct folded values, without what is nobody's own; `beginnings` as `_beginnings` gives."""
    import polars as pl

    value = pl.col("value")
    frame = values.cast(pl.String).rename("value").drop_nulls().unique().to_frame()
    frame = frame.select(folded(value))
    frame = frame.filter((value != "") & ~value.is_in(pl.Series(PREFECTURES).implode()))
    if beginnings is not None:
        frame = frame.filter(value.str.head(SHORT).is_in(beginnings.implode()))
    return frame["value"]


def _beginnings(cells: pl.Series) -> pl.Series:
    """What the folded values inside these cells can begin with: runs of up to SHORT characters."""
    import polars as pl

    texts = cells.alias("cell").to_frame().select(folded(pl.col("cell")))["cell"].to_list()
    runs = {text[at : at + SHORT] for text in texts for at in range(len(text))}
    return pl.Series(sorted(runs), dtype=pl.String)


def _is_whole_number(digits: str, cell: str) -> bool:
    """Whether digits stand in a cell by themselves, separated or not.

    A phone number may touch letters; shorter numbers, which are common in codes, may not.
    """
    touching = r"\d" if len(digits) >= _PHONE_DIGITS else r"[0-9a-z]"
    spaced = r"[\W_ー]*".join(digits)
    return re.search(rf"(?<!{touching}){spaced}(?!{touching})", cell) is not None
