"""CloudWatch alarms and dashboards."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from infra_assets.cloud import Cloud
from infra_assets.resource import Attributes, Live, Ref, Resource
from infra_assets.types.tagging import from_pairs, pairs

_SETTINGS = (
    "AlarmDescription",
    "Namespace",
    "MetricName",
    "Statistic",
    "Period",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "ComparisonOperator",
    "Threshold",
    "TreatMissingData",
    "Unit",
)
"""A metric has no data of a unit that it isn't published in, so an alarm has none of its own."""


@dataclass(frozen=True, kw_only=True)
class Alarm(Resource):
    """One metric against a threshold; a topic hears when it goes off and when it is over.

    It goes off once `of` of the last `of` periods are beyond the threshold.
    """

    service: ClassVar[str] = "cloudwatch"

    description: str
    namespace: str
    metric: str
    dimensions: dict[str, str | Ref] = field(default_factory=dict)
    statistic: Literal["Average", "Maximum", "Minimum", "Sum"]
    beyond: Literal[">=", ">", "<", "<="]
    threshold: float
    period_s: int = 60
    of: int = 1
    missing: Literal["breaching", "notBreaching", "ignore", "missing"] = "notBreaching"
    topic: Ref

    def wanted(self) -> dict[str, Any]:
        return {
            "settings": {
                "AlarmDescription": self.description,
                "Namespace": self.namespace,
                "MetricName": self.metric,
                "Statistic": self.statistic,
                "Period": self.period_s,
                "EvaluationPeriods": self.of,
                "DatapointsToAlarm": self.of,
                "ComparisonOperator": _OPERATORS[self.beyond],
                "Threshold": float(self.threshold),
                "TreatMissingData": self.missing,
            },
            "dimensions": self.dimensions,
            "tells": {"AlarmActions": [self.topic], "OKActions": [self.topic]},
            "enabled": True,
        }

    def find(self, cloud: Cloud) -> list[Live]:
        found = cloud.read("cloudwatch", "describe_alarms", AlarmTypes=["MetricAlarm"])
        alarms = found["MetricAlarms"]
        return [self._live(cloud, a) for a in alarms if a["AlarmName"] == self.name]

    def _live(self, cloud: Cloud, alarm: dict[str, Any]) -> Live:
        arn = alarm["AlarmArn"]
        tags = cloud.read("cloudwatch", "list_tags_for_resource", ResourceARN=arn)["Tags"]
        attributes = {
            "settings": {name: alarm.get(name) for name in _SETTINGS},
            "dimensions": from_pairs(alarm.get("Dimensions"), "Name"),
            "tells": {name: alarm.get(name) for name in ("AlarmActions", "OKActions")},
            "enabled": alarm["ActionsEnabled"],
            "tags": from_pairs(tags),
        }
        return Live(self.name, attributes, arn=arn)

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        self._put(cloud, wanted, Tags=pairs(wanted["tags"]))

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        if changed - {"tags"}:
            self._put(cloud, wanted)
        if "tags" in changed:
            tags = pairs(wanted["tags"])
            cloud.write("cloudwatch", "tag_resource", ResourceARN=live.arn, Tags=tags)

    def _put(self, cloud: Cloud, wanted: Attributes, **tags: Any) -> None:
        cloud.write(
            "cloudwatch",
            "put_metric_alarm",
            AlarmName=self.name,
            ActionsEnabled=wanted["enabled"],
            Dimensions=pairs(wanted["dimensions"], "Name"),
            **wanted["settings"],
            **wanted["tells"],
            **tags,
        )

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("cloudwatch", "delete_alarms", AlarmNames=[self.name])


_OPERATORS = {
    ">=": "GreaterThanOrEqualToThreshold",
    ">": "GreaterThanThreshold",
    "<": "LessThanThreshold",
    "<=": "LessThanOrEqualToThreshold",
}


@dataclass(frozen=True, kw_only=True)
class Dashboard(Resource):
    """A page of graphs. Its body is JSON that may hold references."""

    service: ClassVar[str] = "cloudwatch"
    tagged: ClassVar[bool] = False

    body: dict[str, Any]

    def wanted(self) -> dict[str, Any]:
        return {"body": self.body}

    def find(self, cloud: Cloud) -> list[Live]:
        found = cloud.read(
            "cloudwatch",
            "get_dashboard",
            DashboardName=self.name,
            absent=("ResourceNotFound", "DashboardNotFoundError"),
        )
        if found is None:
            return []
        attributes = {"body": json.loads(found["DashboardBody"])}
        return [Live(self.name, attributes, arn=found["DashboardArn"])]

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        cloud.write(
            "cloudwatch",
            "put_dashboard",
            DashboardName=self.name,
            DashboardBody=json.dumps(wanted["body"]),
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        self.create(cloud, wanted)

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("cloudwatch", "delete_dashboards", DashboardNames=[self.name])
