"""The shop's database."""

from __future__ import annotations

from infra_assets.infra_asset import infra_asset
from infra_assets.network import VPC, subnet_refs
from infra_assets.resource import Resource
from infra_assets.spec import PlatformSpec
from infra_assets.types.ec2 import SecurityGroup
from infra_assets.types.kms import Key
from infra_assets.types.logs import LogGroup
from infra_assets.types.rds import LOGS, Instance, ParameterGroup, SubnetGroup, log_group_of


@infra_asset(
    area="database",
    deps=["security/encryption_keys", "security/security_groups", "network/subnets"],
    kinds=["rds", "mysql"],
)
def shop_database(spec: PlatformSpec) -> list[Resource]:
    """RDS for MySQL, reached over TLS only, its password kept by RDS itself (D1).

    The groups of its logs are there before it: those that RDS makes keep everything (B5).
    """
    name = spec.names.shop_database
    return [
        SubnetGroup(name=name, vpc=VPC, subnets=subnet_refs(spec, "db")),
        ParameterGroup(
            name=name,
            family="mysql8.4",
            parameters={
                "character_set_server": "utf8mb4",
                "collation_server": "utf8mb4_0900_ai_ci",
                "long_query_time": "2",
                "require_secure_transport": "1",
                "slow_query_log": "1",
                "time_zone": "UTC",
            },
        ),
        *(LogGroup(name=log_group_of(name, log), retention_days=90) for log in LOGS),
        Instance(
            name=name,
            database="mall",
            instance_class=spec.database_class,
            storage_gb=spec.database_storage_gb,
            multi_az=spec.database_multi_az,
            backup_days=spec.database_backup_days,
            deletion_protection=spec.database_deletion_protection,
            key=Key.ref("data"),
            parameter_group=ParameterGroup.ref(name, "id"),
            subnet_group=SubnetGroup.ref(name, "id"),
            security_groups=(SecurityGroup.ref("db", "id"),),
        ),
    ]
