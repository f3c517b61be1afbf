"""`mall plan` as a script meets it: a process, its exit code and its standard output.

Apart from the tests of the same command in this process: the worker's local AWS can't be started
while an account of this process is open.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from mall_platform.local_aws.process import LocalAws


def test_a_plan_is_fit_for_scripts(local_aws: LocalAws) -> None:
    """The JSON is all that stands on the standard output; 2 says that something would change."""
    done = subprocess.run(
        [sys.executable, "-m", "mall_platform.cli", "plan", "network/vpc", "--json"],
        env={**os.environ, **local_aws.environment(), "MALL_ENV": "dev"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stderr
    assert json.loads(done.stdout)["totals"]["create"] >= 1
