"""The dashboard as an asset: read from the published marts, kept as one page in the lake (V1)."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from data_assets.conventions import data_asset, infra_key
from data_assets.dashboards.page import render
from data_assets.marts.marts import asset_of
from data_assets.tables import MARTS
from resources.faults import explained
from resources.lake import LAKE_BUCKET, Lake, NotPublishedError

KEY = "dashboards/index.html"
"""Where the page is in the lake bucket."""


def _site(lake: Lake) -> dg.MaterializeResult:
    """One HTML page with a chart per answer, in Korean, Japanese and English; it needs no network
    and fits a phone (V1). What isn't published yet is shown as having no data."""
    marts = {}
    for table in MARTS:
        try:
            marts[table.name] = lake.read(table).to_pandas()
        except NotPublishedError:
            continue
    body = render(marts, datetime.now(UTC)).encode()
    with explained(f"The lake bucket {lake.bucket}", LAKE_BUCKET):
        lake.aws.client("s3").put_object(
            Bucket=lake.bucket,
            Key=KEY,
            Body=body,
            ContentType="text/html; charset=utf-8",
            CacheControl="no-cache",
        )
    return dg.MaterializeResult(
        metadata={
            "location": f"s3://{lake.bucket}/{KEY}",
            "size_bytes": len(body),
            "marts": len(marts),
        }
    )


site: dg.AssetsDefinition = dg.asset(
    **data_asset("dashboards", "site"),
    deps=[*map(asset_of, (table for table in MARTS)), infra_key("storage", "lake_bucket")],
    freshness_policy=dg.FreshnessPolicy.cron(
        deadline_cron="30 6 * * *", lower_bound_delta=timedelta(hours=4), timezone="Asia/Tokyo"
    ),
)(_site)
