"""Column types as a Glue crawler infers them from the beginning of a JSON-lines or Parquet object.

A column whose sampled values are all null has the type `None`: any type it meets wins.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pyarrow as pa

Format = Literal["json", "parquet"]
Schema = dict[str, str | None]

SAMPLE_BYTES = 1024 * 1024
_INT_LIMIT = 2**31
_WIDER = ("int", "bigint", "double")
_GZIP_MAGIC = b"\x1f\x8b"
_PARQUET_MAGIC = b"PAR1"


def infer(body: bytes) -> tuple[Format, Schema] | None:
    """The format and columns of an object; None when it is neither format, or empty."""
    if body.startswith(_PARQUET_MAGIC):
        return "parquet", _parquet_schema(body)
    schema = _json_schema(_sample(body))
    return None if schema is None else ("json", schema)


def merge(schemas: Iterable[Mapping[str, str | None]]) -> Schema:
    """The columns of all schemas in order of appearance, each of a type that holds every value."""
    merged: Schema = {}
    for schema in schemas:
        for name, type_ in schema.items():
            merged[name] = _common(merged[name], type_) if name in merged else type_
    return merged


def _common(one: str | None, other: str | None) -> str | None:
    if one is None or other is None or one == other:
        return one or other
    if one in _WIDER and other in _WIDER:
        return max(one, other, key=_WIDER.index)
    return "string"


def _sample(body: bytes) -> bytes:
    """Whole lines of at most SAMPLE_BYTES, decompressed."""
    if body.startswith(_GZIP_MAGIC):
        try:
            body = gzip.GzipFile(fileobj=io.BytesIO(body)).read(SAMPLE_BYTES + 1)
        except (OSError, EOFError, zlib.error):
            return b""
    if len(body) <= SAMPLE_BYTES:
        return body
    return body[: body.rfind(b"\n", 0, SAMPLE_BYTES) + 1]


def _json_schema(sample: bytes) -> Schema | None:
    """The columns of the lines that are JSON objects; None when none is."""
    shapes = dict.fromkeys(map(_shape, sample.splitlines()))
    schemas = [dict(shape) for shape in shapes if shape is not None]
    return merge(schemas) if schemas else None


def _shape(line: bytes) -> tuple[tuple[str, str | None], ...] | None:
    """The columns of a line; None when it is no JSON object, or nested too deep to be read."""
    try:
        record = json.loads(line)
        if not isinstance(record, dict):
            return None
        return tuple([(name.lower(), _json_type(value)) for name, value in record.items()])
    except (ValueError, RecursionError):
        return None


def _json_type(value: Any) -> str | None:
    match value:
        case None:
            return None
        case bool():
            return "boolean"
        case int():
            return "int" if -_INT_LIMIT <= value < _INT_LIMIT else "bigint"
        case float():
            return "double"
        case str():
            return "string"
        case list():
            item: str | None = None
            for each in value:
                item = _common(item, _json_type(each))
            return f"array<{item or 'string'}>"
    fields = ",".join(f"{k.lower()}:{_json_type(v) or 'string'}" for k, v in value.items())
    return f"struct<{fields}>"


def _parquet_schema(body: bytes) -> Schema:
    import pyarrow.parquet as pq

    return {
        field.name.lower(): _arrow_type(field.type) for field in pq.read_schema(io.BytesIO(body))
    }


def _arrow_type(type_: pa.DataType) -> str:
    import pyarrow as pa

    named = {
        pa.bool_(): "boolean",
        pa.int8(): "tinyint",
        pa.int16(): "smallint",
        pa.int32(): "int",
        pa.int64(): "bigint",
        pa.uint8(): "smallint",
        pa.uint16(): "int",
        pa.uint32(): "bigint",
        pa.float32(): "float",
        pa.float64(): "double",
        pa.date32(): "date",
    }
    if type_ in named:
        return named[type_]
    if pa.types.is_timestamp(type_):
        return "timestamp"
    if pa.types.is_decimal(type_):
        return f"decimal({type_.precision},{type_.scale})"
    if pa.types.is_binary(type_) or pa.types.is_fixed_size_binary(type_):
        return "binary"
    if pa.types.is_list(type_):
        return f"array<{_arrow_type(type_.value_type)}>"
    if pa.types.is_map(type_):
        return f"map<{_arrow_type(type_.key_type)},{_arrow_type(type_.item_type)}>"
    if pa.types.is_struct(type_):
        return f"struct<{','.join(f'{f.name}:{_arrow_type(f.type)}' for f in type_)}>"
    return "string"
