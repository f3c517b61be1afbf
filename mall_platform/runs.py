"""Runs started from the terminal: what they select, over which partitions, and their progress."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

import dagster as dg
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from sensors.alerts import error_text

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
POLL_S = 0.5
_STEP_EVENTS = {
    dg.DagsterEventType.STEP_START,
    dg.DagsterEventType.STEP_SUCCESS,
    dg.DagsterEventType.STEP_FAILURE,
}

PartitionFilter = Literal["all", "missing", "failed"]


class SelectionError(Exception):
    """A selection or partition on the command line that names nothing."""


@dataclass(frozen=True)
class RunOutcome:
    """How a run went: `materialized` counts partitions, 1 for an asset without any; `failures`
    tells why each failed step did."""

    run_id: str
    success: bool
    materialized: Mapping[dg.AssetKey, int]
    failed_checks: Sequence[str]
    failures: Mapping[str, str]


def select(defs: dg.Definitions, selection: Sequence[str]) -> set[dg.AssetKey]:
    """The assets that the words name: keys (`mall/marts/sales_by_category`), key prefixes
    (`mall/extracts`) or Dagster's selection syntax (`group:marts`, `+key:"mall/marts/*"`)."""
    graph = defs.resolve_asset_graph()
    materializable = graph.materializable_asset_keys
    chosen: set[dg.AssetKey] = set()
    for word in selection:
        path = word.strip("/").split("/")
        found = {key for key in materializable if list(key.path[: len(path)]) == path}
        if not found:
            try:
                found = set(dg.AssetSelection.from_string(word).resolve(graph)) & materializable
            except dg.DagsterError as error:
                raise SelectionError(f"{word!r} names no asset: {error}") from error
        if not found:
            raise SelectionError(f"{word!r} names no asset. `./mall status` lists the assets.")
        chosen |= found
    return chosen


def partitions_to_run(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    keys: Iterable[dg.AssetKey],
    first: str,
    last: str,
    which: PartitionFilter,
) -> list[tuple[str, str]]:
    """The ranges of partitions, from `first` to `last`, for which any of the assets is to run.

    `missing` keeps those without a materialization, `failed` those whose newest run failed.
    Raises SelectionError for days that are none of the calendar's, also if no asset has any.
    """
    from dagster._core.storage.partition_status_cache import AssetPartitionStatus

    graph = defs.resolve_asset_graph()
    days = _days_between(graph, first, last)
    partitioned = [(k, p) for k in keys if (p := graph.get(k).partitions_def) is not None]
    if not partitioned:
        return []
    if which == "all":
        return [(first, last)]
    wanted: set[str] = set()
    for key, partitions in partitioned:
        status = instance.get_status_by_partition(key, days, partitions) or {}
        wanted |= {
            day
            for day in days
            if (
                status.get(day) is None
                if which == "missing"
                else status.get(day) == AssetPartitionStatus.FAILED
            )
        }
    return _ranges(days, wanted)


def _days_between(graph: dg.AssetGraph, first: str, last: str) -> list[str]:
    """The calendar's days from `first` to `last`; all partitioned assets have the same calendar."""
    nodes = map(graph.get, graph.materializable_asset_keys)
    known = next(n.partitions_def for n in nodes if n.partitions_def).get_partition_keys()
    for day in (first, last):
        if day not in known:
            raise SelectionError(f"{day} is not a day from {known[0]} to {known[-1]}.")
    if first > last:
        raise SelectionError(f"The first day, {first}, is after the last, {last}.")
    return [day for day in known if first <= day <= last]


def _ranges(days: Sequence[str], wanted: set[str]) -> list[tuple[str, str]]:
    """The wanted days as runs of neighbours."""
    ranges: list[tuple[str, str]] = []
    open_since: str | None = None
    for previous, day in zip([None, *days], [*days, None], strict=True):
        if day in wanted and open_since is None:
            open_since = day
        elif open_since is not None and day not in wanted and previous is not None:
            ranges.append((open_since, previous))
            open_since = None
    return ranges


def run(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    keys: set[dg.AssetKey],
    *,
    title: str,
    days: tuple[str, str] | None = None,
    config: Mapping[str, object] | None = None,
) -> RunOutcome:
    """Materializes the assets in this process as one run, in the graph's order, with a progress
    bar; partitioned ones for every day from `days[0]` to `days[1]`."""
    job = defs.resolve_implicit_global_asset_job_def()
    tags = {"mall/started_by": "terminal"}
    if days:
        tags |= {RANGE_START: days[0], RANGE_END: days[1]}
    run_id = str(uuid.uuid4())
    graph = defs.resolve_asset_graph()
    steps = {graph.get(key).assets_def.node_def.name for key in keys}
    with _progress(instance, run_id, title, len(steps)):
        result = job.execute_in_process(
            run_config={
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                **(config or {}),
            },
            instance=instance,
            asset_selection=sorted(keys),
            tags=tags,
            raise_on_error=False,
            run_id=run_id,
        )
    partitions: dict[dg.AssetKey, set[str | None]] = {}
    for event in result.get_asset_materialization_events():
        if event.asset_key is not None:
            partitions.setdefault(event.asset_key, set()).add(event.partition)
    failed_checks = [
        f"{e.check_name} of {e.asset_key.to_user_string()}"
        for e in result.get_asset_check_evaluations()
        if not e.passed
    ]
    failures = {
        str(event.step_key).replace("__", "/"): error_text(event) or "It says no reason."
        for event in result.filter_events(lambda event: event.is_step_failure)
    }
    return RunOutcome(
        run_id,
        result.success,
        {key: len(found) for key, found in partitions.items()},
        failed_checks,
        failures,
    )


class _progress:  # noqa: N801
    """A bar of finished steps, drawn from the run's events by a thread of its own.

    It writes to a duplicate of stderr: a run captures the real one as its log.
    """

    def __init__(self, instance: dg.DagsterInstance, run_id: str, title: str, steps: int) -> None:
        self._instance, self._run_id, self._title, self._steps = instance, run_id, title, steps
        self._done = threading.Event()
        self._cursor: str | None = None
        self._going: set[str] = set()

    def __enter__(self) -> None:
        self._thread = threading.Thread(target=self._draw, daemon=True)
        self._thread.start()

    def __exit__(self, *exc: object) -> None:
        self._done.set()
        self._thread.join()

    def _draw(self) -> None:
        with os.fdopen(os.dup(2), "w") as stderr:
            bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.completed}/{task.total}"),
                TimeElapsedColumn(),
                TextColumn("[dim]{task.fields[now]}"),
                console=Console(file=stderr),
            )
            with bar:
                task = bar.add_task(self._title, total=self._steps, now="")
                while not self._done.wait(POLL_S):
                    self._update(bar, task)
                self._update(bar, task)

    def _update(self, bar: Progress, task: TaskID) -> None:
        """Reads the events since the last look: a long run has many."""
        if not self._instance.has_run(self._run_id):
            return
        found = self._instance.get_records_for_run(self._run_id, self._cursor, _STEP_EVENTS)
        self._cursor = found.cursor
        for record in found.records:
            event = record.event_log_entry.get_dagster_event()
            step = (event.step_key or "").replace("__", "/")
            if event.event_type is dg.DagsterEventType.STEP_START:
                self._going.add(step)
            else:
                self._going.discard(step)
                bar.advance(task)
        bar.update(task, now=", ".join(sorted(self._going)))


def today() -> str:
    """The current Tokyo day."""
    return datetime.now(ZoneInfo("Asia/Tokyo")).date().isoformat()


def run_days(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    keys: set[dg.AssetKey],
    days: tuple[str, str],
    which: PartitionFilter,
) -> list[RunOutcome]:
    """Materializes the assets over the days: one run where the days are neighbours, else one run
    of the partitioned assets per range, with everything else in the last."""
    graph = defs.resolve_asset_graph()
    partitioned = {key for key in keys if graph.get(key).partitions_def is not None}
    ranges = partitions_to_run(defs, instance, partitioned, *days, which)
    if partitioned and not ranges:
        return []
    title = "Materializing"
    if not partitioned:
        return [run(defs, instance, keys, title=title)]
    *earlier, last = ranges
    outcomes = [
        run(defs, instance, partitioned, title=f"{title} {a} … {b}", days=(a, b))
        for a, b in earlier
    ]
    outcomes.append(run(defs, instance, keys, title=f"{title} {last[0]} … {last[1]}", days=last))
    return outcomes


def print_outcome(out: Console, outcome: RunOutcome) -> None:
    """What a run materialized, its failed checks, and why it failed."""
    from rich.markup import escape
    from rich.table import Table

    out.print(
        f"Run {outcome.run_id}: "
        + ("[green]succeeded[/green]" if outcome.success else "[red]FAILED[/red]")
    )
    if outcome.materialized:
        table = Table()
        table.add_column("Asset")
        table.add_column("Partitions", justify="right")
        for key, count in sorted(outcome.materialized.items()):
            table.add_row(key.to_user_string(), str(count))
        out.print(table)
    for check in outcome.failed_checks:
        out.print(f"[red]Failed check:[/red] {escape(check)}", highlight=False)
    for step, reason in outcome.failures.items():
        out.print(f"[red]Failed:[/red] {escape(step)}: {escape(reason)}", highlight=False)
