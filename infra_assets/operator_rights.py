"""What people may do who plan, apply, adopt, destroy and deliver from a terminal, in whichever
environment of an account: the policies in `deploy/operator/`, written by
`python -m infra_assets.page`.

They have what runs that apply have, and what those must not: to write the policies of those runs,
to give an object that is there already our tag, to end the lock on a backup, to deliver.
"""

from __future__ import annotations

from typing import Any, cast

from infra_assets.apply_rights import made_as, made_by_ec2
from infra_assets.policies import Statement, allow, document
from infra_assets.registry import REGISTRY
from infra_assets.spec import PlatformSpec, platform_spec
from infra_assets.types.iam import Policy
from resources.settings import Environment, Settings

_ANY = "*"


def operator_policies() -> dict[str, dict[str, Any]]:
    """The documents by name, one for each policy of the role of applying runs. With
    `deploy/bootstrap-policy.json` they fit into what IAM attaches to one role."""
    spec = _any_environment()
    prefix = f"{spec.names.apply_role}-"
    rights: dict[str, list[Statement]] = {
        resource.name.removeprefix(prefix): resource.document["Statement"]
        for asset in REGISTRY
        for resource in asset.resources(spec)
        if isinstance(resource, Policy)
        and resource.name.startswith(prefix)
        and not resource.name.endswith("-boundary")
    }
    for part, statements in _besides(spec, [prefix + part for part in rights]).items():
        rights[part] = [*rights[part], *statements]
    return {part: document(*map(_with_patterns, each)) for part, each in rights.items()}


def _any_environment() -> PlatformSpec:
    spec = platform_spec(Settings(env="dev", spec={}), _ANY)
    return spec.model_copy(update={"env": cast("Environment", _ANY), "domain": _ANY})


def _with_patterns(statement: Statement) -> Statement:
    """The statement with conditions that take patterns as well as values."""
    if "Condition" not in statement:
        return statement
    condition = {
        operator.replace("Equals", "Like"): keys
        for operator, keys in statement["Condition"].items()
    }
    return {**statement, "Condition": condition}


def _besides(spec: PlatformSpec, of_apply: list[str]) -> dict[str, list[Statement]]:
    prefix, log = spec.names.prefix, f"arn:aws:s3:::{spec.bucket('log')}"
    return {
        "network": [allow(["ec2:CreateTags"], made_by_ec2(spec), made_as(spec))],
        "servers": [
            allow(
                ["servicequotas:RequestServiceQuotaIncrease"],
                [spec.arn("servicequotas", f"{service}/*") for service in ("ec2", "vpc")],
            ),
            allow(["servicequotas:GetServiceQuota", "servicequotas:ListServiceQuotas"], ["*"]),
        ],
        "data": [
            allow(["s3:ListBucket"], [log], {"StringLike": {"s3:prefix": "infra-changes/*"}}),
            allow(["s3:GetObject"], [f"{log}/infra-changes/*"]),
        ],
        "delivery": [
            allow(
                ["codecommit:GitPull", "codecommit:GitPush"],
                [spec.arn("codecommit", f"{prefix}-*")],
            ),
            allow(
                [
                    "codepipeline:GetPipelineState",
                    "codepipeline:ListPipelineExecutions",
                    "codepipeline:StartPipelineExecution",
                ],
                [spec.arn("codepipeline", f"{prefix}-*")],
            ),
        ],
        "identity": [
            allow(
                [
                    "iam:CreatePolicy",
                    "iam:CreatePolicyVersion",
                    "iam:DeletePolicy",
                    "iam:DeletePolicyVersion",
                    "iam:TagPolicy",
                ],
                [spec.arn("iam", f"policy/{name}", regional=False) for name in of_apply],
            ),
            allow(
                ["iam:ListPolicyVersions"], [spec.arn("iam", f"policy/{prefix}-*", regional=False)]
            ),
            allow(
                ["secretsmanager:PutSecretValue"],
                [spec.arn("secretsmanager", f"secret:{spec.names.slack_token_secret}-*")],
            ),
        ],
        "data-loss": [
            allow(["s3:BypassGovernanceRetention"], [f"arn:aws:s3:::{spec.bucket('backup')}/*"]),
        ],
    }
