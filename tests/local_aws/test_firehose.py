"""Firehose: what is put arrives in S3 where and as AWS would write it (E3)."""

from __future__ import annotations

import base64
import gzip
import json
import re
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from mall_platform.local_aws.process import LocalAws

Clients = Callable[[str], Any]

TOKYO_QUERY = (
    '{dt: (.event_time_ms/1000|floor+32400|strftime("%Y-%m-%d")),'
    ' hour: (.event_time_ms/1000|floor+32400|strftime("%H"))}'
)
PREFIX = "clicks/dt=!{partitionKeyFromQuery:dt}/hour=!{partitionKeyFromQuery:hour}/"
ERROR_PREFIX = "clicks-errors/!{timestamp:yyyy/MM/dd/HH}/!{firehose:error-output-type}/"


def processing(*processors: tuple[str, dict[str, str]]) -> dict[str, Any]:
    return {
        "Enabled": True,
        "Processors": [
            {
                "Type": kind,
                "Parameters": [
                    {"ParameterName": name, "ParameterValue": value}
                    for name, value in parameters.items()
                ],
            }
            for kind, parameters in processors
        ],
    }


def by_jq(query: str = TOKYO_QUERY, *others: tuple[str, dict[str, str]]) -> dict[str, Any]:
    extraction = {"MetadataExtractionQuery": query, "JsonParsingEngine": "JQ-1.6"}
    return {
        "DynamicPartitioningConfiguration": {"Enabled": True},
        "Prefix": PREFIX,
        "ErrorOutputPrefix": ERROR_PREFIX,
        "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 900},
        "ProcessingConfiguration": processing(
            *others,
            ("MetadataExtraction", extraction),
            ("AppendDelimiterToRecord", {"Delimiter": "\\n"}),
        ),
    }


class Delivery:
    """A stream of its own and the bucket it delivers to."""

    def __init__(self, client: Clients, aws: LocalAws, **destination: Any) -> None:
        self.name = f"stream-{uuid.uuid4()}"
        self.bucket = f"bucket-{uuid.uuid4()}"
        self.firehose, self.s3, self.aws = client("firehose"), client("s3"), aws
        self.s3.create_bucket(
            Bucket=self.bucket,
            CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"},
        )
        self.firehose.create_delivery_stream(
            DeliveryStreamName=self.name,
            ExtendedS3DestinationConfiguration={
                "RoleARN": "arn:aws:iam::123456789012:role/firehose",
                "BucketARN": f"arn:aws:s3:::{self.bucket}",
                **destination,
            },
        )

    def put(self, *records: Any) -> dict[str, Any]:
        data = [r if isinstance(r, bytes) else json.dumps(r).encode() for r in records]
        return self.firehose.put_record_batch(
            DeliveryStreamName=self.name, Records=[{"Data": each} for each in data]
        )

    def objects(self, prefix: str = "") -> dict[str, bytes]:
        listed = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        return {
            each["Key"]: self.s3.get_object(Bucket=self.bucket, Key=each["Key"])["Body"].read()
            for each in listed
        }

    def flushed(self, prefix: str = "") -> dict[str, bytes]:
        self.aws.flush()
        return self.objects(prefix)

    def describe(self) -> dict[str, Any]:
        answer = self.firehose.describe_delivery_stream(DeliveryStreamName=self.name)
        return answer["DeliveryStreamDescription"]

    def update(self, **update: Any) -> None:
        described = self.describe()
        self.firehose.update_destination(
            DeliveryStreamName=self.name,
            CurrentDeliveryStreamVersionId=described["VersionId"],
            DestinationId=described["Destinations"][0]["DestinationId"],
            ExtendedS3DestinationUpdate=update,
        )


@pytest.fixture
def delivery(client: Clients, local_aws: LocalAws) -> Callable[..., Delivery]:
    return lambda **destination: Delivery(client, local_aws, **destination)


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def test_records_land_in_the_tokyo_hour_of_their_event(delivery: Callable[..., Delivery]) -> None:
    stream = delivery(**by_jq())
    last = {"event_id": "a", "event_time_ms": ms("2024-05-31T23:59:59.999+09:00")}
    first = {"event_id": "b", "event_time_ms": ms("2024-06-01T00:00:00+09:00")}
    second = {"event_id": "c", "event_time_ms": ms("2024-06-01T00:00:01+09:00")}

    stream.put(last, first, second)

    assert stream.objects() == {}, "buffered until the buffer is full or old"
    landed = stream.flushed()
    folders = {key.rpartition("/")[0]: body for key, body in landed.items()}
    assert {f: [json.loads(line) for line in b.splitlines()] for f, b in folders.items()} == {
        "clicks/dt=2024-05-31/hour=23": [last],
        "clicks/dt=2024-06-01/hour=00": [first, second],
    }
    name = rf"{stream.name}-1-\d{{4}}(-\d\d){{5}}-[0-9a-f-]{{36}}"
    assert all(re.fullmatch(name, key.rpartition("/")[2]) for key in landed)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (b"{broken", "Non JSON record provided"),
        (b"[1, 2]", "Non JSON record provided"),
        (b'{"event_time_ms": 1} {"event_time_ms": 2}', "Non JSON record provided"),
        (b"\xff\xfe", "Non JSON record provided"),
        (b'{"event_time_ms": null}', "JQ query could not be evaluated on the record"),
        (b'{"event_time_ms": "soon"}', "JQ query could not be evaluated on the record"),
    ],
)
def test_a_record_that_cannot_be_placed_goes_to_the_error_prefix(
    delivery: Callable[..., Delivery], record: bytes, message: str
) -> None:
    stream = delivery(**by_jq())
    before = datetime.now(UTC)

    answer = stream.put(record)

    assert answer["FailedPutCount"] == 0
    [(key, body)] = stream.flushed().items()
    hours = {f"{t:%Y/%m/%d/%H}" for t in (before, before + timedelta(seconds=60))}
    assert key.removeprefix("clicks-errors/").partition("/metadata-extraction-failed/")[0] in hours
    [line] = [json.loads(line) for line in body.splitlines()]
    assert base64.b64decode(line["rawData"]) == record
    assert line["errorCode"] == "DynamicPartitioning.MetadataExtractionFailed"
    assert line["errorMessage"] == message
    assert line["attemptsMade"] == 1
    assert ms(before.isoformat()) <= line["arrivalTimestamp"] <= line["attemptEndingTimestamp"]


def test_null_and_empty_partition_keys_are_errors(delivery: Callable[..., Delivery]) -> None:
    stream = delivery(**by_jq("{dt: .dt, hour: .hour}"))
    stream.put({"dt": None, "hour": "1"}, {"dt": "x", "hour": ""}, {"dt": "x", "hour": 7})
    landed = stream.flushed()
    errors = b"".join(body for key, body in landed.items() if "failed" in key).splitlines()
    assert [json.loads(line)["errorMessage"] for line in errors] == [
        "partitionKeys values must not be null or empty"
    ] * 2
    assert [k.rpartition("/")[0] for k in landed if "failed" not in k] == ["clicks/dt=x/hour=7"]


def test_the_501st_active_partition_overflows_to_the_error_prefix(
    delivery: Callable[..., Delivery],
) -> None:
    stream = delivery(**by_jq("{dt: .n, hour: .n}"))
    stream.put(*({"n": n} for n in range(500)))
    stream.put({"n": 0}, {"n": 500})
    [body] = stream.flushed("clicks-errors/").values()
    assert json.loads(base64.b64decode(json.loads(body)["rawData"])) == {"n": 500}
    assert stream.objects("clicks/dt=500/") == {}

    stream.put({"n": 500})
    assert len(stream.flushed("clicks/dt=500/")) == 1, "a delivery ends an active partition"


def test_several_json_objects_in_a_record_are_split_if_asked(
    delivery: Callable[..., Delivery],
) -> None:
    split = ("RecordDeAggregation", {"SubRecordType": "JSON"})
    stream = delivery(**by_jq("{dt: .n, hour: .n}", split))
    stream.put(b'{"n": 1}{"n": 2}\n {"n": 1}')
    landed = {key.split("/")[1]: body for key, body in stream.flushed().items()}
    assert landed == {"dt=1": b'{"n": 1}\n{"n": 1}\n', "dt=2": b'{"n": 2}\n'}


def test_without_expressions_the_hour_of_arrival_is_appended_and_nothing_delimited(
    delivery: Callable[..., Delivery],
) -> None:
    stream = delivery(Prefix="plain/")
    stream.put(b"a", b"b")
    [(key, body)] = stream.flushed().items()
    assert re.fullmatch(r"plain/\d{4}/\d\d/\d\d/\d\d", key.rpartition("/")[0])
    assert body == b"ab"


def test_custom_time_zone_extension_and_gzip(delivery: Callable[..., Delivery]) -> None:
    stream = delivery(
        Prefix="day=!{timestamp:yyyyMMdd'T'HH}/",
        ErrorOutputPrefix="bad/!{firehose:error-output-type}/",
        CustomTimeZone="Asia/Tokyo",
        CompressionFormat="GZIP",
        FileExtension=".json.gz",
    )
    stream.put(b"x")
    now = datetime.now(UTC) + timedelta(hours=9)
    [(key, body)] = stream.flushed().items()
    hours = {f"day={t:%Y%m%dT%H}" for t in (now, now - timedelta(seconds=60))}
    assert key.partition("/")[0] in hours
    assert key.endswith(".json.gz")
    assert gzip.decompress(body) == b"x"


def until(condition: Callable[[], Any], seconds: float = 10) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "nothing came in time"
        time.sleep(0.05)
    return value


def test_a_buffer_is_delivered_when_it_is_full(delivery: Callable[..., Delivery]) -> None:
    stream = delivery(Prefix="p/", BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 900})
    stream.put(b"x" * 600_000)
    assert stream.objects() == {}
    stream.put(b"y" * 600_000)
    [body] = stream.objects().values()
    assert body == b"x" * 600_000 + b"y" * 600_000


def test_a_buffer_is_delivered_when_it_is_old(delivery: Callable[..., Delivery]) -> None:
    stream = delivery(Prefix="p/", BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 1})
    stream.put(b"x")
    assert list(until(stream.objects).values()) == [b"x"]


def test_an_interval_of_zero_delivers_at_once(delivery: Callable[..., Delivery]) -> None:
    stream = delivery(Prefix="p/", BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 0})
    stream.put(b"x", b"y")
    assert list(stream.objects().values()) == [b"xy"]


def test_what_s3_does_not_take_is_kept_and_delivered_later(
    delivery: Callable[..., Delivery],
) -> None:
    stream = delivery(Prefix="p/")
    stream.s3.delete_bucket(Bucket=stream.bucket)
    stream.put(b"kept")
    stream.aws.flush()
    stream.s3.create_bucket(
        Bucket=stream.bucket, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"}
    )
    assert list(stream.flushed().values()) == [b"kept"]


def test_single_records_and_batches_have_aws_limits(delivery: Callable[..., Delivery]) -> None:
    stream = delivery(Prefix="p/")
    answer = stream.put(b"1", b"2")
    assert len({each["RecordId"] for each in answer["RequestResponses"]}) == 2
    stream.firehose.put_record(DeliveryStreamName=stream.name, Record={"Data": b"3"})
    assert list(stream.flushed().values()) == [b"123"]
    for records in (
        [b"x"] * 501,
        [b"x" * 900_000] * 5,
        [b"x" * 1_024_001],
    ):
        with pytest.raises(ClientError):
            stream.put(*records)
    assert list(stream.flushed().values()) == [b"123"]


def test_an_update_delivers_first_and_counts_the_version(
    delivery: Callable[..., Delivery],
) -> None:
    stream = delivery(Prefix="before/")
    stream.put(b"1")
    stream.update(Prefix="after/", BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 60})
    stream.put(b"2")
    landed = {key.partition("/")[0]: (key, body) for key, body in stream.flushed().items()}
    assert landed["before"][1] == b"1"
    assert landed["after"][1] == b"2"
    assert f"{stream.name}-1-" in landed["before"][0]
    assert f"{stream.name}-2-" in landed["after"][0]
    hints = stream.describe()["Destinations"][0]["ExtendedS3DestinationDescription"]
    assert hints["BufferingHints"] == {"SizeInMBs": 1, "IntervalInSeconds": 60}


@pytest.mark.parametrize(
    "change",
    [
        {"BufferingHints": {"SizeInMBs": 63, "IntervalInSeconds": 60}},
        {"BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 901}},
        {"ErrorOutputPrefix": "errors/!{timestamp:yyyy}/"},
        {"ErrorOutputPrefix": ""},
        {"Prefix": "clicks/!{firehose:error-output-type}/"},
        {"Prefix": "no/keys/"},
        {"Prefix": "clicks/!{timestamp:eee}/!{partitionKeyFromQuery:dt}/"},
        {"DynamicPartitioningConfiguration": {"Enabled": False}},
        {"ProcessingConfiguration": {"Enabled": False}},
        {"CompressionFormat": "Snappy"},
    ],
)
def test_configurations_that_aws_rejects_or_that_are_not_emulated_are_refused(
    delivery: Callable[..., Delivery], change: dict[str, Any]
) -> None:
    with pytest.raises(ClientError, match="InvalidArgumentException"):
        delivery(**(by_jq() | change))


def test_a_query_that_is_no_jq_is_refused(delivery: Callable[..., Delivery]) -> None:
    with pytest.raises(ClientError, match="no jq"):
        delivery(**by_jq("{dt: ("))


def test_dynamic_partitioning_cannot_be_changed_afterwards(
    delivery: Callable[..., Delivery],
) -> None:
    stream = delivery(**by_jq())
    with pytest.raises(ClientError, match="only be enabled when a stream is created"):
        stream.update(DynamicPartitioningConfiguration={"Enabled": False}, Prefix="p/")


def test_encryption_is_started_and_shown(delivery: Callable[..., Delivery]) -> None:
    stream = delivery(Prefix="p/")
    assert stream.put(b"x")["Encrypted"] is False
    stream.firehose.start_delivery_stream_encryption(DeliveryStreamName=stream.name)
    shown = stream.describe()["DeliveryStreamEncryptionConfiguration"]
    assert shown == {"KeyType": "AWS_OWNED_CMK", "Status": "ENABLED"}
    assert stream.put(b"x")["Encrypted"] is True


def test_a_deleted_stream_delivers_what_it_holds(delivery: Callable[..., Delivery]) -> None:
    stream = delivery(Prefix="p/")
    stream.put(b"last")
    stream.firehose.delete_delivery_stream(DeliveryStreamName=stream.name)
    assert list(stream.objects().values()) == [b"last"]
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        stream.put(b"x")


def test_deliveries_are_counted_in_cloudwatch(
    client: Clients, delivery: Callable[..., Delivery]
) -> None:
    stream = delivery(Prefix="p/")
    stream.put(b"1", b"2", b"3")
    stream.aws.flush()
    now = datetime.now(UTC)
    [point] = client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Firehose",
        MetricName="DeliveryToS3.Records",
        Dimensions=[{"Name": "DeliveryStreamName", "Value": stream.name}],
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=5),
        Period=3600,
        Statistics=["Sum"],
    )["Datapoints"]
    assert point["Sum"] == 3
