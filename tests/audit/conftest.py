"""The audit: what stands on AWS after a whole apply, against the requirements' words.

It knows the requirements, the contract and boto3, and neither the declarations nor the engine, so
that a mistake of theirs isn't repeated here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.audit.account import Account


@pytest.fixture(scope="session")
def account(platform: dict[str, Any]) -> Account:
    """The local environment with everything applied."""
    return Account("local")


PROTECTED = (
    *("network", "storage", "database", "security/encryption_keys", "security/security_groups"),
    *("dns/public_zone", "dns/certificate", "web/load_balancer", "was/load_balancer"),
)
"""What is protected, or there twice, in production only, and what that needs."""


@pytest.fixture(scope="module")
def production() -> Iterator[Account]:
    """That part of the production environment, in an account of this process, with backups that
    nobody can delete."""
    from resources.aws import Aws
    from resources.settings import Settings
    from tests.infra_assets.world import open_world

    with open_world() as world:
        world.aws = Aws(env="prod")
        world.settings = Settings(env="prod", spec={"backup_lock": "COMPLIANCE"})
        world.engine().apply(PROTECTED)
        yield Account("prod")
