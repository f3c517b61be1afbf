"""The engine over the whole registry, in an account of this process."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from infra_assets.cloud import AmbiguousIdentityError
from infra_assets.engine import (
    NotAdoptedError,
    PlanOutdatedError,
    UnknownAssetError,
    UnknownOrphanError,
)
from infra_assets.lock import ApplyLock, LockHeldError
from infra_assets.plan import SavedPlan
from infra_assets.reconcile import DataLossRefusedError
from infra_assets.resource import NotAdoptableError, Setting
from infra_assets.run import ApplyFailedError
from resources.aws import MissingInfrastructureError
from tests.infra_assets.conftest import Built
from tests.infra_assets.world import DECLARED, SPEC, Call, CrashError, World, crash, one, refused

LOG = SPEC.bucket("log")
STATE = SPEC.bucket("state")


def put_objects(world: World, prefix: str) -> list[dict]:
    s3 = world.aws.client("s3")
    found = s3.list_objects_v2(Bucket=LOG, Prefix=prefix).get("Contents", [])
    return [json.loads(s3.get_object(Bucket=LOG, Key=o["Key"])["Body"].read()) for o in found]


def test_everything_is_made_in_one_apply_and_left_alone_by_the_next(world: World) -> None:
    """And who did what is recorded."""
    outcomes = world.engine().apply()
    assert [o.resource.address for o in outcomes] == [r.address for r in DECLARED]
    (record,) = put_objects(world, "infra-changes/")
    assert record["who"].startswith("arn:aws:")
    assert record["plan"]["totals"] == {"create": len(DECLARED)}
    assert [o["resource"] for o in record["outcomes"]] == [r.address for r in DECLARED]
    world.wire.clear()
    assert {o.result for o in world.engine().apply()} == {"unchanged"}
    assert world.wire.mutations() == []


class CancelledError(BaseException):
    """As Dagster's, when a run is cancelled: no Exception."""


def test_a_cancelled_apply_is_recorded(complete: World) -> None:
    """(O3)"""

    def cancel(outcome: object, done: int, total: int) -> None:
        raise CancelledError

    with pytest.raises(CancelledError):
        complete.engine(raw_click_days=30).apply(["storage/raw_bucket"], on_progress=cancel)
    (record,) = put_objects(complete, "infra-changes/")
    assert record["failures"] == {"apply": "CancelledError"}
    assert record["ended_at"] and record["plan"]["selection"] == ["storage/raw_bucket"]


@pytest.mark.parametrize("command", ["apply", "destroy", "import", "prune"])
def test_a_killed_change_has_left_its_record(complete: World, command: str) -> None:
    """(O3) At its first changing call of its own the record is there, without an end."""
    records = []

    def look(call: Call) -> None:
        complete.wire.clear()
        records.extend(put_objects(complete, "infra-changes/"))

    key = complete.found(one("kms.Key/raw"))
    kms = complete.aws.client("kms")
    if command == "import":
        kms.untag_resource(KeyId=key.id, TagKeys=list(key.attributes["tags"]))
    engine, only = complete.engine(owner="another-team"), ["network/flow_logs"]
    orphan_tags = {"mall:environment": "dev", "mall:resource": "sns.Topic/old"}
    if command == "prune":
        pairs = [{"Key": name, "Value": value} for name, value in orphan_tags.items()]
        complete.aws.client("sns").create_topic(Name="old", Tags=pairs)
    complete.wire.clear()
    complete.wire.strikes = lambda call, number: call.service != "s3"
    complete.wire.before = look
    match command:
        case "apply":
            engine.apply(only)
        case "destroy":
            engine.destroy(only)
        case "import":
            complete.engine().adopt("kms.Key/raw", key.id)
        case "prune":
            engine.prune(["sns.Topic/old"])
    (begun,) = records
    assert (begun["command"], begun["ended_at"]) == (command, None)
    assert begun["who"].startswith("arn:aws:") and "outcomes" not in begun
    (ended,) = put_objects(complete, "infra-changes/")
    assert ended == {**begun, "ended_at": ended["ended_at"], **outcome_of(ended)}
    assert ended["ended_at"]


def outcome_of(record: dict) -> dict:
    return {name: record[name] for name in ("outcomes", "failures")}


def test_a_plan_of_nothing_made_creates_everything_and_writes_nothing(world: World) -> None:
    plan = world.engine().plan()
    assert plan.totals == {"create": len(DECLARED)}
    assert world.wire.mutations() == []
    assert "<arn of kms.Key data>" in plan.as_json()


def test_a_plan_of_everything_made_reads_little_and_nothing_twice(complete: World) -> None:
    plan = complete.engine().plan()
    assert plan.totals == {"none": len(DECLARED)}
    assert plan.orphans == ()
    assert complete.wire.mutations() == []
    repeated = [c for c, n in Counter(map(str, complete.wire.reads())).items() if n > 1]
    assert repeated == []


def test_one_asset_alone_names_the_one_it_needs(world: World) -> None:
    with pytest.raises(ApplyFailedError) as caught:
        world.engine().apply(["storage/lake_bucket"])
    error = caught.value.failures["storage/lake_bucket"]
    assert isinstance(error, MissingInfrastructureError)
    assert error.asset == "infra/security/encryption_keys"


def test_an_asset_is_applied_alone_once_what_it_needs_is_there(world: World) -> None:
    for selection in (["security/encryption_keys"], ["storage/log_bucket"]):
        world.engine().apply(selection)
    outcomes = world.engine().apply(["storage/lake_bucket"])
    assert {o.resource.asset for o in outcomes} == {"storage/lake_bucket"}
    bucket = f"s3.Bucket/{SPEC.bucket('lake')}"
    assert (outcomes[0].resource.address, outcomes[0].result) == (bucket, "created")


def test_an_unknown_selection_is_refused(world: World) -> None:
    with pytest.raises(UnknownAssetError, match="storage/lak"):
        world.engine().plan(["storage/lak"])


def test_what_needs_a_failed_asset_is_not_tried_and_the_rest_is_made(world: World) -> None:
    world.wire.before = refused(403, "AccessDenied")
    world.wire.strikes = lambda call, number: call.service == "kms"
    with pytest.raises(ApplyFailedError) as caught:
        world.engine().apply()
    assert "security/encryption_keys" in caught.value.failures
    assert "storage/lake_bucket" in caught.value.skipped
    assert "storage/log_bucket" in {o.resource.asset for o in caught.value.outcomes}


def test_the_pseudonym_key_is_made_once_and_shown_nowhere(complete: World) -> None:
    """(E1) 64 random hexadecimal characters; no plan, record or outcome has them."""
    world, only = complete, ["security/encryption_keys"]
    name = SPEC.names.pseudonym_key_secret
    secrets = world.aws.client("secretsmanager")
    text = secrets.get_secret_value(SecretId=name)["SecretString"]
    assert len(bytes.fromhex(text)) == 32
    plan = world.engine(owner="another-team").plan(only)
    outcomes = world.engine(owner="another-team").apply(only)
    assert {o.result for o in outcomes if o.resource.tagged} == {"updated"}
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == text
    assert text not in plan.as_json()
    assert text not in json.dumps(put_objects(world, ""))


def test_a_changed_spec_updates_in_place(complete: World) -> None:
    plan = complete.engine(raw_click_days=30).plan()
    (step,) = plan.changes
    assert (step.resource.name, step.action) == (SPEC.bucket("raw"), "update")
    outcomes = complete.engine(raw_click_days=30).apply()
    assert Counter(o.result for o in outcomes)["updated"] == 1


def test_what_aws_cannot_change_is_replaced(complete: World) -> None:
    firehose = complete.aws.client("firehose")
    firehose.delete_delivery_stream(DeliveryStreamName=SPEC.names.click_stream)
    firehose.create_delivery_stream(
        DeliveryStreamName=SPEC.names.click_stream,
        ExtendedS3DestinationConfiguration={
            "RoleARN": "arn:aws:iam::123456789012:role/mall-dev-firehose",
            "BucketARN": f"arn:aws:s3:::{SPEC.bucket('raw')}",
        },
    )
    engine = complete.engine()
    (step,) = engine.plan().changes
    assert step.action == "replace"
    assert [c.attribute for c in step.changes if c.replaces] == ["partitioned_by"]
    outcomes = engine.apply()
    assert [o.result for o in outcomes if o.result != "unchanged"] == ["replaced"]
    assert engine.plan().changes == []


def replaced_database(world: World) -> str:
    """Makes the shop database differ in what AWS can't change; its address."""
    name = SPEC.names.shop_database
    rds = world.aws.client("rds")
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    rds.create_db_instance(
        DBInstanceIdentifier=name,
        DBName="other",
        Engine="mysql",
        DBInstanceClass="db.t4g.micro",
        AllocatedStorage=20,
        MasterUsername="mall_admin",
        ManageMasterUserPassword=True,
    )
    return f"rds.Instance/{name}"


def test_what_holds_data_is_replaced_only_when_named(complete: World) -> None:
    address = replaced_database(complete)
    engine = complete.engine()
    with pytest.raises(ApplyFailedError) as caught:
        engine.apply()
    assert isinstance(caught.value.failures["database/shop_database"], DataLossRefusedError)
    assert address in str(caught.value)
    engine.apply(named=[address])
    assert engine.plan().changes == []
    snapshots = complete.aws.client("rds").describe_db_snapshots(SnapshotType="manual")
    (final,) = snapshots["DBSnapshots"]
    assert final["DBSnapshotIdentifier"].startswith(f"{SPEC.names.shop_database}-final-")


def test_what_holds_data_is_never_replaced_where_the_spec_forbids_it(complete: World) -> None:
    address = replaced_database(complete)
    with pytest.raises(ApplyFailedError, match="never allows"):
        complete.engine(allow_data_loss=False).apply(named=[address])


def test_a_saved_plan_is_applied_exactly(complete: World, tmp_path: Path) -> None:
    engine = complete.engine(raw_click_days=30)
    file = tmp_path / "plan.json"
    file.write_text(engine.plan().as_json())
    engine.apply(saved=SavedPlan.load(file))
    assert engine.plan().changes == []


def test_a_saved_plan_is_refused_once_the_world_has_moved(complete: World, tmp_path: Path) -> None:
    engine = complete.engine(raw_click_days=30)
    file = tmp_path / "plan.json"
    file.write_text(engine.plan().as_json())
    complete.aws.client("s3").delete_bucket_policy(Bucket=SPEC.bucket("drop"))
    complete.wire.clear()
    with pytest.raises(PlanOutdatedError):
        engine.apply(saved=SavedPlan.load(file))
    assert complete.wire.mutations() == []


def test_a_file_that_is_no_plan_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text("{}")
    with pytest.raises(ValueError, match="not a saved plan"):
        SavedPlan.load(file)


def test_two_with_the_same_identity_are_named_both(complete: World) -> None:
    kms = complete.aws.client("kms")
    (tags,) = [
        tags["Tags"]
        for key in kms.list_keys()["Keys"]
        if (tags := kms.list_resource_tags(KeyId=key["KeyId"]))
        and {"TagKey": "mall:resource", "TagValue": "kms.Key/data"} in tags["Tags"]
    ]
    twin = kms.create_key(Tags=tags)["KeyMetadata"]["Arn"]
    with pytest.raises(AmbiguousIdentityError) as caught:
        complete.engine().plan()
    assert twin in str(caught.value)
    assert str(caught.value).count("arn:aws:kms") == 2


def test_two_applies_at_once_the_second_is_told(complete: World) -> None:
    with (
        ApplyLock(complete.aws, STATE, "hanako on ops-1"),
        pytest.raises(LockHeldError, match="hanako on ops-1"),
    ):
        complete.engine(raw_click_days=30).apply()


def test_a_crash_in_the_first_call_is_made_good_by_a_rerun(built: Built, world: World) -> None:
    """Before there is a lock. Later ones are in test_campaign_kill, as real kills."""
    world.wire.strike_at(0, after=crash)
    with pytest.raises(CrashError):
        world.engine().apply()
    world.wire.clear()
    world.engine().apply()
    assert world.sizes() == built.sizes
    assert world.engine().plan().changes == []


def test_something_tagged_that_nobody_declares_is_an_orphan(complete: World) -> None:
    name = SPEC.names.prefix + "-old"
    tags = [
        {"Key": "mall:environment", "Value": "dev"},
        {"Key": "mall:resource", "Value": f"sns.Topic/{name}"},
    ]
    arn = complete.aws.client("sns").create_topic(Name=name, Tags=tags)["TopicArn"]
    engine = complete.engine()
    (orphan,) = engine.plan().orphans
    assert (orphan.arn, orphan.address) == (arn, f"sns.Topic/{name}")
    with pytest.raises(UnknownOrphanError):
        engine.prune(["sns.Topic/another"])
    assert [o.result for o in engine.prune([arn])] == ["deleted"]
    assert engine.plan().orphans == ()


def test_what_aws_copies_our_tags_to_is_no_orphan(complete: World) -> None:
    complete.aws.client("rds").create_db_snapshot(
        DBInstanceIdentifier=SPEC.names.shop_database, DBSnapshotIdentifier="by-hand"
    )
    assert complete.engine().plan().orphans == ()


def test_destroy_refuses_what_holds_data_before_it_deletes_anything(complete: World) -> None:
    with pytest.raises(DataLossRefusedError):
        complete.engine().destroy()
    assert complete.wire.mutations() == []


def test_destroy_removes_what_is_named_in_reverse_order(complete: World) -> None:
    complete.aws.client("s3").put_object(Bucket=SPEC.bucket("raw"), Key="clicks/x", Body=b"x")
    engine = complete.engine()
    protected = [r.address for r in DECLARED if r.holds_data]
    outcomes = engine.destroy(named=protected)
    order = [o.resource.address for o in outcomes]
    whole = [r for r in reversed(DECLARED) if not isinstance(r, Setting)]
    assert order == [*(r.address for r in whole if r.name != STATE), f"s3.Bucket/{STATE}"]
    assert complete.aws.client("s3").list_buckets()["Buckets"] == []


def test_what_was_destroyed_is_made_again_with_the_same_keys(complete: World) -> None:
    """A key scheduled for deletion is brought back: what it encrypted stays readable."""
    engine = complete.engine()
    engine.destroy(named=[r.address for r in DECLARED if r.holds_data])
    keys = complete.aws.client("kms").list_keys()["Keys"]
    engine.apply()
    assert complete.aws.client("kms").list_keys()["Keys"] == keys
    assert engine.plan().changes == []


def test_destroy_of_one_asset_leaves_the_others(complete: World) -> None:
    engine = complete.engine()
    outcomes = engine.destroy(["network/flow_logs"])
    assert [o.resource.kind() for o in outcomes] == ["ec2.FlowLog"]
    assert engine.plan().totals == {"none": len(DECLARED) - 1, "create": 1}


def test_an_existing_object_is_adopted(complete: World) -> None:
    kms = complete.aws.client("kms")
    engine = complete.engine()
    live = next(s.live for s in engine.plan().steps if s.resource.address == "kms.Key/raw")
    kms.untag_resource(KeyId=live.id, TagKeys=list(live.attributes["tags"]))
    step = engine.adopt("kms.Key/raw", live.id)
    assert (step.action, step.live.id) == ("none", live.id)


def test_a_resource_that_exists_is_not_adopted_again(complete: World) -> None:
    other = complete.aws.client("kms").create_key()["KeyMetadata"]["KeyId"]
    with pytest.raises(NotAdoptedError):
        complete.engine().adopt("kms.Key/raw", other)


def test_an_asset_of_several_resources_cannot_be_adopted_as_one(complete: World) -> None:
    with pytest.raises(NotAdoptableError, match="must be one resource"):
        complete.engine().adopt("security/encryption_keys", "x")
