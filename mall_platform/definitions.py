"""The code location that Dagster loads.

What loading makes stays, so the garbage collector would look through ever more objects and find
nothing: it waits until all is loaded, and leaves that alone from then on.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import dagster as dg


def _loaded() -> dg.Definitions:
    gc.disable()
    try:
        from mall_platform.build import build_defs

        return build_defs()
    finally:
        gc.freeze()
        gc.enable()


defs = _loaded()
