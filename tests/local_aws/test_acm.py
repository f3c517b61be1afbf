"""ACM: the record in Route 53 is what issues a certificate (N4)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

Clients = Callable[[str], Any]


def test_a_certificate_is_issued_when_its_records_are_in_a_public_zone(client: Clients) -> None:
    acm, route53 = client("acm"), client("route53")
    domain = f"{uuid.uuid4().hex}.example"
    arn = acm.request_certificate(
        DomainName=domain, SubjectAlternativeNames=[f"www.{domain}"], ValidationMethod="DNS"
    )["CertificateArn"]

    def described() -> dict[str, Any]:
        return acm.describe_certificate(CertificateArn=arn)["Certificate"]

    pending = described()
    assert pending["Status"] == "PENDING_VALIDATION"
    assert "IssuedAt" not in pending
    options = pending["DomainValidationOptions"]
    assert [option["DomainName"] for option in options] == [domain, f"www.{domain}"]

    zone = route53.create_hosted_zone(Name=domain, CallerReference=str(uuid.uuid4()))
    for number, option in enumerate(options, start=1):
        record = option["ResourceRecord"]
        route53.change_resource_record_sets(
            HostedZoneId=zone["HostedZone"]["Id"],
            ChangeBatch={
                "Changes": [
                    {
                        "Action": "UPSERT",
                        "ResourceRecordSet": {
                            "Name": record["Name"],
                            "Type": record["Type"],
                            "TTL": 300,
                            "ResourceRecords": [{"Value": record["Value"]}],
                        },
                    }
                ]
            },
        )
        status = described()["Status"]
        assert status == ("ISSUED" if number == len(options) else "PENDING_VALIDATION")

    issued = described()
    assert {o["ValidationStatus"] for o in issued["DomainValidationOptions"]} == {"SUCCESS"}
    assert issued["IssuedAt"]
