"""What AWS's errors mean for a run: infrastructure that isn't there, or a right that is missing.

botocore has retried what is transient before an error gets here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from resources.aws import MissingInfrastructureError

_ABSENT = {
    "NoSuchBucket",
    "ResourceNotFoundException",
    "EntityNotFoundException",
    "DBInstanceNotFound",
    "DBInstanceNotFoundFault",
}
_DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "AllAccessDisabled",
    "UnauthorizedOperation",
    "403",
}

ROLES = "infra/security/iam_roles"


def code_of(error: Exception) -> str:
    """AWS's error code of a botocore ClientError; an empty string for any other exception."""
    response = getattr(error, "response", None)
    return str(response["Error"].get("Code", "")) if response else ""


@contextmanager
def explained(what: str, asset: str) -> Iterator[None]:
    """Calls to AWS about `what`, which the infrastructure asset `asset` makes.

    Raises MissingInfrastructureError, naming that asset, where it isn't there, or naming the
    roles where the call is denied. Other errors pass unchanged.
    """
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if code_of(error) in _ABSENT:
            raise MissingInfrastructureError(what, asset) from error
        if code_of(error) in _DENIED:
            right = f"The right to {error.operation_name} on {what}"
            raise MissingInfrastructureError(right, ROLES) from error
        raise
