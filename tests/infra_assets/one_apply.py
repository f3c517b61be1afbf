"""An apply as a process of its own, which stops itself in the middle if asked to:

python -m tests.infra_assets.one_apply [--stop-after NUMBER] [SELECTION…]

With NUMBER it sends itself SIGSTOP once so many mutating calls have taken effect. Those on objects
in buckets aren't counted: the lock and the record. It prints JSON: how many calls it made
(`writes`), and what a plan then still sees.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from infra_assets.registry import engine
from mall_platform.local_aws.process import LocalAws
from resources.aws import Aws
from resources.settings import load_settings
from tests.infra_assets.world import READING

ROOT = Path(__file__).parents[2]


def start(aws: LocalAws, *selection: str, stop_after: int = 0) -> subprocess.Popen[str]:
    """Starts the process on an account."""
    return subprocess.Popen(
        [sys.executable, "-m", __name__, "--stop-after", str(stop_after), *selection],
        cwd=ROOT,
        env={**os.environ, **aws.environment(), "MALL_ENV": "dev", "MALL_HOME": str(aws.home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def main(stop_after: int, selection: list[str]) -> None:
    settings = load_settings()
    aws = Aws(env=settings.env)
    counting = threading.Lock()
    writes = 0

    def took_effect(model: Any, **_: Any) -> None:
        nonlocal writes
        if model.name.startswith(READING) or model.name in ("PutObject", "DeleteObject"):
            return
        with counting:
            writes += 1
            if writes == stop_after:
                os.kill(os.getpid(), signal.SIGSTOP)

    aws.session.events.register("after-call", took_effect)
    platform = engine(aws, settings)
    platform.apply(selection)
    plan = platform.plan(selection)
    print(json.dumps({"writes": writes, "totals": plan.totals, "orphans": len(plan.orphans)}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--stop-after", type=int, default=0)
    parser.add_argument("selection", nargs="*")
    asked = parser.parse_args()
    main(asked.stop_after, asked.selection)
