"""What every data asset has in common: key, group, owner, kinds and the slow-run threshold."""

from __future__ import annotations

from typing import Any, Literal

import dagster as dg

Area = Literal["extracts", "surveys", "clickstream", "marts", "dashboards", "ops"]

OWNER = "team:data"
SLOW_AFTER = "mall/slow_after_s"
"""Tag of an asset: a step that takes longer, in seconds, is reported to Slack (P2)."""

_KINDS: dict[Area, set[str]] = {
    "extracts": {"mysql", "parquet"},
    "surveys": {"excel", "parquet"},
    "clickstream": {"json", "parquet"},
    "marts": {"athena", "parquet"},
    "dashboards": {"html"},
    "ops": {"s3"},
}
_SLOW_AFTER_S: dict[Area, int] = {
    "extracts": 1800,
    "surveys": 600,
    "clickstream": 1200,
    "marts": 600,
    "dashboards": 300,
    "ops": 1800,
}


def infra_key(area: str, name: str) -> dg.AssetKey:
    return dg.AssetKey(["infra", area, name])


def data_key(area: str, name: str) -> dg.AssetKey:
    return dg.AssetKey(["mall", area, name])


def ops_key(name: str) -> dg.AssetKey:
    return dg.AssetKey(["ops", name])


def data_asset(area: Area, name: str, *, slow_after_s: int | None = None, **over: Any) -> dict:
    """Keyword arguments of `dg.asset`, or of `dg.AssetSpec` for a multi-asset's outputs.

    The description comes from the function's docstring where `over` has none. `over` wins over
    the convention, but for `tags`, which are merged.
    """
    threshold = str(slow_after_s or _SLOW_AFTER_S[area])
    return {
        "key": ops_key(name) if area == "ops" else data_key(area, name),
        "group_name": area,
        "owners": [OWNER],
        "kinds": _KINDS[area],
        **over,
        "tags": {SLOW_AFTER: threshold, **over.get("tags", {})},
    }
