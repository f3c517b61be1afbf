"""Runs the reconciler over assets: in dependency order, independent ones at once, one run at a
time in an environment."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from graphlib import TopologicalSorter

from infra_assets import reconcile
from infra_assets.cloud import Clock, Cloud
from infra_assets.errors import InfraError
from infra_assets.infra_asset import InfraAsset
from infra_assets.kinds import TYPES
from infra_assets.lock import ApplyLock, holder_name
from infra_assets.plan import Orphan, Plan, SavedPlan, outcome_as_dict
from infra_assets.reconcile import Outcome, Permission, Step
from infra_assets.resource import Live, Resource
from infra_assets.spec import PlatformSpec, platform_spec
from resources.aws import Aws
from resources.settings import Settings

Progress = Callable[[Outcome, int, int], None]
"""Called after each resource with its outcome, how many are done, and how many there are."""

_THREADS = 8


class UnknownAssetError(InfraError):
    """A selection names nothing that is declared."""


class UnknownOrphanError(Exception):
    """Something to be pruned is no orphan, or none that the engine made."""

    def __init__(self, name: str, orphans: Sequence[str]) -> None:
        super().__init__(f"{name} is no orphan of this environment; there are: {list(orphans)}")


class AlreadyThereError(Exception):
    """A resource that exists can't be another object, too."""

    def __init__(self, resource: Resource, live: Live) -> None:
        super().__init__(f"{resource.address} exists already: {live.arn or live.id}")


class PlanOutdatedError(InfraError):
    """AWS or the code has moved since a plan was saved."""


class ReadOnlyRunError(Exception):
    """A run that only reads was about to write."""


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


@dataclass(frozen=True)
class Engine:
    """The infrastructure of one environment, as declared by `assets` (in dependency order)."""

    aws: Aws
    settings: Settings
    assets: tuple[InfraAsset, ...]
    clock: Clock = field(default_factory=Clock)

    def plan(self, selection: Sequence[str] | None = None) -> Plan:
        """What `apply` would do, and the orphans if nothing was selected; reads only."""
        spec = self._spec()
        cloud = self._cloud(spec, guard=_refuse_to_write)
        steps = self._steps(cloud, self._selected(selection))
        orphans = () if selection else tuple(self._orphans(cloud, steps))
        return Plan(spec.env, spec.account_id, tuple(selection or ()), steps, orphans)

    def apply(
        self,
        selection: Sequence[str] | None = None,
        *,
        saved: SavedPlan | None = None,
        named: Iterable[str] = (),
        on_progress: Progress | None = None,
    ) -> list[Outcome]:
        """Makes the selected assets what they should be; the outcome of each resource, in order.

        Where nothing differs nothing is written, not even the lock. `named` are the addresses of
        resources that hold data and may be replaced. With `saved`, exactly that plan is carried
        out, or PlanOutdatedError is raised. Raises LockHeldError, or ApplyFailedError at the end.
        """
        if saved:
            selection = saved.selection
        assets = self._selected(selection)
        spec = self._spec()
        cloud = self._cloud(spec, guard=_refuse_to_write)
        steps = self._steps(cloud, assets)
        plan = Plan(spec.env, spec.account_id, tuple(selection or ()), steps)
        if saved and saved != _saved(plan):
            raise PlanOutdatedError("the environment or the code has changed since that plan")
        if all(s.action == "none" and s.live and s.live.ready for s in plan.steps):
            return [Outcome(s.resource, "unchanged", (), s.live) for s in plan.steps]
        if cloud.live(self._state_bucket(spec)) is None:
            self._make_state_bucket(spec)
        with self._lock(spec) as lock:
            cloud = self._cloud(spec, guard=lock.check)
            if saved and saved != _saved(
                Plan(spec.env, spec.account_id, plan.selection, self._steps(cloud, assets))
            ):
                raise PlanOutdatedError("the environment has changed since that plan")
            permission = Permission(frozenset(named), spec.allow_data_loss)
            run = _Run(cloud, permission, assets, spec, on_progress)
            try:
                outcomes = run.apply()
            except ApplyFailedError as error:
                try:
                    self._record(cloud, spec, lock.holder, plan, run)
                except Exception as unrecorded:  # noqa: BLE001
                    error.add_note(f"This change could not be recorded either: {unrecorded}")
                raise
            self._record(cloud, spec, lock.holder, plan, run)
            return outcomes

    def destroy(
        self,
        selection: Sequence[str] | None = None,
        *,
        named: Iterable[str] = (),
        on_progress: Progress | None = None,
    ) -> list[Outcome]:
        """Deletes the selected assets' resources, last made first; what was deleted, in order.

        What holds data goes only if `named`, and never where the spec forbids it: then
        DataLossRefusedError is raised before anything is deleted. The state bucket goes last.
        """
        spec = self._spec()
        cloud = self._cloud(spec, guard=_refuse_to_write)
        permission = Permission(frozenset(named), spec.allow_data_loss)
        resources = [r for a in self._selected(selection) for r in a.resources(spec)]
        state = self._state_bucket(spec)
        for resource in resources:
            live = cloud.live(resource)
            if live is not None and not live.going:
                permission.require(resource, "this would delete it")
        if cloud.live(state) is None:
            return []
        outcomes = []
        with self._lock(spec) as lock:
            cloud = self._cloud(spec, guard=lock.check)
            doomed = [r for r in reversed(resources) if r.address != state.address]
            for done, resource in enumerate(doomed, 1):
                outcome = reconcile.delete(resource, cloud, permission)
                if outcome:
                    outcomes.append(outcome)
                    if on_progress:
                        on_progress(outcome, done, len(resources))
        if any(r.address == state.address for r in resources):
            last = reconcile.delete(state, self._cloud(spec), permission)
            outcomes += [last] if last else []
        return outcomes

    def prune(self, names: Sequence[str]) -> list[Outcome]:
        """Deletes the named orphans (ARN or address) that the engine once made.

        Raises UnknownOrphanError before anything is deleted. What holds data is protected as in
        `destroy`; naming it here names it there.
        """
        spec = self._spec()
        cloud = self._cloud(spec, guard=_refuse_to_write)
        orphans = self._orphans(cloud, self._steps(cloud, self.assets))
        doomed = []
        for name in names:
            orphan = next((o for o in orphans if name in (o.arn, o.address)), None)
            if orphan is None or orphan.address is None:
                raise UnknownOrphanError(name, [o.address or o.arn for o in orphans])
            doomed.append(_former(orphan.address))
        permission = Permission(frozenset(r.address for r in doomed), spec.allow_data_loss)
        with self._lock(spec) as lock:
            cloud = self._cloud(spec, guard=lock.check)
            outcomes = [reconcile.delete(resource, cloud, permission) for resource in doomed]
        return [outcome for outcome in outcomes if outcome]

    def adopt(self, address: str, id: str) -> Step:
        """Gives an existing object a declared resource's identity, then plans that resource.

        `address` is a resource's, or an asset's that has one resource only. Raises
        UnknownAssetError, NotAdoptableError, or AlreadyThereError.
        """
        spec = self._spec()
        of = [r for a in self.assets for r in a.resources(spec) if address in (r.address, r.asset)]
        if len(of) != 1:
            names = ", ".join(r.address for r in of) or "none"
            raise UnknownAssetError(f"{address} must be one resource; it is {names}")
        self._make_state_bucket(spec)
        with self._lock(spec) as lock:
            cloud = self._cloud(spec, guard=lock.check)
            live = cloud.live(of[0])
            if live is not None and live.id != id:
                raise AlreadyThereError(of[0], live)
            of[0].adopt(cloud, id)
        return reconcile.plan(of[0], self._cloud(spec, guard=_refuse_to_write))

    def _spec(self) -> PlatformSpec:
        return platform_spec(self.settings, self.aws.account_id)

    def _cloud(self, spec: PlatformSpec, guard: Callable[[], None] = lambda: None) -> Cloud:
        declared = [r for asset in self.assets for r in asset.resources(spec)]
        inventory = {(r.kind(), r.name): r for r in declared}
        return Cloud(self.aws, spec, inventory, clock=self.clock, guard=guard)

    def _selected(self, selection: Sequence[str] | None) -> list[InfraAsset]:
        """Assets by address (`network/vpc`) or area (`network`); None is all of them."""
        if selection is None or not selection:
            return list(self.assets)
        known = {a.address for a in self.assets} | {a.area for a in self.assets}
        if unknown := set(selection) - known:
            raise UnknownAssetError(f"no infrastructure asset or area: {', '.join(unknown)}")
        return [a for a in self.assets if {a.address, a.area} & set(selection)]

    def _steps(self, cloud: Cloud, assets: Sequence[InfraAsset]) -> tuple[Step, ...]:
        resources = [r for asset in assets for r in asset.resources(cloud.spec)]
        with ThreadPoolExecutor(_THREADS) as pool:
            return tuple(pool.map(lambda r: reconcile.plan(r, cloud), resources))

    def _orphans(self, cloud: Cloud, steps: Sequence[Step]) -> list[Orphan]:
        """What carries our tag and is no declared resource's, nor something that AWS made of one
        and copied its tags to, as it does with snapshots."""
        declared = {step.resource.address for step in steps}
        return [
            Orphan(arn, address)
            for arn, tags in cloud.tagged().items()
            if (address := tags.get("mall:resource")) not in declared
        ]

    def _state_bucket(self, spec: PlatformSpec) -> Resource:
        return next(
            r
            for asset in self.assets
            for r in asset.resources(spec)
            if (r.kind(), r.name) == ("s3.Bucket", spec.bucket("state"))
        )

    def _make_state_bucket(self, spec: PlatformSpec) -> None:
        reconcile.create_if_missing(self._state_bucket(spec), self._cloud(spec))

    def _lock(self, spec: PlatformSpec) -> ApplyLock:
        return ApplyLock(self.aws, spec.bucket("state"), holder_name(self.aws.caller_arn))

    def _record(self, cloud: Cloud, spec: PlatformSpec, who: str, plan: Plan, run: _Run) -> None:
        """Writes who did what and when into the log bucket; into the state bucket as long as
        there is no log bucket."""
        now = datetime.now(UTC)
        buckets = {b["Name"] for b in cloud.read("s3", "list_buckets")["Buckets"]}
        log = spec.bucket("log")
        cloud.write(
            "s3",
            "put_object",
            Bucket=log if log in buckets else spec.bucket("state"),
            Key=f"infra-changes/{now:%Y/%m/%d}/{now:%H%M%S}-{uuid.uuid4().hex[:8]}.json",
            ContentType="application/json",
            Body=json.dumps(
                {
                    "who": who,
                    "at": now.isoformat(timespec="seconds"),
                    "plan": plan.as_dict(),
                    "outcomes": [outcome_as_dict(o) for o in run.outcomes()],
                    "failures": {
                        asset: type(error).__name__ for asset, error in run.failures.items()
                    },
                },
                ensure_ascii=False,
            ).encode(),
        )


class _Run:
    """One apply: assets go to a thread each as soon as those they need are done."""

    def __init__(
        self,
        cloud: Cloud,
        permission: Permission,
        assets: Sequence[InfraAsset],
        spec: PlatformSpec,
        on_progress: Progress | None,
    ) -> None:
        self.failures: dict[str, Exception] = {}
        self._cloud = cloud
        self._permission = permission
        self._assets = {asset.address: asset for asset in assets}
        self._resources = {asset.address: asset.resources(spec) for asset in assets}
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
        with ThreadPoolExecutor(_THREADS) as pool:
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


def _former(address: str) -> Resource:
    """A resource that is declared no longer, from its tag: enough of it to be found and deleted."""
    kind, name = address.split("/", 1)
    return TYPES[kind].former(name)


def _saved(plan: Plan) -> SavedPlan:
    return SavedPlan(plan.environment, plan.account_id, plan.selection, plan.fingerprint())


def _refuse_to_write() -> None:
    raise ReadOnlyRunError("this run only reads")
