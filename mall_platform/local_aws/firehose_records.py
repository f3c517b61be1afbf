"""What Firehose does with one record before it is buffered: split, partition, delimit, or fail."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jq

from mall_platform.local_aws.firehose_prefixes import partition_keys

# Names seen on AWS; the limit's own names are not documented.
EXTRACTION_FAILED = "metadata-extraction-failed"
LIMIT_EXCEEDED = "dynamic-partitioning-failed"
_ERROR_CODES = {
    EXTRACTION_FAILED: "DynamicPartitioning.MetadataExtractionFailed",
    LIMIT_EXCEEDED: "DynamicPartitioning.ActivePartitionLimitExceeded",
}


class InvalidProcessingError(Exception):
    """A processing configuration that AWS rejects, or that is not emulated."""


class UnplaceableError(Exception):
    """A record whose partition can't be told; the message is what AWS writes."""


@dataclass(frozen=True)
class Placed:
    """A record as it will stand in the object of a partition."""

    partition: tuple[tuple[str, str], ...]
    data: bytes


class Processing:
    """A stream's processors. Raises InvalidProcessingError for those that are not emulated."""

    def __init__(self, destination: dict[str, Any]) -> None:
        configuration = destination.get("ProcessingConfiguration") or {}
        enabled = configuration.get("Enabled", False)
        self.dynamic = bool(
            (destination.get("DynamicPartitioningConfiguration") or {}).get("Enabled")
        )
        self._keys = partition_keys(destination.get("Prefix") or "")
        self._query: Any = None
        self._delimiter = b""
        self._splits_json = False
        for processor in configuration.get("Processors", []) if enabled else []:
            self._add(processor)
        if self.dynamic and self._query is None:
            raise InvalidProcessingError(
                "MetadataExtraction processor is required with dynamic partitioning"
            )

    def place(self, record: bytes) -> Iterator[Placed]:
        """The records that one put record becomes. Raises UnplaceableError."""
        for part in _json_documents(record) if self._splits_json else [record]:
            yield Placed(self._partition(part), part + self._delimiter)

    def _add(self, processor: dict[str, Any]) -> None:
        parameters = {
            parameter["ParameterName"]: parameter["ParameterValue"]
            for parameter in processor.get("Parameters", [])
        }
        kind = processor["Type"]
        if kind == "MetadataExtraction":
            if parameters.get("JsonParsingEngine") != "JQ-1.6":
                raise InvalidProcessingError("JsonParsingEngine must be JQ-1.6")
            self._query = _compiled(parameters["MetadataExtractionQuery"])
        elif kind == "AppendDelimiterToRecord":
            self._delimiter = _unescaped(parameters.get("Delimiter", "\\n"))
        elif kind == "RecordDeAggregation" and parameters.get("SubRecordType") == "JSON":
            self._splits_json = True
        else:
            raise InvalidProcessingError(f"processor {kind} {parameters} is not emulated")

    def _partition(self, record: bytes) -> tuple[tuple[str, str], ...]:
        if not self.dynamic:
            return ()
        try:
            text = record.decode()
            is_object = isinstance(json.loads(text), dict)
        except ValueError as error:
            raise UnplaceableError("Non JSON record provided") from error
        if not is_object:
            raise UnplaceableError("Non JSON record provided")
        try:
            values = self._query.input_text(text).first()
        except ValueError as error:
            raise UnplaceableError("JQ query could not be evaluated on the record") from error
        partition = tuple((key, _key_text(values, key)) for key in self._keys)
        if not all(value for _, value in partition):
            raise UnplaceableError("partitionKeys values must not be null or empty")
        return partition


def error_line(kind: str, message: str, record: bytes, arrived: datetime, ended: datetime) -> bytes:
    """A failed record as Firehose writes it under the error prefix: one line of JSON."""
    line = {
        "attemptsMade": 1,
        "arrivalTimestamp": _epoch_ms(arrived),
        "errorCode": _ERROR_CODES[kind],
        "errorMessage": message,
        "attemptEndingTimestamp": _epoch_ms(ended),
        "rawData": base64.b64encode(record).decode(),
    }
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"


def _key_text(values: Any, key: str) -> str:
    value = values.get(key) if isinstance(values, dict) else None
    if value is None or isinstance(value, (dict, list)):
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _json_documents(record: bytes) -> Sequence[bytes]:
    """The JSON objects that stand one after another in a record."""
    decoder, documents = json.JSONDecoder(), []
    try:
        text = record.decode()
        position = 0
        while rest := text[position:].lstrip():
            position = len(text) - len(rest)
            _, end = decoder.raw_decode(text, position)
            documents.append(text[position:end].encode())
            position = end
    except ValueError as error:
        raise UnplaceableError("Non JSON record provided") from error
    return documents


def _compiled(query: str) -> Any:
    try:
        return jq.compile(query)
    except ValueError as error:
        raise InvalidProcessingError(f"MetadataExtractionQuery is no jq: {error}") from error


def _unescaped(delimiter: str) -> bytes:
    return delimiter.replace("\\n", "\n").replace("\\r", "\r").replace("\\t", "\t").encode()


def _epoch_ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
