"""Glue: crawls say what lies in S3, and the catalog changes in one step (A0)."""

from __future__ import annotations

import gzip
import io
import json
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

Clients = Callable[[str], Any]


class Lake:
    """A bucket and a Glue database of one test."""

    def __init__(self, client: Clients) -> None:
        self.s3, self.glue = client("s3"), client("glue")
        self.bucket = f"bucket-{uuid.uuid4()}"
        self.database = f"db_{uuid.uuid4().hex}"
        self.s3.create_bucket(
            Bucket=self.bucket,
            CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"},
        )
        self.glue.create_database(DatabaseInput={"Name": self.database})

    def put(self, key: str, *records: Any) -> None:
        lines = "".join(f"{json.dumps(record)}\n" for record in records)
        self.put_bytes(key, lines.encode())

    def put_bytes(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def crawler(self, **over: Any) -> str:
        name = f"crawler-{uuid.uuid4()}"
        self.glue.create_crawler(
            **{
                "Name": name,
                "Role": "arn:aws:iam::123456789012:role/crawler",
                "DatabaseName": self.database,
                "Targets": {"S3Targets": [{"Path": f"s3://{self.bucket}/clicks/"}]},
                **over,
            }
        )
        return name

    def crawl(self, name: str) -> dict[str, Any]:
        """Runs a crawler and waits; its LastCrawl."""
        self.glue.start_crawler(Name=name)
        deadline = time.monotonic() + 20
        while (found := self.glue.get_crawler(Name=name)["Crawler"])["State"] != "READY":
            assert time.monotonic() < deadline, "the crawl does not end"
            time.sleep(0.02)
        return found["LastCrawl"]

    def table(self, name: str = "clicks") -> dict[str, Any]:
        return self.glue.get_table(DatabaseName=self.database, Name=name)["Table"]

    def columns(self, name: str = "clicks") -> dict[str, str]:
        columns = self.table(name)["StorageDescriptor"]["Columns"]
        return {column["Name"]: column["Type"] for column in columns}

    def tables(self) -> list[str]:
        found = self.glue.get_tables(DatabaseName=self.database)["TableList"]
        return sorted(table["Name"] for table in found)

    def partitions(self, name: str = "clicks", **over: Any) -> dict[tuple[str, ...], str]:
        pages = self.glue.get_paginator("get_partitions").paginate(
            DatabaseName=self.database, TableName=name, **over
        )
        return {
            tuple(each["Values"]): each["StorageDescriptor"]["Location"]
            for page in pages
            for each in page["Partitions"]
        }


@pytest.fixture
def lake(client: Clients) -> Lake:
    return Lake(client)


def test_json_lines_in_hive_folders_become_a_partitioned_table(lake: Lake) -> None:
    lake.put(
        "clicks/dt=2024-06-01/hour=09/a",
        {"event_id": "x", "event_time_ms": 1717200000000, "n": 1, "share": 1, "gone": None},
        {"event_id": "y", "Ok": True, "n": 2, "share": 0.5, "items": [{"sku": 1}]},
    )
    lake.put("clicks/dt=2024-06-01/hour=10/b", {"event_id": 7})
    lake.put_bytes("clicks/dt=2024-06-01/hour=10/_SUCCESS", b"")

    last = lake.crawl(lake.crawler(TablePrefix="raw_"))

    assert last["Status"] == "SUCCEEDED"
    table = lake.table("raw_clicks")
    assert lake.columns("raw_clicks") == {
        "event_id": "string",
        "event_time_ms": "bigint",
        "n": "int",
        "share": "double",
        "gone": "string",
        "ok": "boolean",
        "items": "array<struct<sku:int>>",
    }
    assert table["PartitionKeys"] == [
        {"Name": "dt", "Type": "string"},
        {"Name": "hour", "Type": "string"},
    ]
    assert table["TableType"] == "EXTERNAL_TABLE"
    assert table["Parameters"]["classification"] == "json"
    assert table["Parameters"]["objectCount"] == "2"
    serde = table["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"]
    assert serde == "org.openx.data.jsonserde.JsonSerDe"
    root = f"s3://{lake.bucket}/clicks/dt=2024-06-01"
    assert lake.partitions("raw_clicks") == {
        ("2024-06-01", "09"): f"{root}/hour=09/",
        ("2024-06-01", "10"): f"{root}/hour=10/",
    }


def test_a_rerun_adds_partitions_widens_types_and_changes_columns(lake: Lake) -> None:
    lake.put("clicks/dt=1/a", {"kept": 1, "grows": 1, "leaves": 1})
    name = lake.crawler()
    lake.crawl(name)
    version = lake.table()["VersionId"]
    lake.crawl(name)
    assert lake.table()["VersionId"] == version, "nothing new changes nothing"

    lake.s3.delete_object(Bucket=lake.bucket, Key="clicks/dt=1/a")
    lake.put("clicks/dt=1/b", {"kept": 2, "grows": 2**40})
    lake.put("clicks/dt=2/c", {"kept": 3, "added": "x"})
    lake.crawl(name)

    assert lake.columns() == {"kept": "int", "grows": "bigint", "added": "string"}
    assert sorted(lake.partitions()) == [("1",), ("2",)]


def test_policies_bind_the_crawler(lake: Lake) -> None:
    lake.put("clicks/dt=1/a", {"a": 1, "b": 1})
    logs_only = lake.crawler(
        SchemaChangePolicy={"UpdateBehavior": "LOG", "DeleteBehavior": "DELETE_FROM_DATABASE"}
    )
    lake.crawl(logs_only)
    lake.s3.delete_object(Bucket=lake.bucket, Key="clicks/dt=1/a")
    lake.put("clicks/dt=2/a", {"a": 1, "c": "new"})

    lake.crawl(logs_only)
    assert lake.columns() == {"a": "int", "b": "int"}
    assert sorted(lake.partitions()) == [("2",)]

    merges = lake.crawler(
        Configuration=json.dumps(
            {
                "Version": 1.0,
                "CrawlerOutput": {"Tables": {"AddOrUpdateBehavior": "MergeNewColumns"}},
            }
        )
    )
    lake.crawl(merges)
    assert lake.columns() == {"a": "int", "b": "int", "c": "string"}


def test_a_catalog_target_updates_the_table_that_is_named(lake: Lake) -> None:
    location = f"s3://{lake.bucket}/clicks/"
    lake.glue.create_table(
        DatabaseName=lake.database,
        TableInput={
            "Name": "clicks_raw",
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {"classification": "json"},
            "PartitionKeys": [{"Name": "dt", "Type": "string"}],
            "StorageDescriptor": {
                "Columns": [
                    {"Name": "id", "Type": "bigint", "Comment": "kept"},
                    {"Name": "empty", "Type": "bigint"},
                ],
                "Location": location,
                "SerdeInfo": {"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe"},
            },
        },
    )
    lake.put("clicks/dt=1/a", {"id": 5, "empty": None, "unknown": True})
    inherit = {"CrawlerOutput": {"Partitions": {"AddOrUpdateBehavior": "InheritFromTable"}}}
    name = lake.crawler(
        Targets={"CatalogTargets": [{"DatabaseName": lake.database, "Tables": ["clicks_raw"]}]},
        SchemaChangePolicy={"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "LOG"},
        Configuration=json.dumps({"Version": 1.0, **inherit}),
    )

    assert lake.crawl(name)["Status"] == "SUCCEEDED"

    assert lake.tables() == ["clicks_raw"]
    storage = lake.table("clicks_raw")["StorageDescriptor"]
    assert storage["Columns"] == [
        {"Name": "id", "Type": "bigint", "Comment": "kept"},
        {"Name": "empty", "Type": "bigint"},
        {"Name": "unknown", "Type": "boolean"},
    ]
    assert lake.partitions("clicks_raw") == {("1",): f"{location}dt=1/"}

    lake.put("clicks/dt=1/b", {"id": 5, "empty": 1, "unknown": True, "later": 0.5})
    lake.crawl(name)
    [partition] = lake.glue.get_partitions(DatabaseName=lake.database, TableName="clicks_raw")[
        "Partitions"
    ]
    assert partition["StorageDescriptor"]["Columns"][-1] == {"Name": "later", "Type": "double"}


def test_parquet_and_gzipped_json_and_folders_without_partitions(lake: Lake) -> None:
    buffer = io.BytesIO()
    schema = pa.schema(
        [
            ("id", pa.int64()),
            ("key", pa.binary(16)),
            ("at", pa.timestamp("ms")),
            ("price", pa.decimal128(10, 2)),
            ("day", pa.date32()),
        ]
    )
    pq.write_table(schema.empty_table(), buffer)
    lake.put_bytes("clicks/purchases/dt=1/x.parquet", buffer.getvalue())
    lake.put_bytes("clicks/packed/dt=1/x.gz", gzip.compress(b'{"a": 1}\n'))
    lake.put_bytes("clicks/other/dt=1/x.bin", b"\x00\x01neither")
    lake.crawl(lake.crawler())
    assert lake.tables() == ["packed", "purchases"]
    assert lake.columns("purchases") == {
        "id": "bigint",
        "key": "binary",
        "at": "timestamp",
        "price": "decimal(10,2)",
        "day": "date",
    }
    assert lake.columns("packed") == {"a": "int"}


def test_a_crawl_passes_over_lines_it_cannot_read(lake: Lake) -> None:
    deep = b'{"deep": ' + b"[" * 5_000 + b"]" * 5_000 + b"}"
    lines = (b"not json", b"[1]", b"\xff\xfe", b'{"cut": ', deep, b'{"a": 1}')
    lake.put_bytes("clicks/dt=1/a", b"\n".join(lines))
    assert lake.crawl(lake.crawler())["Status"] == "SUCCEEDED"
    assert lake.columns() == {"a": "int"}


def test_exclusions_are_left_out(lake: Lake) -> None:
    lake.put("clicks/dt=1/a.json", {"a": 1})
    lake.put("clicks/dt=1/b.tmp", {"b": 1})
    path = f"s3://{lake.bucket}/clicks"
    lake.crawl(lake.crawler(Targets={"S3Targets": [{"Path": path, "Exclusions": ["**.tmp"]}]}))
    assert lake.columns() == {"a": "int"}


def test_a_crawl_that_fails_says_why(lake: Lake) -> None:
    target = {"S3Targets": [{"Path": f"s3://missing-{uuid.uuid4()}/x"}]}
    last = lake.crawl(lake.crawler(Targets=target))
    assert last["Status"] == "FAILED"
    assert "does not exist" in last["ErrorMessage"]


def test_a_crawler_can_be_updated(lake: Lake) -> None:
    lake.put("clicks/a", {"a": 1})
    lake.put("other/a", {"b": 1})
    name = lake.crawler(Schedule="cron(0 1 * * ? *)", Description="first")
    target = {"S3Targets": [{"Path": f"s3://{lake.bucket}/other/"}]}
    lake.glue.update_crawler(Name=name, Targets=target, Schedule="", TablePrefix="t_")
    lake.crawl(name)
    crawler = lake.glue.get_crawler(Name=name)["Crawler"]
    assert lake.tables() == ["t_other"]
    assert crawler["Description"] == "first"
    assert crawler["Version"] == 2
    assert "Schedule" not in crawler
    with pytest.raises(ClientError, match="EntityNotFoundException"):
        lake.glue.update_crawler(Name="missing", Description="x")


def make_table(lake: Lake, days: int) -> None:
    lake.glue.create_table(
        DatabaseName=lake.database,
        TableInput={"Name": "clicks", "PartitionKeys": [{"Name": "dt", "Type": "string"}]},
    )
    for start in range(0, days, 100):
        lake.glue.batch_create_partition(
            DatabaseName=lake.database,
            TableName="clicks",
            PartitionInputList=[
                partition(f"{day:04}") for day in range(start, min(start + 100, days))
            ],
        )


def partition(value: str, location: str = "s3://x/") -> dict[str, Any]:
    columns = [{"Name": "a", "Type": "int"}]
    return {"Values": [value], "StorageDescriptor": {"Columns": columns, "Location": location}}


def test_partitions_come_in_pages_and_by_expression(lake: Lake) -> None:
    make_table(lake, 250)
    assert len(lake.partitions(PaginationConfig={"PageSize": 100})) == 250
    first = lake.glue.get_partitions(
        DatabaseName=lake.database, TableName="clicks", MaxResults=10, ExcludeColumnSchema=True
    )
    assert first["NextToken"]
    assert len(first["Partitions"]) == 10
    assert "Columns" not in first["Partitions"][0]["StorageDescriptor"]
    assert list(lake.partitions(Expression="dt BETWEEN '0010' AND '0012'")) == [
        ("0010",),
        ("0011",),
        ("0012",),
    ]
    assert list(lake.partitions(Expression="dt IN ('0001', '0249')")) == [("0001",), ("0249",)]
    assert len(lake.partitions(Expression="dt >= '0100' AND dt <> '0200'")) == 149


def test_switching_a_partitions_location_is_seen_whole(lake: Lake) -> None:
    make_table(lake, 3)
    seen: set[str] = set()

    def switch(number: int) -> None:
        lake.glue.update_partition(
            DatabaseName=lake.database,
            TableName="clicks",
            PartitionValueList=["0001"],
            PartitionInput=partition("0001", f"s3://v{number % 2}/"),
        )

    def read(_: int) -> None:
        found = lake.partitions()
        assert len(found) == 3
        seen.add(found[("0001",)])

    before = lake.glue.get_partition(
        DatabaseName=lake.database, TableName="clicks", PartitionValues=["0001"]
    )["Partition"]
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(switch, n) for n in range(50)]
        list(pool.map(read, range(50)))
        for job in jobs:
            job.result()
    after = lake.glue.get_partition(
        DatabaseName=lake.database, TableName="clicks", PartitionValues=["0001"]
    )["Partition"]
    assert seen <= {"s3://x/", "s3://v0/", "s3://v1/"}
    assert after["CreationTime"] == before["CreationTime"]


def test_a_partition_cannot_be_moved_onto_another(lake: Lake) -> None:
    make_table(lake, 2)
    with pytest.raises(ClientError, match="AlreadyExistsException"):
        lake.glue.update_partition(
            DatabaseName=lake.database,
            TableName="clicks",
            PartitionValueList=["0000"],
            PartitionInput=partition("0001"),
        )
    assert len(lake.partitions()) == 2


def test_batches_report_each_failure(lake: Lake) -> None:
    make_table(lake, 2)
    common = {"DatabaseName": lake.database, "TableName": "clicks"}
    created = lake.glue.batch_create_partition(
        **common, PartitionInputList=[partition("0001"), partition("0002")]
    )
    assert [error["PartitionValues"] for error in created["Errors"]] == [["0001"]]
    updated = lake.glue.batch_update_partition(
        **common,
        Entries=[
            {"PartitionValueList": [value], "PartitionInput": partition(value, "s3://y/")}
            for value in ("0001", "0009")
        ],
    )
    assert [error["PartitionValueList"] for error in updated["Errors"]] == [["0009"]]
    assert lake.partitions()[("0001",)] == "s3://y/"
    deleted = lake.glue.batch_delete_partition(
        **common, PartitionsToDelete=[{"Values": ["0001"]}, {"Values": ["0009"]}]
    )
    assert [error["PartitionValues"] for error in deleted["Errors"]] == [["0009"]]
    got = lake.glue.batch_get_partition(
        **common, PartitionsToGet=[{"Values": ["0000"]}, {"Values": ["0001"]}]
    )
    assert [each["Values"] for each in got["Partitions"]] == [["0000"]]


def test_a_table_update_for_an_old_version_is_refused(lake: Lake) -> None:
    make_table(lake, 0)
    version = lake.table()["VersionId"]
    update = {"DatabaseName": lake.database, "TableInput": {"Name": "clicks"}}
    lake.glue.update_table(**update, VersionId=version)
    with pytest.raises(ClientError, match="ConcurrentModificationException"):
        lake.glue.update_table(**update, VersionId=version)


def test_awswrangler_reads_back_the_partitions_it_writes(lake: Lake, local_aws: Any) -> None:
    import awswrangler as wr
    import pandas as pd

    frame = pd.DataFrame({"a": [1, 2], "dt": ["x", "y"]})
    path = f"s3://{lake.bucket}/written/"
    for _ in range(2):
        wr.s3.to_parquet(
            frame,
            path,
            dataset=True,
            database=lake.database,
            table="written",
            partition_cols=["dt"],
            mode="overwrite_partitions",
        )
    assert wr.catalog.get_partitions(lake.database, "written") == {
        f"{path}dt=x/": ["x"],
        f"{path}dt=y/": ["y"],
    }
    read = wr.s3.read_parquet_table("written", database=lake.database)
    assert sorted(read["a"]) == [1, 2]
