"""The main job from end to end: every asset is made, every check passes, nobody is given away."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

from tests.integration import planted
from tests.integration.conftest import WholeRun


def test_every_asset_is_materialized(whole_run: WholeRun) -> None:
    """U4: each asset of the graph is made by this run, or by the apply before it."""
    assert whole_run.outcome.success
    made = {key.to_user_string() for key in whole_run.outcome.materialized}
    graph = whole_run.defs.resolve_asset_graph()
    wanted = {key.to_user_string() for key in graph.materializable_asset_keys}
    assert wanted - made == {key for key in wanted if key.startswith("infra/")}


def test_only_the_planted_dirt_fails_a_check(whole_run: WholeRun) -> None:
    assert list(whole_run.outcome.failed_checks) == []


def _lake_texts(run: WholeRun) -> Iterator[tuple[str, str]]:
    """Every object of the lake and log buckets as text; Parquet with every cell of every column."""
    import pyarrow.parquet as pq

    aws = run.resources["aws"]
    s3 = aws.client("s3")
    for purpose in ("lake", "log"):
        bucket = aws.bucket(purpose)
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for item in page.get("Contents", []):
                body = s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
                yield f"key of {item['Key']}", item["Key"]
                if body[:4] == b"PAR1":
                    table = pq.read_table(io.BytesIO(body))
                    yield item["Key"], str(table.schema.metadata)
                    for name, column in zip(table.column_names, table.columns, strict=True):
                        cells = {repr(v) for v in column.unique().to_pylist()}
                        yield f"{item['Key']} column {name}", "\n".join(cells)
                else:
                    yield item["Key"], body.decode("utf-8", errors="replace")


def _other_texts(run: WholeRun) -> Iterator[tuple[str, str]]:
    """The catalog, Dagster's storage with its event log, and the survey reports."""
    aws = run.resources["aws"]
    glue = aws.client("glue")
    for page in glue.get_paginator("get_tables").paginate(DatabaseName=aws.names.database):
        yield "catalog", json.dumps(page["TableList"], default=str, ensure_ascii=False)
        for table in page["TableList"]:
            pages = glue.get_paginator("get_partitions").paginate(
                DatabaseName=aws.names.database, TableName=table["Name"]
            )
            for partitions in pages:
                found = json.dumps(partitions["Partitions"], default=str, ensure_ascii=False)
                yield f"partitions of {table['Name']}", found
    for file in run.dagster_home.rglob("*"):
        if file.is_file():
            yield str(file), file.read_bytes().decode("utf-8", errors="replace")
    s3 = aws.client("s3")
    bucket = aws.bucket("drop")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for item in page.get("Contents", []):
            if item["Key"].endswith((".json", "report.csv")):
                body = s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
                yield item["Key"], body.decode("utf-8", errors="replace")


def test_planted_people_are_found_nowhere(whole_run: WholeRun) -> None:
    """E1, E4: not in the lake, the catalog, event log, run logs, metadata, reports or the page."""
    texts = [*_lake_texts(whole_run), *_other_texts(whole_run)]
    assert any("dashboards/index.html" in where for where, _ in texts)
    assert any(".db" in where for where, _ in texts)
    leaks = {where: found for where, text in texts if (found := planted.found_in(text))}
    assert leaks == {}


def test_the_planted_people_did_arrive(whole_run: WholeRun) -> None:
    """Their rows are in the lake, as pseudonyms: the test above looked at the right place."""
    from data_assets.tables import CLICKS, CUSTOMERS, PURCHASES

    lake = whole_run.resources["lake"]
    customers = lake.read(CUSTOMERS)
    assert customers.num_rows == 4_000 + len(planted.PEOPLE)
    yesterday = sorted(whole_run.resources["catalog"].partitions(PURCHASES.name))[-2]
    bought = lake.read(PURCHASES, yesterday)
    assert {planted.FIRST_ID, planted.FIRST_ID + 1} <= set(bought["purchase_id"].to_pylist())
    clicks = lake.read(CLICKS, yesterday)
    ids = {i for i in clicks["event_id"].to_pylist() if i.startswith("planted-")}
    assert len(ids) == 5 * len(planted.PEOPLE)
