"""Dagster's own settings, for a laptop and for AWS, and the code location they load (U2, U3)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._config import process_config, resolve_to_config_type
from dagster._core.instance.config import ConcurrencyConfig, PoolGranularity
from dagster._core.instance.ref import InstanceRef
from dagster._core.run_coordinator.queued_run_coordinator import QueuedRunCoordinator
from dagster._core.test_utils import MockedRunLauncher
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load import load_workspace_process_context_from_yaml_paths
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import (
    QueuedRunCoordinatorDaemon,
)
from dagster_aws.s3 import S3ComputeLogManager
from dagster_postgres.storage import DagsterPostgresStorage
from dagster_postgres.utils import pg_url_from_config
from sqlalchemy.engine import make_url

from mall_platform.ecs_launcher import RoleByRunLauncher

ROOT = Path(__file__).parents[2]
LOCAL, AWS = ROOT / "deploy/dagster/local.yaml", ROOT / "deploy/dagster/aws.yaml"
WORKSPACE = ROOT / "workspace.yaml"


VARIABLES = {
    "MALL_APPLY_ROLE_ARN": "arn:aws:iam::123456789012:role/mall-test-apply",
    "MALL_DATA_ROLE_ARN": "arn:aws:iam::123456789012:role/mall-test-data",
    "MALL_LOG_BUCKET": "mall-test-log-123456789012",
    "AWS_DEFAULT_REGION": "ap-northeast-1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "DAGSTER_POSTGRES_HOST": "postgres.invalid",
    "DAGSTER_POSTGRES_USER": "dagster",
    "DAGSTER_POSTGRES_PASSWORD": "p@ss/word",
}
"""What the files take from the environment; nothing answers at these addresses."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """DAGSTER_HOME, with all variables set."""
    folder = tmp_path_factory.mktemp("dagster")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**VARIABLES, "DAGSTER_HOME": str(folder)}.items():
            patch.setenv(name, value)
        patch.chdir(ROOT)
        yield folder


def install(file: Path, home: Path, **over: Any) -> str:
    """Makes the file DAGSTER_HOME's `dagster.yaml`, but for what a test replaces."""
    settings = {**yaml.safe_load(file.read_text()), **over}
    (home / "dagster.yaml").write_text(yaml.safe_dump(settings))
    return str(home)


@pytest.fixture(scope="module")
def workspace(home: Path) -> Iterator[WorkspaceProcessContext]:
    """The laptop's instance and the code location as Dagster's daemon has them; runs are launched
    on paper only."""
    launcher = {"module": "dagster._core.test_utils", "class": "MockedRunLauncher"}
    folder = install(LOCAL, home, run_launcher=launcher)
    with (
        dg.DagsterInstance.from_config(folder) as instance,
        load_workspace_process_context_from_yaml_paths(instance, [str(WORKSPACE)]) as context,
    ):
        yield context


@pytest.fixture(scope="module")
def laptop(workspace: WorkspaceProcessContext) -> dg.DagsterInstance:
    return workspace.instance


def test_on_a_laptop_the_instance_keeps_logs_in_s3(laptop: dg.DagsterInstance) -> None:
    assert isinstance(laptop.compute_log_manager, S3ComputeLogManager)
    assert laptop.compute_log_manager._s3_bucket == VARIABLES["MALL_LOG_BUCKET"]


def test_on_a_laptop_runs_are_watched_and_tried_again(laptop: dg.DagsterInstance) -> None:
    assert laptop.run_monitoring_enabled
    assert laptop.run_retries_enabled
    assert laptop.run_retries_max_retries == 2


def test_on_a_laptop_nothing_is_kept_outside_of_dagsters_folder(
    laptop: dg.DagsterInstance, home: Path
) -> None:
    assert laptop.root_directory == str(home)
    assert laptop.compute_log_manager.local_manager._base_dir == str(home)


def test_no_instance_talks_to_dagsters_makers(laptop: dg.DagsterInstance) -> None:
    assert not laptop.telemetry_enabled
    assert yaml.safe_load(AWS.read_text())["telemetry"] == {"enabled": False}


@pytest.mark.usefixtures("home")
def test_on_aws_every_part_of_the_instance_is_configured_as_its_class_wants(
    tmp_path: Path,
) -> None:
    """Postgres and ECS are not called: neither is there."""
    instance = InstanceRef.from_dir(install(AWS, tmp_path))
    parts = {
        "run_launcher": instance.run_launcher_data,
        "run_coordinator": instance.run_coordinator_data,
        "compute_logs": instance.compute_logs_data,
    }
    made = {name: data.rehydrate() for name, data in parts.items() if data is not None}
    assert {name: type(part) for name, part in made.items()} == {
        "run_launcher": RoleByRunLauncher,
        "run_coordinator": QueuedRunCoordinator,
        "compute_logs": S3ComputeLogManager,
    }
    for storage in (instance.run_storage_data, instance.event_storage_data):
        assert storage is not None
        assert storage.module_name.startswith("dagster_postgres")
    assert instance.settings["run_monitoring"]["enabled"]
    assert instance.settings["run_retries"]["enabled"]


@pytest.mark.usefixtures("home")
def test_on_aws_the_password_reaches_postgres_whatever_signs_it_has() -> None:
    """And the server's certificate is verified."""
    config = yaml.safe_load(AWS.read_text())["storage"]["postgres"]
    checked = process_config(resolve_to_config_type(DagsterPostgresStorage.config_type()), config)
    assert checked.success, checked.errors
    url = make_url(pg_url_from_config(checked.value))
    assert (url.host, url.username, url.password) == ("postgres.invalid", "dagster", "p@ss/word")
    assert url.query["sslmode"] == "verify-full"


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(("file", "runs"), [(LOCAL, 2), (AWS, 10)], ids=["local", "aws"])
def test_a_pool_admits_one_run_and_the_queue_is_bounded(
    file: Path, runs: int, tmp_path: Path
) -> None:
    """Pools and the queue's own limits exclude each other in the coordinator's configuration."""
    instance = InstanceRef.from_dir(install(file, tmp_path))
    assert instance.run_coordinator_data is not None
    coordinator = instance.run_coordinator_data.rehydrate(as_type=QueuedRunCoordinator)
    concurrency = ConcurrencyConfig.from_concurrency_settings(
        instance.settings["concurrency"], coordinator.get_run_queue_config()
    )
    assert concurrency.run_queue_config is not None
    assert concurrency.run_queue_config.max_concurrent_runs == runs
    assert concurrency.run_queue_config.should_block_op_concurrency_limited_runs
    assert concurrency.pool_config.default_pool_limit == 1
    assert concurrency.pool_config.pool_granularity is PoolGranularity.RUN


def test_the_workspace_loads_the_code_location(workspace: WorkspaceProcessContext) -> None:
    request = workspace.create_request_context()
    assert request.code_location_names == ["mall_platform"]
    assert request.code_location_errors() == []
    [repository] = request.get_code_location("mall_platform").get_repositories().values()
    assert repository.has_job("nightly_job")
    assert {sensor.name for sensor in repository.get_sensors()} >= {"survey_drop_sensor"}


def test_of_two_runs_of_the_surveys_one_waits(workspace: WorkspaceProcessContext) -> None:
    """(E2) Of two files for a quarter the newer must come last; other jobs need not wait."""
    instance = workspace.instance
    request = workspace.create_request_context()
    location = request.get_code_location("mall_platform")
    [repository] = location.get_repositories().values()

    def queue(name: str) -> str:
        job = repository.get_full_job(name)
        plan = location.get_execution_plan(job, {}, None, None, instance)
        run = instance.create_run(
            job_name=name,
            run_id=None,
            run_config={},
            status=dg.DagsterRunStatus.NOT_STARTED,
            tags={},
            root_run_id=None,
            parent_run_id=None,
            step_keys_to_execute=None,
            execution_plan_snapshot=plan.execution_plan_snapshot,
            job_snapshot=job.job_snapshot,
            parent_job_snapshot=None,
            asset_selection=None,
            asset_check_selection=None,
            resolved_op_selection=None,
            op_selection=None,
            remote_job_origin=job.get_remote_origin(),
            job_code_origin=job.get_python_origin(),
            asset_graph=request.asset_graph,
        )
        return instance.submit_run(run.run_id, request).run_id

    def dequeue() -> None:
        list(QueuedRunCoordinatorDaemon(interval_seconds=1).run_iteration(workspace))

    first = queue("survey_job")
    dequeue()  # from now on Dagster knows the pool: it doesn't in its very first look
    second, other = queue("survey_job"), queue("cleanup_job")
    dequeue()
    launcher = instance.run_launcher
    assert isinstance(launcher, MockedRunLauncher)
    assert [run.run_id for run in launcher.queue()] == [first, other]
    waiting = instance.get_run_by_id(second)
    assert waiting is not None
    assert waiting.status is dg.DagsterRunStatus.QUEUED
