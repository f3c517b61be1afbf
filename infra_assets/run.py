"""One apply: assets go to a thread each as soon as those they need are done; what was replaced is
deleted when all are."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter

from infra_assets import reconcile
from infra_assets.cloud import Cloud
from infra_assets.errors import InfraError
from infra_assets.infra_asset import InfraAsset
from infra_assets.plan import Plan
from infra_assets.reconcile import Outcome, Permission

THREADS = 8
"""How many assets or resources are worked on at once."""

Progress = Callable[[Outcome, int, int], None]
"""Called after each resource with its outcome, how many are done, and how many there are."""


class ApplyFailedError(InfraError):
    """Some assets could not be made what they should be; the others were.

    `outcomes` has what was done, `failures` the error of each failed asset, `skipped` the assets
    that need one of those.
    """

    def __init__(
        self,
        outcomes: list[Outcome],
        failures: Mapping[str, Exception],
        skipped: Sequence[str],
    ) -> None:
        lines = [f"{asset}: {type(e).__name__}: {e}" for asset, e in sorted(failures.items())]
        if skipped:
            lines.append(f"not tried, since they need those: {', '.join(sorted(skipped))}")
        super().__init__("\n".join(lines))
        self.outcomes = outcomes
        self.failures = failures
        self.skipped = skipped


class Run:
    """The making of some assets, and how far it has got."""

    def __init__(
        self,
        cloud: Cloud,
        permission: Permission,
        assets: Sequence[InfraAsset],
        plan: Plan,
        on_progress: Progress | None,
    ) -> None:
        self.failures: dict[str, Exception] = {}
        self._cloud = cloud
        self._permission = permission
        self._assets = {asset.address: asset for asset in assets}
        self._resources = {asset.address: asset.resources(cloud.spec) for asset in assets}
        self._outcomes: dict[str, Outcome] = {}
        self._deleted: list[Outcome] = []
        self._to_delete = {s.resource.address for s in plan.steps if s.action == "delete"}
        self._total = len(plan.steps)
        self._on_progress = on_progress
        self._reporting = threading.Lock()

    def outcomes(self) -> list[Outcome]:
        """What has been done so far, in the order of declaration, and what was deleted then."""
        addresses = (r.address for resources in self._resources.values() for r in resources)
        return [*(self._outcomes[a] for a in addresses if a in self._outcomes), *self._deleted]

    def apply(self) -> list[Outcome]:
        skipped: list[str] = []
        order = TopologicalSorter(
            {a.address: [d for d in a.deps if d in self._assets] for a in self._assets.values()}
        )
        order.prepare()
        running: dict[Future[None], str] = {}
        with ThreadPoolExecutor(THREADS) as pool:
            while order.is_active():
                for address in order.get_ready():
                    blocked = {*self.failures, *skipped} & set(self._assets[address].deps)
                    if blocked:
                        skipped.append(address)
                        order.done(address)
                    else:
                        running[pool.submit(self._apply_asset, address)] = address
                if not running:
                    continue
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    address = running.pop(future)
                    error = future.exception()
                    if isinstance(error, Exception):
                        self.failures[address] = error
                    elif error is not None:
                        raise error
                    order.done(address)
        if not self.failures:
            self._clean_up()
        if self.failures:
            raise ApplyFailedError(self.outcomes(), self.failures, skipped)
        return self.outcomes()

    def _clean_up(self) -> None:
        """Deletes what was replaced, last made first; as far as it gets."""
        made = [r for resources in self._resources.values() for r in resources]
        for resource in reversed(made):
            replaced = resource.beside and self._outcomes[resource.address].result == "replaced"
            if replaced or resource.address in self._to_delete:
                try:
                    for outcome in reconcile.clean_up(resource, self._cloud, self._permission):
                        self._deleted.append(outcome)
                        self._report(outcome)
                except Exception as error:  # noqa: BLE001 - reported with what was done before
                    self.failures[resource.asset] = error
                    return

    def _apply_asset(self, address: str) -> None:
        for resource in self._resources[address]:
            outcome = reconcile.apply(resource, self._cloud, self._permission)
            with self._reporting:
                self._outcomes[resource.address] = outcome
                self._report(outcome)

    def _report(self, outcome: Outcome) -> None:
        if self._on_progress:
            self._on_progress(outcome, len(self._outcomes) + len(self._deleted), self._total)
