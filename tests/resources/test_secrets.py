"""Secrets are read when used, and no error holds their text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from resources.aws import MissingInfrastructureError
from resources.secrets import PseudonymKey, Secrets, UnusableSecretError

NAME = "mall/local/test-secret"


@pytest.fixture
def secrets(platform: dict[str, Any]) -> Iterator[Secrets]:
    client = platform["aws"].client("secretsmanager")
    client.create_secret(Name=NAME, SecretString="first")
    yield platform["secrets"]
    client.delete_secret(SecretId=NAME, ForceDeleteWithoutRecovery=True)


def test_a_rotated_secret_is_seen_at_the_next_read(secrets: Secrets) -> None:
    key = PseudonymKey(secrets=secrets, secret_id=NAME)
    assert key.text() == "first"
    secrets.aws.client("secretsmanager").put_secret_value(SecretId=NAME, SecretString="second")
    assert key.text() == "second"


def test_a_missing_secret_names_the_asset_that_makes_it(secrets: Secrets) -> None:
    with pytest.raises(MissingInfrastructureError, match="infra/security/encryption_keys"):
        secrets.text("mall/local/no-such-secret")
    with pytest.raises(MissingInfrastructureError, match="infra/database/shop_database"):
        secrets.json("mall/local/no-such-secret", asset="infra/database/shop_database")


def test_an_unusable_secret_is_named_and_not_quoted(secrets: Secrets) -> None:
    with pytest.raises(UnusableSecretError) as error:
        secrets.json(NAME)
    assert NAME in str(error.value) and "first" not in repr(error.getrepr())


def test_the_platform_has_a_pseudonym_key_of_its_own(platform: dict[str, Any]) -> None:
    """(E1)"""
    assert len(platform["pseudonym_key"].text()) >= 32
