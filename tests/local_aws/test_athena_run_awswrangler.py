"""awswrangler works against the local Athena as it is (A0)."""

from __future__ import annotations

from typing import Any

import boto3
import pandas as pd
import pyarrow as pa
import pytest

pytestmark = pytest.mark.filterwarnings("ignore")

QUERY = "SELECT id, yen, note, at, dt FROM purchases ORDER BY id"


@pytest.fixture
def wrangler(lake: Any, local_aws: Any) -> Any:
    """awswrangler with a lake that holds two purchases; the environment points at the server."""
    import awswrangler as wr

    lake.session = boto3.Session(region_name="ap-northeast-1")
    lake.table(
        "purchases",
        {"id": "bigint", "yen": "int", "note": "string", "at": "timestamp"},
        {"dt": "string"},
    )
    rows = {
        "id": pa.array([1, 2], pa.int64()),
        "yen": pa.array([100, None], pa.int32()),
        "note": ['a,"b"\nc', None],
        "at": pa.array([1717203723456, None], pa.timestamp("ms")),
    }
    lake.partition("purchases", ["2024-06-01"], "purchases/v-1")
    lake.parquet("purchases/v-1/f", pa.table(rows))
    return wr


def read(wrangler: Any, lake: Any, sql: str, **options: Any) -> Any:
    return wrangler.athena.read_sql_query(
        sql,
        **{
            "database": lake.database,
            "s3_output": lake.results,
            "athena_query_wait_polling_delay": 0.01,
            "boto3_session": lake.session,
            **options,
        },
    )


MODES = {
    "csv": {"ctas_approach": False},
    "ctas": {"ctas_approach": True},
    "unload": {"ctas_approach": False, "unload_approach": True},
}


@pytest.mark.parametrize("mode", MODES)
def test_a_query_is_read_in_each_mode(wrangler: Any, lake: Any, mode: str) -> None:
    frame = read(wrangler, lake, QUERY, **MODES[mode])
    assert frame["id"].tolist() == [1, 2]
    assert frame["yen"].tolist() == [100, pd.NA]
    assert frame["note"].iloc[0] == 'a,"b"\nc'
    assert pd.isna(frame["note"].iloc[1])
    assert frame["at"].iloc[0] == pd.Timestamp("2024-06-01 01:02:03.456")
    assert pd.isna(frame["at"].iloc[1])
    assert frame["dt"].tolist() == ["2024-06-01"] * 2
    assert frame["id"].dtype == "Int64"
    assert frame.query_metadata["Statistics"]["DataScannedInBytes"] > 0
    assert lake.lines("SHOW TABLES") == ["purchases"]


def test_ctas_in_an_enforced_work_group_lands_in_its_results(wrangler: Any, lake: Any) -> None:
    group = f"wr-{lake.database}"
    place = f"s3://{lake.bucket}/enforced/"
    lake.athena.create_work_group(
        Name=group,
        Configuration={
            "EnforceWorkGroupConfiguration": True,
            "ResultConfiguration": {"OutputLocation": place},
        },
    )
    frame = read(wrangler, lake, QUERY, workgroup=group, s3_output=None, keep_files=False)
    assert frame["id"].tolist() == [1, 2]
    assert lake.keys("enforced/tables/") == []


def test_results_are_read_in_chunks(wrangler: Any, lake: Any) -> None:
    numbers = "SELECT i FROM UNNEST(sequence(1, 5)) AS t(i)"
    chunks = read(wrangler, lake, numbers, chunksize=2, ctas_approach=False)
    assert [len(chunk) for chunk in chunks] == [2, 2, 1]


def test_an_empty_result_keeps_its_columns(wrangler: Any, lake: Any) -> None:
    for mode in ("csv", "ctas"):
        frame = read(wrangler, lake, QUERY.replace("ORDER", "WHERE id > 9 ORDER"), **MODES[mode])
        assert list(frame.columns) == ["id", "yen", "note", "at", "dt"]
        assert frame.empty


def test_parameters_are_bound_in_both_styles(wrangler: Any, lake: Any) -> None:
    named = "SELECT id FROM purchases WHERE dt = :day AND id >= :low"
    frame = read(wrangler, lake, named, params={"day": "2024-06-01", "low": 2})
    assert frame["id"].tolist() == [2]
    marks = "SELECT id FROM purchases WHERE dt = ? AND id >= ?"
    for mode in MODES.values():
        frame = read(
            wrangler, lake, marks, params=["'2024-06-01'", "2"], paramstyle="qmark",
            **{**mode, "s3_output": f"{lake.results}{len(lake.keys())}/"},
        )  # fmt: skip
        assert frame["id"].tolist() == [2]


def test_a_failed_query_raises_with_athenas_reason(wrangler: Any, lake: Any) -> None:
    with pytest.raises(wrangler.exceptions.QueryFailed, match="TABLE_NOT_FOUND"):
        read(wrangler, lake, "SELECT * FROM nowhere", ctas_approach=False)


def test_tables_are_described_and_repaired(wrangler: Any, lake: Any) -> None:
    options = {
        "database": lake.database,
        "s3_output": lake.results,
        "boto3_session": lake.session,
        "athena_query_wait_polling_delay": 0.01,
    }
    described = wrangler.athena.describe_table(table="purchases", **options)
    assert described["Column Name"].tolist() == ["id", "yen", "note", "at", "dt"]
    assert described["Partition"].tolist() == [False] * 4 + [True]
    assert wrangler.athena.repair_table(table="purchases", **options) == "SUCCEEDED"
    created = wrangler.athena.show_create_table(table="purchases", **options)
    assert created.startswith(f"CREATE EXTERNAL TABLE `{lake.database}.purchases`(")


def test_tables_written_by_awswrangler_are_read(wrangler: Any, lake: Any) -> None:
    frame = pd.DataFrame({"id": [1, 2], "when": pd.to_datetime(["2024-06-01", None]), "p": "x"})
    wrangler.s3.to_parquet(
        frame, path=f"s3://{lake.bucket}/written/", dataset=True, database=lake.database,
        table="written", partition_cols=["p"], boto3_session=lake.session,
    )  # fmt: skip
    assert lake.rows("SELECT * FROM written ORDER BY id") == [
        ("1", "2024-06-01 00:00:00.000", "x"),
        ("2", None, "x"),
    ]


def test_iceberg_is_refused(wrangler: Any, lake: Any) -> None:
    with pytest.raises(Exception, match="Iceberg"):
        wrangler.athena.to_iceberg(
            pd.DataFrame({"a": [1]}), database=lake.database, table="ice",
            table_location=f"s3://{lake.bucket}/ice/", temp_path=f"s3://{lake.bucket}/tmp/",
            s3_output=lake.results, boto3_session=lake.session,
        )  # fmt: skip
