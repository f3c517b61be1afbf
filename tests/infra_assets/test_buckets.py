"""Buckets as a whole."""

from __future__ import annotations

from infra_assets.reconcile import Permission, delete
from tests.infra_assets.world import SPEC, World, one


def test_a_bucket_goes_with_more_objects_than_one_page_lists(world: World) -> None:
    bucket = one(f"s3.Bucket/{SPEC.bucket('log')}")
    world.apply(bucket)
    s3 = world.aws.client("s3")
    for number in range(2100):
        s3.put_object(Bucket=bucket.name, Key=f"{number:05}")
    named = Permission(frozenset({bucket.address}))
    assert delete(bucket, world.cloud(), named) is not None
    assert world.cloud().live(bucket) is None
