"""One apply at a time."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from infra_assets.lock import ApplyLock, LockHeldError, LockLostError
from infra_assets.process import this_process
from tests.infra_assets.world import Fault, World, lost_reply, refused

BUCKET = "mall-dev-state-123456789012"
START = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


@pytest.fixture
def bucket(world: World) -> World:
    world.aws.client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"}
    )
    world.wire.clear()
    return world


def lock(world: World, holder: str, at: datetime = START) -> ApplyLock:
    return ApplyLock(world.aws, BUCKET, holder, now=lambda: at)


def is_held(world: World) -> bool:
    found = world.aws.client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", [])
    assert [item["Key"] for item in found] in ([], ["locks/apply.json"])
    return bool(found) and json.loads(_body(world))["released_at"] is None


def test_the_second_is_told_who_holds_it_and_since_when(bucket: World) -> None:
    with lock(bucket, "hanako on ops-1"):
        with pytest.raises(LockHeldError) as caught:
            lock(bucket, "taro").acquire()
        assert caught.value.holder == "hanako on ops-1"
        assert caught.value.since == "2026-11-23T06:00:00+00:00"


def test_it_is_given_back(bucket: World) -> None:
    with lock(bucket, "hanako"):
        assert is_held(bucket)
    assert not is_held(bucket)
    with lock(bucket, "taro"):
        pass


def test_it_is_given_back_after_an_error(bucket: World) -> None:
    with pytest.raises(ZeroDivisionError), lock(bucket, "hanako"):
        raise ZeroDivisionError
    assert not is_held(bucket)


def test_an_expired_one_is_taken_over_and_its_holder_told(bucket: World) -> None:
    dead = lock(bucket, "hanako")
    dead.acquire()
    late = START + dead.time_to_live
    taken = lock(bucket, "taro", at=late)
    taken.acquire()
    taken.check()
    with pytest.raises(LockLostError):
        dead.renew()
    with pytest.raises(LockLostError):
        dead.check()
    dead.release()
    assert json.loads(_body(bucket))["holder"] == "taro"


@pytest.mark.parametrize("machine", ["this", "another"])
def test_one_whose_holder_is_dead_is_taken_over_at_once_on_the_same_machine(
    bucket: World, machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = this_process()
    assert me is not None
    dead = {**me, "started": "1"} if machine == "this" else {**me, "machine": machine}
    monkeypatch.setattr("infra_assets.lock.this_process", lambda: dead)
    lock(bucket, "hanako").acquire()
    if machine == "this":
        lock(bucket, "taro").acquire()
        assert json.loads(_body(bucket))["holder"] == "taro"
    else:
        with pytest.raises(LockHeldError, match="hanako"):
            lock(bucket, "taro").acquire()


def test_one_that_is_renewed_does_not_expire(bucket: World) -> None:
    clock = [START]
    held = ApplyLock(bucket.aws, BUCKET, "hanako", now=lambda: clock[0])
    held.acquire()
    clock[0] = START + timedelta(seconds=60)
    held.renew()
    with pytest.raises(LockHeldError):
        lock(bucket, "taro", at=START + timedelta(seconds=100)).acquire()


def test_a_holder_that_could_not_renew_stops_when_it_expires(bucket: World) -> None:
    clock = [START]
    held = ApplyLock(bucket.aws, BUCKET, "hanako", now=lambda: clock[0])
    held.acquire()
    held.check()
    clock[0] = START + held.time_to_live
    with pytest.raises(LockLostError):
        held.check()


def test_a_lost_reply_to_taking_it_is_no_other_holder(bucket: World) -> None:
    bucket.wire.strike_at(0, after=lost_reply)
    with lock(bucket, "hanako") as held:
        held.renew()
    assert not is_held(bucket)


def test_a_lost_reply_to_taking_a_dead_ones_is_no_other_holder(bucket: World) -> None:
    dead = lock(bucket, "hanako")
    dead.acquire()
    bucket.wire.strike_at(len(bucket.wire.mutations()) + 1, after=lost_reply)
    taken = lock(bucket, "taro", at=START + dead.time_to_live)
    taken.acquire()
    taken.renew()
    assert json.loads(_body(bucket))["holder"] == "taro"


@pytest.mark.parametrize(
    "fault", [refused(403, "AccessDenied"), refused(503, "SlowDown"), lost_reply]
)
def test_it_is_not_held_where_it_could_not_be_put(bucket: World, fault: Fault) -> None:
    bucket.wire.strike_at(0, before=fault)
    with pytest.raises((ClientError, ConnectionClosedError)):
        lock(bucket, "hanako").acquire()
    assert not is_held(bucket)


def test_nobody_had_it_since_the_look(bucket: World) -> None:
    """Neither the first time nor after somebody who has given it back."""
    for holder in ("hanako", "taro"):
        mine = lock(bucket, holder)
        mine.look()
        with mine:
            assert mine.is_as_seen


def test_before_there_is_a_bucket_for_it_nobody_has_it(world: World) -> None:
    mine = lock(world, "hanako")
    mine.look()
    world.aws.client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"}
    )
    with mine:
        assert mine.is_as_seen


@pytest.mark.parametrize("before", [0, 1], ids=["the first time", "later"])
def test_somebody_had_it_since_the_look(bucket: World, before: int) -> None:
    for _ in range(before):
        with lock(bucket, "saburo"):
            pass
    mine = lock(bucket, "hanako")
    mine.look()
    with lock(bucket, "taro"):
        pass
    with mine:
        assert not mine.is_as_seen


def test_somebody_had_it_at_the_look(bucket: World) -> None:
    """Who may have changed something until the lock expired."""
    dead = lock(bucket, "taro")
    dead.acquire()
    clock = [START]
    mine = ApplyLock(bucket.aws, BUCKET, "hanako", now=lambda: clock[0])
    mine.look()
    clock[0] = START + dead.time_to_live
    mine.acquire()
    assert not mine.is_as_seen


def test_without_a_look_nothing_is_known(bucket: World) -> None:
    with lock(bucket, "hanako") as mine:
        assert not mine.is_as_seen


def test_one_that_was_given_back_is_free_whatever_the_clock_says(bucket: World) -> None:
    """Clocks of machines differ."""
    with lock(bucket, "hanako", at=START + timedelta(seconds=30)):
        pass
    lock(bucket, "taro").acquire()
    assert json.loads(_body(bucket))["holder"] == "taro"


def _body(world: World) -> Any:
    return world.aws.client("s3").get_object(Bucket=BUCKET, Key="locks/apply.json")["Body"].read()
