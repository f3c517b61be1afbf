"""A Slack on loopback, and an instance to run things in."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mall_platform.slack_inbox import Inbox, serve
from resources.aws import Aws
from resources.secrets import Secrets
from resources.slack import Slack


def slack_at(base_url: str) -> Slack:
    return Slack(
        token="xoxb-test",
        token_secret_id="none",
        secrets=Secrets(aws=Aws(env="local")),
        base_url=base_url,
        channel="#mall-alerts",
        ui_base_url="http://ui",
    )


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path / "slack/messages.jsonl")


@pytest.fixture
def slack(inbox: Inbox) -> Iterator[Slack]:
    server = serve(inbox.file.parent)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield slack_at(f"http://127.0.0.1:{server.server_port}/api/")
    server.shutdown()
    server.server_close()
