"""The click stream, the catalog and Athena (E3, A0)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.audit.account import Account


@pytest.fixture(scope="module")
def stream(account: Account) -> dict[str, Any]:
    answer = account.read(
        "firehose", "describe_delivery_stream", DeliveryStreamName=account.named("clicks")
    )
    return answer["DeliveryStreamDescription"]


@pytest.fixture(scope="module")
def destination(stream: dict[str, Any]) -> dict[str, Any]:
    (found,) = stream["Destinations"]
    return found["ExtendedS3DestinationDescription"]


def processors(destination: dict[str, Any]) -> dict[str, dict[str, str]]:
    assert destination["ProcessingConfiguration"]["Enabled"] is True
    return {
        each["Type"]: {p["ParameterName"]: p["ParameterValue"] for p in each["Parameters"]}
        for each in destination["ProcessingConfiguration"]["Processors"]
    }


def test_clicks_are_taken_directly(stream: dict[str, Any]) -> None:
    assert (stream["DeliveryStreamStatus"], stream["DeliveryStreamType"]) == (
        "ACTIVE",
        "DirectPut",
    )


def test_clicks_are_encrypted_on_their_way_and_where_they_lie(
    account: Account, stream: dict[str, Any], destination: dict[str, Any]
) -> None:
    on_the_way = stream["DeliveryStreamEncryptionConfiguration"]
    assert (on_the_way["Status"], on_the_way["KeyARN"]) == ("ENABLED", account.key("raw"))
    there = destination["EncryptionConfiguration"]["KMSEncryptionConfig"]
    assert there["AWSKMSKeyARN"] == account.key("raw")


def test_clicks_land_by_tokyo_day_and_hour(account: Account, destination: dict[str, Any]) -> None:
    assert destination["BucketARN"] == f"arn:aws:s3:::{account.bucket('raw')}"
    assert destination["RoleARN"] == account.role_arn("firehose")
    assert destination["DynamicPartitioningConfiguration"]["Enabled"] is True
    key = "!{partitionKeyFromQuery:%s}"
    assert destination["Prefix"] == f"clicks/dt={key % 'dt'}/hour={key % 'hour'}/"
    found = processors(destination)
    query = found["MetadataExtraction"]["MetadataExtractionQuery"]
    assert ".event_time_ms/1000|floor+32400" in query
    assert found["AppendDelimiterToRecord"]["Delimiter"] == "\\n"


def test_what_can_not_be_placed_is_put_aside(destination: dict[str, Any]) -> None:
    assert destination["ErrorOutputPrefix"].startswith("clicks-errors/!{timestamp:yyyy/MM/dd/HH}/")
    assert destination["CloudWatchLoggingOptions"]["Enabled"] is True


def test_the_buffer_is_as_large_as_partitioning_asks_for(destination: dict[str, Any]) -> None:
    hints = destination["BufferingHints"]
    assert hints["SizeInMBs"] >= 64
    assert 60 <= hints["IntervalInSeconds"] <= 900


def test_the_catalog_lies_in_the_lake(account: Account) -> None:
    found = account.read("glue", "get_database", Name=f"mall_{account.env}")["Database"]
    assert found["LocationUri"].rstrip("/") == f"s3://{account.bucket('lake')}"


def test_a_crawler_reads_the_raw_clicks_only(account: Account) -> None:
    """Its table is there before, with the folders of the contract as partitions."""
    (crawler,) = account.read("glue", "get_crawlers")["Crawlers"]
    assert crawler["Role"].endswith(account.named("crawler"))
    (target,) = crawler["Targets"]["CatalogTargets"]
    assert target == {"DatabaseName": f"mall_{account.env}", "Tables": ["clicks_raw"]}
    table = account.read(
        "glue", "get_table", DatabaseName=f"mall_{account.env}", Name="clicks_raw"
    )["Table"]
    assert [key["Name"] for key in table["PartitionKeys"]] == ["dt", "hour"]
    location = table["StorageDescriptor"]["Location"]
    assert location == f"s3://{account.bucket('raw')}/clicks/"


def test_what_crawlers_log_expires(account: Account) -> None:
    """(B5) To a group of the whole account, which Glue would make to be kept for ever."""
    assert account.log_days("/aws-glue/crawlers") == 90


def test_queries_run_in_a_workgroup_that_encrypts_and_limits(account: Account) -> None:
    answer = account.read("athena", "get_work_group", WorkGroup=account.named("").rstrip("-"))
    group = answer["WorkGroup"]
    configuration = group["Configuration"]
    assert (group["State"], configuration["EnforceWorkGroupConfiguration"]) == ("ENABLED", True)
    results = configuration["ResultConfiguration"]
    assert results["OutputLocation"] == f"s3://{account.bucket('lake')}/athena-results/"
    assert results["EncryptionConfiguration"] == {
        "EncryptionOption": "SSE_KMS",
        "KmsKey": account.key("data"),
    }
    assert configuration["BytesScannedCutoffPerQuery"] >= 10_000_000
    assert configuration["PublishCloudWatchMetricsEnabled"] is True


def test_without_a_subscription_there_is_no_quicksight_source(account: Account) -> None:
    """(V1) The setting is off until the account has one."""
    answer = account.read("quicksight", "list_data_sources", AwsAccountId="123456789012")
    assert answer.get("DataSources", []) == []
