"""KMS keys and their aliases."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from infra_assets.cloud import Cloud
from infra_assets.resource import Attributes, Live, Ref, Resource
from infra_assets.types.tagging import from_pairs, pairs


@dataclass(frozen=True, kw_only=True)
class Key(Resource):
    """A symmetric key that rotates every year. KMS knows it by no name: the tags are its identity.

    Deleting schedules that for 30 days hence; applying within them brings the key back.
    """

    service: ClassVar[str] = "kms"
    holds_data: ClassVar[bool] = True

    description: str = ""
    policy: dict[str, Any]

    def wanted(self) -> dict[str, Any]:
        return {
            "description": self.description,
            "policy": self.policy,
            "rotation": True,
            "state": "Enabled",
        }

    def find(self, cloud: Cloud) -> list[Live]:
        ids = [key["KeyId"] for key in cloud.read("kms", "list_keys")["Keys"]]
        return [live for id in ids if (live := self._live(cloud, id)) is not None]

    def _live(self, cloud: Cloud, id: str) -> Live | None:
        listed = cloud.read(
            "kms", "list_resource_tags", KeyId=id, absent=("AccessDeniedException",)
        )
        tags = from_pairs(listed and listed["Tags"], "TagKey", "TagValue")
        if not cloud.is_tagged(self, tags):
            return None
        key = cloud.read("kms", "describe_key", KeyId=id)["KeyMetadata"]
        going = key["KeyState"] == "PendingDeletion"
        policy = cloud.read("kms", "get_key_policy", KeyId=id, PolicyName="default")
        rotation = None if going else cloud.read("kms", "get_key_rotation_status", KeyId=id)
        attributes = {
            "description": key["Description"],
            "policy": json.loads(policy["Policy"]),
            "rotation": rotation and rotation["KeyRotationEnabled"],
            "state": key["KeyState"],
            "tags": tags,
        }
        return Live(id, attributes, arn=key["Arn"], going=going)

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        cloud.write(
            "kms",
            "create_key",
            Description=wanted["description"],
            Policy=json.dumps(wanted["policy"]),
            Tags=pairs(wanted["tags"], "TagKey", "TagValue"),
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        if "state" in changed:
            if live.going:
                cloud.write("kms", "cancel_key_deletion", KeyId=live.id)
            cloud.write("kms", "enable_key", KeyId=live.id)
        if "description" in changed:
            text = wanted["description"]
            cloud.write("kms", "update_key_description", KeyId=live.id, Description=text)
        if "policy" in changed:
            text = json.dumps(wanted["policy"])
            cloud.write("kms", "put_key_policy", KeyId=live.id, PolicyName="default", Policy=text)
        if "rotation" in changed:
            cloud.write("kms", "enable_key_rotation", KeyId=live.id)
        if "tags" in changed:
            tags = pairs(wanted["tags"], "TagKey", "TagValue")
            cloud.write("kms", "tag_resource", KeyId=live.id, Tags=tags)

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("kms", "schedule_key_deletion", KeyId=live.id, PendingWindowInDays=30)

    def adopt(self, cloud: Cloud, id: str) -> None:
        tags = pairs(cloud.tags(self), "TagKey", "TagValue")
        cloud.write("kms", "tag_resource", KeyId=id, Tags=tags)


@dataclass(frozen=True, kw_only=True)
class Alias(Resource):
    """The name that people see a key under; `name` starts with `alias/`."""

    service: ClassVar[str] = "kms"
    tagged: ClassVar[bool] = False

    key: Ref

    def wanted(self) -> dict[str, Any]:
        return {"key": self.key}

    def find(self, cloud: Cloud) -> list[Live]:
        return [
            Live(self.name, {"key": alias.get("TargetKeyId")}, arn=alias["AliasArn"])
            for alias in cloud.read("kms", "list_aliases")["Aliases"]
            if alias["AliasName"] == self.name
        ]

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        cloud.write("kms", "create_alias", AliasName=self.name, TargetKeyId=wanted["key"])

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        cloud.write("kms", "update_alias", AliasName=self.name, TargetKeyId=wanted["key"])

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("kms", "delete_alias", AliasName=self.name)
