"""Every infrastructure asset, in an order in which they can be made."""

from __future__ import annotations

from collections.abc import Sequence
from graphlib import TopologicalSorter
from types import ModuleType
from typing import TYPE_CHECKING

from infra_assets import (
    analytics,
    cicd,
    database,
    dns,
    monitoring,
    network,
    security,
    storage,
    streaming,
    was,
    web,
)
from infra_assets.engine import Engine
from infra_assets.infra_asset import InfraAsset
from infra_assets.reconcile import Outcome
from infra_assets.run import Progress
from resources.aws import Aws
from resources.settings import Settings

if TYPE_CHECKING:
    import dagster as dg

_AREAS = (
    network,
    security,
    dns,
    web,
    was,
    database,
    storage,
    streaming,
    analytics,
    cicd,
    monitoring,
)


def _in_order(modules: Sequence[ModuleType]) -> tuple[InfraAsset, ...]:
    found = [
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, InfraAsset)
    ]
    assets = {asset.address: asset for asset in found}
    if len(assets) != len(found):
        raise ValueError("two infrastructure assets have the same area and name")
    order = TopologicalSorter({asset.address: asset.deps for asset in found}).static_order()
    return tuple(assets[address] for address in order)


REGISTRY: tuple[InfraAsset, ...] = _in_order(_AREAS)


def engine(aws: Aws, settings: Settings) -> Engine:
    return Engine(aws, settings, REGISTRY)


def apply_all(
    aws: Aws,
    settings: Settings,
    selection: Sequence[str] | None = None,
    on_progress: Progress | None = None,
) -> list[Outcome]:
    """Makes the selected assets (addresses or areas; None is all) what the code says.

    The outcome of each resource, in the order of making. Raises as `Engine.apply` does.
    """
    return engine(aws, settings).apply(selection, on_progress=on_progress)


def infra_definitions() -> dg.Definitions:
    """The Dagster assets `infra/<area>/<name>` and their checks `matches_code`.

    They need the resource `aws`.
    """
    from infra_assets.dagster_assets import as_definitions

    return as_definitions(REGISTRY)
