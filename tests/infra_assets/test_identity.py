"""Two resources with one identity: a clear error that names both, before anything is done.

Two objects of one identity on AWS are in `test_campaign_kill.py`.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from infra_assets.engine import DeclaredTwiceError
from infra_assets.infra_asset import InfraAsset, infra_asset
from infra_assets.resource import Resource
from infra_assets.spec import PlatformSpec
from infra_assets.types.ec2 import ElasticIp
from tests.infra_assets.world import World


@infra_asset(area="one")
def address(spec: PlatformSpec) -> list[Resource]:
    """An address."""
    return [ElasticIp(name="first")]


@infra_asset(area="other")
def more(spec: PlatformSpec) -> list[Resource]:
    """Two, of which one has the name of the first."""
    return [ElasticIp(name="second"), ElasticIp(name="first")]


@infra_asset(area="other")
def twice(spec: PlatformSpec) -> list[Resource]:
    """One and the same, twice."""
    return [ElasticIp(name="first"), ElasticIp(name="first")]


@pytest.mark.parametrize(
    ("assets", "both"),
    [
        ((address, more), "one/address and by other/more"),
        ((twice,), "other/twice and by other/twice"),
    ],
)
def test_two_declarations_of_one_object_are_named_both(
    world: World, assets: tuple[InfraAsset, ...], both: str
) -> None:
    engine = replace(world, assets=assets).engine()
    for act in (engine.plan, engine.apply, engine.destroy):
        with pytest.raises(DeclaredTwiceError, match=f"ec2.ElasticIp/first .* {both}"):
            act()
    assert world.wire.mutations() == []
