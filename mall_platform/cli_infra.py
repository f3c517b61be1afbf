"""The infrastructure's commands: plan, apply, destroy and import."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.markup import escape

from resources.settings import Settings

if TYPE_CHECKING:
    from infra_assets.engine import Engine
    from infra_assets.plan import SavedPlan
    from infra_assets.reconcile import Outcome
    from infra_assets.run import Progress as OnProgress

out = Console(emoji=False)
err = Console(stderr=True, emoji=False)

Connected = Callable[[], Settings]

_SELECTION = """SELECTION takes areas (network) and assets (network/vpc); nothing is everything."""


def add_commands(group: click.Group, connected: Connected) -> None:
    """Adds the commands to a group; `connected` gives settings of an AWS that answers."""

    @group.command(epilog=_SELECTION)
    @click.argument("selection", nargs=-1)
    @click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
    @click.option(
        "--out",
        "file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Save the plan, for apply --plan.",
    )
    def plan(selection: tuple[str, ...], as_json: bool, file: Path | None) -> None:
        """Show what apply would change.

        Of every resource the attributes that differ, as they are and as they should be, and whether
        that is changed in place or replaces the resource. Nothing is written to AWS.

        Exit code 0: nothing to change; 2: something; 1: an error.
        """
        from mall_platform.infra_text import plan_lines

        with _errors_shown():
            found = _engine(connected()).plan(_addresses(selection))
            if file:
                file.write_text(found.as_json())
        if as_json:
            click.echo(found.as_json())
        else:
            _print(plan_lines(found))
        sys.exit(2 if found.changes else 0)

    @group.command(epilog=_SELECTION)
    @click.argument("selection", nargs=-1)
    @click.option("--yes", is_flag=True, help="Don't show the plan and ask.")
    @click.option(
        "--plan",
        "file",
        type=click.Path(exists=True, path_type=Path, dir_okay=False),
        help="Apply exactly this saved plan, or fail if the world has moved since.",
    )
    @click.option(
        "--prune",
        multiple=True,
        metavar="NAME",
        help="Delete an orphan, too: something of this environment that no asset declares. NAME"
        " is its resource or ARN as the plan shows it.",
    )
    @click.option(
        "--replace",
        multiple=True,
        metavar="RESOURCE",
        help="Allow replacing what holds data or is protected, as rds.Instance/mall-dev-shop.",
    )
    def apply(
        selection: tuple[str, ...],
        yes: bool,
        file: Path | None,
        prune: tuple[str, ...],
        replace: tuple[str, ...],
    ) -> None:
        """Make AWS match the code.

        What the plan shows is what is applied: if the world moves before the answer, it fails. Any
        number of runs gives the same; one that was cut off is made good by the next. Who changed
        what is recorded in the log bucket.
        """
        if file and selection:
            raise click.UsageError("A saved plan says itself what is selected: leave SELECTION.")
        from infra_assets.plan import SavedPlan
        from mall_platform.infra_text import outcome_lines

        with _errors_shown():
            engine = _engine(connected())
            engine.prunable(prune)
            saved = SavedPlan.load(file) if file else None
            if not yes and saved is None:
                saved = _agreed(engine, selection, prune)
            with _progress() as on_progress:
                outcomes = engine.apply(
                    _addresses(selection), saved=saved, named=replace, on_progress=on_progress
                )
            report(outcomes)
            pruned = engine.prune(prune) if prune else []
        _print(outcome_lines([*outcomes, *pruned]))

    @group.command(epilog=_SELECTION)
    @click.argument("selection", nargs=-1)
    @click.option("--yes", is_flag=True, help="Don't show what goes and ask.")
    @click.option(
        "--delete",
        multiple=True,
        metavar="RESOURCE",
        help="Allow deleting what holds data or is protected, as"
        " s3.Bucket/mall-dev-lake-123456789012; never in production.",
    )
    def destroy(selection: tuple[str, ...], yes: bool, delete: tuple[str, ...]) -> None:
        """Delete the infrastructure.

        What was made last goes first. What holds data or is protected from deletion has to be named
        by --delete, one by one, or nothing is deleted. What AWS keeps of it is listed at the end.
        """
        from mall_platform.infra_text import leftover_lines, outcome_lines, plan_lines

        with _errors_shown():
            engine = _engine(connected())
            doomed = engine.plan_destroy(_addresses(selection))
            if not yes and doomed.steps:
                _print(plan_lines(doomed))
                click.confirm("Delete?", abort=True)
            with _progress() as on_progress:
                outcomes = engine.destroy(
                    _addresses(selection), named=delete, on_progress=on_progress
                )
            left = engine.leftovers(doomed) if outcomes else []
        _print(outcome_lines(outcomes))
        _print(leftover_lines(left))

    @group.command("import")
    @click.argument("address", metavar="ASSET")
    @click.argument("id")
    def import_(address: str, id: str) -> None:
        """Adopt an existing AWS object.

        It is tagged as this environment's, then its asset is planned.

        ASSET is an asset of one resource (network/vpc), or a resource as the plan shows it
        (ec2.Subnet/web-a). ID is the object's own id on AWS (vpc-0123456789abcdef0), or its name
        or ARN where AWS finds it by that.

        Exit code 0: all is as it should be; 2: apply would change something; 1: an error.
        """
        from mall_platform.infra_text import plan_lines

        with _errors_shown():
            engine = _engine(connected())
            step = engine.adopt(address.removeprefix("infra/"), id)
            found = engine.plan([step.resource.asset])
        _print(plan_lines(found))
        sys.exit(2 if found.changes else 0)


def _engine(settings: Settings) -> Engine:
    from infra_assets.registry import engine
    from resources.aws import Aws

    return engine(Aws(env=settings.env, region=settings.region), settings)


def _addresses(selection: Sequence[str]) -> list[str] | None:
    return [word.removeprefix("infra/").strip("/") for word in selection] or None


def _agreed(engine: Engine, selection: Sequence[str], prune: Sequence[str]) -> SavedPlan:
    """The plan, once somebody has seen it and said yes; ends the command where nothing is to do."""
    from infra_assets.plan import SavedPlan
    from mall_platform.infra_text import plan_lines

    plan = engine.plan(_addresses(selection))
    _print(plan_lines(plan))
    if not (plan.changes or plan.awaited or prune):
        sys.exit(0)
    and_prune = f" and delete {', '.join(prune)}" if prune else ""
    click.confirm(f"Apply{and_prune}?", abort=True)
    return SavedPlan.of(plan)


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        out.print(line, highlight=False, soft_wrap=True)


def report(outcomes: Sequence[Outcome]) -> None:
    """Tells Dagster what was made, where this process knows of an instance."""
    if "DAGSTER_HOME" not in os.environ:
        return
    import dagster as dg

    from infra_assets.dagster_assets import report as report_to

    with dg.DagsterInstance.get() as instance:
        report_to(instance, outcomes)


@contextmanager
def _errors_shown() -> Iterator[None]:
    """Prints what went wrong in a sentence, with what to do about it, and ends with exit code 1."""
    from botocore.exceptions import BotoCoreError, ClientError
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    from infra_assets.engine import DestroyFailedError
    from infra_assets.errors import InfraError
    from infra_assets.run import ApplyFailedError
    from mall_platform.infra_text import error_lines, outcome_lines

    try:
        yield
    except (
        InfraError,
        ClientError,
        BotoCoreError,
        OSError,
        ValidationError,
        SettingsError,
    ) as error:
        if isinstance(error, ApplyFailedError | DestroyFailedError) and error.outcomes:
            _print(outcome_lines(error.outcomes))
        if isinstance(error, ApplyFailedError):
            report(error.outcomes)
        for line in error_lines(error):
            err.print(line, highlight=False, soft_wrap=True)
        sys.exit(1)


@contextmanager
def _progress() -> Iterator[OnProgress]:
    """A bar of resources done, on stderr, where that is a terminal."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    bars = Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )
    with bars:
        task = bars.add_task("", total=None)

        def on_progress(outcome: Outcome, done: int, total: int) -> None:
            what = f"{outcome.result} {outcome.resource.address}"
            bars.update(task, completed=done, total=total, description=escape(what))

        yield on_progress
