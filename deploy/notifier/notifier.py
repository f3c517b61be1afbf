"""A Lambda function that posts CloudWatch's alarms, as SNS brings them, to a Slack channel.

It reads SLACK_TOKEN_SECRET_ID (a secret that holds the bot token), SLACK_CHANNEL and
SLACK_BASE_URL. What Slack refuses or can't be told is an error: Lambda tries again, then keeps the
notification in its dead-letter queue.
"""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone
from typing import Any

_TOKYO = timezone(timedelta(hours=9))
_ATTEMPTS = 3
_LONGEST_WAIT_S = 10
_SIGNS = {"ALARM": ":rotating_light:", "OK": ":white_check_mark:"}
_TITLES = {"ALARM": "Alarm", "OK": "Recovered"}

_tokens: dict[str, str] = {}


class SlackError(Exception):
    """Slack did not take the message."""


def handler(event: dict[str, Any], context: Any = None) -> None:
    """Posts one message for each notification that says something. Raises SlackError."""
    for record in event["Records"]:
        text = text_of(record["Sns"]["Message"], record["Sns"].get("Subject"))
        if text:
            post(text)


def text_of(message: str, subject: str | None = None) -> str | None:
    """What people read: an alarm's name and state, what is wrong as long as it is, the reason and
    the time in Tokyo, with a link to it.

    None where an alarm is over that never went off: a new one says so of itself. A message that is
    no alarm is passed on as it is, shortened.
    """
    try:
        alarm = json.loads(message)
        name, state, reason = (
            alarm[key] for key in ("AlarmName", "NewStateValue", "NewStateReason")
        )
    except (ValueError, KeyError, TypeError):
        return _escaped("\n".join(filter(None, [subject, message[:2000]])))
    if state == "OK" and alarm.get("OldStateValue") != "ALARM":
        return None
    trouble = alarm.get("AlarmDescription") if state != "OK" else None
    sign, title = _SIGNS.get(state, ":grey_question:"), _TITLES.get(state, state)
    lines = [
        f"{sign} *{title}: {_escaped(name)}*",
        _escaped(trouble or ""),
        _escaped(reason),
        f"{_in_tokyo(alarm.get('StateChangeTime'))} <{_link(alarm)}|Open the alarm>",
    ]
    return "\n".join(line for line in lines if line)


def _in_tokyo(time_of_change: str | None) -> str:
    if not time_of_change:
        return ""
    moment = datetime.strptime(time_of_change, "%Y-%m-%dT%H:%M:%S.%f%z")
    return f"{moment.astimezone(_TOKYO):%Y-%m-%d %H:%M:%S} JST"


def _link(alarm: dict[str, Any]) -> str:
    arn = alarm.get("AlarmArn", "")
    return f"https://console.aws.amazon.com/go/view?arn={arn}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def post(text: str) -> None:
    """Posts to the channel. Waits and tries again where Slack asks for it or is out of order."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            reply = _call(text)
        except urllib.error.HTTPError as error:
            passing = error.code == 429 or error.code >= 500
            wait_s = float(error.headers.get("Retry-After") or attempt)
            if not passing or attempt == _ATTEMPTS or wait_s > _LONGEST_WAIT_S:
                raise SlackError(f"Slack answered with status {error.code}") from None
        except OSError as error:
            wait_s = attempt
            if attempt == _ATTEMPTS:
                raise SlackError(f"Slack can't be reached: {type(error).__name__}") from None
        else:
            if reply.get("ok"):
                return
            _tokens.clear()  # an operator may have put another one
            raise SlackError(f"Slack refused the message: {reply.get('error')}")
        time.sleep(wait_s)


def _call(text: str) -> dict[str, Any]:
    body = {"channel": os.environ["SLACK_CHANNEL"], "text": text}
    # The base URL is an operator's setting.
    request = urllib.request.Request(  # noqa: S310
        os.environ["SLACK_BASE_URL"] + "chat.postMessage",
        json.dumps(body).encode(),
        {
            "Authorization": f"Bearer {_token()}",
            "Content-Type": "application/json; charset=utf-8",
        },
    )
    with urllib.request.urlopen(request, timeout=5) as reply:  # noqa: S310
        return json.load(reply)


def _token() -> str:
    """The bot token, read once while the function stays warm."""
    secret = os.environ["SLACK_TOKEN_SECRET_ID"]
    if secret not in _tokens:
        import boto3

        found = boto3.client("secretsmanager").get_secret_value(SecretId=secret)
        _tokens[secret] = found["SecretString"].strip()
    return _tokens[secret]
