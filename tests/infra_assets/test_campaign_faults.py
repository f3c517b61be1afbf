"""`./mall test --exhaustive`: a lost reply and two refusals of each call of the whole apply."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.infra_assets.campaign import campaign
from tests.infra_assets.world import Fault, World, lost_reply, refused


@pytest.mark.exhaustive
@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize(
    ("fault", "before", "after"),
    [
        ("lost reply", None, lost_reply),
        ("throttle", refused(400, "ThrottlingException"), None),
        ("500", refused(500, "InternalFailure"), None),
    ],
)
def test_a_fault_at_each_call_of_the_whole_apply_makes_no_difference(
    world: World,
    fault: str,
    before: Fault | None,
    after: Fault | None,
    record_property: Callable[[str, str], None],
) -> None:
    came = campaign(world, fault, before=before, after=after)
    record_property("campaign", str(came))
    assert came.wrong == []
    assert len(came.struck) == came.calls
