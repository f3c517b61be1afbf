"""Names that AWS wants to be unique while one object replaces another: they take turns."""

from __future__ import annotations

import re
from collections.abc import Collection

_TURN = re.compile(r"-\d$")


def free_name(name: str, taken: Collection[str]) -> str:
    """The name, or with as small a number behind it as makes it free: `mall-dev-web-2`."""
    turns = [name, *(f"{name}-{number}" for number in range(2, 10))]
    return next((each for each in turns if each not in taken), name)


def without_turn(name: str) -> str:
    """The name that an object was to have before it took its turn."""
    return _TURN.sub("", name)
