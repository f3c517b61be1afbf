"""Processes that the server starts, so that none outlives it.

Each has a file `DIR/children/<pid>` with the time the process started, by which a later `end_all`
tells it from a stranger that was given the same pid. Where `setpriv` exists (util-linux), the
kernel itself kills a child when the server dies. The kernel counts the thread that started a
child as its parent, so one thread that never ends starts them all.
"""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import IO, Any

_requests: queue.SimpleQueue[tuple[Future, Sequence[str], dict[str, Any]]] = queue.SimpleQueue()
_starter_lock = threading.Lock()
_starter: threading.Thread | None = None


def start(
    home: Path,
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdin: int | IO = subprocess.DEVNULL,
    stdout: int | IO = subprocess.DEVNULL,
    stderr: int | IO = subprocess.STDOUT,
) -> subprocess.Popen:
    """Starts a process in a session of its own and notes it under `home`."""
    setpriv = shutil.which("setpriv")
    wrapper = [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
    options = {
        "cwd": cwd,
        "env": env,
        "stdin": stdin,
        "stdout": stdout,
        "stderr": stderr,
        "start_new_session": True,
    }
    future: Future = Future()
    _ensure_starter()
    _requests.put((future, [*wrapper, *command], options))
    process: subprocess.Popen = future.result()
    note = home / "children" / str(process.pid)
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(_started(process.pid) or "")
    return process


def forget(home: Path, process: subprocess.Popen) -> None:
    """Drops the note of a process that has ended."""
    (home / "children" / str(process.pid)).unlink(missing_ok=True)


def end(home: Path, process: subprocess.Popen, *, grace_s: float = 0) -> None:
    """Ends a process and its group: by SIGTERM and, after the grace or without one, SIGKILL."""
    if grace_s and process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace_s)
    _kill_group(process.pid)
    process.wait()
    forget(home, process)


def end_all(home: Path) -> None:
    """Kills every process noted under `home` that still runs, from whichever process."""
    for note in (home / "children").glob("*"):
        pid, started = int(note.name), note.read_text()
        if started and _started(pid) == started:
            _kill_group(pid)
            _await_end(pid, started)
        note.unlink(missing_ok=True)


def _ensure_starter() -> None:
    global _starter
    with _starter_lock:
        if _starter is None or not _starter.is_alive():
            _starter = threading.Thread(target=_serve_starts, name="child-starter", daemon=True)
            _starter.start()


def _serve_starts() -> None:
    while True:
        future, command, options = _requests.get()
        try:
            future.set_result(subprocess.Popen(command, **options))
        except OSError as error:
            future.set_exception(error)


def _started(pid: int) -> str | None:
    """The kernel's start time of a living process, in clock ticks since boot."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state == "Z" else fields[18]


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _await_end(pid: int, started: str) -> None:
    deadline = time.monotonic() + 10
    while _started(pid) == started:
        if time.monotonic() > deadline:
            raise TimeoutError(f"process {pid} does not end")
        time.sleep(0.01)
