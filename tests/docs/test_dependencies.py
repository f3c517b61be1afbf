"""Every direct dependency has its line of why, and no line outlives its dependency."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_names_exactly_the_direct_dependencies() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"]]
    for group in project["dependency-groups"].values():
        wanted += group
    names = {re.match(r"[A-Za-z0-9-]+", line).group().lower() for line in wanted}
    page = (ROOT / "docs/dependencies.md").read_text()
    assert set(re.findall(r"^\| ([a-z0-9-]+) \| \S", page, re.M)) - {"package", "---"} == names
