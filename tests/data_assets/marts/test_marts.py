"""Every mart's figures equal an independent computation from the raw inputs (A1 to A6)."""

from __future__ import annotations

import pandas as pd
import pytest

from data_assets.partitions import today
from data_assets.tables import MARTS
from tests.data_assets.marts import oracle
from tests.data_assets.marts.conftest import Taken

TABLES = {table.name: table for table in MARTS}


def assert_equal(found: pd.DataFrame, expected: pd.DataFrame, key: list[str]) -> None:
    """Same rows by key: counts and text exactly, others to 1e-9."""
    found, expected = (
        f.assign(**{k: f[k].astype(str) for k in key}).sort_values(key, ignore_index=True)
        for f in (found, expected)
    )
    assert list(found[key].itertuples(index=False)) == list(expected[key].itertuples(index=False))
    for name in found.columns.difference(key):
        mine, theirs = found[name], expected[name]
        assert mine.isna().tolist() == theirs.isna().tolist(), name
        present = mine.notna()
        if mine.dtype.kind == "f" and TABLE_TYPES[name] == "double":
            assert mine[present].tolist() == pytest.approx(theirs[present].tolist(), rel=1e-9), name
        else:
            assert mine[present].tolist() == theirs[present].tolist(), name


TABLE_TYPES = {column.name: column.type for table in MARTS for column in table.columns}


@pytest.mark.parametrize("name", [n for n in TABLES if n != "attribute_category_association"])
def test_figures_equal_the_oracles(taken: Taken, name: str) -> None:
    expected = getattr(oracle, name)(taken.mall)
    found = taken.marts[name].assign(
        **{
            k: taken.marts[name][k].astype("Int64")
            for k in ("category_id",)
            if k in taken.marts[name]
        }
    )
    assert len(found) > 1
    assert_equal(found, expected, list(TABLES[name].key))


def test_association_equals_the_oracles(taken: Taken) -> None:
    """(A6)"""
    expected = oracle.attribute_category_association(taken.mall, today())
    assert_equal(taken.marts["attribute_category_association"], expected, ["attribute"])


def test_the_mall_has_what_is_hard(taken: Taken) -> None:
    """The comparison above is about suppression, unknown categories and missing buyers, too."""
    assert taken.marts["channel_by_age_band"]["suppressed"].mean() > 0.1
    assert not taken.marts["channel_by_age_band"]["suppressed"].all()
    a3 = taken.marts["sales_by_age_band_and_category"]
    assert 0 < a3["suppressed"].sum() < len(a3)
    assert taken.marts["sales_by_category"]["category_id"].isna().any()
    assert taken.marts["sales_by_category"]["buyers"].isna().any()


def test_every_check_passes(taken: Taken) -> None:
    evaluations = taken.result.get_asset_check_evaluations()
    assert {e.check_name for e in evaluations} >= {
        "schema_matches",
        "row_count_matches_source",
        "no_raw_personal_data",
    }
    assert [e.asset_key for e in evaluations if not e.passed] == []


def test_queries_report_what_they_scanned_and_cost(taken: Taken) -> None:
    """(A0)"""
    for event in taken.result.get_asset_materialization_events():
        key = event.asset_key
        if key is not None and key.path[:2] == ("mall", "marts"):
            metadata = event.materialization.metadata
            assert metadata["bytes_scanned"].value > 0
            assert metadata["cost_usd"].value > 0
