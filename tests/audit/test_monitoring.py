"""Alarms, the dashboard, and the way of an alarm to people (M1, M2)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.audit.account import ACCOUNT_ID, REGION, Account, statements

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT_ID}:mall-local-alerts"


@dataclass(frozen=True)
class Watched:
    """What an alarm must watch; `of` is the end of a dimension's value."""

    namespace: str
    metric: str
    of: str


ALARMS = [
    Watched("AWS/EC2", "CPUUtilization", "mall-local-web"),
    Watched("AWS/EC2", "CPUUtilization", "mall-local-was"),
    Watched("AWS/RDS", "CPUUtilization", "mall-local-shop"),
    Watched("AWS/RDS", "FreeStorageSpace", "mall-local-shop"),
    Watched("AWS/RDS", "DatabaseConnections", "mall-local-shop"),
    Watched("AWS/ApplicationELB", "UnHealthyHostCount", "app/mall-local-web/"),
    Watched("AWS/ApplicationELB", "UnHealthyHostCount", "app/mall-local-was/"),
    Watched("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "app/mall-local-web/"),
    Watched("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "app/mall-local-was/"),
    Watched("AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", "app/mall-local-web/"),
    Watched("AWS/Firehose", "DeliveryToS3.Success", "mall-local-clicks"),
    Watched("AWS/Firehose", "PartitionCountExceeded", "mall-local-clicks"),
]


def alarms(account: Account) -> list[dict[str, Any]]:
    return account.read("cloudwatch", "describe_alarms")["MetricAlarms"]


def watching(account: Account, watched: Watched) -> dict[str, Any]:
    (alarm,) = [
        alarm
        for alarm in alarms(account)
        if (alarm["Namespace"], alarm["MetricName"]) == (watched.namespace, watched.metric)
        and any(d["Value"].startswith(watched.of) for d in alarm["Dimensions"])
    ]
    return alarm


@pytest.mark.parametrize("watched", ALARMS, ids=lambda w: f"{w.metric} of {w.of}")
def test_is_watched(account: Account, watched: Watched) -> None:
    assert watching(account, watched)["ActionsEnabled"]


@pytest.mark.parametrize("of", ["web", "was", "shop"])
def test_a_cpu_at_75_percent_alarms_at_once(account: Account, of: str) -> None:
    """(M1) One minute of it, the limit itself included."""
    namespace = "AWS/RDS" if of == "shop" else "AWS/EC2"
    alarm = watching(account, Watched(namespace, "CPUUtilization", account.named(of)))
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (
        75,
        "GreaterThanOrEqualToThreshold",
    )
    assert alarm["Period"] * alarm["EvaluationPeriods"] <= 60


def test_a_silent_daemon_alarms(account: Account) -> None:
    """(P2) Nothing heard is as bad as a failure."""
    (alarm,) = [alarm for alarm in alarms(account) if "eartbeat" in alarm["MetricName"]]
    assert alarm["TreatMissingData"] == "breaching"
    assert not alarm["Namespace"].startswith("AWS/")


def test_every_alarm_tells_people_of_its_begin_and_end(account: Account) -> None:
    """(M1)"""
    for alarm in alarms(account):
        assert alarm["AlarmActions"] == [TOPIC], alarm["AlarmName"]
        assert alarm["OKActions"] == [TOPIC], alarm["AlarmName"]
        assert alarm["AlarmDescription"], alarm["AlarmName"]


# ── from CloudWatch to Slack ─────────────────────────────────────────────────────────────────


def test_the_topic_takes_alarms_only_and_is_encrypted(account: Account) -> None:
    """(M1) Under an own key, which admits CloudWatch (test_security)."""
    found = account.read("sns", "get_topic_attributes", TopicArn=TOPIC)["Attributes"]
    key = account.read("kms", "describe_key", KeyId=found["KmsMasterKeyId"])["KeyMetadata"]
    assert key["Arn"] == account.key("alerts")
    (statement,) = statements(found["Policy"])
    assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT_ID}


@pytest.fixture(scope="module")
def notifier(account: Account) -> dict[str, Any]:
    name = account.named("notifier")
    return account.read("lambda", "get_function_configuration", FunctionName=name)


def test_the_notifier_hears_the_topic(account: Account, notifier: dict[str, Any]) -> None:
    """(M1) And nobody else may call it."""
    (subscription,) = account.read("sns", "list_subscriptions_by_topic", TopicArn=TOPIC)[
        "Subscriptions"
    ]
    assert (subscription["Protocol"], subscription["Endpoint"]) == (
        "lambda",
        notifier["FunctionArn"],
    )
    answer = account.read("lambda", "get_policy", FunctionName=notifier["FunctionName"])
    (statement,) = statements(answer["Policy"])
    assert statement["Principal"] == {"Service": "sns.amazonaws.com"}
    assert statement["Condition"]["ArnLike"]["AWS:SourceArn"] == TOPIC


def test_slacks_token_lies_in_secrets_manager(account: Account, notifier: dict[str, Any]) -> None:
    """(M1) The function knows only where."""
    variables = notifier["Environment"]["Variables"]
    named = [value for value in variables.values() if value == "mall/local/slack-token"]
    assert len(named) == 1
    secret = account.read("secretsmanager", "describe_secret", SecretId=named[0])
    assert secret["KmsKeyId"] == account.key("data")
    assert not [value for value in variables.values() if value.startswith("xox")]


def test_what_could_not_be_posted_is_kept(account: Account, notifier: dict[str, Any]) -> None:
    """(M1) Two retries, then a queue of dead letters, encrypted and alarmed: whether the function
    failed or could not be called."""
    queue = notifier["DeadLetterConfig"]["TargetArn"]
    (subscription,) = account.read("sns", "list_subscriptions_by_topic", TopicArn=TOPIC)[
        "Subscriptions"
    ]
    found = account.read(
        "sns", "get_subscription_attributes", SubscriptionArn=subscription["SubscriptionArn"]
    )["Attributes"]
    assert json.loads(found["RedrivePolicy"])["deadLetterTargetArn"] == queue
    name = queue.rpartition(":")[2]
    url = account.read("sqs", "get_queue_url", QueueName=name)["QueueUrl"]
    attributes = account.read("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["All"])[
        "Attributes"
    ]
    assert int(attributes["MessageRetentionPeriod"]) >= 7 * 86_400
    assert attributes["KmsMasterKeyId"]
    assert watching(account, Watched("AWS/SQS", "ApproximateNumberOfMessagesVisible", name))


# ── the dashboard ────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def graphs(account: Account) -> list[list[Any]]:
    """Every metric on the dashboard: namespace, name, dimensions."""
    (entry,) = account.read("cloudwatch", "list_dashboards")["DashboardEntries"]
    body = account.read("cloudwatch", "get_dashboard", DashboardName=entry["DashboardName"])[
        "DashboardBody"
    ]
    widgets = json.loads(body)["widgets"]
    assert {w["properties"]["region"] for w in widgets} == {REGION}
    return [metric for widget in widgets for metric in widget["properties"]["metrics"]]


@pytest.mark.parametrize(
    ("metric", "of"),
    [
        ("RequestCountPerTarget", "targetgroup/mall-local-web/"),
        ("RequestCountPerTarget", "targetgroup/mall-local-was/"),
        ("RequestCount", "app/mall-local-web/"),
        ("RequestCount", "app/mall-local-was/"),
        ("ActiveConnectionCount", "app/mall-local-web/"),
        ("ActiveConnectionCount", "app/mall-local-was/"),
        ("DatabaseConnections", "mall-local-shop"),
        ("CPUUtilization", "mall-local-web"),
        ("CPUUtilization", "mall-local-was"),
        ("CPUUtilization", "mall-local-shop"),
    ],
)
def test_the_dashboard_shows(graphs: list[list[Any]], metric: str, of: str) -> None:
    """(M2)"""
    shown = [g for g in graphs if g[1] == metric]
    assert [g for g in shown if any(isinstance(part, str) and part.startswith(of) for part in g)]
