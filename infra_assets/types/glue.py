"""The Glue catalog and its crawlers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from infra_assets.cloud import Cloud
from infra_assets.resource import Attributes, Live, Ref, Resource


@dataclass(frozen=True, kw_only=True)
class Database(Resource):
    """A database of the catalog. Its tables belong to what writes them, but go with it."""

    service: ClassVar[str] = "glue"
    holds_data: ClassVar[bool] = True

    description: str
    location: str

    def wanted(self) -> dict[str, Any]:
        return {"description": self.description, "location": self.location}

    def find(self, cloud: Cloud) -> list[Live]:
        found = cloud.read(
            "glue", "get_database", Name=self.name, absent=("EntityNotFoundException",)
        )
        if found is None:
            return []
        arn = cloud.spec.arn("glue", f"database/{self.name}")
        attributes = {
            "description": found["Database"].get("Description"),
            "location": found["Database"].get("LocationUri"),
            "tags": cloud.read("glue", "get_tags", ResourceArn=arn)["Tags"],
        }
        return [Live(self.name, attributes, arn=arn)]

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        cloud.write(
            "glue", "create_database", DatabaseInput=self._input(wanted), Tags=dict(wanted["tags"])
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        if changed - {"tags"}:
            cloud.write(
                "glue", "update_database", Name=self.name, DatabaseInput=self._input(wanted)
            )
        if "tags" in changed:
            tags = dict(wanted["tags"])
            cloud.write("glue", "tag_resource", ResourceArn=live.arn, TagsToAdd=tags)

    def _input(self, wanted: Attributes) -> dict[str, Any]:
        return {
            "Name": self.name,
            "Description": wanted["description"],
            "LocationUri": wanted["location"],
        }

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("glue", "delete_database", Name=self.name)


@dataclass(frozen=True, kw_only=True)
class JsonTable(Resource):
    """A table over JSON lines in S3 for a crawler to keep: its columns and partitions are the
    crawler's from then on, where it lies and how it is read is ours.

    `name` is database.table; columns and partition keys are Glue types by name.
    """

    service: ClassVar[str] = "glue"
    tagged: ClassVar[bool] = False
    fixed: ClassVar[frozenset[str]] = frozenset({"partitioned_by"})

    database: Ref
    location: str
    columns: dict[str, str]
    partitioned_by: dict[str, str]

    def wanted(self) -> dict[str, Any]:
        return {
            "database": self.database,
            "location": self.location,
            "partitioned_by": [{"Name": n, "Type": t} for n, t in self.partitioned_by.items()],
            "type": "EXTERNAL_TABLE",
            "formats": {
                "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
                "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
            },
            "serde": "org.openx.data.jsonserde.JsonSerDe",
            "classification": "json",
        }

    def find(self, cloud: Cloud) -> list[Live]:
        database, name = self.name.split(".")
        found = cloud.read(
            "glue",
            "get_table",
            DatabaseName=database,
            Name=name,
            absent=("EntityNotFoundException",),
        )
        if found is None:
            return []
        table = found["Table"]
        storage = table["StorageDescriptor"]
        attributes = {
            "database": table["DatabaseName"],
            "location": storage["Location"],
            "partitioned_by": [
                {"Name": key["Name"], "Type": key["Type"]} for key in table["PartitionKeys"]
            ],
            "type": table.get("TableType"),
            "formats": {name: storage.get(name) for name in ("InputFormat", "OutputFormat")},
            "serde": storage["SerdeInfo"]["SerializationLibrary"],
            "classification": table["Parameters"].get("classification"),
        }
        return [Live(name, attributes)]

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        columns = [{"Name": name, "Type": type} for name, type in self.columns.items()]
        definition = self._input(wanted, columns, {})
        database = wanted["database"]
        cloud.write("glue", "create_table", DatabaseName=database, TableInput=definition)

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        database, now = wanted["database"], live.attributes["database"]
        table = cloud.read("glue", "get_table", DatabaseName=now, Name=live.id)["Table"]
        definition = self._input(wanted, table["StorageDescriptor"]["Columns"], table["Parameters"])
        cloud.write("glue", "update_table", DatabaseName=database, TableInput=definition)

    def _input(
        self, wanted: Attributes, columns: list[dict[str, Any]], parameters: dict[str, str]
    ) -> dict[str, Any]:
        return {
            "Name": self.name.split(".")[1],
            "TableType": wanted["type"],
            "PartitionKeys": wanted["partitioned_by"],
            "Parameters": {**parameters, "classification": wanted["classification"]},
            "StorageDescriptor": {
                "Columns": columns,
                "Location": wanted["location"],
                **wanted["formats"],
                "SerdeInfo": {"SerializationLibrary": wanted["serde"]},
            },
        }

    def delete(self, cloud: Cloud, live: Live) -> None:
        database = live.attributes["database"]
        cloud.write("glue", "delete_table", DatabaseName=database, Name=live.id)


@dataclass(frozen=True, kw_only=True)
class Crawler(Resource):
    """A crawler that keeps the columns and partitions of one catalogued table, when started.

    It crawls the table, not the folder: a folder's table would be named after the folder.
    """

    service: ClassVar[str] = "glue"
    settles: ClassVar[tuple[tuple[str, str], ...]] = (
        ("InvalidInputException", "unable to assume provided role"),
        ("CrawlerRunningException", ""),
    )

    role: Ref
    database: Ref
    table: str

    def wanted(self) -> dict[str, Any]:
        return {
            "role": self.role,
            "database": self.database,
            "tables": [self.table],
            "schema_changes": {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "LOG"},
            "schedule": "",
            "configuration": {
                "Version": 1.0,
                "CrawlerOutput": {"Partitions": {"AddOrUpdateBehavior": "InheritFromTable"}},
                "Grouping": {"TableGroupingPolicy": "CombineCompatibleSchemas"},
            },
        }

    def find(self, cloud: Cloud) -> list[Live]:
        found = cloud.read(
            "glue", "get_crawler", Name=self.name, absent=("EntityNotFoundException",)
        )
        if found is None:
            return []
        crawler = found["Crawler"]
        arn = cloud.spec.arn("glue", f"crawler/{self.name}")
        targets = crawler["Targets"].get("CatalogTargets", [])
        configuration = crawler.get("Configuration")
        attributes = {
            "role": crawler["Role"].rsplit("/", 1)[-1],
            "database": targets[0]["DatabaseName"] if targets else None,
            "tables": [table for target in targets for table in target["Tables"]],
            "schema_changes": crawler.get("SchemaChangePolicy"),
            "schedule": crawler.get("Schedule", {}).get("ScheduleExpression", ""),
            "configuration": json.loads(configuration) if configuration else None,
            "tags": cloud.read("glue", "get_tags", ResourceArn=arn)["Tags"],
        }
        return [Live(self.name, attributes, arn=arn)]

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        tags = dict(wanted["tags"])
        cloud.write("glue", "create_crawler", **self._input(wanted), Tags=tags)

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        if changed - {"tags"}:
            schedule = wanted["schedule"]
            cloud.write("glue", "update_crawler", **self._input(wanted), Schedule=schedule)
        if "tags" in changed:
            tags = dict(wanted["tags"])
            cloud.write("glue", "tag_resource", ResourceArn=live.arn, TagsToAdd=tags)

    def _input(self, wanted: Attributes) -> dict[str, Any]:
        target = {"DatabaseName": wanted["database"], "Tables": wanted["tables"]}
        return {
            "Name": self.name,
            "Role": wanted["role"],
            "DatabaseName": wanted["database"],
            "Targets": {"CatalogTargets": [target]},
            "SchemaChangePolicy": wanted["schema_changes"],
            "Configuration": json.dumps(wanted["configuration"]),
        }

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("glue", "delete_crawler", Name=self.name)
