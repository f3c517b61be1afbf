"""RDS's groups: a subnet group survives its change; a parameter group knows which parameters take
effect at once, and its values go back to their defaults."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.rds.exceptions import (
    DBParameterGroupNotFoundError,
    DBSubnetGroupNotFoundError,
    InvalidParameterCombination,
)
from moto.rds.models import DBParameterGroup, DBSubnetGroup, RDSBackend
from moto.rds.responses import RDSResponse

from mall_platform.local_aws.hooks import operation, replace
from mall_platform.local_aws.rds import apply_at_once

_DYNAMIC = frozenset(
    {
        "character_set_server",
        "collation_server",
        "connect_timeout",
        "event_scheduler",
        "general_log",
        "innodb_lock_wait_timeout",
        "interactive_timeout",
        "local_infile",
        "lock_wait_timeout",
        "log_output",
        "long_query_time",
        "max_allowed_packet",
        "max_connections",
        "net_read_timeout",
        "net_write_timeout",
        "require_secure_transport",
        "slow_query_log",
        "sql_mode",
        "time_zone",
        "wait_timeout",
    }
)
"""Parameters of MySQL 8.4 that RDS lets take effect at once; all others are static here."""


def install() -> None:
    _hook_subnet_groups()
    _hook_parameter_groups()


def _hook_subnet_groups() -> None:
    @replace(RDSBackend, "modify_db_subnet_group", "subnet_name", "description", "subnets")
    def modify_db_subnet_group(
        original: Any, self: RDSBackend, subnet_name: str, description: str, subnets: list[Any]
    ) -> DBSubnetGroup:
        """moto takes the group out of its list and doesn't put it back."""
        if subnet_name not in self.subnet_groups:
            raise DBSubnetGroupNotFoundError(subnet_name)
        group: DBSubnetGroup = original(self, subnet_name, description, subnets)
        self.subnet_groups[subnet_name] = group
        return group


def _hook_parameter_groups() -> None:
    @replace(RDSResponse, "describe_db_parameters")
    def describe_db_parameters(original: Any, self: RDSResponse) -> ActionResult:
        """Those that the group sets, and the others that are known here unless only they count."""
        own = _group(self).parameters
        others = _DYNAMIC - own.keys() if self.params.get("Source") != "user" else ()
        found = [
            *({**parameter, "Source": "user"} for parameter in own.values()),
            *({"ParameterName": name, "Source": "engine-default"} for name in sorted(others)),
        ]
        return ActionResult({"Parameters": [{**p, "ApplyType": _apply_type(p)} for p in found]})

    @replace(RDSBackend, "modify_db_parameter_group", "db_parameter_group_parameters")
    def modify_db_parameter_group(
        original: Any, self: RDSBackend, name: str, parameters: Any
    ) -> Any:
        _refuse_static_at_once(parameters)
        return original(self, name, parameters)

    @operation(RDSResponse)
    def reset_db_parameter_group(self: RDSResponse) -> ActionResult:
        group, parameters = _group(self), self.params.get("Parameters", [])
        _refuse_static_at_once(parameters)
        if self.params.get("ResetAllParameters") or not parameters:
            group.parameters.clear()
        for parameter in parameters:
            group.parameters.pop(parameter["ParameterName"], None)
        for database in self.backend.databases.values():
            if group in database.db_parameter_groups():
                apply_at_once(database, parameters)
        return ActionResult({"DBParameterGroupName": group.name})


def _group(responses: RDSResponse) -> DBParameterGroup:
    name = responses.params["DBParameterGroupName"]
    groups = responses.backend.describe_db_parameter_groups({"db_parameter_group_name": name})
    if not groups:
        raise DBParameterGroupNotFoundError(name)
    (group,) = groups
    return group


def _apply_type(parameter: dict[str, Any]) -> str:
    return "dynamic" if parameter["ParameterName"] in _DYNAMIC else "static"


def _refuse_static_at_once(parameters: list[dict[str, Any]]) -> None:
    for parameter in parameters:
        if parameter.get("ApplyMethod") == "immediate" and _apply_type(parameter) == "static":
            raise InvalidParameterCombination(
                "cannot use immediate apply method for static parameter"
            )
