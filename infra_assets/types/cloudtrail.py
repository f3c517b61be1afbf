"""The audit trail of everything done through AWS's API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from infra_assets.cloud import Cloud
from infra_assets.resource import Attributes, Live, Ref, Resource, Setting
from infra_assets.types.tagging import from_pairs, pairs

_PARAMETERS = {
    "bucket": "S3BucketName",
    "prefix": "S3KeyPrefix",
    "key": "KmsKeyId",
    "topic": "SnsTopicName",
    "log_group": "CloudWatchLogsLogGroupArn",
    "log_role": "CloudWatchLogsRoleArn",
    "all_regions": "IsMultiRegionTrail",
    "global_services": "IncludeGlobalServiceEvents",
    "digests": "EnableLogFileValidation",
}


@dataclass(frozen=True, kw_only=True)
class Trail(Resource):
    """A trail over all regions into a bucket, with digests that show whether a file was changed.

    It has no prefix, key, topic or log group of its own, and looks for nothing unusual.
    """

    service: ClassVar[str] = "cloudtrail"

    bucket: Ref

    def wanted(self) -> dict[str, Any]:
        return {
            "bucket": self.bucket,
            "prefix": "",
            "key": "",
            "topic": "",
            "log_group": "",
            "log_role": "",
            "all_regions": True,
            "global_services": True,
            "digests": True,
            "insights": False,
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
            "prefix": trail.get("S3KeyPrefix", ""),
            "key": trail.get("KmsKeyId", ""),
            "topic": trail.get("SnsTopicARN", ""),
            "log_group": trail.get("CloudWatchLogsLogGroupArn", ""),
            "log_role": trail.get("CloudWatchLogsRoleArn", ""),
            "all_regions": trail["IsMultiRegionTrail"],
            "global_services": trail["IncludeGlobalServiceEvents"],
            "digests": trail["LogFileValidationEnabled"],
            "insights": trail["HasInsightSelectors"],
            "on": cloud.read("cloudtrail", "get_trail_status", Name=arn)["IsLogging"],
            "tags": from_pairs(tags[0]["TagsList"] if tags else ()),
        }
        return Live(self.name, attributes, arn=arn)

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        content = {name: wanted[attribute] for attribute, name in _PARAMETERS.items()}
        cloud.write(
            "cloudtrail",
            "create_trail",
            Name=self.name,
            TagsList=pairs(wanted["tags"]),
            **{name: value for name, value in content.items() if value != ""},
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        if content := {_PARAMETERS[name]: wanted[name] for name in changed & _PARAMETERS.keys()}:
            cloud.write("cloudtrail", "update_trail", Name=self.name, **content)
        if "insights" in changed:
            cloud.write(
                "cloudtrail", "put_insight_selectors", TrailName=live.arn, InsightSelectors=[]
            )
        if "on" in changed:
            verb = "start_logging" if wanted["on"] else "stop_logging"
            cloud.write("cloudtrail", verb, Name=live.arn)
        if "tags" in changed:
            tags = pairs(wanted["tags"])
            cloud.write("cloudtrail", "add_tags", ResourceId=live.arn, TagsList=tags)

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
