"""Nobody gets in who shouldn't, and no principal may do more than it needs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra_assets import reconcile
from infra_assets.reconcile import Permission
from infra_assets.resource import Ref
from infra_assets.types.iam import Policy, Role
from infra_assets.types.kms import Key
from tests.infra_assets.reachability import INTERNET, Reachability
from tests.infra_assets.world import DECLARED, SPEC, World

ANYWHERE = ("0.0.0.0/0", "::/0")
WAY_IN = (
    INTERNET,
    "web load balancer",
    "web servers",
    "was load balancer",
    "was servers",
    "database",
)
ROLES = [resource for resource in DECLARED if isinstance(resource, Role)]
POLICIES = {resource.name: resource for resource in DECLARED if isinstance(resource, Policy)}
KEYS = [resource.name for resource in DECLARED if isinstance(resource, Key)]
BOUNDARY, APPLY = SPEC.names.boundary, SPEC.names.apply_role

ANY_RESOURCE = {
    "acm:RequestCertificate": "the certificate has no ARN yet; its tag limits it",
    "cloudwatch:PutMetricData": "CloudWatch knows no resource for it; a namespace limits it",
    "elasticloadbalancing:SetWebAcl": "IAM knows no resource for it",
    "glue:CreateCrawler": "IAM knows no resource for it; its tag limits it",
    "kms:CreateKey": "the key has no ARN yet; its tag limits it",
    "logs:CreateLogDelivery": "IAM knows no resource for it",
    "logs:DeleteLogDelivery": "IAM knows no resource for it",
    "logs:PutResourcePolicy": "IAM knows no resource for it",
    "quicksight:CreateDataSource": "IAM knows no resource for it; its tag limits it",
    "route53:CreateHostedZone": "the zone has no ARN yet",
    "sns:SetSubscriptionAttributes": "IAM knows no resource for it",
    "sns:Unsubscribe": "IAM knows no resource for it",
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
    """(N3) Whatever route or group one looks at: the only way in leads from tier to tier."""
    network = Reachability(complete.aws)
    assert network.hosts.keys() == set(WAY_IN[1:])
    for number, host in enumerate(WAY_IN[1:], start=2):
        assert network.paths(host) == {WAY_IN[:number]}


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


def documents(role: Role) -> dict[str, Any]:
    """A role's own policies, and those that are attached to it."""
    attached = [POLICIES[ref.name] for ref in role.managed if isinstance(ref, Ref)]
    assert len(attached) == len(role.managed), "a policy that isn't ours"
    return {**role.policies, **{policy.name: policy.document for policy in attached}}


def allowed(role: Role) -> list[tuple[str, str]]:
    """Every action with every resource it is allowed on."""
    return [
        (action, str(resource))
        for document in documents(role).values()
        for statement in document["Statement"]
        if statement["Effect"] == "Allow"
        for action in statement["Action"]
        for resource in statement["Resource"]
    ]


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_role_may_do_no_more_than_it_says(role: Role) -> None:
    """No `*` action; `*` resources for reading only, or where AWS offers nothing narrower; no way
    to another role's powers, but for what applies infrastructure."""
    for action, resource in allowed(role):
        service, _, verb = action.partition(":")
        assert "*" not in action, action
        assert not action.startswith(ESCALATING) or role.name == APPLY, action
        narrow = resource != "*" or verb.startswith(READING) or action in ANY_RESOURCE
        assert narrow, f"{action} on every {service} resource"


def test_no_role_can_be_given_what_none_of_them_does() -> None:
    """(N3) The boundary of all roles has their actions, none on IAM; that of the role which makes
    roles is its own."""
    others = [role for role in ROLES if role.name != APPLY]
    assert {role.boundary for role in others} == {Policy.ref(BOUNDARY)}
    (statement,) = POLICIES[BOUNDARY].document["Statement"]
    needed = {action for role in others for action, _ in allowed(role)}
    assert set(statement["Action"]) == needed
    assert not [action for action in statement["Action"] if action.startswith(ESCALATING)]


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_role_fits_into_what_iam_takes(role: Role) -> None:
    """IAM counts no white space: 10,240 signs inline together, 6,144 a policy, ten of them."""
    assert sum(signs(policy) for policy in role.policies.values()) <= 10_240
    assert len(role.managed) <= 10


@pytest.mark.parametrize("policy", POLICIES.values(), ids=lambda policy: policy.name)
def test_a_policy_fits_into_what_iam_takes(policy: Policy) -> None:
    assert signs(policy.document) <= 6_144


def signs(document: Any) -> int:
    return len(written(document))


def written(document: Any) -> str:
    """The document as IAM gets it, with keys that have an ARN."""
    key = "arn:aws:kms:ap-northeast-1:123456789012:key/12345678-1234-1234-1234-123456789012"
    return json.dumps(document, separators=(",", ":"), default=lambda ref: key)


_THE_KEY = "in a key's policy it stands for the key"
ACCEPTED = {
    (BOUNDARY, "RESOURCE_STAR"): "a boundary gives nothing",
    (f"{APPLY}-boundary", "RESOURCE_STAR"): "a boundary gives nothing",
    (f"{APPLY}-data", "RESOURCE_POLICY_PRIVILEGE_ESCALATION"): (
        "the boundary denies to read objects, whatever a bucket's policy says"
    ),
    ("operator/data.json", "RESOURCE_POLICY_PRIVILEGE_ESCALATION"): (
        "who governs a bucket can open it: docs/security.md"
    ),
    **{(f"kms.Key/{name}", "RESOURCE_STAR"): _THE_KEY for name in KEYS},
    ("ec2.GatewayEndpoint/s3", "RESOURCE_STAR"): "packages and agents are read from AWS's buckets",
}
"""What the linter finds in a policy, and why it stays."""
SEVERAL_OBJECTS = {
    "athena:ListTagsForResource": "other things than workgroups have tags, too",
    "athena:TagResource": "other things than workgroups have tags, too",
    "ec2:RunInstances": "what is used and what is made are in a statement each",
    "elasticloadbalancing:DeleteListener": "listeners of network load balancers are others",
    "elasticloadbalancing:DeleteRule": "rules of network load balancers are others",
    "elasticloadbalancing:ModifyListener": "listeners of network load balancers are others",
    "kms:CreateAlias": "the key and the alias are in a statement each",
    "kms:DeleteAlias": "the key and the alias are in a statement each",
    "kms:UpdateAlias": "the key and the alias are in a statement each",
    "route53:ChangeTagsForResource": "health checks have tags, too",
    "s3:TagResource": "the linter doesn't know yet that buckets are tagged by it",
    "ssm:GetParameters": "the parameter is AWS's own, in no account",
}
"""Actions on several kinds of objects, of which the linter wants all in one statement."""


def linted(document: Any) -> list[Any]:
    """What a linter finds in a policy, but for actions on several kinds of objects."""
    import parliament

    return [
        finding
        for finding in parliament.analyze_policy_string(written(document)).findings
        if not (
            finding.issue == "RESOURCE_MISMATCH"
            and {each["action"] for each in finding.detail} <= SEVERAL_OBJECTS.keys()
        )
    ]


def within(value: Any) -> Iterator[dict[str, Any]]:
    """Every policy document in an attribute; a firewall's rules have statements, but no version."""
    match value:
        case {"Version": _, "Statement": _}:
            yield value
        case dict():
            for item in value.values():
                yield from within(item)
        case list() | tuple():
            for item in value:
                yield from within(item)


def all_documents() -> Iterator[tuple[str, Any]]:
    """Every policy that is declared, whatever it hangs on, and those that people work with.

    Who trusts whom says nothing of a resource, which the linter asks for: it is the role.
    """
    for resource in DECLARED:
        if isinstance(resource, Role):
            arn = f"arn:aws:iam::{SPEC.account_id}:role/{resource.name}"
            trusting = [{**each, "Resource": arn} for each in resource.trust["Statement"]]
            yield f"{resource.name} trusts", {**resource.trust, "Statement": trusting}
            yield from ((f"{resource.name} {name}", d) for name, d in resource.policies.items())
        elif isinstance(resource, Policy):
            yield resource.name, resource.document
        else:
            yield from ((resource.address, found) for found in within(resource.wanted()))
    deploy = Path(__file__).parents[2] / "deploy"
    for file in (*sorted(deploy.glob("operator/*.json")), deploy / "bootstrap-policy.json"):
        yield str(file.relative_to(deploy)), json.loads(file.read_text("utf-8"))


EVERY_DOCUMENT = [*all_documents()]


def test_every_sort_of_policy_is_linted() -> None:
    """Those of resources besides roles: a new sort must come through here, too."""
    names = {name.partition("/")[0] for name, _ in EVERY_DOCUMENT}
    assert {name for name in names if re.fullmatch(r"[a-z0-9]+[.]\w+", name)} == {
        "ec2.GatewayEndpoint",
        "kms.Key",
        "s3.Policy",
        "sns.Topic",
        "sqs.Queue",
    }
    assert {"operator", "bootstrap-policy.json", BOUNDARY} <= names


@pytest.mark.parametrize(("name", "document"), EVERY_DOCUMENT, ids=[n for n, _ in EVERY_DOCUMENT])
def test_a_policy_linter_finds_nothing(name: str, document: Any) -> None:
    """But for what is accepted above, with its reason."""
    assert [str(f) for f in linted(document) if (name, f.issue) not in ACCEPTED] == []


def test_nothing_is_accepted_that_is_not_found() -> None:
    names = {name for name, _ in ACCEPTED}
    found = {(n, f.issue) for n, document in EVERY_DOCUMENT if n in names for f in linted(document)}
    assert ACCEPTED.keys() - found == set()


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


WITHOUT_SIZE = ("broken-uploads", "delete-markers")
"""Rules for which S3 takes no size."""


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
    for rule in rules:
        assert ("ObjectSizeGreaterThan" in rule["Filter"]) == (rule["ID"] not in WITHOUT_SIZE)
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
    assert (step.action, [change.attribute for change in step.changes]) == ("update", ["mode"])


def test_only_who_names_the_bucket_gets_rid_of_a_locked_backup(complete: World) -> None:
    """(B4)"""
    s3, bucket = complete.aws.client("s3"), "mall-dev-backup-123456789012"
    version = s3.put_object(Bucket=bucket, Key="2026/11/23/a", Body=b"a")["VersionId"]
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=bucket, Key="2026/11/23/a", VersionId=version)
    (resource,) = [r for r in DECLARED if r.address == f"s3.Bucket/{bucket}"]
    reconcile.delete(resource, complete.cloud(), Permission(frozenset({resource.address})))
    assert bucket not in {found["Name"] for found in s3.list_buckets()["Buckets"]}
