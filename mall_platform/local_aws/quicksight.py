"""QuickSight: the account's subscription, and data sources, data sets, ingestions, analyses and
dashboards that are kept as given and can be described, updated and deleted.

Nothing is drawn and nothing imported: an ingestion is complete when it is made, and counts the
rows it was told of: none.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.quicksight import urls
from moto.quicksight.exceptions import ResourceNotFoundException
from moto.quicksight.models import QuickSightBackend
from moto.quicksight.responses import QuickSightResponse

from mall_platform.local_aws.hooks import HookError, operation, replace

_ACCOUNT = r"{0}/account/(?P<account_id>[\d]+)$"
_DATA_SOURCE = r"{0}/accounts/(?P<account_id>[\d]+)/data-sources/(?P<datasourceid>[^/.]+)"
_DATA_SETS = r"{0}/accounts/(?P<account_id>[\d]+)/data-sets/(?P<datasetid>[^/.]+)"
_ANALYSES = r"{0}/accounts/(?P<account_id>[\d]+)/analyses"
_DASHBOARDS = r"{0}/accounts/(?P<account_id>[\d]+)/dashboards/(?P<dashboard_id>[^/]+)"
_PATHS = (
    _ACCOUNT,
    f"{_DATA_SOURCE}/permissions$",
    f"{_DATA_SETS}$",
    f"{_DATA_SETS}/ingestions$",
    f"{_ANALYSES}$",
    f"{_ANALYSES}/(?P<analysis_id>[^/]+)$",
    f"{_DASHBOARDS}/definition$",
    f"{_DASHBOARDS}/versions/(?P<version>[^/]+)$",
)

Document = dict[str, Any]


class ResourceExistsError(JsonRESTError):
    code = 409

    def __init__(self, message: str) -> None:
        super().__init__("ResourceExistsException", message)


def install() -> None:
    for path in _PATHS:
        if path in urls.url_paths:
            raise HookError(f"moto now serves QuickSight's {path}: drop ours")
        urls.url_paths[path] = QuickSightResponse.dispatch
    _add_subscription()
    _add_data_sources()
    _add_data_sets()
    _add_ingestions()
    _add_analyses()
    _add_dashboards()


def _documents(backend: QuickSightBackend, kind: str) -> dict[str, Document]:
    """What is kept of a kind, by its id."""
    if not hasattr(backend, "documents"):
        backend.documents = {}
    found: dict[str, Document] = backend.documents.setdefault(kind, {})
    return found


def _find(responses: QuickSightResponse, kind: str, id_name: str) -> Document:
    identifier = responses._get_param(id_name)
    document = _documents(responses.quicksight_backend, kind).get(identifier)
    if document is None:
        raise ResourceNotFoundException(f"{kind} {identifier} is not found")
    return document


def _body(responses: QuickSightResponse) -> Document:
    body: Document = json.loads(responses.body) if responses.body else {}
    return body


def _new(responses: QuickSightResponse, kind: str, path: str, id_name: str) -> Document:
    """Keeps the request's body as a new document of a kind, with ARN and times."""
    backend = responses.quicksight_backend
    identifier = responses._get_param(id_name)
    documents = _documents(backend, kind)
    if identifier in documents:
        raise ResourceExistsError(f"{kind} {identifier} already exists")
    now = datetime.now(UTC).timestamp()
    body = _body(responses)
    tags = body.pop("Tags", None)
    document = {
        **body,
        id_name: identifier,
        "Arn": (
            f"arn:{backend.partition}:quicksight:{backend.region_name}:{backend.account_id}"
            f":{path}/{identifier}"
        ),
        "CreatedTime": now,
        "LastUpdatedTime": now,
    }
    documents[identifier] = document
    if tags:
        backend.tagger.tag_resource(document["Arn"], tags)
    return document


def _update(responses: QuickSightResponse, document: Document) -> None:
    document |= _body(responses) | {"LastUpdatedTime": datetime.now(UTC).timestamp()}


def _drop(responses: QuickSightResponse, kind: str, id_name: str) -> Document:
    document = _find(responses, kind, id_name)
    backend = responses.quicksight_backend
    del _documents(backend, kind)[document[id_name]]
    backend.tagger.delete_all_tags_for_resource(document["Arn"])
    return document


def _answer(**content: Any) -> str:
    return json.dumps({**content, "RequestId": "local", "Status": 200})


def _add_subscription() -> None:
    @operation(QuickSightResponse)
    def create_account_subscription(self: QuickSightResponse) -> str:
        documents = _documents(self.quicksight_backend, "Subscription")
        if documents:
            raise ResourceExistsError("The account has a subscription already")
        documents["account"] = _body(self)
        name = documents["account"].get("AccountName")
        return _answer(SignupResponse={"accountName": name, "IAMUser": False})

    @operation(QuickSightResponse)
    def describe_account_subscription(self: QuickSightResponse) -> str:
        subscription = _documents(self.quicksight_backend, "Subscription").get("account")
        if subscription is None:
            raise ResourceNotFoundException("The account has no subscription to QuickSight")
        shown = {
            name: subscription[name]
            for name in ("AccountName", "Edition", "NotificationEmail")
            if name in subscription
        }
        status = {"AccountSubscriptionStatus": "ACCOUNT_CREATED"}
        method = {"AuthenticationType": subscription.get("AuthenticationMethod")}
        return _answer(AccountInfo=shown | status | method)

    @operation(QuickSightResponse)
    def delete_account_subscription(self: QuickSightResponse) -> str:
        _documents(self.quicksight_backend, "Subscription").clear()
        return _answer()


def _add_data_sources() -> None:
    """moto makes and describes data sources, but twice under one id, and lets nobody use them."""

    @replace(QuickSightResponse, "create_data_source")
    def create_data_source(original: Any, self: QuickSightResponse) -> str:
        identifier = self._get_param("DataSourceId")
        if identifier in self.quicksight_backend.data_sources:
            raise ResourceExistsError(f"DataSource {identifier} already exists")
        answer: str = original(self)
        _permissions(self)[identifier] = _granted(self, "Permissions")
        return answer

    @replace(QuickSightResponse, "delete_data_source")
    def delete_data_source(original: Any, self: QuickSightResponse) -> str:
        source = _data_source(self)
        answer: str = original(self)
        _permissions(self).pop(source.data_source_id, None)
        self.quicksight_backend.tagger.delete_all_tags_for_resource(source.arn)
        return answer

    @operation(QuickSightResponse)
    def describe_data_source_permissions(self: QuickSightResponse) -> str:
        source = _data_source(self)
        granted = _permissions(self).get(source.data_source_id, {})
        shown = [{"Principal": p, "Actions": sorted(a)} for p, a in sorted(granted.items()) if a]
        return _answer(
            DataSourceArn=source.arn, DataSourceId=source.data_source_id, Permissions=shown
        )

    @operation(QuickSightResponse)
    def update_data_source_permissions(self: QuickSightResponse) -> str:
        source = _data_source(self)
        granted = _permissions(self).setdefault(source.data_source_id, {})
        for principal, actions in _granted(self, "RevokePermissions").items():
            granted[principal] = granted.get(principal, set()) - actions
        for principal, actions in _granted(self, "GrantPermissions").items():
            granted[principal] = granted.get(principal, set()) | actions
        return _answer(DataSourceArn=source.arn, DataSourceId=source.data_source_id)


def _permissions(responses: QuickSightResponse) -> Document:
    """What each principal may do with each data source."""
    return _documents(responses.quicksight_backend, "DataSourcePermissions")


def _granted(responses: QuickSightResponse, name: str) -> dict[str, set[str]]:
    return {each["Principal"]: set(each["Actions"]) for each in _body(responses).get(name) or ()}


def _data_source(responses: QuickSightResponse) -> Any:
    identifier = responses._get_param("DataSourceId")
    return responses.quicksight_backend.describe_data_source("", identifier)


def _add_data_sets() -> None:
    @replace(QuickSightResponse, "create_data_set")
    def create_data_set(original: Any, self: QuickSightResponse) -> str:
        data_set = _new(self, "DataSet", "dataset", "DataSetId")
        return _answer(Arn=data_set["Arn"], DataSetId=data_set["DataSetId"])

    @operation(QuickSightResponse)
    def describe_data_set(self: QuickSightResponse) -> str:
        return _answer(DataSet=_find(self, "DataSet", "DataSetId"))

    @operation(QuickSightResponse)
    def update_data_set(self: QuickSightResponse) -> str:
        data_set = _find(self, "DataSet", "DataSetId")
        _update(self, data_set)
        return _answer(Arn=data_set["Arn"], DataSetId=data_set["DataSetId"])

    @operation(QuickSightResponse)
    def delete_data_set(self: QuickSightResponse) -> str:
        data_set = _drop(self, "DataSet", "DataSetId")
        return _answer(Arn=data_set["Arn"], DataSetId=data_set["DataSetId"])

    @operation(QuickSightResponse)
    def list_data_sets(self: QuickSightResponse) -> str:
        shown = ("Arn", "DataSetId", "Name", "CreatedTime", "LastUpdatedTime", "ImportMode")
        found = _documents(self.quicksight_backend, "DataSet").values()
        summaries = [{name: each[name] for name in shown if name in each} for each in found]
        return _answer(DataSetSummaries=summaries)


def _add_ingestions() -> None:
    @replace(QuickSightResponse, "create_ingestion")
    def create_ingestion(original: Any, self: QuickSightResponse) -> str:
        data_set = _find(self, "DataSet", "DataSetId")
        path = f"dataset/{data_set['DataSetId']}/ingestion"
        ingestion = _new(self, "Ingestion", path, "IngestionId")
        ingestion |= {
            "DataSetId": data_set["DataSetId"],
            "IngestionStatus": "COMPLETED",
            "RequestSource": "MANUAL",
            "RequestType": ingestion.pop("IngestionType", "FULL_REFRESH"),
            "IngestionTimeInSeconds": 0,
            "IngestionSizeInBytes": 0,
            "RowInfo": {"RowsIngested": 0, "RowsDropped": 0, "TotalRowsInDataset": 0},
        }
        return _answer(
            Arn=ingestion["Arn"],
            IngestionId=ingestion["IngestionId"],
            IngestionStatus="INITIALIZED",
        )

    @operation(QuickSightResponse)
    def describe_ingestion(self: QuickSightResponse) -> str:
        return _answer(Ingestion=_shown_ingestion(_find(self, "Ingestion", "IngestionId")))

    @operation(QuickSightResponse)
    def list_ingestions(self: QuickSightResponse) -> str:
        data_set = _find(self, "DataSet", "DataSetId")
        found = _documents(self.quicksight_backend, "Ingestion").values()
        mine = [each for each in found if each["DataSetId"] == data_set["DataSetId"]]
        return _answer(Ingestions=[_shown_ingestion(each) for each in reversed(mine)])


def _shown_ingestion(ingestion: Document) -> Document:
    return {
        name: v for name, v in ingestion.items() if name not in ("DataSetId", "LastUpdatedTime")
    }


def _add_analyses() -> None:
    @operation(QuickSightResponse)
    def create_analysis(self: QuickSightResponse) -> str:
        analysis = _new(self, "Analysis", "analysis", "AnalysisId")
        analysis["Status"] = "CREATION_SUCCESSFUL"
        return _answer(
            Arn=analysis["Arn"],
            AnalysisId=analysis["AnalysisId"],
            CreationStatus="CREATION_IN_PROGRESS",
        )

    @operation(QuickSightResponse)
    def describe_analysis(self: QuickSightResponse) -> str:
        analysis = _find(self, "Analysis", "AnalysisId")
        return _answer(Analysis=analysis)

    @operation(QuickSightResponse)
    def update_analysis(self: QuickSightResponse) -> str:
        analysis = _find(self, "Analysis", "AnalysisId")
        _update(self, analysis)
        analysis["Status"] = "UPDATE_SUCCESSFUL"
        return _answer(
            Arn=analysis["Arn"],
            AnalysisId=analysis["AnalysisId"],
            UpdateStatus="UPDATE_IN_PROGRESS",
        )

    @operation(QuickSightResponse)
    def delete_analysis(self: QuickSightResponse) -> str:
        analysis = _drop(self, "Analysis", "AnalysisId")
        return _answer(Arn=analysis["Arn"], AnalysisId=analysis["AnalysisId"])


def _add_dashboards() -> None:
    """moto makes and describes dashboards: what follows works on its objects."""

    @operation(QuickSightResponse)
    def update_dashboard(self: QuickSightResponse) -> str:
        dashboard = _dashboard(self)
        body = _body(self)
        for name, attribute in (
            ("Name", "name"),
            ("Definition", "definition"),
            ("SourceEntity", "source_entity"),
            ("Parameters", "parameters"),
            ("VersionDescription", "version_description"),
            ("ThemeArn", "theme_arn"),
            ("DashboardPublishOptions", "dashboard_publish_options"),
        ):
            if name in body:
                setattr(dashboard, attribute, body[name])
        dashboard.version_number += 1
        dashboard.last_updated_time = datetime.now(UTC)
        return _answer(
            Arn=dashboard.arn,
            VersionArn=dashboard.version_arn,
            DashboardId=dashboard.dashboard_id,
            Status="UPDATE_IN_PROGRESS",
        )

    @operation(QuickSightResponse)
    def update_dashboard_published_version(self: QuickSightResponse) -> str:
        dashboard = _dashboard(self)
        dashboard.last_published_time = datetime.now(UTC)
        return _answer(DashboardId=dashboard.dashboard_id, DashboardArn=dashboard.arn)

    @operation(QuickSightResponse)
    def describe_dashboard_definition(self: QuickSightResponse) -> str:
        dashboard = _dashboard(self)
        return _answer(
            DashboardId=dashboard.dashboard_id,
            Name=dashboard.name,
            ResourceStatus=dashboard.status,
            Definition=dashboard.definition,
            DashboardPublishOptions=dashboard.dashboard_publish_options,
        )

    @operation(QuickSightResponse)
    def delete_dashboard(self: QuickSightResponse) -> str:
        dashboard = _dashboard(self)
        del self.quicksight_backend.dashboards[dashboard.dashboard_id]
        return _answer(Arn=dashboard.arn, DashboardId=dashboard.dashboard_id)


def _dashboard(responses: QuickSightResponse) -> Any:
    identifier = responses._get_param("DashboardId")
    dashboard = responses.quicksight_backend.dashboards.get(identifier)
    if dashboard is None:
        raise ResourceNotFoundException(f"Dashboard {identifier} is not found")
    return dashboard
