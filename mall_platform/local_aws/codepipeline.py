"""CodePipeline: the state of a pipeline's stages, by its latest execution. Executions run
nothing: they succeed."""

from __future__ import annotations

import json
from typing import Any

from moto.codepipeline.models import PipelineExecution
from moto.codepipeline.responses import CodePipelineResponse

from mall_platform.local_aws.hooks import operation


def install() -> None:
    @operation(CodePipelineResponse)
    def get_pipeline_state(self: CodePipelineResponse) -> str:
        name = self._get_param("name")
        pipeline, metadata = self.codepipeline_backend.get_pipeline(name)
        executions = list(self.codepipeline_backend.pipelines[name].executions.values())
        latest = executions[-1] if executions else None
        state = {
            "pipelineName": name,
            "pipelineVersion": pipeline["version"],
            "created": metadata["created"],
            "updated": metadata["updated"],
            "stageStates": [_stage(stage, latest) for stage in pipeline["stages"]],
        }
        return json.dumps(state)


def _stage(stage: dict[str, Any], latest: PipelineExecution | None) -> dict[str, Any]:
    ran = (
        {
            "latestExecution": {
                "pipelineExecutionId": latest.pipeline_execution_id,
                "status": latest.status,
            }
        }
        if latest
        else {}
    )
    action_ran = {"latestExecution": {"status": latest.status}} if latest else {}
    return {
        "stageName": stage["name"],
        "inboundTransitionState": {"enabled": True},
        "actionStates": [
            {"actionName": action["name"], **action_ran} for action in stage["actions"]
        ],
        **ran,
    }
