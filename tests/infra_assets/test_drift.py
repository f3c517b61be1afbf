"""Whatever somebody changes by hand is seen and set right, for each attribute of every type."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from infra_assets.policies import allow, document, grant
from infra_assets.reconcile import Permission, delete, plan
from infra_assets.resource import Live, Resource
from infra_assets.types.wafv2 import visible_as
from tests.infra_assets.by_hand import id_of
from tests.infra_assets.world import SPEC, VARIANTS, World, comparable, one, said_by

UNCHANGEABLE = {
    ("ec2.DefaultGroup", "vpc"): "it is part of the identity",
    ("logs.LogStream", "group"): "it is part of the identity",
    ("glue.JsonTable", "database"): "it is part of the identity",
    ("wafv2.Logging", "acl"): "it is part of the identity",
    ("wafv2.Association", "load_balancer"): "it is part of the identity",
    ("sns.Subscription", "topic"): "it is part of the identity",
    ("sns.Subscription", "function"): "it is part of the identity",
    ("elbv2.Listener", "load_balancer"): "it is part of the identity",
    ("autoscaling.TargetTracking", "group"): "it is part of the identity",
    ("route53.Record", "values"): "an alias has none: see the private records",
    ("route53.Record", "ttl_s"): "an alias has none: see the private records",
    ("rds.Instance", "storage_gb"): "AWS takes none away: see test_database.py",
    ("codedeploy.DeploymentGroup", "application"): "it is part of the identity",
}


MAKES_MORE = {
    ("rds.Instance", "password_secret"): "RDS makes a new secret for the password",
    ("autoscaling.Group", "revision"): "a refresh starts servers, and ended ones are still listed",
}

Behind = Callable[[World, Live], Any]


def call(service: str, operation: str, **parameters: Any) -> Behind:
    return lambda world, live: getattr(world.aws.client(service), operation)(
        **{k: live.id if v == "<id>" else v for k, v in parameters.items()}
    )


def open_default_group(direction: str) -> Behind:
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}
    open = {**rule, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    operation = f"authorize_security_group_{direction}"
    return call("ec2", operation, GroupId="<id>", IpPermissions=[open])


def a_rule_besides(world: World, live: Live) -> None:
    world.aws.client("elbv2").create_rule(
        ListenerArn=live.arn,
        Priority=1,
        Conditions=[{"Field": "path-pattern", "Values": ["/admin"]}],
        Actions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}],
    )


def start_with_a_key(world: World, live: Live) -> None:
    ec2, template = world.aws.client("ec2"), {"LaunchTemplateId": live.id}
    (now,) = ec2.describe_launch_template_versions(**template, Versions=["$Default"])[
        "LaunchTemplateVersions"
    ]
    data = {**now["LaunchTemplateData"], "KeyName": "by-hand"}
    made = ec2.create_launch_template_version(**template, LaunchTemplateData=data)
    number = str(made["LaunchTemplateVersion"]["VersionNumber"])
    ec2.modify_launch_template(**template, DefaultVersion=number)


def ids_of(kind: str, *names: str) -> Callable[[World], list[str]]:
    return lambda world: [id_of(f"{kind}/{name}")(world) for name in names]


def another_web_acl(world: World) -> str:
    made = world.aws.client("wafv2").create_web_acl(
        Name="other",
        Scope="REGIONAL",
        DefaultAction={"Allow": {}},
        VisibilityConfig=visible_as("other"),
    )
    return made["Summary"]["ARN"]


def another_vpc(world: World) -> str:
    return world.aws.client("ec2").create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]


def another_subnet_group(world: World) -> str:
    group = world.aws.client("rds").create_db_subnet_group(
        DBSubnetGroupName="other",
        DBSubnetGroupDescription="other",
        SubnetIds=ids_of("ec2.Subnet", "was-a", "was-c")(world),
    )
    return group["DBSubnetGroup"]["DBSubnetGroupName"]


def another_log_bucket(world: World) -> str:
    s3 = world.aws.client("s3")
    s3.create_bucket(
        Bucket="other-log", CreateBucketConfiguration={"LocationConstraint": SPEC.region}
    )
    logs = grant("Logs", "logging.s3.amazonaws.com", ["s3:PutObject"], "arn:aws:s3:::other-log/*")
    s3.put_bucket_policy(Bucket="other-log", Policy=json.dumps(document(logs)))
    return "other-log"


def another_certificate(world: World) -> str:
    made = world.aws.client("acm").request_certificate(DomainName="other.mall.example")
    return made["CertificateArn"]


def another_layer(world: World) -> list[str]:
    made = world.aws.client("lambda").publish_layer_version(
        LayerName="other", Content={"ZipFile": b"PK\5\6" + bytes(18)}
    )
    return [made["LayerVersionArn"]]


def another_target(world: World, live: Live) -> None:
    queue = world.found(one("sqs.Queue/mall-dev-notifier-dead-letters")).arn
    targets = [{"Id": "other", "Arn": queue}]
    world.aws.client("events").put_targets(Rule=live.id, Targets=targets)


def starting_by_the_clock(world: World, live: Live) -> None:
    """A rule that starts its target at certain times besides."""
    world.aws.client("events").put_rule(
        Name=live.id,
        Description=live.attributes["description"],
        EventPattern=json.dumps(live.attributes["pattern"]),
        ScheduleExpression="rate(5 minutes)",
    )


def weighted(world: World, live: Live) -> None:
    """A record that is there for a share of those who ask."""
    route53, zone = world.aws.client("route53"), live.attributes["zone"]
    (record,) = [
        record
        for record in route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
        if f"{record['Type']} {record['Name'].rstrip('.')}" == live.id
    ]
    changes = [
        {"Action": "DELETE", "ResourceRecordSet": record},
        {"Action": "CREATE", "ResourceRecordSet": {**record, "SetIdentifier": "a", "Weight": 1}},
    ]
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})


def delivering(**options: Any) -> Behind:
    """Options of Firehose's destination set to others."""
    return lambda world, live: world.aws.client("firehose").update_destination(
        DeliveryStreamName=live.id,
        CurrentDeliveryStreamVersionId=live.output("version"),
        DestinationId=live.output("destination"),
        ExtendedS3DestinationUpdate=options,
    )


def without_delimiter(world: World, live: Live) -> None:
    stream = world.aws.client("firehose").describe_delivery_stream(DeliveryStreamName=live.id)
    (destination,) = stream["DeliveryStreamDescription"]["Destinations"]
    processing = destination["ExtendedS3DestinationDescription"]["ProcessingConfiguration"]
    kept = [p for p in processing["Processors"] if p["Type"] != "AppendDelimiterToRecord"]
    delivering(ProcessingConfiguration={**processing, "Processors": kept})(world, live)


def logging_less(**left_out: Any) -> Behind:
    """What the firewall's log leaves out."""
    return lambda world, live: world.aws.client("wafv2").put_logging_configuration(
        LoggingConfiguration={
            "ResourceArn": live.attributes["acl"],
            "LogDestinationConfigs": [live.attributes["log_group"]],
            **left_out,
        }
    )


CHANGED_BEHIND: dict[tuple[str, str], Behind] = {
    ("kms.Rotation", "rotation"): call("kms", "disable_key_rotation", KeyId="<id>"),
    ("kms.Key", "state"): call("kms", "disable_key", KeyId="<id>"),
    ("ec2.Vpc", "other_ranges"): call(
        "ec2", "associate_vpc_cidr_block", VpcId="<id>", CidrBlock="10.9.0.0/16"
    ),
    ("ec2.DefaultGroup", "ingress"): open_default_group("ingress"),
    ("ec2.DefaultGroup", "egress"): open_default_group("egress"),
    ("ec2.LaunchTemplate", "others"): start_with_a_key,
    ("secretsmanager.GeneratedSecret", "scheduled_for_deletion"): call(
        "secretsmanager", "delete_secret", SecretId="<id>"
    ),
    ("lambda.Function", "code"): call(
        "lambda", "update_function_code", FunctionName="<id>", ZipFile=b"PK\5\6" + bytes(18)
    ),
    ("lambda.Function", "concurrency"): call(
        "lambda",
        "put_function_concurrency",
        FunctionName="<id>",
        ReservedConcurrentExecutions=1,
    ),
    ("lambda.Function", "invoked_by"): call(
        "lambda",
        "add_permission",
        FunctionName="<id>",
        StatementId="anybody",
        Action="lambda:InvokeFunction",
        Principal="*",
    ),
    ("events.Rule", "targets"): another_target,
    ("events.Rule", "schedule"): starting_by_the_clock,
    ("route53.Record", "variants"): weighted,
    ("route53.PrivateRecord", "variants"): weighted,
    ("cloudtrail.Trail", "insights"): call(
        "cloudtrail",
        "put_insight_selectors",
        TrailName="<id>",
        InsightSelectors=[{"InsightType": "ApiCallRateInsight"}],
    ),
    ("firehose.DeliveryStream", "processing"): without_delimiter,
    ("firehose.DeliveryStream", "stream_key"): call(
        "firehose", "stop_delivery_stream_encryption", DeliveryStreamName="<id>"
    ),
    ("firehose.DeliveryStream", "logging"): delivering(CloudWatchLoggingOptions={"Enabled": False}),
    ("wafv2.Logging", "redacted"): logging_less(RedactedFields=[{"QueryString": {}}]),
    ("wafv2.Logging", "filter"): logging_less(
        LoggingFilter={
            "DefaultBehavior": "DROP",
            "Filters": [
                {
                    "Behavior": "KEEP",
                    "Requirement": "MEETS_ANY",
                    "Conditions": [{"ActionCondition": {"Action": "BLOCK"}}],
                }
            ],
        }
    ),
    ("elbv2.Listener", "rules"): a_rule_besides,
    ("autoscaling.Group", "suspended"): call(
        "autoscaling",
        "suspend_processes",
        AutoScalingGroupName="<id>",
        ScalingProcesses=["HealthCheck", "Launch"],
    ),
    ("rds.Instance", "storage_grows"): call(
        "rds", "modify_db_instance", DBInstanceIdentifier="<id>", MaxAllocatedStorage=1000
    ),
    ("rds.Instance", "password_secret"): call(
        "rds",
        "modify_db_instance",
        DBInstanceIdentifier="<id>",
        ManageMasterUserPassword=False,
        MasterUserPassword="by-hand-0",
        ApplyImmediately=True,
    ),
}
"""How somebody changes what the type's own `update` can only set right."""

VALUES: dict[tuple[str, str], Any] = {
    ("ec2.InternetGateway", "vpc"): another_vpc,
    ("ec2.RouteTable", "routes"): {},
    ("ec2.RouteTable", "subnets"): [],
    ("ec2.SecurityGroup", "egress"): [],
    ("wafv2.WebAcl", "otherwise"): {"Block": {}},
    ("wafv2.Association", "acl"): another_web_acl,
    ("kms.Alias", "key"): id_of("kms.Key/alerts"),
    ("rds.SubnetGroup", "subnets"): ids_of("ec2.Subnet", "db-a", "db-c", "was-c"),
    ("rds.Instance", "subnet_group"): another_subnet_group,
    ("rds.Instance", "security_groups"): ids_of("ec2.SecurityGroup", "was"),
    ("iam.Role", "managed"): lambda world: [
        world.aws.client("iam").create_policy(
            PolicyName="other",
            PolicyDocument=json.dumps(document(allow(["s3:ListAllMyBuckets"], ["*"]))),
        )["Policy"]["Arn"]
    ],
    ("s3.Bucket", "encryption"): {"SSEAlgorithm": "aws:kms"},
    ("s3.Versioning", "status"): "Suspended",
    ("s3.Ownership", "ownership"): "BucketOwnerPreferred",
    ("s3.AccessLog", "bucket"): another_log_bucket,
    ("s3.AccessLog", "prefix"): "s3-access/lake/",
    ("s3.ObjectLock", "mode"): "COMPLIANCE",
    ("athena.WorkGroup", "state"): "DISABLED",
    ("athena.WorkGroup", "engine"): "AUTO",
    ("rds.Instance", "instance_class"): "db.t4g.large",
    ("rds.Instance", "backup_window"): "01:00-02:00",
    ("rds.Instance", "maintenance_window"): "mon:03:00-mon:04:00",
    ("rds.Instance", "version"): "8.0.40",
    ("rds.Instance", "storage_type"): "gp2",
    ("rds.Instance", "parameter_group"): lambda world: world.aws.client(
        "rds"
    ).create_db_parameter_group(
        DBParameterGroupName="other", DBParameterGroupFamily="mysql8.4", Description="other"
    )["DBParameterGroup"]["DBParameterGroupName"],
    ("rds.ParameterGroup", "parameters"): {"long_query_time": "9"},
    ("firehose.DeliveryStream", "compression"): "GZIP",
    ("firehose.DeliveryStream", "time_zone"): "Asia/Tokyo",
    ("firehose.DeliveryStream", "extension"): ".gz",
    ("glue.Crawler", "schema_changes"): {"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"},
    ("glue.Crawler", "schedule"): "cron(0 0 * * ? *)",
    ("logs.LogGroup", "retention_days"): 30,
    ("iam.InstanceProfile", "role"): "mall-dev-firehose",
    ("sqs.Queue", "retention_s"): 60,
    ("lambda.Function", "settings"): {
        "Handler": "other.handler",
        "Runtime": "python3.12",
        "Timeout": 9,
        "MemorySize": 512,
    },
    ("lambda.Function", "role"): lambda world: world.found(one("iam.Role/mall-dev-was")).arn,
    ("lambda.Function", "retries"): 1,
    ("lambda.Function", "event_age_s"): 60,
    ("lambda.Function", "destinations"): lambda world: {
        "OnFailure": world.found(one("sqs.Queue/mall-dev-notifier-dead-letters")).arn
    },
    ("lambda.Function", "layers"): another_layer,
    ("lambda.Function", "network"): lambda world: {
        "SubnetIds": ids_of("ec2.Subnet", "was-a")(world),
        "SecurityGroupIds": ids_of("ec2.SecurityGroup", "was")(world),
    },
    ("sns.Subscription", "filter"): {"severity": ["none"]},
    ("codebuild.Project", "variables"): [{"name": "TOKEN", "value": "x", "type": "PLAINTEXT"}],
    ("codebuild.Project", "more_sources"): [
        {"type": "S3", "location": "other/tools.zip", "sourceIdentifier": "tools"}
    ],
    ("elbv2.LoadBalancer", "subnets"): ids_of("ec2.Subnet", "db-a", "db-c"),
    ("elbv2.LoadBalancer", "security_groups"): ids_of("ec2.SecurityGroup", "web"),
    ("elbv2.TargetGroup", "settings"): {"deregistration_delay.timeout_seconds": "5"},
    ("elbv2.Listener", "certificate"): another_certificate,
    ("elbv2.Listener", "clients_certificates"): "passthrough",
    ("elbv2.Listener", "tls_policy"): "ELBSecurityPolicy-TLS13-1-3-2021-06",
    ("autoscaling.Group", "template"): lambda world: {
        "LaunchTemplateId": id_of("ec2.LaunchTemplate/mall-dev-was")(world),
        "Version": "1",
    },
    ("autoscaling.Group", "subnets"): ids_of("ec2.Subnet", "db-a", "db-c"),
    ("autoscaling.Group", "target_groups"): lambda world: [
        world.found(one("elbv2.TargetGroup/mall-dev-was")).arn
    ],
    ("cloudtrail.DataEvents", "selectors"): [
        {"ReadWriteType": "WriteOnly", "IncludeManagementEvents": False, "DataResources": []}
    ],
    ("cloudwatch.Alarm", "settings"): lambda world: {
        **one("cloudwatch.Alarm/mall-dev-web-cpu").wanted()["settings"],
        "Threshold": 99.0,
    },
}
"""Other values that AWS takes where a slight change of the wanted one isn't one."""


def other(value: Any) -> Any:
    """A value of the same sort, and another one."""
    match value:
        case {"mall:owner": _}:
            return {**value, "mall:owner": "somebody"}
        case bool():
            return not value
        case int():
            return value + 1
        case str():
            return f"{value}x"
        case {"Statement": [*statements]}:
            return {**value, "Statement": [*statements, {**statements[0], "Sid": "Other"}]}
        case dict():
            return {key: other(item) for key, item in value.items()}
        case [first, *_]:
            return [other(first)] if isinstance(first, str) else value[1:]
        case _:
            return ["other"]


each_variant = pytest.mark.parametrize("resource", VARIANTS, ids=lambda r: r.address)


def changeable(resource: Resource) -> list[str]:
    """The attributes that AWS lets somebody change, but for those that are another variant's."""
    same_type = [said_by(r) for r in VARIANTS if r.kind() == resource.kind()]
    others = frozenset().union(*same_type) - said_by(resource)
    return [
        name
        for name in [*resource.wanted(), *(["tags"] if resource.tagged else [])]
        if name not in resource.fixed | others and (resource.kind(), name) not in UNCHANGEABLE
    ]


def change_behind(world: World, resource: Resource, attribute: str) -> None:
    key, live = (resource.kind(), attribute), world.found(resource)
    if behind := CHANGED_BEHIND.get(key):
        behind(world, live)
        return
    cloud = world.cloud()
    wanted = dict(cloud.wanted(resource, now=True))
    value = VALUES[key] if key in VALUES else other(wanted[attribute])
    wanted[attribute] = value(world) if callable(value) else value
    resource.update(cloud, live, wanted, frozenset({attribute}))


def test_a_rule_goes_with_all_its_targets(repaired: World) -> None:
    """EventBridge refuses to delete a rule that still has one, whoever put it there."""
    rule = next(r for r in VARIANTS if r.kind() == "events.Rule")
    another_target(repaired, repaired.found(rule))
    assert delete(rule, repaired.cloud(), Permission()) is not None
    assert repaired.cloud().live(rule) is None
    assert repaired.apply(rule).result == "created"


def test_a_copy_of_the_clicks_is_ended_by_another_stream(complete: World) -> None:
    """AWS lets a stream's backup begin, and never end."""
    stream = one("firehose.DeliveryStream/mall-dev-clicks")
    delivering(S3BackupMode="Enabled")(complete, complete.found(stream))
    step = plan(stream, complete.cloud())
    assert (step.action, [c.attribute for c in step.changes]) == ("replace", ["backup"])
    assert complete.apply(stream).result == "replaced"
    assert plan(stream, complete.cloud()).action == "none"


@each_variant
def test_what_is_changed_behind_the_codes_back_is_seen_and_repaired(
    repaired: World, resource: Resource
) -> None:
    """Drift names exactly the attribute, and apply repairs it with nothing else touched."""
    wanted = comparable(resource, repaired.found(resource))
    for attribute in changeable(resource):
        change_behind(repaired, resource, attribute)
        step = plan(resource, repaired.cloud())
        assert [change.attribute for change in step.changes] == [attribute]
        sizes = repaired.sizes()
        assert repaired.apply(resource).result == "updated"
        assert comparable(resource, repaired.found(resource)) == wanted, attribute
        assert repaired.sizes() == sizes or (resource.kind(), attribute) in MAKES_MORE, attribute
