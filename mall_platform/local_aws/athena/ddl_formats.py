"""How Hive names storage formats: serdes, input and output formats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mall_platform.local_aws.athena.errors import NotSupportedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PARQUET = "org.apache.hadoop.hive.ql.io.parquet"
_TEXT_INPUT = "org.apache.hadoop.mapred.TextInputFormat"
_TEXT_OUTPUT = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
LAZY_SIMPLE = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
OPENX_JSON = "org.openx.data.jsonserde.JsonSerDe"

_FORMATS = {
    "PARQUET": (
        f"{_PARQUET}.MapredParquetInputFormat",
        f"{_PARQUET}.MapredParquetOutputFormat",
        f"{_PARQUET}.serde.ParquetHiveSerDe",
    ),
    "TEXTFILE": (_TEXT_INPUT, _TEXT_OUTPUT, LAZY_SIMPLE),
    "JSON": (_TEXT_INPUT, _TEXT_OUTPUT, OPENX_JSON),
}


def storage_descriptor(
    stored_as: str,
    columns: Sequence[Mapping[str, str]],
    location: str,
    *,
    serde: str = "",
    serde_properties: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Glue's storage descriptor of a table in a format.

    Raises NotSupportedError for formats that the local Athena doesn't have.
    """
    if stored_as not in _FORMATS:
        raise NotSupportedError(f"STORED AS {stored_as}")
    input_format, output_format, default_serde = _FORMATS[stored_as]
    return {
        "Columns": list(columns),
        "Location": location,
        "InputFormat": input_format,
        "OutputFormat": output_format,
        "Compressed": False,
        "NumberOfBuckets": -1,
        "SerdeInfo": {
            "SerializationLibrary": serde or default_serde,
            "Parameters": {"serialization.format": "1", **(serde_properties or {})},
        },
        "BucketColumns": [],
        "SortColumns": [],
        "Parameters": {},
        "StoredAsSubDirectories": False,
    }
