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
from mall_platform.jobs import build_jobs
from mall_platform.schedules import SCHEDULES
from resources.athena import Athena
from resources.aws import Aws
from resources.catalog import Catalog
from resources.lake import Lake
from resources.names import Names
from resources.secrets import PseudonymKey, Secrets
from resources.settings import Settings, load_settings
from resources.shop_db import ShopDatabase
from resources.slack import Slack
from sensors.alerts import ALERT_SENSORS, step_thresholds
from sensors.survey_drop import survey_drop_sensor

DATA_MODULES = [extracts, surveys, clickstream, marts, dashboards, ops]


def build_resources(settings: Settings) -> dict[str, Any]:
    """The resources of one environment, by the keys that assets ask for."""
    names = Names(settings.env)
    aws = Aws(env=settings.env, region=settings.region)
    secrets = Secrets(aws=aws)
    catalog = Catalog(aws=aws)
    return {
        "aws": aws,
        "secrets": secrets,
        "pseudonym_key": PseudonymKey(
            secrets=secrets,
            secret_id=settings.pseudonym_key_secret_id or names.pseudonym_key_secret,
        ),
        "shop_db": ShopDatabase(
            aws=aws,
            secrets=secrets,
            instance=settings.db_instance or names.shop_database,
            host=settings.db_host,
            port=settings.db_port,
            database=settings.db_name,
            secret_id=settings.db_secret_id,
            ca_file=str(settings.db_ca_file) if settings.db_ca_file else None,
        ),
        "catalog": catalog,
        "lake": Lake(aws=aws, catalog=catalog),
        "athena": Athena(aws=aws),
        "slack": Slack(
            token=dg.EnvVar("MALL_SLACK_TOKEN") if settings.slack_token else "",
            token_secret_id=names.slack_token_secret,
            secrets=secrets,
            base_url=settings.slack_base_url,
            channel=settings.slack_channel,
            ui_base_url=settings.ui_base_url,
        ),
    }


def build_defs(
    settings: Settings | None = None, resource_overrides: Mapping[str, Any] | None = None
) -> dg.Definitions:
    """Everything Dagster runs: assets, checks, jobs, schedules, sensors and their resources."""
    settings = settings or load_settings()
    infra = infra_definitions()
    assets = [
        a for a in dg.load_assets_from_modules(DATA_MODULES) if isinstance(a, dg.AssetsDefinition)
    ]
    data = dg.Definitions(
        assets=assets,
        asset_checks=dg.load_asset_checks_from_modules(DATA_MODULES),
        jobs=build_jobs(step_thresholds(assets)),
        schedules=SCHEDULES,
        sensors=[survey_drop_sensor, *ALERT_SENSORS],
        resources={**build_resources(settings), **(resource_overrides or {})},
        executor=dg.in_process_executor if settings.env == "local" else dg.multiprocess_executor,
    )
    return dg.Definitions.merge(infra, data)
