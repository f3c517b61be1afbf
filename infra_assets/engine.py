"""What can be done to an environment as a whole: planned, applied, destroyed, adopted, one at a
time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from infra_assets import reconcile
from infra_assets.cloud import Clock, Cloud
from infra_assets.errors import InfraError
from infra_assets.infra_asset import InfraAsset
from infra_assets.kinds import TYPES
from infra_assets.lock import ApplyLock, holder_name
from infra_assets.plan import Orphan, Plan, SavedPlan
from infra_assets.reconcile import ImpossibleError, Outcome, Permission, Step, differences
from infra_assets.records import recorded
from infra_assets.resource import NotAdoptableError, Resource, Setting
from infra_assets.run import THREADS, Progress, Run
from infra_assets.spec import PlatformSpec, platform_spec
from resources.aws import Aws
from resources.settings import Settings


class UnknownAssetError(InfraError):
    """A name is of nothing that is declared."""

    def __init__(self, names: Iterable[str], what: str, known: Collection[str]) -> None:
        unknown = sorted(names)
        close = [n for name in unknown for n in get_close_matches(name, known, n=2, cutoff=0.5)]
        hint = f"Did you mean {' or '.join(close)}?" if close else "See what mall plan lists."
        super().__init__(f"There is no {what} {', '.join(unknown)}. {hint}")


class UnknownOrphanError(InfraError):
    """Something to be pruned is no orphan, or none that the engine made."""

    def __init__(self, name: str, orphans: Sequence[Orphan]) -> None:
        known = ", ".join(o.address for o in orphans if o.address) or "none"
        super().__init__(f"{name} is no orphan that can be pruned; of these there are: {known}")


class NotAdoptedError(InfraError):
    """An object can't become a resource: that exists already, or the object doesn't."""


class DeclaredTwiceError(InfraError):
    """Two resources have one identity, so one object would have to be both."""

    def __init__(self, one: Resource, other: Resource) -> None:
        super().__init__(
            f"{one.address} is declared more than once, by {one.asset} and by {other.asset}. "
            "Rename one of them."
        )


class PlanOutdatedError(InfraError):
    """AWS or the code has moved since a plan was saved."""

    def __init__(self, saved: SavedPlan, now: SavedPlan) -> None:
        if (saved.environment, saved.account_id) != (now.environment, now.account_id):
            reason = (
                f"is for {saved.environment} in account {saved.account_id},"
                f" and this is {now.environment} in {now.account_id}"
            )
        else:
            moved = saved.moved(now)
            more = f" and {len(moved) - 5} more" if len(moved) > 5 else ""
            reason = (
                "is outdated: the environment or the code has changed since, at"
                f" {', '.join(moved[:5])}{more}"
            )
        super().__init__(f"The plan {reason}. Nothing was changed; plan again.")


class DestroyFailedError(InfraError):
    """Something could not be deleted; `outcomes` has what was deleted before."""

    def __init__(
        self,
        resource: Resource,
        error: Exception,
        outcomes: list[Outcome],
        needed_by: Sequence[str],
    ) -> None:
        need = f" Still there and in need of it: {', '.join(needed_by)}." if needed_by else ""
        super().__init__(f"{resource.address} could not be deleted: {error}{need}")
        self.outcomes = outcomes


class ReadOnlyRunError(Exception):
    """A run that only reads was about to write."""


@dataclass(frozen=True)
class Engine:
    """The infrastructure of one environment, as declared by `assets` (in dependency order)."""

    aws: Aws
    settings: Settings
    assets: tuple[InfraAsset, ...]
    clock: Clock = field(default_factory=Clock)

    def plan(self, selection: Sequence[str] | None = None) -> Plan:
        """What `apply` would do, and the orphans if nothing was selected; reads only."""
        cloud = self._cloud(self._spec(), guard=_refuse_to_write)
        plan = self._plan(cloud, selection)
        return plan if selection else replace(plan, orphans=tuple(self._orphans(cloud)))

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
        resources that may be replaced though they hold data or are protected. With `saved`,
        exactly that plan is carried out, or PlanOutdatedError is raised. Raises ImpossibleError
        before anything is changed, LockHeldError, or ApplyFailedError at the end.
        """
        if saved:
            selection = saved.selection
        assets = self._selected(selection)
        spec = self._spec()
        self._require_declared(named, spec)
        lock = self._lock(spec)
        lock.look()
        looking = self._cloud(spec, guard=_refuse_to_write)
        plan = self._plan(looking, selection)
        if saved and saved != (now := SavedPlan.of(plan)):
            raise PlanOutdatedError(saved, now)
        if plan.refused:
            raise ImpossibleError(plan.refused)
        if all(s.action == "none" and s.live and s.live.ready for s in plan.steps):
            return [Outcome(s.resource, "unchanged", (), s.live) for s in plan.steps]
        if looking.live(self._state_bucket(spec)) is None:
            self._make_state_bucket(looking)
        with lock:
            cloud = self._once_locked(looking, lock)
            if saved and not lock.is_as_seen:
                now = SavedPlan.of(self._plan(cloud, selection))
                state = f"/{spec.bucket('state')}"  # has just been made, for the lock
                if any(not address.endswith(state) for address in saved.moved(now)):
                    raise PlanOutdatedError(saved, now)
            permission = Permission(frozenset(named), spec.allow_data_loss)
            run = Run(cloud, permission, assets, plan, on_progress)
            with recorded(cloud, lock.holder, "apply", plan) as did:
                did.outcomes = run.outcomes
                return run.apply()

    def plan_destroy(self, selection: Sequence[str] | None = None) -> Plan:
        """What `destroy` would delete, last made first, the state bucket at the end; reads only."""
        return self._plan_destroy(self._cloud(self._spec(), guard=_refuse_to_write), selection)

    def _plan_destroy(self, cloud: Cloud, selection: Sequence[str] | None) -> Plan:
        spec = cloud.spec
        state = self._state_bucket(spec)
        resources = [r for a in self._selected(selection) for r in a.resources(spec)][::-1]
        resources.sort(key=lambda r: r.address == state.address)
        with ThreadPoolExecutor(THREADS) as pool:
            doomed = pool.map(lambda r: reconcile.doomed_of(r, cloud), resources)
        steps = [
            Step(resource, "delete", (), each)
            for resource, lives in zip(resources, doomed, strict=True)
            for each in lives
        ]
        return Plan(spec.env, spec.account_id, tuple(selection or ()), tuple(steps))

    def destroy(
        self,
        selection: Sequence[str] | None = None,
        *,
        named: Iterable[str] = (),
        on_progress: Progress | None = None,
    ) -> list[Outcome]:
        """Deletes the selected assets' resources, last made first; what was deleted, in order.

        What holds data or is protected goes only if `named`, and never where the spec forbids it:
        then DataLossRefusedError is raised before anything is deleted. Raises DestroyFailedError
        where AWS refuses.
        """
        spec = self._spec()
        self._require_declared(named, spec)
        permission = Permission(frozenset(named), spec.allow_data_loss)
        lock = self._lock(spec)
        lock.look()
        looking = self._cloud(spec, guard=_refuse_to_write)
        plan = self._plan_destroy(looking, selection)
        permission.require(
            [(step.resource, step.live) for step in plan.steps if step.live], "this would delete it"
        )
        if not plan.steps:
            return []
        self._make_state_bucket(looking)
        state = self._state_bucket(spec)
        named_once = {s.resource.address: s.resource for s in plan.steps}
        doomed = [r for address, r in named_once.items() if address != state.address]
        outcomes: list[Outcome] = []

        def delete(resource: Resource, cloud: Cloud) -> None:
            try:
                outcome = reconcile.delete(resource, cloud, permission)
            except Exception as error:
                needed_by = self._needing(resource, self._cloud(spec, guard=_refuse_to_write))
                raise DestroyFailedError(resource, error, outcomes, needed_by) from error
            if outcome:
                outcomes.append(outcome)
                if on_progress:
                    on_progress(outcome, len(outcomes), len(plan.steps))

        with lock:
            cloud = self._once_locked(looking, lock)
            with recorded(cloud, lock.holder, "destroy", plan) as did:
                did.outcomes = lambda: outcomes
                for resource in doomed:
                    delete(resource, cloud)
        if state.address in named_once:
            delete(state, self._cloud(spec))
        return outcomes

    def leftovers(self, destroyed: Plan) -> list[str]:
        """The ARNs of what still bears this environment's tag of the assets that were destroyed:
        keys and secrets that AWS deletes after a time, last snapshots, what others have tagged."""
        cloud = self._cloud(self._spec(), guard=_refuse_to_write)
        assets = {asset.address for asset in self._selected(destroyed.selection)}
        gone = {step.live.arn for step in destroyed.steps if step.live}
        found = {arn for arn, tags in cloud.tagged().items() if tags.get("mall:asset") in assets}
        going = {
            live.arn
            for step in destroyed.steps
            if (live := cloud.live(step.resource)) and live.going and live.arn
        }
        return sorted((found - gone) | going)

    def prunable(self, names: Sequence[str]) -> list[Resource]:
        """The orphans of these names (ARN or address). Raises UnknownOrphanError."""
        return self._prunable(self._cloud(self._spec(), guard=_refuse_to_write), names)

    def _prunable(self, cloud: Cloud, names: Sequence[str]) -> list[Resource]:
        orphans = self._orphans(cloud)
        found = []
        for name in names:
            orphan = next((o for o in orphans if name in (o.arn, o.address)), None)
            if orphan is None or orphan.address is None:
                raise UnknownOrphanError(name, orphans)
            found.append(_former(orphan.address))
        return found

    def prune(self, names: Sequence[str]) -> list[Outcome]:
        """Deletes the named orphans (ARN or address) that the engine once made.

        Raises UnknownOrphanError before anything is deleted. What holds data is protected as in
        `destroy`; naming it here names it there.
        """
        spec = self._spec()
        lock = self._lock(spec)
        lock.look()
        looking = self._cloud(spec, guard=_refuse_to_write)
        doomed = self._prunable(looking, names)
        permission = Permission(frozenset(r.address for r in doomed), spec.allow_data_loss)
        objects = [(r, live) for r in doomed for live in reconcile.doomed_of(r, looking)]
        permission.require(objects, "this would delete it")
        self._make_state_bucket(looking)
        with lock:
            cloud = self._once_locked(looking, lock)
            outcomes: list[Outcome] = []
            with recorded(cloud, lock.holder, "prune") as did:
                did.outcomes = lambda: outcomes
                for resource in doomed:
                    outcomes += filter(None, [reconcile.delete(resource, cloud, permission)])
        return outcomes

    def adopt(self, address: str, id: str) -> Step:
        """Gives an existing object a declared resource's identity, then plans that resource.

        `address` is a resource's, or an asset's that has one resource only; `id` the object's id
        or ARN, or its name where AWS knows it by that. Raises UnknownAssetError,
        NotAdoptableError, or NotAdoptedError.
        """
        spec = self._spec()
        resource = self._one_resource(address, spec)
        looking = self._cloud(spec)
        self._make_state_bucket(looking)
        with self._lock(spec) as lock:
            cloud = looking.to_write(lock.check)
            live = cloud.live(resource)
            if live is not None and id not in (live.id, live.arn, resource.name):
                raise NotAdoptedError(f"{resource.address} exists already: {live.arn or live.id}")
            who = lock.holder
            with recorded(cloud, who, "import", resource=resource.address, id=id) as did:
                if live is None:
                    resource.adopt(cloud, id)
                    live = cloud.live(resource)
                if live is None:
                    raise NotAdoptedError(f"There is no {resource.address} named {id} on AWS.")
                wanted = cloud.wanted(resource, now=False)
                changed = differences(resource, wanted, live)
                retagged = tuple(change for change in changed if change.attribute == "tags")
                if retagged:
                    resource.update(cloud, live, wanted, frozenset({"tags"}))
                adopted = Outcome(resource, "updated", retagged, live)
                did.outcomes = lambda: [adopted]
        return reconcile.plan(resource, cloud)

    def _one_resource(self, address: str, spec: PlatformSpec) -> Resource:
        resources = [r for asset in self.assets for r in asset.resources(spec)]
        found = [r for r in resources if r.address == address] or [
            r for r in resources if r.asset == address and not isinstance(r, Setting)
        ]
        if not found:
            known = {r.address for r in resources} | {r.asset for r in resources}
            raise UnknownAssetError([address], "infrastructure asset or resource", known)
        if len(found) > 1:
            names = ", ".join(r.address for r in found)
            raise NotAdoptableError(f"{address} must be one resource; it is {names}")
        return found[0]

    def _spec(self) -> PlatformSpec:
        return platform_spec(self.settings, self.aws.account_id)

    def _cloud(self, spec: PlatformSpec, guard: Callable[[], None] = lambda: None) -> Cloud:
        inventory: dict[tuple[str, str], Resource] = {}
        for resource in (r for asset in self.assets for r in asset.resources(spec)):
            other = inventory.setdefault((resource.kind(), resource.name), resource)
            if other is not resource:
                raise DeclaredTwiceError(other, resource)
        return Cloud(self.aws, spec, inventory, clock=self.clock, guard=guard)

    def _selected(self, selection: Sequence[str] | None) -> list[InfraAsset]:
        """Assets by address (`network/vpc`) or area (`network`); None is all of them."""
        if selection is None or not selection:
            return list(self.assets)
        known = {a.address for a in self.assets} | {a.area for a in self.assets}
        if unknown := set(selection) - known:
            raise UnknownAssetError(unknown, "infrastructure asset or area", known)
        return [a for a in self.assets if {a.address, a.area} & set(selection)]

    def _require_declared(self, named: Iterable[str], spec: PlatformSpec) -> None:
        known = {r.address for asset in self.assets for r in asset.resources(spec)}
        if unknown := set(named) - known:
            raise UnknownAssetError(unknown, "infrastructure resource", known)

    def _needing(self, resource: Resource, cloud: Cloud) -> list[str]:
        """The assets that need a resource's asset and are there."""
        return [
            asset.address
            for asset in self.assets
            if resource.asset in asset.deps
            and any(cloud.live(r) is not None for r in asset.resources(cloud.spec))
        ]

    def _plan(self, cloud: Cloud, selection: Sequence[str] | None) -> Plan:
        resources = [r for a in self._selected(selection) for r in a.resources(cloud.spec)]
        with ThreadPoolExecutor(THREADS) as pool:
            each = pool.map(lambda r: reconcile.plan(r, cloud), resources)
            steps = list(_with_what_follows(each, cloud))
        steps += list(_clean_up_steps(steps, cloud))
        selected = {resource.address for resource in resources}
        steps = [_refused_if_used_elsewhere(step, selected, cloud) for step in steps]
        return Plan(cloud.spec.env, cloud.spec.account_id, tuple(selection or ()), tuple(steps))

    def _orphans(self, cloud: Cloud) -> list[Orphan]:
        """What carries our tag and is no declared resource's, nor something that AWS made of one
        and copied its tags to, as it does with snapshots."""
        declared = {r.address for a in self.assets for r in a.resources(cloud.spec)}
        return [
            Orphan(arn, address if (address or "").partition("/")[0] in TYPES else None)
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

    def _make_state_bucket(self, looking: Cloud) -> None:
        reconcile.create_if_missing(self._state_bucket(looking.spec), looking.to_write())

    def _lock(self, spec: PlatformSpec) -> ApplyLock:
        return ApplyLock(self.aws, spec.bucket("state"), holder_name(self.aws.caller_arn))

    def _once_locked(self, looking: Cloud, lock: ApplyLock) -> Cloud:
        """The view to write from: the one from before the lock was had, or if somebody has had it
        since, a new one."""
        if lock.is_as_seen:
            return looking.to_write(lock.check)
        return self._cloud(looking.spec, guard=lock.check)


def _with_what_follows(steps: Iterable[Step], cloud: Cloud) -> Iterator[Step]:
    """The steps, in the order of making, planned anew where they refer to what is replaced: what
    they'll refer to then isn't known yet."""
    for step in steps:
        if cloud.awaits_another(step.resource):
            step = reconcile.plan(step.resource, cloud)
        if step.action == "replace" and step.live is not None:
            cloud.expect_another(step.resource, step.live)
        yield step


def _clean_up_steps(steps: Sequence[Step], cloud: Cloud) -> Iterator[Step]:
    """The deletion of what the steps replace and of what an earlier apply, cut off, has left of
    what it replaced."""
    for step in reversed(steps):
        if step.resource.beside:
            replaced = [step.live] if step.action == "replace" else []
            for old in [*replaced, *cloud.replaced(step.resource)]:
                yield Step(step.resource, "delete", (), old)


def _refused_if_used_elsewhere(step: Step, selected: Collection[str], cloud: Cloud) -> Step:
    """AWS keeps an old object as long as something uses it that doesn't move in the same apply."""
    if step.refused or step.action != "delete":
        return step
    using = [
        user
        for user in cloud.users(step.resource)
        if user.address not in selected and cloud.live(user) is not None
    ]
    if not using:
        return step
    names = ", ".join(sorted(user.address for user in using))
    assets = " ".join(sorted({user.asset for user in using}))
    why = f"{names} may still use it and isn't selected. Select everything, or these, too: {assets}"
    return replace(step, refused=why)


def _former(address: str) -> Resource:
    """A resource that is declared no longer, from its tag: enough of it to be found and deleted."""
    kind, name = address.split("/", 1)
    return TYPES[kind].former(name)


def _refuse_to_write() -> None:
    raise ReadOnlyRunError("this run only reads")
