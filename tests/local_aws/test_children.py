"""Processes that the local AWS starts never outlive it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from mall_platform.local_aws import children

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


def runs(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def until(condition: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.02)


def test_all_that_is_noted_ends_and_its_note_goes(tmp_path: Path) -> None:
    started = [children.start(tmp_path, SLEEP, cwd=tmp_path) for _ in range(2)]
    children.end_all(tmp_path)
    assert [process.wait(5) for process in started] == [-9, -9]
    assert list((tmp_path / "children").iterdir()) == []


def test_a_stranger_that_got_the_pid_lives_on(tmp_path: Path) -> None:
    stranger = subprocess.Popen(SLEEP, start_new_session=True)
    note = tmp_path / "children" / str(stranger.pid)
    note.parent.mkdir()
    note.write_text("12345")
    children.end_all(tmp_path)
    assert runs(stranger.pid)
    assert not note.exists()
    stranger.kill()
    stranger.wait()


def test_the_kernel_ends_a_child_whose_server_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, time\n"
        "from mall_platform.local_aws import children\n"
        "home = pathlib.Path(sys.argv[1])\n"
        f"print(children.start(home, {SLEEP!r}, cwd=home).pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    server = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert server.stdout is not None
    with server.stdout:
        child = int(server.stdout.readline())
    # The kernel is told by setpriv, which then becomes the child.
    command = Path(f"/proc/{child}/cmdline")
    python = sys.executable.encode()
    until(lambda: command.read_bytes().startswith(python), "the child does not start")
    server.kill()
    server.wait()
    until(lambda: not runs(child), "the child outlives its server")


def test_a_group_ends_with_its_leader(tmp_path: Path) -> None:
    code = f"import subprocess; p = subprocess.Popen({SLEEP!r}); print(p.pid, flush=True); p.wait()"
    leader = children.start(
        tmp_path, [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE
    )
    assert leader.stdout is not None
    with leader.stdout:
        member = int(leader.stdout.readline())
    children.end(tmp_path, leader)
    until(lambda: not runs(member), "a member of the group lives on")
