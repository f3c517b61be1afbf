"""RDS: a snapshot's export to S3 is Parquet that holds the data of its moment (B1, B4)."""

from __future__ import annotations

import io
import json
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pymysql
import pytest
from botocore.exceptions import ClientError

from mall_platform.local_aws.process import LocalAws

Clients = Callable[[str], Any]

TABLE = """
CREATE TABLE mall.items (
  id BIGINT PRIMARY KEY, big BIGINT UNSIGNED, small TINYINT, price DECIMAL(10, 2), share DOUBLE,
  name VARCHAR(50), digest BINARY(4), born DATE, sold_at DATETIME(6),
  kind ENUM('a', 'b'), n INT UNSIGNED
)
"""


class Exports:
    def __init__(self, client: Clients, aws: LocalAws) -> None:
        self.rds, self.s3 = client("rds"), client("s3")
        self.name = f"export-{uuid.uuid4().hex}"
        self.bucket = f"bucket-{uuid.uuid4()}"
        self.key = client("kms").create_key()["KeyMetadata"]["Arn"]
        self.s3.create_bucket(
            Bucket=self.bucket,
            CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"},
        )
        instance = self.rds.create_db_instance(
            DBInstanceIdentifier=self.name,
            DBInstanceClass="db.t4g.micro",
            Engine="mysql",
            EngineVersion="8.4.3",
            AllocatedStorage=20,
            MasterUsername="admin",
            MasterUserPassword="a-password",
            DBName="mall",
        )["DBInstance"]
        endpoint = self.rds.describe_db_instances(
            DBInstanceIdentifier=instance["DBInstanceIdentifier"]
        )["DBInstances"][0]["Endpoint"]
        self.connection = pymysql.connect(
            host=endpoint["Address"],
            port=endpoint["Port"],
            user="admin",
            password="a-password",
            ssl_ca=aws.environment()["RDS_CA_FILE"],
            autocommit=True,
        )

    def run(self, sql: str, *arguments: Any) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, arguments)

    def snapshot(self) -> str:
        return self.rds.create_db_snapshot(
            DBInstanceIdentifier=self.name, DBSnapshotIdentifier=f"s-{uuid.uuid4().hex}"
        )["DBSnapshot"]["DBSnapshotArn"]

    def start(self, snapshot: str, **over: Any) -> str:
        return self.rds.start_export_task(
            **{
                "ExportTaskIdentifier": f"task-{uuid.uuid4().hex}",
                "SourceArn": snapshot,
                "S3BucketName": self.bucket,
                "S3Prefix": "2026/11/23",
                "IamRoleArn": "arn:aws:iam::123456789012:role/export",
                "KmsKeyId": self.key,
                **over,
            }
        )["ExportTaskIdentifier"]

    def finished(self, task: str) -> dict[str, Any]:
        deadline = time.monotonic() + 60
        while True:
            [found] = self.rds.describe_export_tasks(ExportTaskIdentifier=task)["ExportTasks"]
            if found["Status"] in ("COMPLETE", "FAILED", "CANCELED"):
                return found
            assert time.monotonic() < deadline, found
            time.sleep(0.05)

    def objects(self, task: str) -> dict[str, bytes]:
        prefix = f"2026/11/23/{task}/"
        listed = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        return {
            each["Key"].removeprefix(prefix): self.s3.get_object(
                Bucket=self.bucket, Key=each["Key"]
            )["Body"].read()
            for each in listed
        }


@pytest.fixture(scope="module")
def exports(client: Clients, local_aws: LocalAws) -> Iterator[Exports]:
    exports = Exports(client, local_aws)
    exports.run(TABLE)
    exports.run("CREATE TABLE mall.empty (id INT)")
    exports.run(
        "INSERT INTO mall.items VALUES "
        "(1, 18446744073709551615, -1, 12.30, 0.5, '服', 0x00FF0041, '2024-06-01',"
        " '2024-06-01 12:34:56.123456', 'a', 4294967295),"
        " (2, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        *[None] * 10,
    )
    yield exports
    exports.connection.close()
    exports.rds.delete_db_instance(DBInstanceIdentifier=exports.name, SkipFinalSnapshot=True)


def test_every_table_is_parquet_with_awss_types_names_and_infos(exports: Exports) -> None:
    snapshot = exports.snapshot()
    exports.run("UPDATE mall.items SET name = 'later' WHERE id = 1")

    task = exports.start(snapshot)
    done = exports.finished(task)

    assert (done["Status"], done["PercentProgress"]) == ("COMPLETE", 100)
    objects = exports.objects(task)
    [part] = [key for key in objects if key.startswith("mall/mall.items/1/part-00000-")]
    assert part.endswith(".gz.parquet")
    assert "mall/mall.items/1/_SUCCESS" in objects
    table = pq.read_table(io.BytesIO(objects[part]))
    assert table.schema == pa.schema(
        [
            ("id", pa.int64()),
            ("big", pa.decimal128(20, 0)),
            ("small", pa.int32()),
            ("price", pa.decimal128(10, 2)),
            ("share", pa.float64()),
            ("name", pa.string()),
            ("digest", pa.binary()),
            ("born", pa.string()),
            ("sold_at", pa.timestamp("us")),
            ("kind", pa.string()),
            ("n", pa.int64()),
        ]
    )
    first, second = table.to_pylist()
    assert first == {
        "id": 1,
        "big": Decimal(18446744073709551615),
        "small": -1,
        "price": Decimal("12.30"),
        "share": 0.5,
        "name": "服",
        "digest": b"\x00\xff\x00A",
        "born": "2024-06-01",
        "sold_at": datetime.fromisoformat("2024-06-01T12:34:56.123456"),
        "kind": "a",
        "n": 4294967295,
    }
    assert set(second.values()) == {2, None}
    [empty] = [k for k in objects if k.startswith("mall/mall.empty/1/part-")]
    assert pq.read_table(io.BytesIO(objects[empty])).num_rows == 0
    info = json.loads(objects[f"export_info_{task}.json"])
    assert (info["status"], info["sourceArn"]) == ("COMPLETE", snapshot)
    tables = json.loads(objects[f"export_tables_info_{task}_from_1_to_2.json"])
    assert [each["target"] for each in tables["perTableStatus"]] == ["mall.empty", "mall.items"]


def test_only_what_is_asked_for_is_exported(exports: Exports) -> None:
    task = exports.start(exports.snapshot(), ExportOnly=["mall.empty"])
    exports.finished(task)
    assert not [key for key in exports.objects(task) if "items" in key]

    unknown = exports.finished(exports.start(exports.snapshot(), ExportOnly=["mall.missing"]))
    assert unknown["Status"] == "FAILED"
    assert "mall.missing" in unknown["FailureCause"]


def test_an_export_needs_its_key_and_its_bucket(exports: Exports) -> None:
    with pytest.raises(ClientError, match="KMSKeyNotAccessibleFault"):
        exports.start(exports.snapshot(), KmsKeyId=str(uuid.uuid4()))
    task = exports.start(exports.snapshot(), S3BucketName=f"missing-{uuid.uuid4()}")
    assert exports.finished(task)["Status"] == "FAILED"
