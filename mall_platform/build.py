"""The one place where the platform is put together: for Dagster, the command line and tests."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from data_assets.clickstream import assets as clickstream
from data_assets.dashboards import assets as dashboards
from data_assets.extracts import assets as extracts
from data_assets.marts import assets as marts
from data_assets.ops import assets as ops
from data_assets.surveys import assets as surveys
from infra_assets.registry import infra_definitions
from mall_platform.environment import build_resources
from mall_platform.jobs import build_jobs
from mall_platform.schedules import SCHEDULES
from resources.settings import Settings, load_settings
from sensors.alerts import ALERT_SENSORS, step_thresholds
from sensors.heartbeat import heartbeat_sensor
from sensors.survey_drop import survey_drop_sensor

DATA_MODULES = [extracts, surveys, clickstream, marts, dashboards, ops]


def build_defs(
    settings: Settings | None = None, resource_overrides: Mapping[str, Any] | None = None
) -> dg.Definitions:
    """Everything Dagster runs: assets, checks, jobs, schedules, sensors and their resources."""
    settings = settings or load_settings()
    infra = infra_definitions()
    assets = _assets_of(dg.Definitions(assets=dg.load_assets_from_modules(DATA_MODULES)))
    data = dg.Definitions(
        assets=assets,
        asset_checks=dg.load_asset_checks_from_modules(DATA_MODULES),
        jobs=build_jobs(step_thresholds(assets), _assets_of(infra)),
        schedules=SCHEDULES,
        sensors=[survey_drop_sensor, heartbeat_sensor, *ALERT_SENSORS],
        resources={**build_resources(settings), **(resource_overrides or {})},
        executor=dg.in_process_executor if settings.env == "local" else dg.multiprocess_executor,
    )
    return dg.Definitions.merge(infra, data)


def _assets_of(defs: dg.Definitions) -> list[dg.AssetsDefinition]:
    return [asset for asset in defs.assets or () if isinstance(asset, dg.AssetsDefinition)]
