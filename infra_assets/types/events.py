"""EventBridge rules."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from infra_assets.cloud import Cloud
from infra_assets.resource import Attributes, Live, Ref, Resource
from infra_assets.types.tagging import from_pairs, pairs


@dataclass(frozen=True, kw_only=True)
class Rule(Resource):
    """Starts one target and nothing else, under a role, on every event of a pattern and at no
    other time."""

    service: ClassVar[str] = "events"
    sets: ClassVar[frozenset[str]] = frozenset({"targets"})

    description: str
    pattern: dict[str, Any]
    target: Ref
    role: Ref

    def wanted(self) -> dict[str, Any]:
        return {
            "description": self.description,
            "pattern": self.pattern,
            "schedule": None,
            "state": "ENABLED",
            "targets": [{"Id": "target", "Arn": self.target, "RoleArn": self.role}],
        }

    def find(self, cloud: Cloud) -> list[Live]:
        rule = cloud.read(
            "events", "describe_rule", Name=self.name, absent=("ResourceNotFoundException",)
        )
        if rule is None:
            return []
        arn = rule["Arn"]
        targets = cloud.read("events", "list_targets_by_rule", Rule=self.name)["Targets"]
        tags = cloud.read("events", "list_tags_for_resource", ResourceARN=arn)["Tags"]
        attributes = {
            "description": rule.get("Description"),
            "pattern": json.loads(rule.get("EventPattern", "{}")),
            "schedule": rule.get("ScheduleExpression"),
            "state": rule["State"],
            "targets": targets,
            "tags": from_pairs(tags),
        }
        return [Live(self.name, attributes, arn=arn)]

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        self._put(cloud, wanted, Tags=pairs(wanted["tags"]))

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        if changed & {"description", "pattern", "schedule", "state"}:
            self._put(cloud, wanted)
        if "targets" in changed:
            self._aim(cloud, live.attributes["targets"], wanted["targets"])
        if "tags" in changed:
            tags = pairs(wanted["tags"])
            cloud.write("events", "tag_resource", ResourceARN=live.arn, Tags=tags)

    def _aim(self, cloud: Cloud, now: list[Attributes], wanted: list[Attributes]) -> None:
        """A target that is put has nothing left of the one with its id."""
        ids = {target["Id"] for target in wanted}
        if surplus := sorted(target["Id"] for target in now if target["Id"] not in ids):
            cloud.write("events", "remove_targets", Rule=self.name, Ids=surplus)
        if wanted:
            cloud.write("events", "put_targets", Rule=self.name, Targets=wanted)

    def _put(self, cloud: Cloud, wanted: Attributes, **tags: Any) -> None:
        """What isn't put, as a schedule, is taken off."""
        cloud.write(
            "events",
            "put_rule",
            Name=self.name,
            Description=wanted["description"],
            EventPattern=json.dumps(wanted["pattern"]),
            State=wanted["state"],
            **tags,
        )

    def delete(self, cloud: Cloud, live: Live) -> None:
        self._aim(cloud, live.attributes["targets"], [])
        cloud.write("events", "delete_rule", Name=self.name)
