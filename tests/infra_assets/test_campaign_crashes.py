"""`./mall test --exhaustive`: a crash of the whole apply after each of its calls."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.infra_assets.campaign import Undisturbed, crashes, one_thread
from tests.infra_assets.world import World


@pytest.mark.exhaustive
@pytest.mark.timeout(6 * 3600)
def test_a_crash_after_each_call_of_the_whole_apply_is_made_good_by_a_rerun(
    world: World, record_property: Callable[[str, str], None]
) -> None:
    with one_thread():
        undisturbed = Undisturbed.of(world)
        campaign = crashes(world, undisturbed, range(len(undisturbed.calls)))
    record_property("campaign", str(campaign))
    assert campaign.wrong == {}
    assert campaign.calls == len(undisturbed.calls)
