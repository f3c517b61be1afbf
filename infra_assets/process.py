"""Which process this is, so that another one on the same machine can tell whether it still runs.

A pid alone is no name: the kernel gives it to somebody else later. Needs Linux's `/proc`; where
that is missing there is nothing to tell processes by, and `this_process` says so.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_PROC = Path("/proc")


def this_process() -> dict[str, str] | None:
    """This process's name, as JSON can hold it: `machine`, `pid` and when it `started`.

    `machine` is this boot of the kernel and the pid namespace (of a container), `started` is in
    clock ticks since that boot. None where the kernel doesn't tell these.
    """
    machine, started = _machine(), _started(os.getpid())
    if machine is None or started is None:
        return None
    return {"machine": machine, "pid": str(os.getpid()), "started": started}


def has_ended(process: Mapping[str, str] | None) -> bool:
    """Whether a process of this machine is certainly over; false for one of another machine."""
    if process is None or process["machine"] != _machine():
        return False
    pid = int(process["pid"])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # somebody else's process, which /proc may hide
    started = _started(pid)
    return started is not None and started != process["started"]


def _machine() -> str | None:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return None


def _started(pid: int) -> str | None:
    """When a process was started; empty for one that is over and only waits to be reaped."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state == "Z" else fields[18]
