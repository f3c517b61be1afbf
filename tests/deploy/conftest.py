"""The shop's two applications, built and started by their own scripts against the local AWS."""

from __future__ import annotations

import getpass
import importlib.metadata
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mall_platform.local_aws.process import LocalAws

DEPLOY = Path(__file__).parents[2] / "deploy"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Server:
    """One application under a prefix and on a port of its own."""

    def __init__(self, app: str, folder: Path, **environment: str) -> None:
        self.app, self.bundle, self.prefix = app, folder / f"{app}-bundle", folder / app
        self.port = free_port()
        self.environment = {
            **os.environ,
            "PYTHON": sys.executable,
            "HOST": "127.0.0.1",
            "SETTINGS": str(folder / "none"),
            **environment,
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def build(self) -> None:
        self._run(DEPLOY / self.app / "scripts/build.sh", str(self.bundle))

    def hook(self, name: str, *arguments: str) -> None:
        """Runs a hook as CodeDeploy does, from the bundle."""
        self._run(self.bundle / "scripts" / f"{name}.sh", str(self.prefix), *arguments)

    def deploy(self) -> None:
        self.hook("stop")
        self.hook("install")
        self.hook("start", str(self.port))
        self.hook("validate", str(self.port))

    def _run(self, *command: str | Path) -> None:
        done = subprocess.run(
            ["sh", *map(str, command)],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=90,
        )
        log = self.prefix / "run/log"
        shown = log.read_text("utf-8")[-3000:] if log.exists() else ""
        assert done.returncode == 0, done.stdout + shown


_SERVICES = {"rds", "secretsmanager", "firehose", "sts"}


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The libraries that requirements.txt locks, as this environment has them.

    Of botocore's descriptions of all of AWS's services only those that the API calls.
    """
    folder = tmp_path_factory.mktemp("libraries")
    locked = (DEPLOY / "was/requirements.txt").read_text("utf-8")
    for name in re.findall(r"^([\w.-]+)==", locked, re.M):
        files = importlib.metadata.files(name) or []
        tops = {file.parts[0] for file in files if not file.parts[0].startswith("..")}
        for top in tops - {"__pycache__", "botocore"}:
            (folder / top).symlink_to(importlib.metadata.distribution(name).locate_file(top))
    botocore = Path(str(importlib.metadata.distribution("botocore").locate_file("botocore")))
    data = folder / "botocore/data"
    data.mkdir(parents=True)
    for entry in botocore.iterdir():
        if entry.name != "data":
            (folder / "botocore" / entry.name).symlink_to(entry)
    for entry in (botocore / "data").iterdir():
        if entry.is_file() or entry.name in _SERVICES:
            (data / entry.name).symlink_to(entry)
    return folder


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("deploy")


@pytest.fixture(scope="session")
def session_secret(platform: dict[str, Any]) -> str:
    client = platform["aws"].client("secretsmanager")
    return str(client.create_secret(Name="signing-key-of-tests", SecretString="k" * 64)["ARN"])


@pytest.fixture(scope="session")
def was(
    platform: dict[str, Any],
    local_aws: LocalAws,
    libraries: Path,
    folder: Path,
    session_secret: str,
) -> Iterator[Server]:
    """The application server, running."""
    names = platform["aws"].names
    server = Server(
        "was",
        folder,
        LIBRARIES=str(libraries),
        SHOP_DB_INSTANCE=names.shop_database,
        SHOP_DB_CA_FILE=local_aws.environment()["RDS_CA_FILE"],
        SHOP_CLICK_STREAM=names.click_stream,
        SHOP_SESSION_SECRET_ID=session_secret,
    )
    server.build()
    server.deploy()
    yield server
    server.hook("stop")


@pytest.fixture(scope="session")
def web(was: Server, folder: Path) -> Iterator[Server]:
    """The web server in front of it, running."""
    server = Server(
        "web",
        folder,
        WAS_ADDRESS=f"127.0.0.1:{was.port}",
        RESOLVER="127.0.0.1:9",
        WORKER=getpass.getuser(),
    )
    server.build()
    server.deploy()
    yield server
    server.hook("stop")
