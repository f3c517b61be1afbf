"""Audits hold tables against their declarations and count what is wrong (Q1, Q2)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any

import dagster as dg
import polars as pl
import pytest
from pandera.errors import SchemaErrors

from data_assets.checks import (
    CHECKS,
    SCHEMA_MATCHES,
    SchemaAudit,
    check_specs,
    conforms,
    frame_schema,
    no_raw_personal_data,
    row_count_matches_source,
    schema_matches,
)
from data_assets.tables import TABLES
from resources.lake import Lake
from resources.tables import Column, Table

TABLE = Table(
    "things",
    "Things.",
    (
        Column("id", "bigint", "Key."),
        Column("kind", "string", "Kind.", allowed=("a", "b")),
        Column("stars", "int", "Stars.", nullable=True, minimum=1, maximum=5),
        Column("on", "date", "Day.", nullable=True),
        Column("at", "timestamp", "When.", nullable=True),
        Column("key", "binary", "Key.", nullable=True),
    ),
    key=("id",),
)


def frame(**over: Any) -> pl.DataFrame:
    import pyarrow as pa

    good = {
        "id": [1, 2],
        "kind": ["a", "b"],
        "stars": [1, None],
        "on": [date(2024, 6, 1), None],
        "at": [datetime(2024, 6, 1, 1), None],  # noqa: DTZ001
        "key": [b"k", None],
    }
    columns = {**good, **over}
    schema = pa.schema([field.with_nullable(True) for field in TABLE.arrow_schema()])
    arrays = [pa.array(columns[field.name], field.type) for field in schema]
    return pl.DataFrame(pa.Table.from_arrays(arrays, schema=schema))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_of_the_lake_has_a_schema_that_an_empty_file_meets(table: Table) -> None:
    assert conforms(table, pl.DataFrame(table.arrow_schema().empty_table()))


@pytest.mark.parametrize(
    ("over", "failures"),
    [
        ({}, {}),
        ({"kind": ["a", "taro@example.jp"]}, {"kind: allowed": 1}),
        ({"kind": [None, None]}, {"kind: not_nullable": 2}),
        ({"stars": [0, 6]}, {"stars: minimum": 1, "stars: maximum": 1}),
    ],
)
def test_rows_against_the_declaration_are_counted_by_column_and_rule(
    over: dict[str, Any], failures: dict[str, int]
) -> None:
    audit = SchemaAudit(TABLE)
    audit.see(frame(**over))
    result = audit.result()
    assert result.passed == (not failures)
    assert result.metadata["failures"] == failures
    assert "taro" not in str(result)


MEASURED = Table(
    "measured",
    "Measured.",
    (
        Column("share", "double", "Share.", nullable=True, minimum=0, maximum=1),
        Column("kind", "string", "Kind.", nullable=True, allowed=("a", "b")),
    ),
)


@pytest.mark.parametrize(
    ("share", "kind"),
    [
        ([0.0, 1.0], ["a", "b"]),
        ([None, None], [None, None]),
        ([-0.1, 1.0], ["a", "b"]),
        ([0.0, 1.1], ["a", "b"]),
        ([float("nan"), 0.5], ["a", "b"]),
        ([0.0, 1.0], ["a", "c"]),
        ([], []),
    ],
)
def test_figures_prove_what_the_schema_would_find(share: list[Any], kind: list[Any]) -> None:
    """No row is let through that pandera refuses, and no good one is looked at twice."""
    rows = pl.DataFrame({"share": share, "kind": kind}, schema=MEASURED.polars_schema())
    try:
        frame_schema(MEASURED).validate(rows, lazy=True)
        is_good = True
    except SchemaErrors:
        is_good = False
    assert conforms(MEASURED, rows) == is_good


@pytest.mark.parametrize(
    ("frames", "ascending"),
    [
        ([[1, 2], [3, 9]], True),
        ([[1, 3], [2, 4]], False),
        ([[1, 2], [2, 3]], False),
        ([[2, 1], [3, 4]], False),
        ([[1, None], [3, 4]], False),
    ],
)
def test_only_keys_that_ascend_over_all_rows_count_as_such(
    frames: list[list[int]], ascending: bool
) -> None:
    audit = SchemaAudit(TABLE)
    for ids in frames:
        audit.see(frame(id=ids))
    assert audit.keys_are_ascending == ascending


def test_keys_of_text_or_of_several_columns_never_count_as_ascending() -> None:
    for table in (replace(TABLE, key=("kind",)), replace(TABLE, key=("id", "kind"))):
        audit = SchemaAudit(table)
        audit.see(frame())
        assert not audit.keys_are_ascending


def test_missing_surplus_and_mistyped_columns_are_named() -> None:
    audit = SchemaAudit(TABLE)
    audit.see(frame().drop("on").with_columns(pl.col("stars").cast(pl.Int64), extra=1))
    found = audit.result().metadata["failures"]
    assert "on: column_in_dataframe" in found
    assert "extra: column_in_schema" in found
    assert any(name.startswith("stars: dtype") for name in found)


def test_staged_files_are_audited_with_unique_keys_over_all_of_them(
    empty_lake: dict[str, Any],
) -> None:
    lake: Lake = empty_lake["lake"]
    version = lake.stage(TABLE)
    with lake.writer(version) as writer:
        writer.write(frame().to_arrow())
        writer.cut()
        writer.write(frame(id=[2, 3]).to_arrow())
        writer.close()
    result = schema_matches(lake)(version)
    assert not result.passed
    assert result.metadata == {"rows": 4, "failures": {"id: unique": 1}}


def test_files_of_another_schema_fail(empty_lake: dict[str, Any]) -> None:
    lake: Lake = empty_lake["lake"]
    other = Table("things", "Things.", (Column("id", "int", "Key."),))
    version = lake.stage(other)
    lake.write(version, other.arrow_schema().empty_table().to_batches())
    found = schema_matches(lake)(replace(version, table=TABLE))
    assert {"id: type", "kind: missing"} <= set(found.metadata["failures"])


@pytest.mark.parametrize(
    ("source", "written", "passes"), [(3, 3, True), (3, 2, False), (0, 0, True)]
)
def test_row_counts_must_be_equal(source: int, written: int, passes: bool) -> None:
    result = row_count_matches_source(source, written)(None)  # type: ignore[arg-type]
    assert result.passed == passes
    assert result.metadata == {"source_rows": source, "written_rows": written}


def test_staged_text_is_audited_for_personal_data(empty_lake: dict[str, Any]) -> None:
    lake: Lake = empty_lake["lake"]
    table = Table("texts", "Texts.", (Column("text", "string", "Text."),))
    version = lake.stage(table)
    rows = pl.DataFrame({"text": ["fine", "taro@example.jp"]}).to_arrow()
    lake.write(version, rows.cast(table.arrow_schema()).to_batches())
    result = no_raw_personal_data(lake)(version)
    assert result.metadata["findings"] == {"text: email": 1}


def test_every_table_gets_three_checks_of_which_the_schema_blocks() -> None:
    specs = check_specs(dg.AssetKey(["mall", "extracts", "things"]))
    assert [spec.name for spec in specs] == list(CHECKS)
    assert [spec.name for spec in specs if spec.blocking] == [SCHEMA_MATCHES]
