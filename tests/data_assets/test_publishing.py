"""Runs publish what is good, report it at once, and fail naming what isn't (Q1, U3)."""

from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from data_assets.checks import check_specs, known, row_count_matches_source, schema_matches
from data_assets.personal_data import NO_PERSONAL_DATA, PersonalDataFoundError
from data_assets.publishing import Publication, Staged, publish_partitions
from resources.lake import AuditResult, Lake
from resources.tables import Column, Table

TABLE = Table(
    "daily",
    "Daily.",
    (Column("n", "bigint", "A number.", maximum=10),),
    (Column("dt", "string", "Day."),),
)
KEY = dg.AssetKey(["mall", "extracts", "daily"])
DAYS = dg.DailyPartitionsDefinition("2024-06-01")
RANGE = {
    "dagster/asset_partition_range_start": "2024-06-01",
    "dagster/asset_partition_range_end": "2024-06-03",
}

Stage = Callable[[Lake, str | None], Staged]


def stage(lake: Lake, day: str | None, value: int = 1) -> Staged:
    version = lake.stage(TABLE, day)
    written = lake.write(
        version, [pa.RecordBatch.from_pydict({"n": [value] * 3}, TABLE.arrow_schema())]
    )
    audits = [
        schema_matches(lake),
        row_count_matches_source(3, written.rows),
        known(AuditResult(NO_PERSONAL_DATA, True, {"findings": {}})),
    ]
    return Staged(version, written, audits, {"mall.rows": "3"})


def run(lake: Lake, staging: Stage, **options: Any) -> dg.ExecuteInProcessResult:
    def daily(context: dg.AssetExecutionContext) -> Iterator[Any]:
        keys: list[str | None] = list(context.partition_keys)
        yield from publish_partitions(context, lake, keys, lambda day: staging(lake, day))

    asset = dg.asset(
        key=KEY,
        partitions_def=DAYS,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=check_specs(KEY),
    )(daily)
    return dg.materialize([asset], raise_on_error=False, **options)


def materialized(result: dg.ExecuteInProcessResult) -> list[tuple[str | None, int]]:
    return [
        (event.partition, event.materialization.metadata["dagster/row_count"].value)
        for event in result.get_asset_materialization_events()
    ]


def checks(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {e.check_name: e.passed for e in result.get_asset_check_evaluations()}


def failure(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [e for e in result.all_events if e.event_type_value == "STEP_FAILURE"]
    return str(event.step_failure_data.error_display_string)


@pytest.fixture
def lake(empty_lake: dict[str, Any]) -> Lake:
    return empty_lake["lake"]


def test_one_day_is_published_checked_and_reported_once(lake: Lake) -> None:
    result = run(lake, stage, partition_key="2024-06-01")
    assert result.success
    assert materialized(result) == [("2024-06-01", 3)]
    assert checks(result) == {
        "schema_matches": True,
        "row_count_matches_source": True,
        "no_raw_personal_data": True,
    }
    assert lake.read(TABLE, "2024-06-01").num_rows == 3
    assert lake.catalog.partitions("daily")["2024-06-01"].parameters["mall.rows"] == "3"


def test_a_range_reports_every_day_with_its_own_figures(lake: Lake) -> None:
    """(U3)"""
    result = run(lake, stage, tags=RANGE)
    assert result.success
    assert set(materialized(result)) == {(f"2024-06-0{day}", 3) for day in (1, 2, 3)}
    (schema, *_) = result.get_asset_check_evaluations()
    records = schema.metadata["by_partition"].records
    assert [record.data["partition"] for record in records] == list(
        lake.catalog.partitions("daily")
    )


def test_a_failing_audit_switches_nothing_and_fails_check_and_run_but_not_other_days(
    lake: Lake,
) -> None:
    """(Q1)"""
    assert run(lake, stage, tags=RANGE).success
    before = lake.catalog.partitions("daily")

    def second_is_bad(lake: Lake, day: str | None) -> Staged:
        return stage(lake, day, value=99 if day == "2024-06-02" else 2)

    result = run(lake, second_is_bad, tags=RANGE)
    assert not result.success
    assert "Not published: 2024-06-02. Failed: schema_matches." in failure(result)
    assert checks(result)["schema_matches"] is False
    assert checks(result)["row_count_matches_source"] is True
    assert {day for day, _ in materialized(result)} == {"2024-06-01", "2024-06-03"}
    after = lake.catalog.partitions("daily")
    assert after["2024-06-02"] == before["2024-06-02"]
    assert set(lake.read(TABLE, "2024-06-02")["n"].to_pylist()) == {1}
    assert set(lake.read(TABLE, "2024-06-03")["n"].to_pylist()) == {2}

    assert run(lake, stage, tags=RANGE).success


def test_the_failed_check_counts_by_partition_and_quotes_nothing(lake: Lake) -> None:
    result = run(lake, lambda lake, day: stage(lake, day, value=99), tags=RANGE)
    schema = next(
        e for e in result.get_asset_check_evaluations() if e.check_name == "schema_matches"
    )
    assert schema.metadata["failed_partitions"].value == 3
    record = schema.metadata["by_partition"].records[0].data
    assert record["failures"] == "n: maximum × 3"
    assert "99" not in str(schema.metadata)


def test_a_leak_fails_its_day_before_it_is_stored(lake: Lake) -> None:
    """(E1)"""

    def leaks(lake: Lake, day: str | None) -> Staged:
        if day == "2024-06-02":
            found = AuditResult(NO_PERSONAL_DATA, False, {"findings": {"text: email": 1}})
            raise PersonalDataFoundError(lake.stage(TABLE, day), found)
        return stage(lake, day)

    result = run(lake, leaks, tags=RANGE)
    assert not result.success
    assert checks(result)["no_raw_personal_data"] is False
    assert list(lake.catalog.partitions("daily")) == ["2024-06-01", "2024-06-03"]


def test_a_crash_stops_the_run_and_keeps_what_was_reported(lake: Lake) -> None:
    def crashes(lake: Lake, day: str | None) -> Staged:
        if day == "2024-06-02":
            raise RuntimeError("a defect")
        return stage(lake, day)

    result = run(lake, crashes, tags=RANGE)
    assert not result.success
    assert "a defect" in failure(result)
    assert materialized(result) == [("2024-06-01", 3)]
    assert list(lake.catalog.partitions("daily")) == ["2024-06-01"]


def test_an_asset_may_publish_partitions_of_another(lake: Lake) -> None:
    def mender(context: dg.AssetExecutionContext) -> Iterator[Any]:
        publication = Publication(context, lake, KEY, partitioned=True)
        yield from publication.publish_all(stage(lake, day) for day in ("2024-06-01", "2024-06-02"))
        assert publication.published == ["2024-06-01", "2024-06-02"]
        publication.require_good()
        yield dg.MaterializeResult()

    result = dg.materialize([dg.asset(key=["ops", "mender"])(mender)])
    events = [e for e in result.get_asset_materialization_events() if e.asset_key == KEY]
    assert [e.partition for e in events] == ["2024-06-01", "2024-06-02"]


def test_lake_partitions_that_are_not_dagsters_are_reported_as_one(lake: Lake) -> None:
    def quarters(context: dg.AssetExecutionContext) -> Iterator[Any]:
        yield from publish_partitions(context, lake, ["a", "b"], lambda q: stage(lake, q))

    asset = dg.asset(key=KEY, check_specs=check_specs(KEY))(quarters)
    result = dg.materialize([asset])
    assert materialized(result) == [(None, 6)]
