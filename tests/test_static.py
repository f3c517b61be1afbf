"""The code's own rules: format, lint, types, layers, SQL style, quick imports."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PACKAGES = ["resources", "infra_assets", "data_assets", "sensors", "mall_platform"]


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["lint-imports", "--no-cache"],
        ["sqlfluff", "lint", "data_assets"],
    ],
    ids=lambda command: command[0] + command[1][:7] if len(command) > 1 else command[0],
)
def test_tool_is_clean(command: list[str]) -> None:
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_init_file_is_empty() -> None:
    files = [f for package in [*PACKAGES, "tests"] for f in (ROOT / package).rglob("__init__.py")]
    assert [f for f in files if f.read_text().strip()] == []


def test_every_module_says_what_it_is_for() -> None:
    modules = [f for package in PACKAGES for f in (ROOT / package).rglob("*.py")]
    silent = [
        str(f.relative_to(ROOT))
        for f in modules
        if f.name != "__init__.py" and not ast.get_docstring(ast.parse(f.read_text("utf-8")))
    ]
    assert silent == []


def test_the_code_location_imports_no_heavy_library() -> None:
    """Importing the code location stays quick: what is heavy is imported where it is used."""
    heavy = "awswrangler pandas pandera polars pyarrow duckdb scipy altair openpyxl moto boto3"
    code = (
        "import sys, dagster; before = set(sys.modules)\n"
        "import mall_platform.definitions\n"
        f"print([m for m in {heavy.split()!r} if m in sys.modules and m not in before])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_env_example_names_every_setting() -> None:
    from resources.settings import Settings

    named = set(re.findall(r"^#? ?(MALL_[A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))
    assert named == {f"MALL_{name.upper()}" for name in Settings.model_fields}
