"""CodeBuild projects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from infra_assets.cloud import Cloud
from infra_assets.resource import Attributes, Live, Ref, Resource
from infra_assets.types.tagging import from_pairs, pairs


@dataclass(frozen=True, kw_only=True)
class Project(Resource):
    """A project that builds what a pipeline hands it, and nothing besides, by the source's
    `buildspec.yml`."""

    service: ClassVar[str] = "codebuild"
    settles: ClassVar[tuple[tuple[str, str], ...]] = (
        ("InvalidInputException", "is not authorized to perform: sts:AssumeRole"),
    )

    role: Ref
    key: Ref
    image: str
    log_group: Ref
    timeout_minutes: int = 15

    def wanted(self) -> dict[str, Any]:
        return {
            "role": self.role,
            "key": self.key,
            "source": {"type": "CODEPIPELINE"},
            "buildspec": "",
            "more_sources": [],
            "artifacts": {"type": "CODEPIPELINE"},
            "environment": {
                "type": "ARM_CONTAINER",
                "image": self.image,
                "computeType": "BUILD_GENERAL1_SMALL",
                "privilegedMode": False,
            },
            "variables": [],
            "log_group": self.log_group,
            "timeout_minutes": self.timeout_minutes,
        }

    def find(self, cloud: Cloud) -> list[Live]:
        found = cloud.read("codebuild", "batch_get_projects", names=[self.name])["projects"]
        return [self._live(project) for project in found]

    def _live(self, project: dict[str, Any]) -> Live:
        environment = project["environment"]
        logs = project.get("logsConfig", {}).get("cloudWatchLogs", {})
        attributes = {
            "role": project["serviceRole"],
            "key": project.get("encryptionKey"),
            "source": {"type": project["source"]["type"]},
            "buildspec": project["source"].get("buildspec", ""),
            "more_sources": project.get("secondarySources", []),
            "artifacts": {"type": project["artifacts"]["type"]},
            "environment": {
                name: environment.get(name)
                for name in ("type", "image", "computeType", "privilegedMode")
            },
            "variables": environment.get("environmentVariables", []),
            "log_group": logs.get("groupName") if logs.get("status") == "ENABLED" else None,
            "timeout_minutes": project.get("timeoutInMinutes"),
            "tags": from_pairs(project.get("tags"), "key", "value"),
        }
        return Live(self.name, attributes, arn=project["arn"])

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        self._put(cloud, "create_project", wanted, wanted["tags"])

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        """Tags go with the rest, and those left out are lost: other people's are repeated."""
        tags = {**live.attributes["tags"], **wanted["tags"]}
        self._put(cloud, "update_project", wanted, tags)

    def _put(self, cloud: Cloud, operation: str, wanted: Attributes, tags: dict[str, str]) -> None:
        cloud.write(
            "codebuild",
            operation,
            name=self.name,
            serviceRole=wanted["role"],
            encryptionKey=wanted["key"],
            source={**wanted["source"], "buildspec": wanted["buildspec"]},
            secondarySources=wanted["more_sources"],
            artifacts=wanted["artifacts"],
            environment={
                **wanted["environment"],
                "environmentVariables": wanted["variables"],
            },
            timeoutInMinutes=wanted["timeout_minutes"],
            logsConfig={"cloudWatchLogs": {"status": "ENABLED", "groupName": wanted["log_group"]}},
            tags=pairs(tags, "key", "value"),
        )

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("codebuild", "delete_project", name=self.name)
