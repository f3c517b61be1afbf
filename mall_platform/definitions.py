"""The code location that Dagster loads."""

from mall_platform.build import build_defs

defs = build_defs()
