"""The command line: every command of the contract, its help, and exit codes for scripts."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from mall_platform import local
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


@pytest.mark.parametrize(
    "command",
    [
        *("backfill", "up --port 99999", "demo --days many", "demo --customers 10"),
        *("demo --days 100000", "sample survey --quarters 0", "sample clicks --events 0"),
    ],
)
def test_wrong_usage_exits_with_2(command: str) -> None:
    assert CliRunner().invoke(main, command.split()).exit_code == 2


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, nothing_runs: None) -> None:
    """It's an error, and no difference: with 2 a plan says that there is something to change."""
    monkeypatch.setenv("MALL_ENV", "staging")
    shown = CliRunner().invoke(main, ["plan"])
    assert shown.exit_code == 1
    assert "MALL_ENV: Input should be 'local', 'dev' or 'prod'" in shown.stderr


def test_a_spec_that_is_no_json_is_named(
    monkeypatch: pytest.MonkeyPatch, nothing_runs: None
) -> None:
    monkeypatch.setenv("MALL_SPEC", "{log_days: 400}")
    shown = CliRunner().invoke(main, ["plan"])
    assert shown.exit_code == 1
    assert 'A MALL_ variable can\'t be used: error parsing value for field "spec"' in shown.stderr


def test_only_one_up_runs_at_a_time(nothing_runs: None) -> None:
    """A second one would run schedules twice, and end the first one's AWS with itself."""
    with local.only_up(load_settings()):
        shown = CliRunner().invoke(main, ["up", "--port", str(free_port())])
    assert shown.exit_code == 1
    assert "./mall up is running already" in shown.output + shown.stderr


def test_up_says_that_its_port_is_taken(nothing_runs: None, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        shown = CliRunner().invoke(main, ["up", "--port", str(taken.getsockname()[1])])
    assert shown.exit_code == 1
    assert "is taken" in shown.output + shown.stderr
    assert list(tmp_path.iterdir()) == []


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_the_script_runs_from_any_folder(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(ROOT / "mall"), "--help"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "materialize" in done.stdout
