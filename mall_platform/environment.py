"""The resources of one environment: the settings turned into what assets ask for."""

from typing import Any

import dagster as dg

from resources.athena import Athena
from resources.aws import Aws
from resources.catalog import Catalog
from resources.lake import Lake
from resources.names import Names
from resources.secrets import PseudonymKey, Secrets
from resources.settings import Settings
from resources.shop_db import ShopDatabase
from resources.slack import Slack


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
