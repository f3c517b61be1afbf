"""The infrastructure's commands: plan, apply, destroy and import."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.markup import escape

from resources.settings import Settings

if TYPE_CHECKING:
    from infra_assets.engine import Engine
    from infra_assets.plan import Plan
    from infra_assets.reconcile import Outcome, Step

out = Console()
err = Console(stderr=True)

_SIGNS = {
    "create": ("+", "green"),
    "update": ("~", "yellow"),
    "replace": ("±", "magenta"),
    "delete": ("-", "red"),
}

Connected = Callable[[], Settings]


def add_commands(group: click.Group, connected: Connected) -> None:
    """Adds the commands to a group; `connected` gives settings of an AWS that answers."""

    @group.command()
    @click.argument("selection", nargs=-1)
    @click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
    @click.option("--out", "file", type=click.Path(path_type=Path), help="Save the plan.")
    def plan(selection: tuple[str, ...], as_json: bool, file: Path | None) -> None:
        """Show what apply would change: exit code 0 nothing, 2 something, 1 an error.

        SELECTION takes areas (network) and assets (network/vpc); nothing is everything.
        """
        with _errors_shown():
            found = _engine(connected()).plan(_addresses(selection))
        if file:
            file.write_text(found.as_json())
        if as_json:
            click.echo(found.as_json())
        else:
            print_plan(found)
        sys.exit(2 if found.changes else 0)

    @group.command()
    @click.argument("selection", nargs=-1)
    @click.option("--yes", is_flag=True, help="Don't ask.")
    @click.option(
        "--plan",
        "file",
        type=click.Path(exists=True, path_type=Path),
        help="Apply exactly this saved plan, or fail if the world has moved since.",
    )
    @click.option("--prune", multiple=True, metavar="NAME", help="Delete an orphan, by its name.")
    @click.option(
        "--replace", multiple=True, metavar="RESOURCE", help="Allow replacing what holds data."
    )
    def apply(
        selection: tuple[str, ...],
        yes: bool,
        file: Path | None,
        prune: tuple[str, ...],
        replace: tuple[str, ...],
    ) -> None:
        """Make AWS match the code."""
        from infra_assets.plan import SavedPlan

        with _errors_shown():
            engine = _engine(connected())
            saved = SavedPlan.load(file) if file else None
            if not yes and saved is None:
                _ask(engine.plan(_addresses(selection)), prune)
            with _progress() as on_progress:
                outcomes = engine.apply(
                    _addresses(selection), saved=saved, named=replace, on_progress=on_progress
                )
            pruned = engine.prune(prune) if prune else []
            report(outcomes)
        _print_outcomes(outcomes)
        for arn in pruned:
            out.print(f"[red]-[/red] {arn} pruned")

    @group.command()
    @click.argument("selection", nargs=-1)
    @click.option("--yes", is_flag=True, help="Don't ask.")
    @click.option(
        "--delete", multiple=True, metavar="RESOURCE", help="Allow deleting what holds data."
    )
    def destroy(selection: tuple[str, ...], yes: bool, delete: tuple[str, ...]) -> None:
        """Delete the infrastructure, last made first; what holds data only where named."""
        with _errors_shown():
            engine = _engine(connected())
            if not yes:
                what = ", ".join(selection) or "the whole infrastructure"
                click.confirm(f"Delete {what}?", abort=True)
            with _progress() as on_progress:
                outcomes = engine.destroy(
                    _addresses(selection), named=delete, on_progress=on_progress
                )
        _print_outcomes(outcomes)

    @group.command("import")
    @click.argument("address")
    @click.argument("id")
    def import_(address: str, id: str) -> None:
        """Adopt an existing AWS object as the resource at ADDRESS, then plan that resource.

        ID is the object's own id on AWS, as vpc-0123456789abcdef0.
        """
        with _errors_shown():
            step = _engine(connected()).adopt(address.removeprefix("infra/"), id)
        print_step(step)
        sys.exit(0 if step.action == "none" else 2)


def print_plan(plan: Plan) -> None:
    """The changes, resource by resource, the orphans, and the totals."""
    for step in plan.changes:
        print_step(step)
    for orphan in plan.orphans:
        out.print(f"[red]?[/red] {escape(orphan.arn)} is an orphan: no asset declares it")
    totals = ", ".join(f"{n} {action}" for action, n in plan.totals.items() if action != "none")
    out.print(f"{totals or 'No change'}; {plan.totals.get('none', 0)} as they should be.")


def print_step(step: Step) -> None:
    """One resource and, per attribute, what it is, what it should be, and whether that replaces."""
    from infra_assets.plan import shown

    if step.action == "none":
        out.print(f"  {step.resource.address} is as it should be")
        return
    sign, colour = _SIGNS[step.action]
    out.print(f"[{colour}]{sign} {step.action} {escape(step.resource.address)}[/{colour}]")
    for change in step.changes if step.action != "create" else ():
        how = " [magenta](replaces)[/magenta]" if change.replaces else ""
        now, wanted = escape(str(shown(change.now))), escape(str(shown(change.wanted)))
        out.print(f"    {change.attribute}: {now} → {wanted}{how}", highlight=False)


def _engine(settings: Settings) -> Engine:
    from infra_assets.registry import engine
    from resources.aws import Aws

    return engine(Aws(env=settings.env, region=settings.region), settings)


def _addresses(selection: Sequence[str]) -> list[str] | None:
    return [word.removeprefix("infra/").strip("/") for word in selection] or None


def _ask(plan: Plan, prune: Sequence[str]) -> None:
    print_plan(plan)
    if not plan.changes and not prune:
        sys.exit(0)
    click.confirm("Apply?", abort=True)


def _print_outcomes(outcomes: Sequence[Outcome]) -> None:
    changed = [outcome for outcome in outcomes if outcome.result != "unchanged"]
    for outcome in changed:
        out.print(f"{outcome.result:<9} {escape(outcome.resource.address)}", highlight=False)
    out.print(f"{len(changed)} changed, {len(outcomes) - len(changed)} unchanged.")


def report(outcomes: Sequence[Outcome]) -> None:
    """Tells Dagster what was made, where this process knows of an instance."""
    if "DAGSTER_HOME" not in os.environ:
        return
    import dagster as dg

    from infra_assets.dagster_assets import report as report_to

    with dg.DagsterInstance.get() as instance:
        report_to(instance, outcomes)


class _errors_shown:  # noqa: N801
    """Prints the engine's errors as one sentence and ends with exit code 1."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        from infra_assets.errors import InfraError

        if isinstance(error, (InfraError, ClientError, BotoCoreError, ValueError)):
            err.print(f"[red]{escape(str(error))}[/red]")
            sys.exit(1)


class _progress:  # noqa: N801
    """A bar of resources done, on stderr."""

    def __enter__(self) -> Callable[[Outcome, int, int], None]:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._bars = Progress(
            BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), console=err
        )
        self._bars.start()
        task = self._bars.add_task("", total=None)

        def on_progress(outcome: Outcome, done: int, total: int) -> None:
            self._bars.update(
                task,
                completed=done,
                total=total,
                description=f"{outcome.result} {outcome.resource.address}",
            )

        return on_progress

    def __exit__(self, *exc: object) -> None:
        self._bars.stop()
