"""The web application firewall of the region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from infra_assets.cloud import Cloud
from infra_assets.resource import Attributes, Live, Ref, Resource
from infra_assets.types.elbv2 import LoadBalancer
from infra_assets.types.tagging import from_pairs, pairs


@dataclass(frozen=True, kw_only=True)
class WebAcl(Resource):
    """Rules in their order over what passes a load balancer; what none of them blocks may pass."""

    service: ClassVar[str] = "wafv2"
    settles: ClassVar[tuple[tuple[str, str], ...]] = (("WAFUnavailableEntityException", ""),)

    rules: tuple[dict[str, Any], ...]

    def wanted(self) -> dict[str, Any]:
        return {
            "rules": list(self.rules),
            "otherwise": {"Allow": {}},
            "visibility": visible_as(self.name),
        }

    def find(self, cloud: Cloud) -> list[Live]:
        listed = cloud.read("wafv2", "list_web_acls", Scope="REGIONAL")["WebACLs"]
        return [self._live(cloud, item) for item in listed if item["Name"] == self.name]

    def _live(self, cloud: Cloud, item: dict[str, Any]) -> Live:
        id, arn = item["Id"], item["ARN"]
        found = cloud.read("wafv2", "get_web_acl", Name=self.name, Scope="REGIONAL", Id=id)
        tags = cloud.read("wafv2", "list_tags_for_resource", ResourceARN=arn)
        attributes = {
            "rules": found["WebACL"]["Rules"],
            "otherwise": found["WebACL"]["DefaultAction"],
            "visibility": found["WebACL"]["VisibilityConfig"],
            "tags": from_pairs(tags["TagInfoForResource"]["TagList"]),
        }
        return Live(id, attributes, arn=arn, outputs={"lock_token": found["LockToken"]})

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        cloud.write("wafv2", "create_web_acl", **self._content(wanted), Tags=pairs(wanted["tags"]))

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        if changed - {"tags"}:
            token = live.output("lock_token")
            cloud.write(
                "wafv2", "update_web_acl", **self._content(wanted), Id=live.id, LockToken=token
            )
        if "tags" in changed:
            tags = pairs(wanted["tags"])
            cloud.write("wafv2", "tag_resource", ResourceARN=live.arn, Tags=tags)

    def _content(self, wanted: Attributes) -> dict[str, Any]:
        return {
            "Name": self.name,
            "Scope": "REGIONAL",
            "Rules": wanted["rules"],
            "DefaultAction": wanted["otherwise"],
            "VisibilityConfig": wanted["visibility"],
        }

    def delete(self, cloud: Cloud, live: Live) -> None:
        token = live.output("lock_token")
        cloud.write(
            "wafv2",
            "delete_web_acl",
            Name=self.name,
            Scope="REGIONAL",
            Id=live.id,
            LockToken=token,
        )


@dataclass(frozen=True, kw_only=True)
class Logging(Resource):
    """The log of all that a web ACL saw, nothing left out; `name` is the web ACL's."""

    service: ClassVar[str] = "wafv2"
    tagged: ClassVar[bool] = False

    acl: Ref
    log_group: Ref

    def wanted(self) -> dict[str, Any]:
        return {"acl": self.acl, "log_group": self.log_group, "filter": None, "redacted": []}

    def find(self, cloud: Cloud) -> list[Live]:
        acl = cloud.live(WebAcl.former(self.name))
        if acl is None:
            return []
        found = cloud.read(
            "wafv2",
            "get_logging_configuration",
            ResourceArn=acl.arn,
            absent=("WAFNonexistentItemException",),
        )
        if found is None:
            return []
        logging = found["LoggingConfiguration"]
        (to,) = logging["LogDestinationConfigs"]
        attributes = {
            "acl": acl.arn,
            "log_group": to.removesuffix(":*"),
            "filter": logging.get("LoggingFilter"),
            "redacted": logging.get("RedactedFields", []),
        }
        return [Live(self.name, attributes)]

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        logging = {
            "ResourceArn": wanted["acl"],
            "LogDestinationConfigs": [wanted["log_group"]],
            "RedactedFields": wanted["redacted"],
            **({"LoggingFilter": wanted["filter"]} if wanted["filter"] else {}),
        }
        cloud.write("wafv2", "put_logging_configuration", LoggingConfiguration=logging)

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        self.create(cloud, wanted)

    def delete(self, cloud: Cloud, live: Live) -> None:
        acl = live.attributes["acl"]
        cloud.write("wafv2", "delete_logging_configuration", ResourceArn=acl)


@dataclass(frozen=True, kw_only=True)
class Association(Resource):
    """Puts a web ACL in front of a load balancer, whose name is `name`."""

    service: ClassVar[str] = "wafv2"
    tagged: ClassVar[bool] = False
    part_of: ClassVar[str] = "load_balancer"
    settles: ClassVar[tuple[tuple[str, str], ...]] = (("WAFUnavailableEntityException", ""),)

    acl: Ref
    load_balancer: Ref

    def wanted(self) -> dict[str, Any]:
        return {"acl": self.acl, "load_balancer": self.load_balancer}

    def find(self, cloud: Cloud) -> list[Live]:
        balancer = cloud.live(LoadBalancer.former(self.name))
        if balancer is None:
            return []
        found = cloud.read(
            "wafv2",
            "get_web_acl_for_resource",
            ResourceArn=balancer.arn,
            absent=("WAFNonexistentItemException",),
        )
        acl = (found or {}).get("WebACL")
        if not acl:
            return []
        return [Live(self.name, {"acl": acl["ARN"], "load_balancer": balancer.arn})]

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        balancer, acl = wanted["load_balancer"], wanted["acl"]
        cloud.write("wafv2", "associate_web_acl", WebACLArn=acl, ResourceArn=balancer)

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        self.create(cloud, wanted)

    def delete(self, cloud: Cloud, live: Live) -> None:
        balancer = live.attributes["load_balancer"]
        cloud.write("wafv2", "disassociate_web_acl", ResourceArn=balancer)


def visible_as(metric: str) -> dict[str, Any]:
    """Requests are counted in CloudWatch, and some of them kept to look at."""
    return {
        "SampledRequestsEnabled": True,
        "CloudWatchMetricsEnabled": True,
        "MetricName": metric,
    }
