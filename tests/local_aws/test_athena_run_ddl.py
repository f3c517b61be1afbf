"""DDL on the local Athena: what it does in Glue and what it shows."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError


def glue_table(lake: Any, name: str) -> dict[str, Any]:
    return lake.glue.get_table(DatabaseName=lake.database, Name=name)["Table"]


def test_databases_are_made_and_dropped(lake: Any) -> None:
    name = f"{lake.database}_other"
    lake.run(f"CREATE DATABASE {name} COMMENT 'for a test' LOCATION 's3://x/y/'")
    found = lake.glue.get_database(Name=name)["Database"]
    assert (found["Description"], found["LocationUri"]) == ("for a test", "s3://x/y/")
    assert "already exists" in lake.fails(f"CREATE DATABASE {name}")
    lake.run(f"CREATE SCHEMA IF NOT EXISTS {name}")
    assert name in lake.lines("SHOW DATABASES")
    assert lake.lines(f"SHOW DATABASES LIKE '{lake.database}_oth*'") == [name]
    lake.run(f"CREATE EXTERNAL TABLE {name}.t (a int) LOCATION 's3://x/t/'")
    assert "is not empty" in lake.fails(f"DROP DATABASE {name}")
    lake.run(f"DROP DATABASE {name} CASCADE")
    assert name not in lake.lines("SHOW SCHEMAS")
    lake.run(f"DROP DATABASE IF EXISTS {name}")
    assert "Database does not exist" in lake.fails(f"DROP DATABASE {name}")


def test_create_external_table_registers_what_hive_syntax_says(lake: Any) -> None:
    execution = lake.run(
        f"""
        CREATE EXTERNAL TABLE IF NOT EXISTS `{lake.database}`.`Events` (
            `id` BIGINT COMMENT 'its number', -- the key
            tags array<struct<name:string, at:timestamp>>,
            price decimal(10, 2)
        )
        COMMENT 'what happened'
        PARTITIONED BY (dt string, hour int)
        ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
        WITH SERDEPROPERTIES ('ignore.malformed.json' = 'true')
        LOCATION 's3://{lake.bucket}/events'
        TBLPROPERTIES ('classification' = 'json');
        """
    )
    assert (execution["StatementType"], execution["SubstatementType"]) == ("DDL", "CREATE_TABLE")
    table = glue_table(lake, "events")
    descriptor = table["StorageDescriptor"]
    assert descriptor["Columns"] == [
        {"Name": "id", "Type": "bigint", "Comment": "its number"},
        {"Name": "tags", "Type": "array<struct<name:string,at:timestamp>>"},
        {"Name": "price", "Type": "decimal(10,2)"},
    ]
    assert [key["Name"] for key in table["PartitionKeys"]] == ["dt", "hour"]
    assert table["Description"] == "what happened"
    assert table["Parameters"] == {"EXTERNAL": "TRUE", "classification": "json"}
    assert descriptor["Location"] == f"s3://{lake.bucket}/events/"
    assert descriptor["SerdeInfo"]["SerializationLibrary"] == "org.openx.data.jsonserde.JsonSerDe"
    assert descriptor["SerdeInfo"]["Parameters"]["ignore.malformed.json"] == "true"


def test_create_external_table_of_an_existing_name(lake: Any) -> None:
    create = f"CREATE EXTERNAL TABLE t (a int) STORED AS PARQUET LOCATION 's3://{lake.bucket}/t/'"
    lake.run(create)
    assert "already exists" in lake.fails(create)
    lake.run(create.replace("TABLE t", "TABLE IF NOT EXISTS t"))
    assert "parquet" in glue_table(lake, "t")["StorageDescriptor"]["InputFormat"]
    lake.run("DROP TABLE t")
    assert "Table not found" in lake.fails("DROP TABLE t")
    lake.run("DROP TABLE IF EXISTS t")


@pytest.mark.parametrize(
    "clause",
    ["STORED AS ORC", "CLUSTERED BY (a) INTO 4 BUCKETS"],
)
def test_formats_that_cannot_be_read_are_refused(lake: Any, clause: str) -> None:
    create = f"CREATE EXTERNAL TABLE t (a int) {clause} LOCATION 's3://{lake.bucket}/t/'"
    try:
        assert lake.fails(create).startswith("NOT_SUPPORTED")
    except ClientError as refused:
        assert "NOT_SUPPORTED" in str(refused)
    assert lake.lines("SHOW TABLES") == []


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE EXTERNAL TABLE t (a int)",
        "CREATE EXTERNAL TABLE t LOCATION 's3://x/'",
        "ALTER TABLE t ADD PARTITION dt = '1'",
        "SHOW TABLES IN",
        "DROP TABLE",
    ],
)
def test_malformed_ddl_is_refused_at_the_start(lake: Any, statement: str) -> None:
    with pytest.raises(ClientError) as refused:
        lake.start(statement)
    assert refused.value.response["Error"]["Code"] == "InvalidRequestException"


@pytest.fixture
def days(lake: Any) -> Any:
    """A Parquet table `days(id)` partitioned by `dt` and `hour`, none registered yet."""
    lake.table("days", {"id": "bigint"}, {"dt": "string", "hour": "int"})
    for day, hour in (("2024-06-01", "9"), ("2024-06-01", "10"), ("2024-06-02", "9")):
        table = pa.table({"id": pa.array([int(hour)], pa.int64())})
        lake.parquet(f"days/dt={day}/hour={hour}/f", table)
    return lake


def test_only_registered_partitions_are_read(days: Any) -> None:
    assert days.rows("SELECT * FROM days") == []
    days.run("ALTER TABLE days ADD PARTITION (dt = '2024-06-01', hour = 9)")
    assert days.rows("SELECT * FROM days") == [("9", "2024-06-01", "9")]


def test_partitions_are_added_moved_and_dropped(days: Any) -> None:
    days.run(
        "ALTER TABLE days ADD PARTITION (dt='2024-06-01', hour=9) "
        f"PARTITION (hour=1, dt='2024-06-05') LOCATION 's3://{days.bucket}/days/dt=2024-06-02/'"
    )
    assert days.lines("SHOW PARTITIONS days") == ["dt=2024-06-01/hour=9", "dt=2024-06-05/hour=1"]
    assert days.rows("SELECT id, dt FROM days WHERE hour = 1") == [("9", "2024-06-05")]
    assert "already exists" in days.fails(
        "ALTER TABLE days ADD PARTITION (dt='2024-06-05', hour=1)"
    )
    days.run("ALTER TABLE days ADD IF NOT EXISTS PARTITION (dt='2024-06-05', hour=1)")
    days.run(
        "ALTER TABLE days PARTITION (dt='2024-06-05', hour=1) "
        f"SET LOCATION 's3://{days.bucket}/days/dt=2024-06-01/hour=10/'"
    )
    assert days.rows("SELECT id FROM days WHERE dt = '2024-06-05'") == [("10",)]
    days.run("ALTER TABLE days DROP PARTITION (dt='2024-06-05', hour=1)")
    assert days.lines("SHOW PARTITIONS days") == ["dt=2024-06-01/hour=9"]
    assert "not found" in days.fails("ALTER TABLE days DROP PARTITION (dt='x', hour=1)")
    days.run("ALTER TABLE days DROP IF EXISTS PARTITION (dt='x', hour=1)")


def test_msck_repair_registers_folders_and_says_so(days: Any) -> None:
    days.put("days/dt=2024-06-03/stray", "not deep enough")
    days.put("days/loose", "no partition's")
    lines = days.lines("MSCK REPAIR TABLE `days`")
    assert "Partitions not in metastore:\tdays:dt=2024-06-01/hour=10" in lines
    assert "Repair: Added partition to metastore days:dt=2024-06-02/hour=9" in lines
    assert len(days.lines("SHOW PARTITIONS days")) == 3
    assert days.rows("SELECT sum(id) FROM days") == [("28",)]
    assert days.lines("MSCK REPAIR TABLE days") == []


def test_columns_are_added_and_replaced(lake: Any) -> None:
    lake.table("t", {"a": "int"})
    lake.parquet("t/f", pa.table({"a": pa.array([1], pa.int32())}))
    lake.run("ALTER TABLE t ADD COLUMNS (b string COMMENT 'new', c double)")
    assert lake.rows("SELECT * FROM t") == [("1", None, None)]
    assert "Duplicate column" in lake.fails("ALTER TABLE t ADD COLUMNS (b int)")
    lake.run("ALTER TABLE t REPLACE COLUMNS (a bigint)")
    assert lake.lines("SHOW COLUMNS IN t") == ["a".ljust(20)]
    lake.run(f"ALTER TABLE t SET LOCATION 's3://{lake.bucket}/empty/'")
    assert lake.rows("SELECT * FROM t") == []
    lake.run("ALTER TABLE t SET TBLPROPERTIES ('owner' = 'data')")
    assert lake.lines("SHOW TBLPROPERTIES t") == ["owner\tdata"]
    assert lake.lines("SHOW TBLPROPERTIES t('owner')") == ["data"]


def test_tables_are_listed_by_pattern(lake: Any) -> None:
    for name in ("customers", "purchases", "purchase_items"):
        lake.table(name, {"a": "int"})
    lake.run("CREATE VIEW recent AS SELECT 1 AS a")
    assert lake.lines("SHOW TABLES") == ["customers", "purchase_items", "purchases", "recent"]
    assert lake.lines(f"SHOW TABLES IN {lake.database} 'purchase*'") == [
        "purchase_items",
        "purchases",
    ]
    assert lake.lines("SHOW TABLES LIKE 'customers|recent'") == ["customers", "recent"]
    assert lake.lines("SHOW VIEWS") == ["recent"]


def test_describe_pads_and_repeats_the_partition_keys(days: Any) -> None:
    query_id = days.run("DESCRIBE days")["QueryExecutionId"]
    blank = "\t".join([" " * 20] * 3)

    def line(*cells: str) -> str:
        return "\t".join(cell.ljust(20) for cell in cells)

    expected = [
        line("id", "bigint", ""),
        line("dt", "string", ""),
        line("hour", "int", ""),
        blank,
        line("# Partition Information", "", ""),
        line("# col_name", "data_type", "comment"),
        blank,
        line("dt", "string", ""),
        line("hour", "int", ""),
    ]
    assert [row[0] for row in days.result(query_id)] == expected
    assert days.content(f"results/{query_id}.txt").decode() == "\n".join(expected) + "\n"
    info = days.athena.get_query_results(QueryExecutionId=query_id)["ResultSet"]
    names = [column["Name"] for column in info["ResultSetMetadata"]["ColumnInfo"]]
    assert names == ["col_name", "data_type", "comment"]


def test_show_create_table_makes_the_same_table_again(lake: Any) -> None:
    lake.run(
        f"""CREATE EXTERNAL TABLE t (a int COMMENT 'x', b array<string>) COMMENT 'c'
        PARTITIONED BY (dt string) ROW FORMAT DELIMITED FIELDS TERMINATED BY '\\t'
        STORED AS TEXTFILE LOCATION 's3://{lake.bucket}/t/' TBLPROPERTIES ('k'='v')"""
    )
    before = glue_table(lake, "t")
    statement = "\n".join(str(line) for line in lake.lines("SHOW CREATE TABLE t"))
    lake.run("DROP TABLE t")
    lake.run(statement)
    after = glue_table(lake, "t")
    kept = ("StorageDescriptor", "PartitionKeys", "Parameters", "Description", "TableType")
    assert {key: after[key] for key in kept} == {key: before[key] for key in kept}


def test_show_create_view_gives_its_query(lake: Any) -> None:
    lake.run("CREATE VIEW v AS\nSELECT 1 AS a")
    lines = [f"CREATE VIEW {lake.database}.v AS", "SELECT 1 AS a"]
    assert lake.lines("SHOW CREATE VIEW v") == lines
    assert lake.lines("SHOW CREATE TABLE v") == lines


def test_partition_projection_is_refused(lake: Any) -> None:
    lake.table("t", {"a": "int"}, {"dt": "string"}, parameters={"projection.enabled": "true"})
    assert "NOT_SUPPORTED" in lake.fails("SELECT * FROM t")
    assert "projection" in lake.fails("SELECT * FROM t")
