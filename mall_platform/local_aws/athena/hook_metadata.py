"""Athena's view of the catalog and of workgroups, which moto keeps apart or lacks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mall_platform.local_aws import hooks

if TYPE_CHECKING:
    from collections.abc import Callable

    from moto.athena.responses import AthenaResponse

Answer = str | tuple[str, dict[str, int]]

_GLUE = {"AwsDataCatalog", "awsdatacatalog"}
_CATALOG = {
    "Name": "AwsDataCatalog",
    "Description": "The Glue data catalog",
    "Type": "GLUE",
    "Parameters": {},
}


def _error(kind: str, message: str) -> Answer:
    return json.dumps({"__type": kind, "Message": message}), {"status": 400}


def install_metadata() -> None:
    """Makes Athena's metadata calls answer from Glue, and adds the workgroup's update."""
    from moto.athena.responses import AthenaResponse

    _install_catalog(AthenaResponse)
    _install_work_groups(AthenaResponse)
    _install_prepared(AthenaResponse)


def _glue(self: AthenaResponse) -> Any:
    from moto.glue.models import glue_backends

    return glue_backends[self.current_account][self.region]


def _install_catalog(responses: type[AthenaResponse]) -> None:
    @hooks.replace(responses, "get_data_catalog")
    def get_data_catalog(original: Callable, self: AthenaResponse) -> Answer:
        if self._get_param("Name") in _GLUE:
            return json.dumps({"DataCatalog": _CATALOG})
        answer: Answer = original(self)
        return answer

    @hooks.replace(responses, "list_data_catalogs")
    def list_data_catalogs(original: Callable, self: AthenaResponse) -> Answer:
        glue = {"CatalogName": "AwsDataCatalog", "Type": "GLUE"}
        return json.dumps(
            {"DataCatalogsSummary": [glue, *self.athena_backend.list_data_catalogs()]}
        )

    @hooks.replace(responses, "get_database")
    def get_database(original: Callable, self: AthenaResponse) -> Answer:
        name = self._get_param("DatabaseName").lower()
        found = _glue(self).databases.get(name)
        if found is None:
            return _error("MetadataException", f"Database {name} not found.")
        return json.dumps({"Database": _database(found)})

    @hooks.replace(responses, "list_databases")
    def list_databases(original: Callable, self: AthenaResponse) -> Answer:
        found = sorted(_glue(self).get_databases(), key=lambda database: str(database.name))
        return _page(self, "DatabaseList", [_database(database) for database in found])

    @hooks.operation(responses)
    def get_table_metadata(self: AthenaResponse) -> Answer:
        database = _glue(self).databases.get(self._get_param("DatabaseName").lower())
        name = self._get_param("TableName").lower()
        if database is None or name not in database.tables:
            return _error("MetadataException", f"Entity Not Found: {name}")
        return json.dumps({"TableMetadata": _table(database.tables[name])})

    @hooks.operation(responses)
    def list_table_metadata(self: AthenaResponse) -> Answer:
        name = self._get_param("DatabaseName").lower()
        database = _glue(self).databases.get(name)
        if database is None:
            return _error("MetadataException", f"Database {name} not found.")
        found = sorted(database.tables.values(), key=lambda table: str(table.name))
        return _page(self, "TableMetadataList", [_table(table) for table in found])


def _page(self: AthenaResponse, key: str, items: list[dict[str, Any]]) -> str:
    start = int(self._get_param("NextToken") or 0)
    end = start + int(self._get_param("MaxResults") or 50)
    answer: dict[str, Any] = {key: items[start:end]}
    if end < len(items):
        answer["NextToken"] = str(end)
    return json.dumps(answer)


def _database(found: Any) -> dict[str, Any]:
    return {
        "Name": found.name,
        "Description": found.input.get("Description") or "",
        "Parameters": found.input.get("Parameters") or {},
    }


def _table(found: Any) -> dict[str, Any]:
    described = found.as_dict()
    descriptor = described.get("StorageDescriptor") or {}
    keep = ("Name", "Type", "Comment")
    columns = [{k: c[k] for k in keep if c.get(k)} for c in descriptor.get("Columns") or []]
    keys = [{k: c[k] for k in keep if c.get(k)} for c in described.get("PartitionKeys") or []]
    serde = descriptor.get("SerdeInfo") or {}
    return {
        "Name": described["Name"],
        "CreateTime": described["CreateTime"].timestamp(),
        "TableType": described.get("TableType") or "EXTERNAL_TABLE",
        "Columns": columns,
        "PartitionKeys": keys,
        "Parameters": {
            **(described.get("Parameters") or {}),
            "location": descriptor.get("Location") or "",
            "inputformat": descriptor.get("InputFormat") or "",
            "outputformat": descriptor.get("OutputFormat") or "",
            "serde.serialization.lib": serde.get("SerializationLibrary") or "",
        },
    }


_RESULT_REMOVALS = {
    "RemoveOutputLocation": "OutputLocation",
    "RemoveEncryptionConfiguration": "EncryptionConfiguration",
    "RemoveExpectedBucketOwner": "ExpectedBucketOwner",
    "RemoveAclConfiguration": "AclConfiguration",
}


def _install_work_groups(responses: type[AthenaResponse]) -> None:
    @hooks.replace(responses, "get_work_group")
    def get_work_group(original: Callable, self: AthenaResponse) -> Answer:
        name = self._get_param("WorkGroup")
        if name not in self.athena_backend.work_groups:
            return _error("InvalidRequestException", f"WorkGroup {name} is not found.")
        answer: Answer = original(self)
        return answer

    @hooks.operation(responses)
    def update_work_group(self: AthenaResponse) -> Answer:
        name = self._get_param("WorkGroup")
        group = self.athena_backend.work_groups.get(name)
        if group is None:
            return _error("InvalidRequestException", f"WorkGroup {name} is not found.")
        if description := self._get_param("Description"):
            group.description = description
        if state := self._get_param("State"):
            group.state = state
        group.configuration = _updated(
            group.configuration, self._get_param("ConfigurationUpdates") or {}
        )
        return "{}"


def _updated(configuration: dict[str, Any], updates: dict[str, Any]) -> dict[str, Any]:
    """A workgroup's configuration after ConfigurationUpdates."""
    changes = dict(updates)
    results = changes.pop("ResultConfigurationUpdates", {})
    kept = dict(configuration)
    if changes.pop("RemoveBytesScannedCutoffPerQuery", False):
        kept.pop("BytesScannedCutoffPerQuery", None)
    if changes.pop("RemoveCustomerContentEncryptionConfiguration", False):
        kept.pop("CustomerContentEncryptionConfiguration", None)
    if selected := (changes.get("EngineVersion") or {}).get("SelectedEngineVersion"):
        effective = "Athena engine version 3" if selected == "AUTO" else selected
        changes["EngineVersion"] = {
            "SelectedEngineVersion": selected,
            "EffectiveEngineVersion": effective,
        }
    own = dict(kept.get("ResultConfiguration") or {})
    for flag, key in _RESULT_REMOVALS.items():
        if results.get(flag):
            own.pop(key, None)
    own |= {key: value for key, value in results.items() if key not in _RESULT_REMOVALS}
    return {**kept, **changes, "ResultConfiguration": own}


def _install_prepared(responses: type[AthenaResponse]) -> None:
    @hooks.operation(responses)
    def list_prepared_statements(self: AthenaResponse) -> Answer:
        group = self._get_param("WorkGroup")
        found = self.athena_backend.prepared_statements.values()
        return json.dumps(
            {
                "PreparedStatements": [
                    {
                        "StatementName": s.statement_name,
                        "LastModifiedTime": s.last_modified_time.timestamp(),
                    }
                    for s in found
                    if s.workgroup == group
                ]
            }
        )

    @hooks.operation(responses)
    def delete_prepared_statement(self: AthenaResponse) -> Answer:
        name = self._get_param("StatementName")
        if self.athena_backend.prepared_statements.pop(name, None) is None:
            return _error("ResourceNotFoundException", f"PreparedStatement {name} was not found")
        return "{}"
