"""What calls of AWS need of IAM, and whether policies give it.

A test records every call that boto3 makes (`recorded`), turns each into the actions and resources
that IAM is asked for (`needs`), and asks the policies of a role (`Rights`). Which action and which
resource belong to a call is AWS's Service Authorization Reference, in the tables below.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import pytest
from botocore.client import BaseClient

REGION, ACCOUNT = "ap-northeast-1", "123456789012"


@dataclass(frozen=True)
class ApiCall:
    """One call as boto3 got it."""

    service: str
    operation: str
    parameters: Mapping[str, Any]


@contextmanager
def recorded() -> Iterator[list[ApiCall]]:
    """Every call of this process's boto3 clients while the context is open."""
    calls: list[ApiCall] = []
    make = BaseClient._make_api_call

    def seen(self: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
        calls.append(ApiCall(self.meta.service_model.service_name, operation, parameters))
        return make(self, operation, parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", seen)
        yield calls


@dataclass(frozen=True)
class Need:
    """What IAM is asked for: an action on a resource, and what it knows of both."""

    action: str
    resource: str
    context: Mapping[str, str | Sequence[str]] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        return f"{self.action} on {self.resource}"


@dataclass(frozen=True)
class Rights:
    """A role's policies, and the boundary that they are within."""

    policies: Sequence[Mapping[str, Any]]
    boundary: Mapping[str, Any] | None = None

    def allow(self, need: Need) -> bool:
        bounds = [self.boundary] if self.boundary else []
        denied = any(_applies(s, need) for d in [*self.policies, *bounds] for s in _of(d, "Deny"))
        return not denied and all(
            any(_applies(statement, need) for d in documents for statement in _of(d, "Allow"))
            for documents in [self.policies, *([bounds] if bounds else [])]
        )


def _of(document: Mapping[str, Any], effect: str) -> list[Mapping[str, Any]]:
    return [statement for statement in document["Statement"] if statement["Effect"] == effect]


def _applies(statement: Mapping[str, Any], need: Need) -> bool:
    if not any(fnmatchcase(need.action.lower(), a.lower()) for a in _many(statement["Action"])):
        return False
    named = statement.get("NotResource") or statement["Resource"]
    on_it = any(_matches(need.resource, _arn(pattern)) for pattern in _many(named))
    return on_it != ("NotResource" in statement) and all(
        _holds(operator, key, _many(wanted), need)
        for operator, keys in statement.get("Condition", {}).items()
        for key, wanted in keys.items()
    )


def _arn(pattern: Any) -> str:
    """A reference to something without a name of its own stands for any of its kind."""
    return pattern if isinstance(pattern, str) else f"arn:aws:kms:{REGION}:{ACCOUNT}:key/*"


def _matches(value: str, pattern: str) -> bool:
    literal = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(literal, value) is not None


def _holds(operator: str, key: str, wanted: list[str], need: Need) -> bool:
    """Whether a condition holds; one on a key that the call doesn't have holds if it is negated."""
    everyone, _, comparison = operator.rpartition(":")
    present = _many(need.context.get(key, []))
    if comparison.startswith(("StringNot", "ArnNot")):
        return not any(_matches(value, w) for value in present for w in wanted)
    assert comparison in ("StringEquals", "StringLike", "ArnEquals", "ArnLike"), operator
    met = [any(_matches(value, w) for w in wanted) for value in present]
    return all(met) if everyone == "ForAllValues" else any(met)


def _many(value: Any) -> list[Any]:
    return [value] if isinstance(value, str) or not isinstance(value, Sequence) else [*value]


def arn(service: str, path: str, *, regional: bool = True) -> str:
    return f"arn:aws:{service}:{REGION if regional else ''}:{ACCOUNT}:{path}"


def _named(service: str, kind: str = "", *, regional: bool = True) -> Callable[[str], str]:
    return lambda name: (
        name if name.startswith("arn:") else arn(service, kind + name, regional=regional)
    )


PREFIXES = {"elbv2": "elasticloadbalancing", "resourcegroupstaggingapi": "tag"}
"""IAM's names of services that boto3 calls otherwise."""

_S3 = {
    "ListBuckets": "ListAllMyBuckets",
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "HeadObject": "GetObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "DeleteObjects": "DeleteObjectVersion",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
}


def action_of(service: str, operation: str) -> str:
    """IAM's name of what boto3 calls an operation of a service."""
    name = _S3.get(operation, operation) if service == "s3" else operation
    return f"{PREFIXES.get(service, service)}:{name}"


_RESOURCES: dict[str, dict[str, Callable[[str], str]]] = {
    "acm": {"CertificateArn": str},
    "athena": {
        "WorkGroup": _named("athena", "workgroup/"),
        "ResourceARN": str,
        "Name": _named("athena", "workgroup/"),
    },
    "autoscaling": {
        "AutoScalingGroupName": _named("autoscaling", "autoScalingGroup:id:autoScalingGroupName/"),
    },
    "cloudtrail": {
        "Name": _named("cloudtrail", "trail/"),
        "TrailName": _named("cloudtrail", "trail/"),
        "ResourceId": str,
        "ResourceIdList": str,
    },
    "cloudwatch": {
        "AlarmName": _named("cloudwatch", "alarm:"),
        "AlarmNames": _named("cloudwatch", "alarm:"),
        "DashboardName": _named("cloudwatch", "dashboard/", regional=False),
        "DashboardNames": _named("cloudwatch", "dashboard/", regional=False),
        "ResourceARN": str,
        "AlarmTypes": lambda _: arn("cloudwatch", "alarm:*"),
    },
    "codebuild": {
        "name": _named("codebuild", "project/"),
        "names": _named("codebuild", "project/"),
    },
    "codecommit": {"repositoryName": _named("codecommit"), "resourceArn": str},
    "codepipeline": {"name": _named("codepipeline"), "resourceArn": str},
    "events": {
        "Name": _named("events", "rule/"),
        "Rule": _named("events", "rule/"),
        "ResourceARN": str,
    },
    "firehose": {"DeliveryStreamName": _named("firehose", "deliverystream/")},
    "iam": {
        "InstanceProfileName": _named("iam", "instance-profile/", regional=False),
        "RoleName": _named("iam", "role/", regional=False),
        "PolicyName": _named("iam", "policy/", regional=False),
        "PolicyArn": str,
    },
    "lambda": {"FunctionName": _named("lambda", "function:"), "Resource": str},
    "logs": {"logGroupName": _named("logs", "log-group:"), "resourceArn": str},
    "quicksight": {"DataSourceId": _named("quicksight", "datasource/"), "ResourceArn": str},
    "rds": {
        "DBInstanceIdentifier": _named("rds", "db:"),
        "DBSubnetGroupName": _named("rds", "subgrp:"),
        "DBParameterGroupName": _named("rds", "pg:"),
        "ResourceName": str,
    },
    "secretsmanager": {
        "Name": lambda name: arn("secretsmanager", f"secret:{name}-AbCdEf"),
        "SecretId": lambda id: (
            id if id.startswith("arn:") else arn("secretsmanager", f"secret:{id}-AbCdEf")
        ),
    },
    "sns": {"TopicArn": str, "Name": _named("sns"), "ResourceArn": str},
    "sqs": {
        "QueueName": _named("sqs"),
        "QueueUrl": lambda url: arn("sqs", url.rsplit("/", 1)[1]),
    },
}
"""What a call is about, by the parameter that names it; the first that it has counts."""

_WITHOUT_RESOURCE = {
    "sns:GetSubscriptionAttributes",
    "sns:SetSubscriptionAttributes",
    "sns:Unsubscribe",
    "glue:CreateCrawler",
    "quicksight:CreateDataSource",
}
"""Actions for which IAM knows no resource although the call names one."""

_EC2_KINDS = {
    "vpc": "vpc",
    "vpc-cidr-assoc": "vpc",
    "subnet": "subnet",
    "igw": "internet-gateway",
    "eipalloc": "elastic-ip",
    "nat": "natgateway",
    "rtb": "route-table",
    "rtbassoc": "route-table",
    "sg": "security-group",
    "vpce": "vpc-endpoint",
    "fl": "vpc-flow-log",
    "lt": "launch-template",
}
_ID = re.compile(
    r"\b(vpce|vpc-cidr-assoc|vpc|subnet|igw|eipalloc|nat|rtbassoc|rtb|sg|fl|lt)-[0-9a-f]{8,}\b"
)

_TAGGING = {
    "acm": "AddTagsToCertificate",
    "autoscaling": "CreateOrUpdateTags",
    "cloudtrail": "AddTags",
    "elasticloadbalancing": "AddTags",
    "firehose": "TagDeliveryStream",
    "rds": "AddTagsToResource",
    "sqs": "TagQueue",
}
"""What creating a thing with tags needs besides, where it isn't TagResource."""
_TAGS_ALONG = {"codebuild", "ec2", "iam"}

PASSED_TO = {
    "codebuild": "codebuild.amazonaws.com",
    "codedeploy": "codedeploy.amazonaws.com",
    "codepipeline": "codepipeline.amazonaws.com",
    "events": "events.amazonaws.com",
    "firehose": "firehose.amazonaws.com",
    "glue": "glue.amazonaws.com",
    "lambda": "lambda.amazonaws.com",
    "quicksight": "quicksight.amazonaws.com",
}
_ROLE_ARN = re.compile(r"arn:aws:iam::\d+:role/[\w-]+")


def needs(call: ApiCall, tags_of: Mapping[str, Mapping[str, str]]) -> list[Need]:
    """What IAM is asked for by a call; `tags_of` are the tags of objects by their id or ARN.

    Raises KeyError for a service whose resources the tables don't know.
    """
    service = PREFIXES.get(call.service, call.service)
    if service == "sts":
        return []  # who calls may always be asked
    asked = _asked_of_s3(call) if service == "s3" else _asked(service, call)
    context: dict[str, str | list[str]] = {"aws:RequestedRegion": REGION}
    context |= {f"aws:RequestTag/{k}": v for k, v in _request_tags(call.parameters).items()}
    if names := _record_names(call):
        context["route53:ChangeResourceRecordSetsNormalizedRecordNames"] = names
    if namespace := call.parameters.get("Namespace"):
        context["cloudwatch:namespace"] = namespace
    if boundary := call.parameters.get("PermissionsBoundary"):
        context["iam:PermissionsBoundary"] = boundary
    found = [
        Need(action, each, {**context, **_resource_tags(each, tags_of)}) for action, each in asked
    ]
    return [*found, *_tagging(service, call, found), *_passing(service, call)]


def _asked(service: str, call: ApiCall) -> list[tuple[str, str]]:
    action = action_of(call.service, call.operation)
    return [(action, resource) for resource in _resources(service, action, call)]


def _resources(service: str, action: str, call: ApiCall) -> list[str]:
    given = call.parameters
    if action in _WITHOUT_RESOURCE:
        return ["*"]
    match service:
        case "ec2":
            return _of_ec2(call)
        case "elasticloadbalancing":
            return _of_balancers(call)
        case "glue":
            return _of_glue(given)
        case "kms":
            aliases = [arn("kms", given["AliasName"])] if "AliasName" in given else []
            keys = [k for name in ("KeyId", "TargetKeyId") if (k := given.get(name))]
            return [*aliases, *(_named("kms", "key/")(key) for key in keys)] or ["*"]
        case "route53":
            id = given.get("HostedZoneId") or given.get("Id") or given.get("ResourceId")
            ids = [id] if id else given.get("ResourceIds", [])
            return [f"arn:aws:route53:::hostedzone/{each}" for each in ids] or ["*"]
        case "wafv2":
            return _of_firewall(given)
        case "codedeploy":
            return _of_deployments(given)
        case "codepipeline" if "pipeline" in given:
            return [arn("codepipeline", given["pipeline"]["name"])]
        case "autoscaling" if call.operation == "CreateOrUpdateTags":
            name = _RESOURCES[service]["AutoScalingGroupName"]
            return sorted({name(tag["ResourceId"]) for tag in given["Tags"]})
        case "autoscaling" | "ssm" | "tag" if call.operation.startswith(("Describe", "Get")):
            return ["*"]
    for parameter, resource in _RESOURCES[service].items():
        if parameter in given:
            return [resource(each) for each in _many(given[parameter])]
    return ["*"]


def _of_ec2(call: ApiCall) -> list[str]:
    if call.operation.startswith("Describe") and call.operation != "DescribeVpcAttribute":
        return ["*"]
    new = [t["ResourceType"] for t in call.parameters.get("TagSpecifications", ())]
    ids = sorted({found[0] for found in _ID.finditer(str(call.parameters))})
    known = [f"{_EC2_KINDS[id.rpartition('-')[0]]}/{id}" for id in ids]
    return [arn("ec2", path) for path in [*(f"{kind}/new" for kind in new), *known]]


def _of_balancers(call: ApiCall) -> list[str]:
    given = call.parameters
    if call.operation.startswith("Describe"):
        return ["*"]
    if call.operation == "CreateTargetGroup":
        return [arn("elasticloadbalancing", f"targetgroup/{given['Name']}/new")]
    if call.operation == "CreateLoadBalancer":
        return [arn("elasticloadbalancing", f"loadbalancer/app/{given['Name']}/new")]
    names = ("ListenerArn", "RuleArn", "LoadBalancerArn", "TargetGroupArn", "ResourceArns")
    return [_many(given[name])[0] for name in names if name in given][:1]


def _of_glue(given: Mapping[str, Any]) -> list[str]:
    if "ResourceArn" in given:
        return [given["ResourceArn"]]
    if "Targets" in given:
        return [arn("glue", f"crawler/{given['Name']}")]
    if "DatabaseName" not in given and "DatabaseInput" not in given and "Name" in given:
        name = given["Name"]
        if "_" not in name:
            return [arn("glue", f"crawler/{name}")]
    database = given.get("DatabaseName") or given.get("Name") or given["DatabaseInput"]["Name"]
    table = given.get("TableName") or given.get("TableInput", {}).get("Name")
    table = table or (given.get("Name") if "DatabaseName" in given else None)
    paths = ["catalog", f"database/{database}"] + ([f"table/{database}/{table}"] if table else [])
    return [arn("glue", path) for path in paths]


def _of_firewall(given: Mapping[str, Any]) -> list[str]:
    if "Name" in given:
        return [arn("wafv2", f"regional/webacl/{given['Name']}/{given.get('Id', 'new')}")]
    names = ("WebACLArn", "ResourceArn", "ResourceARN")
    logging = given.get("LoggingConfiguration", {})
    return [d[name] for d in (given, logging) for name in names if name in d] or ["*"]


def _of_deployments(given: Mapping[str, Any]) -> list[str]:
    if "ResourceArn" in given:
        return [given["ResourceArn"]]
    group = given.get("deploymentGroupName") or given.get("currentDeploymentGroupName")
    name = given["applicationName"]
    return [
        arn("codedeploy", f"deploymentgroup:{name}/{group}" if group else f"application:{name}")
    ]


def _asked_of_s3(call: ApiCall) -> list[tuple[str, str]]:
    given = call.parameters
    bucket = f"arn:aws:s3:::{given['Bucket']}" if "Bucket" in given else "*"
    if call.operation == "DeleteObjects":
        held = given.get("BypassGovernanceRetention")
        actions = ["s3:DeleteObjectVersion", *(["s3:BypassGovernanceRetention"] if held else [])]
        keys = {each["Key"] for each in given["Delete"]["Objects"]}
        return [(action, f"{bucket}/{key}") for action in actions for key in sorted(keys)]
    action = _S3.get(call.operation, call.operation)
    if given.get("VersionId") and action in ("GetObject", "DeleteObject"):
        action += "Version"
    asked = [(f"s3:{action}", f"{bucket}/{given['Key']}" if "Key" in given else bucket)]
    if call.operation == "CreateBucket" and "ObjectOwnership" in given:
        asked.append(("s3:PutBucketOwnershipControls", bucket))
    if call.operation == "CopyObject":
        raise NotImplementedError("a copy reads its source, too")
    return asked


def _request_tags(given: Mapping[str, Any]) -> dict[str, str]:
    """Tags in a request, in the many shapes that AWS gives them."""
    config = given.get("CreateBucketConfiguration", {})
    listed = next(
        (
            value
            for source in (given, config)
            for name in ("Tags", "tags", "TagsList", "TagsToAdd", "AddTags", "tagging")
            if (value := source.get(name))
        ),
        (given.get("TagSpecifications") or [{"Tags": []}])[0]["Tags"],
    )
    if isinstance(listed, Mapping):
        return dict(listed)
    return {
        str(t.get("Key") or t.get("key") or t.get("TagKey")): str(
            t.get("Value") or t.get("value") or t.get("TagValue")
        )
        for t in listed
        if isinstance(t, Mapping)
    }


def _record_names(call: ApiCall) -> list[str]:
    changes = call.parameters.get("ChangeBatch", {}).get("Changes", ())
    return [change["ResourceRecordSet"]["Name"].rstrip(".").lower() for change in changes]


def _resource_tags(resource: str, tags_of: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    tags = tags_of.get(resource, {}) or tags_of.get(resource.rsplit("/", 1)[-1], {})
    service = resource.split(":")[2] if resource.startswith("arn:") else "aws"
    return {f"{by}:ResourceTag/{k}": v for by in {"aws", service} for k, v in tags.items()}


def _tagging(service: str, call: ApiCall, found: Sequence[Need]) -> list[Need]:
    """Giving tags to what is being made is an action of its own."""
    making = call.operation.startswith(("Create", "Put", "Request", "Allocate"))
    if not making or not _request_tags(call.parameters) or not found:
        return []
    if service == "ec2":
        made = [n for n in found if n.resource.endswith("/new")]
        action = {"ec2:CreateAction": call.operation}
        return [Need("ec2:CreateTags", n.resource, {**n.context, **action}) for n in made]
    if service == "iam":
        return [Need(found[0].action.replace("Create", "Tag"), found[0].resource, found[0].context)]
    if service in _TAGS_ALONG:
        return []
    given = call.parameters
    unnamed = {
        "acm": "certificate/new",
        "glue": f"crawler/{given.get('Name')}",
        "kms": "key/new",
        "quicksight": f"datasource/{given.get('DataSourceId')}",
    }
    resource = found[-1].resource if found[-1].resource != "*" else arn(service, unnamed[service])
    return [Need(f"{service}:{_TAGGING.get(service, 'TagResource')}", resource, found[0].context)]


def _passing(service: str, call: ApiCall) -> list[Need]:
    """A call that gives a service a role is asked whether it may."""
    if service not in PASSED_TO or call.operation.startswith(
        ("Get", "List", "Describe", "BatchGet")
    ):
        return []
    roles = set(_ROLE_ARN.findall(str({**call.parameters, "Policy": None})))
    if service == "glue" and "Role" in call.parameters:
        roles.add(_named("iam", "role/", regional=False)(call.parameters["Role"]))
    context = {"iam:PassedToService": PASSED_TO[service], "aws:RequestedRegion": REGION}
    return [Need("iam:PassRole", role, context) for role in sorted(roles)]
