"""One apply: assets go to a thread each as soon as those they need are done."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter

from infra_assets import reconcile
from infra_assets.cloud import Cloud
from infra_assets.errors import InfraError
from infra_assets.infra_asset import InfraAsset
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
        on_progress: Progress | None,
    ) -> None:
        self.failures: dict[str, Exception] = {}
        self._cloud = cloud
        self._permission = permission
        self._assets = {asset.address: asset for asset in assets}
        self._resources = {asset.address: asset.resources(cloud.spec) for asset in assets}
        self._outcomes: dict[str, Outcome] = {}
        self._on_progress = on_progress
        self._reporting = threading.Lock()

    def outcomes(self) -> list[Outcome]:
        """What has been done so far, in the order of declaration."""
        addresses = (r.address for resources in self._resources.values() for r in resources)
        return [self._outcomes[a] for a in addresses if a in self._outcomes]

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
        if self.failures:
            raise ApplyFailedError(self.outcomes(), self.failures, skipped)
        return self.outcomes()

    def _apply_asset(self, address: str) -> None:
        for resource in self._resources[address]:
            outcome = reconcile.apply(resource, self._cloud, self._permission)
            with self._reporting:
                self._outcomes[resource.address] = outcome
                if self._on_progress:
                    total = sum(len(resources) for resources in self._resources.values())
                    self._on_progress(outcome, len(self._outcomes), total)
