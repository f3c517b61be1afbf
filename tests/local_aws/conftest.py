"""A boto3 client of each service of the local AWS."""

from __future__ import annotations

import io
import time
import uuid
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config

from mall_platform.local_aws import process

Clients = Callable[[str], Any]


@pytest.fixture(scope="session")
def client(local_aws: process.LocalAws) -> Clients:
    """`client("s3")`: boto3's client of a service of the local AWS, without retries."""
    clients: dict[str, Any] = {}

    def make(service: str) -> Any:
        if service not in clients:
            clients[service] = boto3.client(
                service,
                endpoint_url=local_aws.url,
                region_name="ap-northeast-1",
                aws_access_key_id="local",
                aws_secret_access_key="local",
                config=Config(retries={"total_max_attempts": 1}),
            )
        return clients[service]

    return make


class AthenaLake:
    """A Glue database and a bucket of a test's own, and queries on them."""

    parquet_serde = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"

    def __init__(self, client: Clients) -> None:
        self.s3, self.glue, self.athena = client("s3"), client("glue"), client("athena")
        self.database = f"db_{uuid.uuid4().hex[:12]}"
        self.bucket = f"lake-{uuid.uuid4()}"
        self.results = f"s3://{self.bucket}/results/"
        self.s3.create_bucket(
            Bucket=self.bucket,
            CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"},
        )
        self.glue.create_database(DatabaseInput={"Name": self.database})

    def put(self, key: str, content: str | bytes) -> None:
        body = content.encode() if isinstance(content, str) else content
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def parquet(self, key: str, table: Any, **options: Any) -> None:
        import pyarrow.parquet as pq

        buffer = io.BytesIO()
        pq.write_table(table, buffer, **options)
        self.put(key, buffer.getvalue())

    def keys(self, prefix: str = "") -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [found["Key"] for found in listed.get("Contents", [])]

    def content(self, key: str) -> bytes:
        return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def table(
        self,
        name: str,
        columns: dict[str, str],
        keys: dict[str, str] | None = None,
        *,
        serde: str = parquet_serde,
        options: dict[str, str] | None = None,
        parameters: dict[str, str] | None = None,
    ) -> None:
        """A table at `<bucket>/<name>/`."""
        descriptor = {
            "Columns": [{"Name": key, "Type": kind} for key, kind in columns.items()],
            "Location": f"s3://{self.bucket}/{name}/",
            "SerdeInfo": {"SerializationLibrary": serde, "Parameters": options or {}},
        }
        self.glue.create_table(
            DatabaseName=self.database,
            TableInput={
                "Name": name,
                "TableType": "EXTERNAL_TABLE",
                "Parameters": parameters or {},
                "PartitionKeys": [{"Name": k, "Type": kind} for k, kind in (keys or {}).items()],
                "StorageDescriptor": descriptor,
            },
        )

    def partition(self, table: str, values: list[str], folder: str, **columns: str) -> None:
        """Registers a partition at `<bucket>/<folder>/`."""
        found = self.glue.get_table(DatabaseName=self.database, Name=table)["Table"]
        descriptor = {**found["StorageDescriptor"], "Location": f"s3://{self.bucket}/{folder}/"}
        if columns:
            descriptor["Columns"] = [{"Name": k, "Type": kind} for k, kind in columns.items()]
        self.glue.create_partition(
            DatabaseName=self.database,
            TableName=table,
            PartitionInput={"Values": values, "StorageDescriptor": descriptor},
        )

    def start(self, sql: str, *parameters: str, **over: Any) -> str:
        arguments: dict[str, Any] = {
            "QueryString": sql,
            "QueryExecutionContext": {"Database": self.database},
            "ResultConfiguration": {"OutputLocation": self.results},
            **over,
        }
        if parameters:
            arguments["ExecutionParameters"] = list(parameters)
        return self.athena.start_query_execution(**arguments)["QueryExecutionId"]

    def wait(self, query_id: str) -> dict[str, Any]:
        """The execution once it is over."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            found = self.athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
            if found["Status"]["State"] not in {"QUEUED", "RUNNING"}:
                return found
            time.sleep(0.005)
        raise AssertionError(f"{query_id} did not end")

    def run(self, sql: str, *parameters: str, **over: Any) -> dict[str, Any]:
        """The execution of a query that must succeed."""
        execution = self.wait(self.start(sql, *parameters, **over))
        assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
        return execution

    def fails(self, sql: str, *parameters: str, **over: Any) -> str:
        """The reason why a query failed, which it must."""
        execution = self.wait(self.start(sql, *parameters, **over))
        assert execution["Status"]["State"] == "FAILED", execution["Status"]
        return execution["Status"]["StateChangeReason"]

    def result(self, query_id: str, **page: Any) -> list[tuple[str | None, ...]]:
        answer = self.athena.get_query_results(QueryExecutionId=query_id, **page)
        return [
            tuple(cell.get("VarCharValue") for cell in row["Data"])
            for row in answer["ResultSet"]["Rows"]
        ]

    def rows(self, sql: str, *parameters: str) -> list[tuple[str | None, ...]]:
        """The rows of a SELECT as GetQueryResults gives them, without the header."""
        return self.result(self.run(sql, *parameters)["QueryExecutionId"])[1:]

    def lines(self, sql: str) -> list[str | None]:
        """The lines that a utility statement shows."""
        return [row[0] for row in self.result(self.run(sql)["QueryExecutionId"])]

    def scanned(self, sql: str) -> int:
        return self.run(sql)["Statistics"]["DataScannedInBytes"]


@pytest.fixture
def lake(client: Clients) -> AthenaLake:
    """An empty Glue database with a bucket, on the local AWS."""
    return AthenaLake(client)
