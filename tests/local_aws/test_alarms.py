"""When an alarm is in which state, by AWS's own tables (M1)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mall_platform.local_aws.alarms import Missing, Rule, Sample, State, evaluate

NOW = datetime(2026, 11, 23, 12, 0, 30, tzinfo=UTC)
RULE = Rule(
    comparison="GreaterThanOrEqualToThreshold",
    threshold=75,
    statistic="Average",
    period_s=60,
    periods=3,
    needed=3,
)


def sample(value: float, minutes_ago: float = 0) -> Sample:
    return Sample(NOW - timedelta(minutes=minutes_ago), 1, value, value, value)


def pattern(text: str) -> list[Sample]:
    """AWS's notation, oldest first: X breaches, 0 does not, - is missing."""
    values = {"X": 90.0, "0": 10.0}
    points = text.split()
    return [
        sample(values[point], len(points) - 1 - index)
        for index, point in enumerate(points)
        if point in values
    ]


# "How CloudWatch alarms evaluate missing data", both tables; the order of the states is
# missing, ignore, breaching, notBreaching; None retains the current state.
@pytest.mark.parametrize("current", ["OK", "ALARM", "INSUFFICIENT_DATA"])
@pytest.mark.parametrize(
    ("needed", "points", "states"),
    [
        (3, "0 - X - X", ("OK", "OK", "OK", "OK")),
        (3, "0 - - - -", ("OK", "OK", "OK", "OK")),
        (3, "- - - - -", ("INSUFFICIENT_DATA", None, "ALARM", "OK")),
        (3, "0 X X - X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        (3, "- - X - -", ("ALARM", None, "ALARM", "OK")),
        (2, "0 - X - X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        (2, "0 0 X 0 X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        (2, "0 - X - -", ("OK", "OK", "ALARM", "OK")),
        (2, "- - - - -", ("INSUFFICIENT_DATA", None, "ALARM", "OK")),
        (2, "- - X - -", ("ALARM", None, "ALARM", "OK")),
    ],
)
def test_missing_data_as_in_awss_tables(
    needed: int, points: str, states: tuple[State | None, ...], current: State
) -> None:
    treatments: tuple[Missing, ...] = ("missing", "ignore", "breaching", "notBreaching")
    for missing, state in zip(treatments, states, strict=True):
        rule = Rule(**{**vars(RULE), "needed": needed, "missing": missing})
        verdict = evaluate(rule, pattern(points), NOW, current)
        assert verdict.state == (state or current), missing


@pytest.mark.parametrize(
    ("statistic", "value"),
    [
        ("Average", 25.0),
        ("Sum", 100.0),
        ("SampleCount", 4.0),
        ("Minimum", 10.0),
        ("Maximum", 40.0),
        ("p50", 25.0),
        ("p90", 37.0),
    ],
)
def test_statistics_of_a_period(statistic: str, value: float) -> None:
    samples = [sample(each) for each in (10, 20, 30, 40)]
    for threshold, state in ((value, "ALARM"), (value + 0.001, "OK")):
        rule = Rule("GreaterThanOrEqualToThreshold", threshold, statistic, 60, 1, 1)
        assert evaluate(rule, samples, NOW, "OK").state == state


@pytest.mark.parametrize(
    ("comparison", "breaching"),
    [
        ("GreaterThanThreshold", [76]),
        ("GreaterThanOrEqualToThreshold", [75, 76]),
        ("LessThanThreshold", [74]),
        ("LessThanOrEqualToThreshold", [74, 75]),
    ],
)
def test_comparisons(comparison: str, breaching: list[int]) -> None:
    rule = Rule(comparison, 75, "Average", 60, 1, 1)
    found = [v for v in (74, 75, 76) if evaluate(rule, [sample(v)], NOW, "OK").state == "ALARM"]
    assert found == breaching


def test_old_and_future_data_do_not_count() -> None:
    rule = Rule("GreaterThanThreshold", 75, "Average", 60, 1, 1)
    samples = [sample(90, minutes_ago=10), sample(90, minutes_ago=-1)]
    assert evaluate(rule, samples, NOW, "OK").state == "INSUFFICIENT_DATA"


def test_the_reason_reads_as_on_aws() -> None:
    rule = Rule("GreaterThanOrEqualToThreshold", 75.0, "Average", 60, 1, 1)
    assert evaluate(rule, [sample(90.0)], NOW, "OK").reason == (
        "Threshold Crossed: 1 out of the last 1 datapoints [90.0 (23/11/26 12:00:00)] was "
        "greater than or equal to the threshold (75.0) "
        "(minimum 1 datapoint for OK -> ALARM transition)."
    )
    assert evaluate(rule, [sample(60.0)], NOW, "ALARM").reason == (
        "Threshold Crossed: 1 out of the last 1 datapoints [60.0 (23/11/26 12:00:00)] was not "
        "greater than or equal to the threshold (75.0) "
        "(minimum 1 datapoint for ALARM -> OK transition)."
    )
