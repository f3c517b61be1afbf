"""What the local Athena writes: UNLOAD, CTAS, INSERT and views."""

from __future__ import annotations

import base64
import gzip
import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

ROWS = "(VALUES (1, 'a', '2024-06-01'), (2, 'b', '2024-06-02')) AS t(id, name, dt)"


def parquet_rows(lake: Any, key: str) -> list[dict[str, Any]]:
    return pq.read_table(io.BytesIO(lake.content(key))).to_pylist()


def manifest(lake: Any, execution: dict[str, Any]) -> list[str]:
    """Keys in the manifest, whose every URL must be in the lake's bucket."""
    location = execution["Statistics"]["DataManifestLocation"]
    key = location.removeprefix(f"s3://{lake.bucket}/")
    assert key.endswith("-manifest.csv")
    metadata = key.removesuffix("-manifest.csv") + ".metadata"
    assert lake.keys(metadata) == [metadata]
    urls = lake.content(key).decode().splitlines()
    return [url.removeprefix(f"s3://{lake.bucket}/") for url in urls]


# --- UNLOAD --------------------------------------------------------------------------------------


def test_unload_writes_parquet_and_a_manifest(lake: Any) -> None:
    execution = lake.run(
        f"UNLOAD (SELECT id, name FROM {ROWS} WHERE id = 1) TO 's3://{lake.bucket}/out/' "
        "WITH (format = 'PARQUET', compression = 'ZSTD')"
    )
    (key,) = lake.keys("out/")
    assert manifest(lake, execution) == [key]
    assert parquet_rows(lake, key) == [{"id": 1, "name": "a"}]
    chunk = pq.read_metadata(io.BytesIO(lake.content(key))).row_group(0).column(0)
    assert chunk.compression == "ZSTD"
    assert (execution["StatementType"], execution["SubstatementType"]) == ("DML", "UNLOAD")
    answer = lake.athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"])
    assert answer["UpdateCount"] == 1
    assert answer["ResultSet"]["Rows"] == []
    assert answer["ResultSet"]["ResultSetMetadata"]["ColumnInfo"][0]["Name"] == "rows"


def test_unloaded_types_are_those_of_the_query(lake: Any) -> None:
    lake.run(
        "UNLOAD (SELECT CAST(1 AS bigint) AS l, 1 AS i, 1.50 AS c, true AS b, X'00ff' AS y, "
        "DATE '2024-06-01' AS d, TIMESTAMP '2024-06-01 01:02:03.456' AS t, sum(1) AS s, "
        f"ARRAY[1] AS a, 0.5e0 AS f) TO 's3://{lake.bucket}/out/' WITH (format = 'PARQUET')"
    )
    (key,) = lake.keys("out/")
    schema = pq.read_schema(io.BytesIO(lake.content(key)))
    assert {field.name: str(field.type) for field in schema} == {
        "l": "int64",
        "i": "int32",
        "c": "decimal128(3, 2)",
        "b": "bool",
        "y": "binary",
        "d": "date32[day]",
        "t": "timestamp[ms]",
        "s": "int64",
        "a": "list<element: int32>",
        "f": "double",
    }


def test_unload_partitions_by_the_last_columns(lake: Any) -> None:
    lake.run(
        f"UNLOAD (SELECT id, dt FROM {ROWS}) TO 's3://{lake.bucket}/out' "
        "WITH (format = 'PARQUET', partitioned_by = ARRAY['dt'])"
    )
    first, second = lake.keys("out/")
    assert first.startswith("out/dt=2024-06-01/")
    assert parquet_rows(lake, first) == [{"id": 1}]
    assert second.startswith("out/dt=2024-06-02/")
    reason = lake.fails(
        f"UNLOAD (SELECT dt, id FROM {ROWS}) TO 's3://{lake.bucket}/other/' "
        "WITH (format = 'PARQUET', partitioned_by = ARRAY['dt'])"
    )
    assert "Partition keys must be the last columns" in reason


def test_unload_into_a_folder_that_is_not_empty_fails(lake: Any) -> None:
    lake.put("out/something", "x")
    unload = f"UNLOAD (SELECT 1 AS a) TO 's3://{lake.bucket}/out/' WITH (format = 'PARQUET')"
    assert lake.fails(unload).startswith("HIVE_PATH_ALREADY_EXISTS")
    assert lake.keys("out/") == ["out/something"]


def test_unload_of_nothing_writes_an_empty_manifest(lake: Any) -> None:
    execution = lake.run(
        f"UNLOAD (SELECT id FROM {ROWS} WHERE id > 9) TO 's3://{lake.bucket}/out/' "
        "WITH (format = 'PARQUET')"
    )
    assert manifest(lake, execution) == []
    assert lake.keys("out/") == []


@pytest.mark.parametrize(
    ("properties", "content"),
    [
        ("format = 'TEXTFILE', field_delimiter = ','", "1,a b,\\N\n"),
        ("format = 'TEXTFILE'", "1\x01a b\x01\\N\n"),
        ("format = 'JSON'", '{"id":1,"name":"a b","n":null}\n'),
    ],
)
def test_unload_writes_gzipped_text(lake: Any, properties: str, content: str) -> None:
    query = "SELECT 1 AS id, 'a b' AS name, CAST(NULL AS varchar) AS n"
    lake.run(f"UNLOAD ({query}) TO 's3://{lake.bucket}/out/' WITH ({properties})")
    (key,) = lake.keys("out/")
    assert gzip.decompress(lake.content(key)).decode() == content


@pytest.mark.parametrize("properties", ["format = 'ORC'", "format = 'PARQUET', colour = 'red'"])
def test_unload_refuses_what_it_would_not_do(lake: Any, properties: str) -> None:
    unload = f"UNLOAD (SELECT 1 AS a) TO 's3://{lake.bucket}/out/' WITH ({properties})"
    assert lake.fails(unload).startswith("NOT_SUPPORTED")
    assert lake.keys("out/") == []


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT 1", "Column name not specified at position 1"),
        ("SELECT 1 AS a, 2 AS a", "Column name 'a' specified more than once"),
        ("SELECT NULL AS a", "Column type is unknown at position 1"),
    ],
)
def test_written_columns_need_names_and_types(lake: Any, query: str, reason: str) -> None:
    unload = f"UNLOAD ({query}) TO 's3://{lake.bucket}/out/' WITH (format = 'PARQUET')"
    assert reason in lake.fails(unload)
    assert reason in lake.fails(f"CREATE TABLE made AS {query}")


# --- CREATE TABLE AS -----------------------------------------------------------------------------


def test_ctas_makes_a_table_at_the_external_location(lake: Any) -> None:
    execution = lake.run(
        "CREATE TABLE made WITH (format = 'PARQUET', parquet_compression = 'SNAPPY', "
        f"external_location = 's3://{lake.bucket}/made/', partitioned_by = ARRAY['dt']) AS "
        f"SELECT id AS Id, name, X'01' AS y, 1.5e0 AS f, dt FROM {ROWS}"
    )
    assert execution["SubstatementType"] == "CREATE_TABLE_AS_SELECT"
    assert sorted(manifest(lake, execution)) == lake.keys("made/")
    table = lake.glue.get_table(DatabaseName=lake.database, Name="made")["Table"]
    columns = table["StorageDescriptor"]["Columns"]
    assert {c["Name"]: c["Type"] for c in columns} == {
        "id": "int",
        "name": "varchar(1)",
        "y": "binary",
        "f": "double",
    }
    assert table["PartitionKeys"] == [{"Name": "dt", "Type": "varchar(10)"}]
    assert lake.lines("SHOW PARTITIONS made") == ["dt=2024-06-01", "dt=2024-06-02"]
    assert lake.rows("SELECT * FROM made WHERE dt > '2024-06-01'") == [
        ("2", "b", "01", "1.5", "2024-06-02")
    ]


def test_ctas_without_a_location_lands_in_the_results_folder(lake: Any) -> None:
    execution = lake.run("CREATE TABLE made AS SELECT 1 AS a")
    query_id = execution["QueryExecutionId"]
    (key,) = manifest(lake, execution)
    assert key.startswith(f"results/tables/{query_id}/")
    assert lake.rows("SELECT a FROM made") == [("1",)]


def test_ctas_of_an_existing_name_fails_and_if_not_exists_does_nothing(lake: Any) -> None:
    lake.run("CREATE TABLE made AS SELECT 1 AS a")
    reason = lake.fails("CREATE TABLE made AS SELECT 2 AS a")
    assert reason == (
        f"TABLE_ALREADY_EXISTS: Destination table 'awsdatacatalog.{lake.database}.made' "
        "already exists"
    )
    lake.run("CREATE TABLE IF NOT EXISTS made AS SELECT 2 AS a")
    assert lake.rows("SELECT a FROM made") == [("1",)]


def test_ctas_into_a_folder_that_is_not_empty_fails(lake: Any) -> None:
    lake.put("made/x", "x")
    reason = lake.fails(
        f"CREATE TABLE made WITH (external_location = 's3://{lake.bucket}/made/') AS SELECT 1 AS a"
    )
    assert reason.startswith("HIVE_PATH_ALREADY_EXISTS")


def test_ctas_with_no_data_makes_the_table_only(lake: Any) -> None:
    lake.run("CREATE TABLE made AS SELECT 1 AS a WITH NO DATA")
    assert lake.rows("SELECT a FROM made") == []
    assert lake.keys("results/tables/") == [
        key for key in lake.keys("results/tables/") if key.endswith(("-manifest.csv", ".metadata"))
    ]


def test_an_enforced_work_group_takes_no_external_location(lake: Any) -> None:
    group = f"ctas-{lake.database}"
    lake.athena.create_work_group(
        Name=group,
        Configuration={
            "EnforceWorkGroupConfiguration": True,
            "ResultConfiguration": {"OutputLocation": lake.results},
        },
    )
    reason = lake.fails(
        f"CREATE TABLE made WITH (external_location = 's3://{lake.bucket}/x/') AS SELECT 1 AS a",
        WorkGroup=group,
    )
    assert "enforces a centralized output location" in reason


def test_more_than_a_hundred_partitions_in_one_write_fail(lake: Any) -> None:
    query = "SELECT 1 AS a, CAST(i AS varchar) AS p FROM UNNEST(sequence(1, 101)) AS t(i)"
    reason = lake.fails(f"CREATE TABLE made WITH (partitioned_by = ARRAY['p']) AS {query}")
    assert reason == (
        "HIVE_TOO_MANY_OPEN_PARTITIONS: Exceeded limit of 100 open writers for partitions/buckets"
    )
    assert "TABLE_NOT_FOUND" in lake.fails("SELECT * FROM made")


# --- INSERT --------------------------------------------------------------------------------------


def test_insert_adds_rows_and_registers_new_partitions(lake: Any) -> None:
    lake.table("goods", {"id": "bigint", "name": "string"}, {"dt": "string"})
    execution = lake.run(f"INSERT INTO goods SELECT id, name, dt FROM {ROWS}")
    assert execution["SubstatementType"] == "INSERT"
    assert len(manifest(lake, execution)) == 2
    lake.run("INSERT INTO goods VALUES (3, 'c', '2024-06-02'), (4, NULL, '2024-06-03')")
    assert lake.lines("SHOW PARTITIONS goods") == [
        "dt=2024-06-01",
        "dt=2024-06-02",
        "dt=2024-06-03",
    ]
    assert lake.rows("SELECT * FROM goods ORDER BY id") == [
        ("1", "a", "2024-06-01"),
        ("2", "b", "2024-06-02"),
        ("3", "c", "2024-06-02"),
        ("4", None, "2024-06-03"),
    ]


def test_insert_goes_to_a_registered_partitions_own_location(lake: Any) -> None:
    lake.table("goods", {"id": "bigint"}, {"dt": "string"})
    lake.partition("goods", ["2024-06-01"], "elsewhere/v-1")
    lake.run("INSERT INTO goods VALUES (1, '2024-06-01')")
    assert len(lake.keys("elsewhere/v-1/")) == 1


def test_insert_of_named_columns_leaves_the_others_null(lake: Any) -> None:
    lake.table("goods", {"id": "bigint", "name": "string", "price": "double"})
    lake.run("INSERT INTO goods (price, id) VALUES (1.5, 7)")
    assert lake.rows("SELECT * FROM goods") == [("7", None, "1.5")]


def test_insert_of_other_types_fails(lake: Any) -> None:
    lake.table("goods", {"id": "bigint"})
    reason = lake.fails("INSERT INTO goods VALUES ('x')")
    assert reason == (
        "TYPE_MISMATCH: Insert query has mismatched column types: "
        "Table: [bigint], Query: [varchar(1)]"
    )
    assert "does not exist" in lake.fails("INSERT INTO nothing VALUES (1)")


# --- views ---------------------------------------------------------------------------------------


def test_a_view_is_stored_in_glue_as_athena_stores_it(lake: Any) -> None:
    lake.table("goods", {"id": "bigint", "name": "string"})
    lake.run("CREATE VIEW cheap AS SELECT id, name AS label FROM goods WHERE id < 3")
    table = lake.glue.get_table(DatabaseName=lake.database, Name="cheap")["Table"]
    assert table["TableType"] == "VIRTUAL_VIEW"
    assert table["Parameters"]["presto_view"] == "true"
    assert table["ViewExpandedText"] == "/* Presto View */"
    text = table["ViewOriginalText"]
    stored = json.loads(base64.b64decode(text.removeprefix("/* Presto View: ").rstrip(" */")))
    assert stored["originalSql"] == "SELECT id, name AS label FROM goods WHERE id < 3"
    assert stored["schema"] == lake.database
    assert stored["columns"] == [
        {"name": "id", "type": "bigint"},
        {"name": "label", "type": "varchar"},
    ]
    columns = table["StorageDescriptor"]["Columns"]
    assert [c["Type"] for c in columns] == ["bigint", "string"]


def test_a_view_reads_its_tables_as_they_are_now(lake: Any) -> None:
    """Names in a view mean the view's database, and its tables aren't the reader's CTEs."""
    lake.table("goods", {"id": "bigint", "name": "string"})
    lake.run("CREATE VIEW cheap AS WITH x AS (SELECT * FROM goods) SELECT id FROM x WHERE id < 3")
    lake.run("CREATE VIEW cheaper AS SELECT c.id FROM cheap AS c WHERE c.id < 2")
    lake.run("INSERT INTO goods VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    query = f'SELECT v.id FROM "{lake.database}"."cheaper" v'
    assert lake.rows(query) == [("1",)]
    assert lake.rows("WITH goods AS (SELECT 9 AS id) SELECT max(id) FROM cheap") == [("2",)]


def test_a_view_is_replaced_only_on_demand(lake: Any) -> None:
    lake.run("CREATE VIEW v AS SELECT 1 AS a")
    assert "already exists" in lake.fails("CREATE VIEW v AS SELECT 2 AS a")
    lake.run("CREATE OR REPLACE VIEW v AS SELECT 2 AS a")
    assert lake.rows("SELECT a FROM v") == [("2",)]
    lake.run("DROP VIEW v")
    assert "TABLE_NOT_FOUND" in lake.fails("SELECT a FROM v")
    lake.run("DROP VIEW IF EXISTS v")
    assert "View not found" in lake.fails("DROP VIEW v")


def test_a_tables_name_is_not_taken_by_a_view(lake: Any) -> None:
    lake.table("goods", {"id": "bigint"})
    assert "is a table" in lake.fails("CREATE OR REPLACE VIEW goods AS SELECT 1 AS a")


def test_iceberg_tables_are_refused(lake: Any) -> None:
    with pytest.raises(ClientError, match="Iceberg"):
        lake.start("CREATE TABLE ice (id bigint) LOCATION 's3://x/' TBLPROPERTIES ('a'='b')")


def test_a_written_object_is_read_in_its_newest_version(lake: Any) -> None:
    """The mirror on disk is by ETag: replaced content is seen at once."""
    lake.table("goods", {"id": "bigint"})
    for value in (1, 2, 1):
        lake.parquet("goods/f", pa.table({"id": pa.array([value], pa.int64())}))
        assert lake.rows("SELECT id FROM goods") == [(str(value),)]
    lake.s3.delete_object(Bucket=lake.bucket, Key="goods/f")
    assert lake.rows("SELECT id FROM goods") == []
