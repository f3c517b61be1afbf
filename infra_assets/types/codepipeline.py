"""CodePipeline pipelines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from infra_assets.cloud import Cloud
from infra_assets.resource import Attributes, Live, Ref, Resource
from infra_assets.types.tagging import from_pairs, pairs


@dataclass(frozen=True, kw_only=True)
class Pipeline(Resource):
    """A branch's commits, built and deployed one after the other; what lies in between is kept in
    a bucket under an own key. Another resource starts it (`events.Rule`)."""

    service: ClassVar[str] = "codepipeline"
    settles: ClassVar[tuple[tuple[str, str], ...]] = (
        ("InvalidStructureException", "not authorized"),
    )

    role: Ref
    bucket: Ref
    key: Ref
    repository: Ref
    branch: str
    project: Ref
    application: Ref
    deployment_group: Ref

    def wanted(self) -> dict[str, Any]:
        return {
            "role": self.role,
            "store": {
                "type": "S3",
                "location": self.bucket,
                "encryptionKey": {"id": self.key, "type": "KMS"},
            },
            "stages": [
                _stage(
                    "Source",
                    "CodeCommit",
                    {
                        "RepositoryName": self.repository,
                        "BranchName": self.branch,
                        "PollForSourceChanges": "false",
                    },
                    makes="Source",
                ),
                _stage(
                    "Build",
                    "CodeBuild",
                    {"ProjectName": self.project},
                    takes="Source",
                    makes="Bundle",
                ),
                _stage(
                    "Deploy",
                    "CodeDeploy",
                    {
                        "ApplicationName": self.application,
                        "DeploymentGroupName": self.deployment_group,
                    },
                    takes="Bundle",
                ),
            ],
            "type": "V2",
            "mode": "SUPERSEDED",
        }

    def find(self, cloud: Cloud) -> list[Live]:
        found = cloud.read(
            "codepipeline", "get_pipeline", name=self.name, absent=("PipelineNotFoundException",)
        )
        if found is None:
            return []
        pipeline, arn = found["pipeline"], found["metadata"]["pipelineArn"]
        store = pipeline.get("artifactStore", {})
        tags = cloud.read("codepipeline", "list_tags_for_resource", resourceArn=arn)["tags"]
        attributes = {
            "role": pipeline["roleArn"],
            "store": {name: store.get(name) for name in ("type", "location", "encryptionKey")},
            "stages": [_shown(stage) for stage in pipeline["stages"]],
            "type": pipeline.get("pipelineType"),
            "mode": pipeline.get("executionMode"),
            "tags": from_pairs(tags, "key", "value"),
        }
        return [Live(self.name, attributes, arn=arn)]

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        cloud.write(
            "codepipeline",
            "create_pipeline",
            pipeline=self._definition(wanted),
            tags=pairs(wanted["tags"], "key", "value"),
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        if changed - {"tags"}:
            cloud.write("codepipeline", "update_pipeline", pipeline=self._definition(wanted))
        if "tags" in changed:
            tags = pairs(wanted["tags"], "key", "value")
            cloud.write("codepipeline", "tag_resource", resourceArn=live.arn, tags=tags)

    def _definition(self, wanted: Attributes) -> dict[str, Any]:
        return {
            "name": self.name,
            "roleArn": wanted["role"],
            "artifactStore": wanted["store"],
            "stages": wanted["stages"],
            "pipelineType": wanted["type"],
            "executionMode": wanted["mode"],
        }

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("codepipeline", "delete_pipeline", name=self.name)


def _stage(
    name: str,
    provider: str,
    configuration: dict[str, Any],
    *,
    takes: str | None = None,
    makes: str | None = None,
) -> dict[str, Any]:
    return {
        "name": name,
        "actions": [
            {
                "name": name,
                "actionTypeId": {
                    "category": name,
                    "owner": "AWS",
                    "provider": provider,
                    "version": "1",
                },
                "configuration": configuration,
                "inputArtifacts": [{"name": takes}] if takes else [],
                "outputArtifacts": [{"name": makes}] if makes else [],
            }
        ],
    }


def _shown(stage: dict[str, Any]) -> dict[str, Any]:
    """A stage without what AWS adds to it."""
    keys = ("name", "actionTypeId", "configuration", "inputArtifacts", "outputArtifacts")
    return {
        "name": stage["name"],
        "actions": [{key: action.get(key) for key in keys} for action in stage["actions"]],
    }
