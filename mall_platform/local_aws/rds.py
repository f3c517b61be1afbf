"""RDS: instances of engine mysql or mariadb are real, each a private MariaDB with TLS.

The endpoint, the managed master secret and its rotation, parameter groups, snapshots, restores,
reboots and failovers work on that server. Other engines, clusters and read replicas are recorded
only.
"""

from __future__ import annotations

import contextlib
import copy
import json
import secrets
import shutil
import string
import uuid
from contextvars import ContextVar
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from moto.rds.exceptions import InvalidParameterCombination, InvalidParameterValue
from moto.rds.models import (
    DBInstance,
    DBInstanceClustered,
    DBSnapshot,
    MasterUserSecret,
    RDSBackend,
    rds_backends,
)
from moto.rds.responses import RDSResponse
from moto.secretsmanager.models import SecretsManagerBackend

from mall_platform.local_aws import lifecycle
from mall_platform.local_aws.certificates import Authority
from mall_platform.local_aws.hooks import replace, replace_property
from mall_platform.local_aws.mariadb import MariaDb, copy_tree

ENGINES = ("mysql", "mariadb")

# What RDS grants its master user: everything but SUPER, FILE and SHUTDOWN.
_MASTER_PRIVILEGES = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER, "
    "SHOW DATABASES, CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION SLAVE, "
    "REPLICATION CLIENT, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, CREATE USER, "
    "EVENT, TRIGGER"
)
_PASSWORD_LETTERS = string.ascii_letters + string.digits + "!#$%&()*+,-.:;<=>?[]^_{|}~"

_servers: dict[str, MariaDb] = {}
_snapshots: dict[str, Path] = {}
_data_to_restore: ContextVar[Path | None] = ContextVar("data_to_restore", default=None)


def ca_file(home: Path) -> Path:
    """PEM file of the authority that signs the instances' certificates."""
    return home / "rds" / "ca.pem"


def install() -> None:
    _hook_instances()
    _hook_passwords()
    _hook_snapshots()
    Authority(ca_file(lifecycle.home()).parent)  # clients may name its file before any instance is
    lifecycle.on_reset(_drop_everything)
    lifecycle.on_stop(_drop_everything)


# ── instances ────────────────────────────────────────────────────────────────────────────────


def _hook_instances() -> None:
    @replace(RDSBackend, "create_db_instance", "db_kwargs")
    def create_db_instance(original: Any, self: RDSBackend, db_kwargs: Any) -> DBInstance:
        database = original(self, db_kwargs)
        database.dbi_resource_id = _new_resource_id()
        if not _is_real(database):
            return database
        database.status = "creating"
        try:
            _launch(database, _data_to_restore.get())
        except Exception:
            del self.databases[database.db_instance_identifier]
            raise
        database.status = "available"
        return _shown_as(database, "creating")

    @replace(RDSBackend, "delete_db_instance", "db_instance_identifier")
    def delete_db_instance(original: Any, self: RDSBackend, *args: Any, **kw: Any) -> DBInstance:
        database = original(self, *args, **kw)
        if server := _servers.pop(database.dbi_resource_id, None):
            server.drop()
        return database

    @replace(RDSBackend, "create_db_instance_read_replica", "db_kwargs")
    def create_read_replica(original: Any, self: RDSBackend, db_kwargs: Any) -> DBInstance:
        replica = original(self, db_kwargs)
        replica.dbi_resource_id = _new_resource_id()
        return replica

    @replace(RDSBackend, "stop_db_instance", "db_instance_identifier")
    def stop_db_instance(original: Any, self: RDSBackend, *args: Any, **kw: Any) -> DBInstance:
        database = original(self, *args, **kw)
        if server := _server(database):
            server.shut_down()
        return database

    @replace(RDSBackend, "start_db_instance", "db_instance_identifier")
    def start_db_instance(original: Any, self: RDSBackend, *args: Any, **kw: Any) -> DBInstance:
        database = original(self, *args, **kw)
        if server := _server(database):
            server.start(_options(database))
        return database

    @replace(RDSResponse, "reboot_db_instance")
    def reboot_db_instance(original: Any, self: RDSResponse) -> Any:
        database = self.backend.describe_db_instances(self.params["DBInstanceIdentifier"])[0]
        failover = bool(self.params.get("ForceFailover"))
        if failover and not database.multi_az:
            raise InvalidParameterCombination(
                "Cannot specify ForceFailover when the instance is not configured for MultiAZ."
            )
        _restart(database, failover=failover)
        result = original(self)
        result.result["DBInstance"] = _shown_as(database, "rebooting")
        return result

    @replace(RDSBackend, "modify_db_parameter_group", "db_parameter_group_name")
    def modify_db_parameter_group(
        original: Any, self: RDSBackend, name: str, parameters: Any
    ) -> Any:
        group = original(self, name, parameters)
        for database in self.databases.values():
            if group in database.db_parameter_groups():
                apply_at_once(database, parameters)
        return group

    @replace_property(DBInstance, "address")
    def address(original: Any, self: DBInstance) -> str:
        return "127.0.0.1" if _server(self) else original(self)

    @replace_property(DBInstance, "endpoint")
    def endpoint(original: Any, self: DBInstance) -> Any:
        if self.status == "creating":
            return None
        server = _server(self)
        return original(self) | ({"Port": server.port} if server else {})

    DBInstance.secondary_availability_zone = property(_secondary_zone)


def _is_real(database: DBInstance) -> bool:
    return database.engine in ENGINES and not isinstance(database, DBInstanceClustered)


def _server(database: DBInstance) -> MariaDb | None:
    return _servers.get(database.dbi_resource_id)


def _launch(database: DBInstance, data: Path | None) -> None:
    home = lifecycle.home()
    folder = home / "rds" / database.dbi_resource_id
    server = MariaDb(home, folder, Authority(ca_file(home).parent))
    try:
        server.create(data)
        server.start_first(_options(database))
        _create_master(database, server)
    except Exception:
        server.drop()
        raise
    _servers[database.dbi_resource_id] = server


def _create_master(database: DBInstance, server: MariaDb) -> None:
    user = (database.master_username, _password(database))
    with server.administrator() as cursor:
        cursor.execute("CREATE USER IF NOT EXISTS %s@'%%'", user[:1])
        cursor.execute(f"GRANT {_MASTER_PRIVILEGES} ON *.* TO %s@'%%' WITH GRANT OPTION", user[:1])
        cursor.execute("ALTER USER %s@'%%' IDENTIFIED BY %s", user)
        if database.db_name:
            name = database.db_name.replace("`", "``")
            cursor.execute(f"CREATE DATABASE IF NOT EXISTS `{name}`")


def _restart(database: DBInstance, *, failover: bool) -> None:
    server = _server(database)
    if failover:
        database.availability_zone = _secondary_zone(database)
    if server is None:
        return
    if failover:
        server.kill()
    else:
        server.shut_down()
    server.start(_options(database))


def _secondary_zone(database: DBInstance) -> str | None:
    """The zone of a Multi-AZ instance's standby: another zone of its subnet group."""
    if not database.multi_az:
        return None
    group = getattr(database, "db_subnet_group", None)
    zones = (
        [subnet["SubnetAvailabilityZone"]["Name"] for subnet in group.subnets]
        if group
        else [f"{database.region}a", f"{database.region}c"]
    )
    return next((zone for zone in sorted(zones) if zone != database.availability_zone), None)


def _options(database: DBInstance) -> dict[str, str]:
    """MariaDB's options from the instance's parameter groups; formulas stay out."""
    options: dict[str, str] = {}
    for group in database.db_parameter_groups():
        for name, parameter in group.parameters.items():
            value = parameter.get("ParameterValue")
            if value is not None and "{" not in value:
                options |= _option(name, value)
    return options


def _option(name: str, value: str) -> dict[str, str]:
    if name == "time_zone":
        return {"default_time_zone": _fixed_offset(value)}
    if name.startswith("collation_") and "_0900_" in value:
        # MySQL 8's collations by UCA 9.0 don't exist in MariaDB 10.11.
        return {name: "utf8mb4_bin" if value.endswith("_bin") else "utf8mb4_unicode_520_ci"}
    return {name: value}


def _fixed_offset(zone: str) -> str:
    """`+09:00` for `Asia/Tokyo`: the private servers hold no table of time zones."""
    if zone[:1] in "+-":
        return zone
    now = datetime.now(ZoneInfo(zone))
    offsets = {(now + timedelta(days=days)).utcoffset() for days in range(0, 365, 30)}
    if len(offsets) > 1:
        raise InvalidParameterValue(f"The local AWS can't follow the clock changes of {zone}.")
    return now.strftime("%z")[:3] + ":" + now.strftime("%z")[3:]


def apply_at_once(database: DBInstance, parameters: Any) -> None:
    """Sets what a running server can change, without a value to its default; the rest waits for a
    reboot, as on RDS."""
    import pymysql

    server = _server(database)
    if server is None or not server.running:
        return
    with server.administrator() as cursor:
        for parameter in parameters:
            value = parameter.get("ParameterValue", "")
            if parameter.get("ApplyMethod") != "immediate" or "{" in value:
                continue
            for name, setting in _option(parameter["ParameterName"], value).items():
                variable = "time_zone" if name == "default_time_zone" else name
                if not variable.replace("_", "").isalnum():
                    raise InvalidParameterValue(f"Invalid parameter name: {name}")
                if not setting:
                    cursor.execute(f"SET GLOBAL {variable} = DEFAULT")
                    continue
                number = setting.lstrip("-").isdigit()
                with contextlib.suppress(pymysql.err.MySQLError):
                    cursor.execute(
                        f"SET GLOBAL {variable} = %s", (int(setting) if number else setting,)
                    )


def _new_resource_id() -> str:
    letters = string.ascii_uppercase + string.digits
    return "db-" + "".join(secrets.choice(letters) for _ in range(26))


def _shown_as(database: DBInstance, status: str) -> DBInstance:
    """The instance as the reply to a changing call shows it: in transition."""
    shown = copy.copy(database)
    shown.status = status
    return shown


# ── the master user's password ───────────────────────────────────────────────────────────────


def _hook_passwords() -> None:
    @replace(MasterUserSecret, "_generate_secret_string")
    def generate_secret_string(original: Any, self: MasterUserSecret) -> str:
        return json.dumps({"username": self.resource.master_username, "password": _new_password()})

    @replace(RDSBackend, "modify_db_instance", "db_instance_identifier", "db_kwargs")
    def modify_db_instance(
        original: Any, self: RDSBackend, identifier: str, db_kwargs: Any
    ) -> DBInstance:
        database = original(self, identifier, db_kwargs)
        if db_kwargs.get("master_user_password") or db_kwargs.get("manage_master_user_password"):
            _set_password(database, _password(database))
        return database

    @replace(SecretsManagerBackend, "rotate_secret", "secret_id")
    def rotate_secret(
        original: Any, self: SecretsManagerBackend, secret_id: str, *args: Any, **kw: Any
    ) -> Any:
        secret = self.secrets.get(secret_id)
        if secret is None or secret.owning_service != "rds":
            return original(self, secret_id, *args, **kw)
        database = _managed_by(self, secret.arn)
        password = _new_password()
        content = json.dumps({"username": database.master_username, "password": password})
        _set_password(database, password)
        self.put_secret_value(secret.name, content, None, str(uuid.uuid4()), ["AWSCURRENT"])
        secret.rotation_requested = True
        secret.last_rotation_date = secret.last_changed_date
        return secret.to_short_dict()


def _managed_by(backend: SecretsManagerBackend, secret_arn: str) -> DBInstance:
    for database in rds_backends[backend.account_id][backend.region_name].databases.values():
        managed = getattr(database, "master_user_secret", None)
        if managed is not None and managed.secret_arn == secret_arn:
            return database
    raise InvalidParameterValue(f"No DB instance belongs to the secret {secret_arn}.")


def _password(database: DBInstance) -> str:
    if database.manage_master_user_password:
        secret = database.master_user_secret.secret
        current = secret.versions[secret.default_version_id]
        return str(json.loads(current["secret_string"])["password"])
    # moto's own property is write-only.
    return str(database._master_user_password)


def _set_password(database: DBInstance, password: str) -> None:
    if server := _server(database):
        with server.administrator() as cursor:
            cursor.execute(
                "ALTER USER %s@'%%' IDENTIFIED BY %s", (database.master_username, password)
            )


def _new_password() -> str:
    return "".join(secrets.choice(_PASSWORD_LETTERS) for _ in range(32))


# ── snapshots ────────────────────────────────────────────────────────────────────────────────


def snapshot_data(snapshot: DBSnapshot) -> Path | None:
    """The data folder that a snapshot keeps; None for one taken of an instance without data."""
    return _snapshots.get(snapshot.db_snapshot_arn)


def _hook_snapshots() -> None:
    @replace(RDSBackend, "create_db_snapshot", "db_instance_identifier")
    def create_db_snapshot(original: Any, self: RDSBackend, *args: Any, **kw: Any) -> DBSnapshot:
        snapshot = original(self, *args, **kw)
        source = self.databases[snapshot.db_instance_identifier]
        if server := _server(source):
            server.copy_to(_keep(snapshot))
        return snapshot

    @replace(RDSBackend, "copy_db_snapshot", "source_db_snapshot_identifier")
    def copy_db_snapshot(original: Any, self: RDSBackend, *args: Any, **kw: Any) -> DBSnapshot:
        target = original(self, *args, **kw)
        source = kw.get("source_db_snapshot_identifier") or args[0]
        if data := snapshot_data(self.get_db_snapshot(source)):
            copy_tree(data, _keep(target))
        return target

    @replace(RDSBackend, "delete_db_snapshot", "db_snapshot_identifier")
    def delete_db_snapshot(original: Any, self: RDSBackend, identifier: str) -> DBSnapshot:
        snapshot = original(self, identifier)
        if data := _snapshots.pop(snapshot.db_snapshot_arn, None):
            shutil.rmtree(data, ignore_errors=True)
        return snapshot

    @replace(RDSBackend, "restore_db_instance_from_db_snapshot", "from_snapshot_id", "overrides")
    def restore_from_snapshot(
        original: Any, self: RDSBackend, from_snapshot_id: str, overrides: Any
    ) -> DBInstance:
        snapshot = self.get_db_snapshot(from_snapshot_id.rpartition(":snapshot:")[2])
        token = _data_to_restore.set(snapshot_data(snapshot))
        try:
            return original(self, from_snapshot_id, overrides)
        finally:
            _data_to_restore.reset(token)

    @replace(RDSBackend, "restore_db_instance_to_point_in_time", "source_db_identifier")
    def restore_to_point_in_time(
        original: Any, self: RDSBackend, source: str, target: str, overrides: Any
    ) -> DBInstance:
        if not overrides.get("UseLatestRestorableTime"):
            raise InvalidParameterValue(
                "The local AWS keeps no binary log: it restores to the latest time only."
            )
        server = _server(self.describe_db_instances(source)[0])
        if server is None:
            return original(self, source, target, overrides)
        data = _snapshot_folder() / str(uuid.uuid4())
        server.copy_to(data)
        token = _data_to_restore.set(data)
        try:
            return original(self, source, target, overrides)
        finally:
            _data_to_restore.reset(token)
            shutil.rmtree(data, ignore_errors=True)


def _keep(snapshot: DBSnapshot) -> Path:
    """A new place for a snapshot's data."""
    folder = _snapshot_folder() / str(uuid.uuid4())
    _snapshots[snapshot.db_snapshot_arn] = folder
    return folder


def _snapshot_folder() -> Path:
    return lifecycle.home() / "rds" / "snapshots"


def _drop_everything() -> None:
    for server in list(_servers.values()):
        server.drop()
    _servers.clear()
    _snapshots.clear()
    shutil.rmtree(_snapshot_folder(), ignore_errors=True)
