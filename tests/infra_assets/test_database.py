"""What of the shop's database can't be set right, what is in force at once, and what RDS does by
itself (D1)."""

from __future__ import annotations

from typing import Any

import pytest

from infra_assets.reconcile import ImpossibleError
from tests.infra_assets.test_replacing import DATABASE, declaring
from tests.infra_assets.world import SPEC, World

NAME = SPEC.names.shop_database
GROUP = f"rds.ParameterGroup/{NAME}"


def modify(world: World, **parameters: Any) -> None:
    world.aws.client("rds").modify_db_instance(
        DBInstanceIdentifier=NAME, ApplyImmediately=True, **parameters
    )


def parameters(world: World) -> dict[str, tuple[str, str]]:
    """What the parameter group sets, and when it takes effect."""
    found = world.aws.client("rds").describe_db_parameters(DBParameterGroupName=NAME, Source="user")
    return {
        each["ParameterName"]: (each["ParameterValue"], each["ApplyMethod"])
        for each in found["Parameters"]
    }


def test_a_minor_version_that_rds_moved_to_is_no_drift(complete: World) -> None:
    modify(complete, EngineVersion="8.4.9")
    assert complete.engine().plan().changes == []


def test_an_earlier_version_is_refused(complete: World) -> None:
    """Whether a person upgraded the database or an earlier one was declared."""
    engine = declaring(complete.engine(), DATABASE, version="8.0")
    [step] = engine.plan().refused
    assert [change.attribute for change in step.changes] == ["version"]
    assert "no database back to an earlier version than its 8.4" in step.refused
    modify(complete, EngineVersion="9.1.0")
    [step] = complete.engine().plan().refused
    assert "than its 9.1.0" in step.refused


def test_a_later_version_is_asked_for_as_such(complete: World) -> None:
    """RDS wants to hear that a major one is meant."""
    declaring(complete.engine(), DATABASE, version="9.1").apply(["database"])
    [call] = [c for c in complete.wire.mutations() if c.operation == "ModifyDBInstance"]
    assert call.parameters["body"]["EngineVersion"] == "9.1"
    assert call.parameters["body"]["AllowMajorVersionUpgrade"] == "true"


def test_less_storage_is_refused_before_anything_is_changed(complete: World) -> None:
    modify(complete, AllocatedStorage=50)
    complete.wire.clear()
    [step] = complete.engine().plan().refused
    assert [change.attribute for change in step.changes] == ["storage_gb"]
    assert "which has 50 GiB. Declare as much" in step.refused
    with pytest.raises(ImpossibleError, match=NAME):
        complete.engine().apply()
    assert complete.wire.mutations() == []
    assert complete.engine(database_storage_gb=50).plan().changes == []


def test_a_smaller_database_may_take_the_place_of_another(complete: World) -> None:
    modify(complete, AllocatedStorage=50)
    engine = declaring(complete.engine(), DATABASE, database="another")
    steps = {step.resource.address: step for step in engine.plan().steps}
    assert (steps[DATABASE].action, steps[DATABASE].refused) == ("replace", "")


def test_a_password_kept_under_another_key_is_set_right_once_rds_lets_go_of_it(
    complete: World,
) -> None:
    other = complete.aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    unmanaged = {"ManageMasterUserPassword": False, "MasterUserPassword": "by-hand-0"}
    modify(complete, **unmanaged)
    modify(complete, ManageMasterUserPassword=True, MasterUserSecretKmsKeyId=other)
    [step] = complete.engine().plan().refused
    assert [change.attribute for change in step.changes] == ["password_secret"]
    assert f"under {other}" in step.refused
    modify(complete, **unmanaged)
    complete.engine().apply()
    assert complete.engine().plan().changes == []


def test_parameters_that_need_no_reboot_are_in_force_at_once(complete: World) -> None:
    assert parameters(complete)["require_secure_transport"] == ("1", "immediate")
    wanted = {"require_secure_transport": "1", "ft_min_word_len": "2"}
    declaring(complete.engine(), GROUP, parameters=wanted).apply(["database"])
    assert parameters(complete) == {
        "require_secure_transport": ("1", "immediate"),
        "ft_min_word_len": ("2", "pending-reboot"),
    }
