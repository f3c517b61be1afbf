"""`mall up`: the local AWS, the Slack inbox, the Dagster UI and its daemon as one."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

from rich.console import Console

from mall_platform import local
from resources.settings import PROJECT_ROOT, Settings


def run_up(settings: Settings, out: Console, port: int) -> int:
    """Runs until Ctrl-C or SIGTERM, then ends everything; returns the exit code.

    Raises RuntimeError, with nothing started, if another one runs or the port is taken.
    """
    _require_free(port)
    with local.only_up(settings):
        try:
            return _serve(settings, out, port)
        except KeyboardInterrupt:
            return 0
        finally:
            if settings.env == "local":
                local.stop(settings)
            out.print("Everything has ended.")


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise RuntimeError(f"Port {port} is taken. Choose another one by --port.") from None


def _serve(settings: Settings, out: Console, port: int) -> int:
    """Starts what isn't running yet, and Dagster; returns Dagster's exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    os.environ["MALL_UI_BASE_URL"] = f"http://127.0.0.1:{port}"
    os.environ["PYTHONWARNINGS"] = "ignore:Parameter,ignore:Function `dev_command`"
    if settings.env == "local" and local.start(settings):
        apply_infrastructure(out)
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
    finally:
        out.print("Ending everything ...")
        local.end(dagster.pid, "dagster")


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
