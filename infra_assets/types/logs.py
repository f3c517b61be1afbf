"""CloudWatch log groups and streams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from infra_assets.cloud import Cloud
from infra_assets.resource import Attributes, Live, Ref, Resource, Setting


@dataclass(frozen=True, kw_only=True)
class LogGroup(Resource):
    """A log group whose events are kept for `retention_days`."""

    service: ClassVar[str] = "logs"

    retention_days: int

    def wanted(self) -> dict[str, Any]:
        return {"retention_days": self.retention_days}

    def find(self, cloud: Cloud) -> list[Live]:
        groups = cloud.read("logs", "describe_log_groups", logGroupNamePrefix=self.name)
        return [
            self._live(cloud, group)
            for group in groups["logGroups"]
            if group["logGroupName"] == self.name
        ]

    def _live(self, cloud: Cloud, group: dict[str, Any]) -> Live:
        arn = group["arn"].removesuffix(":*")
        attributes = {"retention_days": group.get("retentionInDays")}
        if self.tagged:
            found = cloud.read("logs", "list_tags_for_resource", resourceArn=arn)
            attributes["tags"] = found["tags"]
        return Live(self.name, attributes, arn=arn)

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        tags = {"tags": dict(wanted["tags"])} if self.tagged else {}
        cloud.write("logs", "create_log_group", logGroupName=self.name, **tags)

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        if "retention_days" in changed:
            days = wanted["retention_days"]
            cloud.write(
                "logs", "put_retention_policy", logGroupName=self.name, retentionInDays=days
            )
        if "tags" in changed:
            tags = dict(wanted["tags"])
            cloud.write("logs", "tag_resource", resourceArn=live.output("arn"), tags=tags)

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("logs", "delete_log_group", logGroupName=self.name)


@dataclass(frozen=True, kw_only=True)
class SharedLogGroup(LogGroup, Setting):
    """A log group that a service writes to for all of an account, by a name of its own.

    It's nobody's: it has no tags, since each environment would give it others, and stays when an
    environment goes. All that it is given is an end to its events.
    """

    tagged: ClassVar[bool] = False

    def delete(self, cloud: Cloud, live: Live) -> None:
        """Others write to it."""


@dataclass(frozen=True, kw_only=True)
class LogStream(Resource):
    """One stream of a log group, for services that don't make their own; `name` is group:stream."""

    service: ClassVar[str] = "logs"
    tagged: ClassVar[bool] = False

    group: Ref

    def wanted(self) -> dict[str, Any]:
        return {"group": self.group}

    def find(self, cloud: Cloud) -> list[Live]:
        group, name = self.name.rsplit(":", 1)
        found = cloud.read(
            "logs",
            "describe_log_streams",
            logGroupName=group,
            logStreamNamePrefix=name,
            absent=("ResourceNotFoundException",),
        )
        return [
            Live(name, {"group": group}, arn=stream["arn"])
            for stream in (found or {"logStreams": ()})["logStreams"]
            if stream["logStreamName"] == name
        ]

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        name = self.name.rsplit(":", 1)[1]
        cloud.write("logs", "create_log_stream", logGroupName=wanted["group"], logStreamName=name)

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        """Nothing of a stream can differ."""

    def delete(self, cloud: Cloud, live: Live) -> None:
        group = live.attributes["group"]
        cloud.write("logs", "delete_log_stream", logGroupName=group, logStreamName=live.id)
