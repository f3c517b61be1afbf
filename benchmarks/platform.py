"""Our side of the benchmarks: assets materialized as the command line does it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks.contestant import Prepared

if TYPE_CHECKING:
    from resources.lake import Lake
    from resources.tables import Table


_SMALL = "mall/extracts/categories"


def materialized(
    selection: Sequence[str],
    table: str,
    imports: Sequence[str] = (),
    days: Sequence[str] | None = None,
    config: Mapping[str, object] | None = None,
) -> Prepared:
    """Assets materialized in one run, over all days from `days[0]` to `days[1]` where they have
    any; `rows` counts those of `table`.

    What is prepared: a run of the shop's dozen categories, which imports Dagster's engine and AWS's
    service models, and `imports`, what the work needs besides.
    """
    for module in imports:
        importlib.import_module(module)
    import dagster as dg

    from mall_platform import runs
    from mall_platform.build import build_defs
    from mall_platform.environment import build_resources
    from resources.settings import load_settings

    settings = load_settings()
    defs = build_defs(settings)
    keys = runs.select(defs, selection)
    instance = dg.DagsterInstance.get()
    span = (days[0], days[1]) if days else None

    def materialize(keys: set[dg.AssetKey], **how: Any) -> None:
        outcome = runs.run(defs, instance, keys, title="Benchmark", **how)
        if not outcome.success or outcome.failed_checks:
            raise RuntimeError(f"run {outcome.run_id} failed: {outcome.failed_checks}")

    def work() -> None:
        materialize(keys, days=span, config=config)

    materialize(runs.select(defs, [_SMALL]))
    return Prepared(work, lambda: {"rows": rows(build_resources(settings)["lake"], table)})


def rows(lake: Lake, name: str) -> int:
    """The rows that readers see of a table, by its files."""
    total = 0
    for _, location in published_files(lake, name):
        with lake.parquet(location) as file:
            total += file.metadata.num_rows
    return total


def published_files(lake: Lake, name: str) -> Iterator[tuple[str | None, str]]:
    """The files of what readers see of a table: their partition, and where they are."""
    from resources.lake import Version

    table = _table(name)
    entries: Mapping[Any, Any] = (
        lake.catalog.partitions(name) if table.partitioned_by else {None: lake.catalog.entry(name)}
    )
    for partition, entry in entries.items():
        version = Version(table, partition, entry.location)
        yield from ((partition, location) for location in lake.files(version))


def _table(name: str) -> Table:
    from data_assets import tables

    table: Table = getattr(tables, name.upper())
    return table
