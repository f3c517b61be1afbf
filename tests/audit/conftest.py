"""The audit: what stands on AWS after a whole apply, against the requirements' words.

It knows the requirements, the contract and boto3, and neither the declarations nor the engine, so
that a mistake of theirs isn't repeated here.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.audit.account import Account


@pytest.fixture(scope="session")
def account(platform: dict[str, Any]) -> Account:
    """The local environment with everything applied."""
    return Account("local")
