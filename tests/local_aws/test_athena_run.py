"""Athena's API on the local AWS: queries run, and results look as Athena's do (A0)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def purchases(lake: Any) -> Any:
    """Two days of three purchases: `dt`, published into folders of their own."""
    lake.table("purchases", {"id": "bigint", "yen": "int", "note": "string"}, {"dt": "string"})
    for day, base in (("2024-06-01", 0), ("2024-06-02", 10)):
        folder = f"purchases/dt={day}/v-1"
        rows = {
            "id": pa.array([base + 1, base + 2, base + 3], pa.int64()),
            "yen": pa.array([100, None, 300], pa.int32()),
            "note": ['say "hi", 1', None, ""],
        }
        lake.parquet(f"{folder}/part-0", pa.table(rows))
        lake.partition("purchases", [day], folder)
    return lake


def test_a_select_returns_a_header_and_rows(purchases: Any) -> None:
    execution = purchases.run("SELECT id, dt FROM purchases WHERE yen = 100 ORDER BY id")
    assert purchases.result(execution["QueryExecutionId"]) == [
        ("id", "dt"),
        ("1", "2024-06-01"),
        ("11", "2024-06-02"),
    ]


def test_the_execution_tells_what_was_run_and_where_its_result_is(purchases: Any) -> None:
    execution = purchases.run("SELECT 1")
    query_id = execution["QueryExecutionId"]
    assert execution["Query"] == "SELECT 1"
    assert execution["StatementType"] == "DML"
    assert execution["SubstatementType"] == "SELECT"
    assert execution["WorkGroup"] == "primary"
    assert execution["QueryExecutionContext"] == {"Database": purchases.database}
    location = execution["ResultConfiguration"]["OutputLocation"]
    assert location == f"{purchases.results}{query_id}.csv"
    assert purchases.keys("results/") == [
        f"results/{query_id}.csv",
        f"results/{query_id}.csv.metadata",
    ]
    times = execution["Statistics"]
    assert times["TotalExecutionTimeInMillis"] >= times["EngineExecutionTimeInMillis"] >= 0


def test_the_result_file_quotes_values_and_leaves_null_empty(purchases: Any) -> None:
    query = "SELECT id, note FROM purchases WHERE dt = '2024-06-01' ORDER BY id"
    query_id = purchases.run(query)["QueryExecutionId"]
    content = purchases.content(f"results/{query_id}.csv").decode()
    assert content == '"id","note"\n"1","say ""hi"", 1"\n"2",\n"3",""\n'


def test_null_and_empty_text_differ_in_get_query_results(purchases: Any) -> None:
    query = "SELECT note FROM purchases WHERE dt = '2024-06-01' ORDER BY id"
    assert purchases.rows(query) == [('say "hi", 1',), (None,), ("",)]


def test_text_with_line_ends_stays_one_row(lake: Any) -> None:
    query = "SELECT concat('a', chr(10), '\"b\"', chr(10)) AS t, 'x' AS u"
    assert lake.rows(query) == [('a\n"b"\n', "x")]


@pytest.mark.parametrize(
    ("expression", "shown", "name"),
    [
        ("CAST(NULL AS bigint)", None, "bigint"),
        ("true", "true", "boolean"),
        ("CAST(5 AS tinyint)", "5", "tinyint"),
        ("7", "7", "integer"),
        ("CAST(7 AS bigint)", "7", "bigint"),
        ("12.30", "12.30", "decimal"),
        ("1e10", "1.0E10", "double"),
        ("123e0", "123.0", "double"),
        ("1e7", "1.0E7", "double"),
        ("9999999e0", "9999999.0", "double"),
        ("12345678.5e0", "1.23456785E7", "double"),
        ("1e-3", "0.001", "double"),
        ("1e-4", "1.0E-4", "double"),
        ("0.00012345e0", "1.2345E-4", "double"),
        ("-1e20", "-1.0E20", "double"),
        ("0e0", "0.0", "double"),
        ("1e0/3", "0.3333333333333333", "double"),
        ("nan()", "NaN", "double"),
        ("-infinity()", "-Infinity", "double"),
        ("CAST(0.1 AS real)", "0.1", "float"),
        ("DATE '2024-06-01'", "2024-06-01", "date"),
        ("TIMESTAMP '2024-06-01 00:00:00'", "2024-06-01 00:00:00.000", "timestamp"),
        ("TIMESTAMP '2024-06-01 01:02:03.456'", "2024-06-01 01:02:03.456", "timestamp"),
        (
            "TIMESTAMP '2024-06-01 00:00:00 Asia/Tokyo'",
            "2024-06-01 00:00:00.000 Asia/Tokyo",
            "timestamp with time zone",
        ),
        ("X'6162ff'", "61 62 ff", "varbinary"),
        ("ARRAY[1, NULL, 3]", "[1, null, 3]", "array"),
        ("ARRAY['a', 'b, c']", "[a, b, c]", "array"),
        ("filter(ARRAY[1], x -> false)", "[]", "array"),
        ("MAP(ARRAY['k'], ARRAY[1.5e10])", "{k=1.5E10}", "map"),
        ("CAST(ROW(1, 'b') AS row(x integer, y varchar))", "{x=1, y=b}", "row"),
        ("ROW(1, NULL)", "{field0=1, field1=null}", "row"),
        ("ARRAY[ROW(DATE '2024-01-01', X'00')]", "[{field0=2024-01-01, field1=00}]", "array"),
        ("JSON '{\"a\": 1}'", '{"a":1}', "json"),
        ("INTERVAL '2' DAY", "2 00:00:00.000", "interval day to second"),
    ],
)
def test_values_are_shown_as_athena_shows_them(
    lake: Any, expression: str, shown: str | None, name: str
) -> None:
    query_id = lake.run(f"SELECT {expression} AS v")["QueryExecutionId"]
    answer = lake.athena.get_query_results(QueryExecutionId=query_id)["ResultSet"]
    assert answer["Rows"][1]["Data"] == ([{"VarCharValue": shown}] if shown is not None else [{}])
    assert answer["ResultSetMetadata"]["ColumnInfo"][0]["Type"] == name
    text = "" if shown is None else '"' + shown.replace('"', '""') + '"'
    assert lake.content(f"results/{query_id}.csv").decode() == f'"v"\n{text}\n'


def test_column_info_has_athenas_precisions(lake: Any) -> None:
    query = "SELECT 1.25 AS d, CAST('a' AS varchar(5)) AS v, 1 AS i, 'x' AS \"Mixed\""
    query_id = lake.run(query)["QueryExecutionId"]
    answer = lake.athena.get_query_results(QueryExecutionId=query_id)["ResultSet"]
    found = answer["ResultSetMetadata"]["ColumnInfo"]
    assert [(c["Name"], c["Type"], c["Precision"], c["Scale"]) for c in found] == [
        ("d", "decimal", 3, 2),
        ("v", "varchar", 5, 0),
        ("i", "integer", 10, 0),
        ("Mixed", "varchar", 1, 0),
    ]
    assert [c["CaseSensitive"] for c in found] == [False, True, False, True]


def test_unnamed_columns_are_numbered(lake: Any) -> None:
    query_id = lake.run("SELECT 1, 2 AS b, 3")["QueryExecutionId"]
    assert lake.result(query_id)[0] == ("_col0", "b", "_col2")


def test_two_columns_may_have_one_name(lake: Any) -> None:
    query_id = lake.run("SELECT 1 AS a, 2 AS a")["QueryExecutionId"]
    assert lake.result(query_id) == [("a", "a"), ("1", "2")]


def test_pages_follow_each_other_until_there_is_no_token(lake: Any) -> None:
    query = "SELECT i, concat('x', chr(10), '\"') FROM UNNEST(sequence(1, 7)) AS t(i) ORDER BY i"
    query_id = lake.run(query)["QueryExecutionId"]
    pages, token = [], {}
    while True:
        answer = lake.athena.get_query_results(QueryExecutionId=query_id, MaxResults=3, **token)
        pages.append([row["Data"][0]["VarCharValue"] for row in answer["ResultSet"]["Rows"]])
        assert len(answer["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]) == 2
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}
    assert pages == [["i", "1", "2"], ["3", "4", "5"], ["6", "7"]]


def test_a_page_holds_at_most_a_thousand_rows(lake: Any) -> None:
    query_id = lake.run("SELECT * FROM UNNEST(sequence(1, 1500)) AS t(i)")["QueryExecutionId"]
    answer = lake.athena.get_query_results(QueryExecutionId=query_id)
    assert len(answer["ResultSet"]["Rows"]) == 1000
    assert answer["NextToken"]


def test_parameters_take_the_place_of_question_marks(purchases: Any) -> None:
    query = "SELECT id FROM purchases WHERE dt = ? AND yen > ?"
    assert purchases.rows(query, "'2024-06-02'", "100") == [("13",)]


def test_a_wrong_number_of_parameters_fails(purchases: Any) -> None:
    reason = purchases.fails("SELECT id FROM purchases WHERE dt = ? AND id = ?", "'x'")
    assert reason == (
        "INVALID_PARAMETER_USAGE: Incorrect number of parameters: expected 2 but found 1"
    )


def test_prepared_statements_are_executed_with_values(purchases: Any) -> None:
    purchases.run("PREPARE of_day FROM SELECT id FROM purchases WHERE dt = ? AND id > ?")
    try:
        assert purchases.rows("EXECUTE of_day USING '2024-06-01', 1 + 1") == [("3",)]
    finally:
        purchases.run("DEALLOCATE PREPARE of_day")
    assert "Prepared statement not found: of_day" in purchases.fails("EXECUTE of_day USING 1, 2")


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (
            "SELECT *\n  FROM nowhere",
            "TABLE_NOT_FOUND: line 2:8: Table 'awsdatacatalog.{db}.nowhere' does not exist",
        ),
        (
            'SELECT * FROM awsdatacatalog."{db}".nowhere',
            "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.{db}.nowhere' does not exist",
        ),
        ("SELECT * FROM no_db.t", "SCHEMA_NOT_FOUND: line 1:15: Schema 'no_db' does not exist"),
        (
            "SELECT id, colour FROM purchases",
            "COLUMN_NOT_FOUND: line 1:12: Column 'colour' cannot be resolved",
        ),
        ("SELECT 1 / 0", "DIVISION_BY_ZERO: Division by zero"),
    ],
)
def test_a_failed_query_says_why_in_athenas_words(purchases: Any, query: str, reason: str) -> None:
    execution = purchases.wait(purchases.start(query.format(db=purchases.database)))
    status = execution["Status"]
    assert status["State"] == "FAILED"
    assert status["StateChangeReason"] == reason.format(db=purchases.database)
    assert status["AthenaError"]["ErrorCategory"] == 2
    assert status["AthenaError"]["ErrorMessage"] == status["StateChangeReason"]
    with pytest.raises(ClientError, match="FAILED"):
        purchases.result(execution["QueryExecutionId"])


@pytest.mark.parametrize(
    "query",
    ["SELEC 1", "SELECT FROM WHERE", "", "SELECT 1; SELECT 2", "EXPLAIN SELECT 1", "DROP"],
)
def test_what_is_no_statement_is_refused_at_the_start(lake: Any, query: str) -> None:
    with pytest.raises(ClientError) as refused:
        lake.start(query or " ")
    assert refused.value.response["Error"]["Code"] == "InvalidRequestException"


def test_a_query_needs_a_place_for_its_result(lake: Any) -> None:
    for place, message in (
        ({}, "No output location provided"),
        ({"OutputLocation": "s3://no-such-bucket/x/"}, "Unable to verify/create output bucket"),
    ):
        with pytest.raises(ClientError, match=message):
            lake.start("SELECT 1", ResultConfiguration=place)


def test_a_disabled_work_group_runs_nothing(lake: Any) -> None:
    group = f"off-{lake.database}"
    lake.athena.create_work_group(Name=group)
    lake.athena.update_work_group(WorkGroup=group, State="DISABLED")
    with pytest.raises(ClientError, match="is disabled"):
        lake.start("SELECT 1", WorkGroup=group)
    with pytest.raises(ClientError, match="is not found"):
        lake.start("SELECT 1", WorkGroup="nobody")


def test_hidden_columns_are_refused(purchases: Any) -> None:
    assert purchases.fails('SELECT "$path" FROM purchases') == (
        'NOT_SUPPORTED: the hidden column "$path"'
    )


def test_values_alone_are_a_query(lake: Any) -> None:
    assert lake.rows("VALUES (1, 'a'), (2, NULL)") == [("1", "a"), ("2", None)]


def test_an_unknown_query_is_an_invalid_request(lake: Any) -> None:
    for call in (lake.athena.get_query_execution, lake.athena.get_query_results):
        with pytest.raises(ClientError, match="was not found"):
            call(QueryExecutionId="00000000-0000-0000-0000-000000000000")


def test_a_repeated_start_with_one_token_is_one_query(lake: Any) -> None:
    token = "t" * 40
    first = lake.start("SELECT 1", ClientRequestToken=token)
    assert lake.start("SELECT 1", ClientRequestToken=token) == first
    with pytest.raises(ClientError, match="Idempotent parameters do not match"):
        lake.start("SELECT 2", ClientRequestToken=token)


def test_queries_run_side_by_side(purchases: Any) -> None:
    """Each on its own connection: none sees another's tables or parameters."""
    query = "SELECT count(*), ? FROM purchases WHERE id > ?"

    def answer(number: int) -> list[tuple[str | None, ...]]:
        return purchases.rows(query, f"'q{number}'", str(number))

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(answer, range(12)))
    counts = [6, 5, 4, 3, 3, 3, 3, 3, 3, 3, 3, 2]
    assert found == [[(str(count), f"q{n}")] for n, count in enumerate(counts)]


SLOW = "SELECT count(*) FROM UNNEST(sequence(1, 10000)) AS a(x) " + " ".join(
    f"CROSS JOIN UNNEST(sequence(1, 10000)) AS {name}(x)" for name in "bcd"
)


def test_a_running_query_can_be_stopped(lake: Any) -> None:
    query_id = lake.start(SLOW)
    lake.athena.stop_query_execution(QueryExecutionId=query_id)
    status = lake.wait(query_id)["Status"]
    assert (status["State"], status["StateChangeReason"]) == (
        "CANCELLED",
        "Query cancelled by user",
    )
    assert lake.rows("SELECT 1") == [("1",)]


def test_queries_beyond_the_pool_wait_and_can_be_stopped_while_they_do(lake: Any) -> None:
    running = [lake.start(SLOW) for _ in range(8)]
    waiting = lake.start("SELECT 1")
    found = lake.athena.batch_get_query_execution(QueryExecutionIds=[waiting, "nobody"])
    assert found["QueryExecutions"][0]["Status"]["State"] == "QUEUED"
    assert found["UnprocessedQueryExecutionIds"][0]["QueryExecutionId"] == "nobody"
    with pytest.raises(ClientError, match="has not yet finished"):
        lake.result(waiting)
    for query_id in [waiting, *running]:
        lake.athena.stop_query_execution(QueryExecutionId=query_id)
    assert lake.wait(waiting)["Status"]["State"] == "CANCELLED"
    assert lake.keys(f"results/{waiting}") == []


def test_stopping_ends_the_work_and_not_only_the_state(lake: Any) -> None:
    """A stop that came before DuckDB had begun was lost, and the query went on for ever."""
    for _ in range(16):
        lake.athena.stop_query_execution(QueryExecutionId=lake.start(SLOW))
    assert lake.rows("SELECT 1") == [("1",)]


def test_listing_gives_a_work_groups_queries_newest_first(lake: Any, client: Callable) -> None:
    group = f"group-{lake.database}"
    configuration = {"ResultConfiguration": {"OutputLocation": lake.results}}
    client("athena").create_work_group(Name=group, Configuration=configuration)
    ids = [lake.run(f"SELECT {n}", WorkGroup=group)["QueryExecutionId"] for n in range(3)]
    first = lake.athena.list_query_executions(WorkGroup=group, MaxResults=2)
    rest = lake.athena.list_query_executions(WorkGroup=group, NextToken=first["NextToken"])
    assert [*first["QueryExecutionIds"], *rest["QueryExecutionIds"]] == ids[::-1]


def test_an_enforced_work_group_decides_where_results_go(lake: Any) -> None:
    group = f"enforced-{lake.database}"
    place = f"s3://{lake.bucket}/enforced/"
    lake.athena.create_work_group(
        Name=group,
        Configuration={
            "EnforceWorkGroupConfiguration": True,
            "ResultConfiguration": {
                "OutputLocation": place,
                "EncryptionConfiguration": {"EncryptionOption": "SSE_KMS", "KmsKey": "alias/k"},
            },
        },
    )
    execution = lake.run("SELECT 1", WorkGroup=group)
    configuration = execution["ResultConfiguration"]
    assert configuration["OutputLocation"] == f"{place}{execution['QueryExecutionId']}.csv"
    assert configuration["EncryptionConfiguration"]["EncryptionOption"] == "SSE_KMS"
    assert lake.keys("results/") == []
    lake.athena.update_work_group(
        WorkGroup=group, ConfigurationUpdates={"EnforceWorkGroupConfiguration": False}
    )
    execution = lake.run("SELECT 1", WorkGroup=group)
    assert execution["ResultConfiguration"]["OutputLocation"].startswith(lake.results)


def test_a_query_that_reads_more_than_its_work_group_allows_is_cancelled(lake: Any) -> None:
    group = f"limited-{lake.database}"
    lake.athena.create_work_group(
        Name=group,
        Configuration={
            "BytesScannedCutoffPerQuery": 10_000_000,
            "EnforceWorkGroupConfiguration": False,
        },
    )
    lake.table("numbers", {"a": "bigint", "b": "bigint"})
    count = 1_300_000
    numbers = pa.table({"a": pa.array(range(count), pa.int64()), "b": pa.array([1] * count)})
    lake.parquet("numbers/f", numbers, use_dictionary=["b"], compression="none")
    query = f"UNLOAD (SELECT a FROM numbers) TO 's3://{lake.bucket}/out/' WITH (format='PARQUET')"
    execution = lake.wait(lake.start(query, WorkGroup=group))
    assert execution["Status"]["State"] == "CANCELLED"
    assert "Bytes scanned limit was exceeded" in execution["Status"]["StateChangeReason"]
    assert execution["Statistics"]["DataScannedInBytes"] > 10_000_000
    assert lake.keys("out/") == []
    assert lake.run("SELECT sum(b) FROM numbers", WorkGroup=group)


def test_metadata_calls_answer_from_glue(purchases: Any) -> None:
    athena, catalog = purchases.athena, "AwsDataCatalog"
    named = {"CatalogName": catalog, "DatabaseName": purchases.database}
    assert athena.get_database(**named)["Database"]["Name"] == purchases.database
    found = athena.get_table_metadata(**named, TableName="purchases")["TableMetadata"]
    assert [c["Name"] for c in found["Columns"]] == ["id", "yen", "note"]
    assert [c["Name"] for c in found["PartitionKeys"]] == ["dt"]
    listed = athena.list_table_metadata(**named)["TableMetadataList"]
    assert [table["Name"] for table in listed] == ["purchases"]
    catalogs = athena.list_data_catalogs()["DataCatalogsSummary"]
    assert catalog in [found["CatalogName"] for found in catalogs]


def test_information_schema_lists_tables_and_columns(purchases: Any) -> None:
    of_database = f"WHERE table_schema = '{purchases.database}'"
    tables = f"SELECT table_name, table_type FROM information_schema.tables {of_database}"
    assert purchases.rows(tables) == [("purchases", "BASE TABLE")]
    columns = (
        "SELECT column_name, data_type, extra_info FROM information_schema.columns "
        f"{of_database} ORDER BY ordinal_position"
    )
    assert purchases.rows(columns) == [
        ("id", "bigint", None),
        ("yen", "integer", None),
        ("note", "varchar", None),
        ("dt", "varchar", "partition key"),
    ]
    assert "NOT_SUPPORTED" in purchases.fails("SELECT * FROM information_schema.views")


def test_the_hidden_partitions_table_lists_registered_values(purchases: Any) -> None:
    query = 'SELECT * FROM "purchases$partitions" ORDER BY dt'
    assert purchases.rows(query) == [("2024-06-01",), ("2024-06-02",)]


def test_parquet_types_come_back_as_they_were_written(lake: Any) -> None:
    moment = dt.datetime.fromisoformat("2024-06-01T01:02:03.456")
    columns = {
        "b": "boolean", "i": "int", "l": "bigint", "f": "float", "d": "double",
        "c": "decimal(10,2)", "s": "string", "y": "binary", "t": "timestamp", "day": "date",
        "a": "array<int>", "m": "map<string,double>", "r": "struct<x:int,y:string>",
    }  # fmt: skip
    row = {
        "b": True, "i": 1, "l": 2**40, "f": 0.5, "d": 2.5, "c": Decimal("3.10"), "s": "あ",
        "y": b"\x00\xff", "t": moment, "day": moment.date(), "a": [1, None],
        "m": [("k", 1.0)], "r": {"x": 1, "y": None},
    }  # fmt: skip
    kinds = [
        pa.bool_(), pa.int32(), pa.int64(), pa.float32(), pa.float64(), pa.decimal128(10, 2),
        pa.string(), pa.binary(), pa.timestamp("ms"), pa.date32(), pa.list_(pa.int32()),
        pa.map_(pa.string(), pa.float64()), pa.struct([("x", pa.int32()), ("y", pa.string())]),
    ]  # fmt: skip
    lake.table("everything", columns)
    arrays = {k: pa.array([v, None], t) for (k, v), t in zip(row.items(), kinds, strict=True)}
    lake.parquet("everything/f", pa.table(arrays))
    assert lake.rows("SELECT * FROM everything") == [
        ("true", "1", str(2**40), "0.5", "2.5", "3.10", "あ", "00 ff", "2024-06-01 01:02:03.456",
         "2024-06-01", "[1, null]", "{k=1.0}", "{x=1, y=null}"),
        (None,) * 13,
    ]  # fmt: skip
