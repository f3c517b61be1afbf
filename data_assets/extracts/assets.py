"""The extracts as assets: the shop's tables in the lake, without personal data (E1, Q1, T1)."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import dagster as dg

from data_assets.checks import check_specs
from data_assets.conventions import data_asset, infra_key
from data_assets.extracts import sources
from data_assets.extracts.changes import stale_days
from data_assets.extracts.declaration import Extract
from data_assets.extracts.staging import Extraction, stage_days, stage_snapshot
from data_assets.partitions import business_days, days_of
from data_assets.publishing import Event, publish_partitions, publish_staged
from resources.lake import Lake
from resources.secrets import PseudonymKey
from resources.shop_db import ShopDatabase, TransientDatabaseError

RETRIES = 3
_FRESH = dg.FreshnessPolicy.cron(
    deadline_cron="0 5 * * *", lower_bound_delta=timedelta(hours=3), timezone="Asia/Tokyo"
)
"""One for all: Dagster looks a thousand days ahead to make one."""


class Days(dg.Config):
    """What a run extracts besides its partitions.

    With `changed_days`, also every published day that has a row changed since it was read.
    """

    changed_days: bool = False


@contextmanager
def retried(shop_db: ShopDatabase) -> Iterator[None]:
    """Has Dagster try the step again where that may help; other errors fail it at once."""
    try:
        yield
    except TransientDatabaseError as error:
        raise dg.RetryRequested(RETRIES, shop_db.retry_wait_s) from error


def _conventions(extract: Extract) -> dict[str, Any]:
    return data_asset(
        "extracts",
        extract.table.name,
        description=extract.table.description,
        deps=[
            infra_key("database", "shop_database"),
            infra_key("security", "encryption_keys"),
            infra_key("storage", "lake_bucket"),
            infra_key("analytics", "catalog"),
        ],
        check_specs=check_specs(extract.asset_key),
        freshness_policy=_FRESH,
    )


def _snapshot(extract: Extract) -> dg.AssetsDefinition:
    """An asset that is read whole; only the day of the reading can be written."""

    def snapshot(
        context: dg.AssetExecutionContext,
        shop_db: ShopDatabase,
        lake: Lake,
        pseudonym_key: PseudonymKey,
    ) -> Iterator[Event]:
        with retried(shop_db):
            extraction = Extraction(extract, shop_db, lake, pseudonym_key.text())
            yield from publish_partitions(
                context, lake, [None], lambda _: stage_snapshot(extraction)
            )

    asset: dg.AssetsDefinition = dg.asset(**_conventions(extract))(snapshot)
    return asset


def _by_day(extract: Extract) -> dg.AssetsDefinition:
    """An asset by Tokyo day; a run over a range reads all its days at once."""

    def days(
        context: dg.AssetExecutionContext,
        config: Days,
        shop_db: ShopDatabase,
        lake: Lake,
        pseudonym_key: PseudonymKey,
    ) -> Iterator[Event]:
        with retried(shop_db):
            wanted = set(days_of(context.partition_keys))
            if config.changed_days:
                wanted |= set(stale_days(extract, shop_db, lake.catalog))
            extraction = Extraction(extract, shop_db, lake, pseudonym_key.text())
            yield from publish_staged(context, lake, stage_days(extraction, sorted(wanted)))

    asset: dg.AssetsDefinition = dg.asset(
        **_conventions(extract),
        partitions_def=business_days,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )(days)
    return asset


customers = _snapshot(sources.CUSTOMERS)
categories = _snapshot(sources.CATEGORIES)
products = _snapshot(sources.PRODUCTS)
purchases = _by_day(sources.PURCHASES)
reviews = _by_day(sources.REVIEWS)

ASSETS = [customers, categories, products, purchases, reviews]
