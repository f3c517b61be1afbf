"""What a spec may say: a size that AWS would refuse is refused first, by the name of its field."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from infra_assets.spec import Servers, platform_spec
from resources.settings import Settings
from tests.infra_assets.world import ACCOUNT

WRONG: dict[str, tuple[str, Any]] = {
    "no network": ("vpc_cidr", "everything"),
    "a network with a server's address": ("vpc_cidr", "10.0.0.5/16"),
    "a network too small for its subnets": ("vpc_cidr", "10.0.0.0/20"),
    "a network larger than AWS has": ("vpc_cidr", "10.0.0.0/8"),
    "one zone": ("zones", ["ap-northeast-1a"]),
    "one zone twice": ("zones", ["ap-northeast-1a", "ap-northeast-1a"]),
    "another region's zones": ("zones", ["us-east-1a", "us-east-1b"]),
    "no domain": ("domain", ""),
    "a domain as Route 53 doesn't write it": ("domain", "Mall.Example"),
    "no owner": ("owner", ""),
    "a tag that AWS doesn't take": ("cost_centre", "<mall>"),
    "a processor that the image isn't for": ("web_servers", {"instance_type": "m7i.large"}),
    "fewer servers at most than at least": ("was_servers", {"at_least": 5, "at_most": 3}),
    "no port": ("was_servers", {"port": 0}),
    "a server class as the database's": ("database_class", "t4g.micro"),
    "less storage than RDS has": ("database_storage_gb", 5),
}


@pytest.mark.parametrize(("field", "value"), WRONG.values(), ids=WRONG)
def test_a_value_that_aws_would_refuse_names_its_field(field: str, value: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        platform_spec(Settings(env="dev", spec={field: value}), ACCOUNT)
    assert {error["loc"][0] for error in refused.value.errors()} == {field}


def test_owners_may_be_written_in_japanese() -> None:
    spec = platform_spec(Settings(env="dev", spec={"owner": "データ基盤"}), ACCOUNT)
    assert spec.owner == "データ基盤"


def test_one_size_of_a_tier_leaves_its_others() -> None:
    """More servers in production are no smaller ones."""
    usual = platform_spec(Settings(env="prod"), ACCOUNT)
    more = platform_spec(Settings(env="prod", spec={"web_servers": {"at_most": 20}}), ACCOUNT)
    assert more.web_servers == usual.web_servers.model_copy(update={"at_most": 20})
    assert more.was_servers == usual.was_servers != Servers()
