"""Reports on what could not be taken in: row, column and reason, never a cell (Q2)."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from dataclasses import dataclass

from data_assets.personal_data import PATTERNS, plain
from data_assets.surveys.drop import QUARANTINE, DropBucket, DroppedFile
from data_assets.surveys.parse import ParsedSurvey
from data_assets.surveys.rejection import BadCell, RejectedSurveyError

_HEADER_CHARACTERS = 60
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Report:
    """What is told of one file; `reason` and `message` are those of a file refused as a whole."""

    rows: int
    bad_cells: tuple[BadCell, ...]
    reason: str | None = None
    message: str | None = None
    ignored_columns: tuple[str, ...] = ()

    @classmethod
    def of_rejected(cls, error: RejectedSurveyError) -> Report:
        return cls(error.rows, error.bad_cells, error.reason.value, str(error))

    @classmethod
    def of_accepted(cls, survey: ParsedSurvey) -> Report:
        return cls(survey.rows, survey.bad_cells, ignored_columns=_presentable(survey))

    @property
    def bad_rows(self) -> int:
        return len({cell.row for cell in self.bad_cells})

    def json(self, file: DroppedFile) -> bytes:
        source = {
            "key": file.key,
            "version_id": file.version_id,
            "last_modified": file.last_modified.isoformat(),
        }
        cells = [vars(cell) for cell in self.bad_cells]
        report = {**source, **vars(self), "bad_cells": cells}
        return json.dumps(report, ensure_ascii=False).encode()

    def csv(self) -> bytes:
        """The same for a spreadsheet: UTF-8 with a byte order mark, no cell taken for a formula."""
        lines: list[tuple[str, str, str]] = [("row", "column", "reason")]
        if self.message:
            lines.append(("", "", self.message))
        lines += [("", name, "is not read") for name in self.ignored_columns]
        lines += [(str(cell.row), cell.column, cell.reason) for cell in self.bad_cells]
        text = io.StringIO()
        csv.writer(text).writerows([spreadsheet_safe(cell) for cell in line] for line in lines)
        return text.getvalue().encode("utf-8-sig")


def _presentable(survey: ParsedSurvey) -> tuple[str, ...]:
    """The headers of columns that aren't read, where they hold nothing that looks personal."""
    import polars as pl

    names = pl.Series("name", survey.ignored_columns, pl.String).to_frame()
    text = plain(pl.col("name"))
    personal = pl.any_horizontal(text.str.contains(pattern) for pattern in PATTERNS.values())
    shown = names.select(pl.when(personal).then(pl.lit("(hidden)")).otherwise("name"))
    return tuple(name[:_HEADER_CHARACTERS] for name in shown.to_series())


def spreadsheet_safe(text: str) -> str:
    """Text that a spreadsheet shows as it is, and doesn't run as a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def quarantine_file(drop: DropBucket, file: DroppedFile, report: Report) -> str:
    """Moves a refused file under `quarantine/` with its report; returns the report's location.

    The ledger is written before the original goes, so that a crash in between is harmless.
    """
    location = _write(drop, file, report)
    drop.copy(file, _folder(file) + _safe_name(file.key))
    drop.record(file, "quarantined", {"reason": report.reason, "report": location})
    drop.remove(file)
    return location


def quarantine_rows(drop: DropBucket, file: DroppedFile, report: Report) -> str | None:
    """Reports on the rows of an accepted file that were left out; None if there are none."""
    return _write(drop, file, report) if report.bad_cells else None


def _write(drop: DropBucket, file: DroppedFile, report: Report) -> str:
    folder = _folder(file)
    drop.put(f"{folder}report.json", report.json(file))
    drop.put(f"{folder}report.csv", report.csv())
    return f"s3://{drop.name}/{folder}report.json"


def _folder(file: DroppedFile) -> str:
    return f"{QUARANTINE}{file.id}/"


def _safe_name(key: str) -> str:
    """The last part of a key, without what a file system or a URL would trip over."""
    name = unicodedata.normalize("NFKC", key.rsplit("/", 1)[-1])
    return re.sub(r"[^\w.()-]+", "_", name).lstrip(".")[-80:] or "survey"
