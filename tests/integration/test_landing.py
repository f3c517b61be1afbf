"""Where clicks land, and what Firehose couldn't place (E3)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.integration.conftest import WholeRun

PLACED = re.compile(r"clicks/dt=\d{4}-\d\d-\d\d/hour=\d\d/[^/]+")
UNPLACED = re.compile(r"clicks-errors/\d{4}/\d\d/\d\d/\d\d/metadata-extraction-failed-[^/]+")


def keys(run: WholeRun, prefix: str) -> Iterator[str]:
    aws = run.resources["aws"]
    pages = aws.client("s3").get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=aws.bucket("raw"), Prefix=prefix):
        yield from (item["Key"] for item in page.get("Contents", []))


def test_clicks_lie_in_folders_of_their_day_and_hour(whole_run: WholeRun) -> None:
    found = [*keys(whole_run, "clicks/")]
    assert found
    assert [key for key in found if not PLACED.fullmatch(key)] == []


def test_what_could_not_be_placed_lies_in_a_folder_of_its_hour(whole_run: WholeRun) -> None:
    """And in none below it."""
    found = [*keys(whole_run, "clicks-errors/")]
    assert found
    assert [key for key in found if not UNPLACED.fullmatch(key)] == []
