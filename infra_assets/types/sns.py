"""SNS topics and who hears them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from infra_assets.cloud import Cloud
from infra_assets.resource import Attributes, Live, Ref, Resource
from infra_assets.types.tagging import from_pairs, pairs


@dataclass(frozen=True, kw_only=True)
class Topic(Resource):
    """A topic under an own key, with its policy of who may publish."""

    service: ClassVar[str] = "sns"

    key: Ref
    policy: dict[str, Any]

    def wanted(self) -> dict[str, Any]:
        return {"key": self.key, "policy": self.policy}

    def find(self, cloud: Cloud) -> list[Live]:
        arn = cloud.spec.arn("sns", self.name)
        found = cloud.read("sns", "get_topic_attributes", TopicArn=arn, absent=("NotFound",))
        if found is None:
            return []
        values = found["Attributes"]
        tags = cloud.read("sns", "list_tags_for_resource", ResourceArn=arn)["Tags"]
        attributes = {
            "key": values.get("KmsMasterKeyId"),
            "policy": json.loads(values["Policy"]),
            "tags": from_pairs(tags),
        }
        return [Live(self.name, attributes, arn=arn)]

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        cloud.write("sns", "create_topic", Name=self.name, Tags=pairs(wanted["tags"]))

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        def put(name: str, value: str) -> None:
            cloud.write(
                "sns",
                "set_topic_attributes",
                TopicArn=live.arn,
                AttributeName=name,
                AttributeValue=value,
            )

        if "key" in changed:
            put("KmsMasterKeyId", wanted["key"])
        if "policy" in changed:
            put("Policy", json.dumps(wanted["policy"]))
        if "tags" in changed:
            tags = pairs(wanted["tags"])
            cloud.write("sns", "tag_resource", ResourceArn=live.arn, Tags=tags)

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("sns", "delete_topic", TopicArn=live.arn)


@dataclass(frozen=True, kw_only=True)
class Subscription(Resource):
    """A Lambda function that hears a topic; `name` is `<topic>:<function>`.

    It hears everything. A notification that can't be handed to the function at all goes to the
    queue of dead letters.
    """

    service: ClassVar[str] = "sns"
    tagged: ClassVar[bool] = False

    topic: Ref
    function: Ref
    dead_letters: Ref

    def wanted(self) -> dict[str, Any]:
        return {
            "topic": self.topic,
            "function": self.function,
            "redrive": {"deadLetterTargetArn": self.dead_letters},
            "filter": {},
        }

    def find(self, cloud: Cloud) -> list[Live]:
        topic, function = self.name.split(":")
        arn = cloud.spec.arn("lambda", f"function:{function}")
        found = cloud.read(
            "sns",
            "list_subscriptions_by_topic",
            TopicArn=cloud.spec.arn("sns", topic),
            absent=("NotFound",),
        )
        return [
            self._live(cloud, each["SubscriptionArn"])
            for each in (found or {"Subscriptions": ()})["Subscriptions"]
            if each["Endpoint"] == arn
        ]

    def _live(self, cloud: Cloud, arn: str) -> Live:
        values = cloud.read("sns", "get_subscription_attributes", SubscriptionArn=arn)["Attributes"]
        attributes = {
            "topic": values["TopicArn"],
            "function": values["Endpoint"],
            "redrive": json.loads(values.get("RedrivePolicy") or "null"),
            "filter": json.loads(values.get("FilterPolicy") or "{}"),
        }
        return Live(arn, attributes, arn=arn)

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        cloud.write(
            "sns",
            "subscribe",
            TopicArn=wanted["topic"],
            Protocol="lambda",
            Endpoint=wanted["function"],
            Attributes={"RedrivePolicy": json.dumps(wanted["redrive"])},
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        names = {"redrive": "RedrivePolicy", "filter": "FilterPolicy"}
        for attribute in sorted(changed & names.keys()):
            cloud.write(
                "sns",
                "set_subscription_attributes",
                SubscriptionArn=live.id,
                AttributeName=names[attribute],
                AttributeValue=json.dumps(wanted[attribute]),
            )

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("sns", "unsubscribe", SubscriptionArn=live.id)
