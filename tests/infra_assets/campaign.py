"""Faults at every mutating call of a whole apply, in an account of this process.

The apply runs in one thread: its calls come in the same order every time, and a fork copies it
with the account, so that what follows a crash at any point costs only what is left to do there.
"""

from __future__ import annotations

import os
import re
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, Self

import pytest

from infra_assets import engine, run
from infra_assets.lock import ApplyLock
from tests.infra_assets.world import Call, CrashError, Fault, State, World, crash

STRIDE = 8
"""How many calls lie between two faults in one apply: hardly two of them strike one resource."""


@dataclass
class Campaign:
    """What came of it: how many of the apply's calls were struck, and what was wrong then."""

    fault: str
    calls: int = 0
    failures: list[str] = field(default_factory=list)
    """Why an apply failed, before its rerun."""
    wrong: dict[str, str] = field(default_factory=dict)
    """What differs from an undisturbed apply at the end, by where it was struck."""
    started: float = field(default_factory=time.monotonic)

    def __str__(self) -> str:
        minutes = (time.monotonic() - self.started) / 60
        return (
            f"{self.fault}: {self.calls} calls, {len(self.failures)} failed applies, "
            f"{len(self.wrong)} wrong, {minutes:.1f} min"
        )


class _AtOnce:
    """An executor that has done what is submitted before it returns."""

    def __init__(self, _threads: int) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, call: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(call(*arguments))
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            future.set_exception(error)
        return future

    def map(self, call: Callable[[Any], Any], items: list[Any]) -> list[Any]:
        return [call(item) for item in items]


@contextmanager
def one_thread() -> Iterator[None]:
    """Applies run in the calling thread; a lock is renewed by no other one meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (engine, run):
            patch.setattr(module, "ThreadPoolExecutor", _AtOnce)
        patch.setattr(engine, "ApplyLock", partial(ApplyLock, time_to_live=timedelta(days=1)))
        yield


@dataclass(frozen=True)
class Undisturbed:
    """What an apply without a fault makes: how many objects of each sort, in which calls."""

    sizes: dict[str, int]
    calls: tuple[str, ...]

    @classmethod
    def of(cls, world: World) -> Undisturbed:
        world.engine().apply()
        made = cls(world.sizes(), tuple(named(world.wire.mutations())))
        world.put_back(State())
        return made

    def difference(self, world: World) -> str:
        """How the account differs from it, if it does."""
        sizes = {**dict.fromkeys(self.sizes, 0), **world.sizes()}
        other = {k: (n, self.sizes.get(k, 0)) for k, n in sizes.items() if n != self.sizes.get(k)}
        plan = world.engine().plan()
        wrong = [f"{sort}: {n} instead of {m}" for sort, (n, m) in other.items()]
        wrong += [f"{step.action} {step.resource.address}" for step in plan.changes]
        wrong += [f"orphan {orphan.arn}" for orphan in plan.orphans]
        return "; ".join(wrong)


def named(calls: list[Call]) -> Iterator[str]:
    """`service.Operation #3`: the same for the same call of every apply."""
    seen: dict[str, int] = {}
    for call in calls:
        operation = f"{call.service}.{call.operation}"
        seen[operation] = seen.get(operation, 0) + 1
        yield f"{operation} #{seen[operation]}"


def crashes(world: World, undisturbed: Undisturbed, points: range) -> Campaign:
    """A crash after the call took effect, at each of the points; then a rerun."""
    campaign = Campaign("a crash after the call")
    copied = False

    def strikes(call: Call, number: int) -> bool:
        nonlocal copied
        if number not in points:
            return False
        wrong = _in_a_copy()
        copied = wrong is None
        if wrong is not None:
            campaign.calls += 1
            if wrong:
                campaign.wrong[undisturbed.calls[number]] = wrong
        return copied

    def die(call: Call) -> None:
        world.wire.strikes, world.wire.before = (lambda call, number: True), crash
        crash(call)

    world.wire.strikes, world.wire.after = strikes, die
    try:
        world.engine().apply()
    except CrashError:
        _tell(lambda: _rerun(world, undisturbed))
    assert not copied
    assert undisturbed.difference(world) == ""
    return campaign


def _rerun(world: World, undisturbed: Undisturbed) -> str:
    world.wire.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("infra_assets.lock.has_ended", lambda process: True)  # it was this one
        world.engine().apply()
    return undisturbed.difference(world)


def _in_a_copy() -> str | None:
    """None in a copy of this process; in this one what `_tell` tells there, once it has ended."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        os.dup2(writing, _TOLD)
        return None
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = pipe.read()
    _, status = os.waitpid(pid, 0)
    return told if status == 0 else f"the copy ended with {status}: {told}"


_TOLD = 199
"""The file descriptor on which a copy tells."""


def _tell(what: Callable[[], str]) -> None:
    """Tells the process that this is a copy of, and ends."""
    try:
        told = what()
    except BaseException:  # noqa: BLE001 - nothing may get out of the copy
        told = traceback.format_exc()
    os.write(_TOLD, told.encode())
    os._exit(0)


def faults(
    world: World,
    undisturbed: Undisturbed,
    fault: str,
    *,
    before: Fault | None = None,
    after: Fault | None = None,
    starts: range = range(STRIDE),
) -> Campaign:
    """A fault that an apply outlives at every STRIDE-th call, in an apply from each of the starts
    on; a rerun where the apply fails all the same, as it does without its lock."""
    campaign = Campaign(fault)
    struck: set[str] = set()
    for start in starts:
        world.put_back(State())
        strikes = _Every(STRIDE, start)
        world.wire.strikes, world.wire.before, world.wire.after = strikes, before, after
        failures = list(_applied(world))
        campaign.failures += [str(failure) for failure in failures]
        struck |= strikes.struck
        world.wire.clear()
        changed = [o.resource.address for o in world.engine().apply() if o.result != "unchanged"]
        wrong = undisturbed.difference(world)
        if changed or wrong:
            campaign.wrong[f"from call {start} on"] = f"{wrong}; changed again: {changed}"
    campaign.calls = len(struck & set(undisturbed.calls))
    return campaign


def _applied(world: World) -> Iterator[Exception]:
    """Applies until that works; why it didn't before."""
    for _ in range(5):
        try:
            world.engine().apply()
            return
        except Exception as error:  # noqa: BLE001 - is reported
            yield error


class _Every:
    """Strikes every so manieth call, and not the one by which that is made good."""

    def __init__(self, stride: int, start: int) -> None:
        self.struck: set[str] = set()
        self._stride, self._start = stride, start
        self._calls: list[Call] = []
        self._made_good: set[str] = set()

    def __call__(self, call: Call, number: int) -> bool:
        without_token = re.sub(r"[0-9a-f]{32}|[0-9a-f-]{36}", "", str(call))
        if without_token in self._made_good:
            return False
        self._calls.append(call)
        if (len(self._calls) - 1) % self._stride != self._start:
            return False
        self._made_good.add(without_token)
        self.struck.add([*named(self._calls)][-1])
        return True
