"""The jobs: which assets run together, in which order the graph gives (P1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from data_assets.clickstream.assets import ClicksConfig
from data_assets.conventions import SLOW_AFTER
from data_assets.extracts.assets import Days
from data_assets.partitions import business_days
from mall_platform.hooks import step_hooks

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition,
    )

extracts = dg.AssetSelection.key_prefixes(["mall", "extracts"])
surveys = dg.AssetSelection.key_prefixes(["mall", "surveys"])
clickstream = dg.AssetSelection.key_prefixes(["mall", "clickstream"])
marts = dg.AssetSelection.key_prefixes(["mall", "marts"])
dashboards = dg.AssetSelection.key_prefixes(["mall", "dashboards"])
channel_mart = dg.AssetSelection.assets(["mall", "marts", "channel_by_age_band"])

CHANGED_DAYS = dg.RunConfig(
    {f"mall__extracts__{name}": Days(changed_days=True) for name in ("purchases", "reviews")}
)
"""Older days that have changed are extracted along."""
GROWN_DAYS = dg.RunConfig({"mall__clickstream__clicks": ClicksConfig(only_grown=True)})
"""Days of clicks are left out for which nothing has landed since."""


def build_jobs(
    thresholds: Mapping[str, float], infra: Sequence[dg.AssetsDefinition]
) -> list[UnresolvedAssetJobDefinition]:
    """Every job, with the hooks that speak for its steps.

    `thresholds` are seconds by step; of `infra` only the checks are run, never the assets.
    """
    hooks = step_hooks(thresholds)

    def job(
        name: str,
        selection: dg.AssetSelection,
        slow_after_s: int,
        partitions_def: dg.PartitionsDefinition | None = None,
        config: dg.RunConfig | None = None,
    ) -> dg.UnresolvedAssetJobDefinition:
        return dg.define_asset_job(
            name,
            selection=selection,
            hooks=hooks,
            tags={SLOW_AFTER: str(slow_after_s)},
            partitions_def=partitions_def,
            config=config,
        )

    return [
        job("nightly_job", extracts | marts | dashboards, 3600, business_days, CHANGED_DAYS),
        job("clicks_job", clickstream, 1800, business_days, GROWN_DAYS),
        job("survey_job", surveys | channel_mart | dashboards, 900),
        job("marts_job", marts | dashboards, 1800),
        job("infra_checks_job", dg.AssetSelection.checks_for_assets(*infra), 900),
        job("cleanup_job", dg.AssetSelection.assets(["ops", "lake_cleanup"]), 1800),
        job("recount_job", dg.AssetSelection.assets(["ops", "recount"]), 3600),
    ]
