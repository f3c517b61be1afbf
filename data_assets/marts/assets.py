"""The marts as assets: computed whole by Athena, audited, then switched (A0–A6)."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import dagster as dg

from data_assets.checks import ROW_COUNT, check_specs, no_raw_personal_data, schema_matches
from data_assets.conventions import data_asset, infra_key
from data_assets.marts.marts import MARTS, Mart, asset_of
from data_assets.publishing import Event, Staged, publish_partitions
from resources.athena import Athena, MissingTableError, QueryStats
from resources.aws import MissingInfrastructureError
from resources.lake import Audit, AuditResult, Lake, Version, Written
from resources.objects import split_location

if TYPE_CHECKING:
    import pandas as pd

_ATTEMPTS = 3
_FRESH = dg.FreshnessPolicy.cron(
    deadline_cron="0 6 * * *", lower_bound_delta=timedelta(hours=4), timezone="Asia/Tokyo"
)
"""One for all: Dagster looks a thousand days ahead to make one."""


def stage(mart: Mart, athena: Athena, lake: Lake) -> tuple[Staged, QueryStats]:
    """A version of a mart, ready to be audited, and what its query took.

    Figures that don't add up to the source's are computed again, twice at most: the source may
    have been published anew in the middle. Raises MissingInfrastructureError, naming the asset,
    for a source that nothing has published yet.
    """
    try:
        for _ in range(_ATTEMPTS):
            control = _control(mart, athena)
            version = lake.stage(mart.table)
            rows, stats, written = (_finished if mart.finish else _unloaded)(
                mart, athena, lake, version
            )
            adds_up = _adds_up(mart, rows, control)
            if adds_up.passed:
                break
    except MissingTableError as error:
        assets = {source.name: asset_of(source).to_user_string() for source in mart.sources}
        asset = assets.get(error.table, f"that makes {error.table}")
        raise MissingInfrastructureError(f"The table {error.table}", asset) from error
    audits: list[Audit] = [
        schema_matches(lake),
        lambda _version: adds_up,
        no_raw_personal_data(lake),
    ]
    return Staged(version, written, audits), stats


def _finished(
    mart: Mart, athena: Athena, lake: Lake, version: Version
) -> "tuple[pd.DataFrame, QueryStats, Written]":
    """The rows of the SQL, which are finished here and written."""
    import pyarrow as pa

    assert mart.finish is not None  # noqa: S101  (narrowing)
    result = athena.query(mart.sql)
    schema = mart.table.arrow_schema()
    finished = mart.finish(result.frame)[schema.names]
    table = pa.Table.from_pandas(finished, schema, preserve_index=False)
    return result.frame, result.stats, lake.write(version, table.to_batches())


def _unloaded(
    mart: Mart, athena: Athena, lake: Lake, version: Version
) -> "tuple[pd.DataFrame, QueryStats, Written]":
    """The rows of the SQL, which Athena has written."""
    import pyarrow as pa

    stats = athena.unload(mart.sql, version.location)
    schema = mart.table.arrow_schema()
    batches = [batch.cast(schema) for batch in lake.batches(version)]
    rows = pa.Table.from_batches(batches, schema).to_pandas()
    files = lake.files(version)
    sizes = [_size_bytes(lake, file) for file in files]
    return rows, stats, Written(len(rows), len(files), sum(sizes))


def _size_bytes(lake: Lake, location: str) -> int:
    bucket, key = split_location(location)
    return int(lake.aws.client("s3").head_object(Bucket=bucket, Key=key)["ContentLength"])


def _control(mart: Mart, athena: Athena) -> int | None:
    """What the controlled column must add up to; None where none is controlled."""
    if mart.control is None:
        return None
    total = athena.query(mart.control[1]).frame.iloc[:, 0].fillna(0).astype("int64")
    return int(total.iloc[0])


def _adds_up(mart: Mart, rows: "pd.DataFrame", control: int | None) -> AuditResult:
    if mart.control is None:
        return AuditResult(ROW_COUNT, True, {"rows": len(rows)})
    column = mart.control[0]
    total = int(rows[column].sum())
    counts = {"figure": column, "source_total": control, "mart_total": total}
    return AuditResult(ROW_COUNT, total == control, counts)


def _asset(mart: Mart) -> dg.AssetsDefinition:
    over = data_asset("marts", mart.table.name, description=mart.table.description)

    def mart_asset(
        context: dg.AssetExecutionContext, athena: Athena, lake: Lake
    ) -> Iterator[Event]:
        def stage_one(_partition: str | None) -> Staged:
            staged, stats = stage(mart, athena, lake)
            context.add_asset_metadata(stats.metadata())
            return staged

        yield from publish_partitions(context, lake, [None], stage_one)

    asset: dg.AssetsDefinition = dg.asset(
        **over,
        deps=[*map(asset_of, mart.sources), infra_key("analytics", "athena_workgroup")],
        check_specs=check_specs(over["key"]),
        freshness_policy=_FRESH,
    )(mart_asset)
    return asset


MART_ASSETS = [_asset(mart) for mart in MARTS]
