"""CloudWatch: alarms are evaluated when metrics are put and on a timer, and act.

An alarm's actions reach SNS topics and Lambda functions; others (scaling policies, EC2) are
recorded only. Alarms on metric math, and composite ones, keep the state they are set to.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from moto.awslambda.models import lambda_backends
from moto.cloudwatch.models import (
    Alarm,
    CloudWatchBackend,
    MetricDatum,
    MetricDatumBase,
    cloudwatch_backends,
)
from moto.kms.models import kms_backends
from moto.sns.models import Topic, sns_backends

from mall_platform.local_aws import lambdas, lifecycle
from mall_platform.local_aws.alarms import COMPARISONS, Rule, Sample, State, evaluate
from mall_platform.local_aws.hooks import replace

log = logging.getLogger("local_aws")

_TICK_S = 2.0
_REGION_NAMES = {"ap-northeast-1": "Asia Pacific (Tokyo)"}
_MAX_SUBJECT = 100

_evaluating = threading.Lock()

_Metric = tuple[str, str]


def install() -> None:
    @replace(CloudWatchBackend, "put_metric_data", "namespace", "metric_data")
    def put_metric_data(
        original: Any, self: CloudWatchBackend, namespace: str, metric_data: list[dict[str, Any]]
    ) -> None:
        original(self, namespace, metric_data)
        put = {(namespace, metric["MetricName"]) for metric in metric_data}
        watching = [alarm for alarm in list(self.alarms.values()) if _metric(alarm) in put]
        _evaluate(self, watching)

    @replace(CloudWatchBackend, "put_metric_alarm", "name", "namespace")
    def put_metric_alarm(original: Any, self: CloudWatchBackend, *args: Any, **kw: Any) -> Alarm:
        before = self.alarms.get(kw["name"])
        alarm = original(self, *args, **kw)
        alarm.state_value = before.state_value if before else "INSUFFICIENT_DATA"
        if before:
            alarm.state_reason = before.state_reason
            alarm.state_updated_timestamp = before.state_updated_timestamp
            alarm.history = before.history
        _evaluate(self, [alarm])
        return alarm

    @replace(CloudWatchBackend, "set_alarm_state", "alarm_name", "state_value")
    def set_alarm_state(
        original: Any, self: CloudWatchBackend, name: str, reason: str, data: str, state: str
    ) -> None:
        old = self.alarms[name].state_value if name in self.alarms else None
        original(self, name, reason, data, state)
        if old != state:
            _act(self, self.alarms[name], old or "INSUFFICIENT_DATA")

    lifecycle.every(_TICK_S, _evaluate_all)


def _evaluate_all() -> None:
    for backend in list(cloudwatch_backends[lifecycle.ACCOUNT_ID].values()):
        _evaluate(backend, list(backend.alarms.values()))


def _evaluate(backend: CloudWatchBackend, alarms: Iterable[Alarm]) -> None:
    watched = {_metric(alarm): alarm for alarm in alarms if _rule(alarm) is not None}
    if not watched:
        return
    with _evaluating:
        data: Mapping[_Metric, list[MetricDatumBase]] = _by_metric(backend, watched)
        now = datetime.now(UTC)
        for alarm in alarms:
            rule = _rule(alarm)
            if rule is None:
                continue
            samples = _samples(alarm, data.get(_metric(alarm), []))
            verdict = evaluate(rule, samples, now, alarm.state_value)
            if verdict.state != alarm.state_value:
                old = alarm.state_value
                alarm.update_state(verdict.reason, "{}", verdict.state)
                _act(backend, alarm, old)


def _metric(alarm: Alarm) -> _Metric:
    return alarm.namespace, alarm.metric_name


def _rule(alarm: Alarm) -> Rule | None:
    """None for an alarm whose state is not computed here."""
    if not alarm.metric_name or alarm.comparison_operator not in COMPARISONS:
        return None
    periods = int(alarm.evaluation_periods)
    return Rule(
        comparison=alarm.comparison_operator,
        threshold=float(alarm.threshold),
        statistic=alarm.statistic or alarm.extended_statistic,
        period_s=int(alarm.period),
        periods=periods,
        needed=int(alarm.datapoints_to_alarm or periods),
        missing=alarm.treat_missing_data or "missing",
    )


def _by_metric(
    backend: CloudWatchBackend, watched: Mapping[_Metric, Alarm]
) -> dict[_Metric, list[MetricDatumBase]]:
    grouped: dict[_Metric, list[MetricDatumBase]] = defaultdict(list)
    for datum in list(backend.metric_data):
        if (datum.namespace, datum.name) in watched:
            grouped[datum.namespace, datum.name].append(datum)
    return grouped


def _samples(alarm: Alarm, data: Iterable[MetricDatumBase]) -> list[Sample]:
    wanted = {(d.name, d.value) for d in alarm.dimensions}
    return [
        _sample(datum)
        for datum in data
        if {(d.name, d.value) for d in datum.dimensions} == wanted
        and (alarm.unit is None or datum.unit == alarm.unit)
    ]


def _sample(datum: MetricDatumBase) -> Sample:
    at = datum.timestamp if datum.timestamp.tzinfo else datum.timestamp.replace(tzinfo=UTC)
    if isinstance(datum, MetricDatum):
        return Sample(at, 1, datum.value, datum.value, datum.value)
    return Sample(at, datum.sample_count, datum.sum, datum.min, datum.max)


# ── actions ──────────────────────────────────────────────────────────────────────────────────


def _act(backend: CloudWatchBackend, alarm: Alarm, old: State | str) -> None:
    if not alarm.actions_enabled:
        return
    actions = {
        "OK": alarm.ok_actions,
        "ALARM": alarm.alarm_actions,
        "INSUFFICIENT_DATA": alarm.insufficient_data_actions,
    }[alarm.state_value]
    for arn in actions or []:
        service = arn.split(":")[2]
        if service == "sns":
            _publish(backend, alarm, arn, old)
        elif service == "lambda":
            name = arn.split(":function:")[1]
            function = lambda_backends[backend.account_id][backend.region_name].get_function(name)
            lambdas.invoke_later(function, _event(backend, alarm, old))


def _publish(backend: CloudWatchBackend, alarm: Alarm, topic_arn: str, old: str) -> None:
    topics = sns_backends[backend.account_id][backend.region_name].topics
    topic = topics.get(topic_arn)
    if topic is None:
        log.warning("alarm %s: no topic %s", alarm.name, topic_arn)
        return
    if not _cloudwatch_may_encrypt(backend, topic):
        log.warning("alarm %s: the key of %s does not admit CloudWatch", alarm.name, topic_arn)
        return
    region = _REGION_NAMES.get(backend.region_name, backend.region_name)
    subject = f'{alarm.state_value}: "{alarm.name}" in {region}'
    topic.publish(json.dumps(message(backend, alarm, old)), subject=subject[:_MAX_SUBJECT])


def _cloudwatch_may_encrypt(backend: CloudWatchBackend, topic: Topic) -> bool:
    """Whether the topic's key, if it has one, lets CloudWatch use it: the AWS managed key
    `alias/aws/sns` doesn't."""
    key_id = topic.kms_master_key_id
    if not key_id:
        return True
    kms = kms_backends[backend.account_id][backend.region_name]
    if key_id.endswith("alias/aws/sns"):
        return False
    try:
        policy = json.loads(kms.get_key_policy(kms.any_id_to_key_id(key_id)))
    except KeyError:
        return False
    statements = policy["Statement"]
    return any(
        statement["Effect"] == "Allow" and "cloudwatch.amazonaws.com" in str(statement["Principal"])
        for statement in (statements if isinstance(statements, list) else [statements])
    )


def message(backend: CloudWatchBackend, alarm: Alarm, old: str) -> dict[str, Any]:
    """The JSON that CloudWatch publishes to a topic when an alarm changes state."""
    statistic = (
        {"StatisticType": "Statistic", "Statistic": alarm.statistic.upper()}
        if alarm.statistic
        else {"StatisticType": "ExtendedStatistic", "ExtendedStatistic": alarm.extended_statistic}
    )
    metric = (
        {
            "MetricName": alarm.metric_name,
            "Namespace": alarm.namespace,
            **statistic,
            "Unit": alarm.unit,
            "Dimensions": [{"value": d.value, "name": d.name} for d in alarm.dimensions],
            "Period": int(alarm.period),
        }
        if alarm.metric_name and alarm.period
        else {}
    )
    return {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": backend.account_id,
        "AlarmConfigurationUpdatedTimestamp": _timestamp(alarm.configuration_updated_timestamp),
        "NewStateValue": alarm.state_value,
        "NewStateReason": alarm.state_reason,
        "StateChangeTime": _timestamp(alarm.state_updated_timestamp),
        "Region": _REGION_NAMES.get(backend.region_name, backend.region_name),
        "AlarmArn": alarm.alarm_arn,
        "OldStateValue": old,
        "OKActions": alarm.ok_actions,
        "AlarmActions": alarm.alarm_actions,
        "InsufficientDataActions": alarm.insufficient_data_actions,
        "Trigger": {
            **metric,
            "EvaluationPeriods": _number(alarm.evaluation_periods),
            "DatapointsToAlarm": _number(alarm.datapoints_to_alarm),
            "ComparisonOperator": alarm.comparison_operator,
            "Threshold": _number(alarm.threshold),
            "TreatMissingData": alarm.treat_missing_data or "missing",
            "EvaluateLowSampleCountPercentile": alarm.evaluate_low_sample_count_percentile or "",
        },
    }


def _event(backend: CloudWatchBackend, alarm: Alarm, old: str) -> dict[str, Any]:
    """What a Lambda function gets as an alarm's action."""
    return {
        "source": "aws.cloudwatch",
        "alarmArn": alarm.alarm_arn,
        "accountId": backend.account_id,
        "time": _timestamp(alarm.state_updated_timestamp),
        "region": backend.region_name,
        "alarmData": {
            "alarmName": alarm.name,
            "state": {"value": alarm.state_value, "reason": alarm.state_reason},
            "previousState": {"value": old},
        },
    }


def _timestamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


def _number(value: Any) -> float | int | None:
    if value is None:
        return None
    number = float(value)
    return int(number) if number.is_integer() and not isinstance(value, float) else number
