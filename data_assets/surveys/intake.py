"""One dropped file after the other: parsed, masked, audited, published, or put in quarantine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from data_assets.checks import SchemaAudit, known, row_count_matches_source
from data_assets.personal_data import LeakScan, Persons, streamed_persons
from data_assets.publishing import Publication, Staged
from data_assets.surveys.drop import DropBucket, DroppedFile, Outcome
from data_assets.surveys.masked import lake_tables
from data_assets.surveys.parse import ParsedSurvey, parse
from data_assets.surveys.quarantine import Report, quarantine_file, quarantine_rows
from data_assets.surveys.quarter import quarter_of
from data_assets.surveys.rejection import RejectedSurveyError
from data_assets.surveys.sheets import check_size
from data_assets.tables import SURVEY_ANSWERS, SURVEY_RESPONSES
from resources.lake import AuditFailedError, Lake
from resources.tables import Table

if TYPE_CHECKING:
    import pyarrow as pa

SOURCE_KEY = "mall.source_key"
SOURCE_VERSION = "mall.source_version"
SOURCE_LAST_MODIFIED = "mall.source_last_modified"


@dataclass(frozen=True)
class TakenIn:
    """What became of a file; `outcome` is None when its audits failed and readers keep the old.

    `reason` and `report` (an `s3://` location) are those of a quarantined file.
    """

    file: DroppedFile
    outcome: Outcome | None
    rows: int = 0
    bad_rows: int = 0
    unknown_answers: int = 0
    reason: str | None = None
    report: str | None = None


class Intake:
    """Takes files into the two tables, in the order in which they are given.

    `key` is the pseudonym key, `categories` are the shop's category names.
    """

    def __init__(
        self,
        drop: DropBucket,
        lake: Lake,
        *,
        responses: Publication,
        answers: Publication,
        key: str,
        categories: Sequence[str],
    ) -> None:
        self._drop = drop
        self._lake = lake
        self._publications = {SURVEY_RESPONSES.name: responses, SURVEY_ANSWERS.name: answers}
        self._key = key
        self._categories = categories

    def take_in(self, file: DroppedFile) -> TakenIn:
        """Publishes a file's quarter, unless a newer file has; quarantines one that is refused."""
        try:
            quarter = quarter_of(file.key)
            if self._has_newer(quarter, file):
                return self._superseded(file)
            check_size(file.size_bytes)
            survey = parse(self._drop.read(file), file.key, self._categories)
        except RejectedSurveyError as error:
            report = Report.of_rejected(error)
        else:
            if self._has_newer(quarter, file):
                return self._superseded(file)
            return self._published(file, survey)
        return self._quarantined(file, report)

    def _has_newer(self, quarter: str, file: DroppedFile) -> bool:
        published = self._lake.catalog.entry(SURVEY_RESPONSES.name, quarter)
        if published is None or SOURCE_LAST_MODIFIED not in published.parameters:
            return False
        when = datetime.fromisoformat(published.parameters[SOURCE_LAST_MODIFIED])
        return (when, published.parameters[SOURCE_KEY]) > file.age_order

    def _superseded(self, file: DroppedFile) -> TakenIn:
        self._drop.record(file, "superseded", {})
        return TakenIn(file, "superseded")

    def _quarantined(self, file: DroppedFile, report: Report) -> TakenIn:
        return TakenIn(
            file,
            "quarantined",
            rows=report.rows,
            bad_rows=report.bad_rows,
            reason=report.message,
            report=quarantine_file(self._drop, file, report),
        )

    def _published(self, file: DroppedFile, survey: ParsedSurvey) -> TakenIn:
        """Switches both tables, responses first; neither if an audit of either failed."""
        unknown = sum(survey.unknown_answers.values())
        taken = TakenIn(file, "accepted", survey.rows, survey.bad_rows, unknown)
        try:
            staged = self._staged(file, survey)
        except AuditFailedError as error:
            self._publications[error.version.table.name].reject(error)
            return replace(taken, outcome=None)
        failed = [each for each, good in staged if not good]
        for each in failed or [each for each, _ in staged]:
            self._publications[each.version.table.name].publish(each)
        if failed:
            return replace(taken, outcome=None)
        report = quarantine_rows(self._drop, file, Report.of_accepted(survey))
        counts = {"quarter": survey.quarter, "rows": survey.rows, "bad_rows": survey.bad_rows}
        self._drop.record(file, "accepted", counts)
        return replace(taken, report=report)

    def _staged(self, file: DroppedFile, survey: ParsedSurvey) -> list[tuple[Staged, bool]]:
        """Both tables, written and audited, and whether each passed."""
        persons = streamed_persons(lambda: [survey.responses["email"]])
        parameters = _parameters(file, survey)
        responses, answers = lake_tables(survey, self._key)
        with ThreadPoolExecutor(thread_name_prefix="stage") as threads:
            staged = [
                threads.submit(
                    _stage, self._lake, table, survey.quarter, rows, expected, persons, parameters
                )
                for table, rows, expected in (
                    (SURVEY_RESPONSES, responses, survey.rows - survey.bad_rows),
                    (SURVEY_ANSWERS, answers, survey.answers.height),
                )
            ]
        return [each.result() for each in staged]


def _stage(
    lake: Lake,
    table: Table,
    quarter: str,
    rows: pa.Table,
    expected_rows: int,
    persons: Persons,
    parameters: Mapping[str, str],
) -> tuple[Staged, bool]:
    """Raises PersonalDataFoundError, with nothing written, if rows hold any."""
    import polars as pl

    version = lake.stage(table, quarter)
    frame = pl.DataFrame(rows)
    scan = LeakScan(table, persons)
    scan.see(frame)
    clean = scan.require_clean(version)
    written = lake.write(version, rows.to_batches())
    schema = SchemaAudit(table)
    schema.see(frame)
    schema.see_keys(frame)
    for footer in written.footers:
        schema.see_footer(footer)
    counted = row_count_matches_source(expected_rows, schema.stored_rows)(version)
    results = [schema.result(), counted, clean]
    staged = Staged(version, written, [known(result) for result in results], parameters)
    return staged, all(result.passed for result in results)


def _parameters(file: DroppedFile, survey: ParsedSurvey) -> dict[str, str]:
    """What Glue keeps with the quarter about where it came from."""
    return {
        SOURCE_KEY: file.key,
        SOURCE_VERSION: file.version,
        SOURCE_LAST_MODIFIED: file.last_modified.isoformat(),
        "mall.source_rows": str(survey.rows),
        "mall.quarantined_rows": str(survey.bad_rows),
        "mall.unknown_answers": json.dumps(survey.unknown_answers),
        "mall.ignored_columns": str(len(survey.ignored_columns)),
    }
