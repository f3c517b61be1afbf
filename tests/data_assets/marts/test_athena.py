"""Queries say what they took, and what to do when something is missing (A0)."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest

from data_assets.marts.assets import MART_ASSETS, stage
from data_assets.marts.marts import MARTS
from data_assets.surveys.assets import surveys
from data_assets.tables import (
    CATEGORIES,
    CHANNEL_BY_AGE_BAND,
    CLICKS,
    CLICKS_BY_HOUR,
    PRODUCTS,
    PURCHASES,
    SURVEY_RESPONSES,
)
from resources.athena import Athena, MissingTableError, QueryFailedError
from resources.aws import Aws, MissingInfrastructureError
from resources.names import Names

BY_NAME = {mart.table.name: mart for mart in MARTS}


@pytest.fixture
def athena(empty_lake: dict[str, Any]) -> Athena:
    return empty_lake["athena"]


def test_a_missing_table_is_named(athena: Athena) -> None:
    with pytest.raises(MissingTableError) as failure:
        athena.query("SELECT * FROM no_such_table")
    assert failure.value.table == "no_such_table"


def test_a_mart_names_the_asset_to_materialize(empty_lake: dict[str, Any]) -> None:
    """Nothing has been published: the message says which asset makes the source."""
    with pytest.raises(MissingInfrastructureError, match="mall/clickstream/clicks"):
        stage(BY_NAME["clicks_by_hour"], empty_lake["athena"], empty_lake["lake"])


def test_a_missing_workgroup_names_its_asset(
    athena: Athena, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Names, "workgroup", "mall-elsewhere")
    with pytest.raises(MissingInfrastructureError, match="infra/analytics/athena_workgroup"):
        athena.query("SELECT 1 AS one")


def test_a_wrong_statement_fails_at_once(athena: Athena) -> None:
    with pytest.raises(QueryFailedError):
        athena.query("SELEC 1")


@pytest.mark.parametrize("takes_s", [0.0, 0.5, 8.0])
def test_a_querys_end_is_seen_soon_and_with_few_calls(
    takes_s: float, athena: Athena, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At most a tenth of its time late, without asking more than it needs."""
    now = [0.0]
    asked: list[float] = []

    def get_query_execution(**_: str) -> dict[str, Any]:
        asked.append(now[0])
        state = "SUCCEEDED" if now[0] >= takes_s else "RUNNING"
        return {"QueryExecution": {"Status": {"State": state}}}

    def sleep(seconds: float) -> None:
        now[0] += seconds

    client = SimpleNamespace(get_query_execution=get_query_execution)
    monkeypatch.setattr(Aws, "client", lambda *_: client)
    monkeypatch.setattr("resources.athena.time.sleep", sleep)
    athena._finished("a query")
    assert asked[-1] <= 1.1 * takes_s + 0.03
    assert len(asked) <= 45


def test_parameters_are_quoted(athena: Athena) -> None:
    found = athena.query("SELECT :text AS text", {"text": 'it\'s "x"; --'})
    assert found.frame["text"].tolist() == ['it\'s "x"; --']


def test_rows_keep_their_types_and_tell_empty_texts_from_null(athena: Athena) -> None:
    """A category may be named `` or `NaN`."""
    frame = athena.query(
        "SELECT '' AS empty, 'NaN' AS nan, CAST(NULL AS VARCHAR) AS missing, 'a\"\n,b' AS odd,"
        " CAST(9007199254740993 AS BIGINT) AS big, CAST(NULL AS BIGINT) AS no_number,"
        " 0.1e0 AS share, true AS flag, DATE '2024-06-01' AS day,"
        " CAST(1.50 AS DECIMAL(3, 2)) AS price"
    ).frame
    assert frame.loc[0].to_dict() == {
        "empty": "",
        "nan": "NaN",
        "missing": None,
        "odd": 'a"\n,b',
        "big": 9007199254740993,
        "no_number": None,
        "share": 0.1,
        "flag": True,
        "day": date(2024, 6, 1),
        "price": "1.50",
    }


def test_null_in_the_only_column_is_a_row(athena: Athena) -> None:
    """It is an empty line in Athena's CSV; of no purchases, the sum is NULL."""
    found = athena.query("SELECT CAST(NULL AS BIGINT) AS units UNION ALL SELECT 1 ORDER BY 1").frame
    assert found["units"].to_list() == [1, pd.NA]


def test_a_query_without_rows_has_its_columns(athena: Athena) -> None:
    found = athena.query("SELECT 1 AS one, 'x' AS text WHERE 1 = 2").frame
    assert found.dtypes.astype(str).to_dict() == {"one": "Int32", "text": "string"}
    assert found.empty


@pytest.mark.parametrize(("failures", "succeeds"), [(2, True), (3, False)])
def test_what_athena_calls_retryable_is_tried_three_times(
    athena: Athena, monkeypatch: pytest.MonkeyPatch, failures: int, succeeds: bool
) -> None:
    left = [failures]
    finished = Athena._finished

    def sometimes(self: Athena, query_id: str) -> dict[str, Any]:
        execution = finished(self, query_id)
        if left[0]:
            left[0] -= 1
            error = {"Retryable": True}
            status = {"State": "FAILED", "StateChangeReason": "busy", "AthenaError": error}
            return {**execution, "Status": status}
        return execution

    monkeypatch.setattr(Athena, "_finished", sometimes)
    monkeypatch.setattr("resources.athena.time.sleep", lambda _: None)
    if succeeds:
        assert athena.query("SELECT 1 AS one").frame["one"].tolist() == [1]
    else:
        with pytest.raises(QueryFailedError, match="busy"):
            athena.query("SELECT 1 AS one")


def _publish_empty(platform: dict[str, Any], table: Any, partition: str | None) -> None:
    lake = platform["lake"]
    version = lake.stage(table, partition)
    lake.write(version, [])
    lake.publish(version, [])


@pytest.mark.parametrize(
    ("source", "partition", "name"),
    [
        (CLICKS, "2024-06-01", "clicks_by_hour"),
        (SURVEY_RESPONSES, "2024Q2", "channel_by_age_band"),
    ],
)
def test_of_an_empty_source_comes_an_empty_mart(
    empty_lake: dict[str, Any], source: Any, partition: str, name: str
) -> None:
    _publish_empty(empty_lake, source, partition)
    [asset] = [a for a in MART_ASSETS if a.key.path[-1] == name]
    assert dg.materialize([asset], resources=empty_lake).success
    assert empty_lake["lake"].read(BY_NAME[name].table).num_rows == 0


def test_a_mall_without_surveys_has_an_empty_mart_of_them(empty_lake: dict[str, Any]) -> None:
    """Nobody has dropped a survey yet: the nightly run succeeds all the same (P1)."""
    [mart] = [a for a in MART_ASSETS if a.key.path[-1] == "channel_by_age_band"]
    assert dg.materialize([surveys, mart], resources=empty_lake).success
    assert empty_lake["lake"].read(CHANNEL_BY_AGE_BAND).num_rows == 0


@pytest.mark.parametrize("name", ["sales_by_category", "sales_by_age_band_and_category"])
def test_a_mall_without_purchases_has_empty_marts_of_them(
    empty_lake: dict[str, Any], name: str
) -> None:
    for table, partition in ((PURCHASES, "2024-06-01"), (PRODUCTS, None), (CATEGORIES, None)):
        _publish_empty(empty_lake, table, partition)
    [asset] = [a for a in MART_ASSETS if a.key.path[-1] == name]
    assert dg.materialize([asset], resources=empty_lake).success
    assert empty_lake["lake"].read(BY_NAME[name].table).num_rows == 0


def test_figures_that_do_not_add_up_are_not_published(
    empty_lake: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old version stays, and the check says by how much (Q1)."""
    _publish_empty(empty_lake, CLICKS, "2024-06-01")
    [asset] = [a for a in MART_ASSETS if a.key.path[-1] == "clicks_by_hour"]
    assert dg.materialize([asset], resources=empty_lake).success
    lake = empty_lake["lake"]
    before = lake.published(CLICKS_BY_HOUR)
    monkeypatch.setattr("data_assets.marts.assets._control", lambda *_: 7)

    result = dg.materialize([asset], resources=empty_lake, raise_on_error=False)

    assert not result.success
    assert lake.published(CLICKS_BY_HOUR) == before
    failed = [e.check_name for e in result.get_asset_check_evaluations() if not e.passed]
    assert failed == ["row_count_matches_source"]


def test_unload_writes_parquet_of_the_declared_types(empty_lake: dict[str, Any]) -> None:
    lake, athena = empty_lake["lake"], empty_lake["athena"]
    version = lake.stage(CLICKS_BY_HOUR)
    stats = athena.unload(
        "SELECT DATE '2024-06-01' AS business_day, 7 AS hour, CAST(1 AS BIGINT) AS clicks,"
        " CAST(1 AS BIGINT) AS sessions, CAST(1 AS BIGINT) AS visitors",
        version.location,
    )
    [batch] = lake.batches(version)
    assert pa.Table.from_batches([batch]).schema.types == CLICKS_BY_HOUR.arrow_schema().types
    assert stats.cost_usd >= 0
