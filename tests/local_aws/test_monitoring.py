"""From a metric to a message: CloudWatch alarms, SNS, Lambda, logs and dead letters (M1)."""

from __future__ import annotations

import io
import json
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import ClientError

Clients = Callable[[str], Any]


def until(condition: Callable[[], Any], seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "nothing came in time"
        time.sleep(0.05)
    return value


def zipped(**files: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"{name}.py", text)
    return buffer.getvalue()


class Account:
    """Shorthand for making things with names of their own."""

    def __init__(self, client: Clients) -> None:
        self.client = client
        self._role: str | None = None

    @property
    def role(self) -> str:
        """A role that Lambda may assume."""
        if self._role is None:
            trust = {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
            role = self.client("iam").create_role(
                RoleName=f"lambda-{uuid.uuid4()}",
                AssumeRolePolicyDocument=json.dumps(
                    {"Version": "2012-10-17", "Statement": [trust]}
                ),
            )
            self._role = role["Role"]["Arn"]
        return self._role

    def topic(self, **over: Any) -> str:
        return self.client("sns").create_topic(Name=f"topic-{uuid.uuid4()}", **over)["TopicArn"]

    def queue(self) -> tuple[str, str]:
        """The URL and the ARN of a new queue."""
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName=f"queue-{uuid.uuid4()}")["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, attributes["Attributes"]["QueueArn"]

    def received(self, queue_url: str) -> list[dict[str, Any]]:
        answer = self.client("sqs").receive_message(
            QueueUrl=queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        return answer.get("Messages", [])

    def function(self, code: str, **over: Any) -> dict[str, Any]:
        return self.client("lambda").create_function(
            **{
                "FunctionName": f"function-{uuid.uuid4()}",
                "Runtime": "python3.11",
                "Role": self.role,
                "Handler": "main.handler",
                "Code": {"ZipFile": zipped(main=code)},
                "Timeout": 20,
                **over,
            }
        )

    def invoke(self, function: dict[str, Any], event: Any = None, **over: Any) -> Any:
        return self.client("lambda").invoke(
            FunctionName=function["FunctionName"], Payload=json.dumps(event), **over
        )

    def subscribe(self, topic: str, function: dict[str, Any], *, admit: bool = True) -> str:
        if admit:
            self.client("lambda").add_permission(
                FunctionName=function["FunctionName"],
                StatementId="sns",
                Action="lambda:InvokeFunction",
                Principal="sns.amazonaws.com",
                SourceArn=topic,
            )
        return self.client("sns").subscribe(
            TopicArn=topic,
            Protocol="lambda",
            Endpoint=function["FunctionArn"],
            ReturnSubscriptionArn=True,
        )["SubscriptionArn"]

    def logged(self, function: dict[str, Any]) -> list[str]:
        try:
            events = self.client("logs").filter_log_events(
                logGroupName=f"/aws/lambda/{function['FunctionName']}"
            )["events"]
        except ClientError:
            return []
        return [event["message"] for event in events]

    def alarm(self, metric: str, **over: Any) -> str:
        name = f"alarm-{uuid.uuid4()}"
        self.client("cloudwatch").put_metric_alarm(
            **{
                "AlarmName": name,
                "AlarmDescription": "CPU is high",
                "Namespace": "AWS/EC2",
                "MetricName": metric,
                "Statistic": "Average",
                "Period": 60,
                "EvaluationPeriods": 1,
                "Threshold": 75.0,
                "ComparisonOperator": "GreaterThanOrEqualToThreshold",
                "Dimensions": [{"Name": "AutoScalingGroupName", "Value": "web"}],
                **over,
            }
        )
        return name

    def put(self, metric: str, value: float, ago_s: float = 0) -> None:
        self.client("cloudwatch").put_metric_data(
            Namespace="AWS/EC2",
            MetricData=[
                {
                    "MetricName": metric,
                    "Value": value,
                    "Timestamp": datetime.now(UTC) - timedelta(seconds=ago_s),
                    "Dimensions": [{"Name": "AutoScalingGroupName", "Value": "web"}],
                }
            ],
        )

    def state(self, alarm: str) -> str:
        found = self.client("cloudwatch").describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
        return found[0]["StateValue"]


@pytest.fixture
def account(client: Clients) -> Account:
    return Account(client)


@pytest.fixture
def metric() -> str:
    return f"CPUUtilization-{uuid.uuid4()}"


# ── alarms ───────────────────────────────────────────────────────────────────────────────────


def test_an_alarm_and_its_recovery_are_published_in_awss_format(
    account: Account, metric: str
) -> None:
    topic, (url, queue) = account.topic(), account.queue()
    account.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    alarm = account.alarm(metric, AlarmActions=[topic], OKActions=[topic])
    assert account.state(alarm) == "INSUFFICIENT_DATA"

    account.put(metric, 90, ago_s=60)
    assert account.state(alarm) == "ALARM"
    account.put(metric, 60)
    assert account.state(alarm) == "OK"

    first, second = (json.loads(message["Body"]) for message in account.received(url))
    assert first["Subject"] == f'ALARM: "{alarm}" in Asia Pacific (Tokyo)'
    message = json.loads(first["Message"])
    assert message["OldStateValue"] == "INSUFFICIENT_DATA"
    assert message["NewStateValue"] == "ALARM"
    assert "datapoints [90.0" in message["NewStateReason"]
    assert message["AWSAccountId"] == "123456789012"
    assert message["AlarmActions"] == [topic]
    assert message["Trigger"] == {
        "MetricName": metric,
        "Namespace": "AWS/EC2",
        "StatisticType": "Statistic",
        "Statistic": "AVERAGE",
        "Unit": None,
        "Dimensions": [{"value": "web", "name": "AutoScalingGroupName"}],
        "Period": 60,
        "EvaluationPeriods": 1,
        "DatapointsToAlarm": None,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": 75.0,
        "TreatMissingData": "missing",
        "EvaluateLowSampleCountPercentile": "",
    }
    assert json.loads(second["Message"])["NewStateValue"] == "OK"


def test_missing_data_alarms_by_the_timer(account: Account, metric: str) -> None:
    breaching = account.alarm(metric, TreatMissingData="breaching", Period=5)
    fine = account.alarm(metric, TreatMissingData="notBreaching", Period=5)
    assert (account.state(breaching), account.state(fine)) == ("ALARM", "OK")

    account.put(metric, 10, ago_s=10)
    assert account.state(breaching) == "OK"
    until(lambda: account.state(breaching) == "ALARM")


def test_other_dimensions_do_not_count(account: Account, metric: str) -> None:
    alarm = account.alarm(metric, Dimensions=[{"Name": "AutoScalingGroupName", "Value": "was"}])
    account.put(metric, 90)
    assert account.state(alarm) == "INSUFFICIENT_DATA"


def test_updating_an_alarm_keeps_its_state(account: Account, metric: str) -> None:
    alarm = account.alarm(metric)
    account.put(metric, 90)
    account.alarm(metric, AlarmName=alarm, AlarmDescription="new words")
    assert account.state(alarm) == "ALARM"


def test_set_alarm_state_acts_and_disabled_actions_do_not(account: Account, metric: str) -> None:
    topic, (url, queue) = account.topic(), account.queue()
    account.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    alarm = account.alarm(metric, AlarmActions=[topic])
    cloudwatch = account.client("cloudwatch")
    cloudwatch.disable_alarm_actions(AlarmNames=[alarm])
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="rehearsal")
    assert account.received(url) == []
    cloudwatch.enable_alarm_actions(AlarmNames=[alarm])
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason="rehearsal")
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="rehearsal")
    [message] = account.received(url)
    assert json.loads(json.loads(message["Body"])["Message"])["NewStateReason"] == "rehearsal"


@pytest.mark.parametrize("admitted", [True, False])
def test_cloudwatch_needs_a_key_that_admits_it(
    account: Account, metric: str, admitted: bool
) -> None:
    kms = account.client("kms")
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
        "Resource": "*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    key = kms.create_key(Policy=policy)["KeyMetadata"]["KeyId"] if admitted else "alias/aws/sns"
    topic = account.topic(Attributes={"KmsMasterKeyId": key})
    url, queue = account.queue()
    account.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    alarm = account.alarm(metric, AlarmActions=[topic])
    account.put(metric, 90)
    assert account.state(alarm) == "ALARM"
    assert len(account.received(url)) == int(admitted)


# ── Lambda ───────────────────────────────────────────────────────────────────────────────────


def test_a_function_runs_from_its_zip_with_its_environment(account: Account) -> None:
    code = """
import os, helper, boto3
def handler(event, context):
    print("working on", event["n"])
    assert "MALL_HOME" not in os.environ
    identity = boto3.client("sts").get_caller_identity()
    return {"n": helper.double(event["n"]), "word": os.environ["WORD"],
            "account": identity["Account"], "name": context.function_name}
"""
    bundle = zipped(main=code, helper="def double(n): return 2 * n")
    function = account.function(
        "", Code={"ZipFile": bundle}, Environment={"Variables": {"WORD": "服"}}
    )
    answer = account.invoke(function, {"n": 21}, LogType="Tail")
    assert "FunctionError" not in answer
    assert json.loads(answer["Payload"].read()) == {
        "n": 42,
        "word": "服",
        "account": "123456789012",
        "name": function["FunctionName"],
    }
    lines = account.logged(function)
    assert lines[0].startswith("START RequestId: ")
    assert lines[1] == "working on 21"
    assert lines[-1].startswith("REPORT RequestId: ")


def test_new_code_and_configuration_are_used(account: Account) -> None:
    function = account.function("def handler(event, context): return 1")
    name = function["FunctionName"]
    client = account.client("lambda")
    client.update_function_code(
        FunctionName=name,
        ZipFile=zipped(main="import os\ndef handler(event, context): return os.environ['A']"),
    )
    client.update_function_configuration(FunctionName=name, Environment={"Variables": {"A": "new"}})
    assert json.loads(account.invoke(function)["Payload"].read()) == "new"


def test_an_exception_is_the_answer_of_a_failed_invocation(account: Account) -> None:
    function = account.function("def handler(event, context): raise KeyError('missing')")
    answer = account.invoke(function)
    payload = json.loads(answer["Payload"].read())
    assert answer["FunctionError"] == "Unhandled"
    assert (payload["errorType"], payload["errorMessage"]) == ("KeyError", "'missing'")
    assert any("Traceback" in line for line in account.logged(function))


def test_a_function_is_ended_at_its_timeout(account: Account) -> None:
    code = "import time\ndef handler(event, context): time.sleep(60)"
    function = account.function(code, Timeout=1)
    answer = account.invoke(function)
    assert "Task timed out after 1.00 seconds" in answer["Payload"].read().decode()
    assert answer["FunctionError"] == "Unhandled"


def test_an_asynchronous_failure_is_retried_and_then_a_dead_letter(account: Account) -> None:
    url, queue = account.queue()
    function = account.function(
        "def handler(event, context):\n    print('try')\n    raise ValueError('no')",
        DeadLetterConfig={"TargetArn": queue},
    )
    shown = account.client("lambda").get_function_configuration(
        FunctionName=function["FunctionName"]
    )
    assert shown["DeadLetterConfig"] == {"TargetArn": queue}

    assert account.invoke(function, {"k": 1}, InvocationType="Event")["StatusCode"] == 202

    [letter] = until(lambda: account.received(url))
    assert json.loads(letter["Body"]) == {"k": 1}
    assert letter["MessageAttributes"]["ErrorMessage"]["StringValue"] == "no"
    assert account.logged(function).count("try") == 3


def test_retries_and_failure_destination_are_settings(account: Account) -> None:
    url, queue = account.queue()
    function = account.function("def handler(event, context): print('try'); 1 / 0")
    account.client("lambda").put_function_event_invoke_config(
        FunctionName=function["FunctionName"],
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": queue}},
    )
    account.invoke(function, "payload", InvocationType="Event")
    [letter] = until(lambda: account.received(url))
    record = json.loads(letter["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert record["requestPayload"] == "payload"
    assert record["responsePayload"]["errorType"] == "ZeroDivisionError"


def test_settings_of_retries_replace_the_ones_before(account: Account) -> None:
    url, queue = account.queue()
    function = account.function("def handler(event, context): print('try'); 1 / 0")
    name, client = function["FunctionName"], account.client("lambda")
    for settings in (
        {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 60},
        {"MaximumRetryAttempts": 1, "DestinationConfig": {"OnFailure": {"Destination": queue}}},
    ):
        client.put_function_event_invoke_config(FunctionName=name, **settings)
    shown = client.get_function_event_invoke_config(FunctionName=name)
    assert shown["MaximumRetryAttempts"] == 1
    assert shown["DestinationConfig"]["OnFailure"] == {"Destination": queue}
    assert "MaximumEventAgeInSeconds" not in shown
    account.invoke(function, {}, InvocationType="Event")
    [letter] = until(lambda: account.received(url))
    assert json.loads(letter["Body"])["requestContext"]["approximateInvokeCount"] == 2
    assert account.logged(function).count("try") == 2


def test_the_target_of_dead_letters_can_be_changed_and_taken_away(account: Account) -> None:
    (_, before), (url, queue) = account.queue(), account.queue()
    function = account.function(
        "def handler(event, context): 1 / 0", DeadLetterConfig={"TargetArn": before}
    )
    name, client = function["FunctionName"], account.client("lambda")
    client.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)
    client.update_function_configuration(FunctionName=name, DeadLetterConfig={"TargetArn": queue})
    client.update_function_configuration(FunctionName=name, Timeout=10)
    shown = client.get_function_configuration(FunctionName=name)
    assert shown["DeadLetterConfig"] == {"TargetArn": queue}
    account.invoke(function, {"k": 2}, InvocationType="Event")
    [letter] = until(lambda: account.received(url))
    assert json.loads(letter["Body"]) == {"k": 2}
    client.update_function_configuration(FunctionName=name, DeadLetterConfig={"TargetArn": ""})
    assert "DeadLetterConfig" not in client.get_function_configuration(FunctionName=name)


# ── SNS ──────────────────────────────────────────────────────────────────────────────────────

ECHO = "import json\ndef handler(event, context): print(json.dumps(event))"


def echoed(account: Account, function: dict[str, Any]) -> list[Any]:
    return [json.loads(line) for line in account.logged(function) if line.startswith("{")]


def test_a_lambda_gets_the_notification_in_awss_envelope(account: Account) -> None:
    topic, function = account.topic(), account.function(ECHO)
    subscription = account.subscribe(topic, function)
    sent = account.client("sns").publish(
        TopicArn=topic,
        Message="hello",
        Subject="greeting",
        MessageAttributes={"kind": {"DataType": "String", "StringValue": "x"}},
    )
    [event] = until(lambda: echoed(account, function))
    [record] = event["Records"]
    assert record["EventSource"] == "aws:sns"
    assert record["EventSubscriptionArn"] == subscription
    assert record["Sns"]["MessageId"] == sent["MessageId"]
    assert record["Sns"]["TopicArn"] == topic
    assert (record["Sns"]["Subject"], record["Sns"]["Message"]) == ("greeting", "hello")
    assert record["Sns"]["MessageAttributes"] == {"kind": {"Type": "String", "Value": "x"}}
    assert {"SigningCertUrl", "UnsubscribeUrl", "Timestamp", "Type"} <= set(record["Sns"])


def test_a_function_that_admits_anybody_gets_it(account: Account) -> None:
    topic, function = account.topic(), account.function(ECHO)
    account.subscribe(topic, function, admit=False)
    account.client("lambda").add_permission(
        FunctionName=function["FunctionName"],
        StatementId="anybody",
        Action="lambda:InvokeFunction",
        Principal="*",
    )
    account.client("sns").publish(TopicArn=topic, Message="hello")
    [event] = until(lambda: echoed(account, function))
    assert event["Records"][0]["Sns"]["Message"] == "hello"


def test_a_function_that_does_not_admit_the_topic_gets_nothing(account: Account) -> None:
    topic, function = account.topic(), account.function(ECHO)
    url, queue = account.queue()
    subscription = account.subscribe(topic, function, admit=False)
    account.client("sns").set_subscription_attributes(
        SubscriptionArn=subscription,
        AttributeName="RedrivePolicy",
        AttributeValue=json.dumps({"deadLetterTargetArn": queue}),
    )
    account.client("sns").publish(TopicArn=topic, Message="lost")
    [letter] = until(lambda: account.received(url))
    assert json.loads(letter["Body"])["Message"] == "lost"
    assert account.logged(function) == []


def test_from_cpu_to_lambda_within_seconds(account: Account, metric: str) -> None:
    topic, function = account.topic(), account.function(ECHO)
    account.subscribe(topic, function)
    account.alarm(metric, AlarmActions=[topic])
    account.put(metric, 90)
    [event] = until(lambda: echoed(account, function), seconds=10)
    assert json.loads(event["Records"][0]["Sns"]["Message"])["NewStateValue"] == "ALARM"


@pytest.fixture
def endpoint() -> Iterator[tuple[str, list[tuple[dict[str, str], str]]]]:
    """An HTTP server that refuses its first request and keeps the others."""
    received: list[tuple[dict[str, str], str]] = []
    refused: list[bool] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self.send_response(200 if refused else 503)
            self.end_headers()
            if refused:
                received.append((dict(self.headers), body))
            refused.append(True)

        def log_message(self, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", received
    server.shutdown()
    server.server_close()


def test_an_http_endpoint_gets_the_notification_after_a_retry(
    account: Account, endpoint: tuple[str, list[tuple[dict[str, str], str]]]
) -> None:
    url, received = endpoint
    topic = account.topic()
    account.client("sns").subscribe(TopicArn=topic, Protocol="http", Endpoint=url)
    account.client("sns").publish(TopicArn=topic, Message="hello")
    [(headers, body)] = until(lambda: received)
    assert json.loads(body)["Message"] == "hello"
    assert headers["X-Amz-Sns-Topic-Arn"] == topic
    assert headers["X-Amz-Sns-Message-Type"] == "Notification"
