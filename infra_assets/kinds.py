"""The resource types by their kind, for what is known by its tag only."""

from __future__ import annotations

import inspect

from infra_assets.resource import Resource
from infra_assets.types import (
    acm,
    athena,
    autoscaling,
    cloudtrail,
    cloudwatch,
    codebuild,
    codecommit,
    codedeploy,
    codepipeline,
    ec2,
    ec2_launch_template,
    elbv2,
    events,
    firehose,
    glue,
    iam,
    kms,
    lambda_,
    logs,
    quicksight,
    rds,
    route53,
    s3,
    secretsmanager,
    sns,
    sqs,
    wafv2,
)

_MODULES = (
    acm,
    athena,
    autoscaling,
    cloudtrail,
    cloudwatch,
    codebuild,
    codecommit,
    codedeploy,
    codepipeline,
    ec2,
    ec2_launch_template,
    elbv2,
    events,
    firehose,
    glue,
    iam,
    kms,
    lambda_,
    logs,
    quicksight,
    rds,
    route53,
    s3,
    secretsmanager,
    sns,
    sqs,
    wafv2,
)

TYPES: dict[str, type[Resource]] = {
    value.kind(): value
    for module in _MODULES
    for value in vars(module).values()
    if inspect.isclass(value) and issubclass(value, Resource) and not inspect.isabstract(value)
}
