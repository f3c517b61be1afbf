"""Secrets that the platform makes up itself."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, ClassVar

from infra_assets.cloud import Cloud
from infra_assets.resource import Attributes, Live, Ref, Resource
from infra_assets.types.tagging import from_pairs, pairs


@dataclass(frozen=True, kw_only=True)
class GeneratedSecret(Resource):
    """A secret of 64 random hexadecimal characters, made once and never changed or read here.

    Its value is no attribute, so no diff, log or plan can show it.
    """

    service: ClassVar[str] = "secretsmanager"
    holds_data: ClassVar[bool] = True

    description: str = ""
    key: Ref

    def wanted(self) -> dict[str, Any]:
        return {"description": self.description, "key": self.key, "scheduled_for_deletion": False}

    def find(self, cloud: Cloud) -> list[Live]:
        found = cloud.read(
            "secretsmanager",
            "describe_secret",
            SecretId=self.name,
            absent=("ResourceNotFoundException",),
        )
        if found is None:
            return []
        going = "DeletedDate" in found
        attributes = {
            "description": found.get("Description", ""),
            "key": found.get("KmsKeyId"),
            "scheduled_for_deletion": going,
            "tags": from_pairs(found.get("Tags")),
        }
        return [Live(self.name, attributes, arn=found["ARN"], going=going)]

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        cloud.write(
            "secretsmanager",
            "create_secret",
            Name=self.name,
            Description=wanted["description"],
            KmsKeyId=wanted["key"],
            SecretString=secrets.token_hex(32),
            Tags=pairs(wanted["tags"]),
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        if "scheduled_for_deletion" in changed:
            cloud.write("secretsmanager", "restore_secret", SecretId=self.name)
        if changed & {"description", "key"}:
            cloud.write(
                "secretsmanager",
                "update_secret",
                SecretId=self.name,
                Description=wanted["description"],
                KmsKeyId=wanted["key"],
            )
        if "tags" in changed:
            tags = pairs(wanted["tags"])
            cloud.write("secretsmanager", "tag_resource", SecretId=self.name, Tags=tags)

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("secretsmanager", "delete_secret", SecretId=self.name, RecoveryWindowInDays=30)
