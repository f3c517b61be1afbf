"""QuickSight's data sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from infra_assets.cloud import Cloud
from infra_assets.resource import Attributes, Live, Ref, Resource
from infra_assets.types.tagging import from_pairs, pairs

_USING = (
    "quicksight:DescribeDataSource",
    "quicksight:DescribeDataSourcePermissions",
    "quicksight:PassDataSource",
)
"""What somebody needs who makes data sets of a data source, but doesn't change it."""


@dataclass(frozen=True, kw_only=True)
class AthenaSource(Resource):
    """An Athena workgroup that QuickSight queries, as a role, for some of its users.

    `name` is the data source's id. `users` are ARNs of QuickSight's users and groups. Where
    QuickSight couldn't connect, workgroup and role count as not set, so that it's told again.
    """

    service: ClassVar[str] = "quicksight"
    sets: ClassVar[frozenset[str]] = frozenset({"permissions"})
    settles: ClassVar[tuple[tuple[str, str], ...]] = (("InvalidParameterValueException", "role"),)

    title: str
    workgroup: Ref
    role: Ref
    users: tuple[str, ...]

    def wanted(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "connection": {"WorkGroup": self.workgroup, "RoleArn": self.role},
            "permissions": [{"Principal": user, "Actions": [*_USING]} for user in self.users],
        }

    def find(self, cloud: Cloud) -> list[Live]:
        account = cloud.spec.account_id
        found = cloud.read(
            "quicksight",
            "describe_data_source",
            AwsAccountId=account,
            DataSourceId=self.name,
            absent=("ResourceNotFoundException",),
        )
        if found is None:
            return []
        source = found["DataSource"]
        arn = source["Arn"]
        granted = cloud.read(
            "quicksight",
            "describe_data_source_permissions",
            AwsAccountId=account,
            DataSourceId=self.name,
        )["Permissions"]
        tags = cloud.read("quicksight", "list_tags_for_resource", ResourceArn=arn)["Tags"]
        status = source["Status"]
        connected = not status.endswith("FAILED")
        attributes = {
            "title": source["Name"],
            "connection": source["DataSourceParameters"]["AthenaParameters"] if connected else None,
            "permissions": [
                {"Principal": each["Principal"], "Actions": sorted(each["Actions"])}
                for each in granted
            ],
            "tags": from_pairs(tags),
        }
        return [Live(self.name, attributes, arn=arn, ready=not status.endswith("IN_PROGRESS"))]

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        cloud.write(
            "quicksight",
            "create_data_source",
            Type="ATHENA",
            Permissions=wanted["permissions"],
            Tags=pairs(wanted["tags"]),
            **self._content(cloud, wanted),
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        if changed & {"title", "connection"}:
            cloud.write("quicksight", "update_data_source", **self._content(cloud, wanted))
        if "permissions" in changed:
            now, then = live.attributes["permissions"], wanted["permissions"]
            moves = {
                "RevokePermissions": [each for each in now if each not in then],
                "GrantPermissions": [each for each in then if each not in now],
            }
            cloud.write(
                "quicksight",
                "update_data_source_permissions",
                AwsAccountId=cloud.spec.account_id,
                DataSourceId=self.name,
                **{name: permissions for name, permissions in moves.items() if permissions},
            )
        if "tags" in changed:
            tags = pairs(wanted["tags"])
            cloud.write("quicksight", "tag_resource", ResourceArn=live.arn, Tags=tags)

    def _content(self, cloud: Cloud, wanted: Attributes) -> dict[str, Any]:
        return {
            "AwsAccountId": cloud.spec.account_id,
            "DataSourceId": self.name,
            "Name": wanted["title"],
            "DataSourceParameters": {"AthenaParameters": wanted["connection"]},
        }

    def delete(self, cloud: Cloud, live: Live) -> None:
        account = cloud.spec.account_id
        cloud.write(
            "quicksight", "delete_data_source", AwsAccountId=account, DataSourceId=self.name
        )
