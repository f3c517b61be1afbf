"""What a type sends to AWS is what it compares: else somebody could change it there, unseen.

Each type is asked to create and to update with two sets of attributes that differ in every value.
What is sent the same both times comes from no attribute: it has to be the object's identity, or be
listed here with the reason why no change of it matters.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from infra_assets.cloud import Cloud
from infra_assets.resource import Attributes, Live, Resource
from infra_assets.types import cloudtrail, ec2, ec2_launch_template
from tests.infra_assets.world import DECLARED, World

MODULES = (cloudtrail, ec2, ec2_launch_template)
RESOURCES = [r for r in DECLARED if type(r).__module__ in {m.__name__ for m in MODULES}]

NOT_COMPARED = {
    ("allocate_address", "Domain"): "there's no other any more",
    ("create_flow_logs", "LogDestinationType"): "follows from the destination",
    ("create_flow_logs", "ResourceType"): "follows from the id",
    ("create_vpc_endpoint", "VpcEndpointType"): "never changes",
    ("modify_launch_template", "DefaultVersion"): "its content is what is compared",
    ("modify_vpc_endpoint", "RemoveRouteTableIds"): "names what was found",
}
ABOUT_CALLS = ("TagSpecifications.ResourceType",)
"""Parameters of any call that say what it makes, and nothing of how that is."""
TAKING_AWAY = ("delete_", "disassociate_", "revoke_")
"""Operations that name what was found."""
PEOPLES = "Name"
"""The tag that EC2's pages show, which people may change."""


class Recorder:
    """A cloud that reads, and keeps what it is asked to write."""

    def __init__(self, world: World) -> None:
        self.cloud = world.cloud()
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.cloud.write = self._write  # type: ignore[method-assign]

    def _write(self, service: str, operation: str, **parameters: Any) -> Any:
        self.calls.append((operation, parameters))
        version = {"VersionNumber": 2}
        return {"LaunchTemplateVersion": version, "GroupId": "sg-1"}

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
        case str() if value.startswith("{"):
            yield from _leaves(json.loads(value), path)
        case _:
            yield path, value


def _altered(value: Any) -> Any:
    """Another value at every place, of the same shape."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1
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
    if resource.tagged:
        resource.create(recorder.cloud, wanted)
    resource.update(recorder.cloud, world.found(resource), wanted, frozenset(wanted))
    return recorder.sent()


def _sent_and_not_compared(world: World, resource: Resource) -> set[tuple[str, str]]:
    found = world.found(resource)
    wanted = dict(world.cloud().wanted(resource, now=True))
    once = _altered(wanted)
    same = _sent(world, resource, once) & _sent(world, resource, _altered(once))
    known = {found.id, found.arn, resource.name, PEOPLES, *_keys(wanted)}
    return {
        (operation, path)
        for operation, path, value in same
        if value not in known and path not in ABOUT_CALLS and not operation.startswith(TAKING_AWAY)
    }


def test_whatever_is_sent_is_compared(complete: World) -> None:
    """Or listed, and nothing is listed for nothing."""
    found = [_sent_and_not_compared(complete, resource) for resource in RESOURCES]
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
    (vpc,) = [resource for resource in RESOURCES if isinstance(resource, ec2.Vpc)]
    (unseen,) = _sent_and_not_compared(complete, vpc)
    assert unseen == ("modify_vpc_attribute", "EnableDnsSupport.Value")
