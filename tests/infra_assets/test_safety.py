"""Nobody gets in who shouldn't, and no principal may do more than it needs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra_assets import reconcile
from infra_assets.reconcile import Permission
from infra_assets.types.iam import Policy, Role
from tests.infra_assets.world import DECLARED, World

ANYWHERE = ("0.0.0.0/0", "::/0")
ROLES = [resource for resource in DECLARED if isinstance(resource, Role)]

ANY_RESOURCE = {
    "cloudwatch:PutMetricData": "CloudWatch knows no resource for it; a namespace limits it",
    "ssmmessages:CreateControlChannel": "Session Manager's channels have no ARN",
    "ssmmessages:CreateDataChannel": "Session Manager's channels have no ARN",
    "ssmmessages:OpenControlChannel": "Session Manager's channels have no ARN",
    "ssmmessages:OpenDataChannel": "Session Manager's channels have no ARN",
}
"""Writing actions for which AWS offers no narrower resource."""
READING = ("Describe", "Get", "List", "BatchGet")
ESCALATING = ("iam:", "sts:AssumeRole", "organizations:")


def groups(world: World) -> dict[str, dict[str, Any]]:
    found = world.aws.client("ec2").describe_security_groups()["SecurityGroups"]
    return {group["GroupName"].removeprefix("mall-dev-"): group for group in found}


def sources(group: dict[str, Any]) -> list[tuple[str, int | None]]:
    return [
        (peer.get("CidrIp") or peer.get("CidrIpv6") or peer["GroupId"], rule.get("FromPort"))
        for rule in group["IpPermissions"]
        for peer in [*rule["IpRanges"], *rule["Ipv6Ranges"], *rule["UserIdGroupPairs"]]
    ]


def test_only_the_public_load_balancer_takes_traffic_from_outside(complete: World) -> None:
    """(N3)"""
    open_to_all = {
        name: sorted(port for peer, port in sources(group) if peer in ANYWHERE)
        for name, group in groups(complete).items()
        if group["GroupName"].startswith("mall-dev-")
    }
    assert {name: ports for name, ports in open_to_all.items() if ports} == {
        "public-alb": [80, 443]
    }


def test_each_group_opens_only_to_the_one_before_it(complete: World) -> None:
    """(N3) By reference to the group, never by a range."""
    found = groups(complete)
    ids = {group["GroupId"]: name for name, group in found.items()}
    chain = {
        name: sorted(ids[peer] for peer, _ in sources(found[name]))
        for name in ("web", "internal-alb", "was", "db", "platform")
    }
    assert chain == {
        "web": ["public-alb"],
        "internal-alb": ["web"],
        "was": ["internal-alb"],
        "db": ["platform", "was"],
        "platform": [],
    }


def test_no_server_can_be_reached_from_the_internet(complete: World) -> None:
    """(N3) No route from the gateway, no public address; the database has no way out either."""
    ec2 = complete.aws.client("ec2")
    names = {
        subnet["SubnetId"]: tag["Value"]
        for subnet in ec2.describe_subnets()["Subnets"]
        for tag in subnet.get("Tags", ())
        if tag["Key"] == "Name" and not subnet["MapPublicIpOnLaunch"]
    }
    assert len(names) == 8
    ways = {
        names[association["SubnetId"]]: [
            (route.get("GatewayId") or route.get("NatGatewayId") or "?")[:4]
            for route in table["Routes"]
            if route.get("DestinationCidrBlock") == "0.0.0.0/0"
        ]
        for table in ec2.describe_route_tables()["RouteTables"]
        for association in table["Associations"]
        if association.get("SubnetId") in names
    }
    expected = {"public": ["igw-"], "web": ["nat-"], "was": ["nat-"], "db": []}
    assert ways == {f"{tier}-{z}": way for tier, way in expected.items() for z in "ac"}


def test_the_default_security_group_allows_nothing(complete: World) -> None:
    """(N3)"""
    ec2 = complete.aws.client("ec2")
    (vpc,) = ec2.describe_vpcs(Filters=[{"Name": "tag:mall:environment", "Values": ["dev"]}])[
        "Vpcs"
    ]
    (group,) = ec2.describe_security_groups(
        Filters=[
            {"Name": "vpc-id", "Values": [vpc["VpcId"]]},
            {"Name": "group-name", "Values": ["default"]},
        ]
    )["SecurityGroups"]
    assert (group["IpPermissions"], group["IpPermissionsEgress"]) == ([], [])


def allowed(role: Role) -> list[tuple[str, str]]:
    """Every action with every resource it is allowed on."""
    return [
        (action, str(resource))
        for document in role.policies.values()
        for statement in document["Statement"]
        if statement["Effect"] == "Allow"
        for action in statement["Action"]
        for resource in statement["Resource"]
    ]


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_role_may_do_no_more_than_it_says(role: Role) -> None:
    """No `*` action; `*` resources for reading only, or where AWS offers nothing narrower; no way
    to another role's powers."""
    for action, resource in allowed(role):
        service, _, verb = action.partition(":")
        assert "*" not in action, action
        assert not action.startswith(ESCALATING), action
        narrow = resource != "*" or verb.startswith(READING) or action in ANY_RESOURCE
        assert narrow, f"{action} on every {service} resource"
    assert role.managed == ()


def test_no_role_can_be_given_what_none_of_them_does() -> None:
    """(N3) The boundary of all roles has their actions, none on IAM, and fits into a policy."""
    (boundary,) = [resource for resource in DECLARED if isinstance(resource, Policy)]
    assert {role.boundary for role in ROLES} == {Policy.ref(boundary.name)}
    (statement,) = boundary.document["Statement"]
    needed = {action for role in ROLES for action, _ in allowed(role)}
    assert set(statement["Action"]) == needed
    assert not [action for action in statement["Action"] if action.startswith(ESCALATING)]
    assert len(json.dumps(boundary.document, separators=(",", ":"))) <= 6144


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_policy_linter_finds_nothing(role: Role) -> None:
    import parliament

    for name, document in role.policies.items():
        text = json.dumps(
            document, default=lambda ref: "arn:aws:kms:ap-northeast-1:123456789012:key/k"
        )
        findings = parliament.analyze_policy_string(text).findings
        assert [(name, str(finding)) for finding in findings] == []


def test_every_bucket_is_private_encrypted_and_tls_only(complete: World) -> None:
    s3 = complete.aws.client("s3")
    buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    assert len(buckets) == 7
    for bucket in buckets:
        block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        assert set(block.values()) == {True}
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
        policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
        assert any(
            statement["Effect"] == "Deny"
            and statement["Action"] == "s3:*"
            and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            for statement in policy["Statement"]
        )
        rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        assert any("NoncurrentVersionExpiration" in rule for rule in rules)
        if "-log-" not in bucket:
            assert s3.get_bucket_logging(Bucket=bucket)["LoggingEnabled"]


def test_backups_grow_colder_with_age_and_go_after_five_years(complete: World) -> None:
    """(B2)"""
    s3 = complete.aws.client("s3")
    rules = s3.get_bucket_lifecycle_configuration(Bucket="mall-dev-backup-123456789012")["Rules"]
    (colder,) = [rule for rule in rules if "Transitions" in rule]
    assert {t["StorageClass"]: t["Days"] for t in colder["Transitions"]} == {
        "STANDARD_IA": 30,
        "GLACIER": 90,
        "DEEP_ARCHIVE": 730,
    }
    assert "ObjectSizeGreaterThan" in colder["Filter"]
    (kept,) = [rule["Expiration"]["Days"] for rule in rules if "Days" in rule.get("Expiration", {})]
    assert 5 * 365 < kept <= 5 * 365 + 2


def test_a_backup_is_locked_until_its_time_is_over(complete: World) -> None:
    """(B3, B4) Production may choose that nobody can override it."""
    s3, bucket = complete.aws.client("s3"), "mall-dev-backup-123456789012"
    found = s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
    retention = found["Rule"]["DefaultRetention"]
    assert (found["ObjectLockEnabled"], retention["Mode"]) == ("Enabled", "GOVERNANCE")
    assert retention["Days"] > 5 * 365
    stricter = complete.engine(backup_lock="COMPLIANCE").plan(["storage/backup_bucket"])
    (step,) = stricter.changes
    assert (step.action, [change.attribute for change in step.changes]) == ("update", ["lock"])


def test_only_who_names_the_bucket_gets_rid_of_a_locked_backup(complete: World) -> None:
    """(B4)"""
    s3, bucket = complete.aws.client("s3"), "mall-dev-backup-123456789012"
    version = s3.put_object(Bucket=bucket, Key="2026/11/23/a", Body=b"a")["VersionId"]
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=bucket, Key="2026/11/23/a", VersionId=version)
    (resource,) = [r for r in DECLARED if r.address == f"s3.Bucket/{bucket}"]
    reconcile.delete(resource, complete.cloud(), Permission(frozenset({resource.address})))
    assert bucket not in {found["Name"] for found in s3.list_buckets()["Buckets"]}


def test_everything_is_asked_of_tokyo(complete: World) -> None:
    """(N1) Services that are everywhere have no region in their address."""
    complete.engine().plan()
    hosts = {call.parameters["url"].split("/")[2] for call in complete.wire.calls}
    everywhere = ("iam.amazonaws.com", "route53.amazonaws.com")
    assert [h for h in hosts if ".ap-northeast-1." not in h and h not in everywhere] == []
