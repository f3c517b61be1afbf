"""Runs as ECS tasks, each with the role that it needs: infrastructure with one, data with another.

`deploy/dagster/aws.yaml` names this launcher. A run works on infrastructure if it has an asset or
a check of `infra/…`; the job of the morning's checks has no selection of its own, so it is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg
from dagster_aws.ecs import EcsRunLauncher
from dagster_aws.ecs.container_context import EcsContainerContext

INFRA_JOBS = frozenset({"infra_checks_job"})

_TASK_TAG = "ecs/run_task_kwargs"
_OURS = frozenset({"overrides", "taskDefinition"})


class MixedRunError(Exception):
    """One run has infrastructure and data, and no role may touch both."""

    def __init__(self) -> None:
        super().__init__("One run can't have assets of infra/ and others: start them as two.")


class TaskReplacedError(Exception):
    """A run's tag would replace its task, and the task's role with it."""

    def __init__(self, settings: Iterable[str]) -> None:
        super().__init__(
            f"The run's tag {_TASK_TAG} sets {', '.join(settings)}, which this launcher decides."
        )


class RoleByRunLauncher(EcsRunLauncher):
    """Dagster's own launcher, which besides gives each task its role.

    Raises MixedRunError and TaskReplacedError, which Dagster shows at the run.
    """

    def __init__(self, apply_role_arn: str, data_role_arn: str, **config: Any) -> None:
        super().__init__(**config)
        self._apply_role_arn = apply_role_arn
        self._data_role_arn = data_role_arn

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        roles = {
            name: dg.Field(dg.StringSource, description=f"What runs over {what} work as.")
            for name, what in (("apply_role_arn", "infra/"), ("data_role_arn", "everything else"))
        }
        inherited: dict[str, Any] = super().config_type()  # type: ignore[no-untyped-call]
        return {**inherited, **roles}

    def _get_task_overrides(
        self, container_context: EcsContainerContext, run: dg.DagsterRun
    ) -> Mapping[str, Any]:
        role = self._apply_role_arn if works_on_infra(run) else self._data_role_arn
        return {**super()._get_task_overrides(container_context, run), "taskRoleArn": role}

    def _get_run_task_kwargs_from_run(self, run: dg.DagsterRun) -> Mapping[str, Any]:
        settings: Mapping[str, Any] = super()._get_run_task_kwargs_from_run(run)
        if replaced := sorted(_OURS & settings.keys()):
            raise TaskReplacedError(replaced)
        return settings


def works_on_infra(run: dg.DagsterRun) -> bool:
    """Whether a run reads or changes infrastructure. Raises MixedRunError."""
    checks = {check.asset_key for check in run.asset_check_selection or ()}
    areas = {key.path[0] == "infra" for key in {*(run.asset_selection or ()), *checks}}
    if len(areas) == 2:
        raise MixedRunError
    return areas == {True} or (not areas and run.job_name in INFRA_JOBS)
