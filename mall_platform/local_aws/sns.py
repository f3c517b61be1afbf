"""SNS: deliveries to Lambda functions and HTTP endpoints in the background, with retries and dead
letters. Deliveries to SQS are moto's. HTTP endpoints need not confirm their subscription."""

from __future__ import annotations

import json
import logging
import threading
import time
import urllib.error
import urllib.request
from typing import Any

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.models import lambda_backends
from moto.sns.models import Subscription
from moto.sqs.models import sqs_backends

from mall_platform.local_aws import lambdas
from mall_platform.local_aws.hooks import replace

log = logging.getLogger("local_aws")

_HTTP_DELAYS_S = (0.0, 0.5, 1.0)  # AWS tries for an hour
_HTTP_TIMEOUT_S = 15


class DeliveryError(Exception):
    """A message that a subscription's endpoint does not take."""


def install() -> None:
    @replace(Subscription, "publish", "message", "message_id", "message_structure")
    def publish(
        original: Any, self: Subscription, message: str, message_id: str, **options: Any
    ) -> None:
        if self.protocol not in ("lambda", "http", "https"):
            original(self, message, message_id, **options)
            return
        attributes = options.get("message_attributes")
        matcher = self._filter_policy_matcher
        if matcher is not None and not matcher.matches(attributes, message):
            return
        if options.get("message_structure") == "json":
            message = self._parse_message_structure(message, self.protocol)
        envelope = self.get_post_data(message, message_id, options.get("subject"), attributes)
        threading.Thread(
            target=_deliver, args=(self, envelope), name="sns-delivery", daemon=True
        ).start()


def _deliver(subscription: Subscription, envelope: dict[str, Any]) -> None:
    try:
        if subscription.protocol == "lambda":
            _to_lambda(subscription, envelope)
        else:
            _to_http(subscription, envelope)
    except DeliveryError as error:
        log.warning("SNS can't deliver to %s: %s", subscription.endpoint, error)
        _bury(subscription, envelope)
    except Exception:
        log.exception("SNS delivery to %s failed", subscription.endpoint)


def _to_lambda(subscription: Subscription, envelope: dict[str, Any]) -> None:
    _, _, _, region, account, _, name, *qualifier = subscription.endpoint.split(":")
    try:
        function = lambda_backends[account][region].get_function(name, *qualifier)
    except UnknownFunctionException as error:
        raise DeliveryError("no such function") from error
    if not lambdas.admits(function, "sns.amazonaws.com", subscription.topic.arn):
        raise DeliveryError("the function's policy does not admit the topic")
    lambdas.invoke_later(function, lambda_event(subscription, envelope))


def lambda_event(subscription: Subscription, envelope: dict[str, Any]) -> dict[str, Any]:
    """A notification as a Lambda function gets it."""
    message = {
        **{key: value for key, value in envelope.items() if not key.endswith("URL")},
        "Subject": envelope.get("Subject"),
        "SigningCertUrl": envelope["SigningCertURL"],
        "UnsubscribeUrl": envelope["UnsubscribeURL"],
        "MessageAttributes": envelope.get("MessageAttributes", {}),
    }
    record = {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription.arn,
        "Sns": message,
    }
    return {"Records": [record]}


def _to_http(subscription: Subscription, envelope: dict[str, Any]) -> None:
    raw = _is_true(subscription.attributes.get("RawMessageDelivery"))
    body = envelope["Message"] if raw else json.dumps(envelope)
    headers = {
        "Content-Type": "text/plain; charset=UTF-8",
        "User-Agent": "Amazon Simple Notification Service Agent",
        "x-amz-sns-message-type": envelope["Type"],
        "x-amz-sns-message-id": envelope["MessageId"],
        "x-amz-sns-topic-arn": subscription.topic.arn,
        "x-amz-sns-subscription-arn": subscription.arn,
        **({"x-amz-sns-rawdelivery": "true"} if raw else {}),
    }
    # The scheme is http or https: the subscription's protocol says so.
    request = urllib.request.Request(  # noqa: S310
        subscription.endpoint, data=body.encode(), headers=headers, method="POST"
    )
    failure = None
    for delay_s in _HTTP_DELAYS_S:
        time.sleep(delay_s)
        try:
            with urllib.request.urlopen(request, timeout=_HTTP_TIMEOUT_S):  # noqa: S310
                return
        except OSError as error:
            failure = error
            if isinstance(error, urllib.error.HTTPError) and error.code < 500:
                break
    raise DeliveryError(str(failure))


def _bury(subscription: Subscription, envelope: dict[str, Any]) -> None:
    """Sends an undeliverable message to the subscription's dead-letter queue, if it has one."""
    policy = subscription.attributes.get("RedrivePolicy")
    if not policy:
        return
    target = (json.loads(policy) if isinstance(policy, str) else policy)["deadLetterTargetArn"]
    _, _, _, region, account, name = target.split(":")
    sqs_backends[account][region].send_message(name, json.dumps(envelope))


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"
