"""The jobs: which assets run together, in which order the graph gives (P1)."""

import dagster as dg

from data_assets.partitions import business_days
from mall_platform.hooks import HOOKS
from sensors.alerts import SLOW_AFTER_TAG

extracts = dg.AssetSelection.key_prefixes(["mall", "extracts"])
surveys = dg.AssetSelection.key_prefixes(["mall", "surveys"])
clickstream = dg.AssetSelection.key_prefixes(["mall", "clickstream"])
marts = dg.AssetSelection.key_prefixes(["mall", "marts"])
dashboards = dg.AssetSelection.key_prefixes(["mall", "dashboards"])
channel_mart = dg.AssetSelection.assets(["mall", "marts", "channel_by_age_band"])


def _job(
    name: str,
    selection: dg.AssetSelection,
    slow_after_s: int,
    partitions_def: dg.PartitionsDefinition | None = None,
) -> dg.UnresolvedAssetJobDefinition:
    return dg.define_asset_job(
        name,
        selection=selection,
        hooks=HOOKS,
        tags={SLOW_AFTER_TAG: str(slow_after_s)},
        partitions_def=partitions_def,
    )


nightly_job = _job("nightly_job", extracts | marts | dashboards, 3600, business_days)
clicks_job = _job("clicks_job", clickstream, 1800, business_days)
survey_job = _job("survey_job", surveys | channel_mart | dashboards, 900)
marts_job = _job("marts_job", marts | dashboards, 1800)

JOBS = [nightly_job, clicks_job, survey_job, marts_job]
