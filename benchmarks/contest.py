"""Contestants measured one after the other, each run in a fresh process."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.contestant import Facts
from resources.settings import PROJECT_ROOT

_SAMPLE_S = 0.02


class ContestantFailedError(Exception):
    """A contestant ended without an answer."""

    def __init__(self, target: str, log: Path) -> None:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
        super().__init__(f"{target} failed; the end of {log}:\n{tail}")


@dataclass(frozen=True)
class Contestant:
    """A function that gives a `Prepared`, as `module:function`, and its arguments.

    `environment` is added to this process's; `rounds` says how often it runs.
    """

    target: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    rounds: int = 3


@dataclass(frozen=True)
class Measured:
    """One run. `peak_bytes` is resident memory of the process and its children above what they
    held when everything was imported; 0 if it was not sampled."""

    wall_s: float
    cpu_s: float
    facts: Facts
    peak_bytes: int = 0


@dataclass(frozen=True)
class Runs:
    """The runs of one contestant."""

    each: Sequence[Measured]

    @property
    def wall_s(self) -> float:
        return statistics.median(run.wall_s for run in self.each)

    @property
    def cpu_s(self) -> float:
        return statistics.median(run.cpu_s for run in self.each)

    @property
    def peak_bytes(self) -> int:
        return max(run.peak_bytes for run in self.each)

    def fact(self, name: str) -> float:
        return statistics.median(run.facts[name] for run in self.each)


def alternate(*contestants: Contestant, folder: Path) -> list[Runs]:
    """Runs contestants in turns, as often as each wants; their runs, in the order given.

    `folder` takes what they print. Raises ContestantFailedError.
    """
    runs: list[list[Measured]] = [[] for _ in contestants]
    for turn in range(max(contestant.rounds for contestant in contestants)):
        for contestant, measured in zip(contestants, runs, strict=True):
            if turn < contestant.rounds:
                measured.append(run(contestant, folder))
    return [Runs(measured) for measured in runs]


def run(contestant: Contestant, folder: Path, *, sample_memory: bool = False) -> Measured:
    """One run in a fresh process. Sampling memory takes a little of its speed."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{contestant.target.replace(':', '.')}.log"
    command = [sys.executable, "-m", "benchmarks.contestant", contestant.target]
    with (
        log.open("wb") as stderr,
        subprocess.Popen(
            [*command, json.dumps(dict(contestant.arguments))],
            cwd=PROJECT_ROOT,
            env={**os.environ, **contestant.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
    ):
        assert process.stdin
        assert process.stdout
        if process.stdout.readline() != "ready\n":
            raise ContestantFailedError(contestant.target, log)
        with _Memory(process.pid, on=sample_memory) as memory:
            process.stdin.write("go\n")
            process.stdin.flush()
            measured = process.stdout.readline()
        facts = process.stdout.readline()
        if process.wait() != 0 or not facts:
            raise ContestantFailedError(contestant.target, log)
    return Measured(**json.loads(measured), facts=json.loads(facts), peak_bytes=memory.peak_bytes)


class _Memory:
    """Samples a process and its children; `peak_bytes` is above what they held at the start."""

    def __init__(self, pid: int, *, on: bool) -> None:
        self._process = psutil.Process(pid)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True) if on else None
        self.peak_bytes = 0

    def __enter__(self) -> _Memory:
        if self._thread:
            self._start_bytes = self._resident()
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread:
            self._done.set()
            self._thread.join()

    def _sample(self) -> None:
        while not self._done.wait(_SAMPLE_S):
            self.peak_bytes = max(self.peak_bytes, self._resident() - self._start_bytes)

    def _resident(self) -> int:
        total = 0
        try:
            for process in (self._process, *self._process.children(recursive=True)):
                total += process.memory_info().rss
        except psutil.NoSuchProcess:
            return total
        return total
