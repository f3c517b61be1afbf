"""Firehose delivery streams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from infra_assets.cloud import Cloud
from infra_assets.resource import Attributes, Live, Ref, Resource
from infra_assets.types.tagging import from_pairs, pairs


@dataclass(frozen=True, kw_only=True)
class DeliveryStream(Resource):
    """A stream that delivers JSON to S3 under keys that jq takes from each record.

    `partitioned_by` is a jq 1.6 query for an object of partition keys. AWS takes it at creation
    only, so another one is a replacement; so is a stream that backs up records as they came, which
    AWS never ends. Buffers are in megabytes and seconds.
    """

    service: ClassVar[str] = "firehose"
    fixed: ClassVar[frozenset[str]] = frozenset({"partitioned_by", "backup"})
    patience_s: ClassVar[float] = 900
    settles: ClassVar[tuple[tuple[str, str], ...]] = (
        ("InvalidArgumentException", "unable to assume role"),
    )

    role: Ref
    bucket: Ref
    prefix: str
    error_prefix: str
    partitioned_by: str
    buffer_mb: int
    buffer_s: int
    log_group: str
    key: Ref

    def wanted(self) -> dict[str, Any]:
        return {
            "role": self.role,
            "bucket": self.bucket,
            "prefix": self.prefix,
            "error_prefix": self.error_prefix,
            "time_zone": "UTC",
            "extension": "",
            "partitioned_by": self.partitioned_by,
            "buffering": {"SizeInMBs": self.buffer_mb, "IntervalInSeconds": self.buffer_s},
            "compression": "UNCOMPRESSED",
            "retry_s": 300,
            "backup": "Disabled",
            "converted": False,
            "processing": {"Enabled": True, "besides": [_A_LINE_FOR_EACH_RECORD]},
            "logging": {
                "Enabled": True,
                "LogGroupName": self.log_group,
                "LogStreamName": "delivery",
            },
            "object_key": self.key,
            "stream_key": self.key,
        }

    def find(self, cloud: Cloud) -> list[Live]:
        found = cloud.read(
            "firehose",
            "describe_delivery_stream",
            DeliveryStreamName=self.name,
            absent=("ResourceNotFoundException",),
        )
        if found is None:
            return []
        stream = found["DeliveryStreamDescription"]
        to = stream["Destinations"][0]["ExtendedS3DestinationDescription"]
        tags = cloud.read(
            "firehose", "list_tags_for_delivery_stream", DeliveryStreamName=self.name
        )["Tags"]
        encryption = stream.get("DeliveryStreamEncryptionConfiguration", {})
        encrypted = encryption.get("Status") in ("ENABLED", "ENABLING")
        attributes = {
            "role": to["RoleARN"],
            "bucket": to["BucketARN"],
            "prefix": to.get("Prefix"),
            "error_prefix": to.get("ErrorOutputPrefix"),
            "time_zone": to.get("CustomTimeZone") or "UTC",
            "extension": to.get("FileExtension", ""),
            "partitioned_by": _partitioned_by(to),
            "buffering": to.get("BufferingHints"),
            "compression": to.get("CompressionFormat"),
            "retry_s": to.get("DynamicPartitioningConfiguration", {})
            .get("RetryOptions", {})
            .get("DurationInSeconds"),
            "backup": to.get("S3BackupMode", "Disabled"),
            "converted": _converted(to),
            "processing": _processing(to),
            "logging": to.get("CloudWatchLoggingOptions"),
            "object_key": to.get("EncryptionConfiguration", {})
            .get("KMSEncryptionConfig", {})
            .get("AWSKMSKeyARN"),
            "stream_key": encryption.get("KeyARN") if encrypted else None,
            "tags": from_pairs(tags),
        }
        busy = encryption.get("Status") in ("ENABLING", "DISABLING")
        ready = stream["DeliveryStreamStatus"] == "ACTIVE" and not busy
        return [
            Live(
                self.name,
                attributes,
                arn=stream["DeliveryStreamARN"],
                ready=ready,
                leaving=stream["DeliveryStreamStatus"] == "DELETING",
                outputs={
                    "version": stream["VersionId"],
                    "destination": stream["Destinations"][0]["DestinationId"],
                },
            )
        ]

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        cloud.write(
            "firehose",
            "create_delivery_stream",
            DeliveryStreamName=self.name,
            DeliveryStreamType="DirectPut",
            ExtendedS3DestinationConfiguration=_destination(wanted),
            Tags=pairs(wanted["tags"]),
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        if changed - {"tags", "stream_key"}:
            cloud.write(
                "firehose",
                "update_destination",
                DeliveryStreamName=self.name,
                CurrentDeliveryStreamVersionId=live.output("version"),
                DestinationId=live.output("destination"),
                ExtendedS3DestinationUpdate=_destination(wanted),
            )
        if "stream_key" in changed:
            cloud.write(
                "firehose",
                "start_delivery_stream_encryption",
                DeliveryStreamName=self.name,
                DeliveryStreamEncryptionConfigurationInput={
                    "KeyType": "CUSTOMER_MANAGED_CMK",
                    "KeyARN": wanted["stream_key"],
                },
            )
        if "tags" in changed:
            cloud.write(
                "firehose",
                "tag_delivery_stream",
                DeliveryStreamName=self.name,
                Tags=pairs(wanted["tags"]),
            )

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("firehose", "delete_delivery_stream", DeliveryStreamName=self.name)


_EXTRACTION = "MetadataExtraction"


def _processor(kind: str, **parameters: str) -> dict[str, Any]:
    named = [{"ParameterName": n, "ParameterValue": value} for n, value in parameters.items()]
    return {"Type": kind, "Parameters": named}


_A_LINE_FOR_EACH_RECORD = _processor("AppendDelimiterToRecord", Delimiter="\\n")


def _processing(destination: Attributes) -> dict[str, Any]:
    """Whether records are processed, and how besides the extraction of their partition keys."""
    found = destination.get("ProcessingConfiguration", {})
    processors = found.get("Processors", ())
    return {
        "Enabled": found.get("Enabled", False),
        "besides": [each for each in processors if each["Type"] != _EXTRACTION],
    }


def _converted(destination: Attributes) -> bool:
    """Whether records are made into another format, as they are unless that is said to be off."""
    found = destination.get("DataFormatConversionConfiguration", {"Enabled": False})
    return bool(found.get("Enabled", True))


def _partitioned_by(destination: Attributes) -> str | None:
    """The jq query that gives the partition keys; None where partitioning is off."""
    if not destination.get("DynamicPartitioningConfiguration", {}).get("Enabled"):
        return None
    return next(
        (
            parameter["ParameterValue"]
            for processor in destination.get("ProcessingConfiguration", {}).get("Processors", ())
            for parameter in processor["Parameters"]
            if parameter["ParameterName"] == "MetadataExtractionQuery"
        ),
        None,
    )


def _destination(wanted: Attributes) -> dict[str, Any]:
    return {
        "RoleARN": wanted["role"],
        "BucketARN": wanted["bucket"],
        "Prefix": wanted["prefix"],
        "ErrorOutputPrefix": wanted["error_prefix"],
        "CustomTimeZone": wanted["time_zone"],
        "FileExtension": wanted["extension"],
        "BufferingHints": wanted["buffering"],
        "CompressionFormat": wanted["compression"],
        "EncryptionConfiguration": {"KMSEncryptionConfig": {"AWSKMSKeyARN": wanted["object_key"]}},
        "CloudWatchLoggingOptions": wanted["logging"],
        "S3BackupMode": wanted["backup"],
        "DataFormatConversionConfiguration": {"Enabled": wanted["converted"]},
        "DynamicPartitioningConfiguration": {
            "Enabled": True,
            "RetryOptions": {"DurationInSeconds": wanted["retry_s"]},
        },
        "ProcessingConfiguration": {
            "Enabled": wanted["processing"]["Enabled"],
            "Processors": [
                _processor(
                    _EXTRACTION,
                    MetadataExtractionQuery=wanted["partitioned_by"],
                    JsonParsingEngine="JQ-1.6",
                ),
                *wanted["processing"]["besides"],
            ],
        },
    }
