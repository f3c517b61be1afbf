"""RDS databases and what they're configured by."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

from infra_assets.cloud import Cloud
from infra_assets.resource import Attributes, Live, Ref, Resource
from infra_assets.types.tagging import from_pairs, pairs


def _users(cloud: Cloud, group: Resource) -> list[Live]:
    """The databases that a group is of."""
    return [live for user in cloud.users(group) if (live := cloud.live(user)) is not None]


@dataclass(frozen=True, kw_only=True)
class ParameterGroup(Resource):
    """The server parameters that differ from RDS's defaults; all others stay at them."""

    service: ClassVar[str] = "rds"
    fixed: ClassVar[frozenset[str]] = frozenset({"family"})

    family: str
    parameters: dict[str, str] = field(default_factory=dict)

    def wanted(self) -> dict[str, Any]:
        return {"family": self.family, "parameters": self.parameters}

    def find(self, cloud: Cloud) -> list[Live]:
        found = cloud.read(
            "rds",
            "describe_db_parameter_groups",
            DBParameterGroupName=self.name,
            absent=("DBParameterGroupNotFound", "DBParameterGroupNotFoundFault"),
        )
        groups = (found or {"DBParameterGroups": ()})["DBParameterGroups"]
        return [self._live(cloud, group) for group in groups]

    def _live(self, cloud: Cloud, group: dict[str, Any]) -> Live:
        arn = group["DBParameterGroupArn"]
        own = cloud.read(
            "rds", "describe_db_parameters", DBParameterGroupName=self.name, Source="user"
        )
        tags = cloud.read("rds", "list_tags_for_resource", ResourceName=arn)["TagList"]
        attributes = {
            "family": group["DBParameterGroupFamily"],
            "parameters": {
                parameter["ParameterName"]: parameter["ParameterValue"]
                for parameter in own["Parameters"]
                if "ParameterValue" in parameter
            },
            "tags": from_pairs(tags),
        }
        return Live(self.name, attributes, arn=arn)

    def obstacle(
        self, cloud: Cloud, live: Live | None, wanted: Attributes, changed: frozenset[str]
    ) -> str:
        if live is None or not changed & self.fixed:
            return ""
        users = [db.id for db in _users(cloud, self)]
        if not users:
            return ""
        return (
            f"AWS deletes no parameter group that is in use, as by {', '.join(users)}. Give the"
            " group of the new family another name, and let the database have that one"
        )

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        cloud.write(
            "rds",
            "create_db_parameter_group",
            DBParameterGroupName=self.name,
            DBParameterGroupFamily=wanted["family"],
            Description=self.name,
            Tags=pairs(wanted["tags"]),
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        if "parameters" in changed:
            self._set(cloud, live.attributes["parameters"], wanted["parameters"])
        if "tags" in changed:
            tags = pairs(wanted["tags"])
            arn = live.output("arn")
            cloud.write("rds", "add_tags_to_resource", ResourceName=arn, Tags=tags)

    def _set(self, cloud: Cloud, now: Attributes, wanted: Attributes) -> None:
        """Dynamic parameters are in force at once; static ones wait for a reboot, which a
        maintenance window or an operator gives."""
        known = cloud.read("rds", "describe_db_parameters", DBParameterGroupName=self.name)
        dynamic = {p["ParameterName"] for p in known["Parameters"] if p["ApplyType"] == "dynamic"}

        def entry(name: str, **value: str) -> dict[str, str]:
            method = "immediate" if name in dynamic else "pending-reboot"
            return {"ParameterName": name, "ApplyMethod": method, **value}

        if surplus := [entry(name) for name in sorted(now.keys() - wanted.keys())]:
            cloud.write(
                "rds",
                "reset_db_parameter_group",
                DBParameterGroupName=self.name,
                Parameters=surplus,
            )
        cloud.write(
            "rds",
            "modify_db_parameter_group",
            DBParameterGroupName=self.name,
            Parameters=[entry(n, ParameterValue=v) for n, v in sorted(wanted.items())],
        )

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("rds", "delete_db_parameter_group", DBParameterGroupName=self.name)


@dataclass(frozen=True, kw_only=True)
class SubnetGroup(Resource):
    """The subnets that a database may be placed in."""

    service: ClassVar[str] = "rds"
    fixed: ClassVar[frozenset[str]] = frozenset({"vpc"})
    sets: ClassVar[frozenset[str]] = frozenset({"subnets"})

    vpc: Ref
    subnets: tuple[Ref, ...]

    def wanted(self) -> dict[str, Any]:
        return {"vpc": self.vpc, "subnets": list(self.subnets), "description": self.name}

    def find(self, cloud: Cloud) -> list[Live]:
        found = cloud.read(
            "rds",
            "describe_db_subnet_groups",
            DBSubnetGroupName=self.name,
            absent=("DBSubnetGroupNotFound", "DBSubnetGroupNotFoundFault"),
        )
        groups = (found or {"DBSubnetGroups": ()})["DBSubnetGroups"]
        return [self._live(cloud, group) for group in groups]

    def _live(self, cloud: Cloud, group: dict[str, Any]) -> Live:
        arn = group["DBSubnetGroupArn"]
        tags = cloud.read("rds", "list_tags_for_resource", ResourceName=arn)["TagList"]
        attributes = {
            "vpc": group["VpcId"],
            "subnets": [subnet["SubnetIdentifier"] for subnet in group["Subnets"]],
            "description": group["DBSubnetGroupDescription"],
            "tags": from_pairs(tags),
        }
        return Live(self.name, attributes, arn=arn)

    def obstacle(
        self, cloud: Cloud, live: Live | None, wanted: Attributes, changed: frozenset[str]
    ) -> str:
        """AWS tells a database's zones, not its subnets: any there may be the one."""
        if live is None or "subnets" not in changed:
            return ""
        found = cloud.read("rds", "describe_db_subnet_groups", DBSubnetGroupName=self.name)
        (group,) = found["DBSubnetGroups"]
        leaving = {
            subnet["SubnetAvailabilityZone"]["Name"]: subnet["SubnetIdentifier"]
            for subnet in group["Subnets"]
            if subnet["SubnetIdentifier"] not in wanted["subnets"]
        }
        stand = [
            f"{db.id} stands in {leaving[zone]}"
            for db in _users(cloud, self)
            for zone in db.output("zones").split()
            if zone in leaving
        ]
        if not stand:
            return ""
        return (
            f"{' and '.join(stand)}, and AWS moves no database to another subnet. Destroy"
            f" {self.asset}, which leaves a last snapshot, apply, and restore that"
        )

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        cloud.write(
            "rds",
            "create_db_subnet_group",
            DBSubnetGroupName=self.name,
            DBSubnetGroupDescription=wanted["description"],
            SubnetIds=wanted["subnets"],
            Tags=pairs(wanted["tags"]),
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        if changed - {"tags"}:
            cloud.write(
                "rds",
                "modify_db_subnet_group",
                DBSubnetGroupName=self.name,
                DBSubnetGroupDescription=wanted["description"],
                SubnetIds=wanted["subnets"],
            )
        if "tags" in changed:
            tags, arn = pairs(wanted["tags"]), live.output("arn")
            cloud.write("rds", "add_tags_to_resource", ResourceName=arn, Tags=tags)

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("rds", "delete_db_subnet_group", DBSubnetGroupName=self.name)


LOGS = ("error", "slowquery")
"""The logs that an instance exports to CloudWatch."""


def log_group_of(instance: str, log: str) -> str:
    """The name that RDS gives to the log group of an exported log."""
    return f"/aws/rds/instance/{instance}/{log}"


@dataclass(frozen=True, kw_only=True)
class Instance(Resource):
    """A MySQL instance whose master password RDS makes, keeps and rotates in Secrets Manager.

    `version` is a prefix: RDS moves within it by itself. Its storage doesn't grow by itself, and
    nobody logs in by an IAM role. Windows are UTC. Deleting leaves a final snapshot.
    """

    service: ClassVar[str] = "rds"
    holds_data: ClassVar[bool] = True
    patience_s: ClassVar[float] = 3600
    sets: ClassVar[frozenset[str]] = frozenset({"log_exports", "security_groups"})
    fixed: ClassVar[frozenset[str]] = frozenset({"database", "key", "encrypted", "master_user"})

    database: str
    instance_class: str
    storage_gb: int
    multi_az: bool
    backup_days: int
    deletion_protection: bool
    key: Ref
    parameter_group: Ref
    subnet_group: Ref
    security_groups: tuple[Ref, ...]
    master_user: str = "mall_admin"
    version: str = "8.4"

    def wanted(self) -> dict[str, Any]:
        return {
            "database": self.database,
            "version": self.version,
            "instance_class": self.instance_class,
            "storage_gb": self.storage_gb,
            "storage_grows": False,
            "storage_type": "gp3",
            "multi_az": self.multi_az,
            "backup_days": self.backup_days,
            "backup_window": "18:30-19:30",
            "maintenance_window": "sun:20:00-sun:21:00",
            "deletion_protection": self.deletion_protection,
            "encrypted": True,
            "key": self.key,
            "parameter_group": self.parameter_group,
            "log_exports": list(LOGS),
            "minor_upgrades": True,
            "public": False,
            "iam_login": False,
            "master_user": self.master_user,
            "password_secret": {"key": self.key},
            "copies_tags": True,
            "subnet_group": self.subnet_group,
            "security_groups": list(self.security_groups),
        }

    def find(self, cloud: Cloud) -> list[Live]:
        found = cloud.read(
            "rds",
            "describe_db_instances",
            DBInstanceIdentifier=self.name,
            absent=("DBInstanceNotFound", "DBInstanceNotFoundFault"),
        )
        return [self._live(instance) for instance in (found or {"DBInstances": ()})["DBInstances"]]

    def _live(self, db: dict[str, Any]) -> Live:
        version = db["EngineVersion"]
        within = version == self.version or version.startswith(f"{self.version}.")
        secret = db.get("MasterUserSecret")
        attributes = {
            "database": db.get("DBName"),
            "version": self.version if within else version,
            "instance_class": db["DBInstanceClass"],
            "storage_gb": db["AllocatedStorage"],
            "storage_grows": db.get("MaxAllocatedStorage", 0) > db["AllocatedStorage"],
            "storage_type": db.get("StorageType"),
            "multi_az": db["MultiAZ"],
            "backup_days": db["BackupRetentionPeriod"],
            "backup_window": db["PreferredBackupWindow"],
            "maintenance_window": db["PreferredMaintenanceWindow"].lower(),
            "deletion_protection": db.get("DeletionProtection", False),
            "encrypted": db["StorageEncrypted"],
            "key": db.get("KmsKeyId"),
            "parameter_group": db["DBParameterGroups"][0]["DBParameterGroupName"],
            "log_exports": db.get("EnabledCloudwatchLogsExports", []),
            "minor_upgrades": db["AutoMinorVersionUpgrade"],
            "public": db.get("PubliclyAccessible"),
            "iam_login": db.get("IAMDatabaseAuthenticationEnabled", False),
            "master_user": db["MasterUsername"],
            "password_secret": secret and {"key": secret.get("KmsKeyId")},
            "copies_tags": db.get("CopyTagsToSnapshot", False),
            "subnet_group": db.get("DBSubnetGroup", {}).get("DBSubnetGroupName"),
            "security_groups": [group["VpcSecurityGroupId"] for group in db["VpcSecurityGroups"]],
            "tags": from_pairs(db.get("TagList")),
        }
        endpoint = db.get("Endpoint", {}).get("Address")
        zones = [db.get("AvailabilityZone"), db.get("SecondaryAvailabilityZone")]
        return Live(
            self.name,
            attributes,
            arn=db["DBInstanceArn"],
            ready=db["DBInstanceStatus"] in ("available", "storage-optimization"),
            leaving=db["DBInstanceStatus"] == "deleting",
            outputs={
                "zones": " ".join(filter(None, zones)),
                **({"endpoint": endpoint} if endpoint else {}),
            },
        )

    def obstacle(
        self, cloud: Cloud, live: Live | None, wanted: Attributes, changed: frozenset[str]
    ) -> str:
        if live is None or changed & self.fixed:
            return ""
        now = live.attributes
        if "storage_gb" in changed and wanted["storage_gb"] < now["storage_gb"]:
            return (
                f"AWS takes no storage away from a database, which has {now['storage_gb']} GiB."
                " Declare as much, or move the data to another, smaller one"
            )
        if "version" in changed and _number(wanted["version"]) < _number(now["version"]):
            return (
                f"AWS takes no database back to an earlier version than its {now['version']}."
                " Declare that one, or restore a snapshot of before the upgrade"
            )
        if "password_secret" in changed and now["password_secret"]:
            return (
                f"AWS keeps the secret of the password under {now['password_secret']['key']} for as"
                " long as it manages it. Give the master user a password, which ends that, and"
                " apply: the new secret is under the declared key"
            )
        return ""

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        cloud.write(
            "rds",
            "create_db_instance",
            DBInstanceIdentifier=self.name,
            DBName=wanted["database"],
            Engine="mysql",
            EngineVersion=wanted["version"],
            DBInstanceClass=wanted["instance_class"],
            AllocatedStorage=wanted["storage_gb"],
            StorageType=wanted["storage_type"],
            StorageEncrypted=wanted["encrypted"],
            KmsKeyId=wanted["key"],
            MultiAZ=wanted["multi_az"],
            MasterUsername=wanted["master_user"],
            ManageMasterUserPassword=True,
            MasterUserSecretKmsKeyId=wanted["password_secret"]["key"],
            DBParameterGroupName=wanted["parameter_group"],
            BackupRetentionPeriod=wanted["backup_days"],
            PreferredBackupWindow=wanted["backup_window"],
            PreferredMaintenanceWindow=wanted["maintenance_window"],
            DeletionProtection=wanted["deletion_protection"],
            EnableCloudwatchLogsExports=wanted["log_exports"],
            AutoMinorVersionUpgrade=wanted["minor_upgrades"],
            PubliclyAccessible=wanted["public"],
            EnableIAMDatabaseAuthentication=wanted["iam_login"],
            CopyTagsToSnapshot=wanted["copies_tags"],
            DBSubnetGroupName=wanted["subnet_group"],
            VpcSecurityGroupIds=wanted["security_groups"],
            Tags=pairs(wanted["tags"]),
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        names = {
            "version": "EngineVersion",
            "instance_class": "DBInstanceClass",
            "storage_gb": "AllocatedStorage",
            "storage_type": "StorageType",
            "multi_az": "MultiAZ",
            "backup_days": "BackupRetentionPeriod",
            "backup_window": "PreferredBackupWindow",
            "maintenance_window": "PreferredMaintenanceWindow",
            "deletion_protection": "DeletionProtection",
            "parameter_group": "DBParameterGroupName",
            "minor_upgrades": "AutoMinorVersionUpgrade",
            "public": "PubliclyAccessible",
            "iam_login": "EnableIAMDatabaseAuthentication",
            "copies_tags": "CopyTagsToSnapshot",
            "subnet_group": "DBSubnetGroupName",
            "security_groups": "VpcSecurityGroupIds",
        }
        parameters = {names[name]: wanted[name] for name in changed if name in names}
        if "version" in changed:
            parameters["AllowMajorVersionUpgrade"] = True
        if "storage_grows" in changed:
            parameters["MaxAllocatedStorage"] = wanted["storage_gb"]
        if "password_secret" in changed:
            parameters["ManageMasterUserPassword"] = True
            parameters["MasterUserSecretKmsKeyId"] = wanted["password_secret"]["key"]
        if "log_exports" in changed:
            now, then = set(live.attributes["log_exports"]), set(wanted["log_exports"])
            parameters["CloudwatchLogsExportConfiguration"] = {
                "EnableLogTypes": sorted(then - now),
                "DisableLogTypes": sorted(now - then),
            }
        if parameters:
            cloud.write(
                "rds",
                "modify_db_instance",
                DBInstanceIdentifier=self.name,
                ApplyImmediately=True,
                **parameters,
            )
        if "tags" in changed:
            tags, arn = pairs(wanted["tags"]), live.output("arn")
            cloud.write("rds", "add_tags_to_resource", ResourceName=arn, Tags=tags)

    def delete(self, cloud: Cloud, live: Live) -> None:
        if live.attributes["deletion_protection"]:
            cloud.write(
                "rds",
                "modify_db_instance",
                DBInstanceIdentifier=self.name,
                DeletionProtection=False,
                ApplyImmediately=True,
            )
        cloud.write(
            "rds",
            "delete_db_instance",
            DBInstanceIdentifier=self.name,
            FinalDBSnapshotIdentifier=f"{self.name}-final-{datetime.now(UTC):%Y%m%d%H%M%S}",
        )


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))
