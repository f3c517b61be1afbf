"""Athena: queries in the platform's workgroup, with what they scanned and cost."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from resources.aws import Aws, MissingInfrastructureError
from resources.faults import code_of, explained
from resources.objects import split_location

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

WORKGROUP = "infra/analytics/athena_workgroup"

_USD_PER_BYTE = 5 / 1024**4
_FEWEST_BILLED_BYTES = 10 * 1024**2
_ATTEMPTS = 3
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.02, 1.0
_WAIT_GROWTH = 1.1
"""Waits are about a tenth of what a query has taken, so its end is seen 5% late on average."""
_MISSING_TABLE = re.compile(r"Table '?(?:[\w$-]+\.)*([\w$-]+)'? (?:does not exist|not found)")


@dataclass(frozen=True)
class QueryStats:
    """What a query was and took; `cost_usd` is AWS's list price in Tokyo, `output` is the location
    of its result file."""

    query_id: str
    bytes_scanned: int
    duration_s: float
    output: str = ""

    @property
    def cost_usd(self) -> float:
        billed = max(self.bytes_scanned, _FEWEST_BILLED_BYTES) if self.bytes_scanned else 0
        return billed * _USD_PER_BYTE

    def metadata(self) -> dict[str, Any]:
        """For Dagster: id, bytes scanned, cost and duration."""
        return {
            "athena_query_id": self.query_id,
            "bytes_scanned": self.bytes_scanned,
            "cost_usd": self.cost_usd,
            "query_s": self.duration_s,
        }


@dataclass(frozen=True)
class QueryResult:
    """Rows of a query in pandas' nullable dtypes, and its statistics."""

    frame: pd.DataFrame
    stats: QueryStats

    @property
    def bytes_scanned(self) -> int:
        return self.stats.bytes_scanned

    @property
    def cost_usd(self) -> float:
        return self.stats.cost_usd

    @property
    def query_id(self) -> str:
        return self.stats.query_id


class QueryFailedError(Exception):
    """Athena could not run a query; the message is Athena's."""

    def __init__(self, query_id: str, reason: str) -> None:
        super().__init__(f"Athena query {query_id} failed: {reason}")
        self.query_id = query_id
        self.reason = reason


class MissingTableError(QueryFailedError):
    """A query names a table that nothing has made yet."""

    def __init__(self, query_id: str, reason: str, table: str) -> None:
        super().__init__(query_id, reason)
        self.table = table


class _TransientFailureError(QueryFailedError):
    """A failure that AWS says may pass by itself."""


class Athena(dg.ConfigurableResource):
    """Queries in the workgroup and the Glue database of one environment.

    Queries raise QueryFailedError, MissingTableError for a table that doesn't exist, and
    MissingInfrastructureError if the workgroup isn't there. A failure that Athena calls
    retryable is tried again twice.
    """

    aws: Aws

    def query(self, sql: str, params: Mapping[str, Any] | None = None) -> QueryResult:
        """The rows of a SELECT; `params` replaces `:name` with quoted literals."""
        stats = self._run(sql, params)
        with self._explained():
            return QueryResult(self._rows(stats), stats)

    def execute(self, sql: str) -> QueryStats:
        """Runs a statement whose rows nobody needs, such as DDL."""
        return self._run(sql, None)

    def unload(self, sql: str, location: str) -> QueryStats:
        """Writes a SELECT's rows as zstd Parquet into a folder that is empty and the caller's."""
        statement = (
            f"UNLOAD ({sql.strip().rstrip(';')}) TO '{location}' "
            "WITH (format = 'PARQUET', compression = 'ZSTD')"
        )
        return self._run(statement, None, clear=location)

    def _run(
        self, sql: str, params: Mapping[str, Any] | None, clear: str | None = None
    ) -> QueryStats:
        for attempt in range(1, _ATTEMPTS):
            try:
                return self._attempt(sql, params)
            except _TransientFailureError:
                if clear:
                    self._clear(clear)
                time.sleep(0.5 * 2**attempt)
        return self._attempt(sql, params)

    def _attempt(self, sql: str, params: Mapping[str, Any] | None) -> QueryStats:
        import awswrangler as wr

        started = time.monotonic()
        with self._explained():
            query_id = wr.athena.start_query_execution(
                sql=sql,
                database=self.aws.names.database,
                workgroup=self.aws.names.workgroup,
                params=dict(params) if params else None,
                boto3_session=self.aws.session,
            )
            execution = self._finished(query_id)
        _raise_failure(query_id, execution["Status"])
        scanned = execution.get("Statistics", {}).get("DataScannedInBytes", 0)
        output = execution.get("ResultConfiguration", {}).get("OutputLocation", "")
        return QueryStats(query_id, int(scanned), time.monotonic() - started, output)

    def _finished(self, query_id: str) -> dict[str, Any]:
        """Waits for a query's end; stops the query if the wait is interrupted."""
        athena = self.aws.client("athena")
        wait_s = _FIRST_WAIT_S
        try:
            while True:
                execution: dict[str, Any] = athena.get_query_execution(QueryExecutionId=query_id)[
                    "QueryExecution"
                ]
                if execution["Status"]["State"] not in ("QUEUED", "RUNNING"):
                    return execution
                time.sleep(wait_s)
                wait_s = min(_WAIT_GROWTH * wait_s, _LONGEST_WAIT_S)
        except (KeyboardInterrupt, SystemExit, dg.DagsterExecutionInterruptedError):
            athena.stop_query_execution(QueryExecutionId=query_id)
            raise

    def _rows(self, stats: QueryStats) -> pd.DataFrame:
        """A query's result file. awswrangler's reader takes empty texts and `NaN` for NULL;
        Athena quotes every value but NULL."""
        import pyarrow as pa
        from pyarrow import csv

        athena = self.aws.client("athena")
        bucket, key = split_location(stats.output)
        body = self.aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        result = athena.get_query_results(QueryExecutionId=stats.query_id, MaxResults=1)
        columns = result["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
        types = _types()
        text = types["varchar"]
        table = csv.read_csv(
            pa.BufferReader(body),
            # An empty line is a row: NULL in the only column.
            parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(
                column_types={c["Name"]: types.get(c["Type"], text)[0] for c in columns},
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        frame: pd.DataFrame = table.to_pandas(types_mapper=dict(types.values()).get)
        return frame

    def _clear(self, location: str) -> None:
        bucket, prefix = split_location(location)
        s3 = self.aws.client("s3")
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", []):
                s3.delete_object(Bucket=bucket, Key=item["Key"])

    def _explained(self) -> AbstractContextManager[None]:
        return _explained(self.aws.names.workgroup)


@contextmanager
def _explained(workgroup: str) -> Iterator[None]:
    """As `explained`; Athena answers InvalidRequestException for a workgroup that isn't there."""
    from botocore.exceptions import ClientError

    what = f"The Athena workgroup {workgroup}"
    with explained(what, WORKGROUP):
        try:
            yield
        except ClientError as error:
            if code_of(error) != "InvalidRequestException":
                raise
            if "workgroup" in str(error).lower():
                raise MissingInfrastructureError(what, WORKGROUP) from error
            raise QueryFailedError("that did not start", str(error)) from error


def _types() -> dict[str, tuple[pa.DataType, Any]]:
    """Arrow's and pandas' types of a result's columns, by Athena's name; others stay text."""
    import pandas as pd
    import pyarrow as pa

    return {
        "boolean": (pa.bool_(), pd.BooleanDtype()),
        "tinyint": (pa.int8(), pd.Int8Dtype()),
        "smallint": (pa.int16(), pd.Int16Dtype()),
        "integer": (pa.int32(), pd.Int32Dtype()),
        "bigint": (pa.int64(), pd.Int64Dtype()),
        "float": (pa.float32(), pd.Float32Dtype()),
        "double": (pa.float64(), pd.Float64Dtype()),
        "varchar": (pa.string(), pd.StringDtype()),
        "date": (pa.date32(), None),
        "timestamp": (pa.timestamp("ms"), None),
    }


def _raise_failure(query_id: str, status: dict[str, Any]) -> None:
    """Raises what a finished query's status says, unless it succeeded."""
    if status["State"] == "SUCCEEDED":
        return
    reason = status.get("StateChangeReason") or status["State"]
    if missing := _MISSING_TABLE.search(reason):
        raise MissingTableError(query_id, reason, missing[1])
    if status.get("AthenaError", {}).get("Retryable"):
        raise _TransientFailureError(query_id, reason)
    raise QueryFailedError(query_id, reason)
