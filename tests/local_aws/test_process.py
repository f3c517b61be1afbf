"""The process that serves the local AWS: start, find, stop, and nothing left behind."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import boto3
import pytest

from mall_platform.local_aws import process


def living(pids: list[int]) -> list[int]:
    """Those that run; what only waits to be reaped by init doesn't."""
    states = {pid: Path(f"/proc/{pid}/stat") for pid in pids}
    return [
        pid
        for pid, stat in states.items()
        if stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"
    ]


def children_of(home: Path) -> list[int]:
    return [int(note.name) for note in (home / "children").glob("*")]


def create_database(aws: process.LocalAws) -> None:
    rds = boto3.client(
        "rds",
        endpoint_url=aws.url,
        region_name="ap-northeast-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    rds.create_db_instance(
        DBInstanceIdentifier="shop",
        DBInstanceClass="db.t4g.micro",
        Engine="mysql",
        EngineVersion="8.4.3",
        MasterUsername="admin",
        MasterUserPassword="correct horse",
    )


@pytest.fixture
def home(tmp_path: Path):
    yield tmp_path / "aws"
    process.stop(tmp_path / "aws")


def test_start_finds_the_server_that_runs_already_and_stop_ends_its_databases(home: Path) -> None:
    aws = process.start(home)
    assert process.start(home) == aws == process.running(home)
    assert Path(aws.environment()["RDS_CA_FILE"]).is_file()
    create_database(aws)
    pids = [aws.pid, *children_of(home)]
    assert len(pids) == 2

    process.stop(home)

    assert living(pids) == []
    assert process.running(home) is None
    assert sorted(path.name for path in home.iterdir()) == ["lock", "log"]


def test_stop_after_a_sigkill_of_the_server_ends_its_databases(home: Path) -> None:
    aws = process.start(home)
    create_database(aws)
    pids = children_of(home)
    os.kill(aws.pid, signal.SIGKILL)

    process.stop(home)

    assert living(pids) == []


def test_reset_empties_every_service_in_place(home: Path) -> None:
    aws = process.start(home)
    create_database(aws)
    pids = children_of(home)

    aws.reset()

    assert living(pids) == []
    assert process.running(home) == aws
    create_database(aws)


def test_nothing_runs_in_an_empty_home_and_stopping_there_does_nothing(tmp_path: Path) -> None:
    assert process.running(tmp_path) is None
    process.stop(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []
