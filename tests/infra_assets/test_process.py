"""Which process this is, and whether another one still runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra_assets import process

NAME = "from infra_assets.process import this_process; print(this_process()['started'])"


def of_child(child: subprocess.Popen[str]) -> dict[str, str]:
    """What a process that has just printed when it started would call itself."""
    assert child.stdout is not None
    me = process.this_process()
    assert me is not None
    return {**me, "pid": str(child.pid), "started": child.stdout.readline().strip()}


@pytest.fixture
def child() -> Iterator[subprocess.Popen[str]]:
    code = f"{NAME}; import sys; sys.stdout.flush(); sys.stdin.read()"
    started = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield started
    started.kill()
    started.communicate()


def test_this_process_runs() -> None:
    assert not process.has_ended(process.this_process())


def test_another_process_runs_until_it_is_killed(child: subprocess.Popen[str]) -> None:
    """Also while its parent hasn't asked for its end: such a one still has its pid."""
    name = of_child(child)
    assert not process.has_ended(name)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert process.has_ended(name)
    child.communicate()
    assert process.has_ended(name)


def test_a_pid_that_was_given_away_is_another_process() -> None:
    me = process.this_process()
    assert me is not None
    assert process.has_ended({**me, "started": "1"})


def test_nothing_is_known_of_another_machines_processes() -> None:
    me = process.this_process()
    assert me is not None
    assert not process.has_ended({**me, "machine": "another", "pid": "999999999"})
    assert not process.has_ended(None)


def test_without_proc_a_process_has_no_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    me = process.this_process()
    monkeypatch.setattr(process, "_PROC", tmp_path)
    assert process.this_process() is None
    assert not process.has_ended(me)
