"""The Dagster side of write, audit, publish: events, checks and failures by partition.

A run publishes its partitions one after the other, reports each as soon as readers see it, goes
on after one whose audits failed, and fails at the end naming those. Any other error is a crash:
it stops the run at once, and what was published stays published and reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from data_assets.ahead import made_ahead
from data_assets.checks import CHECKS
from resources.lake import (
    Audit,
    AuditFailedError,
    AuditResult,
    Lake,
    Published,
    Version,
    Written,
)

Event = dg.AssetMaterialization | dg.AssetCheckResult | dg.MaterializeResult

_ROWS_IN_A_CHECK = 400
_STAGED_AT_ONCE = 2


@dataclass(frozen=True)
class Staged:
    """A version whose files are written, ready to be audited and published.

    `parameters` are stored with the partition in Glue.
    """

    version: Version
    written: Written
    audits: Sequence[Audit]
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Outcome:
    partition: str | None
    results: tuple[AuditResult, ...]
    published: bool


class Publication:
    """What one run publishes of one table, and how that went, partition by partition.

    `asset` is given where the step has several, or publishes another's. `partitioned` says
    whether the asset's partitions are the lake's, by default whether it has any. Each such
    partition is reported as soon as readers see it, but for a run's only one, which the asset's
    own result reports.
    """

    def __init__(
        self,
        context: dg.AssetExecutionContext,
        lake: Lake,
        asset: dg.AssetKey | None = None,
        *,
        partitioned: bool | None = None,
    ) -> None:
        self._context = context
        self._lake = lake
        self._asset = asset or context.asset_key
        has_own = context.assets_def.partitions_def is not None
        self._own = set(context.partition_keys) if has_own else set()
        self._partitioned = has_own if partitioned is None else partitioned
        self._outcomes: list[_Outcome] = []
        self._rows = self._size_bytes = 0

    def publish_all(
        self, staged: Iterable[Staged | AuditFailedError]
    ) -> Iterator[dg.AssetMaterialization]:
        """Publishes versions as they are staged; gives the report of each partition at once.

        The asset must yield the reports on: Dagster keeps what has been yielded, not what was
        logged, when a later partition crashes. An AuditFailedError in place of a version is a
        partition that failed before it was stored.
        """
        for item in staged:
            if isinstance(item, AuditFailedError):
                self.reject(item)
            elif self.publish(item):
                yield from self._report(item)

    def publish(self, staged: Staged) -> Published | None:
        """Publishes a version and reports it; None, the reasons kept, if an audit failed."""
        try:
            published = self._lake.publish(staged.version, staged.audits, staged.parameters)
        except AuditFailedError as error:
            self.reject(error)
            return None
        partition = staged.version.partition
        self._outcomes.append(_Outcome(partition, published.results, published=True))
        self._rows += staged.written.rows
        self._size_bytes += staged.written.size_bytes
        return published

    def reject(self, error: AuditFailedError) -> None:
        """Keeps a failed audit for the checks and for the end of the run."""
        self._context.log.error(str(error))
        self._outcomes.append(_Outcome(error.version.partition, error.results, published=False))

    def check_results(self, names: Sequence[str] = CHECKS) -> Iterator[dg.AssetCheckResult]:
        """One result per check over the run's partitions, but for checks none of them got to."""
        for name in names:
            found = [
                (outcome, result)
                for outcome in self._outcomes
                for result in outcome.results
                if result.name == name
            ]
            if not found:
                continue
            failed = [result for _, result in found if not result.passed]
            yield dg.AssetCheckResult(
                check_name=name,
                asset_key=self._asset,
                passed=not failed,
                metadata={
                    "partitions": len(found),
                    "failed_partitions": len(failed),
                    "by_partition": _by_partition(found),
                },
            )

    @property
    def published(self) -> list[str | None]:
        """The partitions that readers see now."""
        return [outcome.partition for outcome in self._outcomes if outcome.published]

    @property
    def bad(self) -> list[str]:
        """The partitions that were not published."""
        return [o.partition or "the table" for o in self._outcomes if not o.published]

    def result(self) -> dg.MaterializeResult:
        """What the asset returns; in figures, unless each partition has been reported."""
        figures = {
            "dagster/row_count": self._rows,
            "size_bytes": self._size_bytes,
            "published": len(self.published),
        }
        return dg.MaterializeResult(
            asset_key=self._asset, metadata=None if len(self._own) > 1 else figures
        )

    def require_good(self) -> None:
        """Raises dg.Failure, which isn't retried, naming what was not published and why."""
        if not self.bad:
            return
        reasons = {
            result.name
            for outcome in self._outcomes
            for result in outcome.results
            if not result.passed
        }
        raise dg.Failure(
            f"Not published: {', '.join(self.bad)}. Failed: {', '.join(sorted(reasons))}. "
            "Readers keep what they had.",
            metadata={"not_published": len(self.bad)},
            allow_retries=False,
        )

    def _report(self, staged: Staged) -> Iterator[dg.AssetMaterialization]:
        partition, written = staged.version.partition, staged.written
        if not self._partitioned or self._own == {partition}:
            return
        metadata: dict[str, Any] = {
            "dagster/row_count": written.rows,
            "files": written.files,
            "size_bytes": written.size_bytes,
            "location": staged.version.location,
        }
        if partition in self._own:
            self._context.add_asset_metadata(metadata, self._asset, partition)
        yield dg.AssetMaterialization(self._asset, partition=partition, metadata=metadata)


def publish_staged(
    context: dg.AssetExecutionContext, lake: Lake, staged: Iterable[Staged | AuditFailedError]
) -> Iterator[Event]:
    """`Publication.publish_all`, then what the asset gives: checks, and its result or a failure.

    For `yield from` in an asset with one table.
    """
    publication = Publication(context, lake)
    yield from publication.publish_all(staged)
    yield from publication.check_results()
    publication.require_good()
    yield publication.result()


def publish_partitions(
    context: dg.AssetExecutionContext,
    lake: Lake,
    partitions: Iterable[str | None],
    stage_one: Callable[[str | None], Staged],
) -> Iterator[Event]:
    """`publish_staged` where each partition is staged by itself; None is a whole table.

    Threads stage the next partitions while one is audited, switched and reported.
    """

    def stage(partition: str | None) -> Staged | AuditFailedError:
        try:
            return stage_one(partition)
        except AuditFailedError as error:
            return error

    with made_ahead(stage, partitions, _STAGED_AT_ONCE) as ahead:
        yield from publish_staged(context, lake, ahead)


def _by_partition(found: Sequence[tuple[_Outcome, AuditResult]]) -> dg.MetadataValue:
    """The results as a table, failed ones first."""
    ordered = sorted(found, key=lambda pair: (pair[1].passed, pair[0].partition or ""))
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {
                    "partition": outcome.partition or "",
                    "passed": result.passed,
                    **{name: _cell(value) for name, value in result.metadata.items()},
                }
            )
            for outcome, result in ordered[:_ROWS_IN_A_CHECK]
        ]
    )


def _cell(value: Any) -> str | int | float | bool:
    if isinstance(value, Mapping):
        return "; ".join(f"{key} × {count}" for key, count in value.items())
    return value if isinstance(value, (int, float, bool)) else str(value)
