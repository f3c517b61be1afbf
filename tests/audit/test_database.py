"""The shop's database (D1)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.audit.account import Account

EXPORT_AT = 17 * 60
"""02:00 in Tokyo, in minutes of a day in UTC (B1)."""


@pytest.fixture(scope="module")
def database(account: Account) -> dict[str, Any]:
    return account.database()


def test_the_database_is_mysql_8_4(database: dict[str, Any]) -> None:
    assert database["Engine"] == "mysql"
    assert database["EngineVersion"].startswith("8.4")
    assert database["DBName"] == "mall"


def test_the_database_stands_in_both_db_subnets(account: Account, database: dict[str, Any]) -> None:
    group = database["DBSubnetGroup"]
    found = {s["SubnetAvailabilityZone"]["Name"]: s["SubnetIdentifier"] for s in group["Subnets"]}
    assert found == account.subnets("db")


def test_the_database_is_encrypted_with_the_data_key(
    account: Account, database: dict[str, Any]
) -> None:
    assert database["StorageEncrypted"] is True
    assert database["KmsKeyId"] == account.key("data")


def test_rds_keeps_the_password_itself(account: Account, database: dict[str, Any]) -> None:
    assert database["MasterUserSecret"]["SecretStatus"] == "active"
    assert database["MasterUserSecret"]["KmsKeyId"] == account.key("data")


def test_logs_are_exported(database: dict[str, Any]) -> None:
    assert set(database["EnabledCloudwatchLogsExports"]) >= {"error", "slowquery"}


def test_exported_logs_expire(account: Account, database: dict[str, Any]) -> None:
    """(B5) Their groups are there before RDS would make them, to be kept for ever."""
    for log in database["EnabledCloudwatchLogsExports"]:
        assert account.log_days(f"/aws/rds/instance/mall-local-shop/{log}") == 90


def test_the_backup_window_is_away_from_the_export(database: dict[str, Any]) -> None:
    """(B1) Neither it nor maintenance meets the hour after 02:00 in Tokyo."""
    assert database["BackupRetentionPeriod"] >= 7
    windows = (
        database["PreferredBackupWindow"].split("-"),
        [part.split(":", 1)[1] for part in database["PreferredMaintenanceWindow"].split("-")],
    )
    for window in windows:
        start, end = (int(time[:2]) * 60 + int(time[3:]) for time in window)
        assert end <= EXPORT_AT or start >= EXPORT_AT + 60


def test_minor_versions_come_by_themselves(database: dict[str, Any]) -> None:
    assert database["AutoMinorVersionUpgrade"] is True


def test_outside_production_there_is_no_standby(database: dict[str, Any]) -> None:
    assert (database["MultiAZ"], database["DeletionProtection"]) == (False, False)


@pytest.mark.parametrize(
    ("parameter", "value"),
    {
        "require_secure_transport": "1",
        "character_set_server": "utf8mb4",
        "slow_query_log": "1",
        "time_zone": "UTC",
    }.items(),
)
def test_parameters(account: Account, database: dict[str, Any], parameter: str, value: str) -> None:
    (group,) = database["DBParameterGroups"]
    name = group["DBParameterGroupName"]
    (found,) = account.read("rds", "describe_db_parameter_groups", DBParameterGroupName=name)[
        "DBParameterGroups"
    ]
    assert found["DBParameterGroupFamily"] == "mysql8.4"
    answer = account.read("rds", "describe_db_parameters", DBParameterGroupName=name, Source="user")
    values = {p["ParameterName"]: p["ParameterValue"] for p in answer["Parameters"]}
    assert values[parameter] == value
