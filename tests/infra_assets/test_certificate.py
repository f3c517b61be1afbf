"""The domain's certificate while its registrar doesn't know the zone yet (N4)."""

from __future__ import annotations

import pytest

from infra_assets.reconcile import NotReadyError
from infra_assets.run import ApplyFailedError
from mall_platform.infra_text import plan_lines
from mall_platform.local_aws import acm
from tests.infra_assets.world import ACCOUNT, SPEC, World

DNS = ["dns/public_zone", "dns/certificate"]
SERVERS = [f"ns-{number}.awsdns.test" for number in range(4)]
VALIDATION = f"acm.Validation/{SPEC.domain}"


@pytest.fixture
def undelegated(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """An account whose zone nobody is sent to, so that ACM doesn't see the record in it."""
    from moto.backends import get_backend

    monkeypatch.setattr(acm, "_is_published", lambda record: False)
    world.engine().apply(DNS[:1])
    [zone] = get_backend("route53")[ACCOUNT]["aws"].zones.values()
    zone.delegation_set.name_servers = SERVERS
    return world


def test_an_apply_stops_with_the_name_servers_and_the_next_goes_on(
    undelegated: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same certificate is issued in the end; no other one is asked for."""
    engine = undelegated.engine()
    with pytest.raises(ApplyFailedError) as stopped:
        engine.apply(DNS)
    assert isinstance(stopped.value.failures["dns/certificate"], NotReadyError)
    assert f"{VALIDATION} was not ready within 900 s." in str(stopped.value)
    assert f"name these name servers, then apply again: {' '.join(SERVERS)}" in str(stopped.value)
    assert undelegated.time.seconds >= 900
    client = undelegated.aws.client("acm")
    [asked_for] = client.list_certificates()["CertificateSummaryList"]

    monkeypatch.undo()
    engine.apply(DNS)
    [issued] = client.list_certificates()["CertificateSummaryList"]
    assert issued["CertificateArn"] == asked_for["CertificateArn"]
    assert (asked_for["Status"], issued["Status"]) == ("PENDING_VALIDATION", "ISSUED")
    assert engine.plan(DNS).changes == engine.plan(DNS).awaited == []


def test_a_plan_says_what_an_apply_would_wait_for(undelegated: World) -> None:
    engine = undelegated.engine()
    with pytest.raises(ApplyFailedError):
        engine.apply(DNS)
    plan = engine.plan(DNS)
    assert [step.resource.address for step in plan.awaited] == [VALIDATION]
    *_, waiting, totals = plan_lines(plan)
    assert f"{VALIDATION} is not ready yet: apply waits." in waiting
    assert "Nothing to change, 1 not ready yet, 2 as they should be." in totals
    [step] = [s for s in plan.as_dict()["steps"] if s["resource"] == VALIDATION]
    assert step["ready"] is False


@pytest.mark.parametrize("status", ["VALIDATION_TIMED_OUT", "FAILED", "EXPIRED", "REVOKED"])
def test_another_certificate_takes_the_place_of_one_that_failed(world: World, status: str) -> None:
    """ACM gives up 72 hours after the request, and never issues that certificate."""
    from moto.backends import get_backend

    engine, client = world.engine(), world.aws.client("acm")
    engine.apply(DNS)
    [old] = client.list_certificates()["CertificateSummaryList"]
    [certificate] = get_backend("acm")[ACCOUNT][SPEC.region]._certificates.values()
    certificate.status = status

    engine.apply(DNS)
    [issued] = client.list_certificates()["CertificateSummaryList"]
    assert issued["CertificateArn"] != old["CertificateArn"]
    assert issued["Status"] == "ISSUED"
    assert engine.plan(DNS).changes == engine.plan(DNS).awaited == []


def test_a_private_zone_of_the_same_domain_is_none_of_ours(world: World) -> None:
    """A company may answer for its domain otherwise within its own networks."""
    ec2, route53 = world.aws.client("ec2"), world.aws.client("route53")
    vpc = {"VPCRegion": SPEC.region, "VPCId": ec2.describe_vpcs()["Vpcs"][0]["VpcId"]}
    theirs = route53.create_hosted_zone(
        Name=SPEC.domain,
        CallerReference="theirs",
        HostedZoneConfig={"Comment": "theirs", "PrivateZone": True},
        VPC=vpc,
    )["HostedZone"]["Id"]
    engine = world.engine()
    engine.apply(DNS)
    records = route53.list_resource_record_sets(HostedZoneId=theirs)["ResourceRecordSets"]
    assert {record["Type"] for record in records} == {"SOA", "NS"}
    assert engine.plan(DNS).changes == []
