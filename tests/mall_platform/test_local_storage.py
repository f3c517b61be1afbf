"""Dagster's storage on a laptop keeps what Dagster's own SQLite storage would."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage

from mall_platform.local_storage import Engines, UnflushedSqliteStorage

RUNS = 10
"""More than the files that are kept open."""


@dg.asset
def thing() -> None:
    """Materialized again and again."""


def instance_with(storage: type[DagsterSqliteStorage], home: Path) -> dg.DagsterInstance:
    home.mkdir(exist_ok=True)
    overrides = {
        "telemetry": {"enabled": False},
        "storage": {
            "custom": {
                "module": storage.__module__,
                "class": storage.__name__,
                "config": {"base_dir": str(home)},
            }
        },
    }
    return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home), overrides=overrides))


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with instance_with(UnflushedSqliteStorage, tmp_path) as instance:
        yield instance


def run_files(home: Path) -> list[Path]:
    return [path for path in (home / "history/runs").glob("*.db") if path.stem != "index"]


def revision(path: Path) -> object:
    with sqlite3.connect(path) as connection:
        return connection.execute("SELECT version_num FROM alembic_version").fetchone()


def test_what_is_stored_is_read_by_dagsters_own_storage(
    ours: dg.DagsterInstance, tmp_path: Path
) -> None:
    ran = [dg.materialize([thing], instance=ours).run_id for _ in range(RUNS)]
    with instance_with(DagsterSqliteStorage, tmp_path) as theirs:
        assert {run.run_id for run in theirs.get_runs()} == set(ran)
        for run_id in ran:
            mine = ours.all_logs(run_id)
            assert theirs.all_logs(run_id) == mine
            assert mine[-1].dagster_event_type == dg.DagsterEventType.RUN_SUCCESS
        assert len(theirs.fetch_materializations(thing.key, limit=2 * RUNS).records) == RUNS


@dg.asset(
    partitions_def=dg.StaticPartitionsDefinition(["a", "b", "c"]),
    backfill_policy=dg.BackfillPolicy.single_run(),
    check_specs=[dg.AssetCheckSpec("fine", asset="by_letter")],
)
def by_letter(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Materialized over a range, whose events Dagster stores in batches."""
    for letter in context.partition_keys:
        context.add_asset_metadata({"letter": letter}, partition_key=letter)
    return dg.MaterializeResult(
        check_results=[dg.AssetCheckResult(passed=True, check_name="fine")], tags={"of": "letters"}
    )


def what_is_known_of_letters(instance: dg.DagsterInstance) -> list[object]:
    span = {"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "c"}
    run_id = dg.materialize([by_letter], instance=instance, tags=span).run_id
    (entry,) = (record.asset_entry for record in instance.get_asset_records([by_letter.key]))
    records = instance.fetch_materializations(by_letter.key, limit=10).records
    made = [record.asset_materialization for record in records]
    checks = instance.event_log_storage.get_asset_check_execution_history(
        next(iter(by_letter.check_keys)), limit=10
    )
    return [
        [log.dagster_event_type for log in instance.all_logs(run_id)],
        sorted((one.partition, one.metadata, (one.tags or {})["of"]) for one in made if one),
        entry.last_materialization_record == records[0],
        entry.last_run_id == run_id,
        [check.status for check in checks],
    ]


def test_a_batch_of_events_is_stored_as_each_by_itself(
    ours: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with instance_with(DagsterSqliteStorage, tmp_path / "theirs") as theirs:
        expected = what_is_known_of_letters(theirs)
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "1000")
    assert what_is_known_of_letters(ours) == expected
    assert len(ours.get_materialized_partitions(by_letter.key)) == 3


def test_runs_files_are_as_dagsters_migrations_make_them(
    ours: dg.DagsterInstance, tmp_path: Path
) -> None:
    for _ in range(2):
        dg.materialize([thing], instance=ours)
    with instance_with(DagsterSqliteStorage, tmp_path / "theirs") as theirs:
        dg.materialize([thing], instance=theirs)
    mine, (expected,) = run_files(tmp_path), run_files(tmp_path / "theirs")
    assert {revision(path) for path in mine} == {revision(expected)}
    schema = "SELECT name, sql FROM sqlite_master ORDER BY name"
    with sqlite3.connect(expected) as connection:
        wanted = connection.execute(schema).fetchall()
    for path in mine:
        with sqlite3.connect(path) as connection:
            assert connection.execute(schema).fetchall() == wanted
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_runs_go_on_after_all_were_wiped(ours: dg.DagsterInstance, tmp_path: Path) -> None:
    before = dg.materialize([thing], instance=ours).run_id
    ours.wipe()
    assert not run_files(tmp_path)
    after = dg.materialize([thing], instance=ours).run_id
    assert [run.run_id for run in ours.get_runs()] == [after]
    assert ours.all_logs(after)
    assert not ours.all_logs(before)


def test_files_used_least_of_late_are_closed(tmp_path: Path) -> None:
    engines = Engines()
    urls = [f"sqlite:///{tmp_path / f'{number}.db'}" for number in range(RUNS)]
    first = engines.of(urls[0])
    for url in urls[1:]:
        with engines.of(url).begin() as connection:
            connection.exec_driver_sql("CREATE TABLE t (x)")
        assert engines.of(urls[0]) is first
    held = [url for url in urls if engines.of(url).pool.checkedin()]
    assert len(held) < len(urls)
    engines.forget()
    assert engines.of(urls[0]) is not first
