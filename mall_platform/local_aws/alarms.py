"""When a CloudWatch alarm is in which state: a pure decision over datapoints.

After AWS's table "How CloudWatch alarms evaluate missing data". One thing differs: a period
counts as soon as it has data, so that an alarm answers within seconds.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
Missing = Literal["missing", "ignore", "breaching", "notBreaching"]

# Beyond the periods asked for, AWS looks at a few more for datapoints in place of missing ones.
_EXTRA_PERIODS = 2

COMPARISONS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}


@dataclass(frozen=True)
class Sample:
    """What was put at one time (UTC): one value, or a set given by its statistics."""

    at: datetime
    count: float
    total: float
    smallest: float
    largest: float


@dataclass(frozen=True)
class Datapoint:
    """A statistic over one period that starts at `at` (UTC)."""

    at: datetime
    value: float


@dataclass(frozen=True)
class Rule:
    """What an alarm watches for; `needed` of the newest `periods` datapoints must breach."""

    comparison: str
    threshold: float
    statistic: str
    period_s: int
    periods: int
    needed: int
    missing: Missing = "missing"

    def breaches(self, value: float) -> bool:
        return COMPARISONS[self.comparison][0](value, self.threshold)


@dataclass(frozen=True)
class Verdict:
    state: State
    reason: str


def evaluate(rule: Rule, samples: Iterable[Sample], now: datetime, current: State) -> Verdict:
    """The state that a rule puts an alarm in; `current` is the one it is in."""
    datapoints = recent_datapoints(rule, samples, now)
    state = _decide(rule, datapoints, current)
    return Verdict(state, _reason(rule, datapoints, state))


def recent_datapoints(rule: Rule, samples: Iterable[Sample], now: datetime) -> list[Datapoint]:
    """The newest datapoints within the evaluation range, newest first, at most `rule.periods`."""
    period = timedelta(seconds=rule.period_s)
    newest = _period_start(now, rule.period_s)
    oldest = newest - period * (rule.periods + _EXTRA_PERIODS)
    by_period: dict[datetime, list[Sample]] = {}
    for sample in samples:
        if oldest <= sample.at <= now:
            by_period.setdefault(_period_start(sample.at, rule.period_s), []).append(sample)
    return [
        Datapoint(start, _statistic(rule.statistic, by_period[start]))
        for start in sorted(by_period, reverse=True)
    ][: rule.periods]


def _decide(rule: Rule, datapoints: Sequence[Datapoint], current: State) -> State:
    breaching = sum(rule.breaches(point.value) for point in datapoints)
    missing = rule.periods - len(datapoints)
    if breaching >= rule.needed:
        return "ALARM"
    if rule.missing == "breaching":
        return "ALARM" if breaching + missing >= rule.needed else "OK"
    if rule.missing == "notBreaching" or breaching < len(datapoints):
        return "OK"
    # Nothing but breaching datapoints, and not enough of them; or none at all.
    if rule.missing == "ignore":
        return current
    return "ALARM" if breaching else "INSUFFICIENT_DATA"


def _reason(rule: Rule, datapoints: Sequence[Datapoint], state: State) -> str:
    if not datapoints:
        treated = {"breaching": "Breaching", "notBreaching": "NonBreaching"}.get(rule.missing)
        if state == "INSUFFICIENT_DATA" or treated is None:
            return f"Insufficient Data: {rule.periods} datapoints were unknown."
        return (
            f"Threshold Crossed: no datapoints were received for {rule.periods} periods and "
            f"{rule.periods} missing datapoints were treated as [{treated}]."
        )
    _, words = COMPARISONS[rule.comparison]
    crossing = [point for point in datapoints if rule.breaches(point.value) == (state == "ALARM")]
    shown = ", ".join(f"{point.value} ({point.at:%d/%m/%y %H:%M:%S})" for point in crossing)
    number = len(crossing)
    were = "was" if number == 1 else "were"
    negation = "" if state == "ALARM" else "not "
    return (
        f"Threshold Crossed: {number} out of the last {rule.periods} datapoints [{shown}] "
        f"{were} {negation}{words} the threshold ({rule.threshold}) "
        f"(minimum {rule.needed} datapoint{'s' if rule.needed > 1 else ''} for "
        f"{'OK -> ALARM' if state == 'ALARM' else 'ALARM -> OK'} transition)."
    )


def _statistic(name: str, samples: Sequence[Sample]) -> float:
    count = sum(sample.count for sample in samples)
    total = sum(sample.total for sample in samples)
    match name:
        case "Sum":
            return total
        case "SampleCount":
            return count
        case "Average":
            return total / count
        case "Minimum":
            return min(sample.smallest for sample in samples)
        case "Maximum":
            return max(sample.largest for sample in samples)
    return _percentile(float(name.removeprefix("p")), samples)


def _percentile(rank: float, samples: Sequence[Sample]) -> float:
    """The value at a rank, between neighbours by line; statistic sets count as their average."""
    values = sorted(sample.total / sample.count for sample in samples)
    position = rank / 100 * (len(values) - 1)
    below = int(position)
    above = min(below + 1, len(values) - 1)
    return values[below] + (values[above] - values[below]) * (position - below)


def _period_start(moment: datetime, period_s: int) -> datetime:
    seconds = int(moment.timestamp())
    return datetime.fromtimestamp(seconds - seconds % period_s, UTC)
