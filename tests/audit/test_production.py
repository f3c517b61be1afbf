"""What production has and the other environments don't: a spare of everything, and protection."""

from __future__ import annotations

import pytest

from tests.audit.account import TIERS, ZONES, Account
from tests.audit.test_network import nat_gateways, ways_out
from tests.audit.test_servers import attributes


def test_each_zone_has_its_own_way_out(production: Account) -> None:
    """(N2, S4) With an elastic IP of its own, in the zone's public subnet."""
    gateways = {nat["SubnetId"]: nat for nat in nat_gateways(production)}
    public = production.subnets("public")
    assert set(gateways) == set(public.values())
    addresses = {nat["NatGatewayAddresses"][0]["AllocationId"] for nat in gateways.values()}
    assert len(addresses) == 2
    for tier in TIERS:
        for zone in ZONES:
            (way,) = ways_out(production, production.subnets(tier)[zone])
            assert way == gateways[public[zone]]["NatGatewayId"], f"{tier} in {zone}"


def test_the_database_has_a_standby_and_is_protected(production: Account) -> None:
    """(D1, S4)"""
    database = production.database()
    assert (database["MultiAZ"], database["DeletionProtection"]) == (True, True)
    assert database["BackupRetentionPeriod"] == 35
    assert not database["DBInstanceClass"].startswith("db.t")


@pytest.mark.parametrize("tier", TIERS)
def test_load_balancers_are_protected(production: Account, tier: str) -> None:
    """(S1, S2)"""
    assert attributes(production, tier)["deletion_protection.enabled"] == "true"


def test_a_setting_lets_nobody_delete_backups(production: Account) -> None:
    """(B3, B4) Not even who may override the default lock."""
    answer = production.read(
        "s3", "get_object_lock_configuration", Bucket=production.bucket("backup")
    )
    retention = answer["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    assert retention["Mode"] == "COMPLIANCE"
