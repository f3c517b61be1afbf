"""CodeCommit: what moto lacks of repositories: listing, tags, changes of name, description, key
and default branch. Commits are not emulated."""

from __future__ import annotations

from typing import Any

from moto.codecommit.exceptions import (
    RepositoryDoesNotExistException,
    RepositoryNameExistsException,
)
from moto.codecommit.models import CodeCommit
from moto.codecommit.responses import CodeCommitResponse
from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import iso_8601_datetime_with_milliseconds

from mall_platform.local_aws.hooks import operation, replace


def install() -> None:
    _hook_create()
    _add_changes()
    _add_tags()


def _hook_create() -> None:
    @replace(CodeCommitResponse, "create_repository")
    def create_repository(original: Any, self: CodeCommitResponse) -> Any:
        answer = original(self)
        repository = _repository(self, self._get_param("repositoryName"))
        repository.tags = dict(self._get_param("tags") or {})
        if key := self._get_param("kmsKeyId"):
            repository.repository_metadata["kmsKeyId"] = key
        return answer


def _add_changes() -> None:
    @operation(CodeCommitResponse)
    def list_repositories(self: CodeCommitResponse) -> ActionResult:
        found = self.codecommit_backend.repositories.values()
        metadata = [repository.repository_metadata for repository in found]
        shown = [
            {"repositoryName": each["repositoryName"], "repositoryId": each["repositoryId"]}
            for each in metadata
        ]
        return ActionResult({"repositories": shown})

    @operation(CodeCommitResponse)
    def update_repository_description(self: CodeCommitResponse) -> ActionResult:
        description = self._get_param("repositoryDescription") or ""
        _change(_repository(self), repositoryDescription=description)
        return EmptyResult()

    @operation(CodeCommitResponse)
    def update_repository_encryption_key(self: CodeCommitResponse) -> ActionResult:
        repository = _repository(self)
        original = repository.repository_metadata.get("kmsKeyId")
        _change(repository, kmsKeyId=self._get_param("kmsKeyId"))
        shown = {
            "repositoryId": repository.repository_metadata["repositoryId"],
            "kmsKeyId": self._get_param("kmsKeyId"),
            "originalKmsKeyId": original,
        }
        return ActionResult(shown)

    @operation(CodeCommitResponse)
    def update_default_branch(self: CodeCommitResponse) -> ActionResult:
        _change(_repository(self), defaultBranch=self._get_param("defaultBranchName"))
        return EmptyResult()

    @operation(CodeCommitResponse)
    def update_repository_name(self: CodeCommitResponse) -> ActionResult:
        old, new = self._get_param("oldName"), self._get_param("newName")
        repositories = self.codecommit_backend.repositories
        repository = _repository(self, old)
        if new in repositories:
            raise RepositoryNameExistsException(new)
        repositories[new] = repositories.pop(old)
        metadata = repository.repository_metadata
        renamed = {
            key: metadata[key].removesuffix(old) + new
            for key in ("cloneUrlSsh", "cloneUrlHttp", "Arn")
        }
        _change(repository, repositoryName=new, **renamed)
        return EmptyResult()


def _add_tags() -> None:
    @operation(CodeCommitResponse)
    def list_tags_for_resource(self: CodeCommitResponse) -> ActionResult:
        return ActionResult({"tags": _tagged(self).tags})

    @operation(CodeCommitResponse)
    def tag_resource(self: CodeCommitResponse) -> ActionResult:
        _tagged(self).tags.update(self._get_param("tags"))
        return EmptyResult()

    @operation(CodeCommitResponse)
    def untag_resource(self: CodeCommitResponse) -> ActionResult:
        for key in self._get_param("tagKeys"):
            _tagged(self).tags.pop(key, None)
        return EmptyResult()


def _repository(responses: CodeCommitResponse, name: str | None = None) -> CodeCommit:
    name = name or responses._get_param("repositoryName")
    repository = responses.codecommit_backend.repositories.get(name)
    if repository is None:
        raise RepositoryDoesNotExistException(name)
    return repository


def _tagged(responses: CodeCommitResponse) -> CodeCommit:
    return _repository(responses, responses._get_param("resourceArn").rpartition(":")[2])


def _change(repository: CodeCommit, **changes: str) -> None:
    repository.repository_metadata |= changes
    repository.repository_metadata["lastModifiedDate"] = iso_8601_datetime_with_milliseconds()
