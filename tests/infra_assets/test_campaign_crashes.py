"""`./mall test --exhaustive`: a crash of the whole apply after each of its calls."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from tests.infra_assets.campaign import campaign, die
from tests.infra_assets.world import World


@pytest.mark.exhaustive
@pytest.mark.timeout(4 * 3600)
def test_a_crash_after_each_call_of_the_whole_apply_is_made_good_by_a_rerun(
    world: World, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, str], None]
) -> None:
    """Which sees that the lock's holder is dead, though here the process lives on."""
    monkeypatch.setattr("infra_assets.lock.has_ended", lambda process: True)
    came = campaign(world, "crash after the call", after=partial(die, world))
    record_property("campaign", str(came))
    assert came.wrong == []
    assert len(came.struck) == came.calls
