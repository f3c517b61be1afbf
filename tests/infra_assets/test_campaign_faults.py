"""`./mall test --exhaustive`: a lost reply and two refusals of each call of the whole apply."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.infra_assets.campaign import Undisturbed, faults, one_thread
from tests.infra_assets.world import Fault, World, lost_reply, refused


@pytest.mark.exhaustive
@pytest.mark.timeout(6 * 3600)
@pytest.mark.parametrize(
    ("fault", "before", "after"),
    [
        ("a lost reply", None, lost_reply),
        ("a throttle", refused(400, "ThrottlingException"), None),
        ("a 500", refused(500, "InternalFailure"), None),
    ],
)
def test_a_fault_at_each_call_of_the_whole_apply_changes_nothing(
    world: World,
    fault: str,
    before: Fault | None,
    after: Fault | None,
    record_property: Callable[[str, str], None],
) -> None:
    """And the rerun finds nothing left to do."""
    with one_thread():
        undisturbed = Undisturbed.of(world)
        campaign = faults(world, undisturbed, fault, before=before, after=after)
    record_property("campaign", str(campaign))
    assert campaign.wrong == {}
    assert campaign.calls == len(undisturbed.calls)
