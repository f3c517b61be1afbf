"""An AWS account in this process, with snapshots taken while the infrastructure is made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.infra_assets.world import ONE_OF_EACH_TYPE, State, World, open_world


@dataclass
class Built:
    """The whole infrastructure, and the account just before one resource of each type was made.

    `sizes` is the inventory, `calls` how many mutating calls making it took.
    """

    complete: State
    before: dict[str, State]
    sizes: dict[str, int]
    calls: int


@pytest.fixture(scope="session")
def built() -> Built:
    wanted = {resource.address for resource in ONE_OF_EACH_TYPE}
    before = {}
    with open_world() as world:
        for resource in world.resources():
            if resource.address in wanted:
                before[resource.address] = world.state()
            world.make(resource)
        return Built(world.state(), before, world.sizes(), len(world.wire.mutations()))


@pytest.fixture(scope="module")
def account() -> Iterator[World]:
    with open_world() as world:
        yield world


@pytest.fixture
def world(account: World) -> World:
    """The account, empty."""
    account.put_back(State())
    return account


@pytest.fixture(scope="module")
def repaired(built: Built, account: World) -> Iterator[World]:
    """The account with everything made, in which each test repairs what it changed.

    In the end everything is as the code says.
    """
    account.put_back(built.complete)
    yield account
    assert account.engine().plan().changes == []


@pytest.fixture
def complete(built: Built, account: World) -> World:
    """The account with everything made."""
    account.put_back(built.complete)
    return account
