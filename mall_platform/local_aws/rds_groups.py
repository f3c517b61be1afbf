"""RDS's groups: a subnet group survives its change, a parameter group's values go back to their
defaults."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.rds.exceptions import DBParameterGroupNotFoundError, DBSubnetGroupNotFoundError
from moto.rds.models import DBSubnetGroup, RDSBackend
from moto.rds.responses import RDSResponse

from mall_platform.local_aws.hooks import operation, replace


def install() -> None:
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

    @operation(RDSResponse)
    def reset_db_parameter_group(self: RDSResponse) -> ActionResult:
        name = self.params["DBParameterGroupName"]
        groups = self.backend.describe_db_parameter_groups({"db_parameter_group_name": name})
        if not groups:
            raise DBParameterGroupNotFoundError(name)
        (group,) = groups
        if self.params.get("ResetAllParameters") or not self.params.get("Parameters"):
            group.parameters.clear()
        for parameter in self.params.get("Parameters", []):
            group.parameters.pop(parameter["ParameterName"], None)
        return ActionResult({"DBParameterGroupName": name})
