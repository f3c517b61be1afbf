"""The role of data runs allows what a whole run asks of AWS, and nothing that none asks for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from infra_assets.registry import REGISTRY
from infra_assets.spec import platform_spec
from infra_assets.types.iam import Policy, Role
from resources.settings import load_settings
from tests.authorization import ApiCall, Need, Rights, arn, needs
from tests.integration.conftest import WholeRun
from tests.service_models import faults


@pytest.fixture(scope="module")
def rights(whole_run: WholeRun) -> Rights:
    aws = whole_run.resources["aws"]
    spec = platform_spec(load_settings(), aws.account_id)
    found = {r.name: r for asset in REGISTRY for r in asset.resources(spec)}
    role, boundary = found[spec.names.data_role], found[spec.names.boundary]
    assert isinstance(role, Role) and isinstance(boundary, Policy)
    return Rights([*role.policies.values()], boundary.document)


@pytest.fixture(scope="module")
def asked(whole_run: WholeRun) -> list[Need]:
    """What IAM is asked for in a run. RDS tags the secret that it keeps for an instance."""
    names = whole_run.resources["aws"].names
    database = arn("rds", f"db:{names.shop_database}")
    managed = {
        call.parameters["SecretId"]: {"aws:rds:primaryDBInstanceArn": database}
        for call in whole_run.calls
        if call.operation == "GetSecretValue"
    }
    return [
        need
        for call in whole_run.calls
        for need in needs(of_workgroup(call, names.workgroup), managed)
    ]


def of_workgroup(call: ApiCall, workgroup: str) -> ApiCall:
    """IAM judges a call on a query by the workgroup that it runs in."""
    if call.service == "athena" and "QueryExecutionId" in call.parameters:
        return replace(call, parameters={"WorkGroup": workgroup})
    return call


def test_every_call_of_a_run_is_allowed(rights: Rights, asked: list[Need]) -> None:
    assert sorted({str(need) for need in asked if not rights.allow(need)}) == []
    services = {need.action.partition(":")[0] for need in asked}
    assert services == {"athena", "glue", "rds", "s3", "secretsmanager"}


def test_every_call_of_a_run_is_valid(whole_run: WholeRun) -> None:
    """Against the services' models, with enums, patterns and bounds."""
    assert sorted({fault for call in whole_run.calls for fault in faults(call)}) == []


NOT_SEEN_HERE = {
    "athena:StopQueryExecution": "a query is stopped with its run",
    "cloudwatch:PutMetricData": "the heartbeat is a sensor's",
    "kms:Decrypt": "S3 and Secrets Manager decrypt in the caller's name",
    "kms:GenerateDataKey": "S3 encrypts in the caller's name",
    "s3:AbortMultipartUpload": "Athena and boto3 take back what they could not finish",
    "s3:DeleteObjectVersion": "a refused survey is moved",
    "s3:GetBucketLocation": "Athena asks it in the caller's name",
    "s3:ListBucketMultipartUploads": "Athena asks it in the caller's name",
    "s3:ListMultipartUploadParts": "Athena asks it in the caller's name",
}
"""What the role is for besides the calls of a run that goes well."""


def test_nothing_is_allowed_that_no_run_needs(rights: Rights, asked: list[Need]) -> None:
    allowed = {
        action
        for document in rights.policies
        for statement in document["Statement"]
        for action in statement["Action"]
    }
    assert sorted(allowed - {need.action for need in asked}) == sorted(NOT_SEEN_HERE)
