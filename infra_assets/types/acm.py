"""Certificates, and their validation by DNS."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any, ClassVar

from infra_assets.cloud import Cloud
from infra_assets.resource import Attributes, Live, Ref, Resource
from infra_assets.types.route53 import PublicZone, change_record, record_in, zone_of
from infra_assets.types.tagging import from_pairs, pairs


@dataclass(frozen=True, kw_only=True)
class Certificate(Resource):
    """A domain's certificate, for the domain and every name right below it.

    AWS issues it once its validation record is in the domain's zone, and renews it as long as
    that record stays. One whose record wasn't seen for 72 hours has failed, and is never issued:
    another takes its place.
    """

    service: ClassVar[str] = "acm"
    fixed: ClassVar[frozenset[str]] = frozenset({"failed", "names"})
    sets: ClassVar[frozenset[str]] = frozenset({"names"})
    held: ClassVar[frozenset[str]] = frozenset({"ResourceInUseException"})
    beside: ClassVar[bool] = True

    def wanted(self) -> dict[str, Any]:
        return {"names": [self.name, f"*.{self.name}"], "failed": False}

    def find(self, cloud: Cloud) -> list[Live]:
        listed = cloud.read("acm", "list_certificates")["CertificateSummaryList"]
        arns = [item["CertificateArn"] for item in listed if item["DomainName"] == self.name]
        return [live for arn in arns if (live := self._live(cloud, arn)) is not None]

    def _live(self, cloud: Cloud, arn: str) -> Live | None:
        found = cloud.read("acm", "list_tags_for_certificate", CertificateArn=arn)
        tags = from_pairs(found["Tags"])
        if not cloud.is_tagged(self, tags):
            return None
        certificate = cloud.read("acm", "describe_certificate", CertificateArn=arn)["Certificate"]
        options = certificate.get("DomainValidationOptions", [{}])[0]
        record = options.get("ResourceRecord")
        outputs = {"status": certificate["Status"]}
        if record:
            outputs["validation_name"] = record["Name"].rstrip(".")
            outputs["validation_value"] = record["Value"]
        attributes = {
            "names": certificate["SubjectAlternativeNames"],
            "failed": certificate["Status"] not in ("PENDING_VALIDATION", "ISSUED"),
            "tags": tags,
        }
        return Live(arn, attributes, arn=arn, ready=record is not None, outputs=outputs)

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        others = [name for name in wanted["names"] if name != self.name]
        cloud.write(
            "acm",
            "request_certificate",
            DomainName=self.name,
            SubjectAlternativeNames=others,
            ValidationMethod="DNS",
            IdempotencyToken=uuid.uuid4().hex,
            Tags=pairs(wanted["tags"]),
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        tags = pairs(wanted["tags"])
        cloud.write("acm", "add_tags_to_certificate", CertificateArn=live.id, Tags=tags)

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("acm", "delete_certificate", CertificateArn=live.id)

    def adopt(self, cloud: Cloud, id: str) -> None:
        tags = pairs(cloud.tags(self))
        cloud.write("acm", "add_tags_to_certificate", CertificateArn=id, Tags=tags)


@dataclass(frozen=True, kw_only=True)
class Validation(Resource):
    """The record that proves that a domain is ours; ready once its certificate is issued.

    `name` is the certificate's. That takes minutes, and for ever while the domain's registrar
    doesn't name the zone's name servers.
    """

    service: ClassVar[str] = "acm"
    tagged: ClassVar[bool] = False
    patience_s: ClassVar[float] = 900

    certificate: Ref

    def wanted(self) -> dict[str, Any]:
        return {"value": self.certificate, "ttl_s": 300}

    def find(self, cloud: Cloud) -> list[Live]:
        certificate = cloud.live(Certificate.former(self.name))
        zone = zone_of(cloud, self.name, private=False)
        if certificate is None or not certificate.ready or zone is None:
            return []
        cloud_name = certificate.output("validation_name")
        record = record_in(cloud, zone, "CNAME", cloud_name)
        if record is None:
            return []
        (value,) = record.attributes["values"]
        ready = certificate.output("status") == "ISSUED"
        return [Live(record.id, {"value": value, **record.attributes}, ready=ready)]

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        certificate = cloud.live(Certificate.former(self.name))
        zone = zone_of(cloud, self.name, private=False)
        if certificate is None or zone is None:
            return
        record = {"values": [wanted["value"]], "ttl_s": wanted["ttl_s"], "alias": None}
        name = certificate.output("validation_name")
        change_record(cloud, zone, "UPSERT", f"CNAME {name}", record)
        cloud.forget(self.service)

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        self.create(cloud, wanted)

    def delete(self, cloud: Cloud, live: Live) -> None:
        change_record(cloud, live.attributes["zone"], "DELETE", live.id, live.attributes)

    def when_not_ready(self, cloud: Cloud) -> str:
        zone = cloud.live(PublicZone.former(self.name))
        servers = zone.output("name_servers") if zone else ""
        return (
            f"Have the registrar of {self.name} name these name servers, then apply again: "
            f"{servers}"
        )
