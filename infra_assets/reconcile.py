"""Makes one resource what it should be: a pure diff and one flow.

Find, diff, plan, apply, wait, find again. The flow only ever moves from what is there towards what
is wanted, so it may be cut off anywhere and started again.

An object that AWS can't change is replaced. Where two can stand side by side the old one is marked
by a tag, which takes its identity from it; the new one is made; `clean_up` deletes the old one once
all that used it has moved. Elsewhere the old one is deleted first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from infra_assets.cloud import Cloud
from infra_assets.errors import InfraError
from infra_assets.resource import REPLACED, Attributes, Live, Resource, Setting

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

Action = Literal["none", "create", "update", "replace", "delete"]
Result = Literal["unchanged", "created", "updated", "replaced", "deleted"]

_ATTEMPTS = 6
_SHOWN_WITHIN_S = 30
_THROTTLED = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "SlowDown",
        "BandwidthLimitExceeded",
        "PriorRequestNotComplete",
        "ConcurrentModification",
        "OperationAborted",
    }
)


@dataclass(frozen=True)
class Change:
    """One attribute that is not as wanted."""

    attribute: str
    now: Any
    wanted: Any
    replaces: bool


@dataclass(frozen=True)
class Step:
    """What would be done to one resource, and why; `refused` is why it can't be done."""

    resource: Resource
    action: Action
    changes: tuple[Change, ...] = ()
    live: Live | None = None
    refused: str = ""

    @property
    def only_named(self) -> str:
        """Why this is done only where the resource is named; empty where it's done anyway."""
        if self.live is None or self.action not in ("replace", "delete"):
            return ""
        return self.resource.why_kept(self.live)


@dataclass(frozen=True)
class Outcome:
    """What was done to one resource, and the object as it is now (None once deleted)."""

    resource: Resource
    result: Result
    changes: tuple[Change, ...]
    live: Live | None


class ImpossibleError(InfraError):
    """What is wanted is nothing that AWS can do from where it is; says what a person can do."""

    def __init__(self, steps: Iterable[Step]) -> None:
        super().__init__(
            "\n".join(f"{step.resource.address}: {step.refused}" for step in steps if step.refused)
        )


class DataLossRefusedError(InfraError):
    """Replacing or deleting something that holds data, or that AWS is told to protect, was not
    asked for by name."""

    def __init__(self, reasons: Mapping[str, str], doing: str, *, possible: bool) -> None:
        what = ", ".join(f"{address} {why}" for address, why in reasons.items())
        each = "it" if len(reasons) == 1 else "each"
        remedy = f"Name {each} to allow it." if possible else "This environment never allows that."
        super().__init__(f"{what}; {doing}. {remedy}")
        self.addresses, self.possible = list(reasons), possible


class NotConvergedError(InfraError):
    """AWS accepted a change, but the attributes are still not as wanted."""

    def __init__(self, resource: Resource, changes: Iterable[Change]) -> None:
        names = ", ".join(sorted(change.attribute for change in changes))
        super().__init__(f"{resource.address} was changed, but still differs in {names}")


class NotReadyError(InfraError):
    """AWS did not get a resource ready, or rid of it, in the time that should be enough."""

    def __init__(self, resource: Resource, waited_for: str, remedy: str = "") -> None:
        super().__init__(
            f"{resource.address} was not {waited_for} within {resource.patience_s:.0f} s. {remedy}"
        )


@dataclass(frozen=True)
class Permission:
    """Addresses of resources that may be replaced or deleted though they hold data or are
    protected."""

    named: frozenset[str] = frozenset()
    possible: bool = True

    def require(self, objects: Iterable[tuple[Resource, Live]], doing: str) -> None:
        """Raises DataLossRefusedError with all that aren't permitted."""
        named = self.named if self.possible else ()
        kept = {r.address: why for r, live in objects if (why := r.why_kept(live))}
        refused = {address: why for address, why in kept.items() if address not in named}
        if refused:
            raise DataLossRefusedError(refused, doing, possible=self.possible)


def canonical(value: Any) -> Any:
    """The same value for all the ways AWS may write it: None left out, policies normalised."""
    match value:
        case {"Statement": _}:
            return _canonical_policy(value)
        case Mapping():
            return {k: canonical(v) for k, v in sorted(value.items()) if v is not None}
        case list() | tuple():
            return [canonical(item) for item in value]
    return value


def _canonical_policy(document: Mapping[str, Any]) -> dict[str, Any]:
    def part(value: Any) -> Any:
        match value:
            case list():
                items = sorted((part(item) for item in value), key=_as_text)
                return items[0] if len(items) == 1 else items
            case Mapping():
                return {key: part(item) for key, item in sorted(value.items())}
            case bool():
                return str(value).lower()
            case int():
                return str(value)
        return value

    statements = document["Statement"]
    if isinstance(statements, Mapping):
        statements = [statements]
    return {
        "Version": document.get("Version"),
        "Statement": sorted((part(statement) for statement in statements), key=_as_text),
    }


def unordered(items: Iterable[Any]) -> list[Any]:
    """A list whose order means nothing, in an order of its own."""
    return sorted(items, key=_as_text)


def _as_text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def diff(
    wanted: Attributes,
    now: Attributes,
    *,
    fixed: frozenset[str] = frozenset(),
    sets: frozenset[str] = frozenset(),
) -> tuple[Change, ...]:
    """The wanted attributes that differ now. Of tags only the wanted ones are looked at: other
    people's are theirs."""
    changes = []
    for name, value in wanted.items():
        present = now.get(name)
        if name == "tags":
            present = {key: tag for key, tag in (present or {}).items() if key in value}
        one, other = canonical(present), canonical(value)
        if name in sets:
            one, other = unordered(one or ()), unordered(other or ())
        if one != other:
            changes.append(Change(name, present, value, name in fixed))
    return tuple(changes)


def differences(resource: Resource, wanted: Attributes, live: Live) -> tuple[Change, ...]:
    """What of an object isn't as wanted."""
    return diff(wanted, live.attributes, fixed=resource.fixed_in(live), sets=resource.sets)


def plan(resource: Resource, cloud: Cloud) -> Step:
    """What is to be done to the resource; reads only."""
    live = None if cloud.goes_with_another(resource) else cloud.live(resource)
    wanted = cloud.wanted(resource, now=False)
    if live is None or live.leaving:
        live = None
        action: Action = "create"
        changes = tuple(Change(name, None, value, False) for name, value in wanted.items())
    else:
        changes = differences(resource, wanted, live)
        if not changes:
            return Step(resource, "none", (), live)
        action = "replace" if any(change.replaces for change in changes) else "update"
    changed = frozenset(change.attribute for change in changes)
    return Step(resource, action, changes, live, resource.obstacle(cloud, live, wanted, changed))


def apply(resource: Resource, cloud: Cloud, permission: Permission) -> Outcome:
    """Makes the resource what it should be; what it replaces may be left for `clean_up`.

    Raises ImpossibleError and DataLossRefusedError before anything is touched, NotReadyError,
    NotConvergedError, AmbiguousIdentityError, MissingInfrastructureError, or AWS's own error once
    it isn't one that passes.
    """
    step = plan(resource, cloud)
    if step.refused:
        raise ImpossibleError([step])
    if step.action == "none" and step.live is not None and step.live.ready:
        return Outcome(resource, "unchanged", (), step.live)
    cloud.settle(resource, None)
    if step.action == "replace" and step.live is not None:
        permission.require([(resource, step.live)], "this change would replace it")
        if resource.beside:
            _set_aside(resource, cloud, step.live)
        else:
            _remove(resource, cloud, lambda: cloud.live(resource))
    _persist(resource, cloud, lambda: _converge(resource, cloud))
    results: dict[Action, Result] = {
        "none": "unchanged",
        "create": "created",
        "update": "updated",
        "replace": "replaced",
    }
    live = _settled(resource, cloud)
    cloud.settle(resource, live)
    return Outcome(resource, results[step.action], step.changes, live)


def create_if_missing(resource: Resource, cloud: Cloud) -> None:
    """Makes the resource if it isn't there, without setting what the creating call can't take.

    References that can't be resolved yet don't matter to it.
    """

    def step() -> None:
        if cloud.live(resource) is None:
            resource.create(cloud, cloud.wanted(resource, now=False))

    _persist(resource, cloud, step)
    _wait(resource, cloud, "found", lambda found: True)


def delete(resource: Resource, cloud: Cloud, permission: Permission) -> Outcome | None:
    """Deletes the resource, and what it has replaced; None if nothing is there or it goes with
    another. Raises as `apply`."""
    doomed = doomed_of(resource, cloud)
    if not doomed:
        return None
    permission.require([(resource, live) for live in doomed], "this would delete it")
    cloud.settle(resource, None)
    list(clean_up(resource, cloud, permission))
    _remove(resource, cloud, lambda: cloud.live(resource))
    return Outcome(resource, "deleted", (), None)


def doomed_of(resource: Resource, cloud: Cloud) -> list[Live]:
    """What `delete` would delete: the resource's object and what that has replaced."""
    if isinstance(resource, Setting):
        return []
    live = cloud.live(resource)
    there = [*([live] if live else []), *cloud.replaced(resource)]
    return [each for each in there if not each.going]


def clean_up(resource: Resource, cloud: Cloud, permission: Permission) -> Iterator[Outcome]:
    """Deletes what a resource has replaced. Raises as `apply`."""
    for old in cloud.replaced(resource):
        permission.require([(resource, old)], "this would delete the one that was replaced")

        def left(id: str = old.id) -> Live | None:
            return next((live for live in cloud.replaced(resource) if live.id == id), None)

        _remove(resource, cloud, left)
        yield Outcome(resource, "deleted", (), None)


def _converge(resource: Resource, cloud: Cloud) -> None:
    live = cloud.live(resource)
    if live is not None and live.leaving:
        _remove(resource, cloud, lambda: cloud.live(resource))
        live = None
    if live is None:
        resource.create(cloud, cloud.wanted(resource, now=True))
        live = _wait(resource, cloud, "found", lambda found: True)
    if not live.going:
        live = _wait(resource, cloud, "ready", lambda found: found.ready)
    wanted = cloud.wanted(resource, now=True)
    changed = frozenset(c.attribute for c in differences(resource, wanted, live))
    if changed:
        resource.update(cloud, live, wanted, changed)


def _settled(resource: Resource, cloud: Cloud) -> Live:
    """The resource as found again, ready and as wanted.

    AWS may show a change a little after it took it, but not for ever.
    """
    wanted = cloud.wanted(resource, now=True)
    deadline = cloud.clock.now() + _SHOWN_WITHIN_S

    def reached(found: Live) -> bool:
        if not found.ready:
            return False
        changes = differences(resource, wanted, found)
        if changes and cloud.clock.now() >= deadline:
            raise NotConvergedError(resource, changes)
        return not changes

    return _wait(resource, cloud, "ready", reached)


def _set_aside(resource: Resource, cloud: Cloud, old: Live) -> None:
    """Marks an object as one that is being replaced: it isn't the resource's any longer."""

    def step() -> None:
        live = cloud.live(resource)
        if live is not None and live.id == old.id:
            resource.update(cloud, live, {"tags": {REPLACED: "true"}}, frozenset({"tags"}))

    _persist(resource, cloud, step)
    for live in _looks(resource, cloud, lambda: cloud.live(resource)):
        if live is None or live.id != old.id:
            return
    raise NotReadyError(resource, "marked as replaced")


def _remove(resource: Resource, cloud: Cloud, look: Callable[[], Live | None]) -> None:
    """Deletes what `look` finds, as soon as AWS lets it go."""
    from botocore.exceptions import ClientError

    def step() -> None:
        live = look()
        if live is not None and not (live.going or live.leaving):
            resource.delete(cloud, live)

    def ask() -> ClientError | None:
        try:
            _persist(resource, cloud, step)
        except ClientError as error:
            if error.response["Error"]["Code"] not in resource.held:
                raise
            return error
        return None

    still_held = ask()
    for live in _looks(resource, cloud, look):
        if live is None or live.going:
            return
        still_held = still_held and ask()
    raise still_held or NotReadyError(resource, "gone")


def _wait(resource: Resource, cloud: Cloud, state: str, reached: Callable[[Live], bool]) -> Live:
    for live in _looks(resource, cloud, lambda: cloud.live(resource)):
        if live is not None and reached(live):
            return live
    raise NotReadyError(resource, state, resource.when_not_ready(cloud))


def _looks(
    resource: Resource, cloud: Cloud, look: Callable[[], Live | None]
) -> Iterator[Live | None]:
    """What is there, again and again and more and more slowly, as long as patience lasts."""
    deadline = cloud.clock.now() + resource.patience_s
    pause = 0.1
    while True:
        yield look()
        if cloud.clock.now() >= deadline:
            return
        cloud.clock.sleep(pause)
        pause = min(pause * 1.6, 15)
        cloud.forget(resource.service)


def _persist(resource: Resource, cloud: Cloud, step: Callable[[], None]) -> None:
    """Takes a step that looks before it acts, again while AWS answers with what passes.

    After a lost reply nobody knows whether the call took effect: the object is looked for a few
    times, since what was just made may not be listed at once, before the step is taken again.
    """
    from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return step()
        except ClientError as error:
            uncertain = error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500
            if attempt == _ATTEMPTS or not (uncertain or _passes(resource, error)):
                raise
        except (ConnectionError, HTTPClientError):
            uncertain = True
            if attempt == _ATTEMPTS:
                raise
        for look in range(4 if uncertain else 1):
            cloud.clock.sleep(min(0.25 * 2 ** (attempt + look), 10))
            cloud.forget(resource.service)
            if uncertain and cloud.live(resource) is not None:
                break
    return None


def _passes(resource: Resource, error: ClientError) -> bool:
    """Whether AWS will take the same call a little later."""
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    return code in _THROTTLED or any(code == c and text in message for c, text in resource.settles)
