"""A row of the table of benchmarks, and how its figures are worded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.contest import Runs
from benchmarks.mall import BenchMall


@dataclass(frozen=True)
class Figure:
    """One line: what was done, what we and the peer took, their ratio, and what it must be.

    `reached` is None where nothing is demanded.
    """

    work: str
    ours: str
    peer: str
    ratio: str
    must: str
    reached: bool | None


@dataclass(frozen=True)
class Row:
    """Something to measure. `slow` rows run only when named, or with `--all`."""

    name: str
    says: str
    measure: Callable[[BenchMall], Sequence[Figure]]
    slow: bool = False


def faster(work: str, ours: Runs, name: str, peer: Runs, at_least: float | None) -> Figure:
    """How many times as fast as a peer we are."""
    ratio = peer.wall_s / ours.wall_s
    return Figure(
        work,
        took(ours),
        f"{name}: {took(peer)}",
        f"{ratio:.2f} times",
        f"at least {at_least:g} times" if at_least else "",
        ratio >= at_least if at_least else None,
    )


def took(runs: Runs) -> str:
    """Median wall time, and CPU time of the process and its children."""
    return f"{runs.wall_s:.2f} s (CPU {runs.cpu_s:.2f} s)"


def same_rows(*contestants: Runs, expected: int) -> None:
    """Raises AssertionError unless each contestant dealt with as many rows as expected."""
    found = [runs.fact("rows") for runs in contestants]
    assert found == [expected] * len(found), f"{found} rows instead of {expected}"
