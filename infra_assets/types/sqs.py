"""SQS queues."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from infra_assets.cloud import Cloud
from infra_assets.resource import Attributes, Live, Ref, Resource


@dataclass(frozen=True, kw_only=True)
class Queue(Resource):
    """A queue under an own key, with its policy of who may send, that keeps messages for days."""

    service: ClassVar[str] = "sqs"
    settles: ClassVar[tuple[tuple[str, str], ...]] = (
        ("AWS.SimpleQueueService.QueueDeletedRecently", ""),
        ("QueueDeletedRecently", ""),
    )

    key: Ref
    policy: dict[str, Any]
    retention_days: int

    def wanted(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "policy": self.policy,
            "retention_s": self.retention_days * 86400,
        }

    def find(self, cloud: Cloud) -> list[Live]:
        found = cloud.read(
            "sqs",
            "get_queue_url",
            QueueName=self.name,
            absent=("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"),
        )
        if found is None:
            return []
        url = found["QueueUrl"]
        values = cloud.read("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["All"])[
            "Attributes"
        ]
        attributes = {
            "key": values.get("KmsMasterKeyId"),
            "policy": json.loads(values.get("Policy", "null")),
            "retention_s": int(values["MessageRetentionPeriod"]),
            "tags": cloud.read("sqs", "list_queue_tags", QueueUrl=url).get("Tags", {}),
        }
        return [Live(self.name, attributes, arn=values["QueueArn"], outputs={"url": url})]

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        cloud.write(
            "sqs",
            "create_queue",
            QueueName=self.name,
            Attributes=_values(wanted),
            tags=wanted["tags"],
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        url = live.output("url")
        if changed - {"tags"}:
            cloud.write("sqs", "set_queue_attributes", QueueUrl=url, Attributes=_values(wanted))
        if "tags" in changed:
            cloud.write("sqs", "tag_queue", QueueUrl=url, Tags=wanted["tags"])

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("sqs", "delete_queue", QueueUrl=live.output("url"))


def _values(wanted: Attributes) -> dict[str, str]:
    return {
        "KmsMasterKeyId": wanted["key"],
        "Policy": json.dumps(wanted["policy"]),
        "MessageRetentionPeriod": str(wanted["retention_s"]),
    }
