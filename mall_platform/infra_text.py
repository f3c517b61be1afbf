"""Plans, outcomes and errors of the infrastructure as lines for a terminal, in rich's markup."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import unified_diff
from itertools import groupby
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.markup import escape

from infra_assets.plan import shown
from infra_assets.reconcile import DataLossRefusedError, unordered
from infra_assets.run import ApplyFailedError
from resources.aws import MissingInfrastructureError

if TYPE_CHECKING:
    from infra_assets.plan import Orphan, Plan
    from infra_assets.reconcile import Change, Outcome, Step

_ACTIONS = {
    "create": ("+", "green", "create"),
    "update": ("~", "yellow", "change in place"),
    "replace": ("±", "magenta", "replace"),
    "delete": ("-", "red", "delete"),
}
_WIDTH = 100
_SHORT = 60
"""Longer values are shown as a difference, or cut off where there is nothing to compare."""


def plan_lines(plan: Plan) -> Iterator[str]:
    """The changes by asset and resource, what isn't ready, the orphans, and the totals."""
    for asset, steps in groupby(plan.changes, key=lambda step: step.resource.asset):
        yield f"[bold]{escape(asset)}[/bold]"
        for step in steps:
            yield from step_lines(step)
    for step in plan.awaited:
        yield f"[yellow]…[/yellow] {escape(step.resource.address)} is not ready yet: apply waits."
    for orphan in plan.orphans:
        yield _orphan_line(orphan)
    yield _totals(plan)


def step_lines(step: Step) -> Iterator[str]:
    """A resource and, per attribute, what it is, what it should be, and whether that replaces."""
    address = escape(step.resource.address)
    if step.action == "none":
        yield f"  {address} is as it should be."
        return
    sign, colour, action = _ACTIONS[step.action]
    why = step.only_named
    warning = f" [red]({why}: only when named)[/red]" if why else ""
    yield f"  [{colour}]{sign} {action}[/{colour}] {address}{_order(step)}{warning}"
    if step.refused:
        yield f"      [red]AWS can't do this: {escape(step.refused)}.[/red]"
    if step.action == "create":
        yield from _new(step.changes)
        return
    for change in step.changes:
        yield from _changed(change, sorted_=change.attribute in step.resource.sets)


def outcome_lines(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """What was done to each resource, and how many of each."""
    for outcome in outcomes:
        if outcome.result != "unchanged":
            yield f"{outcome.result:<9} {escape(outcome.resource.address)}"
    counts = Counter(outcome.result for outcome in outcomes)
    yield ", ".join(f"{n} {result}" for result, n in counts.items()) or "Nothing was done."


def leftover_lines(arns: Sequence[str]) -> Iterator[str]:
    """What AWS still has of what was destroyed."""
    if arns:
        yield "AWS still lists, some of it only until its waiting time is over:"
    for arn in arns:
        yield f"  {escape(arn)}"


def _order(step: Step) -> str:
    """In which order a resource is replaced, and which object is deleted where it may be an old
    one."""
    old = escape(step.live.id) if step.live and step.resource.beside else ""
    match step.action:
        case "replace" if old:
            return f" [dim](beside {old}, which goes at the end)[/dim]"
        case "replace":
            return " [dim](the old one is deleted first)[/dim]"
        case "delete" if old != escape(step.resource.name):
            return f" [dim]{old}[/dim]" if old else ""
    return ""


def _new(changes: Sequence[Change]) -> Iterator[str]:
    """The attributes of what is to be made, but for tags, which are those of its asset."""
    values = {c.attribute: shown(c.wanted) for c in changes if c.attribute != "tags"}
    known = {name: _text(value) for name, value in values.items() if value not in (None, "", [])}
    text = ", ".join(
        f"{name} {textwrap.shorten(v, _SHORT, placeholder=' …')}" for name, v in known.items()
    )
    for line in textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False):
        yield f"      [dim]{escape(line)}[/dim]"


def _changed(change: Change, *, sorted_: bool) -> Iterator[str]:
    how = " [magenta](can't be changed in place)[/magenta]" if change.replaces else ""
    now, wanted = shown(change.now), shown(change.wanted)
    if sorted_:
        now, wanted = unordered(now or ()), unordered(wanted or ())
    before, after = _text(now), _text(wanted)
    if max(len(before), len(after)) <= _SHORT and "\n" not in before + after:
        yield f"      {change.attribute}: {escape(before)} → {escape(after)}{how}"
        return
    yield f"      {change.attribute}:{how}"
    for line in _difference(now, wanted):
        colour = {"-": "red", "+": "green"}.get(line[0], "dim")
        yield f"        [{colour}]{escape(line)}[/{colour}]"


def _difference(now: Any, wanted: Any) -> Iterator[str]:
    """The lines in which two values differ, with one line around them."""
    lines = list(unified_diff(_lines(now), _lines(wanted), lineterm="", n=1))
    for number, line in enumerate(lines[2:]):  # the first two would name files
        if not line.startswith("@@"):
            yield f"{line[0]} {line[1:]}"
        elif number:
            yield "…"


def _lines(value: Any) -> list[str]:
    """A value in lines of a bearable length, as YAML would have it."""
    match value:
        case None:
            return []
        case str():
            return value.splitlines()
        case list():
            return [line for item in value for line in _headed("- ", item)]
        case dict():
            return [line for key, item in value.items() for line in _headed(f"{key}: ", item)]
    return [_text(value)]


def _headed(head: str, value: Any) -> list[str]:
    if len(head) + len(text := _text(value)) <= _WIDTH and "\n" not in text:
        return [head + text]
    inner = _lines(value)
    if head == "- ":
        return [head + inner[0], *("  " + line for line in inner[1:])]
    return [head.rstrip(), *("  " + line for line in inner)]


def _text(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _orphan_line(orphan: Orphan) -> str:
    remedy = f"--prune {orphan.address} deletes it" if orphan.address else "it can only go by hand"
    return f"[red]?[/red] No asset declares {escape(orphan.arn)}: {escape(remedy)}."


def _totals(plan: Plan) -> str:
    if not plan.changes and not plan.steps:
        return "[bold]Nothing is there.[/bold]"
    counts = [] if plan.changes else ["Nothing to change"]
    counts += [f"{len(plan.refused)} that AWS can't do, so nothing is applied"] * bool(plan.refused)
    counts += [
        f"{plan.totals[action]} to {words}"
        for action, (_, _, words) in _ACTIONS.items()
        if action in plan.totals
    ]
    if waiting := len(plan.awaited):
        counts.append(f"{waiting} not ready yet")
    if right := plan.totals.get("none", 0) - waiting:
        counts.append(f"{right} as they should be")
    if plan.orphans:
        counts.append(f"{len(plan.orphans)} that no asset declares")
    return f"[bold]{', '.join(counts)}.[/bold]"


def error_lines(error: Exception) -> Iterator[str]:
    """What went wrong, one line each, and which command or option helps."""
    match error:
        case ApplyFailedError():
            for asset, failure in sorted(error.failures.items()):
                yield from _failure(failure, f"{asset}: ", option="--replace")
            if error.skipped:
                yield _red(f"Not tried, since they need those: {', '.join(sorted(error.skipped))}")
        case ValidationError():
            for each in error.errors():
                names = [str(part) for part in each["loc"]]
                variable = f"MALL_{names[0].upper()}" if error.title == "Settings" else "MALL_SPEC"
                yield _red(f"{variable}: {'.'.join(names)}: {each['msg']}")
        case SettingsError():
            yield _red(f"A MALL_ variable can't be used: {error}: {error.__cause__}")
        case _:
            yield from _failure(error, option="--delete")


def _failure(error: Exception, what: str = "", *, option: str) -> Iterator[str]:
    match error:
        case DataLossRefusedError(possible=True):
            yield _red(f"{what}This holds data or is protected, and goes only when it is named:")
            for address in error.addresses:
                yield f"  {option} {escape(address)}"
        case MissingInfrastructureError():
            yield _red(f"{what}{error}")
            yield f"  ./mall apply {escape(error.asset.removeprefix('infra/'))}"
        case _:
            yield _red(what + str(error).replace(" (reached max retries: 0)", ""))


def _red(text: str) -> str:
    return f"[red]{escape(text)}[/red]"
