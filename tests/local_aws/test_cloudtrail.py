"""CloudTrail: insight selectors are replaced as a whole, and a trail says whether it has any."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

Clients = Callable[[str], Any]


def test_a_trail_tells_of_its_insight_selectors(client: Clients) -> None:
    trails, bucket = client("cloudtrail"), f"trail-{uuid.uuid4()}"
    client("s3").create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"}
    )
    trails.create_trail(Name=bucket, S3BucketName=bucket)
    for kinds in (["ApiCallRateInsight"], ["ApiErrorRateInsight"], []):
        selectors = [{"InsightType": kind} for kind in kinds]
        trails.put_insight_selectors(TrailName=bucket, InsightSelectors=selectors)
        assert trails.get_trail(Name=bucket)["Trail"]["HasInsightSelectors"] == bool(kinds)
        found = trails.get_insight_selectors(TrailName=bucket)
        assert found.get("InsightSelectors", []) == selectors
