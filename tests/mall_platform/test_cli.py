"""The command line: every command of the contract, its help, and exit codes for scripts."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from mall_platform.cli import main
from resources.settings import load_settings

ROOT = Path(__file__).parents[2]
COMMANDS = [
    *("demo", "test", "up", "down", "status", "env", "plan", "apply", "destroy", "import"),
    *("materialize", "backfill", "bench"),
    *("sample seed", "sample clicks", "sample survey"),
]


@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MALL_ENV", "local")
    monkeypatch.setenv("MALL_HOME", str(tmp_path))
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    shown = CliRunner().invoke(main, [*command.split(), "--help"])
    assert shown.exit_code == 0, shown.output
    assert "Usage" in shown.output
    assert len(shown.output.splitlines()) > 4


@pytest.mark.parametrize(
    "command", ["env", "status", "materialize", "backfill --from 2024-06-01 --to 2024-06-02"]
)
def test_without_a_running_aws_a_command_says_what_to_start(
    command: str, nothing_runs: None
) -> None:
    shown = CliRunner().invoke(main, command.split())
    assert shown.exit_code == 1
    assert "./mall up" in shown.output + shown.stderr


def test_down_is_content_when_nothing_runs(nothing_runs: None, tmp_path: Path) -> None:
    (tmp_path / "leftover").write_text("x")
    assert CliRunner().invoke(main, ["down", "--wipe"]).exit_code == 0
    assert not tmp_path.exists()


def test_wrong_usage_exits_with_2() -> None:
    assert CliRunner().invoke(main, ["backfill"]).exit_code == 2


def test_the_script_runs_from_any_folder(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(ROOT / "mall"), "--help"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "materialize" in done.stdout
