"""The calls that start, watch and read queries, answered by the engine. Imported when needed: the
SQL translator behind it is slow to load."""

from __future__ import annotations

import json
import threading
import uuid
from functools import cache
from typing import TYPE_CHECKING, Any

from mall_platform.local_aws import lifecycle
from mall_platform.local_aws.athena import ddl_statements, dialect
from mall_platform.local_aws.athena.engine import Engine, Query
from mall_platform.local_aws.athena.engine_catalog import Catalog
from mall_platform.local_aws.athena.engine_errors import InvalidRequestError, MalformedQueryError
from mall_platform.local_aws.athena.engine_run import Request, Services
from mall_platform.local_aws.athena.errors import AthenaError
from mall_platform.local_aws.athena.storage import Location, Storage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from moto.athena.models import AthenaBackend
    from moto.athena.responses import AthenaResponse

Answer = str | tuple[str, dict[str, int]]

_PAGE = 1000
_LISTED = 50


_making = threading.Lock()


def engine() -> Engine:
    """The engine of this process, of which there is one."""
    with _making:
        return _engine(lifecycle.home() / "athena")


@cache
def _engine(home: Path) -> Engine:
    return Engine(home)


def close() -> None:
    """Ends the engine."""
    engine().close()


def drop_everything() -> None:
    """Cancels all queries and forgets them and their results."""
    for queries in list(_state.values()):
        for query in list(queries.values()):
            engine().stop(query)
    _state.clear()
    _tokens.clear()
    engine().forget_results()


_state: dict[tuple[str, str], dict[str, Query]] = {}
_tokens: dict[tuple[str, str, str], tuple[str, str]] = {}


def _queries(backend: AthenaBackend) -> dict[str, Query]:
    return _state.setdefault((backend.account_id, backend.region_name), {})


def invalid_request(message: str, code: str = "INVALID_INPUT") -> Answer:
    """An InvalidRequestException, as a response of moto's."""
    body = {"__type": "InvalidRequestException", "Message": message, "AthenaErrorCode": code}
    return json.dumps(body), {"status": 400}


def services(backend: AthenaBackend, work_group: str) -> Services:
    """What the queries of one account, region and workgroup work on."""
    return Services(
        Catalog(backend.account_id, backend.region_name),
        Storage(backend.account_id, lifecycle.home() / "athena"),
        engine().footers,
        _Prepared(backend, work_group),
        engine().results,
    )


class _Prepared(dict[str, str]):
    """moto's prepared statements of a workgroup by name, for PREPARE and EXECUTE."""

    def __init__(self, backend: AthenaBackend, work_group: str) -> None:
        self._backend = backend
        self._work_group = work_group
        super().__init__(
            (name, found.query_statement)
            for name, found in backend.prepared_statements.items()
            if found.workgroup == work_group
        )

    def __setitem__(self, name: str, statement: str) -> None:
        super().__setitem__(name, statement)
        self._backend.create_prepared_statement(name, self._work_group, statement, "")

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        del self._backend.prepared_statements[name]


def start_query_execution(self: AthenaResponse) -> Answer:
    backend = self.athena_backend
    sql = self._get_param("QueryString")
    group_name = self._get_param("WorkGroup") or "primary"
    if group_name not in backend.work_groups:
        return invalid_request(f"WorkGroup {group_name} is not found.")
    if backend.work_groups[group_name].state == "DISABLED":
        return invalid_request(f"WorkGroup {group_name} is disabled.")
    token = self._get_param("ClientRequestToken")
    place = (backend.account_id, backend.region_name, token)
    if token and place in _tokens:
        known, known_sql = _tokens[place]
        if known_sql != sql:
            return invalid_request("Idempotent parameters do not match")
        return json.dumps({"QueryExecutionId": known})
    try:
        query = _prepare(self, backend, group_name)
    except InvalidRequestError as error:
        return invalid_request(error.message)
    except MalformedQueryError as error:
        return invalid_request(error.message, error.kind)
    except AthenaError as error:
        return invalid_request(str(error), "MALFORMED_QUERY")
    _queries(backend)[query.request.id] = query
    if token:
        _tokens[place] = (query.request.id, sql)
    engine().submit(query)
    return json.dumps({"QueryExecutionId": query.request.id})


def get_query_execution(self: AthenaResponse) -> Answer:
    query_id = self._get_param("QueryExecutionId")
    query = _queries(self.athena_backend).get(query_id)
    if query is None:
        return invalid_request(f"QueryExecution {query_id} was not found")
    return json.dumps({"QueryExecution": _described(query)})


def batch_get_query_execution(self: AthenaResponse) -> Answer:
    known = _queries(self.athena_backend)
    ids = self._get_param("QueryExecutionIds")
    return json.dumps(
        {
            "QueryExecutions": [_described(known[i]) for i in ids if i in known],
            "UnprocessedQueryExecutionIds": [
                {"QueryExecutionId": i, "ErrorMessage": f"QueryExecution {i} was not found"}
                for i in ids
                if i not in known
            ],
        }
    )


def list_query_executions(self: AthenaResponse) -> Answer:
    group = self._get_param("WorkGroup") or "primary"
    queries = _queries(self.athena_backend).values()
    ids = [q.request.id for q in queries if q.request_details["WorkGroup"] == group][::-1]
    start = int(self._get_param("NextToken") or 0)
    end = start + int(self._get_param("MaxResults") or _LISTED)
    answer: dict[str, Any] = {"QueryExecutionIds": ids[start:end]}
    if end < len(ids):
        answer["NextToken"] = str(end)
    return json.dumps(answer)


def stop_query_execution(self: AthenaResponse) -> Answer:
    query_id = self._get_param("QueryExecutionId")
    query = _queries(self.athena_backend).get(query_id)
    if query is None:
        return invalid_request(f"QueryExecution {query_id} was not found")
    engine().stop(query)
    return "{}"


def get_query_results(self: AthenaResponse) -> Answer:
    query_id = self._get_param("QueryExecutionId")
    query = _queries(self.athena_backend).get(query_id)
    if query is None:
        return invalid_request(f"QueryExecution {query_id} was not found")
    if query.state in {"FAILED", "CANCELLED"}:
        return invalid_request(
            f"Query did not finish successfully. Final query state: {query.state}",
            "INVALID_QUERY_EXECUTION_STATE",
        )
    if query.outcome is None or query.state != "SUCCEEDED":
        return invalid_request(
            f"Query has not yet finished. Current state: {query.state}",
            "INVALID_QUERY_EXECUTION_STATE",
        )
    limit = int(self._get_param("MaxResults") or _PAGE)
    if not 1 <= limit <= _PAGE:
        return invalid_request(f"MaxResults is more than maximum allowed length {_PAGE}")
    try:
        page = query.outcome.result.page(self._get_param("NextToken"), limit)
    except ValueError:
        return invalid_request("Invalid NextToken")
    return json.dumps(page)


def get_query_runtime_statistics(self: AthenaResponse) -> Answer:
    query_id = self._get_param("QueryExecutionId")
    query = _queries(self.athena_backend).get(query_id)
    if query is None:
        return invalid_request(f"QueryExecution {query_id} was not found")
    times = _statistics(query)
    timeline = {key: value for key, value in times.items() if key.endswith("InMillis")}
    rows = {"InputBytes": query.scanned_bytes}
    return json.dumps({"QueryRuntimeStatistics": {"Timeline": timeline, "Rows": rows}})


def _prepare(self: AthenaResponse, backend: AthenaBackend, group_name: str) -> Query:
    """The query that a StartQueryExecution asks for. Raises AthenaError for what isn't one."""
    group: Mapping[str, Any] = backend.work_groups[group_name].configuration
    sql = self._get_param("QueryString")
    statement = ddl_statements.parse(sql)
    text = getattr(statement, "query", None)
    if text is not None:
        dialect.parse(text.sql)
    context = self._get_param("QueryExecutionContext") or {}
    client = self._get_param("ResultConfiguration") or {}
    own = group.get("ResultConfiguration") or {}
    enforced = bool(group.get("EnforceWorkGroupConfiguration"))
    chosen = own if enforced and own.get("OutputLocation") else {**own, **client}
    place = chosen.get("OutputLocation")
    if not place:
        raise InvalidRequestError(
            "No output location provided. An output location is required either through the "
            "Workgroup result configuration setting or as an API input."
        )
    found = services(backend, group_name)
    output = Location.parse(place)
    if not found.storage.has_bucket(output.bucket):
        raise InvalidRequestError(f"Unable to verify/create output bucket {output.bucket}")
    database = (context.get("Database") or "").strip('`"').lower() or None
    request = Request(
        id=str(uuid.uuid4()),
        sql=sql,
        database=database,
        output=output,
        parameters=tuple(self._get_param("ExecutionParameters") or ()),
        scan_limit_bytes=group.get("BytesScannedCutoffPerQuery"),
        enforced=enforced,
    )
    query = Query(request, statement, found)
    query.request_details = {
        "ResultConfiguration": {k: v for k, v in chosen.items() if k != "OutputLocation"},
        "QueryExecutionContext": context,
        "WorkGroup": group_name,
        "EngineVersion": group.get("EngineVersion")
        or {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"},
    }
    return query


def _described(query: Query) -> dict[str, Any]:
    """QueryExecution, as GetQueryExecution shows it."""
    details = query.request_details
    configuration = dict(details["ResultConfiguration"])
    configuration["OutputLocation"] = (
        query.outcome.output_url
        if query.outcome is not None
        else f"{query.request.output.url}{query.request.id}.csv"
    )
    status: dict[str, Any] = {"State": query.state, "SubmissionDateTime": query.submitted_at}
    if query.completed_at is not None:
        status["CompletionDateTime"] = query.completed_at
    if query.reason is not None:
        status["StateChangeReason"] = query.reason
    if query.error is not None:
        status["AthenaError"] = query.error
    described = {
        "QueryExecutionId": query.request.id,
        "Query": query.request.sql,
        "StatementType": query.statement.type,
        "SubstatementType": query.statement.subtype,
        "ResultConfiguration": configuration,
        "ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": False}},
        "QueryExecutionContext": details["QueryExecutionContext"],
        "Status": status,
        "Statistics": _statistics(query),
        "WorkGroup": details["WorkGroup"],
        "EngineVersion": details["EngineVersion"],
    }
    if query.request.parameters:
        described["ExecutionParameters"] = list(query.request.parameters)
    return described


def _statistics(query: Query) -> dict[str, Any]:
    """Statistics of a query; times in milliseconds."""
    import time

    end = query.completed_at or time.time()
    start = query.started_at or end
    total, queued = end - query.submitted_at, start - query.submitted_at
    statistics = {
        "EngineExecutionTimeInMillis": round((end - start) * 1000),
        "DataScannedInBytes": query.scanned_bytes,
        "TotalExecutionTimeInMillis": round(total * 1000),
        "QueryQueueTimeInMillis": round(queued * 1000),
        "ServicePreProcessingTimeInMillis": 0,
        "QueryPlanningTimeInMillis": 0,
        "ServiceProcessingTimeInMillis": 0,
        "ResultReuseInformation": {"ReusedPreviousResult": False},
    }
    if query.outcome is not None and query.outcome.manifest_url:
        statistics["DataManifestLocation"] = query.outcome.manifest_url
    return statistics
