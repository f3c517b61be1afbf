"""QuickSight: what is made can be described, changed and deleted (V1)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

Clients = Callable[[str], Any]
ACCOUNT = "123456789012"


@pytest.fixture
def quicksight(client: Clients) -> Any:
    return client("quicksight")


@pytest.fixture
def name() -> str:
    return f"id-{uuid.uuid4()}"


def missing(call: Callable[..., Any], **arguments: Any) -> bool:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        call(AwsAccountId=ACCOUNT, **arguments)
    return True


def test_an_account_is_subscribed_or_not(quicksight: Any) -> None:
    assert missing(quicksight.describe_account_subscription)
    quicksight.create_account_subscription(
        AwsAccountId=ACCOUNT,
        AccountName="mall",
        Edition="ENTERPRISE",
        AuthenticationMethod="IAM_ONLY",
        NotificationEmail="data@example.com",
    )
    info = quicksight.describe_account_subscription(AwsAccountId=ACCOUNT)["AccountInfo"]
    assert info["Edition"] == "ENTERPRISE"
    assert info["AccountSubscriptionStatus"] == "ACCOUNT_CREATED"
    quicksight.delete_account_subscription(AwsAccountId=ACCOUNT)
    assert missing(quicksight.describe_account_subscription)


def test_a_data_source_and_who_may_use_it(quicksight: Any, name: str) -> None:
    """(V1) An id is taken once; rights are granted and revoked by action; tags go with it."""
    source = {"AwsAccountId": ACCOUNT, "DataSourceId": name}
    reader = f"arn:aws:quicksight:ap-northeast-1:{ACCOUNT}:group/default/analysts"
    using = ["quicksight:DescribeDataSource", "quicksight:PassDataSource"]
    made = {
        **source,
        "Name": "lake",
        "Type": "ATHENA",
        "DataSourceParameters": {"AthenaParameters": {"WorkGroup": "primary"}},
        "Permissions": [{"Principal": reader, "Actions": using}],
        "Tags": [{"Key": "mall:asset", "Value": "x"}],
    }
    arn = quicksight.create_data_source(**made)["Arn"]
    with pytest.raises(ClientError, match="ResourceExistsException"):
        quicksight.create_data_source(**made)
    assert quicksight.list_tags_for_resource(ResourceArn=arn)["Tags"] == made["Tags"]

    def granted() -> list[dict[str, Any]]:
        return quicksight.describe_data_source_permissions(**source)["Permissions"]

    assert granted() == made["Permissions"]
    quicksight.update_data_source_permissions(
        **source,
        GrantPermissions=[{"Principal": f"{reader}-2", "Actions": using[:1]}],
        RevokePermissions=[{"Principal": reader, "Actions": using[1:]}],
    )
    assert granted() == [
        {"Principal": reader, "Actions": using[:1]},
        {"Principal": f"{reader}-2", "Actions": using[:1]},
    ]
    quicksight.delete_data_source(**source)
    assert missing(quicksight.describe_data_source, DataSourceId=name)
    assert missing(quicksight.describe_data_source_permissions, DataSourceId=name)
    quicksight.create_data_source(**{k: made[k] for k in made if k not in ("Permissions", "Tags")})
    assert granted() == quicksight.list_tags_for_resource(ResourceArn=arn)["Tags"] == []


def test_a_data_set_and_its_ingestions(quicksight: Any, name: str) -> None:
    source = f"arn:aws:quicksight:ap-northeast-1:{ACCOUNT}:datasource/athena"
    table = {
        "RelationalTable": {
            "DataSourceArn": source,
            "Name": "sales_by_category",
            "InputColumns": [{"Name": "units", "Type": "INTEGER"}],
        }
    }
    data_set = {
        "AwsAccountId": ACCOUNT,
        "DataSetId": name,
        "Name": "Sales",
        "PhysicalTableMap": {"t": table},
        "ImportMode": "SPICE",
    }
    tags = [{"Key": "mall:asset", "Value": "x"}]
    arn = quicksight.create_data_set(**data_set, Tags=tags)["Arn"]
    with pytest.raises(ClientError, match="ResourceExistsException"):
        quicksight.create_data_set(**data_set)
    assert quicksight.list_tags_for_resource(ResourceArn=arn)["Tags"] == tags

    quicksight.update_data_set(**data_set | {"Name": "Sales by category"})
    shown = quicksight.describe_data_set(AwsAccountId=ACCOUNT, DataSetId=name)["DataSet"]
    assert (shown["Name"], shown["ImportMode"]) == ("Sales by category", "SPICE")
    assert shown["PhysicalTableMap"] == {"t": table}
    listed = quicksight.list_data_sets(AwsAccountId=ACCOUNT)["DataSetSummaries"]
    assert name in [each["DataSetId"] for each in listed]

    started = quicksight.create_ingestion(
        AwsAccountId=ACCOUNT, DataSetId=name, IngestionId=f"{name}-1"
    )
    assert started["IngestionStatus"] == "INITIALIZED"
    ingestion = quicksight.describe_ingestion(
        AwsAccountId=ACCOUNT, DataSetId=name, IngestionId=f"{name}-1"
    )["Ingestion"]
    assert ingestion["IngestionStatus"] == "COMPLETED"
    listed = quicksight.list_ingestions(AwsAccountId=ACCOUNT, DataSetId=name)["Ingestions"]
    assert [each["IngestionId"] for each in listed] == [f"{name}-1"]

    quicksight.delete_data_set(AwsAccountId=ACCOUNT, DataSetId=name)
    assert missing(quicksight.describe_data_set, DataSetId=name)
    assert missing(
        quicksight.update_data_set, **{k: data_set[k] for k in data_set if k != "AwsAccountId"}
    )


def test_an_analysis(quicksight: Any, name: str) -> None:
    common = {"AwsAccountId": ACCOUNT, "AnalysisId": name}
    definition = {"DataSetIdentifierDeclarations": []}
    quicksight.create_analysis(**common, Name="first", Definition=definition)
    quicksight.update_analysis(**common, Name="second", Definition=definition)
    shown = quicksight.describe_analysis(**common)["Analysis"]
    assert (shown["Name"], shown["Status"]) == ("second", "UPDATE_SUCCESSFUL")
    quicksight.delete_analysis(**common)
    assert missing(quicksight.describe_analysis, AnalysisId=name)


def test_a_dashboard_gets_a_version_with_each_update(quicksight: Any, name: str) -> None:
    common = {"AwsAccountId": ACCOUNT, "DashboardId": name}
    definition = {"DataSetIdentifierDeclarations": []}
    quicksight.create_dashboard(**common, Name="first", Definition=definition)
    quicksight.update_dashboard(**common, Name="second", Definition=definition)
    quicksight.update_dashboard_published_version(**common, VersionNumber=2)
    shown = quicksight.describe_dashboard(**common)["Dashboard"]
    assert (shown["Name"], shown["Version"]["VersionNumber"]) == ("second", 2)
    assert quicksight.describe_dashboard_definition(**common)["Definition"] == definition
    quicksight.delete_dashboard(**common)
    assert missing(quicksight.describe_dashboard, DashboardId=name)
