"""Faults at every mutating call of a whole apply, in an account of this process.

The apply runs in one thread, in which its calls come in the same order every time. Faults strike
every STRIDE-th call, so far from each other that hardly two strike one resource; as many applies
from nothing, each struck one call later, strike them all.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, Self

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from infra_assets import engine, run
from infra_assets.lock import ApplyLock
from infra_assets.run import ApplyFailedError
from tests.infra_assets.world import DECLARED, Call, CrashError, Fault, State, World, crash

STRIDE = 8


@dataclass
class Campaign:
    """What came of one sort of fault."""

    fault: str
    calls: int = 0
    """How many mutating calls an apply makes."""
    struck: set[str] = field(default_factory=set)
    reruns: int = 0
    """How many applies ended by the fault and were made again."""
    wrong: list[str] = field(default_factory=list)
    """What was other than after an undisturbed apply, by where the first fault struck."""
    started: float = field(default_factory=time.monotonic)

    def __str__(self) -> str:
        minutes = (time.monotonic() - self.started) / 60
        return (
            f"{self.fault}: {len(self.struck)} of {self.calls} calls struck, {self.reruns} reruns, "
            f"{len(self.wrong)} differences, {minutes:.1f} min"
        )


def campaign(
    world: World,
    fault: str,
    *,
    before: Fault | None = None,
    after: Fault | None = None,
    starts: range = range(STRIDE),
) -> Campaign:
    """Strikes every call once; an apply that ends by that is made again and struck further on.

    Then there must be what an undisturbed one makes, and nothing left to do.
    """
    came = Campaign(fault)
    with _one_thread():
        undisturbed = _Undisturbed.of(world)
        came.calls = len(undisturbed.calls)
        for start in starts:
            world.put_back(State())
            strikes = _Strikes(set(undisturbed.calls[start::STRIDE]))
            came.reruns += _applied(world, strikes, before, after)
            came.struck |= strikes.struck
            came.wrong += [f"{start}: {wrong}" for wrong in undisturbed.differences(world)]
    return came


def die(world: World, call: Call) -> None:
    """A crash after the call took effect; nothing goes out any more, not even to tidy up."""
    world.wire.strikes, world.wire.before = (lambda call, number: True), crash
    crash(call)


def _applied(world: World, strikes: _Strikes, before: Fault | None, after: Fault | None) -> int:
    """Applies until nothing strikes any more; how often it had to be made again."""
    for reruns in range(len(DECLARED)):
        world.wire.clear()
        world.wire.strikes, world.wire.before, world.wire.after = strikes, before, after
        try:
            world.engine().apply()
        except (CrashError, ApplyFailedError, ClientError, ConnectionClosedError):
            continue
        world.wire.clear()
        return reruns
    raise AssertionError(f"no end of reruns; struck were {sorted(strikes.struck)}")


@dataclass(frozen=True)
class _Undisturbed:
    """What an apply without a fault makes: how many objects of each sort, in which calls."""

    sizes: Counter[str]
    calls: tuple[str, ...]

    @classmethod
    def of(cls, world: World) -> Self:
        world.put_back(State())
        world.engine().apply()
        name = _Names()
        return cls(Counter(world.sizes()), tuple(name(call) for call in world.wire.mutations()))

    def differences(self, world: World) -> Iterator[str]:
        """How the account differs from it, and what another apply or plan still sees."""
        sizes = Counter(world.sizes())
        for sort in sizes.keys() | self.sizes.keys():
            if sizes[sort] != self.sizes[sort]:
                yield f"{sizes[sort]} {sort} instead of {self.sizes[sort]}"
        for outcome in world.engine().apply():
            if outcome.result != "unchanged":
                yield f"{outcome.resource.address} is {outcome.result} once more"
        for orphan in world.engine().plan().orphans:
            yield f"{orphan.arn} is an orphan"


class _Names:
    """Names calls: `service.Operation #3`, the same for the same call of every apply."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def __call__(self, call: Call) -> str:
        what = f"{call.service}.{call.operation}"
        if call.operation.endswith("Object"):  # a lock is taken in every rerun
            what += " " + call.parameters["url"].split("/")[3]
        self._seen[what] += 1
        return f"{what} #{self._seen[what]}"


class _Strikes:
    """Strikes calls by name, each once, and not the one by which it is made good."""

    def __init__(self, names: set[str]) -> None:
        self.struck: set[str] = set()
        self._names = names
        self._name = _Names()
        self._made_good: set[str] = set()

    def __call__(self, call: Call, number: int) -> bool:
        without_token = re.sub(r"[0-9a-f]{32}|[0-9a-f-]{36}", "", str(call))
        if without_token in self._made_good:
            return False
        name = self._name(call)
        if name not in self._names:
            return False
        self._made_good.add(without_token)
        self.struck.add(name)
        return True


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
def _one_thread() -> Iterator[None]:
    """Applies run in the calling thread; a lock is renewed by no other one meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (engine, run):
            patch.setattr(module, "ThreadPoolExecutor", _AtOnce)
        patch.setattr(engine, "ApplyLock", partial(ApplyLock, time_to_live=timedelta(days=1)))
        yield
