"""Load balancers' listeners: they keep whether clients are asked for certificates."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

Clients = Callable[[str], Any]


def test_a_listener_tells_whether_it_asks_for_certificates(client: Clients) -> None:
    ec2, elbv2 = client("ec2"), client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.8.{n}.0/24", AvailabilityZone=zone)
        for n, zone in enumerate(("ap-northeast-1a", "ap-northeast-1c"))
    ]
    balancer = elbv2.create_load_balancer(
        Name=f"lb-{uuid.uuid4().hex[:20]}", Subnets=[s["Subnet"]["SubnetId"] for s in subnets]
    )["LoadBalancers"][0]["LoadBalancerArn"]
    certificate = client("acm").request_certificate(DomainName="lb.example")["CertificateArn"]
    https = {"Protocol": "HTTPS", "Certificates": [{"CertificateArn": certificate}]}
    answer = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}
    arn = elbv2.create_listener(
        LoadBalancerArn=balancer, Port=443, DefaultActions=[answer], **https
    )["Listeners"][0]["ListenerArn"]

    def asked() -> Any:
        (listener,) = elbv2.describe_listeners(ListenerArns=[arn])["Listeners"]
        return listener.get("MutualAuthentication")

    assert asked() is None
    for mode in ("passthrough", "off"):
        elbv2.modify_listener(
            ListenerArn=arn, DefaultActions=[answer], MutualAuthentication={"Mode": mode}, **https
        )
        assert asked() == {"Mode": mode}
