"""What tests share: one local AWS a worker, the infrastructure on it, and its shop database."""

from __future__ import annotations

import atexit
import gc
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import hypothesis
import pytest
from dagster._core.storage.event_log import in_memory as events_in_memory
from dagster._core.storage.runs import in_memory as runs_in_memory
from sqlalchemy.pool import SingletonThreadPool

from mall_platform.local_storage import never_flush
from resources.settings import Settings, load_settings

if TYPE_CHECKING:
    import pymysql

    from mall_platform.local_aws.process import LocalAws
    from mall_platform.slack_inbox import Inbox
    from resources.aws import Aws

SCHEMA = Path(__file__).parent.parent / "mall_platform/sample_mall/schema.sql"


class OneForEachThread(SingletonThreadPool):
    """Connections to a database in memory that stay open, however many threads ask."""

    def __init__(self, creator: Any, **options: Any) -> None:
        super().__init__(creator, **{**options, "pool_size": 1_000})


never_flush()  # the instances of tests are thrown away
for storage in (events_in_memory, runs_in_memory):  # nor migrated: no need to read all migrations
    storage.stamp_alembic_rev = lambda config, connection: None
    storage.NullPool = OneForEachThread
hypothesis.settings.register_profile("mall", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("mall")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--exhaustive", action="store_true", help="Run the campaigns, too.")
    parser.addoption(
        "--update-snapshot", action="store_true", help="Commit to the asset graph as it is now."
    )


LONGEST = ("test_static", "integration", "infra_assets", "audit", "surveys", "extracts", "marts")
"""Where tests take long. Those start first, so that no worker ends up with them alone."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        names = {item.path.stem, item.path.parent.name}
        return next((i for i, name in enumerate(LONGEST) if name in names), len(LONGEST))

    items.sort(key=rank)
    if config.getoption("--exhaustive"):
        return
    campaign = pytest.mark.skip(reason="a campaign: run with --exhaustive")
    for item in items:
        if "exhaustive" in item.keywords:
            item.add_marker(campaign)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A module's tests stay on one worker, and so do all that look at the one whole run."""
    from xdist.scheduler import LoadScopeScheduling

    class ByWhatIsShared(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            module = nodeid.partition("::")[0]
            return module if "/integration/" not in module else "integration"

    return ByWhatIsShared(config, log)


def pytest_collection_finish() -> None:
    """Looks for garbage seldom, and never among what loading made: it took a third of the time."""
    gc.freeze()
    gc.set_threshold(100_000, 20, 10)


def pytest_sessionfinish() -> None:
    """Spares pytest a last look through everything that is there; the interpreter has its own."""
    gc.freeze()
    atexit.register(gc.unfreeze)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says what came of the campaigns."""
    for report in (r for of in ("passed", "failed") for r in terminalreporter.getreports(of)):
        for name, value in report.user_properties:
            if name == "campaign":
                terminalreporter.write_line(f"campaign: {value}")


@pytest.fixture(scope="session")
def slack_inbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inbox]:
    """Where this worker's messages to Slack go."""
    from mall_platform.slack_inbox import Inbox, serve

    home = tmp_path_factory.mktemp("slack")
    server = serve(home)
    threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
    os.environ["MALL_SLACK_BASE_URL"] = f"http://127.0.0.1:{server.server_port}/api/"
    yield Inbox(home / "messages.jsonl")
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def local_aws(tmp_path_factory: pytest.TempPathFactory, slack_inbox: Inbox) -> Iterator[LocalAws]:
    """A local AWS of this worker's own; the process's environment points at it."""
    from mall_platform.local_aws import process
    from mall_platform.local_aws.lifecycle import ACCOUNT_ID
    from resources.aws import forget_clients

    home = tmp_path_factory.mktemp("mall")
    aws = process.start(home / "local_aws")
    variables = aws.environment()
    os.environ.update(variables)
    os.environ.update(
        MALL_ENV="local",
        MALL_HOME=str(home),
        MALL_DB_CA_FILE=variables["RDS_CA_FILE"],
        MALL_LOG_BUCKET=f"mall-local-log-{ACCOUNT_ID}",
        MALL_SLACK_TOKEN="xoxb-test",
    )
    load_settings.cache_clear()
    forget_clients()
    yield aws
    process.stop(home / "local_aws")


@pytest.fixture(scope="session")
def settings(local_aws: LocalAws) -> Settings:
    return load_settings()


@pytest.fixture(scope="session")
def aws(local_aws: LocalAws) -> Aws:
    from resources.aws import Aws

    return Aws(env="local")


@pytest.fixture(scope="session")
def platform(aws: Aws, settings: Settings) -> dict[str, Any]:
    """The infrastructure applied once on this worker's AWS; the resources of the platform."""
    from infra_assets.registry import apply_all
    from mall_platform.environment import build_resources

    apply_all(aws, settings)
    return build_resources(settings)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance of the test's own; Dagster would write an id into the home folder."""
    quiet = {"telemetry": {"enabled": False}}
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides=quiet) as made:
        yield made


@pytest.fixture
def shop(platform: dict[str, Any]) -> Iterator[pymysql.Connection]:
    """A connection to the worker's shop database with the contract's schema, empty."""
    with platform["shop_db"].connect() as connection:
        empty_shop(connection)
        yield connection


def empty_shop(connection: pymysql.Connection) -> None:
    """Leaves the contract's schema without a row."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'mall'"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f"DROP TABLE `{table}`")
        for statement in SCHEMA.read_text("utf-8").split(";"):
            if statement.strip():
                cursor.execute(statement)
    connection.commit()


@pytest.fixture
def empty_lake(platform: dict[str, Any]) -> dict[str, Any]:
    """The platform with no lake table, and nothing in the lake, raw and drop buckets."""
    empty_lake_of(platform)
    return platform


def empty_lake_of(platform: dict[str, Any]) -> None:
    """Removes all tables but the crawler's, and all objects of the lake, raw and drop buckets."""
    aws = platform["aws"]
    glue = aws.client("glue")
    for page in glue.get_paginator("get_tables").paginate(DatabaseName=aws.names.database):
        for table in page["TableList"]:
            if table["Name"] == "clicks_raw":
                continue
            glue.delete_table(DatabaseName=aws.names.database, Name=table["Name"])
    s3 = aws.client("s3")
    for purpose in ("lake", "raw", "drop"):
        bucket = aws.bucket(purpose)
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            found = page.get("Versions", []) + page.get("DeleteMarkers", [])
            for each in found:
                s3.delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])
