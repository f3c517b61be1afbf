"""The audit trail of everything done through AWS's API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from infra_assets.cloud import Cloud
from infra_assets.resource import Attributes, Live, Ref, Resource, Setting
from infra_assets.types.tagging import from_pairs, pairs


@dataclass(frozen=True, kw_only=True)
class Trail(Resource):
    """A trail over all regions into a bucket, with digests that show whether a file was changed."""

    service: ClassVar[str] = "cloudtrail"

    bucket: Ref

    def wanted(self) -> dict[str, Any]:
        return {
            "bucket": self.bucket,
            "all_regions": True,
            "global_services": True,
            "digests": True,
            "on": True,
        }

    def find(self, cloud: Cloud) -> list[Live]:
        found = cloud.read("cloudtrail", "describe_trails")["trailList"]
        return [self._live(cloud, trail) for trail in found if trail["Name"] == self.name]

    def _live(self, cloud: Cloud, trail: dict[str, Any]) -> Live:
        arn = trail["TrailARN"]
        tags = cloud.read("cloudtrail", "list_tags", ResourceIdList=[arn])["ResourceTagList"]
        attributes = {
            "bucket": trail["S3BucketName"],
            "all_regions": trail["IsMultiRegionTrail"],
            "global_services": trail["IncludeGlobalServiceEvents"],
            "digests": trail["LogFileValidationEnabled"],
            "on": cloud.read("cloudtrail", "get_trail_status", Name=arn)["IsLogging"],
            "tags": from_pairs(tags[0]["TagsList"] if tags else ()),
        }
        return Live(self.name, attributes, arn=arn)

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        tags = pairs(wanted["tags"])
        cloud.write("cloudtrail", "create_trail", **self._content(wanted), TagsList=tags)

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        if changed & {"bucket", "all_regions", "global_services", "digests"}:
            cloud.write("cloudtrail", "update_trail", **self._content(wanted))
        if "on" in changed:
            verb = "start_logging" if wanted["on"] else "stop_logging"
            cloud.write("cloudtrail", verb, Name=live.arn)
        if "tags" in changed:
            tags = pairs(wanted["tags"])
            cloud.write("cloudtrail", "add_tags", ResourceId=live.arn, TagsList=tags)

    def _content(self, wanted: Attributes) -> dict[str, Any]:
        return {
            "Name": self.name,
            "S3BucketName": wanted["bucket"],
            "IsMultiRegionTrail": wanted["all_regions"],
            "IncludeGlobalServiceEvents": wanted["global_services"],
            "EnableLogFileValidation": wanted["digests"],
        }

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("cloudtrail", "delete_trail", Name=self.name)


@dataclass(frozen=True, kw_only=True)
class DataEvents(Setting):
    """Has the trail whose name it has record every access to an object in some buckets, besides
    whatever is done through AWS's API."""

    service: ClassVar[str] = "cloudtrail"
    sets: ClassVar[frozenset[str]] = frozenset({"selectors"})

    buckets: tuple[str, ...]

    def wanted(self) -> dict[str, Any]:
        objects = [f"arn:aws:s3:::{bucket}/" for bucket in self.buckets]
        return {
            "selectors": [
                {
                    "ReadWriteType": "All",
                    "IncludeManagementEvents": True,
                    "ExcludeManagementEventSources": [],
                    "DataResources": [{"Type": "AWS::S3::Object", "Values": sorted(objects)}],
                }
            ]
        }

    def find(self, cloud: Cloud) -> list[Live]:
        found = cloud.read(
            "cloudtrail",
            "get_event_selectors",
            TrailName=self.name,
            absent=("TrailNotFoundException",),
        )
        if found is None:
            return []
        selectors = [
            {"ExcludeManagementEventSources": [], **selector, "DataResources": _sorted(selector)}
            for selector in found.get("EventSelectors", ())
        ]
        return [Live(self.name, {"selectors": selectors}, arn=found["TrailARN"])]

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        cloud.write(
            "cloudtrail",
            "put_event_selectors",
            TrailName=live.arn,
            EventSelectors=wanted["selectors"],
        )


def _sorted(selector: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {**resources, "Values": sorted(resources["Values"])}
        for resources in selector.get("DataResources", ())
    ]
