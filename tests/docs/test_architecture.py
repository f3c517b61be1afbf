"""The page of the architecture: its sizes are the code's, and its timetable is the schedules'."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from statistics import median

import pytest

from infra_assets.kinds import TYPES
from mall_platform.schedules import SCHEDULES

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/architecture.md"
SIZES = re.compile(r"(<!-- sizes: .* -->\n).*?(<!-- end of sizes -->)", re.S)
UPDATE = "./mall test --update-snapshot tests/docs/test_architecture.py"

ENGINE = (
    "resource",
    "reconcile",
    "cloud",
    "tagged",
    "engine",
    "run",
    "plan",
    "records",
    "lock",
    "process",
    "infra_asset",
    "registry",
    "kinds",
    "errors",
    "dagster_assets",
)


DECLARABLE = [type.__name__ for type in TYPES.values()]


def lines_of(file: Path) -> int:
    return len(file.read_text("utf-8").splitlines())


def class_lines(file: Path) -> dict[str, int]:
    """Lines of each resource type in a module."""
    classes = [n for n in ast.parse(file.read_text("utf-8")).body if isinstance(n, ast.ClassDef)]
    return {n.name: n.end_lineno - n.lineno + 1 for n in classes if n.name in DECLARABLE}


def sizes() -> str:
    """The block of the page, counted: all lines of a file, blank ones and docstrings too."""
    infra = ROOT / "infra_assets"
    engine = {name: lines_of(infra / f"{name}.py") for name in ENGINE}
    modules = sorted(f for f in (infra / "types").glob("*.py") if f.stem != "__init__")
    types = {file.stem: class_lines(file) for file in modules}
    each = {f"{m}.{name}": n for m, found in types.items() for name, n in found.items()}
    assets = sum(lines_of(f) for f in infra.glob("*.py") if f.stem not in (*ENGINE, "__init__"))
    largest = max(each, key=lambda name: each[name])
    rows = [f"| `{name}` | {count} | |" for name, count in engine.items()]
    for file in modules:
        found = ", ".join(f"{name} {count}" for name, count in types[file.stem].items())
        rows.append(f"| `types/{file.stem}` | {lines_of(file)} | {found} |")
    return "\n".join(
        [
            f"The engine is {sum(engine.values())} lines in {len(engine)} modules. The {len(each)} "
            f"resource types are {sum(map(lines_of, modules))} lines in {len(modules)} modules, "
            f"{median(each.values()):.0f} a type in the median and {each[largest]} in the largest, "
            f"`{largest}`. What uses them, the assets themselves, is {assets} lines.",
            "",
            "| module | lines | types |",
            "| --- | --- | --- |",
            *rows,
            "",
        ]
    )


def test_the_sizes_on_the_page_are_the_codes(request: pytest.FixtureRequest) -> None:
    page = PAGE.read_text("utf-8")
    current, blocks = SIZES.subn(lambda m: f"{m[1]}{sizes()}{m[2]}", page)
    assert blocks == 1
    if request.config.getoption("--update-snapshot"):
        PAGE.write_text(current, "utf-8")
        return
    assert page == current, f"Counted anew by: {UPDATE}"


def test_every_resource_type_is_counted() -> None:
    counted = [n for f in (ROOT / "infra_assets/types").glob("*.py") for n in class_lines(f)]
    assert sorted(counted) == sorted(DECLARABLE)


def test_every_module_of_the_engine_is_there() -> None:
    assert [name for name in ENGINE if not (ROOT / f"infra_assets/{name}.py").is_file()] == []


def test_the_timetable_names_every_schedule() -> None:
    named = set(re.findall(r"^\| `(\w+_schedule)` \|", PAGE.read_text("utf-8"), re.M))
    assert named == {schedule.name for schedule in SCHEDULES}
