"""The three checks of every published table, and the audits that decide them before publication.

One pandera schema per table, generated from its declaration (Q1, Q2). Results count; they never
hold a value of the data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import dagster as dg

from data_assets.personal_data import NO_PERSONAL_DATA, LeakScan, Persons, nobody
from resources.lake import Audit, AuditResult, Lake, Version, stored_schema
from resources.tables import Column, Table

if TYPE_CHECKING:
    import pandera.polars as pa
    import polars as pl
    import pyarrow.parquet as pq

SCHEMA_MATCHES = "schema_matches"
ROW_COUNT = "row_count_matches_source"
CHECKS = (SCHEMA_MATCHES, ROW_COUNT, NO_PERSONAL_DATA)

_DESCRIPTIONS = {
    SCHEMA_MATCHES: "Columns, types, ranges, closed vocabularies and keys are as declared.",
    ROW_COUNT: "As many rows were written as the source held, by the same snapshot.",
    NO_PERSONAL_DATA: "No text cell holds an e-mail, phone, postal code, address, name or kana.",
}


def check_specs(asset: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """The checks of a published table, for its asset's `check_specs`."""
    return [
        dg.AssetCheckSpec(
            name, asset=asset, description=_DESCRIPTIONS[name], blocking=name == SCHEMA_MATCHES
        )
        for name in CHECKS
    ]


@cache
def frame_schema(table: Table) -> pa.DataFrameSchema:
    """A table's declaration as a pandera schema for polars: strict, in order."""
    import pandera.polars as pa

    return pa.DataFrameSchema(
        {column.name: _pandera_column(column) for column in table.columns},
        strict=True,
        ordered=True,
    )


def _pandera_column(column: Column) -> pa.Column:
    import pandera.polars as pa
    import polars as pl

    types = {
        "string": pl.String(),
        "binary": pl.Binary(),
        "boolean": pl.Boolean(),
        "int": pl.Int32(),
        "bigint": pl.Int64(),
        "double": pl.Float64(),
        "date": pl.Date(),
        "timestamp": pl.Datetime("ms"),
    }
    checks = []
    if column.allowed is not None:
        checks.append(pa.Check.isin(list(column.allowed), name="allowed"))
    if column.minimum is not None:
        checks.append(pa.Check.ge(column.minimum, name="minimum"))
    if column.maximum is not None:
        checks.append(pa.Check.le(column.maximum, name="maximum"))
    return pa.Column(types[column.type], nullable=column.nullable, checks=checks)


class SchemaAudit:
    """Holds a version's rows against the table's declaration, batch by batch.

    `see` checks rows, `see_stored` a stored file: its schema and, over the whole version, that
    keys are unique. Only the key columns are kept between calls.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._schema = frame_schema(table)
        self._keys: list[pl.DataFrame] = []
        self._failures: Counter[str] = Counter()
        self.stored_rows = 0

    def see(self, frame: pl.DataFrame) -> None:
        """Checks some rows of the version."""
        self._failures.update(_failures(self._schema, frame))

    def see_stored(self, file: pq.ParquetFile) -> None:
        """Checks a file of the version, but not its rows."""
        import polars as pl

        self.stored_rows += file.metadata.num_rows
        found = file.schema_arrow
        for column in stored_schema(self._table):
            if column.name not in found.names:
                self._failures[f"{column.name}: missing"] += 1
            elif found.field(column.name).type != column.type:
                self._failures[f"{column.name}: type"] += 1
        if self._table.key and set(self._table.key) <= set(found.names):
            self._keys.append(pl.DataFrame(file.read(columns=list(self._table.key))))

    def result(self) -> AuditResult:
        """The verdict on all that was seen, with counts by column and rule."""
        import polars as pl

        failures = self._failures.copy()
        if self._keys:
            keys = pl.concat(self._keys)
            if repeated := keys.height - keys.n_unique():
                failures[f"{', '.join(self._table.key)}: unique"] = repeated
        counts = {"rows": self.stored_rows, "failures": dict(failures)}
        return AuditResult(SCHEMA_MATCHES, not failures, counts)


def conforms(table: Table, frame: pl.DataFrame) -> bool:
    """Whether every row is as declared."""
    return not _failures(frame_schema(table), frame)


def _failures(schema: pa.DataFrameSchema, frame: pl.DataFrame) -> Counter[str]:
    """How often each rule is broken, by `column: rule`; cells' values are dropped at once."""
    import polars as pl
    from pandera.errors import SchemaErrors

    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as errors:
        of_frame = pl.when(pl.col("schema_context") == "DataFrameSchema")
        cases = errors.failure_cases.select(
            "column", "check", "check_number", name=of_frame.then(pl.col("failure_case"))
        )
        counted = cases.group_by(pl.all()).len("rows")
        return Counter({_rule(schema, case): case["rows"] for case in counted.to_dicts()})
    return Counter()


def _rule(schema: pa.DataFrameSchema, case: Mapping[str, Any]) -> str:
    """A failure case's `column: rule`; `name` is the column's name in rules about the frame."""
    if case["name"] is not None:
        return f"{case['name']}: {case['check']}"
    if case["check_number"] is None:
        return f"{case['column']}: {case['check']}"
    return f"{case['column']}: {schema.columns[case['column']].checks[case['check_number']].name}"


def schema_matches(lake: Lake) -> Audit:
    """Audits a staged version's files by the schema of its table."""

    def audit(version: Version) -> AuditResult:
        import polars as pl

        seen = SchemaAudit(version.table)
        for location in lake.files(version):
            with lake.parquet(location) as file:
                seen.see_stored(file)
                for batch in file.iter_batches():
                    seen.see(pl.DataFrame(batch))
        return seen.result()

    return audit


def row_count_matches_source(source_rows: int, written_rows: int) -> Audit:
    """Audits that the version holds as many rows as its source said."""

    def audit(version: Version) -> AuditResult:
        counts = {"source_rows": source_rows, "written_rows": written_rows}
        return AuditResult(ROW_COUNT, source_rows == written_rows, counts)

    return audit


def no_raw_personal_data(lake: Lake, persons: Persons = nobody) -> Audit:
    """Audits a staged version's files for personal data.

    For files that another engine wrote; whatever this process writes goes through a LeakScan
    before it is stored.
    """

    def audit(version: Version) -> AuditResult:
        import polars as pl

        scan = LeakScan(version.table, persons)
        for batch in lake.batches(version):
            scan.see(pl.DataFrame(batch))
            scan.settle()
        return scan.settle()

    return audit


def known(result: AuditResult) -> Audit:
    """An audit whose verdict is known already, because the rows were seen on their way."""
    return lambda _version: result
