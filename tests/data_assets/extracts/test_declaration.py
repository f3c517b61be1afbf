"""Declarations decide what is read, and fail closed (E1, Q1)."""

from __future__ import annotations

from datetime import date

import pytest

from data_assets.extracts.customers import Births
from data_assets.extracts.declaration import Drop, Extract, Length, UndeclaredSourceError
from data_assets.extracts.sources import (
    CUSTOMERS,
    EXTRACTS,
    PERSONAL_COLUMNS,
    PURCHASES,
    REVIEWS,
)


def declared(extract: Extract) -> dict[str, str]:
    return {column.name: column.type for column in extract.columns}


@pytest.mark.parametrize("extract", EXTRACTS, ids=lambda extract: extract.table.name)
def test_a_source_as_declared_is_accepted_in_any_order(extract: Extract) -> None:
    extract.require_declared(dict(reversed(declared(extract).items())))


@pytest.mark.parametrize("extract", EXTRACTS, ids=lambda extract: extract.table.name)
def test_every_column_of_the_lakes_table_comes_from_a_declared_one(extract: Extract) -> None:
    made = {c.use.to or c.name for c in extract.columns if not isinstance(c.use, Drop)}
    made |= {"age_band"} if extract.buyer_column else set()
    assert made == {column.name for column in extract.table.columns}


def test_new_missing_and_changed_columns_are_all_named() -> None:
    found = declared(PURCHASES) | {"gift_message": "text", "amount_yen": "decimal"}
    del found["return_of"]
    with pytest.raises(UndeclaredSourceError) as error:
        PURCHASES.require_declared(found)
    text = str(error.value)
    assert "purchases.gift_message (text) is new" in text
    assert "purchases.return_of is gone" in text
    assert "purchases.amount_yen was bigint and is now decimal" in text
    assert "data_assets/extracts/sources.py" in text
    assert len(error.value.problems) == 3


def test_dropped_columns_are_not_even_read() -> None:
    """(E1)"""
    for extract in EXTRACTS:
        sql = extract.statement([(date(2024, 6, 1), date(2024, 6, 1))])
        for column in extract.columns:
            if isinstance(column.use, Drop):
                assert f"`{column.name}`" not in sql
            elif isinstance(column.use, Length):
                assert f"CHAR_LENGTH(`{column.name}`)" in sql


def test_raw_personal_columns_never_reach_the_lake_under_their_own_name() -> None:
    """(E1)"""
    lake = {column.name for column in CUSTOMERS.table.columns}
    assert not lake & {*PERSONAL_COLUMNS, "birth_date", "password_hash", "customer_id"}
    uses = {column.name: column.use for column in REVIEWS.columns}
    assert isinstance(uses["title"], Drop) and isinstance(uses["body"], Length)


def test_days_become_ranges_of_utc_times() -> None:
    sql = PURCHASES.statement(
        [(date(2024, 6, 1), date(2024, 6, 2)), (date(2024, 6, 9), date(2024, 6, 9))]
    )
    assert sql.endswith(
        " FROM `purchases` WHERE"
        " (`purchased_at` >= '2024-05-31 15:00:00' AND `purchased_at` < '2024-06-02 15:00:00')"
        " OR (`purchased_at` >= '2024-06-08 15:00:00' AND `purchased_at` < '2024-06-09 15:00:00')"
    )


@pytest.mark.parametrize("ids", [[1, 2, 3, 5], [1, 10**6, 10**12, 10**18]])
def test_births_are_found_by_id_whether_ids_are_dense_or_sparse(ids: list[int]) -> None:
    import numpy as np
    import polars as pl

    days = np.array([0, 1, -(2**31), 3], np.int32)
    births = Births(np.array(ids), days)
    wanted = pl.Series([ids[3], 4, ids[0], ids[2], -1, 2**62])
    assert births.of(wanted).to_list() == [
        date(1970, 1, 4),
        None,
        date(1970, 1, 1),
        None,
        None,
        None,
    ]


def test_without_customers_every_birth_is_unknown() -> None:
    import numpy as np
    import polars as pl

    births = Births(np.empty(0, np.int64), np.empty(0, np.int32))
    assert births.of(pl.Series([1, 2])).to_list() == [None, None]
