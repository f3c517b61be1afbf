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
        {
            column.name: pa.Column(dtype, nullable=column.nullable, checks=_rules(column))
            for column, dtype in zip(table.columns, table.polars_schema().values(), strict=True)
        },
        strict=True,
        ordered=True,
    )


def _rules(column: Column) -> list[pa.Check]:
    import pandera.polars as pa

    rules = []
    if column.allowed is not None:
        rules.append(pa.Check.isin(list(column.allowed), name="allowed"))
    if column.minimum is not None:
        rules.append(pa.Check.ge(column.minimum, name="minimum"))
    if column.maximum is not None:
        rules.append(pa.Check.le(column.maximum, name="maximum"))
    return rules


class SchemaAudit:
    """Holds a version's rows against the table's declaration, batch by batch.

    `see` checks rows; `see_stored` a stored file, its schema and whether keys are unique over the
    whole version. Who wrote the files can do with `see_footer`, and with `see_keys` of all rows,
    or of none where `keys_are_ascending`: then they are unique. Only keys are kept between calls.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._schema = frame_schema(table)
        self._keys: list[pl.DataFrame] = []
        self._last_key: int | None = None
        self._failures: Counter[str] = Counter()
        self.keys_are_ascending = True
        self.stored_rows = 0

    def see(self, frame: pl.DataFrame) -> bool:
        """Checks some rows of the version; whether all is as declared with them."""
        if self._table.key and self.keys_are_ascending and frame.height:
            self.keys_are_ascending = self._ascend(frame)
        if conforms(self._table, frame):
            return True
        failures = _failures(self._schema, frame)
        self._failures.update(failures)
        return not failures

    def see_stored(self, file: pq.ParquetFile) -> None:
        """Checks a file of the version, but not its rows."""
        self.see_footer(file.metadata)
        self.see_stored_keys(file)

    def see_footer(self, footer: pq.FileMetaData) -> None:
        """Checks the schema that a file says it has, and counts its rows."""
        self.stored_rows += footer.num_rows
        found = footer.schema.to_arrow_schema()
        for column in stored_schema(self._table):
            if column.name not in found.names:
                self._failures[f"{column.name}: missing"] += 1
            elif found.field(column.name).type != column.type:
                self._failures[f"{column.name}: type"] += 1

    def see_stored_keys(self, file: pq.ParquetFile) -> None:
        """`see_keys` of a stored file's rows."""
        import polars as pl

        if self._table.key and set(self._table.key) <= set(file.schema_arrow.names):
            self.see_keys(pl.DataFrame(file.read(columns=list(self._table.key))))

    def see_keys(self, rows: pl.DataFrame) -> None:
        """Takes the keys in of some rows of the version."""
        if self._table.key:
            self._keys.append(rows.select(self._table.key))

    def result(self) -> AuditResult:
        """The verdict on all that was seen, with counts by column and rule."""
        import polars as pl

        failures = self._failures.copy()
        if self._keys:
            keys = pl.concat(self._keys)
            if repeated := _repeated(keys):
                failures[f"{', '.join(self._table.key)}: unique"] = repeated
        counts = {"rows": self.stored_rows, "failures": dict(failures)}
        return AuditResult(SCHEMA_MATCHES, not failures, counts)

    def _ascend(self, frame: pl.DataFrame) -> bool:
        """Whether the only key, a number, is larger in each row than in the row before."""
        name, *others = self._table.key
        if others or name not in frame.columns or not frame.schema[name].is_integer():
            return False
        keys = frame[name]
        before, self._last_key = self._last_key, keys[-1]
        if keys.null_count() or (before is not None and keys[0] <= before):
            return False
        return bool((keys.slice(1) > keys.head(-1)).all())


def conforms(table: Table, frame: pl.DataFrame) -> bool:
    """Whether the figures of its columns prove that every row is as declared.

    Where they don't, `frame_schema` tells what is wrong, if anything is.
    """
    declared = table.polars_schema()
    if list(frame.schema.items()) != list(declared.items()):
        return False
    return all(_conforms(column, frame[column.name]) for column in table.columns)


def _conforms(column: Column, cells: pl.Series) -> bool:
    if cells.null_count() and not column.nullable:
        return False
    if column.allowed is not None and not {*cells.unique()} <= {*column.allowed, None}:
        return False
    if cells.dtype.is_float() and cells.is_nan().any():
        return False
    if cells.len() == cells.null_count():
        return True
    least: Any = cells.min() if column.minimum is not None else None
    most: Any = cells.max() if column.maximum is not None else None
    return not (least is not None and least < column.minimum) and not (
        most is not None and most > column.maximum
    )


def _repeated(keys: pl.DataFrame) -> int:
    """How many rows repeat another; they aren't compared where already their hashes differ."""
    if keys.hash_rows().n_unique() == keys.height:
        return 0
    return keys.height - keys.n_unique()


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
