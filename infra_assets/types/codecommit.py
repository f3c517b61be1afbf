"""CodeCommit repositories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from infra_assets.cloud import Cloud
from infra_assets.resource import Attributes, Live, Ref, Resource


@dataclass(frozen=True, kw_only=True)
class Repository(Resource):
    """A repository under an own key."""

    service: ClassVar[str] = "codecommit"
    holds_data: ClassVar[bool] = True

    description: str
    key: Ref

    def wanted(self) -> dict[str, Any]:
        return {"description": self.description, "key": self.key}

    def find(self, cloud: Cloud) -> list[Live]:
        found = cloud.read(
            "codecommit",
            "get_repository",
            repositoryName=self.name,
            absent=("RepositoryDoesNotExistException",),
        )
        if found is None:
            return []
        repository = found["repositoryMetadata"]
        arn = repository["Arn"]
        attributes = {
            "description": repository.get("repositoryDescription", ""),
            "key": repository.get("kmsKeyId"),
            "tags": cloud.read("codecommit", "list_tags_for_resource", resourceArn=arn)["tags"],
        }
        return [Live(self.name, attributes, arn=arn)]

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        cloud.write(
            "codecommit",
            "create_repository",
            repositoryName=self.name,
            repositoryDescription=wanted["description"],
            kmsKeyId=wanted["key"],
            tags=wanted["tags"],
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        if "description" in changed:
            cloud.write(
                "codecommit",
                "update_repository_description",
                repositoryName=self.name,
                repositoryDescription=wanted["description"],
            )
        if "key" in changed:
            cloud.write(
                "codecommit",
                "update_repository_encryption_key",
                repositoryName=self.name,
                kmsKeyId=wanted["key"],
            )
        if "tags" in changed:
            cloud.write(
                "codecommit", "tag_resource", resourceArn=live.arn, tags=dict(wanted["tags"])
            )

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("codecommit", "delete_repository", repositoryName=self.name)
