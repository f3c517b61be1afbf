"""The local AWS as other processes see it: start it, find it, stop it.

    aws = start(home)                 # or running(home)
    os.environ.update(aws.environment())

Imports nothing heavy.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mall_platform.local_aws import children
from mall_platform.local_aws.lifecycle import DEFAULT_REGION

_ROOT = Path(__file__).resolve().parents[2]
_START_TIMEOUT_S = 60
_STOP_TIMEOUT_S = 30
_STATE_FOLDERS = ("athena", "children", "lambda", "rds", "tmp")


class LocalAwsError(Exception):
    """The local AWS does not start, answer or stop."""


@dataclass(frozen=True)
class LocalAws:
    """A running local AWS; `home` holds all that is its own."""

    home: Path
    url: str
    pid: int

    def environment(self) -> dict[str, str]:
        """The variables by which any AWS tool reaches it, and `RDS_CA_FILE`: a PEM file with the
        authority that signs its databases' certificates."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": DEFAULT_REGION,
            "AWS_REGION": DEFAULT_REGION,
            "RDS_CA_FILE": str(self.home / "rds" / "ca.pem"),
        }

    def flush(self) -> None:
        """Delivers at once what services buffer (Firehose) and waits for it."""
        self._post("flush")

    def reset(self) -> None:
        """Empties all state in place: every service, database and stream."""
        self._post("reset")

    def _post(self, action: str) -> None:
        _request(f"{self.url}/moto-api/local/{action}", "POST", timeout=120)


def start(home: Path, *, port: int = 0) -> LocalAws:
    """The local AWS of a home, started in the background in a session of its own unless it runs.

    Port 0 takes a free one. Its log is `home/log`. Raises LocalAwsError with the log's end when
    it does not come up.
    """
    home = home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    with _locked(home):
        found = running(home)
        if found is not None:
            return found
        _clean(home)
        return _spawn(home, port)


def running(home: Path) -> LocalAws | None:
    """The local AWS that serves a home, if one answers."""
    home = home.resolve()
    try:
        found = json.loads((home / "endpoint.json").read_text())
        health = _request(f"{found['url']}/moto-api/local/health", "GET", timeout=10)
        answer = json.loads(health)
    except (FileNotFoundError, ValueError, KeyError, urllib.error.URLError, OSError):
        return None
    if answer != {"pid": found["pid"], "home": str(home)}:
        return None
    return LocalAws(home, found["url"], found["pid"])


def stop(home: Path) -> None:
    """Ends the local AWS of a home and every process it started, also after a crash, and
    discards its state; the log stays. Does nothing when nothing runs."""
    home = home.resolve()
    if not home.exists():
        return
    with _locked(home):
        found = running(home)
        if found is not None:
            _end(found.pid)
        children.end_all(home)
        _clean(home)


def _spawn(home: Path, port: int) -> LocalAws:
    log = home / "log"
    with log.open("ab") as out:
        # A fixed command: this interpreter and this package.
        process = subprocess.Popen(
            [sys.executable, "-m", __package__, "--home", str(home), "--port", str(port)],
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + _START_TIMEOUT_S
    while (found := running(home)) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            raise LocalAwsError(f"the local AWS did not start; the end of {log}:\n{tail}")
        time.sleep(0.05)
    return found


def _end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_TIMEOUT_S
        while _alive(pid):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                return
            time.sleep(0.02)


def _alive(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):  # raised when another process started it
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _clean(home: Path) -> None:
    """Discards all state. What is not the local AWS's own in its home stays."""
    (home / "endpoint.json").unlink(missing_ok=True)
    for folder in _STATE_FOLDERS:
        shutil.rmtree(home / folder, ignore_errors=True)


@contextlib.contextmanager
def _locked(home: Path) -> Iterator[None]:
    """One process at a time starts or stops the local AWS of a home."""
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _request(url: str, method: str, *, timeout: float) -> bytes:
    # Loopback only, past any proxy that the environment names.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, method=method)  # noqa: S310
    with opener.open(request, timeout=timeout) as response:
        body: bytes = response.read()
        return body
