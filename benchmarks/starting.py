"""How long it takes until there is something to see: imports, the demo, the tests."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from benchmarks.contest import Measured, Runs
from benchmarks.files import emptied
from benchmarks.mall import BenchMall
from benchmarks.row import Figure, Row, took
from mall_platform import local
from resources.settings import PROJECT_ROOT, Settings

_IMPORTS = 15
_MOST_TIMES = 1.4
_DEMO_S = 90
_TEST_S = 5 * 60
_APPLY_S = 30
_PLAN_S = 10


class CommandFailedError(Exception):
    """A command of `./mall` ended with an error."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
        super().__init__(f"{' '.join(command)} failed; the end of {log}:\n{tail}")


def _environment() -> dict[str, str]:
    """This process's, without what it knows of the mall that is measured and sets for Python."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MALL_", "AWS_", "DAGSTER_", "VIRTUAL_ENV", "PYTHON"))
    }


def _run(
    command: Sequence[str], folder: Path, log: Path, known: Mapping[str, str] = MappingProxyType({})
) -> Measured:
    """A command's wall and CPU time; it sees nothing of the mall that is measured, but what is
    `known` to it."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=_environment() | dict(known), stdout=out, stderr=out
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise CommandFailedError(command, log)
    return Measured(wall_s, usage.ru_utime + usage.ru_stime, {})


def _import(mall: BenchMall) -> list[Figure]:
    modules = ("mall_platform.definitions", "dagster")
    runs: dict[str, list[Measured]] = {module: [] for module in modules}
    for turn in range(1 + _IMPORTS):
        for module in modules:
            measured = _imported(module)
            if turn:  # the first import compiles
                runs[module].append(measured)
    ours, peer = (Runs(runs[module]) for module in modules)
    ratio = statistics.median(
        mine.cpu_s / other.cpu_s for mine, other in zip(ours.each, peer.each, strict=True)
    )
    return [
        Figure(
            "import of the code location",
            took(ours),
            f"import dagster: {took(peer)}",
            f"{ratio:.2f} times the CPU time, {ours.wall_s / peer.wall_s:.2f} times the wall time",
            f"at most {_MOST_TIMES:g} times",
            ratio <= _MOST_TIMES,
        )
    ]


def _imported(module: str) -> Measured:
    """An import in a fresh interpreter, without the interpreter's own start and end."""
    script = f"""
import time
began, spent = time.perf_counter(), time.process_time()
import {module}
print(time.perf_counter() - began, time.process_time() - spent)
"""
    command = [sys.executable, "-W", "ignore", "-c", script]
    answer = subprocess.run(
        command, cwd=PROJECT_ROOT, env=_environment(), capture_output=True, check=True, text=True
    )
    wall_s, cpu_s = map(float, answer.stdout.split())
    return Measured(wall_s, cpu_s, {})


@dataclass(frozen=True)
class _Command:
    """A command of `./mall` in a fresh clone of this checkout's newest commit."""

    name: str
    says: str
    at_most_s: int

    def measure(self, mall: BenchMall) -> list[Figure]:
        clone, log = emptied(mall.home / "clone"), mall.logs / f"{self.name}.log"
        _run(["git", "clone", "--quiet", str(PROJECT_ROOT), "."], clone, log)
        try:
            measured = _run(["./mall", self.name], clone, log)
        finally:
            _run(["./mall", "down", "--wipe"], clone, mall.logs / "down.log")
        took = f"{measured.wall_s:.0f} s"
        return [_at_most(self.says, took, measured.wall_s, self.at_most_s)]


def _infra(mall: BenchMall) -> list[Figure]:
    """The commands as people give them, each a fresh process, on a local AWS with nothing on it."""
    home = emptied(mall.home / "infra")
    settings = Settings(home=home, env="local")
    known = {"MALL_HOME": str(home), "MALL_ENV": "local"}
    command = [sys.executable, "-m", "mall_platform.cli"]
    figures = []
    try:
        local.start(settings)
        for arguments, says, at_most_s in (
            (("apply", "--yes"), "`./mall apply` of everything on an empty local AWS", _APPLY_S),
            (("plan",), "`./mall plan` of everything, nothing to change", _PLAN_S),
        ):
            log = mall.logs / f"infra-{arguments[0]}.log"
            measured = _run([*command, *arguments], PROJECT_ROOT, log, known)
            figures.append(_at_most(says, f"{measured.wall_s:.1f} s", measured.wall_s, at_most_s))
    finally:
        local.stop(settings, wipe=True)
        local.use(Settings(home=mall.home, env="local"))
    return figures


def _at_most(says: str, took: str, wall_s: float, at_most_s: int) -> Figure:
    return Figure(says, took, "–", "", f"at most {at_most_s} s", wall_s <= at_most_s)


IMPORT = Row("import", "the import of the code location against Dagster's", _import)
INFRA = Row("infra", "a whole apply on an empty local AWS, and a plan without a change", _infra)
DEMO = Row(
    "demo",
    "`./mall demo` in a fresh clone with a warm package cache",
    _Command("demo", "`./mall demo` in a fresh clone, warm package cache", _DEMO_S).measure,
)
TEST = Row(
    "test",
    "`./mall test` in a fresh clone",
    _Command("test", "`./mall test` in a fresh clone, warm package cache", _TEST_S).measure,
    slow=True,
)
