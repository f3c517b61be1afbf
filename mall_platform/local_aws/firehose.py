"""Firehose to S3: dynamic partitioning by jq, buffers by size and time, errors as AWS writes them.

Records wait in memory until a buffer is full or old (`BufferingHints`), or the server is told to
flush. What S3 does not take stays buffered and is tried again.
"""

from __future__ import annotations

import gzip
import logging
import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from moto.firehose.exceptions import InvalidArgumentException
from moto.firehose.models import FirehoseBackend, firehose_backends
from moto.firehose.responses import FirehoseResponse
from moto.s3.exceptions import S3ClientError
from moto.s3.models import s3_backends

from mall_platform.local_aws import firehose_prefixes, lifecycle, metrics
from mall_platform.local_aws.firehose_records import (
    EXTRACTION_FAILED,
    LIMIT_EXCEEDED,
    InvalidProcessingError,
    Processing,
    UnplaceableError,
    error_line,
)
from mall_platform.local_aws.hooks import replace

log = logging.getLogger("local_aws")

MAX_BATCH_RECORDS = 500
MAX_BATCH_BYTES = 4 * 1024 * 1024
MAX_RECORD_BYTES = 1000 * 1024
MAX_ACTIVE_PARTITIONS = 500
_MIN_DYNAMIC_BUFFER_MB = 64
_DEFAULT_BUFFERING = {"SizeInMBs": 5, "IntervalInSeconds": 300}
_COMPRESSIONS = {"UNCOMPRESSED": "", "GZIP": ".gz"}
_TICK_S = 0.5

_Place = tuple[str | None, tuple[tuple[str, str], ...]]


@dataclass
class Buffer:
    """Records of one partition, or failed ones of one kind, since its oldest arrived (UTC)."""

    oldest: datetime
    chunks: list[bytes] = field(default_factory=list)
    records: int = 0
    size_bytes: int = 0

    def add(self, data: bytes) -> None:
        self.chunks.append(data)
        self.records += 1
        self.size_bytes += len(data)


class Stream:
    """The buffers of one delivery stream.

    A place is (None, partition) for records in their partition and (kind of error, ()) for
    failed ones.
    """

    def __init__(self, backend: FirehoseBackend, name: str) -> None:
        self._backend = backend
        self._name = name
        self._buffers: dict[_Place, Buffer] = {}
        self._lock = threading.RLock()
        self._processing: Processing | None = None

    def put(self, records: list[bytes], destination: dict[str, Any]) -> None:
        with self._lock:
            arrived = datetime.now(UTC)
            processing = self._processing or Processing(destination)
            self._processing = processing
            exceeded = 0
            for record in records:
                exceeded += self._place(processing, record, arrived)
            self._emit(
                {
                    "IncomingRecords": len(records),
                    "IncomingBytes": sum(map(len, records)),
                    "PartitionCountExceeded": exceeded,
                }
            )
            self.deliver_due(destination, arrived)

    def deliver_due(self, destination: dict[str, Any], now: datetime) -> None:
        hints = _DEFAULT_BUFFERING | (destination.get("BufferingHints") or {})
        with self._lock:
            for place, buffer in list(self._buffers.items()):
                age_s = (now - buffer.oldest).total_seconds()
                full = buffer.size_bytes >= hints["SizeInMBs"] * 1024 * 1024
                if full or age_s >= hints["IntervalInSeconds"]:
                    self._deliver(place, buffer, destination)

    def deliver_all(self, destination: dict[str, Any]) -> None:
        with self._lock:
            for place, buffer in list(self._buffers.items()):
                self._deliver(place, buffer, destination)

    def reconfigure(self, destination: dict[str, Any]) -> None:
        """Delivers what came under the old configuration, which the stream still has."""
        with self._lock:
            self.deliver_all(destination)
            self._processing = None

    def _place(self, processing: Processing, record: bytes, arrived: datetime) -> int:
        """Buffers one record; how many of its parts found no room for another partition."""
        try:
            placed = list(processing.place(record))
        except UnplaceableError as error:
            self._fail(EXTRACTION_FAILED, str(error), record, arrived)
            return 0
        exceeded = 0
        for part in placed:
            if self._has_room(part.partition):
                self._add((None, part.partition), part.data, arrived)
            else:
                exceeded += 1
                message = f"The number of active partitions exceeds {MAX_ACTIVE_PARTITIONS}"
                self._fail(LIMIT_EXCEEDED, message, part.data, arrived)
        return exceeded

    def _has_room(self, partition: tuple[tuple[str, str], ...]) -> bool:
        if (None, partition) in self._buffers:
            return True
        active = sum(kind is None for kind, _ in self._buffers)
        return active < MAX_ACTIVE_PARTITIONS

    def _fail(self, kind: str, message: str, record: bytes, arrived: datetime) -> None:
        line = error_line(kind, message, record, arrived, datetime.now(UTC))
        self._add((kind, ()), line, arrived)

    def _add(self, place: _Place, data: bytes, arrived: datetime) -> None:
        self._buffers.setdefault(place, Buffer(arrived)).add(data)

    def _deliver(self, place: _Place, buffer: Buffer, destination: dict[str, Any]) -> None:
        body = b"".join(buffer.chunks)
        compression = destination.get("CompressionFormat") or "UNCOMPRESSED"
        if compression == "GZIP":
            body = gzip.compress(body, mtime=0)
        bucket = destination["BucketARN"].rpartition(":")[2]
        s3 = s3_backends[self._backend.account_id][self._backend.partition]
        try:
            s3.put_object(bucket, self._key(place, buffer.oldest, destination), body)
        except S3ClientError as error:
            # The bucket may come (back): Firehose tries for 24 hours.
            log.warning("stream %s can't deliver to %s: %s", self._name, bucket, error)
            self._emit({"DeliveryToS3.Success": 0})
            return
        del self._buffers[place]
        self._emit(
            {
                "DeliveryToS3.Success": 1,
                "DeliveryToS3.Records": buffer.records,
                "DeliveryToS3.Bytes": len(body),
            }
        )

    def _key(self, place: _Place, oldest: datetime, destination: dict[str, Any]) -> str:
        """`<prefix><stream>-<version>-YYYY-MM-DD-HH-MM-SS-<uuid><extension>`."""
        kind, partition = place
        local = oldest.astimezone(ZoneInfo(destination.get("CustomTimeZone") or "UTC"))
        folder = firehose_prefixes.evaluate(
            destination.get("ErrorOutputPrefix" if kind else "Prefix") or "",
            local,
            dict(partition),
            error_type=kind,
        )
        version = self._backend.delivery_streams[self._name].version_id
        compression = destination.get("CompressionFormat") or "UNCOMPRESSED"
        extension = destination.get("FileExtension") or _COMPRESSIONS[compression]
        moment = oldest.strftime("%Y-%m-%d-%H-%M-%S")
        return f"{folder}{self._name}-{version}-{moment}-{uuid.uuid4()}{extension}"

    def _emit(self, values: dict[str, float]) -> None:
        metrics.emit(
            self._backend.account_id,
            self._backend.region_name,
            "AWS/Firehose",
            {"DeliveryStreamName": self._name},
            values,
        )


_streams: dict[tuple[str, str], Stream] = {}


def install() -> None:
    _hook_puts()
    _hook_configuration()
    _hook_encryption()
    lifecycle.on_flush(_deliver_all)
    lifecycle.on_reset(_streams.clear)
    lifecycle.every(_TICK_S, _deliver_due)


def _hook_puts() -> None:
    @replace(FirehoseBackend, "put_s3_records", "s3_destination", "records")
    def put_s3_records(
        original: Any,
        self: FirehoseBackend,
        name: str,
        version_id: str,
        s3_destination: dict[str, Any],
        records: list[dict[str, bytes]],
    ) -> list[dict[str, str]]:
        _stream(self, name).put([record["Data"] for record in records], s3_destination)
        return [{"RecordId": str(uuid.uuid4())} for _ in records]

    @replace(FirehoseBackend, "put_record_batch", "delivery_stream_name", "records")
    def put_record_batch(
        original: Any, self: FirehoseBackend, name: str, records: list[dict[str, bytes]]
    ) -> dict[str, Any]:
        sizes = [len(record["Data"]) for record in records]
        if len(records) > MAX_BATCH_RECORDS or sum(sizes) > MAX_BATCH_BYTES:
            raise InvalidArgumentException(
                f"Records size exceeds {MAX_BATCH_RECORDS} records or 4 MiB limit."
            )
        if max(sizes, default=0) > MAX_RECORD_BYTES:
            raise InvalidArgumentException("Record size exceeds 1000 KiB limit.")
        result: dict[str, Any] = original(self, name, records)
        encryption = self.delivery_streams[name].delivery_stream_encryption_configuration or {}
        return result | {"Encrypted": encryption.get("Status") == "ENABLED"}


def _hook_configuration() -> None:
    @replace(FirehoseBackend, "create_delivery_stream", "extended_s3_destination_configuration")
    def create_delivery_stream(original: Any, self: FirehoseBackend, *args: Any, **kw: Any) -> str:
        for argument in (*args, *kw.values()):
            if isinstance(argument, dict) and "BucketARN" in argument:
                _validate(argument)
        arn = original(self, *args, **kw)
        stream = self.delivery_streams[arn.rpartition("/")[2]]
        if encryption := stream.delivery_stream_encryption_configuration:
            encryption["Status"] = "ENABLED"
        return str(arn)

    @replace(FirehoseBackend, "delete_delivery_stream", "delivery_stream_name")
    def delete_delivery_stream(original: Any, self: FirehoseBackend, name: str) -> None:
        if name in self.delivery_streams:
            _stream(self, name).deliver_all(_destination(self, name))
        original(self, name)
        _streams.pop((self.region_name, name), None)

    @replace(FirehoseBackend, "update_destination", "delivery_stream_name")
    def update_destination(original: Any, self: FirehoseBackend, name: str, *args: Any) -> None:
        if name in self.delivery_streams:
            current = _destination(self, name)
            for update in args:
                if isinstance(update, dict) and set(update) & set(current):
                    _validate_update(current, update)
            _stream(self, name).reconfigure(current)
        original(self, name, *args)


def _hook_encryption() -> None:
    @replace(FirehoseResponse, "start_delivery_stream_encryption")
    def start_encryption(original: Any, self: FirehoseResponse) -> Any:
        # moto fails without a configuration; AWS then uses a key of its own.
        self.params.setdefault(
            "DeliveryStreamEncryptionConfigurationInput", {"KeyType": "AWS_OWNED_CMK"}
        )
        return original(self)


def _validate(destination: dict[str, Any]) -> None:
    hints = _DEFAULT_BUFFERING | (destination.get("BufferingHints") or {})
    size_mb, interval_s = hints["SizeInMBs"], hints["IntervalInSeconds"]
    if not (1 <= size_mb <= 128 and 0 <= interval_s <= 900):
        raise InvalidArgumentException("BufferingHints must be 1-128 MB and 0-900 seconds.")
    if (destination.get("CompressionFormat") or "UNCOMPRESSED") not in _COMPRESSIONS:
        raise InvalidArgumentException("The local AWS compresses with GZIP only.")
    if (destination.get("DataFormatConversionConfiguration") or {}).get("Enabled"):
        raise InvalidArgumentException("The local AWS does not convert data formats.")
    try:
        dynamic = Processing(destination).dynamic
        firehose_prefixes.validate(
            destination.get("Prefix") or "",
            destination.get("ErrorOutputPrefix") or "",
            dynamic=dynamic,
        )
    except (InvalidProcessingError, firehose_prefixes.InvalidPrefixError) as error:
        raise InvalidArgumentException(str(error)) from error
    if dynamic and size_mb < _MIN_DYNAMIC_BUFFER_MB:
        raise InvalidArgumentException(
            f"BufferingHints.SizeInMBs must be at least {_MIN_DYNAMIC_BUFFER_MB} "
            "when Dynamic Partitioning is enabled."
        )


def _validate_update(current: dict[str, Any], update: dict[str, Any]) -> None:
    name = "DynamicPartitioningConfiguration"
    enabled = [bool((each.get(name) or {}).get("Enabled")) for each in (current, current | update)]
    if enabled[0] != enabled[1]:
        raise InvalidArgumentException(
            "Dynamic partitioning can only be enabled when a stream is created."
        )
    _validate(current | update)


def _destination(backend: FirehoseBackend, name: str) -> dict[str, Any]:
    configured = backend.delivery_streams[name].destinations[0]
    destination: dict[str, Any] = configured.get("ExtendedS3") or configured.get("S3") or {}
    return destination


def _stream(backend: FirehoseBackend, name: str) -> Stream:
    return _streams.setdefault((backend.region_name, name), Stream(backend, name))


def _deliver_due() -> None:
    now = datetime.now(UTC)
    for (region, name), stream in list(_streams.items()):
        backend = firehose_backends[lifecycle.ACCOUNT_ID][region]
        if name in backend.delivery_streams:
            stream.deliver_due(_destination(backend, name), now)


def _deliver_all() -> None:
    for (region, name), stream in list(_streams.items()):
        backend = firehose_backends[lifecycle.ACCOUNT_ID][region]
        if name in backend.delivery_streams:
            stream.deliver_all(_destination(backend, name))
