"""`mall demo`: the whole platform once, on a generated mall, on the local AWS."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from rich.console import Console

from mall_platform import local
from resources.settings import Settings, load_settings

CLICKS = 300_000
SURVEY_QUARTERS = 4
RESPONDENTS = 2_000
_IMPORTED_LATE = ("altair", "awswrangler", "scipy.stats", "vl_convert")


def run_demo(settings: Settings, out: Console, *, customers: int, days: int, seed: int) -> int:
    """Starts what is missing, makes the sample, runs everything and says where to look.

    Returns the exit code: 0 if the run succeeded.
    """
    began = time.monotonic()
    with _compiling_ahead():
        _start(settings)
        from mall_platform.up import apply_infrastructure

        settings = load_settings()
        apply_infrastructure(out)
        if not make_sample(settings, customers=customers, days=days, seed=seed):
            out.print("Sample          the shop already holds data: kept as it is")
        success = materialize_everything(settings, out, days)
    page = fetch_page(settings)
    out.print(f"\nDone in {time.monotonic() - began:.0f} s. Where to look:")
    out.print(f"  Charts        {page.as_uri()}")
    out.print(f"  Slack inbox   {local.inbox_url(settings)}")
    out.print("  Dagster UI    ./mall up, then http://127.0.0.1:3000")
    out.print('  Any AWS tool  eval "$(./mall env)"')
    out.print("  The end       ./mall down")
    return 0 if success else 1


@contextmanager
def _compiling_ahead() -> Iterator[None]:
    """In a new environment, another process compiles what this one imports at the end only."""
    first = importlib.util.find_spec(_IMPORTED_LATE[0])
    if first is None or first.cached is None or Path(first.cached).exists():
        yield
        return
    with subprocess.Popen([sys.executable, "-c", f"import {', '.join(_IMPORTED_LATE)}"]):
        yield


def _start(settings: Settings) -> None:
    """Starts what is missing, and imports the platform meanwhile."""
    with ThreadPoolExecutor(1) as thread:
        starting = thread.submit(local.start, settings)
        importlib.import_module("mall_platform.build")
        importlib.import_module("mall_platform.sample_run")
        starting.result()


def make_sample(settings: Settings, *, customers: int, days: int, seed: int) -> bool:
    """Database, clicks and surveys side by side; False if the shop already held rows."""
    from mall_platform import sample_run

    with sample_run.progress_bars() as bars, ThreadPoolExecutor() as pool:
        seeded = pool.submit(
            sample_run.seed_shop, settings, bars, customers=customers, days=days, seed=seed
        )
        sample_run.drop_surveys(
            settings, bars, quarters=SURVEY_QUARTERS, respondents=RESPONDENTS, seed=seed
        )
        sample_run.send_clicks(
            settings, bars, customers=customers, days=days, events=CLICKS, seed=seed
        )
        local.flush(settings)
        return seeded.result()


def materialize_everything(settings: Settings, out: Console, days: int) -> bool:
    """One run of the whole data flow over the sample's days."""
    import dagster as dg

    from data_assets.partitions import today
    from mall_platform import runs
    from mall_platform.build import build_defs

    defs = build_defs(settings)
    first = (today() - timedelta(days=days)).isoformat()
    with dg.DagsterInstance.get() as instance:
        outcomes = runs.run_days(
            defs,
            instance,
            runs.select(defs, ["mall"]),
            (first, today().isoformat()),
            "all",
        )
    for outcome in outcomes:
        runs.print_outcome(out, outcome)
    return all(outcome.success for outcome in outcomes)


def fetch_page(settings: Settings) -> Path:
    """A copy of the chart page that a browser can open."""
    from mall_platform.environment import build_resources

    lake = build_resources(settings)["lake"]
    target = settings.home / "site" / "index.html"
    target.parent.mkdir(parents=True, exist_ok=True)
    reply = lake.aws.client("s3").get_object(Bucket=lake.bucket, Key="dashboards/index.html")
    with target.open("wb") as file:
        shutil.copyfileobj(reply["Body"], file)
    return target
