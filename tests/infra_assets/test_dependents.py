"""A plan shows what else changes when something is replaced, and goes on where something is still
being made: what refers to it isn't known yet."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra_assets.cloud import Cloud, references
from infra_assets.plan import Plan, SavedPlan
from infra_assets.resource import Live, Ref, Resource
from resources.aws import MissingInfrastructureError
from tests.infra_assets.world import DECLARED, World

NAT = "ec2.NatGateway/nat-a"
TABLES = {f"ec2.RouteTable/{tier}-{zone}" for tier in ("web", "was") for zone in "ac"}


@pytest.fixture
def moved(complete: World) -> World:
    """Somebody made the NAT gateway anew, in the wrong subnet, and put it into the routes."""
    ec2 = complete.aws.client("ec2")
    [old] = ec2.describe_nat_gateways()["NatGateways"]
    subnets = ec2.describe_subnets()["Subnets"]
    wrong = next(s for s in subnets if s["SubnetId"] != old["SubnetId"] and named(s, "public-c"))
    ec2.delete_nat_gateway(NatGatewayId=old["NatGatewayId"])
    new = ec2.create_nat_gateway(
        SubnetId=wrong["SubnetId"],
        AllocationId=old["NatGatewayAddresses"][0]["AllocationId"],
        TagSpecifications=[{"ResourceType": "natgateway", "Tags": old["Tags"]}],
    )["NatGateway"]
    for table in ec2.describe_route_tables()["RouteTables"]:
        if any("NatGatewayId" in route for route in table["Routes"]):
            ec2.replace_route(
                RouteTableId=table["RouteTableId"],
                DestinationCidrBlock="0.0.0.0/0",
                NatGatewayId=new["NatGatewayId"],
            )
    return complete


def named(item: dict[str, Any], name: str) -> bool:
    return {"Key": "Name", "Value": name} in item.get("Tags", [])


def changes(plan: Plan) -> dict[str, tuple[str, list[str]]]:
    return {
        step.resource.address: (step.action, [c.attribute for c in step.changes])
        for step in plan.changes
        if step.action != "delete"
    }


def test_what_refers_to_a_replaced_object_changes_with_it(moved: World) -> None:
    plan = moved.engine().plan()
    assert changes(plan) == {
        NAT: ("replace", ["subnet"]),
        **{table: ("update", ["routes"]) for table in TABLES},
    }
    table = next(step for step in plan.changes if step.resource.address in TABLES)
    assert str(table.changes[0].wanted["0.0.0.0/0"]) == "<id of ec2.NatGateway nat-a>"
    assert table.changes[0].now["0.0.0.0/0"].startswith("nat-")
    assert "<id of ec2.NatGateway nat-a>" in plan.as_json()


def test_an_apply_does_what_the_plan_shows(moved: World, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text(moved.engine().plan().as_json())
    outcomes = moved.engine().apply(saved=SavedPlan.load(file))
    done = {o.resource.address: o.result for o in outcomes if o.result != "unchanged"}
    assert done == {NAT: "replaced", **dict.fromkeys(TABLES, "updated")}
    assert moved.engine().plan().changes == []


def test_what_must_be_replaced_in_turn_is_shown_so(complete: World) -> None:
    """A subnet's range can't change, nor can a NAT gateway's subnet; the routes follow in turn."""
    found = changes(complete.engine(vpc_cidr="10.8.0.0/16").plan())
    assert found["ec2.Vpc/main"] == ("replace", ["cidr"])
    assert found["ec2.Subnet/public-a"] == ("replace", ["vpc", "cidr"])
    assert found[NAT] == ("replace", ["subnet"])
    assert found["ec2.RouteTable/web-a"] == ("replace", ["vpc", "routes", "subnets"])
    assert found["ec2.FlowLog/main"] == ("replace", ["of"])
    assert found["rds.SubnetGroup/mall-dev-shop"] == ("replace", ["vpc", "subnets"])
    assert found["elbv2.LoadBalancer/mall-dev-web"][0] == "replace"
    assert found["elbv2.Listener/mall-dev-web:443"][0] == "create"
    assert found["autoscaling.Group/mall-dev-web"][0] == "replace"
    assert found["autoscaling.TargetTracking/mall-dev-web:cpu"][0] == "create"
    assert found["route53.PrivateZone/mall-dev.internal"] == ("update", ["vpcs"])
    assert not {a for a in found if a.startswith(("s3.", "iam.", "kms.", "lambda.", "sns."))}


def test_what_follows_from_a_name_is_known(complete: World) -> None:
    """A stream is replaced under its own name: nothing that names it changes."""
    name = complete.spec.names.click_stream
    firehose = complete.aws.client("firehose")
    firehose.delete_delivery_stream(DeliveryStreamName=name)
    firehose.create_delivery_stream(
        DeliveryStreamName=name,
        ExtendedS3DestinationConfiguration={
            "RoleARN": "arn:aws:iam::123456789012:role/mall-dev-firehose",
            "BucketARN": f"arn:aws:s3:::{complete.spec.bucket('raw')}",
        },
    )
    assert changes(complete.engine().plan()).keys() == {f"firehose.DeliveryStream/{name}"}


def test_what_is_not_selected_is_not_replaced(moved: World) -> None:
    """So nothing follows from it."""
    assert moved.engine().plan(["network/route_tables"]).changes == []


def test_what_is_looked_up_meanwhile_is_about_to_be_replaced_all_the_same(
    complete: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resources are planned in threads: a look-up that began before must not undo it."""
    group = complete.inventory["autoscaling.Group", "mall-dev-web"]
    policy = complete.inventory["autoscaling.TargetTracking", "mall-dev-web:cpu"]
    live, find = complete.found(group), type(group).find

    def found(resource: Any, cloud: Cloud) -> list[Live]:
        cloud.expect_another(group, live)
        return find(resource, cloud)

    monkeypatch.setattr(type(group), "find", found)
    cloud = complete.cloud(knowing=False)
    cloud.wanted(policy, now=False)
    assert cloud.goes_with_another(policy)


def asked_for() -> list[tuple[Ref, Resource]]:
    """Each output besides id and ARN that something refers to, and what does."""
    refs = {(r.kind, r.output): (r, d) for d in DECLARED for r in references(d.wanted())}
    return [found for (_, output), found in refs.items() if output not in ("id", "arn")]


@pytest.mark.parametrize(("ref", "user"), asked_for(), ids=lambda each: each.name)
def test_what_is_still_being_made_has_no_outputs_yet(
    complete: World, monkeypatch: pytest.MonkeyPatch, ref: Ref, user: Resource
) -> None:
    """As a database, whose endpoint AWS gives once it runs, after an apply that was killed."""
    target = complete.inventory[ref.kind, ref.name]
    find = type(target).find

    def unfinished(self: Resource, cloud: Cloud) -> list[Live]:
        found = find(self, cloud)
        return (
            [replace(x, ready=False, outputs={}) for x in found] if self.name == ref.name else found
        )

    monkeypatch.setattr(type(target), "find", unfinished)
    plan = complete.engine().plan()
    assert user.address in changes(plan)
    assert str(ref) in plan.as_json()
    missing = rf"^The \w+ of {re.escape(target.address)} does not exist"
    with pytest.raises(MissingInfrastructureError, match=missing) as caught:
        complete.apply(user, knowing=False)
    assert caught.value.asset == f"infra/{target.asset}"
