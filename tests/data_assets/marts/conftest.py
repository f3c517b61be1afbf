"""The small mall taken all the way to the marts, once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from tests.conftest import empty_lake_of, empty_shop
from tests.data_assets.marts import raw_mall
from tests.data_assets.marts.raw_mall import RawMall


@dataclass(frozen=True)
class Taken:
    """The mall, and each mart as readers of the lake see it."""

    mall: RawMall
    marts: dict[str, pd.DataFrame]
    result: dg.ExecuteInProcessResult


@pytest.fixture(scope="module")
def taken(platform: dict[str, Any]) -> Iterator[Taken]:
    from data_assets.clickstream import assets as clickstream
    from data_assets.extracts import assets as extracts
    from data_assets.marts import assets as marts
    from data_assets.surveys import assets as surveys
    from data_assets.tables import MARTS

    mall = raw_mall.make()
    empty_lake_of(platform)
    with platform["shop_db"].connect() as connection:
        empty_shop(connection)
        for table, rows in mall.tables.items():
            _insert(connection, table, rows)
    aws = platform["aws"]
    s3 = aws.client("s3")
    for key, body in mall.surveys.items():
        s3.put_object(Bucket=aws.bucket("drop"), Key=key, Body=body)
    for key, lines in mall.clicks.items():
        s3.put_object(Bucket=aws.bucket("raw"), Key=key, Body=b"\n".join(lines) + b"\n")
    modules = [extracts, surveys, clickstream, marts]
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            dg.load_assets_from_modules(modules),
            resources=platform,
            instance=instance,
            tags={
                "dagster/asset_partition_range_start": mall.days[0],
                "dagster/asset_partition_range_end": mall.days[-1],
            },
        )
    lake = platform["lake"]
    yield Taken(mall, {t.name: lake.read(t).to_pandas() for t in MARTS}, result)


def _insert(connection: Any, table: str, rows: pd.DataFrame) -> None:
    names = ", ".join(rows.columns)
    holders = ", ".join(["%s"] * len(rows.columns))
    objects = rows.astype(object).where(rows.notna(), None)
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table} ({names}) VALUES ({holders})",
            [tuple(_plain(cell) for cell in row) for row in objects.itertuples(index=False)],
        )
    connection.commit()


def _plain(cell: Any) -> Any:
    return cell.item() if hasattr(cell, "item") else cell
