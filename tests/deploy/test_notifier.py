"""From a metric to Slack (M1): the alarm, its topic, the notifier and what Slack may answer."""

from __future__ import annotations

import importlib.util
import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from infra_assets.types.lambda_ import code_digest, zipped
from mall_platform.slack_inbox import Inbox
from tests.deploy.conftest import DEPLOY

ALARM = {
    "AlarmName": "mall-dev-web-cpu",
    "AlarmDescription": "The web servers' CPUs are at 75% or more.",
    "AlarmArn": "arn:aws:cloudwatch:ap-northeast-1:123456789012:alarm:mall-dev-web-cpu",
    "OldStateValue": "OK",
    "NewStateValue": "ALARM",
    "NewStateReason": "1 datapoint [90.0] was > the threshold (75.0).",
    "StateChangeTime": "2026-11-23T15:30:00.123+0000",
}


def until(condition: Callable[[], Any], seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return value


@pytest.mark.parametrize("tier", ["web", "was", "db"])
def test_a_hot_cpu_is_one_message_within_seconds_and_its_end_another(
    platform: dict[str, Any], slack_inbox: Inbox, tier: str
) -> None:
    """(M1) 90% leads to one Slack message, 60% to a recovery message, and nothing else does."""
    aws = platform["aws"]
    cloudwatch, name = aws.client("cloudwatch"), f"{aws.names.prefix}-{tier}-cpu"
    [alarm] = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]

    def put(percent: float, moment: datetime) -> None:
        cloudwatch.put_metric_data(
            Namespace=alarm["Namespace"],
            MetricData=[
                {
                    "MetricName": alarm["MetricName"],
                    "Dimensions": alarm["Dimensions"],
                    "Timestamp": moment,
                    "Value": percent,
                }
            ],
        )

    def messages() -> list[str]:
        return [m["text"] for m in slack_inbox.messages() if name in m["text"]]

    now = datetime.now(UTC)
    put(90, now - timedelta(minutes=1))
    (hot,) = until(messages, 15)
    assert hot.startswith(f":rotating_light: *Alarm: {name}*")
    assert "75% or more" in hot
    put(60, now)
    _, over = until(lambda: len(messages()) == 2 and messages(), 15)
    assert over.startswith(f":white_check_mark: *Recovered: {name}*")
    put(61, now)
    assert len(messages()) == 2


class Slack:
    """A Slack that answers as told, one answer after the other, and then takes everything."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], dict[str, Any]]] = []
        self.taken: list[dict[str, Any]] = []
        self.tokens: list[str | None] = []
        slack = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                slack.tokens.append(self.headers["Authorization"])
                status, headers, reply = (
                    slack.answers.pop(0) if slack.answers else (200, {}, {"ok": True})
                )
                if reply.get("ok"):
                    slack.taken.append(body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(json.dumps(reply).encode())

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/api/"
        threading.Thread(target=self.server.serve_forever, args=(0.1,), daemon=True).start()


@pytest.fixture
def slack() -> Iterator[Slack]:
    slack = Slack()
    yield slack
    slack.server.shutdown()
    slack.server.server_close()


@pytest.fixture
def notifier(slack: Slack, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The function's module as Lambda imports it, with a token at hand and no time to lose."""
    spec = importlib.util.spec_from_file_location("notifier", DEPLOY / "notifier/notifier.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setenv("SLACK_BASE_URL", slack.url)
    monkeypatch.setenv("SLACK_CHANNEL", "#mall-alerts")
    monkeypatch.setenv("SLACK_TOKEN_SECRET_ID", "token")
    module._tokens["token"] = "xoxb-1"
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    return module


def event(message: Any, subject: str | None = None) -> dict[str, Any]:
    text = message if isinstance(message, str) else json.dumps(message)
    return {"Records": [{"Sns": {"Message": text, "Subject": subject}}]}


def test_a_message_names_the_alarm_its_reason_and_the_time_in_tokyo(
    notifier: ModuleType, slack: Slack
) -> None:
    notifier.handler(event(ALARM))
    (message,) = slack.taken
    assert message["channel"] == "#mall-alerts"
    assert message["text"].splitlines() == [
        ":rotating_light: *Alarm: mall-dev-web-cpu*",
        "The web servers' CPUs are at 75% or more.",
        "1 datapoint [90.0] was &gt; the threshold (75.0).",
        "2026-11-24 00:30:00 JST <https://console.aws.amazon.com/go/view?arn="
        "arn:aws:cloudwatch:ap-northeast-1:123456789012:alarm:mall-dev-web-cpu|Open the alarm>",
    ]
    assert slack.tokens == ["Bearer xoxb-1"]


def test_a_new_alarm_that_is_fine_says_nothing(notifier: ModuleType, slack: Slack) -> None:
    notifier.handler(event({**ALARM, "NewStateValue": "OK", "OldStateValue": "INSUFFICIENT_DATA"}))
    assert slack.taken == []
    notifier.handler(event({**ALARM, "NewStateValue": "OK", "OldStateValue": "ALARM"}))
    assert len(slack.taken) == 1


@pytest.mark.parametrize("message", ["maintenance at <noon>", "[1, 2]", "{}", "null", '"text"'])
def test_what_is_no_alarm_is_passed_on(notifier: ModuleType, slack: Slack, message: str) -> None:
    notifier.handler(event(message, "A subject"))
    text = slack.taken[0]["text"]
    assert text.startswith("A subject\n")
    assert "<" not in text


@pytest.mark.parametrize(
    "answer",
    [(429, {"Retry-After": "1"}, {}), (500, {}, {}), (503, {}, {})],
    ids=lambda answer: str(answer[0]),
)
def test_slack_out_of_order_is_tried_again(notifier: ModuleType, slack: Slack, answer: Any) -> None:
    slack.answers = [answer, answer]
    notifier.handler(event(ALARM))
    assert len(slack.taken) == 1


@pytest.mark.parametrize(
    "answers",
    [
        [(500, {}, {})] * 3,
        [(429, {"Retry-After": "60"}, {})],
        [(404, {}, {})],
        [(200, {}, {"ok": False, "error": "invalid_auth"})],
    ],
    ids=["stays out of order", "wants a long wait", "is not there", "refuses"],
)
def test_what_slack_does_not_take_is_an_error(
    notifier: ModuleType, slack: Slack, answers: Any
) -> None:
    slack.answers = list(answers)
    with pytest.raises(notifier.SlackError):
        notifier.handler(event(ALARM))
    assert slack.taken == []
    assert slack.answers == []


def test_a_slack_that_nobody_answers_for_is_an_error(
    notifier: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_BASE_URL", "http://127.0.0.1:9/api/")
    with pytest.raises(notifier.SlackError, match=r"^Slack can't be reached: URLError$"):
        notifier.handler(event(ALARM))


def test_a_refused_token_is_read_anew(notifier: ModuleType, slack: Slack) -> None:
    slack.answers = [(200, {}, {"ok": False, "error": "invalid_auth"})]
    with pytest.raises(notifier.SlackError, match="invalid_auth"):
        notifier.handler(event(ALARM))
    assert "token" not in notifier._tokens


def test_what_can_not_be_posted_lies_in_the_dead_letters(
    platform: dict[str, Any], slack: Slack
) -> None:
    """(M1) An alarm is never lost: tried again, then kept with its reason."""
    slack.answers = [(404, {}, {})] * 3
    aws = platform["aws"]
    name = f"{aws.names.prefix}-notifier"
    function, sqs = aws.client("lambda"), aws.client("sqs")
    queue = sqs.get_queue_url(QueueName=f"{name}-dead-letters")["QueueUrl"]
    before = function.get_function_configuration(FunctionName=name)["Environment"]
    elsewhere = {**before["Variables"], "SLACK_BASE_URL": slack.url}
    function.update_function_configuration(FunctionName=name, Environment={"Variables": elsewhere})
    try:
        aws.client("sns").publish(
            TopicArn=f"arn:aws:sns:ap-northeast-1:{aws.account_id}:{aws.names.alert_topic}",
            Message="nobody hears this",
        )
        received = until(
            lambda: sqs.receive_message(
                QueueUrl=queue, MessageAttributeNames=["All"], WaitTimeSeconds=1
            ).get("Messages"),
            60,
        )
    finally:
        function.update_function_configuration(FunctionName=name, Environment=before)
        sqs.purge_queue(QueueUrl=queue)
    assert "nobody hears this" in received[0]["Body"]
    reason = received[0]["MessageAttributes"]["ErrorMessage"]["StringValue"]
    assert reason == "Slack answered with status 404"
    assert (slack.answers, slack.taken) == ([], [])


def test_the_code_is_zipped_to_the_same_bytes_every_time(tmp_path: Path) -> None:
    code = (DEPLOY / "notifier/notifier.py").read_bytes()
    digests = set()
    for number in range(2):
        folder = tmp_path / str(number)
        (folder / "__pycache__").mkdir(parents=True)
        (folder / "__pycache__/notifier.pyc").write_bytes(b"other" * number)
        (folder / "notifier.py").write_bytes(code)
        digests.add(code_digest(zipped(folder)))
    assert digests == {code_digest(zipped(DEPLOY / "notifier"))}


def test_the_inbox_shows_the_message(platform: dict[str, Any], slack_inbox: Inbox) -> None:
    """The notifier's base URL is a setting: locally it is the inbox's."""
    aws = platform["aws"]
    found = aws.client("lambda").get_function_configuration(
        FunctionName=f"{aws.names.prefix}-notifier"
    )
    url = found["Environment"]["Variables"]["SLACK_BASE_URL"]
    with urllib.request.urlopen(url.replace("/api/", "/messages.json"), timeout=5) as reply:
        assert json.load(reply) == slack_inbox.messages()
