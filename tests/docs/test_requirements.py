"""The page of requirements: every one is there, and what it names is there too (U4)."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

from mall_platform.build import build_defs
from resources.settings import Settings

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/requirements.md"

COUNTS = {
    **{"N": 5, "S": 4, "D": 2, "C": 1, "B": 5, "M": 3},
    **{"E": 4, "Q": 2, "T": 1, "A": 6, "V": 1, "P": 2, "O": 7, "U": 4},
}
KNOWN = {f"{letter}{n}" for letter, count in COUNTS.items() for n in range(1, count + 1)} | {"A0"}

CITING = ("resources", "infra_assets", "data_assets", "sensors", "mall_platform", "tests", "docs")
_ID = r"[A-Z][0-9]"
_CITED = re.compile(
    rf"\(({_ID}(?:(?:, | and | to |[-–]){_ID})*)\)|^\s*\"\"\"({_ID}(?:, {_ID})*): ", re.M
)


@dataclass(frozen=True)
class Row:
    """A line of the page's tables."""

    id: str
    text: str
    assets: tuple[str, ...]
    tests: tuple[str, ...]
    status: str

    @property
    def coming(self) -> bool:
        return self.status.startswith("coming")


def rows_of(page: str) -> list[Row]:
    """The rows of all tables on the page, from their markdown."""
    rows = []
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if re.fullmatch(_ID, cells[0]) and line.startswith("|"):
            id, text, assets, tests, status = cells
            rows.append(Row(id, text, _quoted(assets), _quoted(tests), status))
    return rows


def _quoted(cell: str) -> tuple[str, ...]:
    return tuple(re.findall(r"`([^`]+)`", cell))


@cache
def named_tests(file: str) -> frozenset[str]:
    """Names of the test functions in a file; it is read, not imported."""
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    return frozenset(f.name for f in functions if f.name.startswith("test_"))


def is_a_test(name: str) -> bool:
    """Whether `file` holds a test, or `file::pattern` matches one."""
    file, _, pattern = name.partition("::")
    return (ROOT / file).is_file() and any(
        fnmatchcase(n, pattern or "*") for n in named_tests(file)
    )


def problems_of(rows: list[Row], assets: set[str]) -> list[str]:
    """What is wrong with the page, given the keys of the graph."""
    ids = [row.id for row in rows]
    found = [f"{id} is no known requirement" for id in ids if id not in KNOWN]
    found += [f"{id} is missing" for id in sorted(KNOWN - set(ids))]
    found += [f"{id} is there twice" for id in sorted({id for id in ids if ids.count(id) > 1})]
    for row in rows:
        if not row.text:
            found.append(f"{row.id} says nothing")
        if row.status != "done" and not row.status.startswith("coming: "):
            found.append(f"{row.id} is neither `done` nor `coming: ` what")
        if not (row.assets or row.tests or row.coming):
            found.append(f"{row.id} has neither assets nor tests, and isn't said to be coming")
        if not row.tests and not row.coming:
            found.append(f"{row.id} is done without a test")
        found += [f"{row.id}: no asset {key}" for key in row.assets if key not in assets]
        found += [f"{row.id}: no test {name}" for name in row.tests if not is_a_test(name)]
    return found


def cited_ids(text: str) -> set[str]:
    """Requirements that a text cites in brackets, or at the start of a docstring."""
    return {id for match in _CITED.finditer(text) for id in re.findall(_ID, match[0])}


@pytest.fixture(scope="module")
def assets() -> set[str]:
    graph = build_defs(Settings(env="local")).resolve_asset_graph()
    return {key.to_user_string() for key in graph.get_all_asset_keys()}


def test_every_requirement_has_its_assets_and_tests_or_is_said_to_be_coming(
    assets: set[str],
) -> None:
    assert problems_of(rows_of(PAGE.read_text("utf-8")), assets) == []


def test_every_asset_serves_a_requirement(assets: set[str]) -> None:
    named = {key for row in rows_of(PAGE.read_text("utf-8")) for key in row.assets}
    assert assets - named == set()


def test_only_known_requirements_are_cited() -> None:
    files = [f for folder in CITING for f in (ROOT / folder).rglob("*") if f.is_file()]
    texts = {f: f.read_text("utf-8") for f in files if f.suffix in {".py", ".sql", ".md", ".yaml"}}
    cited = {f.relative_to(ROOT).as_posix(): cited_ids(text) for f, text in texts.items()}
    assert {file: ids - KNOWN for file, ids in cited.items() if ids - KNOWN} == {}
    assert {"E1", "N1", "P2"} <= set().union(*cited.values())


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("Something (E1).", {"E1"}),
        ("Something (E1, Q1 and T1)", {"E1", "Q1", "T1"}),
        ("Marts (A0–A6), backups (B1-B3).", {"A0", "A6", "B1", "B3"}),
        ('    """U4: each asset is made."""', {"U4"}),
        ("a cell (A1:C3), a class H2, S3's objects", set()),
    ],
)
def test_what_a_citation_is(text: str, ids: set[str]) -> None:
    assert cited_ids(text) == ids


GOOD = Row("E1", "Tables.", ("mall/x",), ("tests/docs/test_requirements.py",), "done")


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (Row("X1", "Unknown.", ("mall/x",), GOOD.tests, "done"), "X1 is no known requirement"),
        (Row("E1", "", GOOD.assets, GOOD.tests, "done"), "E1 says nothing"),
        (Row("E1", "Tables.", (), (), "done"), "E1 has neither assets nor tests"),
        (Row("E1", "Tables.", GOOD.assets, (), "done"), "E1 is done without a test"),
        (Row("E1", "Tables.", ("mall/y",), GOOD.tests, "done"), "E1: no asset mall/y"),
        (Row("E1", "Tables.", (), ("tests/none.py",), "done"), "E1: no test tests/none.py"),
        (
            Row("E1", "Tables.", (), ("tests/docs/test_requirements.py::test_none*",), "done"),
            "E1: no test tests/docs/test_requirements.py::test_none*",
        ),
        (Row("E1", "Tables.", GOOD.assets, GOOD.tests, "soon"), "E1 is neither `done`"),
        (Row("E2", "Surveys.", (), (), "done"), "E1 is missing"),
    ],
)
def test_a_wrong_page_is_found_out(row: Row, problem: str) -> None:
    assert [found for found in problems_of([row], {"mall/x"}) if found.startswith(problem)]


def test_a_right_row_has_no_problem() -> None:
    coming = Row("E2", "Surveys.", (), (), "coming: all of it")
    assert [p for p in problems_of([GOOD, coming], {"mall/x"}) if "missing" not in p] == []
