"""`mall plan`, `apply`, `destroy` and `import`, as an operator meets them: what they print, what
they change, and the exit code they end with."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from infra_assets.lock import ApplyLock
from infra_assets.registry import REGISTRY
from mall_platform import cli_infra
from tests.infra_assets.test_replacing import inventory
from tests.infra_assets.world import (
    ACCOUNT,
    CrashError,
    Fault,
    State,
    Strikes,
    World,
    crash,
    open_world,
    refused,
)

ASSETS = (
    *("network/vpc", "network/subnets", "network/flow_logs", "storage/log_bucket"),
    *("security/encryption_keys", "storage/raw_bucket"),
    *("security/security_groups", "database/shop_database"),
)
"""Enough of the infrastructure for every sort of change; what they need is among them."""

LOG, RAW, STATE = (f"mall-dev-{purpose}-{ACCOUNT}" for purpose in ("log", "raw", "state"))
DATABASE = "rds.Instance/mall-dev-shop"


@pytest.fixture(scope="module")
def account() -> Iterator[World]:
    with open_world() as world:
        world.assets = tuple(asset for asset in REGISTRY if asset.address in ASSETS)
        yield world


@pytest.fixture(scope="module")
def applied(account: World) -> State:
    account.put_back(State())
    account.engine().apply()
    return account.state()


class Terminal:
    """The commands over an account, and what happens there while somebody reads a question."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._commands = click.Group()
        cli_infra.add_commands(self._commands, lambda: world.settings)

    def run(
        self,
        *words: str,
        answer: str | None = None,
        before: Fault | None = None,
        after: Fault | None = None,
        at: Strikes = lambda call, number: False,
    ) -> Result:
        """A command with an answer to its question, and faults before or after some calls."""
        wire = self.world.wire
        wire.clear()
        wire.before, wire.after, wire.strikes = before, after, at
        return CliRunner().invoke(self._commands, words, input=answer, catch_exceptions=False)

    def changed(self) -> list[str]:
        """The changing calls of the last command."""
        return [call.operation for call in self.world.wire.mutations()]

    def spec(self, **fields: Any) -> None:
        """Changes the declared sizes."""
        self.world.settings = self.world.settings.model_copy(
            update={"spec": {**self.world.settings.spec, **fields}}
        )

    def record(self, command: str, bucket: str = LOG) -> dict[str, Any]:
        """The only change record of a command."""
        s3 = self.world.aws.client("s3")
        found = s3.list_objects_v2(Bucket=bucket, Prefix="infra-changes/").get("Contents", [])
        records = [
            json.loads(s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read())
            for item in found
        ]
        (record,) = [record for record in records if record["command"] == command]
        return record


@pytest.fixture
def empty(account: World, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal on an account with nothing in it."""
    account.put_back(State())
    settings = account.settings.model_copy(update={"spec": {}})
    monkeypatch.setattr(account, "settings", settings)
    monkeypatch.setattr("infra_assets.registry.engine", lambda aws, settings: account.engine())
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return Terminal(account)


@pytest.fixture
def mall(applied: State, empty: Terminal) -> Terminal:
    """A terminal on an account in which everything has been applied."""
    empty.world.put_back(applied)
    return empty


def drift(world: World) -> None:
    world.aws.client("s3").delete_bucket_policy(Bucket=RAW)


def orphan(world: World, name: str) -> str:
    """Something that was declared once; its ARN."""
    tags = {"mall:environment": "dev", "mall:resource": f"sns.Topic/{name}"}
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    return world.aws.client("sns").create_topic(Name=name, Tags=pairs)["TopicArn"]


# ── plan ─────────────────────────────────────────────────────────────────────────────────────


def test_a_plan_of_an_empty_account_lists_what_would_be_made(empty: Terminal) -> None:
    shown = empty.run("plan")
    assert shown.exit_code == 2
    assert "network/subnets\n" in shown.stdout
    assert "+ create ec2.Subnet/web-a\n" in shown.stdout
    assert "cidr 10.0.32.0/20" in shown.stdout
    assert shown.stdout.splitlines()[-1] == f"{len(empty.world.resources())} to create."
    assert empty.changed() == []


def test_a_plan_of_what_is_as_it_should_be_ends_with_0(mall: Terminal) -> None:
    shown = mall.run("plan")
    assert (shown.exit_code, shown.stderr) == (0, "")
    total = len(mall.world.resources())
    assert shown.stdout == f"Nothing to change, {total} as they should be.\n"
    assert mall.changed() == []


def test_a_plan_shows_what_is_what_should_be_and_how_it_gets_there(mall: Terminal) -> None:
    mall.spec(vpc_cidr="10.1.0.0/16", database_backup_days=9)
    shown = mall.run("plan", "network/vpc", "database")
    assert shown.exit_code == 2
    assert "± replace ec2.Vpc/main (beside vpc-" in shown.stdout
    assert "(the old one is deleted first)" in shown.stdout
    assert "cidr: 10.0.0.0/16 → 10.1.0.0/16 (can't be changed in place)\n" in shown.stdout
    assert f"~ change in place {DATABASE}\n" in shown.stdout
    assert "backup_days: 7 → 9\n" in shown.stdout
    assert "2 to change in place, 2 to replace, 1 to delete, " in shown.stdout


def test_what_aws_cannot_do_is_said_and_nothing_is_applied(mall: Terminal) -> None:
    """(D1) The database stands in the network that is to be replaced."""
    mall.spec(vpc_cidr="10.1.0.0/16")
    shown = mall.run("plan")
    assert "AWS can't do this: mall-dev-shop stands in subnet-" in shown.stdout
    assert "1 that AWS can't do, so nothing is applied, " in shown.stdout
    refused = mall.run("apply", "--yes")
    assert refused.exit_code == 1
    assert "rds.SubnetGroup/mall-dev-shop: mall-dev-shop stands in subnet-" in refused.stderr
    assert "Destroy database/shop_database" in refused.stderr
    assert mall.changed() == []


def test_a_plan_shows_of_long_values_only_what_differs(mall: Terminal) -> None:
    ec2 = mall.world.aws.client("ec2")
    (web,) = ec2.describe_security_groups(
        Filters=[{"Name": "group-name", "Values": ["mall-dev-web"]}]
    )["SecurityGroups"]
    anywhere = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}
    anywhere["IpRanges"] = [{"CidrIp": "0.0.0.0/0"}]
    ec2.authorize_security_group_ingress(GroupId=web["GroupId"], IpPermissions=[anywhere])
    lines = mall.run("plan", "security").stdout.splitlines()
    removed = [line.strip() for line in lines if line.strip().startswith("- -")]
    assert removed == ['- - {"peer": "0.0.0.0/0", "ports": [22, 22], "protocol": "tcp"}']


def test_a_plan_says_what_holds_data(mall: Terminal) -> None:
    shown = mall.run("destroy", answer="n\n")
    assert f"- delete {DATABASE} (holds data: only when named)\n" in shown.stdout
    assert "- delete ec2.Vpc/main vpc-" in shown.stdout


def test_a_plan_names_orphans_and_how_they_go(mall: Terminal) -> None:
    arn = orphan(mall.world, "mall-dev-old")
    shown = mall.run("plan")
    assert shown.exit_code == 0
    assert f"? No asset declares {arn}: --prune sns.Topic/mall-dev-old deletes it." in shown.stdout
    assert "1 that no asset declares." in shown.stdout


def test_a_plan_as_json_is_what_is_saved(mall: Terminal, tmp_path: Path) -> None:
    drift(mall.world)
    file = tmp_path / "plan.json"
    shown = mall.run("plan", "storage/raw_bucket", "--json", "--out", str(file))
    assert shown.exit_code == 2
    plan = json.loads(shown.stdout)
    assert plan == json.loads(file.read_text())
    (step,) = [step for step in plan["steps"] if step["action"] != "none"]
    assert step["asset"] == "storage/raw_bucket"
    (change,) = [change for change in step["changes"] if change["wanted"]]
    assert set(change) == {"attribute", "now", "wanted", "replaces"}
    assert (change["attribute"], change["now"]) == ("policy", None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["plan", "netwrok/vpc"], "There is no infrastructure asset or area netwrok/vpc."),
        (["plan", "netwrok/vpc"], "Did you mean network/vpc"),
        (["apply", "nothing-like-it", "--yes"], "See what mall plan lists."),
        (["destroy", "strage", "--yes"], "Did you mean storage"),
        (["plan", "--out", "/nowhere/plan.json"], "/nowhere/plan.json"),
        (["apply", "--yes", "--replace", "rds.Instance/mall-dev-shp"], DATABASE),
        (["destroy", "--yes", "--delete", f"s3.Bucket/mall-dev-rw-{ACCOUNT}"], RAW),
        (["apply", "--yes", "--prune", "sns.Topic/x"], "sns.Topic/x is no orphan"),
        (["import", "network/vpcs", "vpc-1"], "Did you mean network/vpc"),
        (["import", "network/subnets", "subnet-1"], "must be one resource; it is ec2.Subnet/"),
    ],
)
def test_a_wrong_name_changes_nothing_and_says_what_there_is(
    mall: Terminal, words: list[str], said: str
) -> None:
    shown = mall.run(*words)
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert said in shown.stderr
    assert "Traceback" not in shown.stderr
    assert mall.changed() == []


def test_a_wrong_size_names_its_field(mall: Terminal) -> None:
    mall.spec(log_days=3)
    shown = mall.run("plan")
    assert shown.exit_code == 1
    assert shown.stderr == ("MALL_SPEC: log_days: Input should be greater than or equal to 181\n")


def test_awss_own_errors_are_one_sentence(mall: Terminal) -> None:
    drift(mall.world)
    denied = refused(403, "AccessDenied")
    shown = mall.run("apply", "--yes", before=denied, at=lambda call, _: call.service == "s3")
    assert shown.exit_code == 1
    assert "An error occurred (AccessDenied) when calling the Put" in shown.stderr
    assert len(shown.stderr.splitlines()) == 1


# ── apply ────────────────────────────────────────────────────────────────────────────────────


def test_an_apply_shows_its_plan_and_asks(mall: Terminal) -> None:
    drift(mall.world)
    shown = mall.run("apply", answer="n\n")
    assert shown.exit_code == 1
    assert "storage/raw_bucket\n" in shown.stdout
    assert "Apply? [y/N]" in shown.stdout
    assert mall.changed() == []


def test_an_apply_that_is_agreed_to_is_made(mall: Terminal) -> None:
    drift(mall.world)
    assert mall.run("apply", answer="y\n").exit_code == 0
    assert mall.run("plan").exit_code == 0


def test_an_apply_with_nothing_to_do_does_not_ask(mall: Terminal) -> None:
    shown = mall.run("apply")
    assert (shown.exit_code, mall.changed()) == (0, [])


def test_what_was_agreed_to_is_what_is_applied(
    mall: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The world moves while the operator reads the plan: then nothing is changed."""
    drift(mall.world)

    def read_slowly(question: str, **_: Any) -> bool:
        mall.world.aws.client("ec2").delete_tags(
            Resources=[vpc_of(mall.world)["VpcId"]], Tags=[{"Key": "mall:owner"}]
        )
        mall.world.wire.clear()
        return True

    monkeypatch.setattr(click, "confirm", read_slowly)
    shown = mall.run("apply")
    assert shown.exit_code == 1
    assert "has changed since, at ec2.Vpc/main. Nothing was changed" in shown.stderr
    assert mall.changed() == []


def vpc_of(world: World) -> dict[str, Any]:
    ours = [{"Name": "tag:mall:resource", "Values": ["ec2.Vpc/main"]}]
    (vpc,) = world.aws.client("ec2").describe_vpcs(Filters=ours)["Vpcs"]
    return vpc


def test_an_apply_says_and_records_what_it_did(empty: Terminal) -> None:
    """(O3) Who, when, by what plan, with what result."""
    shown = empty.run("apply", "network/vpc", "storage/log_bucket", "--yes")
    assert shown.exit_code == 0
    assert "created   ec2.Vpc/main\n" in shown.stdout
    record = empty.record("apply")
    assert record["who"].startswith(f"arn:aws:sts::{ACCOUNT}:")
    assert record["at"].endswith("+00:00")
    made = {outcome["resource"]: outcome["result"] for outcome in record["outcomes"]}
    planned = {step["resource"]: step["action"] for step in record["plan"]["steps"]}
    assert set(made) == set(planned)
    assert (planned["ec2.Vpc/main"], made["ec2.Vpc/main"]) == ("create", "created")


def test_a_selection_leaves_the_rest_alone(mall: Terminal) -> None:
    drift(mall.world)
    mall.spec(database_backup_days=9)
    shown = mall.run("apply", "infra/storage/raw_bucket", "--yes")
    assert shown.exit_code == 0
    assert DATABASE not in shown.stdout
    assert f"~ change in place {DATABASE}" in mall.run("plan").stdout


def test_a_missing_upstream_is_named_with_the_command_that_makes_it(empty: Terminal) -> None:
    shown = empty.run("apply", "network/subnets", "--yes")
    assert shown.exit_code == 1
    assert "network/subnets: ec2.Vpc/main does not exist." in shown.stderr
    assert "  ./mall apply network/vpc\n" in shown.stderr


def test_what_failed_is_told_beside_what_was_made(empty: Terminal) -> None:
    shown = empty.run("apply", "network/vpc", "network/flow_logs", "--yes")
    assert shown.exit_code == 1
    assert "created   ec2.Vpc/main\n" in shown.stdout
    assert "network/flow_logs: " in shown.stderr
    assert "./mall apply storage/log_bucket\n" in shown.stderr


def test_an_interrupted_apply_is_recorded_and_made_good_by_the_next(empty: Terminal) -> None:
    """(O3) Ctrl-C in the middle: the lock is given back, and nothing is there twice."""

    def interrupt(call: Any) -> None:
        raise KeyboardInterrupt

    words = ("apply", "network/vpc", "--yes")
    shown = empty.run(*words, after=interrupt, at=lambda call, _: call.operation == "CreateVpc")
    assert shown.exit_code == 1
    assert empty.record("apply", STATE)["failures"] == {"apply": "KeyboardInterrupt"}
    assert empty.run(*words).exit_code == 0
    vpcs = empty.world.aws.client("ec2").describe_vpcs()["Vpcs"]
    assert len([vpc for vpc in vpcs if not vpc["IsDefault"]]) == 1


def test_a_half_built_vpc_is_completed(empty: Terminal) -> None:
    """As an apply leaves it that was cut off after its first call."""
    ec2, tags = empty.world.aws.client("ec2"), empty.world.cloud().tags(vpc_resource(empty.world))
    made = ec2.create_vpc(
        CidrBlock="10.0.0.0/16",
        TagSpecifications=[
            {
                "ResourceType": "vpc",
                "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
            }
        ],
    )["Vpc"]["VpcId"]
    shown = empty.run("apply", "network/vpc", "--yes")
    assert "updated   ec2.Vpc/main\n" in shown.stdout
    assert vpc_of(empty.world)["VpcId"] == made
    assert empty.run("plan", "network/vpc").exit_code == 0


def vpc_resource(world: World) -> Any:
    return next(r for r in world.resources() if r.address == "ec2.Vpc/main")


def test_replacing_what_holds_data_has_to_be_asked_for(mall: Terminal) -> None:
    rds = mall.world.aws.client("rds")
    rds.delete_db_instance(DBInstanceIdentifier="mall-dev-shop", SkipFinalSnapshot=True)
    rds.create_db_instance(
        DBInstanceIdentifier="mall-dev-shop",
        DBName="other",
        Engine="mysql",
        DBInstanceClass="db.t4g.micro",
        AllocatedStorage=20,
        MasterUsername="mall_admin",
        ManageMasterUserPassword=True,
    )
    shown = mall.run("apply", "--yes")
    assert shown.exit_code == 1
    assert "This holds data or is protected, and goes only when it is named:" in shown.stderr
    assert f"  --replace {DATABASE}\n" in shown.stderr
    assert mall.run("apply", "--yes", "--replace", DATABASE).exit_code == 0
    assert mall.run("plan").exit_code == 0


def test_somebody_elses_apply_is_waited_for_by_nobody(mall: Terminal) -> None:
    drift(mall.world)
    with ApplyLock(mall.world.aws, STATE, "hanako on ops-1"):
        shown = mall.run("apply", "--yes")
    assert shown.exit_code == 1
    assert "hanako on ops-1 has been changing this environment since" in shown.stderr


# ── saved plans ──────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "plan.json"


def test_a_saved_plan_starts_from_nothing(empty: Terminal, file: Path) -> None:
    """Although the lock's bucket has to be made before the plan can be carried out."""
    empty.run("plan", "storage/log_bucket", "--out", str(file))
    assert empty.run("apply", "--plan", str(file)).exit_code == 0
    assert empty.run("plan", "storage/log_bucket").exit_code == 0


def test_a_saved_plan_is_its_own_selection(mall: Terminal, file: Path) -> None:
    drift(mall.world)
    mall.spec(database_backup_days=9)
    mall.run("plan", "storage", "--out", str(file))
    shown = mall.run("apply", "--plan", str(file))
    assert shown.exit_code == 0
    assert DATABASE not in shown.stdout
    assert mall.run("apply", "network", "--plan", str(file)).exit_code == 2


def move_the_world(mall: Terminal) -> None:
    mall.world.aws.client("s3").delete_bucket_policy(Bucket=LOG)


def move_the_code(mall: Terminal) -> None:
    mall.spec(log_days=400)


@pytest.mark.parametrize("move", [move_the_world, move_the_code])
def test_an_outdated_plan_is_refused_and_says_where(
    mall: Terminal, file: Path, move: Callable[[Terminal], None]
) -> None:
    drift(mall.world)
    mall.run("plan", "--out", str(file))
    move(mall)
    shown = mall.run("apply", "--plan", str(file))
    assert shown.exit_code == 1
    assert "has changed since, at s3." in shown.stderr and LOG in shown.stderr
    assert RAW not in shown.stderr
    assert mall.changed() == []


def test_another_environments_plan_is_refused(mall: Terminal, file: Path) -> None:
    mall.run("plan", "--out", str(file))
    file.write_text(file.read_text().replace('"environment": "dev"', '"environment": "prod"'))
    shown = mall.run("apply", "--plan", str(file))
    assert shown.exit_code == 1
    assert "is for prod" in shown.stderr and "this is dev" in shown.stderr


@pytest.mark.parametrize("content", [b"{}", b"[]", b"\xff\xfe\x00", b""])
def test_a_file_that_is_no_plan_is_refused(mall: Terminal, file: Path, content: bytes) -> None:
    file.write_bytes(content)
    shown = mall.run("apply", "--plan", str(file))
    assert shown.exit_code == 1
    assert f"{file} is not a saved plan" in shown.stderr


# ── orphans ──────────────────────────────────────────────────────────────────────────────────


def test_prune_deletes_the_named_orphan_and_no_other(mall: Terminal) -> None:
    """(O3)"""
    kept = orphan(mall.world, "mall-dev-kept")
    orphan(mall.world, "mall-dev-old")
    shown = mall.run("apply", "--yes", "--prune", "sns.Topic/mall-dev-old")
    assert shown.exit_code == 0
    assert "deleted   sns.Topic/mall-dev-old\n" in shown.stdout
    shown = mall.run("plan")
    assert kept in shown.stdout and "mall-dev-old" not in shown.stdout
    assert [o["resource"] for o in mall.record("prune")["outcomes"]] == ["sns.Topic/mall-dev-old"]


def test_prune_is_part_of_what_is_asked(mall: Terminal) -> None:
    orphan(mall.world, "mall-dev-old")
    shown = mall.run("apply", "--prune", "sns.Topic/mall-dev-old", answer="n\n")
    assert "Apply and delete sns.Topic/mall-dev-old?" in shown.stdout
    assert mall.changed() == []


def test_a_wrong_orphan_is_refused_before_anything_is_applied(mall: Terminal) -> None:
    drift(mall.world)
    orphan(mall.world, "mall-dev-old")
    shown = mall.run("apply", "--yes", "--prune", "sns.Topic/mall-dev-odl")
    assert shown.exit_code == 1
    assert "there are: sns.Topic/mall-dev-old" in shown.stderr
    assert mall.changed() == []


def test_what_the_platform_has_no_type_for_goes_by_hand_only(mall: Terminal) -> None:
    tags = [{"Key": "mall:environment", "Value": "dev"}]
    tags += [{"Key": "mall:resource", "Value": "gone.Type/x"}]
    arn = mall.world.aws.client("sns").create_topic(Name="x", Tags=tags)["TopicArn"]
    assert f"No asset declares {arn}: it can only go by hand." in mall.run("plan").stdout
    assert mall.run("apply", "--yes", "--prune", arn).exit_code == 1


# ── destroy ──────────────────────────────────────────────────────────────────────────────────


def holding_data(world: World) -> list[str]:
    return [r.address for r in world.resources() if r.holds_data]


def allowing(addresses: list[str]) -> list[str]:
    return [word for address in addresses for word in ("--delete", address)]


def test_a_destroy_shows_what_goes_and_asks(mall: Terminal) -> None:
    shown = mall.run("destroy", "network/flow_logs", answer="n\n")
    assert shown.exit_code == 1
    assert "network/flow_logs\n  - delete ec2.FlowLog/main\n1 to delete.\n" in shown.stdout
    assert mall.changed() == []


def test_a_destroy_refuses_all_that_holds_data_at_once(mall: Terminal) -> None:
    """Every option that allows it is listed, ready to be copied."""
    shown = mall.run("destroy", "--yes")
    assert (shown.exit_code, mall.changed()) == (1, [])
    options = [line.strip() for line in shown.stderr.splitlines()[1:]]
    assert sorted(options) == sorted(f"--delete {a}" for a in holding_data(mall.world))


def test_a_destroy_of_production_keeps_data_whoever_is_named(mall: Terminal) -> None:
    mall.spec(allow_data_loss=False)
    shown = mall.run("destroy", "--yes", *allowing(holding_data(mall.world)))
    assert (shown.exit_code, mall.changed()) == (1, [])
    assert "This environment never allows that." in shown.stderr


def test_a_destroy_of_a_selection_is_in_reverse_and_recorded(mall: Terminal) -> None:
    """(O3)"""
    shown = mall.run("destroy", "network/subnets", "database", "--yes", "--delete", DATABASE)
    assert shown.exit_code == 0
    deleted = [line.split()[1] for line in shown.stdout.splitlines() if "deleted  " in line]
    assert deleted[0] == DATABASE
    assert deleted[-1] == "ec2.Subnet/public-a"
    assert len(deleted) == 5 + 8
    record = mall.record("destroy")
    assert record["failures"] == {}
    assert [outcome["resource"] for outcome in record["outcomes"]] == deleted


def test_a_destroy_of_what_others_need_names_them(mall: Terminal) -> None:
    shown = mall.run("destroy", "network/vpc", "--yes")
    assert shown.exit_code == 1
    assert "ec2.Vpc/main could not be deleted: " in shown.stderr
    assert "in need of it: network/subnets" in shown.stderr
    assert mall.record("destroy")["failures"] == {"destroy": "DestroyFailedError"}


def test_a_destroyed_environment_is_rebuilt_whole(mall: Terminal) -> None:
    """What AWS keeps for a while is listed; keys come back as the ones they were."""
    key = mall.world.aws.client("kms").describe_key(KeyId="alias/mall-dev-data")["KeyMetadata"]
    shown = mall.run("destroy", "--yes", *allowing(holding_data(mall.world)))
    assert shown.exit_code == 0
    assert mall.world.aws.client("s3").list_buckets()["Buckets"] == []
    _, _, left = shown.stdout.partition("AWS still lists")
    assert key["Arn"] in left
    assert ":snapshot:mall-dev-shop-final-" in left
    assert "vpc" not in left
    again = mall.run("destroy", "--yes")
    assert (again.exit_code, again.stdout) == (0, "Nothing was done.\n")

    assert mall.run("apply", "--yes").exit_code == 0
    assert mall.run("plan").exit_code == 0
    same = mall.world.aws.client("kms").describe_key(KeyId="alias/mall-dev-data")["KeyMetadata"]
    assert same["Arn"] == key["Arn"]


def test_a_destroy_does_not_depend_on_the_locks_bucket(mall: Terminal) -> None:
    """Somebody has deleted it by hand: the rest is destroyed all the same."""
    s3 = mall.world.aws.client("s3")
    for version in s3.list_object_versions(Bucket=STATE).get("Versions", []):
        s3.delete_object(Bucket=STATE, Key=version["Key"], VersionId=version["VersionId"])
    for marker in s3.list_object_versions(Bucket=STATE).get("DeleteMarkers", []):
        s3.delete_object(Bucket=STATE, Key=marker["Key"], VersionId=marker["VersionId"])
    s3.delete_bucket(Bucket=STATE)
    shown = mall.run("destroy", "network/flow_logs", "--yes")
    assert shown.exit_code == 0
    assert "deleted   ec2.FlowLog/main\n" in shown.stdout


@pytest.mark.parametrize("number", [0, 3, 10, 40, 75])
def test_what_a_crashed_apply_has_made_is_destroyed_whole(empty: Terminal, number: int) -> None:
    """Whatever there is by then; what holds data and is there must be named as ever."""
    before = inventory(empty.world)
    with pytest.raises(CrashError):
        empty.run("apply", "--yes", after=crash, at=lambda call, at: at == number)
    shown = empty.run("destroy", "--yes")
    named = [word for word in shown.stderr.split() if "/" in word and "." in word]
    if shown.exit_code:
        assert "goes only when it is named" in shown.stderr and empty.changed() == []
        shown = empty.run("destroy", "--yes", *allowing(named))
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert inventory(empty.world) == before
    assert empty.world.aws.client("s3").list_buckets()["Buckets"] == []
    assert empty.run("destroy", "--yes").stdout == "Nothing was done.\n"
    assert empty.run("apply", "--yes").exit_code == 0
    assert empty.run("plan").exit_code == 0


# ── import ───────────────────────────────────────────────────────────────────────────────────


def test_a_vpc_made_by_hand_is_adopted(empty: Terminal) -> None:
    """It gets the tags, is planned, and from then on is the declared one."""
    id = empty.world.aws.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    shown = empty.run("import", "network/vpc", id)
    assert shown.exit_code == 2
    assert "~ change in place ec2.Vpc/main\n" in shown.stdout
    assert "dns_hostnames: false → true\n" in shown.stdout
    assert vpc_of(empty.world)["VpcId"] == id
    assert empty.run("apply", "network/vpc", "--yes").exit_code == 0
    assert vpc_of(empty.world)["VpcId"] == id
    assert empty.record("import", STATE)["id"] == id


def test_a_bucket_made_by_hand_is_adopted(mall: Terminal) -> None:
    s3 = mall.world.aws.client("s3")
    s3.delete_bucket(Bucket=RAW)
    s3.create_bucket(
        Bucket=RAW,
        CreateBucketConfiguration={
            "LocationConstraint": "ap-northeast-1",
            "Tags": [{"Key": "owner", "Value": "somebody"}],
        },
    )
    s3.put_bucket_tagging(Bucket=RAW, Tagging={"TagSet": [{"Key": "owner", "Value": "somebody"}]})
    shown = mall.run("import", f"s3.Bucket/{RAW}", RAW)
    assert shown.exit_code == 2
    assert "tags:" not in shown.stdout
    found = s3.get_bucket_tagging(Bucket=RAW)["TagSet"]
    tags = {tag["Key"]: tag["Value"] for tag in found}
    assert (tags["owner"], tags["mall:asset"]) == ("somebody", "storage/raw_bucket")
    assert mall.run("apply", "--yes").exit_code == 0
    assert mall.run("import", f"s3.Bucket/{RAW}", RAW).exit_code == 0


def test_an_object_is_adopted_into_what_a_crashed_apply_has_made(empty: Terminal) -> None:
    """A subnet made by hand in the VPC that the apply got to; the next makes the rest."""
    with pytest.raises(CrashError):
        empty.run(
            *("apply", "network/vpc", "network/subnets", "--yes"),
            after=crash,
            at=lambda call, _: call.operation == "CreateSubnet",
        )
    empty.world.wire.clear()
    ec2, vpc = empty.world.aws.client("ec2"), vpc_of(empty.world)["VpcId"]
    web_c = next(r for r in empty.world.resources() if r.address == "ec2.Subnet/web-c")
    wanted = web_c.wanted()
    made = ec2.create_subnet(VpcId=vpc, CidrBlock=wanted["cidr"], AvailabilityZone=wanted["zone"])
    shown = empty.run("import", "ec2.Subnet/web-c", made["Subnet"]["SubnetId"])
    assert (shown.exit_code, shown.stderr) == (2, "")
    assert "ec2.Subnet/web-c" not in shown.stdout
    assert empty.run("import", "network/vpc", vpc).exit_code in (0, 2)
    assert empty.run("apply", "network/vpc", "network/subnets", "--yes").exit_code == 0
    assert empty.run("plan", "network/vpc", "network/subnets").exit_code == 0
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    assert len(subnets) == len([r for r in empty.world.resources() if r.kind() == "ec2.Subnet"])


@pytest.mark.parametrize(
    ("address", "id", "said"),
    [
        ("ec2.Vpc/main", "vpc-0123456789abcdef0", "exists already"),
        ("ec2.Subnet/web-a", "subnet-0123456789abcdef0", "exists already"),
    ],
)
def test_what_can_not_be_adopted_is_refused(
    mall: Terminal, address: str, id: str, said: str
) -> None:
    shown = mall.run("import", address, id)
    assert shown.exit_code == 1
    assert said in shown.stderr


@pytest.mark.parametrize(
    ("address", "id"),
    [
        ("network/vpc", "vpc-0123456789abcdef0"),
        (f"s3.Bucket/{RAW}", RAW),
        (f"s3.Bucket/{RAW}", "another-bucket"),
    ],
)
def test_what_is_not_there_is_not_adopted(empty: Terminal, address: str, id: str) -> None:
    shown = empty.run("import", address, id)
    assert shown.exit_code == 1
    assert id in shown.stderr
    assert empty.run("plan", "network/vpc", "storage/raw_bucket").stdout.count("create s3.B") == 1
