"""What keeps the lake in order: days counted again, folders nobody needs removed."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import dagster as dg

from data_assets.conventions import data_asset, infra_key
from data_assets.extracts.assets import retried
from data_assets.extracts.changes import miscounted_days
from data_assets.extracts.sources import BY_DAY
from data_assets.extracts.staging import Extraction, stage_days
from data_assets.publishing import Event, Publication
from resources.lake import Lake
from resources.secrets import PseudonymKey
from resources.shop_db import ShopDatabase

UNREFERENCED_FOR = timedelta(hours=24)
QUARANTINED_FOR = timedelta(days=14)


def _recount(
    context: dg.AssetExecutionContext,
    shop_db: ShopDatabase,
    lake: Lake,
    pseudonym_key: PseudonymKey,
) -> Iterator[Event]:
    """Extracts anew every published day of which the shop has more or fewer rows now.

    That is how deletions are found: a deleted row leaves no `updated_at` behind (E1).
    """
    publications: dict[str, Publication] = {}
    with retried(shop_db):
        for extract in BY_DAY:
            days = miscounted_days(extract, shop_db, lake.catalog)
            extraction = Extraction(extract, shop_db, lake, pseudonym_key.text())
            publication = Publication(context, lake, extract.asset_key, partitioned=True)
            yield from publication.publish_all(stage_days(extraction, days))
            publications[extract.table.name] = publication
    for publication in publications.values():
        publication.require_good()
    yield dg.MaterializeResult(
        metadata={f"{name}_days": len(found.published) for name, found in publications.items()}
    )


def _lake_cleanup(context: dg.AssetExecutionContext, lake: Lake) -> dg.MaterializeResult:
    """Removes version folders that readers don't see: after a day, quarantined after two weeks."""
    cleaned = lake.cleanup(UNREFERENCED_FOR, QUARANTINED_FOR)
    return dg.MaterializeResult(
        metadata={
            "folders": cleaned.folders,
            "objects": cleaned.objects,
            "size_bytes": cleaned.size_bytes,
        }
    )


def _asset(name: str, function: Callable[..., Any], *upstream: dg.AssetKey) -> dg.AssetsDefinition:
    asset: dg.AssetsDefinition = dg.asset(**data_asset("ops", name, deps=upstream))(function)
    return asset


recount = _asset(
    "recount",
    _recount,
    infra_key("database", "shop_database"),
    infra_key("storage", "lake_bucket"),
    infra_key("analytics", "catalog"),
)
lake_cleanup = _asset(
    "lake_cleanup",
    _lake_cleanup,
    infra_key("storage", "lake_bucket"),
    infra_key("analytics", "catalog"),
)

ASSETS = [recount, lake_cleanup]
