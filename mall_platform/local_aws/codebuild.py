"""CodeBuild: projects keep all that is given, can be updated, and may take source and artifacts
from CodePipeline. Builds run nothing: they succeed."""

from __future__ import annotations

import json
from typing import Any

from moto.codebuild import responses as codebuild_responses
from moto.codebuild.exceptions import ResourceNotFoundException
from moto.codebuild.models import CodeBuild
from moto.codebuild.responses import CodeBuildResponse
from moto.core.responses import ActionResult
from moto.core.utils import unix_time

from mall_platform.local_aws.hooks import HookError, operation, replace

_DEFAULTS = {"timeoutInMinutes": 60, "queuedTimeoutInMinutes": 480}
_NOT_KEPT = ("badgeEnabled",)


def install() -> None:
    _let_codepipeline_be_source()
    _keep_all_settings()
    _add_update()


def _let_codepipeline_be_source() -> None:
    """moto wants a location also of the type CODEPIPELINE, which has none."""
    for name in ("_validate_required_params_source", "_validate_required_params_artifacts"):
        original = getattr(codebuild_responses, name, None)
        if original is None:
            raise HookError(f"moto.codebuild.responses has no {name}")
        setattr(codebuild_responses, name, _unless_codepipeline(original))


def _unless_codepipeline(validate: Any) -> Any:
    def validate_others(given: dict[str, Any]) -> None:
        if given["type"] != "CODEPIPELINE":
            validate(given)

    return validate_others


def _keep_all_settings() -> None:
    @replace(CodeBuildResponse, "create_project")
    def create_project(original: Any, self: CodeBuildResponse) -> Any:
        answer = original(self)
        project = self.codebuild_backend.codebuild_projects[self._get_param("name")]
        _keep(project, _DEFAULTS | _given(self))
        return answer


def _add_update() -> None:
    @operation(CodeBuildResponse)
    def update_project(self: CodeBuildResponse) -> ActionResult:
        name = self._get_param("name")
        project = self.codebuild_backend.codebuild_projects.get(name)
        if project is None:
            raise ResourceNotFoundException(f"Project cannot be found: {name}")
        _keep(project, _given(self))
        return ActionResult({"project": project.project_metadata})


def _given(responses: CodeBuildResponse) -> dict[str, Any]:
    given: dict[str, Any] = json.loads(responses.body)
    return {name: value for name, value in given.items() if name not in _NOT_KEPT}


def _keep(project: CodeBuild, settings: dict[str, Any]) -> None:
    project.project_metadata |= settings
    project.project_metadata["lastModifiedDate"] = unix_time()
    project.service_role = project.project_metadata["serviceRole"]
    project.tags = project.project_metadata.get("tags")
