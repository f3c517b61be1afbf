"""The registry's assets in Dagster: materializing one applies it, its check plans it."""

from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any, TypeVar

import dagster as dg
from pydantic import Field

from infra_assets.engine import Engine
from infra_assets.infra_asset import InfraAsset
from infra_assets.lock import LockHeldError
from infra_assets.plan import Plan, change_as_dict, console_link, digest
from infra_assets.reconcile import Outcome
from infra_assets.spec import platform_spec
from resources.aws import Aws
from resources.settings import load_settings

_Function = TypeVar("_Function", bound=Callable[..., Any])

LOCK_WAIT_S = 15
LOCK_WAITS = 480
"""How often a step asks again for a lock that another one holds: for two hours."""
_NAMED_IN_ALERT = 10


class InfraRun(dg.Config):
    """What an operator says before AWS is changed."""

    confirm: bool = False
    """Needed in production."""
    named: list[str] = Field(default_factory=list)
    """Addresses of resources that may be replaced though they hold data or are protected:
    `rds.Instance/mall-dev-shop`."""


def as_definitions(assets: Sequence[InfraAsset]) -> dg.Definitions:
    """An asset and a check `matches_code` for each; they need the resource `aws`."""
    return dg.Definitions(
        assets=[_asset(asset, assets) for asset in assets],
        asset_checks=[_check(asset, assets) for asset in assets],
    )


def _asset(asset: InfraAsset, registry: Sequence[InfraAsset]) -> dg.AssetsDefinition:
    @dg.asset(
        key=asset.key,
        deps=[dg.AssetKey(["infra", *dep.split("/")]) for dep in asset.deps],
        group_name=f"infra_{asset.area}",
        description=asset.description,
        kinds=set(asset.kinds),
        owners=["team:platform"],
        pool="infra",
    )
    @_with_signature
    def materialize(
        context: dg.AssetExecutionContext, config: InfraRun, aws: Aws
    ) -> dg.MaterializeResult:
        settings = load_settings()
        spec = platform_spec(settings, aws.account_id)
        if spec.ask_before_apply and not config.confirm:
            raise dg.Failure(
                f"{asset.address} belongs to production: say `confirm: true` in the run config.",
                allow_retries=False,
            )
        engine = Engine(aws, settings, tuple(registry))
        try:
            outcomes = engine.apply(
                [asset.address],
                named=config.named,
                on_progress=lambda outcome, done, total: context.log.info(
                    f"{done}/{total} {outcome.resource.address}: {outcome.result}"
                ),
            )
        except LockHeldError as error:  # often the step beside it, in the same run
            context.log.info(f"{error}; asking again in {LOCK_WAIT_S} s")
            raise dg.RetryRequested(LOCK_WAITS, LOCK_WAIT_S) from error
        return dg.MaterializeResult(
            metadata=outcomes_metadata(outcomes)
            | ({} if asset.resources(spec) else {"nothing to apply": asset.why_empty}),
            data_version=dg.DataVersion(outcomes_version(outcomes)),
        )

    return materialize


def _check(asset: InfraAsset, registry: Sequence[InfraAsset]) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=dg.AssetKey(asset.key),
        name="matches_code",
        description="AWS is what the code says; the metadata has the plan where it isn't.",
    )
    @_with_signature
    def matches_code(aws: Aws) -> dg.AssetCheckResult:
        plan = Engine(aws, load_settings(), tuple(registry)).plan([asset.address])
        return dg.AssetCheckResult(
            passed=not plan.changes,
            description=plan_summary(plan) if plan.changes else None,
            metadata=plan_metadata(plan),
        )

    return matches_code


def _with_signature(function: _Function) -> _Function:
    """The function, its signature worked out: Dagster asks for it twenty times as it loads."""
    function.__signature__ = signature(function)  # type: ignore[attr-defined]
    return function


def outcomes_version(outcomes: Sequence[Outcome]) -> str:
    """The data version of an asset: a digest of what is there now."""
    return digest([outcome.live for outcome in outcomes if outcome.live])


def report(instance: dg.DagsterInstance, outcomes: Sequence[Outcome]) -> None:
    """Tells Dagster of an apply outside of its runs: assets that changed, or that it never saw."""
    by_asset: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_asset.setdefault(outcome.resource.asset, []).append(outcome)
    for address, found in by_asset.items():
        key = dg.AssetKey(["infra", *address.split("/")])
        changed = any(outcome.result != "unchanged" for outcome in found)
        if changed or instance.get_latest_materialization_event(key) is None:
            instance.report_runless_asset_event(
                dg.AssetMaterialization(
                    key,
                    metadata=outcomes_metadata(found),
                    tags={"dagster/data_version": outcomes_version(found)},
                )
            )


def outcomes_metadata(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """What was done: a table of changes, and one of the resources with ids and console links."""
    changes = [
        {"resource": outcome.resource.address, **_as_text(change_as_dict(change))}
        for outcome in outcomes
        for change in outcome.changes
    ]
    lines = ["| resource | result | id |", "| --- | --- | --- |"]
    for outcome in outcomes:
        live = outcome.live
        name = f"`{live.id}`" if live else "–"
        link = console_link(live) if live else None
        shown = f"[{name}]({link})" if link else name
        lines.append(f"| {outcome.resource.address} | {outcome.result} | {shown} |")
    results = [outcome.result for outcome in outcomes]
    return {
        "resources": dg.MetadataValue.md("\n".join(lines)),
        "changes": _table(changes),
        **{result: results.count(result) for result in sorted(set(results))},
    }


def plan_summary(plan: Plan) -> str:
    """What differs, for a message: names and numbers, no values."""
    steps = [
        f"{step.resource.address} ({', '.join(c.attribute for c in step.changes)})"
        if step.action in ("update", "replace")
        else f"{step.resource.address} ({step.action})"
        for step in plan.changes
    ]
    more = len(steps) - _NAMED_IN_ALERT
    shown = steps[:_NAMED_IN_ALERT] + ([f"{more} more"] if more > 0 else [])
    return f"{len(steps)} of {len(plan.steps)} resources not as declared: {', '.join(shown)}"


def plan_metadata(plan: Plan) -> dict[str, Any]:
    """What would be done, as a table of attributes, and what of it AWS can't do."""
    rows = [
        {"resource": step.resource.address, **_as_text(change_as_dict(change))}
        for step in plan.changes
        for change in step.changes
    ]
    refused = [f"{step.resource.address}: {step.refused}" for step in plan.refused]
    return {
        "changes": _table(rows),
        "fingerprint": plan.fingerprint(),
        **({"impossible": "\n".join(refused)} if refused else {}),
    }


def _as_text(change: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in change.items()}


def _table(rows: Sequence[dict[str, str]]) -> dg.TableMetadataValue:
    columns = ["resource", "attribute", "now", "wanted", "replaces"]
    return dg.TableMetadataValue(
        records=[dg.TableRecord(row) for row in rows],
        schema=dg.TableSchema([dg.TableColumn(name) for name in columns]),
    )
