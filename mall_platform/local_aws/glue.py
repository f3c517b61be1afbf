"""Glue: crawlers that crawl, and a catalog that pages and updates as AWS's does."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.glue.exceptions import (
    CrawlerRunningException,
    GlueClientError,
    PartitionAlreadyExistsException,
)
from moto.glue.models import FakeCrawl, FakeCrawler, FakePartition, FakeTable
from moto.glue.responses import GlueResponse
from moto.glue.utils import PartitionFilter

from mall_platform.local_aws.glue_crawler import CrawlError, crawl
from mall_platform.local_aws.hooks import operation, replace

log = logging.getLogger("local_aws")

_PAGE_SIZES = {"Partitions": 1000, "TableList": 100, "DatabaseList": 100}


def install() -> None:
    _hook_partitions()
    _hook_tables()
    _hook_pages()
    _hook_crawlers()
    _add_update_crawler()


def _hook_partitions() -> None:
    @replace(FakeTable, "get_partitions", "expression")
    def get_partitions(original: Any, self: FakeTable, expression: str) -> list[FakePartition]:
        # A copy: others may add partitions meanwhile.
        return list(filter(PartitionFilter(expression, self), list(self.partitions.values())))

    @replace(FakeTable, "update_partition", "old_values", "partiton_input")
    def update_partition(
        original: Any, self: FakeTable, old_values: Any, partiton_input: dict[str, Any]
    ) -> None:
        before = self.get_partition(old_values)
        values = partiton_input["Values"]
        if values != old_values and str(values) in self.partitions:
            # moto drops the old one before it notices.
            raise PartitionAlreadyExistsException
        original(self, old_values, partiton_input)
        self.partitions[str(values)].creation_time = before.creation_time


def _hook_tables() -> None:
    @replace(GlueResponse, "update_table")
    def update_table(original: Any, self: GlueResponse) -> Any:
        expected = self.parameters.get("VersionId")
        database, name = self.parameters["DatabaseName"], self.parameters["TableInput"]["Name"]
        table = self.glue_backend.get_table(database, name)
        if expected is not None and expected != table.as_dict()["VersionId"]:
            raise GlueClientError(
                "ConcurrentModificationException",
                f"Update table failed due to concurrent modifications: {name}",
            )
        return original(self)


def _hook_pages() -> None:
    for name, key in (
        ("get_partitions", "Partitions"),
        ("get_tables", "TableList"),
        ("get_databases", "DatabaseList"),
    ):
        replace(GlueResponse, name)(_paged(key))


def _paged(key: str) -> Callable:
    """Cuts a listing by MaxResults and NextToken (the number of entries before the page)."""

    def page(original: Any, self: GlueResponse) -> ActionResult:
        result = original(self).result
        start = int(self.parameters.get("NextToken") or 0)
        size = int(self.parameters.get("MaxResults") or _PAGE_SIZES[key])
        entries = result[key]
        if key == "Partitions" and self.parameters.get("ExcludeColumnSchema"):
            entries = [_without_columns(entry) for entry in entries]
        more = {"NextToken": str(start + size)} if start + size < len(entries) else {}
        return ActionResult({**result, key: entries[start : start + size], **more})

    return page


def _without_columns(partition: dict[str, Any]) -> dict[str, Any]:
    storage = {k: v for k, v in partition.get("StorageDescriptor", {}).items() if k != "Columns"}
    return {**partition, "StorageDescriptor": storage}


def _hook_crawlers() -> None:
    @replace(FakeCrawler, "start_crawler")
    def start_crawler(original: Any, self: FakeCrawler) -> None:
        original(self)
        run = self.crawls[-1]
        run._transitions = []  # its status changes when the crawl ends, not by moto's rules
        threading.Thread(
            target=_run, args=(self, run), name=f"crawl-{self.name}", daemon=True
        ).start()

    @replace(FakeCrawler, "stop_crawler")
    def stop_crawler(original: Any, self: FakeCrawler) -> None:
        original(self)
        # What runs is short and ends by itself; nothing of it is undone, as on AWS.
        _end(self.crawls[-1], "STOPPED")

    @replace(FakeCrawler, "as_dict")
    def as_dict(original: Any, self: FakeCrawler) -> dict[str, Any]:
        shown: dict[str, Any] = original(self)
        ended = [each for each in self.crawls if each.status != "RUNNING"]
        shown.pop("LastCrawl", None)
        return {**shown, "LastCrawl": _last_crawl(ended[-1])} if ended else shown


def _run(crawler: FakeCrawler, run: FakeCrawl) -> None:
    error = None
    try:
        crawl(crawler.backend, crawler)
    except CrawlError as failure:
        error = str(failure)
    except Exception:
        log.exception("crawler %s failed", crawler.name)
        error = "Internal Service Exception"
    if run.status == "RUNNING":
        _end(run, "FAILED" if error else "COMPLETED", error)


def _end(run: FakeCrawl, status: str, error: str | None = None) -> None:
    run.end_time = datetime.now(UTC)
    run.error_message = error
    run.status = status


def _last_crawl(run: FakeCrawl) -> dict[str, Any]:
    statuses = {"COMPLETED": "SUCCEEDED", "STOPPED": "CANCELLED", "STOPPING": "CANCELLED"}
    shown = {
        "LogGroup": run.log_group,
        "LogStream": run.log_stream,
        "MessagePrefix": run.message_prefix,
        "StartTime": run.start_time,
        "Status": statuses.get(run.status, run.status),
    }
    return {**shown, "ErrorMessage": run.error_message} if run.error_message else shown


def _add_update_crawler() -> None:
    fields = {
        "Role": "role",
        "DatabaseName": "database_name",
        "Description": "description",
        "Targets": "targets",
        "Schedule": "schedule",
        "Classifiers": "classifiers",
        "TablePrefix": "table_prefix",
        "SchemaChangePolicy": "schema_change_policy",
        "RecrawlPolicy": "recrawl_policy",
        "LineageConfiguration": "lineage_configuration",
        "Configuration": "configuration",
        "CrawlerSecurityConfiguration": "crawler_security_configuration",
    }

    @operation(GlueResponse)
    def update_crawler(self: GlueResponse) -> ActionResult:
        crawler = self.glue_backend.get_crawler(self.parameters["Name"])
        if crawler.status != "READY":
            raise CrawlerRunningException(f"Crawler with name {crawler.name} is running")
        for field, attribute in fields.items():
            if field in self.parameters:
                setattr(crawler, attribute, self.parameters[field])
        crawler.version += 1
        crawler.last_updated = datetime.now(UTC)
        return EmptyResult()
