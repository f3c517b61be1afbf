"""EC2 security groups let openings be closed whatever they are to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

Clients = Callable[[str], Any]


def test_an_opening_to_ipv6_addresses_is_closed_once(client: Clients) -> None:
    """Also in a VPC that has no such addresses."""
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    group = ec2.create_security_group(GroupName="ipv6", Description="ipv6", VpcId=vpc)["GroupId"]
    opening = {
        "IpProtocol": "tcp",
        "FromPort": 22,
        "ToPort": 22,
        "IpRanges": [{"CidrIp": "10.0.0.0/8"}],
        "Ipv6Ranges": [{"CidrIpv6": "::/0"}],
    }
    for direction, shown in (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress")):
        call = {"GroupId": group, "IpPermissions": [opening]}
        before = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0][shown]
        getattr(ec2, f"authorize_security_group_{direction}")(**call)
        getattr(ec2, f"revoke_security_group_{direction}")(**call)
        after = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0][shown]
        assert after == before
        with pytest.raises(ClientError, match=r"InvalidPermission\.NotFound"):
            getattr(ec2, f"revoke_security_group_{direction}")(**call)
