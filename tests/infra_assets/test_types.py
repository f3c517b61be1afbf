"""What must hold for every resource type, over the registry: a new type needs no test of its own.

One resource of each type is looked at in depth, in an account where everything before it is made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from infra_assets import reconcile
from infra_assets.cloud import Cloud
from infra_assets.reconcile import Permission
from infra_assets.resource import Resource, Setting
from tests.infra_assets.conftest import Built
from tests.infra_assets.world import (
    CrashError,
    State,
    World,
    comparable,
    crash,
    each_type,
    lost_reply,
    refused,
)


@dataclass(frozen=True)
class Calm:
    """How many mutating calls making a resource takes undisturbed, and what there is then."""

    calls: int
    sizes: dict[str, int]
    attributes: Any


@pytest.fixture(scope="module")
def calm(built: Built, account: World) -> Callable[[Resource], Calm]:
    known: dict[str, Calm] = {}

    def made(resource: Resource) -> Calm:
        if resource.address not in known:
            account.put_back(built.before[resource.address])
            account.apply(resource)
            calls = len(account.wire.mutations())
            attributes = comparable(resource, account.found(resource))
            known[resource.address] = Calm(calls, account.sizes(), attributes)
        return known[resource.address]

    return made


@pytest.fixture
def undisturbed(calm: Callable[[Resource], Calm], resource: Resource) -> Calm:
    """What making the resource comes to when nothing goes wrong."""
    return calm(resource)


@pytest.fixture
def start(built: Built, resource: Resource) -> State:
    """The account just before the resource is made."""
    return built.before[resource.address]


@pytest.fixture
def before(account: World, start: State) -> World:
    account.put_back(start)
    return account


@each_type
def test_applying_again_changes_nothing(before: World, resource: Resource) -> None:
    first = before.apply(resource, knowing=False)
    assert first.result == "created" or isinstance(resource, Setting)
    before.wire.clear()
    assert before.apply(resource, knowing=False).result == "unchanged"
    assert before.wire.mutations() == []


@each_type
def test_a_crash_after_any_call_is_made_good_by_a_rerun(
    account: World, start: State, resource: Resource, undisturbed: Calm
) -> None:
    for number in range(undisturbed.calls):
        account.put_back(start)
        account.wire.strike_at(number, after=crash)
        with pytest.raises(CrashError):
            account.apply(resource)
        account.wire.clear()
        account.apply(resource)
        assert account.sizes() == undisturbed.sizes, f"after a crash in call {number}"
        assert comparable(resource, account.found(resource)) == undisturbed.attributes


@each_type
def test_a_lost_reply_makes_no_duplicate(
    account: World, start: State, resource: Resource, undisturbed: Calm
) -> None:
    for number in range(undisturbed.calls):
        account.put_back(start)
        account.wire.strike_at(number, after=lost_reply)
        account.apply(resource)
        assert account.sizes() == undisturbed.sizes, f"after the reply of call {number} was lost"
        assert comparable(resource, account.found(resource)) == undisturbed.attributes


@each_type
@pytest.mark.parametrize(
    "fault", [refused(400, "ThrottlingException"), refused(500, "InternalFailure")]
)
def test_a_refused_call_is_made_again(
    account: World, start: State, resource: Resource, undisturbed: Calm, fault: Any
) -> None:
    for number in range(undisturbed.calls):
        account.put_back(start)
        account.wire.strike_at(number, before=fault)
        account.apply(resource)
        assert account.sizes() == undisturbed.sizes, f"after call {number} was refused"
        assert comparable(resource, account.found(resource)) == undisturbed.attributes


@each_type
def test_deleting_leaves_nothing_or_only_what_is_going(before: World, resource: Resource) -> None:
    """A setting isn't deleted by itself, since it goes with its object."""
    before.apply(resource)
    cloud = before.cloud()
    outcome = reconcile.delete(resource, cloud, Permission(frozenset({resource.address})))
    if isinstance(resource, Setting):
        assert outcome is None
        return
    live = before.cloud().live(resource)
    assert live is None or live.going
    assert before.apply(resource).result in ("created", "updated")


@each_type
def test_what_others_have_made_is_adopted(before: World, resource: Resource) -> None:
    """By its id, then again by its ARN; from then on it's the declared one, the only one.

    Made by others is what bears another environment's tags.
    """
    if isinstance(resource, Setting):
        return  # goes with its object
    made_by_others(before, resource)
    found = before.cloud().live(resource) or another_environment(before).live(resource)
    assert found is not None
    step = before.engine().adopt(resource.address, found.id)
    assert step.live is not None and step.live.id == found.id
    if resource.tagged:
        assert before.cloud().is_tagged(resource, step.live.attributes["tags"])
    if found.arn:
        assert before.engine().adopt(resource.address, found.arn).live == step.live
    assert "tags" not in {change.attribute for change in step.changes}
    assert [live.id for live in resource.find(before.cloud())] == [found.id]


def made_by_others(world: World, resource: Resource) -> None:
    """Makes the object with tags that aren't ours."""
    wanted = dict(world.cloud().wanted(resource, now=True))
    if resource.tagged:
        wanted["tags"] = another_environment(world).tags(resource)
    resource.create(world.cloud(), wanted)


def another_environment(world: World) -> Cloud:
    spec = world.spec.model_copy(update={"env": "local"})
    return Cloud(world.aws, spec, world.inventory, clock=world.time.clock())


@each_type
def test_a_resource_no_longer_declared_is_found_by_its_name(
    complete: World, resource: Resource
) -> None:
    cloud = complete.cloud()
    former = type(resource).former(resource.name)
    assert [live.id for live in former.find(cloud)] == [complete.found(resource).id]
