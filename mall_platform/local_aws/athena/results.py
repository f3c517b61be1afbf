"""How Athena shows values and types: in result files and in GetQueryResults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mall_platform.local_aws.athena.storage_scan import quoted

if TYPE_CHECKING:
    from mall_platform.local_aws.athena.types import Type


@dataclass(frozen=True)
class ResultColumn:
    """A column of a result: its name as Athena gives it, and its type. `type_name` is what DDL
    calls the type, in Hive's words."""

    name: str
    type: Type
    type_name: str = ""


_PRECISIONS = {
    "tinyint": 3,
    "smallint": 5,
    "integer": 10,
    "bigint": 19,
    "real": 17,
    "double": 17,
    "varchar": 2147483647,
    "json": 2147483647,
    "varbinary": 1073741824,
    "timestamp": 3,
    "timestamp with time zone": 3,
    "time": 3,
}


def column_info(column: ResultColumn, *, catalog: str = "hive") -> dict[str, Any]:
    """ColumnInfo of ResultSetMetadata. Nested types carry no types of their parts there."""
    kind = column.type
    precision, scale = _PRECISIONS.get(kind.name, 0), 0
    if kind.name == "decimal":
        precision, scale = kind.args
    elif kind.name in {"varchar", "char"} and kind.args:
        precision = kind.args[0]
    return {
        "CatalogName": catalog,
        "SchemaName": "",
        "TableName": "",
        "Name": column.name,
        "Label": column.name,
        "Type": column.type_name or ("float" if kind.name == "real" else kind.name),
        "Precision": precision,
        "Scale": scale,
        "Nullable": "UNKNOWN",
        "CaseSensitive": kind.name in {"varchar", "char", "json"},
    }


MACROS = (
    """
    CREATE OR REPLACE TEMP MACRO athena_show_scientific(digits, exponent) AS
        digits[1] || '.' || CASE WHEN length(digits) > 1 THEN digits[2:] ELSE '0' END
        || 'E' || exponent
    """,
    """
    CREATE OR REPLACE TEMP MACRO athena_show_plain(text) AS
        CASE WHEN text LIKE '0.%' THEN athena_show_scientific(
            ltrim(replace(text, '.', ''), '0'),
            -(length(text) - length(ltrim(text[3:], '0')) - 1))
        ELSE athena_show_scientific(
            CASE WHEN rtrim(replace(text, '.', ''), '0') = '' THEN '0'
                ELSE rtrim(replace(regexp_replace(text, '\\.0$', ''), '.', ''), '0') END,
            strpos(text, '.') - 2)
        END
    """,
    """
    CREATE OR REPLACE TEMP MACRO athena_show_exponent(text) AS
        CASE WHEN contains(split_part(text, 'e', 1), '.') THEN split_part(text, 'e', 1)
            ELSE split_part(text, 'e', 1) || '.0' END
        || 'E' || CAST(CAST(split_part(text, 'e', 2) AS INTEGER) AS VARCHAR)
    """,
    """
    CREATE OR REPLACE TEMP MACRO athena_show_magnitude(text, size) AS
        CASE WHEN contains(text, 'e') THEN athena_show_exponent(text)
            WHEN size >= 1e-3 AND size < 1e7 OR size = 0 THEN text
            ELSE athena_show_plain(text) END
    """,
    """
    CREATE OR REPLACE TEMP MACRO athena_show_float(value) AS
        CASE WHEN value IS NULL THEN NULL
            WHEN isnan(value) THEN 'NaN'
            WHEN isinf(value) THEN CASE WHEN value > 0 THEN 'Infinity' ELSE '-Infinity' END
            ELSE CASE WHEN CAST(value AS VARCHAR) LIKE '-%' THEN '-' ELSE '' END
                || athena_show_magnitude(ltrim(CAST(value AS VARCHAR), '-'), abs(value)) END
    """,
    """
    CREATE OR REPLACE TEMP MACRO athena_show_time(value) AS
        CASE WHEN epoch_us(value) % 1000 = 0 THEN strftime(value, '%Y-%m-%d %H:%M:%S.%g')
            ELSE strftime(value, '%Y-%m-%d %H:%M:%S.%f') END
    """,
    """
    CREATE OR REPLACE TEMP MACRO athena_show_binary(value) AS
        rtrim(regexp_replace(lower(hex(value)), '(..)', '\\1 ', 'g'))
    """,
)
"""What `shown` needs on a DuckDB connection."""

_MACRO_BY_TYPE = {
    "real": "athena_show_float",
    "double": "athena_show_float",
    "timestamp": "athena_show_time",
    "varbinary": "athena_show_binary",
}


def shown(value: str, kind: Type, depth: int = 0) -> str:
    """A DuckDB expression for the text of a value, NULL for NULL.

    Athena writes `[a, null]`, `{k=v}`, `{x=1, y=2}`, `1.0E10`, `2024-06-01 00:00:00.000` and bytes
    as pairs of hex digits. Timestamps with time zone and intervals come from the dialect as text.
    """
    if macro := _MACRO_BY_TYPE.get(kind.name):
        return f"{macro}({value})"
    item = f"item{depth}"
    match kind.name:
        case "varchar" | "json":
            return value
        case "time":
            return f"strftime(CAST('1970-01-01' AS DATE) + {value}, '%H:%M:%S.%g')"
        case "array":
            inside = _or_null(shown(item, kind.args[0], depth + 1))
            items = f"list_transform({value}, lambda {item}: {inside})"
            return f"'[' || array_to_string({items}, ', ') || ']'"
        case "map":
            key = shown(f"{item}.key", kind.args[0], depth + 1)
            entry = f"{key} || '=' || {_or_null(shown(f'{item}.value', kind.args[1], depth + 1))}"
            entries = f"list_transform(map_entries({value}), lambda {item}: {entry})"
            return f"'{{' || array_to_string({entries}, ', ') || '}}'"
        case "row":
            parts = [
                f"'{name}=' || {_or_null(shown(f'({value}).{quoted(name)}', part, depth + 1))}"
                for name, part in kind.fields()
            ]
            inside = " || ', ' || ".join(parts)
            return f"CASE WHEN {value} IS NULL THEN NULL ELSE '{{' || {inside} || '}}' END"
    return f"CAST({value} AS VARCHAR)"


def _or_null(text: str) -> str:
    return f"coalesce({text}, 'null')"


def csv_line(values: list[str]) -> bytes:
    """A line of a result file: every value quoted."""
    return (",".join('"' + value.replace('"', '""') + '"' for value in values) + "\n").encode()
