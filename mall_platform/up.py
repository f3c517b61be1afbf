"""`mall up`: the local AWS, the Slack inbox, the Dagster UI and its daemon as one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from rich.console import Console

from mall_platform import local
from resources.settings import PROJECT_ROOT, Settings


def run_up(settings: Settings, out: Console, port: int) -> int:
    """Runs until Ctrl-C or SIGTERM, then ends everything; returns the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    os.environ["MALL_UI_BASE_URL"] = f"http://127.0.0.1:{port}"
    os.environ["PYTHONWARNINGS"] = "ignore:Parameter"
    if settings.env == "local" and local.start(settings):
        apply_infrastructure(out)
    settings.home.mkdir(parents=True, exist_ok=True)
    local.up_file(settings).write_text(str(os.getpid()))
    out.print(f"Dagster UI    http://127.0.0.1:{port}")
    out.print(f"Slack inbox   {local.inbox_url(settings)}")
    out.print('AWS           eval "$(./mall env)" points any AWS tool at it')
    out.print("Ctrl-C ends everything.")
    dagster = subprocess.Popen(
        [
            *(sys.executable, "-m", "dagster", "dev"),
            *("--workspace", "workspace.yaml", "--host", "127.0.0.1", "--port", str(port)),
            *("--log-level", "warning"),
        ],
        cwd=PROJECT_ROOT,
        start_new_session=True,
    )
    try:
        return dagster.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        out.print("Ending everything ...")
        local.end(dagster.pid, "dagster")
        if settings.env == "local":
            local.stop(settings)
        out.print("Everything has ended.")


def apply_infrastructure(out: Console) -> None:
    """Brings a new local AWS up to the code, with a line per asset."""
    from infra_assets.registry import apply_all
    from mall_platform.cli_infra import report
    from resources.aws import Aws
    from resources.settings import load_settings

    settings = load_settings()
    with out.status("Applying the infrastructure ..."):
        outcomes = apply_all(Aws(env=settings.env, region=settings.region), settings)
        report(outcomes)
    out.print(f"Infrastructure  {len(outcomes)} resources match the code")
