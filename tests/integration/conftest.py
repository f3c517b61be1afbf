"""One run of the whole platform on a small mall, which the tests of this folder look at."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from mall_platform.runs import RunOutcome
from tests.authorization import ApiCall, recorded
from tests.conftest import empty_lake_of, empty_shop
from tests.integration import planted

CUSTOMERS, DAYS, CLICKS, RESPONDENTS, SEED = 4_000, 12, 15_000, 1_500, 11


@dataclass(frozen=True)
class WholeRun:
    """The run, and where to look for what it left."""

    resources: dict[str, Any]
    defs: dg.Definitions
    instance: dg.DagsterInstance
    dagster_home: Path
    outcome: RunOutcome
    first_day: str
    last_day: str
    calls: list[ApiCall]
    """What was asked of AWS during the run."""


@pytest.fixture(scope="session")
def whole_run(
    platform: dict[str, Any], local_aws: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WholeRun]:
    """Shop, clicks and surveys of the sample, with planted people, taken all the way once."""
    from data_assets.partitions import today
    from mall_platform import runs, sample_run
    from mall_platform.build import build_defs
    from resources.settings import PROJECT_ROOT, load_settings

    settings = load_settings()
    home = tmp_path_factory.mktemp("dagster")
    (home / "dagster.yaml").write_text((PROJECT_ROOT / "deploy/dagster/local.yaml").read_text())
    os.environ["DAGSTER_HOME"] = str(home)
    empty_lake_of(platform)
    with platform["shop_db"].connect() as connection:
        empty_shop(connection)
    _make_mall(platform, settings, sample_run)
    local_aws.flush()
    defs = build_defs(settings)
    first, last = (today() - timedelta(days=DAYS)).isoformat(), today().isoformat()
    with dg.DagsterInstance.get() as instance:
        everything = runs.select(defs, ["mall", "ops"])
        with recorded() as calls:
            [outcome] = runs.run_days(defs, instance, everything, (first, last), "all")
        yield WholeRun(platform, defs, instance, home, outcome, first, last, calls)


def _make_mall(platform: dict[str, Any], settings: Any, sample_run: Any) -> None:
    from data_assets.partitions import business_day

    yesterday = (business_day(datetime.now(UTC)) - timedelta(days=1)).isoformat()
    at = planted.at_noon(yesterday)
    with sample_run.progress_bars() as bars:
        sample_run.seed_shop(settings, bars, customers=CUSTOMERS, days=DAYS, seed=SEED)
        sample_run.send_clicks(
            settings, bars, customers=CUSTOMERS, days=DAYS, events=CLICKS, seed=SEED
        )
        sample_run.drop_surveys(settings, bars, quarters=4, respondents=RESPONDENTS, seed=SEED)
    with platform["shop_db"].connect() as connection, connection.cursor() as cursor:
        for table, columns in planted.shop_rows(at.replace(tzinfo=None)):
            names = ", ".join(columns)
            holders = ", ".join(["%s"] * len(columns))
            cursor.execute(f"INSERT INTO {table} ({names}) VALUES ({holders})", [*columns.values()])
        connection.commit()
    aws = platform["aws"]
    s3, firehose = aws.client("s3"), aws.client("firehose")
    firehose.put_record_batch(
        DeliveryStreamName=aws.names.click_stream,
        Records=[{"Data": line} for line in planted.click_lines(at)],
    )
    s3.put_object(Bucket=aws.bucket("drop"), Key=planted.SURVEY_NAME, Body=planted.survey_file())
