"""KMS keys, their rotation and their aliases."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from infra_assets.cloud import Cloud
from infra_assets.resource import Attributes, Live, Ref, Resource, Setting
from infra_assets.types.tagging import from_pairs, pairs


@dataclass(frozen=True, kw_only=True)
class Key(Resource):
    """A symmetric key. KMS knows it by no name: the tags are its identity.

    Deleting schedules that for 30 days hence; applying within them brings the key back.
    """

    service: ClassVar[str] = "kms"
    holds_data: ClassVar[bool] = True

    description: str = ""
    policy: dict[str, Any]

    def wanted(self) -> dict[str, Any]:
        return {"description": self.description, "policy": self.policy, "state": "Enabled"}

    def find(self, cloud: Cloud) -> list[Live]:
        known = {arn.rpartition("/")[2]: tags for arn, tags in cloud.tagged("kms:key").items()}
        ours = self._ours(cloud, known) or self._ours(cloud, _other_keys(cloud, known))
        return [live for id, tags in ours.items() if (live := self._live(cloud, id, tags))]

    def _ours(self, cloud: Cloud, keys: Mapping[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        return {id: tags for id, tags in keys.items() if cloud.is_tagged(self, tags)}

    def _live(self, cloud: Cloud, id: str, tags: dict[str, str]) -> Live | None:
        found = cloud.read("kms", "describe_key", KeyId=id, absent=("NotFoundException",))
        if found is None:
            return None
        key = found["KeyMetadata"]
        policy = cloud.read("kms", "get_key_policy", KeyId=id, PolicyName="default")
        attributes = {
            "description": key["Description"],
            "policy": json.loads(policy["Policy"]),
            "state": key["KeyState"],
            "tags": tags,
        }
        going = key["KeyState"] == "PendingDeletion"
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
        if "tags" in changed:
            tags = pairs(wanted["tags"], "TagKey", "TagValue")
            cloud.write("kms", "tag_resource", KeyId=live.id, Tags=tags)

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("kms", "schedule_key_deletion", KeyId=live.id, PendingWindowInDays=30)

    def adopt(self, cloud: Cloud, id: str) -> None:
        tags = pairs(cloud.tags(self), "TagKey", "TagValue")
        cloud.write("kms", "tag_resource", KeyId=id, Tags=tags)


def _other_keys(cloud: Cloud, known: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The tags of the account's keys that aren't known: a new one's are here at once."""
    found = {}
    for id in {key["KeyId"] for key in cloud.read("kms", "list_keys")["Keys"]} - known.keys():
        listed = cloud.read(
            "kms", "list_resource_tags", KeyId=id, absent=("AccessDeniedException",)
        )
        found[id] = from_pairs(listed and listed["Tags"], "TagKey", "TagValue")
    return found


@dataclass(frozen=True, kw_only=True)
class Rotation(Setting):
    """New key material every year, for the key whose name it has."""

    service: ClassVar[str] = "kms"

    def wanted(self) -> dict[str, Any]:
        return {"rotation": True}

    def find(self, cloud: Cloud) -> list[Live]:
        key = cloud.live(Key.former(self.name))
        if key is None or key.going:
            return []
        status = cloud.read("kms", "get_key_rotation_status", KeyId=key.id)
        return [Live(key.id, {"rotation": status["KeyRotationEnabled"]})]

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        cloud.write("kms", "enable_key_rotation", KeyId=live.id)


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
