"""What is in use is not deleted: networks, security groups, certificates and RDS's groups are
refused while something stands in them or refers to them, as AWS refuses them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from moto.acm.models import AWSCertificateManagerBackend
from moto.core.exceptions import AWSError
from moto.ec2.exceptions import DependencyViolationError
from moto.ec2.models.internet_gateways import InternetGatewayBackend
from moto.ec2.models.security_groups import SecurityGroup, SecurityGroupBackend
from moto.ec2.models.subnets import Subnet, SubnetBackend
from moto.ec2.models.vpcs import VPC, VPCBackend
from moto.elbv2.exceptions import ELBClientError
from moto.elbv2.models import ELBv2Backend, FakeLoadBalancer, elbv2_backends
from moto.rds.exceptions import RDSClientError
from moto.rds.models import DBInstance, DBParameterGroup, DBSubnetGroup, RDSBackend, rds_backends

from mall_platform.local_aws.hooks import replace


class _CertificateInUseError(AWSError):
    TYPE = "ResourceInUseException"


def install() -> None:
    _keep_networks()
    _keep_security_groups()
    _keep_certificates()
    _keep_database_groups()


def _keep_networks() -> None:
    @replace(VPCBackend, "delete_vpc", "vpc_id")
    def delete_vpc(original: Any, self: Any, vpc_id: str) -> VPC:
        gateways = self.internet_gateways.values()
        _refuse_if_needed(
            f"The vpc '{vpc_id}'",
            chain(
                (g.id for g in gateways if g.vpc and g.vpc.id == vpc_id),
                (g.id for g in self.groups.get(vpc_id, {}).values() if g.name != "default"),
                (
                    e.id
                    for e in self.vpc_end_points.values()
                    if e.vpc_id == vpc_id and e.state == "available"
                ),
            ),
        )
        vpc: VPC = original(self, vpc_id)
        return vpc

    @replace(SubnetBackend, "delete_subnet", "subnet_id")
    def delete_subnet(original: Any, self: Any, subnet_id: str) -> Subnet:
        _refuse_if_needed(f"The subnet '{subnet_id}'", _standing_in(self, subnet_id))
        subnet: Subnet = original(self, subnet_id)
        return subnet

    @replace(InternetGatewayBackend, "detach_internet_gateway", "internet_gateway_id", "vpc_id")
    def detach(original: Any, self: Any, internet_gateway_id: str, vpc_id: str) -> None:
        public = chain(
            (g.id for g in _nat_gateways(self) if g.vpc_id == vpc_id),
            (
                balancer.arn
                for balancer in _balancers(self)
                if balancer.vpc_id == vpc_id and balancer.scheme != "internal"
            ),
        )
        _refuse_if_needed(f"The public addresses of '{vpc_id}'", public)
        original(self, internet_gateway_id, vpc_id)

    @replace(ELBv2Backend, "set_subnets", "arn", "subnets")
    def set_subnets(original: Any, self: Any, arn: str, subnets: list[str], *rest: Any) -> Any:
        balancer = self.load_balancers.get(arn)
        found = self.ec2_backend.describe_subnets(subnet_ids=subnets) if balancer else ()
        if any(subnet.vpc_id != balancer.vpc_id for subnet in found):
            message = "All subnets must belong to the same VPC"
            raise ELBClientError("InvalidConfigurationRequest", message)
        return original(self, arn, subnets, *rest)


def _keep_security_groups() -> None:
    @replace(SecurityGroupBackend, "delete_security_group", "name", "group_id")
    def delete_security_group(
        original: Any, self: Any, name: str | None = None, group_id: str | None = None
    ) -> None:
        if group_id:
            _refuse_if_needed(f"resource {group_id}", _using_group(self, group_id))
        original(self, name, group_id)


def _keep_certificates() -> None:
    @replace(AWSCertificateManagerBackend, "delete_certificate", "arn")
    def delete_certificate(original: Any, self: AWSCertificateManagerBackend, arn: str) -> None:
        for balancer in elbv2_backends[self.account_id][self.region_name].load_balancers.values():
            if any(arn == listener.certificate for listener in balancer.listeners.values()):
                raise _CertificateInUseError(f"Certificate {arn} is in use by {balancer.arn}")
        original(self, arn)


def _keep_database_groups() -> None:
    @replace(RDSBackend, "modify_db_subnet_group", "subnet_name", "description", "subnets")
    def modify_db_subnet_group(
        original: Any, self: RDSBackend, subnet_name: str, description: str, subnets: list[Any]
    ) -> DBSubnetGroup:
        group = self.subnet_groups.get(subnet_name)
        if group and {subnet.vpc_id for subnet in subnets} != {group.vpc_id}:
            message = "The new Subnets are not in the same Vpc as the existing subnet group"
            raise RDSClientError("InvalidParameterValue", message)
        staying = {subnet.id for subnet in subnets}
        for database in _databases_of(self, subnet_name):
            if (stands := _place(database)) and stands not in staying:
                message = f"The DB subnet {stands} is already in use in the Availability Zone."
                raise RDSClientError("SubnetAlreadyInUse", message)
        changed: DBSubnetGroup = original(self, subnet_name, description, subnets)
        return changed

    @replace(RDSBackend, "delete_subnet_group", "subnet_name")
    def delete_subnet_group(original: Any, self: RDSBackend, subnet_name: str) -> DBSubnetGroup:
        for database in _databases_of(self, subnet_name):
            message = f"Cannot delete the subnet group '{subnet_name}' because at least one"
            used = f"{message} database instance: {database.db_instance_identifier} is still using"
            raise RDSClientError("InvalidDBSubnetGroupStateFault", f"{used} it.")
        group: DBSubnetGroup = original(self, subnet_name)
        return group

    @replace(RDSBackend, "delete_db_parameter_group", "db_parameter_group_name")
    def delete_db_parameter_group(
        original: Any, self: RDSBackend, db_parameter_group_name: str
    ) -> DBParameterGroup:
        used = (database.db_parameter_group_name for database in self.databases.values())
        if db_parameter_group_name in used:
            message = "One or more database instances are still members of this parameter group"
            raise RDSClientError("InvalidDBParameterGroupState", message)
        group: DBParameterGroup = original(self, db_parameter_group_name)
        return group


def _refuse_if_needed(what: str, needing: Iterable[str]) -> None:
    if found := sorted(needing):
        names = ", ".join(found)
        raise DependencyViolationError(f"{what} has dependencies and cannot be deleted: {names}")


def _standing_in(ec2: Any, subnet: str) -> Iterator[str]:
    yield from (gateway.id for gateway in _nat_gateways(ec2) if gateway.subnet_id == subnet)
    yield from (instance.id for instance in _instances(ec2) if instance.subnet_id == subnet)
    for balancer in _balancers(ec2):
        if subnet in [each.id for each in balancer.subnets]:
            yield balancer.arn
    for database in _databases(ec2):
        if _place(database) == subnet:
            yield database.db_instance_identifier


def _using_group(ec2: Any, group: str) -> Iterator[str]:
    others: list[SecurityGroup] = [
        other for of_vpc in ec2.groups.values() for other in of_vpc.values() if other.id != group
    ]
    for other in others:
        for rule in [*other.ingress_rules, *other.egress_rules]:
            if (rule.source_group or {}).get("GroupId") == group:
                yield other.id
    for instance in _instances(ec2):
        if group in [each.id for each in instance.security_groups]:
            yield instance.id
    yield from (b.arn for b in _balancers(ec2) if group in (b.security_groups or ()))
    for database in _databases(ec2):
        if group in database.vpc_security_group_ids:
            yield database.db_instance_identifier


def _nat_gateways(ec2: Any) -> list[Any]:
    return [g for g in ec2.nat_gateways.values() if g.state == "available"]


def _instances(ec2: Any) -> list[Any]:
    return [i for i in ec2.all_instances() if i.state not in ("shutting-down", "terminated")]


def _balancers(ec2: Any) -> list[FakeLoadBalancer]:
    backend = elbv2_backends[ec2.account_id][ec2.region_name]
    return list(backend.load_balancers.values())


def _databases(ec2: Any) -> list[DBInstance]:
    return list(rds_backends[ec2.account_id][ec2.region_name].databases.values())


def _databases_of(rds: RDSBackend, subnet_group: str) -> list[DBInstance]:
    return [
        database
        for database in rds.databases.values()
        if (group := database.db_subnet_group) and group.name == subnet_group.lower()
    ]


def _place(database: DBInstance) -> str | None:
    """The subnet that an instance stands in: the first of its group in its zone."""
    group, zone = database.db_subnet_group, database.availability_zone
    subnets = group._subnets if group else ()
    return next((subnet.id for subnet in subnets if subnet.availability_zone == zone), None)
