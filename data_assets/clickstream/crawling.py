"""The Glue crawler of the landed clicks, and what it found that nobody declared (E3, A0)."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from data_assets.clickstream.events import FIELDS
from resources.aws import Aws
from resources.catalog import CATALOG
from resources.faults import code_of, explained

TABLE = "clicks_raw"

_FIRST_WAIT_S, _LONGEST_WAIT_S, _PATIENCE_S = 0.05, 10.0, 1800.0


class CrawlFailedError(Exception):
    """The crawler stopped without success, or did not stop in time."""


def crawl(aws: Aws) -> dict[str, Any]:
    """Runs the crawler to its end, after any run that is under way; what Glue says of the run.

    Raises CrawlFailedError, and MissingInfrastructureError if there is no such crawler.
    """
    from botocore.exceptions import ClientError

    name = aws.names.crawler
    glue = aws.client("glue")
    with explained(f"The Glue crawler {name}", CATALOG):
        _wait(glue, name)
        try:
            glue.start_crawler(Name=name)
        except ClientError as error:
            if code_of(error) != "CrawlerRunningException":
                raise
        crawler = _wait(glue, name)
    last: dict[str, Any] = crawler.get("LastCrawl", {})
    if last.get("Status") != "SUCCEEDED":
        raise CrawlFailedError(
            f"The Glue crawler {name} ended as {last.get('Status')}: {last.get('ErrorMessage')}"
        )
    return last


def _wait(glue: Any, name: str) -> dict[str, Any]:
    deadline = time.monotonic() + _PATIENCE_S
    wait_s = _FIRST_WAIT_S
    while True:
        crawler: dict[str, Any] = glue.get_crawler(Name=name)["Crawler"]
        if crawler["State"] == "READY":
            return crawler
        if time.monotonic() > deadline:
            raise CrawlFailedError(f"The Glue crawler {name} is still {crawler['State']}.")
        time.sleep(wait_s)
        wait_s = min(1.5 * wait_s, _LONGEST_WAIT_S)


def columns(aws: Aws) -> dict[str, str]:
    """The columns of the crawled table with their Glue types, partition keys left out."""
    database = aws.names.database
    with explained(f"The Glue table {database}.{TABLE}", CATALOG):
        table = aws.client("glue").get_table(DatabaseName=database, Name=TABLE)["Table"]
    return {column["Name"]: column["Type"] for column in table["StorageDescriptor"]["Columns"]}


def undeclared(found: Iterable[str]) -> list[str]:
    """The fields that no declaration names."""
    return sorted(set(found) - set(FIELDS))


def strays(folders: Iterable[str], first: date, today: date) -> list[str]:
    """Folders of the landing that no business day will ever compact.

    Tomorrow's is none of them: clocks run ahead.
    """

    def is_stray(folder: str) -> bool:
        try:
            day = date.fromisoformat(folder.removeprefix("dt="))
        except ValueError:
            return True
        return not first <= day <= today + timedelta(days=1)

    return [folder for folder in folders if is_stray(folder)]
