"""The command line: `./mall COMMAND`. Each command is a few lines over a module that does it.

Exit codes: 0 it worked, 1 it failed (the reason is printed), 2 wrong usage, or changes in `plan`.
"""

from __future__ import annotations

import os
import sys
import warnings
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click
from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.console import Console

from mall_platform import cli_infra, local
from resources.settings import PROJECT_ROOT, Settings, load_settings

if TYPE_CHECKING:
    from mall_platform.runs import PartitionFilter

warnings.filterwarnings("ignore", message=r".*is currently in (beta|preview)")

CUSTOMERS = click.IntRange(1_000, 10_000_000)
COUNT = click.IntRange(1)

out = Console()
err = Console(stderr=True)


def fail(message: str) -> None:
    """Prints why a command can't go on and ends it with exit code 1."""
    err.print(f"[red]{message}[/red]")
    sys.exit(1)


def connected() -> Settings:
    """The settings of an environment that is there to talk to: locally, the running stand-ins."""
    settings = load_settings()
    if settings.env == "local":
        try:
            local.use(settings)
        except RuntimeError as error:
            fail(str(error))
    return load_settings()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """The mall's open data platform: infrastructure and data as one asset graph."""
    try:
        load_settings()
    except ValidationError as error:
        wrong = (f"MALL_{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        fail("\n".join(wrong))
    except SettingsError as error:
        fail(f"A MALL_ variable can't be used: {error}: {error.__cause__}")


@main.command()
@click.option(
    "--customers", type=CUSTOMERS, default=20_000, show_default=True, help="Customers in the shop."
)
@click.option(
    "--days", type=COUNT, default=90, show_default=True, help="Days of purchases and clicks."
)
@click.option("--seed", default=1, show_default=True, help="Seed of the generated mall.")
def demo(customers: int, days: int, seed: int) -> None:
    """Run the whole platform once on a generated mall, and say where to look."""
    from mall_platform.demo import run_demo

    settings = load_settings()
    if settings.env != "local":
        fail("The demo runs on the local AWS only: unset MALL_ENV.")
    today = datetime.now(ZoneInfo("Asia/Tokyo")).date()
    if days > (longest := (today - settings.first_business_day).days):
        since = settings.first_business_day
        raise click.UsageError(
            f"--days is at most {longest}: the platform's data begin on {since}."
        )
    sys.exit(run_demo(settings, out, customers=customers, days=days, seed=seed))


@main.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.pass_context
def test(context: click.Context) -> None:
    """Run the test suite; further arguments go to pytest."""
    arguments = context.args
    if not any(a in ("-n", "--pdb") or a.startswith("-n") for a in arguments):
        arguments = ["-n", "auto", "--dist", "loadscope", "--no-loadscope-reorder", *arguments]
    os.chdir(PROJECT_ROOT)
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *arguments])


@main.command()
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=3000,
    show_default=True,
    help="Port of the Dagster UI.",
)
def up(port: int) -> None:
    """Start the local AWS, the Slack inbox, the Dagster UI and its daemon; Ctrl-C ends all."""
    from mall_platform.up import run_up

    try:
        sys.exit(run_up(load_settings(), out, port))
    except RuntimeError as error:
        fail(str(error))


@main.command()
@click.option("--wipe", is_flag=True, help="Remove MALL_HOME with everything in it, too.")
def down(wipe: bool) -> None:
    """End everything that was started, and discard AWS's and Dagster's state together."""
    local.stop(load_settings(), wipe=wipe)
    out.print("Everything has ended.")


@main.command()
def status() -> None:
    """Show what runs, and when each asset was last materialized."""
    from mall_platform.status import print_status

    settings = load_settings()
    if settings.env == "local" and not local.is_running(settings):
        fail("Nothing runs. Start with ./mall demo or ./mall up.")
    print_status(connected(), out)


@main.command()
def env() -> None:
    """Print shell exports, so that any AWS tool reaches the local AWS: eval "$(./mall env)"."""
    import shlex

    settings = load_settings()
    try:
        variables = local.environment(settings)
    except RuntimeError as error:
        fail(str(error))
    for name, value in variables.items():
        click.echo(f"export {name}={shlex.quote(value)}")


@main.command()
@click.argument("selection", nargs=-1)
@click.option("--partition", help="Tokyo day (YYYY-MM-DD) of partitioned assets; default: today.")
def materialize(selection: tuple[str, ...], partition: str | None) -> None:
    """Materialize assets once, in order; SELECTION defaults to the whole data flow.

    SELECTION takes asset keys (mall/marts/sales_by_category), key prefixes (mall/extracts) and
    Dagster's selection syntax.
    """
    from mall_platform.runs import today

    day = partition or today()
    _run(selection, (day, day), "all")


@main.command()
@click.argument("selection", nargs=-1)
@click.option("--from", "first", required=True, help="First Tokyo day (YYYY-MM-DD).")
@click.option("--to", "last", required=True, help="Last Tokyo day, included.")
@click.option("--missing", "which", flag_value="missing", help="Only days never materialized.")
@click.option("--failed", "which", flag_value="failed", help="Only days whose newest run failed.")
def backfill(selection: tuple[str, ...], first: str, last: str, which: str | None) -> None:
    """Materialize assets over a range of days in one run, then what follows from them."""
    _run(selection, (first, last), "missing" if which == "missing" else which or "all")


def _run(selection: tuple[str, ...], days: tuple[str, str], which: Any) -> None:
    settings = connected()

    import dagster as dg

    from mall_platform import runs
    from mall_platform.build import build_defs

    defs = build_defs(settings)
    wanted: PartitionFilter = which
    try:
        with dg.DagsterInstance.get() as instance:
            keys = runs.select(defs, selection or ("mall",))
            outcomes = runs.run_days(defs, instance, keys, days, wanted)
    except runs.SelectionError as error:
        raise click.UsageError(str(error)) from error
    for outcome in outcomes:
        runs.print_outcome(out, outcome)
    if not outcomes:
        out.print("Nothing to do.")
    sys.exit(0 if all(o.success for o in outcomes) else 1)


@main.group()
def sample() -> None:
    """Generate the sample mall: its database, its clicks, its surveys."""


@sample.command()
@click.option("--customers", type=CUSTOMERS, default=20_000, show_default=True)
@click.option("--days", type=COUNT, default=90, show_default=True)
@click.option("--seed", default=1, show_default=True)
def seed(customers: int, days: int, seed: int) -> None:
    """Fill the shop's database (local and dev only)."""
    from mall_platform import sample_run

    settings = _generated()
    with sample_run.progress_bars() as bars:
        done = sample_run.seed_shop(settings, bars, customers=customers, days=days, seed=seed)
    if not done:
        fail("The shop already holds rows; the sample goes into an empty database.")


@sample.command()
@click.option("--customers", type=CUSTOMERS, default=20_000, show_default=True)
@click.option("--days", type=COUNT, default=90, show_default=True)
@click.option("--events", type=COUNT, default=300_000, show_default=True)
@click.option("--seed", default=1, show_default=True)
def clicks(customers: int, days: int, events: int, seed: int) -> None:
    """Send clicks: the newest 24 hours through Firehose, older ones to the landing layout."""
    from mall_platform import sample_run

    settings = _generated()
    with sample_run.progress_bars() as bars:
        sample_run.send_clicks(
            settings, bars, customers=customers, days=days, events=events, seed=seed
        )


@sample.command()
@click.option("--quarters", type=COUNT, default=4, show_default=True)
@click.option("--respondents", type=COUNT, default=2_000, show_default=True)
@click.option("--seed", default=1, show_default=True)
def survey(quarters: int, respondents: int, seed: int) -> None:
    """Drop survey files into the drop bucket, the last quarters before today."""
    from mall_platform import sample_run

    settings = _generated()
    with sample_run.progress_bars() as bars:
        sample_run.drop_surveys(
            settings, bars, quarters=quarters, respondents=respondents, seed=seed
        )


def _generated() -> Settings:
    settings = connected()
    if settings.env == "prod":
        fail("The sample is never written to prod.")
    return settings


@main.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.pass_context
def bench(context: click.Context) -> None:
    """Measure speed and memory against peers; writes docs/benchmarks.md."""
    os.chdir(PROJECT_ROOT)
    os.execv(sys.executable, [sys.executable, "-m", "benchmarks.run", *context.args])


cli_infra.add_commands(main, connected)


if __name__ == "__main__":
    main(prog_name="mall")
