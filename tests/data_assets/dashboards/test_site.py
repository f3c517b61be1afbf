"""The dashboard asset keeps the page in the lake bucket (V1)."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pyarrow as pa

from data_assets.dashboards.assets import KEY, site
from data_assets.tables import CLICKS_BY_HOUR
from tests.data_assets.dashboards.test_page import marts


def test_the_page_is_stored_with_what_is_published(empty_lake: dict[str, Any]) -> None:
    lake = empty_lake["lake"]
    version = lake.stage(CLICKS_BY_HOUR)
    rows = pa.Table.from_pandas(marts()[CLICKS_BY_HOUR.name], CLICKS_BY_HOUR.arrow_schema())
    lake.write(version, rows.to_batches())
    lake.publish(version, [])

    result = dg.materialize([site], resources=empty_lake)

    stored = empty_lake["aws"].client("s3").get_object(Bucket=lake.bucket, Key=KEY)
    page = stored["Body"].read().decode()
    assert stored["ContentType"] == "text/html; charset=utf-8"
    assert '<div class="chart" data-section="a5"' in page
    assert page.count('class="nothing"') == 5
    [event] = result.get_asset_materialization_events()
    assert event.materialization.metadata["marts"].value == 1
