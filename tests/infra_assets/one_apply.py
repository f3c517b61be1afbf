"""An apply as a process of its own, which stops itself in the middle if asked to.

The processes are forked from one that has imported what an apply needs and nothing else.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
import traceback
from multiprocessing.connection import Connection
from typing import Any

import psutil

from infra_assets.registry import engine
from mall_platform.local_aws.process import LocalAws
from resources.aws import Aws
from resources.settings import load_settings
from tests.infra_assets.world import READING

_PATIENCE_S = 600

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__])


class OneApply:
    """The process, started on an account.

    With `stop_after` it sends itself SIGSTOP once so many mutating calls have taken effect. Those
    on objects in buckets aren't counted: the lock and the record.
    """

    def __init__(self, aws: LocalAws, *selection: str, stop_after: int = 0) -> None:
        environment = {**os.environ, **aws.environment(), "MALL_ENV": "dev"}
        environment["MALL_HOME"] = str(aws.home)
        self._said, says = _processes.Pipe(duplex=False)
        self._process = _processes.Process(
            target=_apply, args=(environment, [*selection], stop_after, says)
        )
        self._process.start()
        says.close()

    def finished(self) -> dict[str, Any]:
        """What it said at its end: how many calls it made (`writes`), what a plan then still sees
        (`totals`, `orphans`)."""
        said = self._last_words()
        assert isinstance(said, dict), said
        return said

    def refusal(self) -> str:
        """Why it failed."""
        said = self._last_words()
        assert isinstance(said, str), said
        return said

    def stopped(self) -> OneApply:
        """Itself, once it has stopped itself."""
        process = psutil.Process(self._process.pid)
        deadline = time.monotonic() + _PATIENCE_S
        while process.status() != psutil.STATUS_STOPPED:
            assert not self._said.poll(), self._said.recv()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return self

    def kill(self) -> None:
        self.end()
        assert self._process.exitcode == -signal.SIGKILL

    def end(self) -> None:
        """Leaves no process, whatever became of it."""
        self._process.kill()
        self._process.join()

    def _last_words(self) -> dict[str, Any] | str:
        assert self._said.poll(_PATIENCE_S)
        said = self._said.recv()
        self._process.join()
        return said


def _apply(
    environment: dict[str, str], selection: list[str], stop_after: int, says: Connection
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    try:
        says.send(_applied(selection, stop_after))
    except Exception:  # noqa: BLE001 - whoever waits gets it
        says.send(traceback.format_exc())


def _applied(selection: list[str], stop_after: int) -> dict[str, Any]:
    settings = load_settings()
    aws = Aws(env=settings.env)
    counting = threading.Lock()
    writes = 0

    def took_effect(model: Any, **_: Any) -> None:
        nonlocal writes
        if model.name.startswith(READING) or model.name in ("PutObject", "DeleteObject"):
            return
        with counting:
            writes += 1
            if writes == stop_after:
                os.kill(os.getpid(), signal.SIGSTOP)

    aws.session.events.register("after-call", took_effect)
    platform = engine(aws, settings)
    platform.apply(selection)
    plan = platform.plan(selection)
    return {"writes": writes, "totals": plan.totals, "orphans": len(plan.orphans)}
