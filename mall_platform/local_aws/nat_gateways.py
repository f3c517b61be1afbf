"""EC2 NAT gateways: a deleted one lets go of its elastic IP."""

from __future__ import annotations

from typing import Any

from moto.ec2.models.nat_gateways import NatGateway, NatGatewayBackend

from mall_platform.local_aws.hooks import replace


def install() -> None:
    @replace(NatGatewayBackend, "delete_nat_gateway", "nat_gateway_id")
    def delete_nat_gateway(
        original: Any, self: NatGatewayBackend, nat_gateway_id: str
    ) -> NatGateway:
        gateway: NatGateway = original(self, nat_gateway_id)
        backend: Any = self
        held = [item["allocationId"] for item in gateway.address_set if "allocationId" in item]
        for address in backend.address_by_allocation(held) if held else ():
            if address.association_id:
                backend.disassociate_address(association_id=address.association_id)
        return gateway
