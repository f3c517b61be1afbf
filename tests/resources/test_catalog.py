"""The catalog points at versions, follows declarations and says what is missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from resources.aws import Aws, MissingInfrastructureError
from resources.catalog import Catalog
from resources.tables import Column, Table

DAY = Column("dt", "string", "Day.")
TABLE = Table("things", "Things.", (Column("n", "bigint", "A number."),), (DAY,), ("n",))


@pytest.fixture
def catalog(empty_lake: dict[str, Any]) -> Catalog:
    return Catalog(aws=empty_lake["aws"])


def columns(catalog: Catalog, name: str = "things") -> list[tuple[str, str]]:
    glue = catalog.aws.client("glue")
    table = glue.get_table(DatabaseName=catalog.database, Name=name)["Table"]
    return [(c["Name"], c["Type"]) for c in table["StorageDescriptor"]["Columns"]]


def test_partitions_are_listed_in_order_with_location_and_parameters(catalog: Catalog) -> None:
    """(A0) Also beyond one page."""
    days = [f"2024-{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 29, 2)]
    for day in reversed(days):
        catalog.switch(TABLE, day, f"s3://lake/{day}/", {"rows": day[-2:]}, root="s3://lake/")
    found = catalog.partitions("things")
    assert list(found) == days
    assert found[days[3]].location == f"s3://lake/{days[3]}/"
    assert found[days[3]].parameters == {"rows": days[3][-2:]}


def test_nothing_published_is_none_and_empty(catalog: Catalog) -> None:
    assert catalog.location("things") is None
    assert catalog.location("things", "2024-06-01") is None
    assert catalog.partitions("things") == {}


def test_a_column_added_to_the_declaration_reaches_the_table(catalog: Catalog) -> None:
    catalog.switch(TABLE, "2024-06-01", "s3://lake/1/", {}, root="s3://lake/")
    wider = replace(TABLE, columns=(*TABLE.columns, Column("extra", "string", "New.")))
    later = Catalog(aws=catalog.aws)
    later.switch(wider, "2024-06-02", "s3://lake/2/", {}, root="s3://lake/")
    assert columns(catalog) == [("n", "bigint"), ("extra", "string")]
    assert list(catalog.partitions("things")) == ["2024-06-01", "2024-06-02"]


def test_a_table_deleted_by_hand_comes_back_with_the_next_partition(catalog: Catalog) -> None:
    catalog.switch(TABLE, "2024-06-01", "s3://lake/1/", {}, root="s3://lake/")
    catalog.aws.client("glue").delete_table(DatabaseName=catalog.database, Name="things")
    catalog.switch(TABLE, "2024-06-02", "s3://lake/2/", {}, root="s3://lake/")
    assert list(catalog.partitions("things")) == ["2024-06-02"]


def test_tables_are_registered_without_projection(catalog: Catalog) -> None:
    """Projection would make Athena ignore the registered locations (A0)."""
    catalog.switch(TABLE, "2024-06-01", "s3://lake/1/", {}, root="s3://lake/")
    parameters = catalog.tables()["things"].parameters
    assert parameters["classification"] == "parquet"
    assert not any(name.startswith("projection") for name in parameters)


def test_a_missing_database_names_the_asset_to_materialize(platform: dict[str, Any]) -> None:
    missing = Catalog(aws=Aws(env="dev"))
    calls = [
        lambda: missing.location("things"),
        lambda: missing.location("things", "2024-06-01"),
        lambda: missing.partitions("things"),
        lambda: missing.tables(),
        lambda: missing.switch(TABLE, "2024-06-01", "s3://lake/1/", {}),
    ]
    for call in calls:
        with pytest.raises(MissingInfrastructureError, match="infra/analytics/catalog"):
            call()
