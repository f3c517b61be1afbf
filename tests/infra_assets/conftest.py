"""An AWS account in this process, with snapshots taken while the infrastructure is made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.infra_assets.world import ONE_OF_EACH_TYPE, State, World, open_world


@pytest.fixture(scope="module")
def account() -> Iterator[World]:
    with open_world() as world:
        yield world


@pytest.fixture
def world(account: World) -> World:
    """The account, empty."""
    account.put_back({})
    return account


@dataclass
class Built:
    """The account with everything made, and as it was just before each resource was."""

    world: World
    complete: State
    before: dict[str, State]
    sizes: dict[str, int]
    calls: int


@pytest.fixture(scope="module")
def built(account: World) -> Built:
    account.put_back({})
    wanted = {resource.address for resource in ONE_OF_EACH_TYPE}
    before = {}
    for resource in account.resources():
        if resource.address in wanted:
            before[resource.address] = account.state()
        account.apply(resource)
    calls = len(account.wire.mutations())
    return Built(account, account.state(), before, account.sizes(), calls)


@pytest.fixture
def complete(built: Built) -> World:
    """The account with everything made."""
    built.world.put_back(built.complete)
    return built.world
