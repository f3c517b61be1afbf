"""How much is read: at most three calls for a resource, and none twice for nothing."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from typing import Any

import pytest

from infra_assets import engine, run
from infra_assets.cloud import Cloud
from infra_assets.lock import ApplyLock
from infra_assets.resource import Resource
from tests.infra_assets.world import SPEC, Call, World, one

MOST = 3

Look = set[str]
"""The calls that a look at a resource took, also those whose answer was known already. What a look
at another resource took on the way is that one's."""


ALSO_CHANGED = ("resourcegroupstaggingapi",)
"""Services whose answers a write to any service may change."""
ALSO_CHANGED_BY = {"route53": ("acm",)}
"""A certificate is issued once its record is there."""


class Looks:
    """Every look at a resource during a test, by address."""

    def __init__(self) -> None:
        self.at: dict[str, list[Look]] = defaultdict(list)

    def of_more_than(self, most: int) -> dict[str, list[Look]]:
        """Of which single looks took more calls."""
        return {
            address: dear
            for address, looks in self.at.items()
            if (dear := [look for look in looks if len(look) > most])
        }

    def together_more_than(self, most: int) -> dict[str, Look]:
        """Of which all looks together took more different calls."""
        together = {address: set().union(*looks) for address, looks in self.at.items()}
        return {address: calls for address, calls in together.items() if len(calls) > most}


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    seen, now = Looks(), threading.local()
    live, read = Cloud.live, Cloud.read

    def look(cloud: Cloud, resource: Resource) -> Any:
        outer, now.look = getattr(now, "look", None), set()
        seen.at[resource.address].append(now.look)
        try:
            return live(cloud, resource)
        finally:
            now.look = outer

    def ask(cloud: Cloud, service: str, operation: str, **parameters: Any) -> Any:
        if (asking := getattr(now, "look", None)) is not None:
            asking.add(f"{service}.{operation} {json.dumps(parameters, sort_keys=True)}")
        return read(cloud, service, operation, **parameters)

    monkeypatch.setattr(Cloud, "live", look)
    monkeypatch.setattr(Cloud, "read", ask)
    return seen


def repeated(calls: list[Call]) -> list[str]:
    """Reads made again though nothing was written meanwhile that may change their answer."""
    known: dict[str, set[str]] = defaultdict(set)
    again = []
    for call in calls:
        if call.mutates:
            for service in (call.service, *ALSO_CHANGED, *ALSO_CHANGED_BY.get(call.service, ())):
                known.pop(service, None)
        elif str(call) in known[call.service]:
            again.append(str(call))
        else:
            known[call.service].add(str(call))
    return again


def test_a_plan_of_nothing_made(world: World, looks: Looks) -> None:
    steps = world.engine().plan().steps
    assert looks.at.keys() == {step.resource.address for step in steps}
    assert looks.together_more_than(MOST) == {}
    assert repeated(world.wire.calls) == []


def test_a_plan_of_everything_made(complete: World, looks: Looks) -> None:
    steps = complete.engine().plan().steps
    assert looks.at.keys() == {step.resource.address for step in steps}
    assert looks.together_more_than(MOST) == {}
    assert repeated(complete.wire.calls) == []


def test_an_apply_that_changes_nothing(complete: World, looks: Looks) -> None:
    outcomes = complete.engine().apply()
    assert looks.at.keys() == {outcome.resource.address for outcome in outcomes}
    assert looks.together_more_than(MOST) == {}
    assert complete.wire.mutations() == []
    assert repeated(complete.wire.calls) == []


def test_an_apply_that_makes_everything(
    world: World, looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looks again at what it may have changed only: seen in one thread, where calls take effect
    in their order, with the bucket of the lock there already."""
    world.apply(one(f"s3.Bucket/{SPEC.bucket('state')}"))
    world.wire.clear()
    for module in (engine, run):
        monkeypatch.setattr(module, "THREADS", 1)
    world.engine().apply()
    assert looks.of_more_than(MOST) == {}
    assert repeated(world.wire.calls) == []


def test_an_apply_that_changes_something(complete: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before and under the lock it reads nothing twice, but for what it has changed."""
    for module in (engine, run):
        monkeypatch.setattr(module, "THREADS", 1)
    complete.engine(raw_click_days=30).apply()
    assert [call.operation for call in complete.wire.mutations()] == [
        "PutObject",
        "PutObject",
        "PutBucketLifecycleConfiguration",
        "PutObject",
        "PutObject",
    ]
    assert repeated(complete.wire.calls) == []


def test_a_destroy(complete: World) -> None:
    complete.engine().destroy(
        ["cicd/web_pipeline"], named=[f"codecommit.Repository/{SPEC.names.prefix}-web"]
    )
    assert repeated(complete.wire.calls) == []


def test_an_apply_sees_what_another_changed_before_it_had_the_lock(
    complete: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then everything is read anew."""
    acquire = ApplyLock.acquire
    another = ApplyLock(complete.aws, SPEC.bucket("state"), "taro")

    def acquire_late(lock: ApplyLock) -> None:
        monkeypatch.setattr(ApplyLock, "acquire", acquire)
        with another:
            complete.aws.client("s3").delete_bucket_policy(Bucket=SPEC.bucket("drop"))
        acquire(lock)

    monkeypatch.setattr(ApplyLock, "acquire", acquire_late)
    complete.engine(raw_click_days=30).apply()
    assert complete.engine(raw_click_days=30).plan().changes == []


def test_foreign_keys_cost_nothing_once_ours_are_there(complete: World, looks: Looks) -> None:
    """A key is looked for by its tags in one call; the account's others are asked for theirs only
    while it isn't found."""
    complete.aws.client("kms").create_key()
    complete.wire.clear()
    complete.engine().plan(["security/encryption_keys"])
    assert "ListResourceTags" not in {call.operation for call in complete.wire.calls}


def test_a_key_is_found_before_the_tagging_service_shows_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a rerun soon after would make a second one."""
    monkeypatch.setattr(Cloud, "tagged", lambda cloud, *kinds: {})
    key = one("kms.Key/data")
    assert [world.apply(key).result for _ in range(2)] == ["created", "unchanged"]
    assert len(world.aws.client("kms").list_keys()["Keys"]) == 1
