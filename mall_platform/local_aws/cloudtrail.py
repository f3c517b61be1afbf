"""CloudTrail: a trail says whether it has insight selectors, and those that are put replace the
former ones."""

from __future__ import annotations

from typing import Any

from moto.cloudtrail.models import Trail

from mall_platform.local_aws.hooks import replace


def install() -> None:
    @replace(Trail, "description")
    def description(original: Any, self: Trail, *args: Any, **kw: Any) -> dict[str, Any]:
        return {**original(self, *args, **kw), "HasInsightSelectors": bool(self.insight_selectors)}

    @replace(Trail, "put_insight_selectors", "insight_selectors")
    def put_insight_selectors(
        original: Any, self: Trail, insight_selectors: list[dict[str, str]]
    ) -> None:
        self.insight_selectors = insight_selectors
