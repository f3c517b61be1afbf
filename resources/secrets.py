"""Secrets Manager: values are read when they are used and appear in no error or log."""

from __future__ import annotations

import json
from typing import Any

import dagster as dg

from resources.aws import Aws
from resources.faults import explained

ENCRYPTION_KEYS = "infra/security/encryption_keys"


class UnusableSecretError(Exception):
    """A secret exists, but what it holds is not of the expected form."""


class Secrets(dg.ConfigurableResource):
    """Secrets by id or ARN, never cached: a rotated one is seen at the next read."""

    aws: Aws

    def text(self, secret_id: str, *, asset: str = ENCRYPTION_KEYS) -> str:
        """The current text; raises MissingInfrastructureError naming `asset`, which makes it."""
        with explained(f"The secret {secret_id}", asset):
            answer = self.aws.client("secretsmanager").get_secret_value(SecretId=secret_id)
        text = answer.get("SecretString")
        if not text:
            raise UnusableSecretError(f"The secret {secret_id} holds no text.")
        return str(text)

    def json(self, secret_id: str, *, asset: str = ENCRYPTION_KEYS) -> dict[str, Any]:  # type: ignore[override]
        """The current value, a JSON object; raises UnusableSecretError if it isn't one."""
        try:
            value = json.loads(self.text(secret_id, asset=asset))
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise UnusableSecretError(f"The secret {secret_id} holds no JSON object.")
        return value


class PseudonymKey(dg.ConfigurableResource):
    """The key of every pseudonym in the lake, which only runs that mask may read."""

    secrets: Secrets
    secret_id: str

    def text(self) -> str:
        """The current key."""
        return self.secrets.text(self.secret_id)
