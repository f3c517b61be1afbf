"""ACM: a certificate is issued once the records that validate its names are in Route 53."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from moto.acm.models import CertBundle
from moto.route53.models import route53_backends

from mall_platform.local_aws.hooks import replace
from mall_platform.local_aws.lifecycle import ACCOUNT_ID


def install() -> None:
    @replace(CertBundle, "check")
    def check(original: Any, self: CertBundle) -> None:
        if self.type != "AMAZON_ISSUED" or self.status != "PENDING_VALIDATION":
            return
        if all(_is_published(record) for record in _records(self)):
            self.status = "ISSUED"
            self.issued_at = datetime.now(UTC).timestamp()

    @replace(CertBundle, "describe")
    def describe(original: Any, self: CertBundle) -> dict[str, Any]:
        described: dict[str, Any] = original(self)
        shown = described["Certificate"]
        if self.type == "AMAZON_ISSUED":
            shown.pop("IssuedAt", None)
            if issued := getattr(self, "issued_at", None):
                shown["IssuedAt"] = issued
            for option in shown["DomainValidationOptions"]:
                published = _is_published(option["ResourceRecord"])
                option["ValidationStatus"] = "SUCCESS" if published else "PENDING_VALIDATION"
            # The order is the request's: the certificate's own name first.
            names = [self.common_name, *self.sans]
            shown["DomainValidationOptions"].sort(key=lambda o: names.index(o["DomainName"]))
        return described


def _records(certificate: CertBundle) -> list[dict[str, str]]:
    options = certificate.describe()["Certificate"]["DomainValidationOptions"]
    return [option["ResourceRecord"] for option in options]


def _is_published(record: dict[str, str]) -> bool:
    """Whether a public zone holds the record with its value."""
    zones = route53_backends[ACCOUNT_ID]["aws"].zones.values()
    return any(
        _name(found.name) == _name(record["Name"])
        and found.type == record["Type"]
        and _name(record["Value"]) in {_name(value) for value in _values(found.records)}
        for zone in zones
        if not zone.private_zone
        for found in zone.rrsets
    )


def _values(records: list[Any]) -> list[str]:
    return [record["Value"] if isinstance(record, dict) else record for record in records]


def _name(text: str) -> str:
    return text.rstrip(".").lower()
