"""Athena workgroups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from infra_assets.cloud import Cloud
from infra_assets.resource import Attributes, Live, Ref, Resource
from infra_assets.types.tagging import from_pairs, pairs

_NOTHING_BESIDES = {"RemoveAclConfiguration": True, "RemoveExpectedBucketOwner": True}
"""An update leaves what it doesn't speak of."""


@dataclass(frozen=True, kw_only=True)
class WorkGroup(Resource):
    """A workgroup that decides for its queries where results go, how they're encrypted, and how
    many bytes one of them may scan."""

    service: ClassVar[str] = "athena"

    results: str
    key: Ref
    scan_limit_bytes: int

    def wanted(self) -> dict[str, Any]:
        return {
            "results": {
                "OutputLocation": self.results,
                "EncryptionConfiguration": {"EncryptionOption": "SSE_KMS", "KmsKey": self.key},
            },
            "enforced": True,
            "metrics": True,
            "scan_limit_bytes": self.scan_limit_bytes,
            "engine": "Athena engine version 3",
            "state": "ENABLED",
        }

    def find(self, cloud: Cloud) -> list[Live]:
        listed = cloud.read("athena", "list_work_groups")["WorkGroups"]
        if self.name not in {group["Name"] for group in listed}:
            return []
        arn = cloud.spec.arn("athena", f"workgroup/{self.name}")
        group = cloud.read("athena", "get_work_group", WorkGroup=self.name)["WorkGroup"]
        settings = group["Configuration"]
        tags = cloud.read("athena", "list_tags_for_resource", ResourceARN=arn)["Tags"]
        attributes = {
            "results": settings.get("ResultConfiguration"),
            "enforced": settings.get("EnforceWorkGroupConfiguration"),
            "metrics": settings.get("PublishCloudWatchMetricsEnabled"),
            "scan_limit_bytes": settings.get("BytesScannedCutoffPerQuery"),
            "engine": settings.get("EngineVersion", {}).get("SelectedEngineVersion"),
            "state": group["State"],
            "tags": from_pairs(tags),
        }
        return [Live(self.name, attributes, arn=arn)]

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        cloud.write(
            "athena",
            "create_work_group",
            Name=self.name,
            Configuration={
                "ResultConfiguration": wanted["results"],
                "EnforceWorkGroupConfiguration": wanted["enforced"],
                "PublishCloudWatchMetricsEnabled": wanted["metrics"],
                "BytesScannedCutoffPerQuery": wanted["scan_limit_bytes"],
                "EngineVersion": {"SelectedEngineVersion": wanted["engine"]},
            },
            Tags=pairs(wanted["tags"]),
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        if changed - {"tags"}:
            cloud.write(
                "athena",
                "update_work_group",
                WorkGroup=self.name,
                State=wanted["state"],
                ConfigurationUpdates={
                    "ResultConfigurationUpdates": {**_NOTHING_BESIDES, **wanted["results"]},
                    "EnforceWorkGroupConfiguration": wanted["enforced"],
                    "PublishCloudWatchMetricsEnabled": wanted["metrics"],
                    "BytesScannedCutoffPerQuery": wanted["scan_limit_bytes"],
                    "EngineVersion": {"SelectedEngineVersion": wanted["engine"]},
                },
            )
        if "tags" in changed:
            tags = pairs(wanted["tags"])
            cloud.write("athena", "tag_resource", ResourceARN=live.arn, Tags=tags)

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("athena", "delete_work_group", WorkGroup=self.name, RecursiveDeleteOption=True)
