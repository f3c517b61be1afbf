"""Keys, roles, the web application firewall and the audit trail (N3, N5, B4)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.audit.account import ACCOUNT_ID, TIERS, Account, as_list, statements

KEYS = ("data", "raw", "backup", "alerts")
PRINCIPALS = {
    "web": "ec2",
    "was": "ec2",
    "firehose": "firehose",
    "crawler": "glue",
    "snapshot-export": "export.rds",
    "web-pipeline": "codepipeline",
    "was-pipeline": "codepipeline",
    "web-build": "codebuild",
    "was-build": "codebuild",
    "web-trigger": "events",
    "was-trigger": "events",
    "web-deploy": "codedeploy",
    "was-deploy": "codedeploy",
    "notifier": "lambda",
    "data": "ecs-tasks",
}
MANAGED_GROUPS = {
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
    "AWSManagedRulesSQLiRuleSet",
    "AWSManagedRulesAmazonIpReputationList",
}
ESCALATING = ("iam:", "sts:", "organizations:")


def role(account: Account, name: str) -> dict[str, Any]:
    return account.read("iam", "get_role", RoleName=account.named(name))["Role"]


def allowed(account: Account, name: str) -> list[dict[str, Any]]:
    """Every statement of a role's policies: its own ones, and those it shares."""
    full = account.named(name)
    inline = account.read("iam", "list_role_policies", RoleName=full)["PolicyNames"]
    found = [
        account.read("iam", "get_role_policy", RoleName=full, PolicyName=policy)["PolicyDocument"]
        for policy in inline
    ]
    attached = account.read("iam", "list_attached_role_policies", RoleName=full)
    found += [managed_policy(account, p["PolicyArn"]) for p in attached["AttachedPolicies"]]
    return [statement for document in found for statement in statements(document)]


def managed_policy(account: Account, arn: str) -> dict[str, Any]:
    version = account.read("iam", "get_policy", PolicyArn=arn)["Policy"]["DefaultVersionId"]
    answer = account.read("iam", "get_policy_version", PolicyArn=arn, VersionId=version)
    return answer["PolicyVersion"]["Document"]


def actions(account: Account, name: str) -> set[str]:
    return {action for s in allowed(account, name) for action in as_list(s["Action"])}


@pytest.mark.parametrize("name", KEYS)
def test_each_kind_of_data_has_a_key_that_rotates(account: Account, name: str) -> None:
    key = account.read("kms", "describe_key", KeyId=account.key(name))["KeyMetadata"]
    assert (key["KeyManager"], key["KeyState"]) == ("CUSTOMER", "Enabled")
    assert account.read("kms", "get_key_rotation_status", KeyId=key["Arn"])["KeyRotationEnabled"]


def test_the_keys_are_four(account: Account) -> None:
    assert len({account.key(name) for name in KEYS}) == len(KEYS)


@pytest.mark.parametrize("name", KEYS)
def test_a_key_serves_nobody_outside_the_account(account: Account, name: str) -> None:
    """The account by its IAM; services only on its behalf; CloudWatch only where alarms go."""
    answer = account.read("kms", "get_key_policy", KeyId=account.key(name), PolicyName="default")
    services = set()
    for statement in statements(answer["Policy"]):
        principal = statement["Principal"]
        if "Service" in principal:
            services.add(principal["Service"])
            assert statement["Condition"]["StringEquals"]["aws:SourceAccount"] == ACCOUNT_ID
        else:
            assert principal == {"AWS": f"arn:aws:iam::{ACCOUNT_ID}:root"}
    assert ("cloudwatch.amazonaws.com" in services) == (name == "alerts")


@pytest.mark.parametrize(("name", "service"), PRINCIPALS.items())
def test_a_principal_has_a_role_that_only_its_service_assumes(
    account: Account, name: str, service: str
) -> None:
    """(N3, C1, M1)"""
    (statement,) = statements(role(account, name)["AssumeRolePolicyDocument"])
    assert statement["Principal"] == {"Service": f"{service}.amazonaws.com"}
    assert statement["Action"] == "sts:AssumeRole"


@pytest.mark.parametrize("name", PRINCIPALS)
def test_a_role_may_do_no_more_than_it_says(account: Account, name: str) -> None:
    """(N3) No `*` action, nothing on permissions, no policy of AWS's own, and a boundary."""
    assert allowed(account, name), "a role without any policy serves nobody"
    for statement in allowed(account, name):
        assert statement["Effect"] == "Allow"
        for action in as_list(statement["Action"]):
            assert "*" not in action
            assert not action.startswith(ESCALATING)
    assert "PermissionsBoundary" in role(account, name)


@pytest.mark.parametrize("name", PRINCIPALS)
def test_the_boundary_lets_a_role_do_its_work(account: Account, name: str) -> None:
    """(N3) And hands out no permissions, whatever is put on a role by hand."""
    boundary = role(account, name)["PermissionsBoundary"]["PermissionsBoundaryArn"]
    within = {
        action
        for statement in statements(managed_policy(account, boundary))
        if statement["Effect"] == "Allow"
        for action in as_list(statement["Action"])
    }
    assert actions(account, name) <= within
    assert not [action for action in within if action.startswith(ESCALATING) or "*" in action]


@pytest.mark.parametrize("tier", TIERS)
def test_shells_on_servers_are_by_session_manager(account: Account, tier: str) -> None:
    """(N3) Nobody gets in by a key pair, since the template has none, or by an open port 22."""
    assert {
        "ssm:UpdateInstanceInformation",
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
    } <= actions(account, tier)
    found = account.read("iam", "get_instance_profile", InstanceProfileName=account.named(tier))[
        "InstanceProfile"
    ]
    assert [r["RoleName"] for r in found["Roles"]] == [account.named(tier)]


def test_the_application_reaches_its_secrets_and_the_click_stream(account: Account) -> None:
    """(S2, E3) And the web tier neither."""
    theirs = {"secretsmanager:GetSecretValue", "firehose:PutRecordBatch"}
    assert theirs <= actions(account, "was")
    assert not theirs & actions(account, "web")


# ── the role that applies infrastructure ─────────────────────────────────────────────────────


def boundary(account: Account, name: str) -> list[dict[str, Any]]:
    arn = role(account, name)["PermissionsBoundary"]["PermissionsBoundaryArn"]
    return statements(managed_policy(account, arn))


def test_applying_infrastructure_has_a_role_of_its_own(account: Account) -> None:
    """(N3) Assumed by the platform's tasks, bounded, without `*` actions; it can make what the
    network begins with."""
    (statement,) = statements(role(account, "apply")["AssumeRolePolicyDocument"])
    assert statement["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
    found = actions(account, "apply")
    assert {"ec2:CreateVpc", "iam:CreateRole", "rds:CreateDBInstance"} <= found
    assert not [action for action in found if action.endswith(":*") or action == "*"]


def test_roles_are_made_within_a_boundary_only(account: Account) -> None:
    """(N3) So no role that an apply makes can do more than the platform knows."""
    making = [
        statement
        for statement in allowed(account, "apply")
        if {"iam:CreateRole", "iam:PutRolePolicy"} & set(as_list(statement["Action"]))
    ]
    assert making
    servers = role(account, "web")["PermissionsBoundary"]["PermissionsBoundaryArn"]
    for statement in making:
        conditions = json.dumps(statement["Condition"])
        assert "iam:PermissionsBoundary" in conditions and servers in conditions
        assert all(
            r.startswith(f"arn:aws:iam::{ACCOUNT_ID}:role/{account.named('')}")
            for r in as_list(statement["Resource"])
        )


def test_an_apply_can_not_widen_itself(account: Account) -> None:
    """(N3) Its boundary denies every call on its own role, whatever its policies come to say."""
    own = role(account, "apply")["Arn"]
    denied = [
        statement
        for statement in boundary(account, "apply")
        if statement["Effect"] == "Deny"
        and as_list(statement["Action"]) == ["iam:*"]
        and own in as_list(statement["Resource"])
        and "Condition" not in statement
    ]
    assert len(denied) == 1


def test_an_apply_reads_no_data_and_unlocks_no_backup(account: Account) -> None:
    """(E1, B4)"""
    denied = {
        (action, resource)
        for statement in boundary(account, "apply")
        if statement["Effect"] == "Deny"
        for action in as_list(statement["Action"])
        for resource in as_list(statement.get("Resource", []))
    }
    for purpose in ("lake", "raw", "drop", "backup"):
        assert ("s3:GetObject", f"arn:aws:s3:::{account.bucket(purpose)}/*") in denied
    assert ("s3:BypassGovernanceRetention", "*") in denied


# ── the firewall ─────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def acl(account: Account) -> dict[str, Any]:
    """The web ACL that stands before the public load balancer."""
    arn = account.load_balancer("web")["LoadBalancerArn"]
    return account.read("wafv2", "get_web_acl_for_resource", ResourceArn=arn)["WebACL"]


def test_the_firewall_has_awss_managed_groups(acl: dict[str, Any]) -> None:
    """(N5) Common attacks, known bad inputs, SQL injection, IP reputation: they block."""
    groups = {
        rule["Statement"]["ManagedRuleGroupStatement"]["Name"]: rule["OverrideAction"]
        for rule in acl["Rules"]
        if "ManagedRuleGroupStatement" in rule["Statement"]
    }
    assert set(groups) == MANAGED_GROUPS
    assert all(override == {"None": {}} for override in groups.values())


def test_the_firewall_blocks_floods_from_one_address(acl: dict[str, Any]) -> None:
    """(N5)"""
    (rule,) = [r for r in acl["Rules"] if "RateBasedStatement" in r["Statement"]]
    assert rule["Statement"]["RateBasedStatement"]["AggregateKeyType"] == "IP"
    assert list(rule["Action"]) == ["Block"]


def test_the_firewall_lets_everything_else_pass_and_counts(acl: dict[str, Any]) -> None:
    """(N5, M2)"""
    assert list(acl["DefaultAction"]) == ["Allow"]
    watched = [acl, *acl["Rules"]]
    assert all(each["VisibilityConfig"]["CloudWatchMetricsEnabled"] for each in watched)


def test_the_firewall_logs(account: Account, acl: dict[str, Any]) -> None:
    """(N5, M2) To a group that is there, by the name that WAF asks for, and doesn't grow for
    ever."""
    answer = account.read("wafv2", "get_logging_configuration", ResourceArn=acl["ARN"])
    (destination,) = answer["LoggingConfiguration"]["LogDestinationConfigs"]
    name = destination.split(":log-group:")[1].removesuffix(":*")
    assert name.startswith("aws-waf-logs-")
    assert account.log_days(name) == 90


def test_no_log_is_kept_for_ever(account: Account) -> None:
    """(B5) Whatever wrote it, it's gone after 90 days."""
    groups = account.read("logs", "describe_log_groups")["logGroups"]
    assert {group.get("retentionInDays") for group in groups} == {90}


# ── the audit trail ──────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def trail(account: Account) -> dict[str, Any]:
    (found,) = account.read("cloudtrail", "describe_trails")["trailList"]
    return found


def test_every_call_in_the_account_is_recorded(account: Account, trail: dict[str, Any]) -> None:
    """(B4, O5) In all regions, with digests that show tampering, in the log bucket."""
    assert account.read("cloudtrail", "get_trail_status", Name=trail["TrailARN"])["IsLogging"]
    assert trail["S3BucketName"] == account.bucket("log")
    assert trail["IsMultiRegionTrail"] and trail["IncludeGlobalServiceEvents"]
    assert trail["LogFileValidationEnabled"]


def test_access_to_backups_and_personal_data_is_recorded(
    account: Account, trail: dict[str, Any]
) -> None:
    """(B4)"""
    found = account.read("cloudtrail", "get_event_selectors", TrailName=trail["TrailARN"])
    (selector,) = found["EventSelectors"]
    assert (selector["ReadWriteType"], selector["IncludeManagementEvents"]) == ("All", True)
    watched = {
        value
        for resource in selector["DataResources"]
        if resource["Type"] == "AWS::S3::Object"
        for value in resource["Values"]
    }
    assert watched >= {f"arn:aws:s3:::{account.bucket(p)}/" for p in ("backup", "raw", "drop")}
