"""What a type sends to AWS is what it compares: else somebody could change it there, unseen.

Each type is asked to create and to update with two sets of attributes that differ in every value.
What is sent the same both times comes from no attribute: it has to be the object's identity, or be
listed here with the reason why no change of it matters.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from infra_assets.cloud import Cloud
from infra_assets.resource import Attributes, Live, Resource, Setting
from infra_assets.types import ec2
from tests.infra_assets.world import SPEC, VARIANTS, World, one

FIXED = "AWS changes it in none"
FOUND = "names what was found"
IDENTITY = "is part of the identity"
ONCE = "is about one change only"
ONLY_ONE = "there's no other"
RESULTS = "takes off what is compared as part of the results"

NOT_COMPARED = {
    ("acm.Certificate", "ValidationMethod"): FIXED,
    ("acm.Validation", "Changes.Action"): ONCE,
    ("acm.Validation", "HostedZoneId"): IDENTITY,
    ("athena.WorkGroup", "ResultConfigurationUpdates.RemoveAclConfiguration"): RESULTS,
    ("athena.WorkGroup", "ResultConfigurationUpdates.RemoveExpectedBucketOwner"): RESULTS,
    ("autoscaling.Group", "Preferences.MaxHealthyPercentage"): ONCE,
    ("autoscaling.Group", "Preferences.MinHealthyPercentage"): ONCE,
    ("autoscaling.Group", "Tags.Key"): "is the revision's, whose value is compared",
    ("autoscaling.TargetTracking", "PolicyName"): IDENTITY,
    ("autoscaling.TargetTracking", "PolicyType"): "one of another type has no such metric",
    ("codebuild.Project", "cloudWatchLogs.status"): "where it's off there is no log group",
    ("codedeploy.Application", "computePlatform"): FIXED,
    ("codedeploy.DeploymentGroup", "alarmConfiguration.enabled"): "off there are no alarms",
    ("codedeploy.DeploymentGroup", "autoRollbackConfiguration.enabled"): "off there are no events",
    ("ec2.ElasticIp", "Domain"): ONLY_ONE,
    ("ec2.FlowLog", "LogDestinationType"): "follows from the destination",
    ("ec2.GatewayEndpoint", "RemoveRouteTableIds"): FOUND,
    ("ec2.GatewayEndpoint", "VpcEndpointType"): FIXED,
    ("ec2.LaunchTemplate", "DefaultVersion"): "its content is what is compared",
    ("elbv2.Listener", "Protocol"): "follows from the certificate",
    ("elbv2.LoadBalancer", "Name"): IDENTITY,
    ("elbv2.LoadBalancer", "Type"): FIXED,
    ("elbv2.TargetGroup", "Name"): IDENTITY,
    ("elbv2.TargetGroup", "Protocol"): FIXED,
    ("elbv2.TargetGroup", "TargetType"): FIXED,
    ("firehose.DeliveryStream", "DeliveryStreamEncryptionConfigurationInput.KeyType"): (
        "follows from the key"
    ),
    ("firehose.DeliveryStream", "DeliveryStreamType"): FIXED,
    ("firehose.DeliveryStream", "DynamicPartitioningConfiguration.Enabled"): FIXED,
    ("firehose.DeliveryStream", "Parameters.ParameterName"): "the query is what is compared",
    ("firehose.DeliveryStream", "Parameters.ParameterValue"): "jq 1.6 is the only parser",
    ("firehose.DeliveryStream", "Processors.Type"): "the query is what is compared",
    ("glue.JsonTable", "Columns.Name"): "is the crawler's",
    ("glue.JsonTable", "Columns.Type"): "is the crawler's",
    ("iam.Policy", "SetAsDefault"): "its content is what is compared",
    ("kms.Key", "PolicyName"): ONLY_ONE,
    ("lambda.Function", "Code.ZipFile"): "its digest is what is compared",
    ("lambda.Function", "ZipFile"): "its digest is what is compared",
    ("quicksight.AthenaSource", "RevokePermissions.Actions"): FOUND,
    ("quicksight.AthenaSource", "RevokePermissions.Principal"): FOUND,
    ("quicksight.AthenaSource", "Type"): FIXED,
    ("rds.Instance", "AllowMajorVersionUpgrade"): ONCE,
    ("rds.Instance", "ApplyImmediately"): ONCE,
    ("rds.Instance", "CloudwatchLogsExportConfiguration.DisableLogTypes"): FOUND,
    ("rds.Instance", "Engine"): FIXED,
    ("rds.Instance", "ManageMasterUserPassword"): "else there is no secret",
    ("rds.ParameterGroup", "Parameters.ApplyMethod"): ONCE,
    ("route53.PrivateZone", "HostedZoneConfig.PrivateZone"): IDENTITY,
    ("route53.PublicZone", "HostedZoneConfig.PrivateZone"): IDENTITY,
    ("route53.PrivateRecord", "Changes.Action"): ONCE,
    ("route53.Record", "Changes.Action"): ONCE,
    ("s3.Bucket", "ObjectOwnership"): "is compared by s3.Ownership",
    ("s3.ObjectLock", "ObjectLockConfiguration.ObjectLockEnabled"): FIXED,
    ("sns.Subscription", "AttributeName"): "is the name of what is compared",
    ("sns.Subscription", "Protocol"): "follows from the function",
    ("sns.Topic", "AttributeName"): "is the name of what is compared",
    ("wafv2.WebAcl", "Scope"): IDENTITY,
}
"""Types, and the ends of parameters' paths."""
ABOUT_CALLS = ("ResourceType", "Tags.ResourceType", "TagSpecifications.ResourceType")
"""Parameters of any call that say what it makes or tags, and nothing of how that is."""
TAKING_AWAY = ("delete_", "detach_", "disassociate_", "remove_", "revoke_")
"""Operations that name what was found."""
PEOPLES = "Name"
"""The tag that EC2's pages show, which people may change."""


class Reply(dict):
    """What a call answers that wasn't made: whatever part of it is asked for is there."""

    def __missing__(self, key: str) -> Reply:
        return Reply()

    def __str__(self) -> str:
        return "made"


class Recorder:
    """A cloud that reads, and keeps what it is asked to write."""

    def __init__(self, world: World) -> None:
        self.cloud = world.cloud()
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.cloud.write = self._write  # type: ignore[method-assign]

    def _write(self, service: str, operation: str, **parameters: Any) -> Reply:
        self.calls.append((operation, parameters))
        return Reply()

    def sent(self) -> set[tuple[str, str, Any]]:
        """Operation, path and value of each parameter."""
        return {
            (operation, path.lstrip("."), value)
            for operation, parameters in self.calls
            for path, value in _leaves(parameters)
        }


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    match value:
        case dict():
            for key, item in value.items():
                yield from _leaves(item, f"{path}.{key}")
        case list():
            for item in value:
                yield from _leaves(item, path)
        case str() if (document := _document(value)) is not None:
            yield from _leaves(document, path)
        case _:
            yield path, value


def _document(text: str) -> Any:
    """What JSON a text is; None if it's other text, as a query."""
    try:
        return json.loads(text) if text.startswith("{") else None
    except ValueError:
        return None


def _altered(value: Any) -> Any:
    """Another value at every place, of the same shape; a number that none of its neighbours is."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1000
        case str():
            return f"{value}x"
        case dict():
            return {key: _altered(item) for key, item in value.items()}
        case list():
            return [_altered(item) for item in value]
    return value


def _keys(value: Any) -> Iterator[str]:
    """What attributes have as keys: tags, and destinations of routes."""
    match value:
        case dict():
            for key, item in value.items():
                yield key
                yield from _keys(item)
        case list():
            for item in value:
                yield from _keys(item)


def _sent(world: World, resource: Resource, wanted: Attributes) -> set[tuple[str, str, Any]]:
    recorder = Recorder(world)
    if type(resource).create is not Setting.create:
        resource.create(recorder.cloud, wanted)
    resource.update(recorder.cloud, world.found(resource), wanted, frozenset(wanted))
    return recorder.sent()


def _identity(found: Live, resource: Resource) -> set[str]:
    """What says which object is meant: the name's parts, too, as a listener's port."""
    names = {resource.name, found.id}
    parts = {part for name in names for part in re.split("[ :]", name)}
    return names | parts | {str(found.arn), *found.outputs.values()}


def _sent_and_not_compared(world: World, resource: Resource) -> set[tuple[str, str]]:
    found = world.found(resource)
    wanted = dict(world.cloud().wanted(resource, now=True))
    once = _altered(wanted)
    same = _sent(world, resource, once) & _sent(world, resource, _altered(once))
    known = {*_identity(found, resource), *_keys(wanted), PEOPLES, SPEC.account_id, SPEC.region}
    return {
        (resource.kind(), ".".join(path.split(".")[-2:]))
        for operation, path, value in same
        if str(value) not in known
        and path not in ABOUT_CALLS
        and not operation.startswith(TAKING_AWAY)
    }


def test_whatever_is_sent_is_compared(complete: World) -> None:
    """Or listed, and nothing is listed for nothing."""
    found = [_sent_and_not_compared(complete, resource) for resource in VARIANTS]
    assert set().union(*found) == NOT_COMPARED.keys()


def test_what_is_sent_and_not_compared_is_found(
    complete: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def update(
        self: ec2.Vpc, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]
    ) -> None:
        always = {"EnableDnsSupport": {"Value": True}}
        cloud.write("ec2", "modify_vpc_attribute", VpcId=live.id, **always)

    monkeypatch.setattr(ec2.Vpc, "update", update)
    (unseen,) = _sent_and_not_compared(complete, one("ec2.Vpc/main"))
    assert unseen == ("ec2.Vpc", "EnableDnsSupport.Value")
