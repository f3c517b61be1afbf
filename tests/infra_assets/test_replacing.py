"""What others hold is replaced: the new one is made beside it, they move over, the old one goes at
the end. The account refuses what AWS refuses, so that a wrong order fails."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra_assets.engine import Engine
from infra_assets.kinds import TYPES
from infra_assets.plan import Plan, SavedPlan
from infra_assets.reconcile import DataLossRefusedError, ImpossibleError, Outcome
from infra_assets.registry import REGISTRY
from infra_assets.resource import REPLACED, Resource
from infra_assets.run import ApplyFailedError
from tests.infra_assets.world import (
    ACCOUNT,
    DECLARED,
    SPEC,
    Call,
    CrashError,
    State,
    World,
    crash,
    refused,
)

ANOTHER_RANGE = {"vpc_cidr": "10.8.0.0/16"}
ANOTHER_PORT = {"web_servers": {"port": 8081}}
NETWORK_ONLY = (
    "storage/log_bucket",
    "network/vpc",
    "network/subnets",
    "network/internet_gateway",
    "network/nat_gateways",
    "network/route_tables",
    "security/security_groups",
    "was/load_balancer",
)


DATABASE = f"rds.Instance/{SPEC.names.shop_database}"


def declaring(engine: Engine, address: str, **fields: Any) -> Engine:
    """The engine where one resource is declared otherwise."""

    def other(resource: Resource) -> Resource:
        return replace(resource, **fields) if resource.address == address else resource

    asset = next(r.asset for r in DECLARED if r.address == address)
    assets = tuple(
        replace(a, declare=lambda spec, declare=a.declare: [other(r) for r in declare(spec)])
        if a.address == asset
        else a
        for a in engine.assets
    )
    return replace(engine, assets=assets)


def did(what: Plan | list[Outcome], action: str) -> list[str]:
    """The addresses of what a plan or an apply does or did that with, in order."""
    if isinstance(what, Plan):
        return [step.resource.address for step in what.steps if step.action == action]
    return [outcome.resource.address for outcome in what if outcome.result == action]


LISTS = {
    "ec2": "vpcs subnets internet_gateways nat_gateways route_tables security_groups vpc_endpoints"
    " flow_logs addresses launch_templates",
    "elbv2": "load_balancers target_groups",
    "autoscaling": "auto_scaling_groups policies",
    "route53": "hosted_zones",
    "rds": "db_instances db_subnet_groups db_parameter_groups",
    "firehose": "delivery_streams",
    "acm": "certificates",
}
"""What is counted of each service, by the names of the calls that list it."""


def inventory(world: World) -> Counter[str]:
    """How many objects of each sort AWS lists, without what is gone and still listed a while."""
    found: Counter[str] = Counter()
    for service, names in LISTS.items():
        client = world.aws.client(service)
        for name in names.split():
            call = getattr(client, f"describe_{name}", None) or getattr(client, f"list_{name}")
            items = next(value for value in call().values() if isinstance(value, list))
            there = [i for i in items if not (isinstance(i, dict) and i.get("State") == "deleted")]
            found[name] = len(there)
    return found


def subnets(world: World, name: str) -> dict[str, str]:
    """The ranges of a subnet and of what it replaces, by id."""
    tag = [{"Name": "tag:mall:resource", "Values": [f"ec2.Subnet/{name}"]}]
    found = world.aws.client("ec2").describe_subnets(Filters=tag)["Subnets"]
    return {subnet["SubnetId"]: subnet["CidrBlock"] for subnet in found}


class CrashesOften:
    """Dies after each so many of an apply's own calls, the lock's and the record's apart."""

    def __init__(self, every: int) -> None:
        self._every, self._made = every, 0

    def __call__(self, call: Call, number: int) -> bool:
        self._made += call.service != "s3"
        return call.service != "s3" and self._made % self._every == 0


def applied_through_crashes(world: World, engine: Engine, every: int) -> int:
    """Applies again and again until an apply gets through; how often it died."""
    strikes = CrashesOften(every)
    for crashes in range(200):
        world.wire.clear()
        world.wire.strikes, world.wire.after = strikes, crash
        try:
            engine.apply()
        except CrashError:
            continue
        world.wire.clear()
        return crashes
    raise AssertionError("there is no end of it")


def network(world: World, **overrides: Any) -> Engine:
    """The engine over the network and a load balancer in it alone."""
    assets = tuple(asset for asset in REGISTRY if asset.address in NETWORK_ONLY)
    return replace(world.engine(**overrides), assets=assets)


@pytest.fixture(scope="module")
def network_made(account: World) -> State:
    account.put_back(State())
    network(account).apply()
    return account.state()


@pytest.fixture
def networked(account: World, network_made: State) -> World:
    account.put_back(network_made)
    return account


def test_what_is_replaced_beside_another_can_be_marked_and_holds_no_data() -> None:
    beside = {kind: type_ for kind, type_ in TYPES.items() if type_.beside}
    assert "ec2.Subnet" in beside
    assert [k for k, type_ in beside.items() if type_.holds_data or not type_.tagged] == []


def test_a_subnet_whose_servers_move_is_replaced(complete: World, tmp_path: Path) -> None:
    """The saved plan is applied exactly; its last step deletes the old subnet."""
    [old] = subnets(complete, "web-a")
    before = inventory(complete)
    engine = declaring(complete.engine(), "ec2.Subnet/web-a", cidr="10.0.240.0/20")
    plan = engine.plan(["network", "web"])
    assert did(plan, "replace") == ["ec2.Subnet/web-a"]
    assert did(plan, "update") == ["ec2.RouteTable/web-a", "autoscaling.Group/mall-dev-web"]
    assert [(s.resource.address, s.live.id) for s in plan.steps if s.action == "delete"] == [
        ("ec2.Subnet/web-a", old)
    ]
    (file := tmp_path / "plan").write_text(plan.as_json())
    outcomes = engine.apply(saved=SavedPlan.load(file))
    assert [outcomes[-1].resource.address, outcomes[-1].result] == ["ec2.Subnet/web-a", "deleted"]
    assert [*subnets(complete, "web-a").values()] == ["10.0.240.0/20"]
    assert engine.plan(["network", "web"]).changes == []
    assert inventory(complete) == before


def test_a_subnet_with_load_balancer_and_nat_gateway_is_replaced(networked: World) -> None:
    """A gateway's address is free once it's gone: of these the old one goes first."""
    engine = declaring(network(networked), "ec2.Subnet/public-a", cidr="10.0.240.0/20")
    engine = declaring(engine, "ec2.Subnet/was-a", cidr="10.0.224.0/20")
    steps = engine.plan().as_dict()["steps"]
    assert {s["resource"]: s["order"] for s in steps if s["action"] == "replace"} == {
        "ec2.Subnet/public-a": "create, delete",
        "ec2.Subnet/was-a": "create, delete",
        "ec2.NatGateway/nat-a": "delete, create",
    }
    before = inventory(networked)
    engine.apply()
    assert engine.plan().changes == []
    assert inventory(networked) == before


def test_a_database_is_moved_nowhere(complete: World) -> None:
    """(D1) The plan says so and what an operator does; the apply touches nothing."""
    for engine in (
        complete.engine(**ANOTHER_RANGE),
        declaring(complete.engine(), "ec2.Subnet/db-a", cidr="10.0.240.0/20"),
    ):
        [step] = engine.plan().refused
        assert step.resource.address == f"rds.SubnetGroup/{SPEC.names.shop_database}"
        assert "Destroy database/shop_database, which leaves a last snapshot" in step.refused
        complete.wire.clear()
        with pytest.raises(ImpossibleError, match=SPEC.names.shop_database):
            engine.apply()
        assert complete.wire.mutations() == []


def test_a_database_is_no_obstacle_to_a_subnet_of_another_zone(complete: World) -> None:
    engine = declaring(complete.engine(), "ec2.Subnet/db-c", cidr="10.0.240.0/20")
    engine.apply(["network", "database"])
    assert engine.plan(["network", "database"]).changes == []


def test_a_parameter_group_stays_while_a_database_has_it(complete: World) -> None:
    address = f"rds.ParameterGroup/{SPEC.names.shop_database}"
    [step] = declaring(complete.engine(), address, family="mysql9.0").plan().refused
    assert "Give the group of the new family another name" in step.refused


def test_another_range_for_everything(complete: World) -> None:
    """Without its database all of the network is replaced, through a crash on the way."""
    before, engine = inventory(complete), complete.engine(**ANOTHER_RANGE)
    complete.engine().destroy(["database"], named=[DATABASE])
    complete.wire.clear()
    complete.wire.strike_at(100, after=crash)
    with pytest.raises(CrashError):
        engine.apply()
    complete.wire.clear()
    engine.apply()
    assert engine.plan().changes == []
    vpcs = complete.aws.client("ec2").describe_vpcs()["Vpcs"]
    assert [vpc["CidrBlock"] for vpc in vpcs if not vpc["IsDefault"]] == ["10.8.0.0/16"]
    assert inventory(complete) == before


def test_the_network_is_replaced_whenever_it_crashes(networked: World) -> None:
    """A rerun finds the old objects by their mark: none is left, and none is made twice."""
    before, engine = inventory(networked), network(networked, **ANOTHER_RANGE)
    assert applied_through_crashes(networked, engine, every=8) > 5
    assert engine.plan().changes == []
    assert inventory(networked) == before


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("every", [1, 2, 3, 4])
def test_the_network_is_replaced_with_a_crash_after_each_call(networked: World, every: int) -> None:
    before, engine = inventory(networked), network(networked, **ANOTHER_RANGE)
    applied_through_crashes(networked, engine, every)
    assert engine.plan().changes == []
    assert inventory(networked) == before


def test_what_is_half_replaced_is_seen_and_finished(
    networked: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old ones are shown as to be deleted at the end, last made first.

    In one thread: what fails must be the refusal alone, and moto may fail where threads meet.
    """
    monkeypatch.setattr("infra_assets.run.THREADS", 1)
    engine = network(networked, **ANOTHER_RANGE)
    networked.wire.strikes = lambda call, number: call.operation == "DeleteSubnet"
    networked.wire.before = refused(403, "UnauthorizedOperation")
    with pytest.raises(ApplyFailedError) as caught:
        engine.apply()
    assert caught.value.failures.keys() == {"network/subnets"}, caught.value
    networked.wire.clear()
    plan = engine.plan()
    order = ["ec2.InternetGateway/main", *(r.address for r in DECLARED if r.kind() == "ec2.Subnet")]
    assert [s.resource.address for s in plan.changes] == [*order[1:][::-1], "ec2.Vpc/main"]
    assert {s.action for s in plan.changes} == {"delete"}
    assert {*did(engine.apply(), "deleted")} == {*order[1:], "ec2.Vpc/main"}
    assert engine.plan().changes == []


def test_what_is_half_replaced_is_destroyed_whole(networked: World) -> None:
    engine = network(networked, **ANOTHER_RANGE)
    networked.wire.strike_at(60, after=crash)
    with pytest.raises(CrashError):
        engine.apply()
    networked.wire.clear()
    engine.destroy(["network", "security", "was"])
    left = inventory(networked)
    assert (left["load_balancers"], left["target_groups"]) == (0, 0)
    [default] = networked.aws.client("ec2").describe_vpcs()["Vpcs"]
    assert default["IsDefault"]


def test_what_aws_lets_go_late_is_waited_for(networked: World) -> None:
    """A load balancer's interfaces stay in its subnets for minutes after it is gone."""
    engine = declaring(network(networked), "ec2.Subnet/db-a", cidr="10.0.240.0/20")
    late = iter(range(12))
    networked.wire.strikes = lambda call, number: (
        call.operation == "DeleteSubnet" and next(late, None) is not None
    )
    networked.wire.before = refused(400, "DependencyViolation")
    engine.apply()
    assert engine.plan().changes == []
    assert networked.time.seconds > 30


def test_what_aws_is_still_deleting_is_waited_for(
    networked: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a name or an address that is taken as long, there can't be another one before."""
    from moto.ec2.models import ec2_backends

    ec2 = networked.aws.client("ec2")
    [gateway] = ec2.describe_nat_gateways()["NatGateways"]
    ec2.delete_nat_gateway(NatGatewayId=gateway["NatGatewayId"])
    deleted = ec2_backends[ACCOUNT][SPEC.region].nat_gateways[gateway["NatGatewayId"]]
    deleted.state = "deleting"

    def sleep(seconds: float) -> None:
        networked.time.seconds += seconds
        if networked.time.seconds > 60:
            deleted.state = "deleted"

    monkeypatch.setattr(networked.time, "sleep", sleep)
    engine = network(networked)
    assert did(engine.plan(), "create") == ["ec2.NatGateway/nat-a"]
    assert did(engine.apply(), "created") == ["ec2.NatGateway/nat-a"]
    assert networked.time.seconds > 60
    assert "DeleteNatGateway" not in {call.operation for call in networked.wire.mutations()[1:]}
    assert engine.plan().changes == []


def test_what_stays_in_use_is_left_with_awss_reason(networked: World) -> None:
    engine = declaring(network(networked), "ec2.Subnet/db-a", cidr="10.0.240.0/20")
    [old] = subnets(networked, "db-a")
    image = networked.aws.client("ec2").describe_images()["Images"]
    networked.aws.client("ec2").run_instances(
        ImageId=image[0]["ImageId"] if image else "ami-12c6146b",
        MinCount=1,
        MaxCount=1,
        SubnetId=old,
    )
    with pytest.raises(ApplyFailedError, match="DependencyViolation"):
        engine.apply()
    assert len(subnets(networked, "db-a")) == 2
    assert did(engine.plan(), "delete") == ["ec2.Subnet/db-a"]


def test_a_taken_range_is_refused_before_anything_is_changed(networked: World) -> None:
    """Also by the very subnet that is to be replaced, in which others still stand."""
    for cidr, taken in (("10.0.0.0/19", "public-a"), ("10.0.48.0/20", "web-c")):
        engine = declaring(network(networked), "ec2.Subnet/public-a", cidr=cidr)
        [step] = engine.plan().refused
        assert step.resource.address == "ec2.Subnet/public-a"
        assert f"(ec2.Subnet/{taken})" in step.refused
    networked.wire.clear()
    with pytest.raises(ImpossibleError, match="Choose a free range"):
        engine.apply()
    assert networked.wire.mutations() == []


def test_what_others_use_is_not_replaced_without_them(networked: World) -> None:
    """They would hold the old one, so AWS wouldn't delete it."""
    engine = network(networked, **ANOTHER_RANGE)
    step = engine.plan(["network"]).refused[-1]
    assert (step.resource.address, step.action) == ("ec2.Vpc/main", "delete")
    assert "ec2.SecurityGroup/web" in step.refused
    assert "these, too: security/security_groups was/load_balancer" in step.refused
    networked.wire.clear()
    with pytest.raises(ImpossibleError):
        engine.apply(["network"])
    assert networked.wire.mutations() == []


def test_a_target_group_of_another_port_takes_over(complete: World) -> None:
    """(S1) Its name is taken while both are there: they take turns."""
    before, engine = inventory(complete), complete.engine(**ANOTHER_PORT)
    plan = engine.plan()
    assert did(plan, "replace") == ["elbv2.TargetGroup/mall-dev-web"]
    assert "elbv2.Listener/mall-dev-web:443" in did(plan, "update")
    assert "codedeploy.DeploymentGroup/mall-dev-web:servers" in did(plan, "update")
    assert applied_through_crashes(complete, engine, every=4)
    assert engine.plan().changes == []
    assert inventory(complete) == before
    found = complete.aws.client("elbv2").describe_target_groups()["TargetGroups"]
    ports = {group["TargetGroupName"]: group["Port"] for group in found}
    assert ports == {"mall-dev-web-2": 8081, "mall-dev-was": 8080}


def test_servers_move_to_a_replaced_security_group(complete: World) -> None:
    """(N3) The template has a new version, and every server is started anew from it."""
    before = inventory(complete)
    address = "ec2.SecurityGroup/web"
    engine = declaring(complete.engine(), address, description="Servers of the web tier")
    plan = engine.plan()
    assert did(plan, "replace") == [address]
    assert {"ec2.LaunchTemplate/mall-dev-web", "autoscaling.Group/mall-dev-web"} <= {
        *did(plan, "update")
    }
    complete.wire.strike_at(8, after=crash)
    with pytest.raises(CrashError):
        engine.apply()
    complete.wire.clear()
    engine.apply()
    assert engine.plan().changes == []
    assert inventory(complete) == before
    ec2 = complete.aws.client("ec2")
    groups = {
        g["GroupId"]: g["GroupName"] for g in ec2.describe_security_groups()["SecurityGroups"]
    }
    running = [{"Name": "instance-state-name", "Values": ["running"]}]
    of_servers = {
        groups[group["GroupId"]]
        for reservation in ec2.describe_instances(Filters=running)["Reservations"]
        for server in reservation["Instances"]
        for group in server["SecurityGroups"]
    }
    assert of_servers == {"mall-dev-web-2", "mall-dev-was"}


def test_another_partitioning_of_the_stream_replaces_it(complete: World) -> None:
    """(E3) Producers know it by its name: the old one is deleted first."""
    address = f"firehose.DeliveryStream/{SPEC.names.click_stream}"
    engine = declaring(complete.engine(), address, partitioned_by="{dt: (.day), hour: (.hour)}")
    [step] = engine.plan(["streaming"]).changes
    assert (step.resource.address, step.action) == (address, "replace")
    complete.wire.strikes = lambda call, number: call.operation == "DeleteDeliveryStream"
    complete.wire.after = crash
    with pytest.raises(CrashError):
        engine.apply(["streaming"])
    complete.wire.clear()
    assert did(engine.apply(["streaming"]), "created") == [address]
    assert engine.plan(["streaming"]).changes == []


def test_what_is_being_replaced_is_marked_and_not_the_resource_any_more(networked: World) -> None:
    engine = declaring(network(networked), "ec2.Subnet/db-a", cidr="10.0.240.0/20")
    networked.wire.strikes = lambda call, number: call.operation == "CreateTags"
    networked.wire.after = crash
    with pytest.raises(CrashError):
        engine.apply()
    networked.wire.clear()
    [marked] = networked.aws.client("ec2").describe_subnets(
        Filters=[{"Name": "tag-key", "Values": [REPLACED]}]
    )["Subnets"]
    plan = engine.plan()
    assert did(plan, "create") == ["ec2.Subnet/db-a"]
    assert [s.live.id for s in plan.steps if s.action == "delete"] == [marked["SubnetId"]]
    assert plan.orphans == ()


BALANCER = f"elbv2.LoadBalancer/{SPEC.names.tier('was')}"
PROTECTED = {"load_balancer_deletion_protection": True}


@pytest.fixture
def protected(networked: World) -> World:
    network(networked, **PROTECTED).apply()
    networked.wire.clear()
    return networked


def test_a_protected_load_balancer_is_destroyed_only_when_named(protected: World) -> None:
    engine = network(protected, **PROTECTED)
    [step] = [s for s in engine.plan_destroy(["was"]).steps if s.only_named]
    assert (step.resource.address, step.only_named) == (BALANCER, "is protected from deletion")
    with pytest.raises(DataLossRefusedError, match=f"{BALANCER} is protected from deletion"):
        engine.destroy(["was"])
    with pytest.raises(DataLossRefusedError, match="never allows"):
        network(protected, **PROTECTED, allow_data_loss=False).destroy(["was"], named=[BALANCER])
    assert protected.wire.mutations() == []
    assert BALANCER in did(engine.destroy(["was"], named=[BALANCER]), "deleted")


def test_a_protected_load_balancer_is_replaced_only_when_named(protected: World) -> None:
    """The one that's set aside keeps its protection, so a rerun after a crash asks again."""
    before = inventory(protected)

    def engine(**overrides: Any) -> Engine:
        declared = network(protected, **PROTECTED, **overrides)
        return declaring(declared, BALANCER, scheme="internet-facing")

    assert did(engine().plan(), "replace") == [BALANCER]
    with pytest.raises(ApplyFailedError, match=f"{BALANCER} is protected from deletion"):
        engine().apply()
    with pytest.raises(ApplyFailedError, match="never allows"):
        engine(allow_data_loss=False).apply(named=[BALANCER])
    assert inventory(protected) == before
    protected.wire.clear()
    protected.wire.strikes = lambda call, number: call.operation == "CreateLoadBalancer"
    protected.wire.after = crash
    with pytest.raises(CrashError):
        engine().apply(named=[BALANCER])
    protected.wire.clear()
    with pytest.raises(ApplyFailedError, match="would delete the one that was replaced"):
        engine().apply()
    engine().apply(named=[BALANCER])
    assert engine().plan().changes == []
    assert inventory(protected) == before


def test_protection_that_the_code_takes_off_asks_for_no_name(protected: World) -> None:
    network(protected).apply()
    assert BALANCER in did(network(protected).destroy(["was"]), "deleted")
