"""The resource types by their kind, for what is known by its tag only."""

from __future__ import annotations

import inspect

from infra_assets.resource import Resource
from infra_assets.types import athena, firehose, glue, iam, kms, logs, rds, s3, secretsmanager, sns

_MODULES = (athena, firehose, glue, iam, kms, logs, rds, s3, secretsmanager, sns)

TYPES: dict[str, type[Resource]] = {
    value.kind(): value
    for module in _MODULES
    for value in vars(module).values()
    if inspect.isclass(value) and issubclass(value, Resource) and value is not Resource
}
