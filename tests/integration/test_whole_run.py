"""The main job from end to end: every asset is made, every check passes, nobody is given away."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pandas as pd

from mall_platform.sample_mall import effects
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


def _mart(run: WholeRun, sql: str) -> pd.DataFrame:
    return run.resources["athena"].query(sql).frame


def test_a1_recovers_each_bands_leading_channel(whole_run: WholeRun) -> None:
    shares = _mart(
        whole_run,
        "SELECT age_band, max_by(channel, share) AS channel, max(share) AS share"
        " FROM channel_by_age_band WHERE quarter = 'all' GROUP BY age_band",
    ).set_index("age_band")
    for band, channel in effects.LEADING_CHANNEL.items():
        assert shares.loc[band, "channel"] == channel
        assert shares.loc[band, "share"] > effects.LEADING_CHANNEL_SHARE_FLOOR


def test_a3_recovers_the_band_that_overbuys_a_category(whole_run: WholeRun) -> None:
    sold = _mart(
        whole_run,
        "SELECT age_band, category, sum(units) AS units FROM sales_by_age_band_and_category"
        " GROUP BY age_band, category",
    )
    of_band = sold["age_band"] == effects.OVERBOUGHT_BAND
    of_category = sold["category"] == effects.OVERBOUGHT_CATEGORY
    share_of_category = sold.loc[of_band & of_category, "units"].sum() / (
        sold.loc[of_category, "units"].sum()
    )
    share_of_all = sold.loc[of_band, "units"].sum() / sold["units"].sum()
    assert share_of_category / share_of_all > effects.OVERBOUGHT_LIFT_FLOOR


def test_a2_and_a4_recover_the_unloved_category_and_the_correlation(whole_run: WholeRun) -> None:
    categories = _mart(
        whole_run,
        "SELECT category, units, mean_rating FROM category_sales_and_reviews"
        " WHERE category <> 'unknown'",
    )
    assert categories.loc[categories["units"].idxmin(), "category"] == effects.UNLOVED_CATEGORY
    worst = categories.loc[categories["mean_rating"].idxmin()]
    assert worst["category"] == effects.UNLOVED_CATEGORY
    assert worst["mean_rating"] < effects.UNLOVED_RATING_CEILING
    methods = _mart(whole_run, "SELECT method, coefficient FROM sales_review_correlation")
    assert set(methods["method"]) == {"pearson", "spearman"}
    assert (methods["coefficient"] > effects.SALES_REVIEW_CORRELATION_FLOOR).all()


def test_a5_recovers_the_peak_hours(whole_run: WholeRun) -> None:
    hours = _mart(whole_run, "SELECT hour, sum(clicks) AS clicks FROM clicks_by_hour GROUP BY hour")
    assert set(hours.nlargest(2, "clicks")["hour"]) == set(effects.CLICK_PEAK_HOURS)


def test_a6_recovers_which_attribute_goes_most_with_what_people_buy(whole_run: WholeRun) -> None:
    found = _mart(
        whole_run,
        "SELECT attribute, cramers_v FROM attribute_category_association ORDER BY cramers_v DESC",
    ).set_index("attribute")["cramers_v"]
    assert tuple(found.index) == effects.ATTRIBUTES_BY_ASSOCIATION
    for attribute, floor in effects.ASSOCIATION_FLOOR.items():
        assert found[attribute] > floor
