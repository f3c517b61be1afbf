"""EC2 security groups: an opening to IPv6 addresses can be closed also where the VPC has none."""

from __future__ import annotations

from typing import Any

from moto.ec2.exceptions import InvalidPermissionNotFoundError
from moto.ec2.models.security_groups import SecurityGroupBackend

from mall_platform.local_aws.hooks import replace

_PARAMETERS = ("group_name_or_id", "ip_protocol", "from_port", "to_port", "ip_ranges", "vpc_id")


def install() -> None:
    @replace(SecurityGroupBackend, "revoke_security_group_egress", *_PARAMETERS)
    def revoke_security_group_egress(original: Any, self: Any, **said: Any) -> None:
        """moto forgets about the IPv6 ranges that it is asked for there."""
        ranges = said["ip_ranges"]
        original(self, **{**said, "ip_ranges": [r for r in ranges if "CidrIpv6" not in r]})
        group = self.get_security_group_by_name_or_id(said["group_name_or_id"], said.get("vpc_id"))
        for rule in self._iterate_security_rules(
            said["ip_protocol"],
            group.id,
            said["from_port"],
            said["to_port"],
            [r for r in ranges if "CidrIpv6" in r],
            source_groups=[],
            prefix_list_ids=[],
            is_egress=True,
        ):
            if rule not in group.egress_rules:
                raise InvalidPermissionNotFoundError
            group.egress_rules.remove(rule)
