"""The stand-ins a laptop needs for AWS and Slack: started, found, used and ended together.

They share one life with Dagster's run state: when the local AWS is gone, so is what the runs
made there, and the state that remembers them is discarded with it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from resources.settings import PROJECT_ROOT, Settings, load_settings

START_DEADLINE_S = 30
END_DEADLINE_S = 10
UP_END_DEADLINE_S = 3 * END_DEADLINE_S
"""`mall up` ends Dagster and the stand-ins first."""


def aws_home(settings: Settings) -> Path:
    return settings.home / "local_aws"


def inbox_home(settings: Settings) -> Path:
    return settings.home / "slack"


def dagster_home(settings: Settings) -> Path:
    return settings.home / "dagster"


def up_file(settings: Settings) -> Path:
    """Where a running `mall up` leaves its process id."""
    return settings.home / "up.pid"


@contextmanager
def only_up(settings: Settings) -> Iterator[None]:
    """Held by the one `mall up` of a MALL_HOME; raises RuntimeError while another holds it."""
    settings.home.mkdir(parents=True, exist_ok=True)
    with up_file(settings).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeError("./mall up is running already. End it with ./mall down.") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def is_up(settings: Settings) -> bool:
    """Whether a `mall up` is running."""
    pid = _read_pid(up_file(settings))
    return pid is not None and _is_ours(pid, "mall_platform.cli")


def is_running(settings: Settings) -> bool:
    from mall_platform.local_aws import process

    return process.running(aws_home(settings)) is not None


def start(settings: Settings) -> bool:
    """Starts what isn't running yet and points this process at it; tells whether AWS is new."""
    from mall_platform.local_aws import process

    fresh = not is_running(settings)
    if fresh:
        shutil.rmtree(dagster_home(settings), ignore_errors=True)
        process.start(aws_home(settings))
    _start_inbox(inbox_home(settings))
    dagster_home(settings).mkdir(parents=True, exist_ok=True)
    shutil.copyfile(
        PROJECT_ROOT / "deploy/dagster/local.yaml", dagster_home(settings) / "dagster.yaml"
    )
    use(settings)
    return fresh


def environment(settings: Settings) -> dict[str, str]:
    """The variables that point any tool, and this platform, at the running stand-ins.

    Raises RuntimeError when they aren't running.
    """
    from mall_platform.local_aws import process
    from mall_platform.local_aws.lifecycle import ACCOUNT_ID

    aws = process.running(aws_home(settings))
    inbox = _endpoint(inbox_home(settings))
    if aws is None or inbox is None:
        raise RuntimeError("The local AWS is not running. Start it with ./mall up or ./mall demo.")
    variables = aws.environment()
    return variables | {
        "MALL_ENV": settings.env,
        "MALL_HOME": str(settings.home),
        "MALL_DB_CA_FILE": str(settings.db_ca_file or variables["RDS_CA_FILE"]),
        "MALL_SLACK_TOKEN": "xoxb-local-inbox",
        "MALL_SLACK_BASE_URL": f"{inbox['url']}/api/",
        "MALL_LOG_BUCKET": f"mall-{settings.env}-log-{ACCOUNT_ID}",
        "DAGSTER_HOME": str(dagster_home(settings)),
        "DAGSTER_EVENT_BATCH_SIZE": "1000",
        "PYTHONPATH": str(PROJECT_ROOT),
    }


def use(settings: Settings) -> None:
    """Points this process at the running stand-ins."""
    from resources.aws import forget_clients

    os.environ.update(environment(settings))
    load_settings.cache_clear()
    forget_clients()


def flush(settings: Settings) -> None:
    """Delivers at once what Firehose still buffers, instead of waiting for its interval."""
    from mall_platform.local_aws import process

    aws = process.running(aws_home(settings))
    if aws is not None:
        aws.flush()


def stop(settings: Settings, *, wipe: bool = False) -> None:
    """Ends everything that was started and discards its state; `wipe` removes MALL_HOME too."""
    from mall_platform.local_aws import process

    end(_read_pid(up_file(settings)), "mall_platform.cli", UP_END_DEADLINE_S)
    up_file(settings).unlink(missing_ok=True)
    inbox = _endpoint(inbox_home(settings))
    end(int(inbox["pid"]) if inbox else None, "mall_platform.slack_inbox")
    process.stop(aws_home(settings))
    for folder in (aws_home(settings), inbox_home(settings), dagster_home(settings)):
        shutil.rmtree(folder, ignore_errors=True)
    if wipe:
        shutil.rmtree(settings.home, ignore_errors=True)


def inbox_url(settings: Settings) -> str | None:
    endpoint = _endpoint(inbox_home(settings))
    return str(endpoint["url"]) if endpoint else None


def _start_inbox(home: Path) -> None:
    if _endpoint(home):
        return
    home.mkdir(parents=True, exist_ok=True)
    (home / "endpoint.json").unlink(missing_ok=True)
    with (home / "log").open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-m", "mall_platform.slack_inbox", "--home", str(home)],
            cwd=PROJECT_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_DEADLINE_S
    while not _endpoint(home):
        if time.monotonic() > deadline:
            raise RuntimeError(f"The Slack inbox did not start; see {home / 'log'}.")
        time.sleep(0.05)


def _endpoint(home: Path) -> Mapping[str, str] | None:
    """What a background process wrote of itself, if it is still alive."""
    file = home / "endpoint.json"
    if not file.exists():
        return None
    endpoint: Mapping[str, str] = json.loads(file.read_text())
    return endpoint if _is_ours(int(endpoint["pid"]), "mall_platform.slack_inbox") else None


def _read_pid(file: Path) -> int | None:
    text = file.read_text() if file.exists() else ""
    return int(text) if text else None


def _is_ours(pid: int, module: str) -> bool:
    """Whether the process lives and runs our module: process ids are reused."""
    import psutil

    try:
        process = psutil.Process(pid)
        return module in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def end(pid: int | None, module: str, deadline_s: float = END_DEADLINE_S) -> None:
    """Ends a process and everything it started: asked first, killed when it takes too long."""
    import psutil

    if pid is None or pid == os.getpid() or not _is_ours(pid, module):
        return
    process = psutil.Process(pid)
    family = [process, *process.children(recursive=True)]
    process.terminate()
    _, left = psutil.wait_procs(family, timeout=deadline_s)
    for each in left:
        each.kill()
    psutil.wait_procs(left, timeout=END_DEADLINE_S)
