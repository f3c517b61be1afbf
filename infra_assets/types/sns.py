"""SNS topics."""

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
