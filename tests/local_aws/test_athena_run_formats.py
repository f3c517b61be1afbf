"""Files that the local Athena reads: Parquet whose schema changed, JSON lines, CSV, text."""

from __future__ import annotations

import bz2
import gzip
from typing import Any

import pyarrow as pa
import pytest

OPENX = "org.openx.data.jsonserde.JsonSerDe"
HIVE_JSON = "org.apache.hive.hcatalog.data.JsonSerDe"
OPEN_CSV = "org.apache.hadoop.hive.serde2.OpenCSVSerde"
LAZY = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"


# --- Parquet -------------------------------------------------------------------------------------


def test_parquet_columns_are_found_by_name_and_missing_ones_are_null(lake: Any) -> None:
    lake.table("t", {"id": "bigint", "name": "string", "added": "array<int>"})
    lake.parquet("t/1", pa.table({"name": ["a"], "id": pa.array([1], pa.int64()), "gone": [0]}))
    lake.parquet("t/2", pa.table({"ID": pa.array([2], pa.int32())}))
    lake.parquet("t/3", pa.table({"id": pa.array([3], pa.int16()), "added": [[7]]}))
    assert lake.rows("SELECT * FROM t ORDER BY id") == [
        ("1", "a", None),
        ("2", None, None),
        ("3", None, "[7]"),
    ]


def test_a_float_column_is_read_as_double(lake: Any) -> None:
    lake.table("t", {"f": "double"})
    lake.parquet("t/1", pa.table({"f": pa.array([0.5], pa.float32())}))
    assert lake.rows("SELECT f FROM t") == [("0.5",)]


def test_an_incompatible_column_fails_only_the_queries_that_read_it(lake: Any) -> None:
    lake.table("t", {"id": "bigint", "amount": "double"})
    lake.parquet("t/1", pa.table({"id": pa.array([1], pa.int64()), "amount": [5]}))
    reason = lake.fails("SELECT amount FROM t")
    assert reason.startswith("HIVE_BAD_DATA: Field amount's type INT64 in parquet file")
    assert reason.endswith("is incompatible with type double defined in table schema")
    assert lake.rows("SELECT id FROM t") == [("1",)]


def test_a_file_that_is_no_parquet_is_bad_data(lake: Any) -> None:
    lake.table("t", {"id": "bigint"})
    lake.put("t/1", "id\n1\n")
    assert lake.fails("SELECT id FROM t") == (
        f"HIVE_BAD_DATA: Not valid Parquet file: s3://{lake.bucket}/t/1"
    )


def test_timestamps_are_rounded_to_milliseconds(lake: Any) -> None:
    lake.table("t", {"at": "timestamp"})
    micros = pa.array([1_000_499, 1_000_500, None], pa.timestamp("us"))
    lake.parquet("t/1", pa.table({"at": micros}))
    zoned = pa.array([2_000], pa.timestamp("ms", "UTC"))
    lake.parquet("t/2", pa.table({"at": zoned}))
    assert lake.rows("SELECT at FROM t ORDER BY at") == [
        ("1970-01-01 00:00:01.000",),
        ("1970-01-01 00:00:01.001",),
        ("1970-01-01 00:00:02.000",),
        (None,),
    ]


def test_hidden_and_empty_objects_are_passed_over(lake: Any) -> None:
    lake.table("t", {"id": "bigint"})
    lake.parquet("t/deep/er/1", pa.table({"id": pa.array([1], pa.int64())}))
    for key in ("t/_SUCCESS", "t/.hidden", "t/_temporary/x"):
        lake.put(key, "not parquet")
    lake.put("t/folder/", "")
    assert lake.rows("SELECT id FROM t") == [("1",)]


def test_a_partition_registered_with_another_type_is_a_schema_mismatch(lake: Any) -> None:
    lake.table("t", {"a": "int"}, {"dt": "string"})
    lake.partition("t", ["x"], "t/x", a="string")
    reason = lake.fails("SELECT a FROM t")
    assert reason == (
        "HIVE_PARTITION_SCHEMA_MISMATCH: There is a mismatch between the table and partition "
        "schemas. The types are incompatible and cannot be coerced. The column 'a' in table "
        f"'{lake.database}.t' is declared as type 'int', but partition 'dt=x' declared column 'a' "
        "as type 'string'."
    )


def test_a_partition_registered_with_a_narrower_type_is_widened(lake: Any) -> None:
    lake.table("t", {"a": "bigint"}, {"dt": "string"})
    lake.partition("t", ["x"], "t/x", a="int")
    lake.parquet("t/x/f", pa.table({"a": pa.array([1], pa.int32())}))
    assert lake.rows("SELECT a FROM t") == [("1",)]


@pytest.mark.parametrize(
    "value", ["2024-06-01 10:00", "a/b=c%d", "NULL", "null", "日本", "x'y\"z", "+ ,&"]
)
def test_any_text_may_be_a_partitions_value(lake: Any, value: str) -> None:
    lake.table("t", {"a": "bigint"}, {"p": "string"})
    lake.partition("t", [value], "t/odd")
    lake.parquet("t/odd/f", pa.table({"a": pa.array([1], pa.int64())}))
    assert lake.rows("SELECT p FROM t") == [(value,)]
    assert lake.rows("SELECT a FROM t WHERE p = ?", "'" + value.replace("'", "''") + "'") == [
        ("1",)
    ]


def test_the_default_partition_is_null(lake: Any) -> None:
    lake.table("t", {"a": "bigint"}, {"p": "int"})
    lake.partition("t", ["__HIVE_DEFAULT_PARTITION__"], "t/none")
    lake.partition("t", ["5"], "t/five")
    for folder in ("none", "five"):
        lake.parquet(f"t/{folder}/f", pa.table({"a": pa.array([1], pa.int64())}))
    assert lake.rows("SELECT p FROM t ORDER BY p") == [("5",), (None,)]
    assert lake.rows("SELECT count(*) FROM t WHERE p IS NULL") == [("1",)]


# --- JSON ----------------------------------------------------------------------------------------

EVENTS = """\
{"event_id": "e1", "event_time_ms": 1717200000000, "Customer_Id": 7, "page": "/a", "x": {"y": 1}}
{"event_id": "e2", "customer_id": null, "extra": [1]}

{"event_id": "e3", "customer_id": "9", "x": "text", "tags": ["a", null], "ok": true, "f": 1.5e3}
"""
EVENT_COLUMNS = {
    "event_id": "string",
    "event_time_ms": "bigint",
    "customer_id": "int",
    "x": "string",
    "tags": "array<string>",
    "ok": "boolean",
    "f": "double",
}
EVENT_ROWS = [
    ("e1", "1717200000000", "7", '{"y":1}', None, None, None),
    ("e2", None, None, None, None, None, None),
    ("e3", None, "9", "text", "[a, null]", "true", "1500.0"),
]


@pytest.mark.parametrize("serde", [OPENX, HIVE_JSON])
def test_json_lines_are_read_by_key_whatever_its_case(lake: Any, serde: str) -> None:
    lake.table("events", EVENT_COLUMNS, serde=serde)
    lake.put("events/1", EVENTS)
    assert lake.rows("SELECT * FROM events ORDER BY event_id") == EVENT_ROWS


@pytest.mark.parametrize(("suffix", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress)])
def test_compressed_text_is_told_by_its_suffix(lake: Any, suffix: str, pack: Any) -> None:
    lake.table("events", EVENT_COLUMNS, serde=OPENX)
    content = pack(EVENTS.encode())
    lake.put(f"events/1.{suffix}", content)
    execution = lake.run("SELECT event_id FROM events")
    assert len(lake.result(execution["QueryExecutionId"])) == 4
    assert execution["Statistics"]["DataScannedInBytes"] == len(content)


def test_json_partitions_and_nested_types(lake: Any) -> None:
    columns = {"a": "struct<b:int,c:array<double>>", "m": "map<string,int>"}
    lake.table("t", columns, {"dt": "string"}, serde=OPENX)
    lake.partition("t", ["2024-06-01"], "t/one")
    lake.put("t/one/f", '{"a": {"b": 1, "c": [1, 2.5]}, "m": {"k": 3}}\n')
    query = "SELECT a.b, a.c[2], m['k'], a, m, dt FROM t"
    assert lake.rows(query) == [
        ("1", "2.5", "3", "{b=1, c=[1.0, 2.5]}", "{k=3}", "2024-06-01"),
    ]


def test_json_keys_can_be_mapped(lake: Any) -> None:
    lake.table("t", {"ts": "string"}, serde=OPENX, options={"mapping.ts": "timestamp"})
    lake.put("t/f", '{"timestamp": "now"}')
    assert lake.rows("SELECT ts FROM t") == [("now",)]


@pytest.mark.parametrize("line", ['{"a": 1', "[1]", "plain", '{"a": 1}{"a": 2}'])
def test_a_malformed_json_line_is_bad_data_unless_the_table_ignores_it(
    lake: Any, line: str
) -> None:
    lake.table("strict", {"a": "int"}, serde=OPENX)
    lake.put("strict/f", f'{{"a": 5}}\n{line}\n')
    assert lake.fails("SELECT a FROM strict").startswith("HIVE_BAD_DATA")
    lake.table("lax", {"a": "int"}, serde=OPENX, options={"ignore.malformed.json": "true"})
    lake.put("lax/f", f'{{"a": 5}}\n{line}\n')
    assert lake.rows("SELECT a FROM lax ORDER BY a") == [("5",), (None,)]


def test_a_json_value_of_another_type_is_bad_data(lake: Any) -> None:
    lake.table("t", {"a": "int", "b": "string"}, serde=OPENX)
    lake.put("t/f", '{"a": "many", "b": "x"}')
    reason = lake.fails("SELECT a FROM t")
    assert reason == "HIVE_BAD_DATA: Error parsing field value for field a"
    assert lake.rows("SELECT b FROM t") == [("x",)]


# --- CSV and delimited text ----------------------------------------------------------------------


def test_open_csv_reads_quotes_escapes_and_skips_headers(lake: Any) -> None:
    columns = {"id": "bigint", "name": "string", "price": "double", "day": "date"}
    lake.table("t", columns, serde=OPEN_CSV, parameters={"skip.header.line.count": "1"})
    lake.put(
        "t/1",
        'id,name,price,day\n1,"a, ""b""",1.5,19875\n"2","c \\" d","2",0\n3,,0,1\n',
    )
    lake.put("t/2", "id,name,price,day\r\n4,e,0.5,1\r\n")
    assert lake.rows("SELECT * FROM t ORDER BY id") == [
        ("1", 'a, "b"', "1.5", "2024-06-01"),
        ("2", 'c " d', "2.0", "1970-01-01"),
        ("3", "", "0.0", "1970-01-02"),
        ("4", "e", "0.5", "1970-01-02"),
    ]


def test_open_csv_with_other_signs(lake: Any) -> None:
    options = {"separatorChar": ";", "quoteChar": "'", "escapeChar": "\\"}
    lake.table("t", {"a": "string", "b": "string"}, serde=OPEN_CSV, options=options)
    lake.put("t/1", "'x;y';z\n")
    assert lake.rows("SELECT * FROM t") == [("x;y", "z")]


def test_open_csv_fails_on_a_number_that_is_none(lake: Any) -> None:
    lake.table("t", {"a": "int", "b": "string"}, serde=OPEN_CSV)
    lake.put("t/1", ",x\n")
    assert lake.fails("SELECT a FROM t").startswith("HIVE_BAD_DATA: Error parsing field value")
    assert lake.rows("SELECT b FROM t") == [("x",)]


def test_lazy_simple_gives_null_for_what_does_not_parse(lake: Any) -> None:
    columns = {"a": "int", "b": "string", "c": "timestamp", "d": "boolean"}
    lake.table("t", columns, serde=LAZY, options={"field.delim": "\t"})
    lake.put("t/1", '1\t"q"\t2024-06-01 01:02:03\ttrue\nx\t\\N\tnope\t\n2\n3\tb\t\tfalse\tmore\n')
    assert lake.rows("SELECT * FROM t ORDER BY a, b") == [
        ("1", '"q"', "2024-06-01 01:02:03.000", "true"),
        ("2", None, None, None),
        ("3", "b", None, "false"),
        (None, None, None, None),
    ]


def test_lazy_simple_by_default_separates_by_control_a_and_can_escape(lake: Any) -> None:
    lake.table("t", {"a": "string", "b": "string"}, serde=LAZY)
    lake.put("t/1", "x\x01y\n")
    assert lake.rows("SELECT * FROM t") == [("x", "y")]
    lake.table(
        "u", {"a": "string", "b": "string"}, serde=LAZY,
        options={"field.delim": ",", "escape.delim": "\\", "serialization.null.format": ""},
    )  # fmt: skip
    lake.put("u/1", "x\\,y,z\n,w\n")
    assert lake.rows("SELECT * FROM u ORDER BY b") == [(None, "w"), ("x,y", "z")]


def test_unknown_serdes_are_refused(lake: Any) -> None:
    lake.table("t", {"a": "int"}, serde="org.apache.hadoop.hive.ql.io.orc.OrcSerde")
    assert lake.fails("SELECT a FROM t").startswith("NOT_SUPPORTED")
