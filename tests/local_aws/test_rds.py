"""RDS: an instance is a MariaDB that can be reached as the API says (D1, B1, S4)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pymysql
import pytest
from botocore.exceptions import ClientError

from infra_assets import reconcile
from infra_assets.cloud import Cloud
from infra_assets.spec import platform_spec
from infra_assets.types.rds import ParameterGroup
from mall_platform.local_aws.lifecycle import ACCOUNT_ID
from mall_platform.local_aws.process import LocalAws
from resources.aws import Aws
from resources.settings import Settings

Clients = Callable[[str], Any]


class Database:
    """An instance as a program uses it: by what describe and Secrets Manager say."""

    def __init__(self, client: Clients, aws: LocalAws, name: str) -> None:
        self.client, self.aws, self.name = client, aws, name

    def described(self) -> dict[str, Any]:
        return self.client("rds").describe_db_instances(DBInstanceIdentifier=self.name)[
            "DBInstances"
        ][0]

    def secret(self) -> dict[str, str]:
        arn = self.described()["MasterUserSecret"]["SecretArn"]
        value = self.client("secretsmanager").get_secret_value(SecretId=arn)
        return json.loads(value["SecretString"])

    def connect(self, **over: Any) -> pymysql.Connection:
        endpoint, secret = self.described()["Endpoint"], over.pop("secret", None) or self.secret()
        tls = {
            "ssl_ca": self.aws.environment()["RDS_CA_FILE"],
            "ssl_verify_cert": True,
            "ssl_verify_identity": True,
        }
        return pymysql.connect(
            host=endpoint["Address"],
            port=endpoint["Port"],
            user=secret["username"],
            password=secret["password"],
            **(tls | over),
        )

    def query(self, sql: str, **over: Any) -> tuple:
        connection = self.connect(autocommit=True, **over)
        with connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()


@pytest.fixture(scope="module")
def database(client: Clients, local_aws: LocalAws) -> Iterator[Database]:
    rds = client("rds")
    rds.create_db_parameter_group(
        DBParameterGroupName="shop", DBParameterGroupFamily="mysql8.4", Description="TLS only"
    )
    rds.modify_db_parameter_group(
        DBParameterGroupName="shop",
        Parameters=[
            {
                "ParameterName": name,
                "ParameterValue": value,
                "ApplyMethod": "pending-reboot",
            }
            for name, value in {
                "require_secure_transport": "1",
                "time_zone": "UTC",
                "collation_server": "utf8mb4_0900_ai_ci",
                "innodb_buffer_pool_size": "{DBInstanceClassMemory*3/4}",
                "caching_sha2_password_auto_generate_rsa_keys": "1",
            }.items()
        ],
    )
    created = rds.create_db_instance(
        DBInstanceIdentifier="shop",
        DBInstanceClass="db.t4g.micro",
        Engine="mysql",
        EngineVersion="8.4.3",
        AllocatedStorage=20,
        MasterUsername="admin",
        ManageMasterUserPassword=True,
        DBName="mall",
        MultiAZ=True,
        DBParameterGroupName="shop",
    )["DBInstance"]
    assert created["DBInstanceStatus"] == "creating"
    assert "Endpoint" not in created
    yield Database(client, local_aws, "shop")
    rds.delete_db_instance(DBInstanceIdentifier="shop", SkipFinalSnapshot=True)
    rds.delete_db_parameter_group(DBParameterGroupName="shop")


def test_endpoint_serves_tls_whose_identity_verifies_in_utc(database: Database) -> None:
    assert database.described()["DBInstanceStatus"] == "available"
    assert database.query(
        "SELECT @@time_zone, @@character_set_server, @@local_infile, DATABASE()", database="mall"
    ) == (("+00:00", "utf8mb4", 1, "mall"),)


def test_connections_without_tls_are_refused_as_the_parameter_group_says(
    database: Database,
) -> None:
    with pytest.raises(pymysql.err.OperationalError, match=r"Access denied|insecure transport"):
        database.connect(ssl_disabled=True, ssl_ca=None, ssl_verify_cert=None)


def test_the_operating_systems_user_is_no_administrator_over_tcp(database: Database) -> None:
    with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
        database.connect(secret={"username": "root", "password": ""})


def test_connectorx_reads_through_verified_tls(database: Database) -> None:
    import connectorx

    secret, endpoint = database.secret(), database.described()["Endpoint"]
    from urllib.parse import quote

    url = (
        f"mysql://{secret['username']}:{quote(secret['password'], safe='')}"
        f"@{endpoint['Address']}:{endpoint['Port']}/mall"
        f"?ssl-mode=VERIFY_IDENTITY&ssl-ca={database.aws.environment()['RDS_CA_FILE']}"
    )
    assert connectorx.read_sql(url, "SELECT 1 AS one", return_type="arrow").to_pylist() == [
        {"one": 1}
    ]


def test_rotating_the_managed_secret_changes_the_password(
    client: Clients, database: Database
) -> None:
    before = database.secret()
    client("secretsmanager").rotate_secret(
        SecretId=database.described()["MasterUserSecret"]["SecretArn"]
    )
    after = database.secret()
    assert after["username"] == "admin"
    assert after["password"] != before["password"]
    assert database.query("SELECT 1") == ((1,),)
    with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
        database.connect(secret=before)


def test_modify_rotates_the_managed_password_too(client: Clients, database: Database) -> None:
    before = database.secret()
    client("rds").modify_db_instance(
        DBInstanceIdentifier="shop", RotateMasterUserPassword=True, ApplyImmediately=True
    )
    assert database.secret()["password"] != before["password"]
    assert database.query("SELECT 1") == ((1,),)


def test_snapshot_holds_the_data_of_its_moment_and_restores_it(
    client: Clients, database: Database, local_aws: LocalAws
) -> None:
    """(B1, B4)"""
    rds = client("rds")
    database.query("CREATE TABLE mall.kept (id INT PRIMARY KEY, word VARCHAR(20))")
    database.query("INSERT INTO mall.kept VALUES (1, '前')")
    snapshot = rds.create_db_snapshot(
        DBInstanceIdentifier="shop", DBSnapshotIdentifier="before-change"
    )["DBSnapshot"]
    database.query("UPDATE mall.kept SET word = '後'")
    rds.copy_db_snapshot(
        SourceDBSnapshotIdentifier="before-change", TargetDBSnapshotIdentifier="copied"
    )
    rds.delete_db_snapshot(DBSnapshotIdentifier="before-change")

    rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="restored", DBSnapshotIdentifier="copied"
    )

    restored = Database(client, local_aws, "restored")
    assert snapshot["Status"] == "available"
    assert restored.query("SELECT * FROM mall.kept") == ((1, "前"),)
    assert database.query("SELECT * FROM mall.kept") == ((1, "後"),)
    assert restored.described()["Endpoint"] != database.described()["Endpoint"]
    rds.delete_db_instance(DBInstanceIdentifier="restored", SkipFinalSnapshot=True)
    with pytest.raises(ClientError, match="DBInstanceNotFound"):
        restored.described()


def test_failover_cuts_connections_and_swaps_the_zones(client: Clients, database: Database) -> None:
    """(S4)"""
    before, connection = database.described(), database.connect()
    database.query("CREATE TABLE mall.failover (id INT PRIMARY KEY)")
    database.query("INSERT INTO mall.failover VALUES (7)")

    answer = client("rds").reboot_db_instance(DBInstanceIdentifier="shop", ForceFailover=True)

    after = database.described()
    assert answer["DBInstance"]["DBInstanceStatus"] == "rebooting"
    assert after["AvailabilityZone"] == before["SecondaryAvailabilityZone"] == "ap-northeast-1c"
    assert after["SecondaryAvailabilityZone"] == before["AvailabilityZone"]
    with pytest.raises(pymysql.err.Error):
        connection.ping(reconnect=False)
    assert database.query("SELECT id FROM mall.failover") == ((7,),)


def test_dynamic_parameters_apply_at_once_and_others_on_reboot(
    client: Clients, database: Database
) -> None:
    rds = client("rds")
    rds.modify_db_parameter_group(
        DBParameterGroupName="shop",
        Parameters=[
            {
                "ParameterName": "max_connections",
                "ParameterValue": "77",
                "ApplyMethod": "immediate",
            },
            {
                "ParameterName": "ft_min_word_len",
                "ParameterValue": "2",
                "ApplyMethod": "pending-reboot",
            },
        ],
    )
    assert database.query("SELECT @@max_connections, @@ft_min_word_len") == ((77, 4),)
    rds.reboot_db_instance(DBInstanceIdentifier="shop")
    assert database.query("SELECT @@max_connections, @@ft_min_word_len") == ((77, 2),)


def test_an_applied_parameter_group_is_in_force_without_a_reboot(
    client: Clients, database: Database, aws: Aws, settings: Settings
) -> None:
    """(D1) What somebody set by hand is taken back in the running server, too."""
    group = ParameterGroup(
        name="shop",
        family="mysql8.4",
        parameters={
            "collation_server": "utf8mb4_0900_ai_ci",
            "require_secure_transport": "1",
            "time_zone": "UTC",
        },
    )

    def cloud() -> Cloud:
        return Cloud(aws, platform_spec(settings, ACCOUNT_ID), {})

    running = "SELECT @@require_secure_transport, @@long_query_time, @@time_zone"
    by_hand = {"require_secure_transport": "0", "long_query_time": "7", "time_zone": "Asia/Tokyo"}
    client("rds").modify_db_parameter_group(
        DBParameterGroupName="shop",
        Parameters=[
            {"ParameterName": name, "ParameterValue": value, "ApplyMethod": "immediate"}
            for name, value in by_hand.items()
        ],
    )
    assert database.query(running) == ((0, 7.0, "+09:00"),)
    reconcile.apply(group, cloud(), reconcile.Permission())
    assert database.query(running) == ((1, 10.0, "+00:00"),)
    assert reconcile.plan(group, cloud()).action == "none"


def test_a_stopped_instance_keeps_its_data(client: Clients, database: Database) -> None:
    rds = client("rds")
    database.query("CREATE TABLE mall.stopped (id INT)")
    rds.stop_db_instance(DBInstanceIdentifier="shop")
    with pytest.raises(pymysql.err.OperationalError):
        database.connect()
    rds.start_db_instance(DBInstanceIdentifier="shop")
    assert database.query("SELECT COUNT(*) FROM mall.stopped") == ((0,),)


def test_a_password_given_outright_works_and_can_be_changed(
    client: Clients, local_aws: LocalAws
) -> None:
    rds = client("rds")
    rds.create_db_instance(
        DBInstanceIdentifier="plain",
        DBInstanceClass="db.t4g.micro",
        Engine="mariadb",
        EngineVersion="10.11.9",
        MasterUsername="owner",
        MasterUserPassword="first-password",
    )
    plain = Database(client, local_aws, "plain")
    first = {"username": "owner", "password": "first-password"}
    assert plain.query("SELECT 1", secret=first) == ((1,),)
    rds.modify_db_instance(
        DBInstanceIdentifier="plain", MasterUserPassword="second-password", ApplyImmediately=True
    )
    assert plain.query("SELECT 1", secret=first | {"password": "second-password"}) == ((1,),)
    rds.delete_db_instance(DBInstanceIdentifier="plain", SkipFinalSnapshot=True)
