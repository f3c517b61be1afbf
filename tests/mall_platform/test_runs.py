"""What a selection and a range of days on the command line mean."""

import io

import dagster as dg
import pytest
from rich.console import Console

from mall_platform.runs import (
    SelectionError,
    partitions_to_run,
    print_outcome,
    run,
    run_days,
    select,
)

days = dg.DailyPartitionsDefinition("2024-06-01", timezone="Asia/Tokyo", end_date="2024-06-11")


@dg.asset(
    key=["mall", "extracts", "a"],
    partitions_def=days,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def daily(context: dg.AssetExecutionContext) -> None:
    if "2024-06-05" in context.partition_keys:
        raise dg.Failure("a bad day", allow_retries=False)


@dg.asset(key=["mall", "marts", "b"], deps=[daily])
def mart() -> None: ...


@pytest.fixture
def defs() -> dg.Definitions:
    return dg.Definitions([daily, mart])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["mall"], {"mall/extracts/a", "mall/marts/b"}),
        (["mall/marts"], {"mall/marts/b"}),
        (["mall/extracts/a"], {"mall/extracts/a"}),
        (["+mall/marts/b"], {"mall/extracts/a", "mall/marts/b"}),
        (['key:"mall/*/a"'], {"mall/extracts/a"}),
    ],
)
def test_a_selection_is_a_key_a_prefix_or_dagsters_syntax(defs, words, expected) -> None:
    assert {key.to_user_string() for key in select(defs, words)} == expected


@pytest.mark.parametrize("word", ["mall/nothing", "mall/mart", "((", "infra"])
def test_a_word_that_names_nothing_is_an_error_that_quotes_it(defs, word) -> None:
    with pytest.raises(SelectionError, match=r"names no asset"):
        select(defs, [word])


def test_missing_and_failed_days_are_those_of_the_instance(defs, instance) -> None:
    keys = select(defs, ["mall"])
    run_days(defs, instance, keys, ("2024-06-02", "2024-06-03"), "all")
    [outcome] = run_days(defs, instance, keys, ("2024-06-05", "2024-06-05"), "all")
    assert not outcome.success

    def ranges(which):
        return partitions_to_run(defs, instance, keys, "2024-06-01", "2024-06-06", which)

    assert ranges("all") == [("2024-06-01", "2024-06-06")]
    assert ranges("missing") == [
        ("2024-06-01", "2024-06-01"),
        ("2024-06-04", "2024-06-04"),
        ("2024-06-06", "2024-06-06"),
    ]
    assert ranges("failed") == [("2024-06-05", "2024-06-05")]


@pytest.mark.parametrize("selection", ["mall", "mall/marts"])
@pytest.mark.parametrize(
    ("first", "last", "says"),
    [
        ("2023-01-01", "2024-06-02", "2023-01-01 is not a day from 2024-06-01"),
        ("2024-06-01", "2030-06-02", "2030-06-02 is not a day"),
        ("2024-06-01", "tomorrow", "tomorrow is not a day"),
        ("2024-06-04", "2024-06-02", "2024-06-04, is after"),
    ],
)
def test_wrong_days_are_an_error_whatever_is_selected(
    defs, instance, selection, first, last, says
) -> None:
    with pytest.raises(SelectionError, match=says):
        run_days(defs, instance, select(defs, [selection]), (first, last), "all")


def test_a_failed_run_says_which_step_and_why(defs, instance) -> None:
    [outcome] = run_days(defs, instance, select(defs, ["mall"]), ("2024-06-05",) * 2, "all")
    out = Console(file=io.StringIO(), width=80)
    print_outcome(out, outcome)
    assert "Failed: mall/extracts/a: a bad day" in out.file.getvalue()
    assert outcome.run_id in out.file.getvalue()


def test_a_range_is_one_run_and_what_follows_runs_after_it(defs, instance) -> None:
    [outcome] = run_days(
        defs, instance, select(defs, ["mall"]), ("2024-06-02", "2024-06-04"), "all"
    )
    assert outcome.success
    assert outcome.materialized[mart.key] == 1
    assert outcome.materialized[daily.key] == 3


def test_progress_counts_steps_however_many_assets_each_makes(instance, capfd) -> None:
    @dg.multi_asset(specs=[dg.AssetSpec(["mall", "surveys", name]) for name in ("a", "b")])
    def surveys():
        for name in ("a", "b"):
            yield dg.MaterializeResult(["mall", "surveys", name])

    defs = dg.Definitions([surveys])
    run(defs, instance, select(defs, ["mall"]), title="Materializing")
    assert "1/1" in capfd.readouterr().err
