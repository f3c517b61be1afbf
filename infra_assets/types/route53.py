"""Hosted zones and the records in them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from infra_assets.cloud import Cloud
from infra_assets.resource import Attributes, Live, Ref, Resource
from infra_assets.types.tagging import from_pairs, pairs


@dataclass(frozen=True, kw_only=True)
class PublicZone(Resource):
    """A domain's zone that the whole internet asks. Its output `name_servers` is what the
    registrar of the domain must know."""

    service: ClassVar[str] = "route53"
    holds_data: ClassVar[bool] = True
    private: ClassVar[bool] = False

    comment: str

    def wanted(self) -> dict[str, Any]:
        return {"comment": self.comment}

    def find(self, cloud: Cloud) -> list[Live]:
        return [
            self._live(cloud, zone["Id"].removeprefix("/hostedzone/"))
            for zone in cloud.read("route53", "list_hosted_zones")["HostedZones"]
            if zone["Name"] == f"{self.name}." and zone["Config"]["PrivateZone"] == self.private
        ]

    def _live(self, cloud: Cloud, id: str) -> Live:
        found = cloud.read("route53", "get_hosted_zone", Id=id)
        tags = cloud.read(
            "route53", "list_tags_for_resource", ResourceType="hostedzone", ResourceId=id
        )["ResourceTagSet"]["Tags"]
        attributes = {
            "comment": found["HostedZone"]["Config"].get("Comment"),
            "vpcs": [vpc["VPCId"] for vpc in found.get("VPCs", ())],
            "tags": from_pairs(tags),
        }
        servers = " ".join(found.get("DelegationSet", {}).get("NameServers", ()))
        arn = f"arn:aws:route53:::hostedzone/{id}"
        return Live(id, attributes, arn=arn, outputs={"name_servers": servers})

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        cloud.write(
            "route53",
            "create_hosted_zone",
            Name=self.name,
            CallerReference=uuid.uuid4().hex,
            HostedZoneConfig={"Comment": wanted["comment"], "PrivateZone": self.private},
            **({"VPC": _vpc(cloud, wanted["vpcs"][0])} if self.private else {}),
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        if "comment" in changed:
            text = wanted["comment"]
            cloud.write("route53", "update_hosted_zone_comment", Id=live.id, Comment=text)
        if "tags" in changed:
            cloud.write(
                "route53",
                "change_tags_for_resource",
                ResourceType="hostedzone",
                ResourceId=live.id,
                AddTags=pairs(wanted["tags"]),
            )

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("route53", "delete_hosted_zone", Id=live.id)


@dataclass(frozen=True, kw_only=True)
class PrivateZone(PublicZone):
    """A zone that only one VPC asks."""

    sets: ClassVar[frozenset[str]] = frozenset({"vpcs"})
    private: ClassVar[bool] = True

    vpc: Ref

    def wanted(self) -> dict[str, Any]:
        return {**super().wanted(), "vpcs": [self.vpc]}

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        """A zone is never without a VPC: another one is added before the former is taken away."""
        super().update(cloud, live, wanted, changed)
        if "vpcs" in changed:
            now, then = set(live.attributes["vpcs"]), set(wanted["vpcs"])
            for operation, vpcs in (
                ("associate_vpc_with_hosted_zone", then - now),
                ("disassociate_vpc_from_hosted_zone", now - then),
            ):
                for id in sorted(vpcs):
                    cloud.write("route53", operation, HostedZoneId=live.id, VPC=_vpc(cloud, id))


def _vpc(cloud: Cloud, id: str) -> dict[str, str]:
    return {"VPCRegion": cloud.spec.region, "VPCId": id}


@dataclass(frozen=True, kw_only=True)
class Record(Resource):
    """What a name stands for; `name` is the record's type and full name: `A www.mall.example`.

    Either `values` (kept by others for `ttl_s` seconds), or `alias`: a load balancer's name and
    its zone, which isn't given while that has no healthy server. It is the same for everybody: of
    records of one name with weights, or for places, none stays.
    """

    service: ClassVar[str] = "route53"
    tagged: ClassVar[bool] = False
    fixed: ClassVar[frozenset[str]] = frozenset({"zone"})
    private: ClassVar[bool] = False

    zone: Ref
    values: tuple[Ref | str, ...] = ()
    ttl_s: int = 60
    alias: tuple[Ref, Ref] | None = None

    def wanted(self) -> dict[str, Any]:
        alias = self.alias and {
            "name": self.alias[0],
            "zone": self.alias[1],
            "healthy_only": True,
        }
        return {
            "zone": self.zone,
            "values": list(self.values),
            "ttl_s": None if alias else self.ttl_s,
            "alias": alias,
            "variants": [],
        }

    def find(self, cloud: Cloud) -> list[Live]:
        kind, name = self.name.split()
        zone = zone_of(cloud, name, private=self.private)
        return [found for found in [zone and record_in(cloud, zone, kind, name)] if found]

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        change_record(cloud, wanted["zone"], "UPSERT", self.name, wanted)

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        """Variants go in the same call: Route 53 takes no record beside them."""
        variants = live.attributes["variants"]
        change_record(cloud, wanted["zone"], "UPSERT", self.name, wanted, instead_of=variants)

    def delete(self, cloud: Cloud, live: Live) -> None:
        zone, variants = live.attributes["zone"], live.attributes["variants"]
        if variants:
            _change(cloud, zone, [_deleted(each) for each in variants])
        else:
            change_record(cloud, zone, "DELETE", self.name, live.attributes)


@dataclass(frozen=True, kw_only=True)
class PrivateRecord(Record):
    """What a name stands for within a VPC."""

    private: ClassVar[bool] = True


def zone_of(cloud: Cloud, name: str, *, private: bool) -> str | None:
    """The id of the zone with the longest domain that a name is in, of those that the internet or
    that VPCs ask: one domain may have both."""
    zones = cloud.read("route53", "list_hosted_zones")["HostedZones"]
    within = [
        zone
        for zone in zones
        if f".{name}.".endswith(f".{zone['Name']}") and zone["Config"]["PrivateZone"] == private
    ]
    if not within:
        return None
    closest = max(within, key=lambda zone: len(zone["Name"]))
    return str(closest["Id"]).removeprefix("/hostedzone/")


def record_in(cloud: Cloud, zone: str, kind: str, name: str) -> Live | None:
    """A record as it is in a zone."""
    records = cloud.read("route53", "list_resource_record_sets", HostedZoneId=zone)
    found = [
        record
        for record in records["ResourceRecordSets"]
        if (record["Type"], record["Name"].rstrip(".")) == (kind, name)
    ]
    if not found:
        return None
    alias = found[0].get("AliasTarget")
    attributes = {
        "zone": zone,
        "values": [item["Value"] for item in found[0].get("ResourceRecords", ())],
        "ttl_s": found[0].get("TTL"),
        "alias": alias
        and {
            "name": alias["DNSName"].rstrip("."),
            "zone": alias["HostedZoneId"],
            "healthy_only": alias["EvaluateTargetHealth"],
        },
        "variants": [record for record in found if "SetIdentifier" in record],
    }
    return Live(f"{kind} {name}", attributes)


def change_record(
    cloud: Cloud,
    zone: str,
    action: str,
    name: str,
    wanted: Attributes,
    *,
    instead_of: Sequence[dict[str, Any]] = (),
) -> None:
    kind, domain = name.split()
    if alias := wanted["alias"]:
        target = {
            "DNSName": alias["name"],
            "HostedZoneId": alias["zone"],
            "EvaluateTargetHealth": alias["healthy_only"],
        }
        content: dict[str, Any] = {"AliasTarget": target}
    else:
        values = [{"Value": value} for value in wanted["values"]]
        content = {"ResourceRecords": values, "TTL": wanted["ttl_s"]}
    record = {"Name": domain, "Type": kind, **content}
    change = {"Action": action, "ResourceRecordSet": record}
    _change(cloud, zone, [*(_deleted(each) for each in instead_of), change])


def _deleted(record: dict[str, Any]) -> dict[str, Any]:
    return {"Action": "DELETE", "ResourceRecordSet": record}


def _change(cloud: Cloud, zone: str, changes: list[dict[str, Any]]) -> None:
    cloud.write(
        "route53",
        "change_resource_record_sets",
        HostedZoneId=zone,
        ChangeBatch={"Changes": changes},
    )
