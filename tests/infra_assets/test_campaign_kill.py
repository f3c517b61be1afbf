"""Whole applies in processes of their own: killed for good, two at once, one identity twice."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from mall_platform.local_aws.process import LocalAws
from tests.infra_assets.counted_aws import counted_aws, sizes_of
from tests.infra_assets.one_apply import OneApply
from tests.infra_assets.world import SPEC

Start = Callable[..., OneApply]

SEED = 20261123
STATE = SPEC.bucket("state")


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    with counted_aws(tmp_path_factory.mktemp("campaign") / "aws") as aws:
        yield aws


@pytest.fixture
def aws(account: LocalAws) -> LocalAws:
    """The account, empty."""
    account.reset()
    return account


@pytest.fixture
def start(aws: LocalAws) -> Iterator[Start]:
    """Starts applies on the account; none outlives its test."""
    started: list[OneApply] = []

    def one(*selection: str, stop_after: int = 0) -> OneApply:
        started.append(OneApply(aws, *selection, stop_after=stop_after))
        return started[-1]

    yield one
    for apply in started:
        apply.end()


def client(aws: LocalAws, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=aws.url,
        region_name=SPEC.region,
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )


def test_three_kills_in_the_middle_of_an_apply_are_made_good_by_a_rerun(
    aws: LocalAws, start: Start
) -> None:
    """Each rerun takes the dead one's lock over at once; the first two are killed in their turn."""
    undisturbed = start().finished()
    inventory = sizes_of(aws)
    points = sorted(random.Random(SEED).sample(range(1, undisturbed["writes"] * 9 // 10), 3))
    aws.reset()
    for done, point in zip([0, *points], points, strict=False):
        start(stop_after=point - done).stopped().kill()
    last = start().finished()
    assert last["totals"].keys() == {"none"}
    assert (last["totals"], last["orphans"]) == (undisturbed["totals"], 0)
    assert sizes_of(aws) == inventory, f"after kills at {points} of {undisturbed['writes']} calls"


def test_of_two_applies_at_once_the_second_is_told_who_holds_the_lock(start: Start) -> None:
    """And once that one is dead, the next goes on where it was."""
    first = start("storage/log_bucket", stop_after=3).stopped()
    said = start("storage/log_bucket").refusal()
    assert f"on {socket.gethostname()} has been changing this environment since" in said
    first.kill()
    assert start("storage/log_bucket").finished()["totals"].keys() == {"none"}


@pytest.mark.parametrize(("expires_in_s", "free"), [(60, False), (-1, True)])
def test_a_lock_of_another_machine_is_taken_over_once_it_has_expired(
    aws: LocalAws, start: Start, expires_in_s: int, free: bool
) -> None:
    s3 = client(aws, "s3")
    s3.create_bucket(Bucket=STATE, CreateBucketConfiguration={"LocationConstraint": SPEC.region})
    expires_at = datetime.now(UTC) + timedelta(seconds=expires_in_s)
    lock = {
        "token": "another",
        "holder": "hanako on ops-1",
        "process": {"machine": "another", "pid": "1", "started": "1"},
        "since": "2026-11-23T06:00:00+00:00",
        "expires_at": expires_at.isoformat(),
    }
    s3.put_object(Bucket=STATE, Key="locks/apply.json", Body=json.dumps(lock).encode())
    apply = start("storage/log_bucket")
    if free:
        assert apply.finished()["totals"].keys() == {"none"}
    else:
        assert "hanako on ops-1" in apply.refusal()


def test_two_objects_with_one_identity_are_named_both(aws: LocalAws, start: Start) -> None:
    ec2 = client(aws, "ec2")
    tags = [
        {"Key": "mall:environment", "Value": SPEC.env},
        {"Key": "mall:resource", "Value": "ec2.Vpc/main"},
    ]
    twins = [
        ec2.create_vpc(
            CidrBlock="10.0.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": tags}]
        )["Vpc"]["VpcId"]
        for _ in range(2)
    ]
    said = start("network/vpc").refusal()
    assert "AmbiguousIdentityError: ec2.Vpc/main" in said
    assert all(twin in said for twin in twins)
