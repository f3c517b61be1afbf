"""Domain names and the certificate (N4)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.audit.account import REGION, Account


def zone(account: Account, *, private: bool) -> dict[str, Any]:
    """The only zone of its kind."""
    zones = account.read("route53", "list_hosted_zones")["HostedZones"]
    (found,) = [zone for zone in zones if zone["Config"]["PrivateZone"] == private]
    return found


def records(account: Account, *, private: bool) -> dict[tuple[str, str], dict[str, Any]]:
    answer = account.read(
        "route53",
        "list_resource_record_sets",
        HostedZoneId=zone(account, private=private)["Id"],
    )
    return {(r["Name"].rstrip("."), r["Type"]): r for r in answer["ResourceRecordSets"]}


@pytest.fixture(scope="module")
def domain(account: Account) -> str:
    return zone(account, private=False)["Name"].rstrip(".")


@pytest.fixture(scope="module")
def certificate(account: Account, domain: str) -> dict[str, Any]:
    found = account.read("acm", "list_certificates")["CertificateSummaryList"]
    (arn,) = [c["CertificateArn"] for c in found if c["DomainName"] == domain]
    return account.read("acm", "describe_certificate", CertificateArn=arn)["Certificate"]


def test_the_certificate_of_the_shops_domain_is_issued(certificate: dict[str, Any]) -> None:
    assert (certificate["Status"], certificate["Type"]) == ("ISSUED", "AMAZON_ISSUED")
    assert f":{REGION}:" in certificate["CertificateArn"]


def test_the_certificate_is_validated_by_records_in_the_zone(
    account: Account, certificate: dict[str, Any]
) -> None:
    found = records(account, private=False)
    for option in certificate["DomainValidationOptions"]:
        asked = option["ResourceRecord"]
        assert option["ValidationMethod"] == "DNS"
        written = found[asked["Name"].rstrip("."), asked["Type"]]
        assert [r["Value"] for r in written["ResourceRecords"]] == [asked["Value"]]


def test_the_domain_leads_to_the_public_load_balancer(account: Account, domain: str) -> None:
    alias = records(account, private=False)[domain, "A"]["AliasTarget"]
    balancer = account.load_balancer("web")
    assert alias["DNSName"].removeprefix("dualstack.").rstrip(".") == balancer["DNSName"]
    assert alias["HostedZoneId"] == balancer["CanonicalHostedZoneId"]


def test_the_private_zone_holds_in_the_vpc_only(account: Account) -> None:
    id = zone(account, private=True)["Id"]
    vpcs = account.read("route53", "get_hosted_zone", Id=id)["VPCs"]
    assert [(v["VPCId"], v["VPCRegion"]) for v in vpcs] == [(account.vpc_id(), REGION)]


def test_the_application_has_a_private_name(account: Account) -> None:
    name = zone(account, private=True)["Name"].rstrip(".")
    alias = records(account, private=True)[f"app.{name}", "A"]["AliasTarget"]
    assert alias["DNSName"].rstrip(".") == account.load_balancer("was")["DNSName"]


def test_the_database_has_a_private_name(account: Account) -> None:
    name = zone(account, private=True)["Name"].rstrip(".")
    record = records(account, private=True)[f"db.{name}", "CNAME"]
    assert [r["Value"] for r in record["ResourceRecords"]] == [
        account.database()["Endpoint"]["Address"]
    ]
