"""WAF: a resource has one web ACL; associating another ends the former association."""

from __future__ import annotations

from typing import Any

from moto.wafv2.exceptions import WAFNonexistentItemException
from moto.wafv2.models import WAFV2Backend

from mall_platform.local_aws.hooks import replace


def install() -> None:
    @replace(WAFV2Backend, "associate_web_acl", "web_acl_arn", "resource_arn")
    def associate_web_acl(
        original: Any, self: WAFV2Backend, web_acl_arn: str, resource_arn: str
    ) -> None:
        if web_acl_arn not in self.wacls:
            raise WAFNonexistentItemException
        self.disassociate_web_acl(resource_arn)
        original(self, web_acl_arn, resource_arn)
