"""`mall status`: what runs, and how old each asset is."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

import dagster as dg
from rich.console import Console
from rich.table import Table

from mall_platform import local
from resources.settings import Settings

TOKYO = ZoneInfo("Asia/Tokyo")


def print_status(settings: Settings, out: Console) -> None:
    """Prints where things listen, then one row per asset with its newest materialization."""
    from mall_platform.build import build_defs

    if settings.env == "local":
        out.print(f"Local AWS    {os.environ['AWS_ENDPOINT_URL']}")
        out.print(f"Slack inbox  {local.inbox_url(settings)}")
        up = "running" if local.is_up(settings) else "not running: ./mall up"
        out.print(f"Dagster UI   {up}")
    graph = build_defs(settings).resolve_asset_graph()
    with dg.DagsterInstance.get() as instance:
        out.print(asset_table(instance, sorted(graph.materializable_asset_keys)))


def asset_table(instance: dg.DagsterInstance, keys: Iterable[dg.AssetKey]) -> Table:
    """When each asset was last materialized, Tokyo time, and in how many partitions."""
    table = Table()
    for name in ("Asset", "Materialized, Tokyo"):
        table.add_column(name, no_wrap=True)
    table.add_column("Partitions", justify="right")
    for key in keys:
        event = instance.get_latest_materialization_event(key)
        when = datetime.fromtimestamp(event.timestamp, TOKYO) if event else None
        partitions = instance.get_materialized_partitions(key)
        table.add_row(
            key.to_user_string(),
            f"{when:%Y-%m-%d %H:%M:%S}" if when else "[dim]never[/dim]",
            str(len(partitions)) if partitions else "",
        )
    return table
