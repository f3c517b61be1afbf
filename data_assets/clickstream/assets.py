"""The click stream's assets: what has landed, crawled, and the days compacted from it (E3, E4)."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg

from data_assets.checks import CHECKS, check_specs
from data_assets.clickstream import crawling, landing
from data_assets.clickstream.compaction import Workers
from data_assets.clickstream.download import ErrorRecords
from data_assets.clickstream.landing import Seen
from data_assets.clickstream.staging import Compaction
from data_assets.conventions import data_asset, data_key, infra_key
from data_assets.extracts.assets import retried
from data_assets.partitions import business_days, days_of, today
from data_assets.publishing import Event, Staged, publish_partitions
from data_assets.tables import CLICKS
from resources.aws import Aws
from resources.catalog import Catalog
from resources.lake import Lake
from resources.secrets import PseudonymKey
from resources.shop_db import ShopDatabase

RAW_CLICKS = data_key("clickstream", "raw_clicks")
NO_UNDECLARED_FIELDS = "no_undeclared_fields"
NO_STRAY_FOLDERS = "no_stray_folders"


def first_business_day() -> date:
    """The first day of the partitions."""
    return business_days.start.date()


def _raw_clicks(aws: Aws) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
    """Click events as they landed, one JSON object a line, with personal data: the crawled table
    `clicks_raw` of the raw bucket (E3, A0)."""
    folders = landing.folders(aws)  # says what to materialize if there is no bucket to crawl
    crawling.crawl(aws)
    columns = crawling.columns(aws)
    undeclared = crawling.undeclared(columns)
    strays = crawling.strays(folders, first_business_day(), today())
    yield dg.AssetCheckResult(
        check_name=NO_UNDECLARED_FIELDS,
        passed=not undeclared,
        metadata={
            "fields": len(columns),
            "undeclared": undeclared,
            "fingerprint": landing.digest(undeclared),
        },
    )
    yield dg.AssetCheckResult(
        check_name=NO_STRAY_FOLDERS,
        passed=not strays,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "folders": len(folders),
            "stray": len(strays),
            "fingerprint": landing.digest(strays),
        },
    )
    yield dg.MaterializeResult(metadata={"fields": len(columns), "days": len(folders)})


raw_clicks: dg.AssetsDefinition = dg.asset(
    **data_asset("clickstream", "raw_clicks", kinds={"glue", "json"}),
    deps=[
        infra_key("streaming", "click_stream"),
        infra_key("storage", "raw_bucket"),
        infra_key("analytics", "catalog"),
    ],
    check_specs=[
        dg.AssetCheckSpec(
            NO_UNDECLARED_FIELDS,
            asset=RAW_CLICKS,
            description="No event has a field that nobody has declared kept, masked or dropped.",
        ),
        dg.AssetCheckSpec(
            NO_STRAY_FOLDERS,
            asset=RAW_CLICKS,
            description="Every folder of the landing is of a business day, so will be compacted.",
        ),
    ],
)(_raw_clicks)


class ClicksConfig(dg.Config):
    """How a run of the clicks goes about its days."""

    only_grown: bool = False
    """Leave out past days for which nothing has landed since they were compacted."""
    accept_loss: bool = False
    """Compact days again of whose landed objects some are gone, from those that are left."""


def _clicks(
    context: dg.AssetExecutionContext,
    config: ClicksConfig,
    aws: Aws,
    lake: Lake,
    catalog: Catalog,
    shop_db: ShopDatabase,
    pseudonym_key: PseudonymKey,
) -> Iterator[Event]:
    """Click events by Tokyo day: whole days compacted, deduplicated, without personal data.

    Days of whose landed events some have expired stay as they are.
    """
    days = days_of(context.partition_keys)
    landed = landing.list_landing(aws, days)
    published = catalog.partitions(CLICKS.name)
    seen = {date.fromisoformat(day): Seen.of(entry.parameters) for day, entry in published.items()}
    expired = [day for day in days if landing.has_expired(day, landed, seen.get(day))]
    if expired and not config.accept_loss:
        context.log.warning(
            f"Of {len(expired)} days, the first {min(expired)}, landed objects are gone since: the"
            " days stay as they are. To make them from what is left, run with accept_loss."
        )
        days = [day for day in days if day not in expired]
    if not days:
        yield from _nothing_done()
        return
    with TemporaryDirectory(prefix="clicks-errors-") as folder, Workers() as workers:
        errors = ErrorRecords(aws, landed.errors, days, first_business_day(), Path(folder))
        if config.only_grown:
            days = landing.days_to_compact(days, today(), landed, seen, errors.until)
        now = datetime.now(UTC)
        compaction = Compaction(
            aws, lake, shop_db, pseudonym_key.text(), now, landed, errors, workers
        )

        def stage_one(partition: str | None) -> Staged:
            with retried(shop_db):
                return compaction.stage(date.fromisoformat(str(partition)))

        partitions = [day.isoformat() for day in days]
        yield from publish_partitions(context, lake, partitions, stage_one)


def _nothing_done() -> Iterator[Event]:
    """What Dagster wants of a run that leaves all its days as they are."""
    for check in CHECKS:
        yield dg.AssetCheckResult(check_name=check, passed=True, metadata={"partitions": 0})
    yield dg.MaterializeResult()


clicks: dg.AssetsDefinition = dg.asset(
    **data_asset("clickstream", "clicks", kinds={"json", "duckdb", "parquet"}),
    partitions_def=business_days,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[
        RAW_CLICKS,
        infra_key("storage", "lake_bucket"),
        infra_key("security", "encryption_keys"),
        infra_key("database", "shop_database"),
    ],
    check_specs=check_specs(data_key("clickstream", "clicks")),
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=3)),
)(_clicks)
