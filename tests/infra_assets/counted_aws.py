"""The local AWS in a process of its own, which can be asked how many objects of each sort it holds:

python -m tests.infra_assets.counted_aws HOME

On SIGUSR1 it writes `HOME/sizes.json`, as `World.sizes` counts.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mall_platform.local_aws import process
from mall_platform.local_aws.process import LocalAws
from mall_platform.local_aws.server import serve
from tests.infra_assets.world import sizes

ROOT = Path(__file__).parents[2]


def main(home: Path) -> None:
    def write(*_: object) -> None:
        draft = home / "sizes.json.draft"
        draft.write_text(json.dumps(sizes()))
        draft.rename(home / "sizes.json")

    signal.signal(signal.SIGUSR1, write)
    serve(home, port=0)


@contextmanager
def counted_aws(home: Path) -> Iterator[LocalAws]:
    """Such a process, running."""
    home.mkdir()
    command = [sys.executable, "-m", __name__, str(home)]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
    deadline = time.monotonic() + 60
    while (aws := process.running(home)) is None:
        assert server.poll() is None, (home / "log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    try:
        yield aws
    finally:
        process.stop(home)


def sizes_of(aws: LocalAws) -> dict[str, int]:
    """How many objects of each sort the process holds."""
    answer = aws.home / "sizes.json"
    answer.unlink(missing_ok=True)
    os.kill(aws.pid, signal.SIGUSR1)
    deadline = time.monotonic() + 30
    while not answer.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return json.loads(answer.read_text())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
