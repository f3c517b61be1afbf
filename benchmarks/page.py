"""docs/benchmarks.md: the measured lines between its markers, those of other rows kept."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from benchmarks.row import Figure
from resources.settings import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs/benchmarks.md"
BEGIN, END = "<!-- measured by ./mall bench --write -->", "<!-- end of what was measured -->"

_HEAD = (
    "| row | work | ours | peer | ratio | must reach | reached | measured |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |\n"
)
_VERSIONS = (
    *("dagster", "polars", "pyarrow", "connectorx", "duckdb", "fastexcel", "pandas"),
    *("awswrangler", "dlt", "openpyxl", "moto"),
)
_REACHED = {True: "yes", False: "**no**", None: "–"}


class PageError(Exception):
    """The page has not the markers between which figures go."""


def line(row: str, figure: Figure, when: str) -> str:
    """A figure as a line of the table."""
    cells = (row, figure.work, figure.ours, figure.peer, figure.ratio, figure.must)
    return f"| {' | '.join(cells)} | {_REACHED[figure.reached]} | {when} |"


def updated(
    page: str, measured: Mapping[str, Sequence[str]], order: Sequence[str], machine: str
) -> str:
    """The page with the lines of some rows replaced; rows stand in the given order."""
    found = re.fullmatch(f"(.*{BEGIN}\n)(.*)({END}.*)", page, re.S)
    if found is None:
        raise PageError(f"{PAGE} has not the markers {BEGIN} and {END}.")
    before, table, after = found.groups()
    kept: dict[str, list[str]] = {name: [] for name in order}
    for old in table.splitlines():
        name = old.split("|")[1].strip() if old.startswith("| ") else ""
        if name in kept:
            kept[name].append(old)
    lines = [text for name in order for text in measured.get(name, kept[name])]
    return f"{before}\n{machine}\n\n{_HEAD}" + "\n".join(lines) + f"\n\n{after}"


def machine() -> str:
    """The newest machine and the versions that were measured."""
    memory_gb = psutil.virtual_memory().total / 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in _VERSIONS)
    return (
        f"Machine: {os.cpu_count()} cores ({_processor()}), {memory_gb:.0f} GB of memory, "
        f"{platform.system()} {platform.release()}. Python {platform.python_version()}, {versions}."
    )


def now() -> str:
    """The day, the processor, since rows are measured on several, and how busy the machine is."""
    return f"{datetime.now(UTC):%Y-%m-%d}, {_processor()}, load {os.getloadavg()[0]:.1f}"


def write(measured: Mapping[str, Sequence[str]], order: Sequence[str]) -> None:
    """Brings the page up to date."""
    page = PAGE.read_text("utf-8")
    PAGE.write_text(updated(page, measured, order, machine()), "utf-8")


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    models = re.findall(r"model name\s*: (.*)", info.read_text()) if info.exists() else []
    return models[0] if models else platform.processor() or platform.machine()
