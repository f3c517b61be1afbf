"""One run's view of AWS: reads are made once and remembered, writes are made once and watched.

Writes go out without botocore's own retries: a reply that is lost after the call took effect would
otherwise make a second object. Trying again is the engine's decision, after it has looked.
"""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from infra_assets.errors import InfraError
from infra_assets.resource import REPLACED, Attributes, Live, Ref, Resource
from infra_assets.spec import PlatformSpec
from infra_assets.tagged import untold
from infra_assets.types.tagging import from_pairs
from resources.aws import Aws, MissingInfrastructureError

_TAGS = "resourcegroupstaggingapi"


@dataclass(frozen=True)
class Clock:
    """Time as the engine sees it: seconds of a steady clock, and how to let them pass."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Unknown:
    """A value that is known only once the resource it refers to has been made."""

    ref: Ref

    def __str__(self) -> str:
        return str(self.ref)


class AmbiguousIdentityError(InfraError):
    """More than one object has the identity of one resource."""

    def __init__(self, resource: Resource, found: list[Live]) -> None:
        names = " and ".join(sorted(live.arn or live.id for live in found))
        super().__init__(
            f"{resource.address} is there more than once: {names}. Delete or retag all but one."
        )


class Cloud:
    """AWS during one run of the engine over one environment."""

    def __init__(
        self,
        aws: Aws,
        spec: PlatformSpec,
        inventory: Mapping[tuple[str, str], Resource],
        *,
        clock: Clock | None = None,
        guard: Callable[[], None] = lambda: None,
    ) -> None:
        """`inventory` has every declared resource by kind and name, for references.

        `guard` is called before each write and raises when writing has become unsafe.
        """
        self.aws = aws
        self.spec = spec
        self.clock = clock or Clock()
        self._inventory = inventory
        self._guard = guard
        self._lock = threading.Lock()
        self._reads: dict[str, dict[tuple[str | None, str], Future]] = defaultdict(dict)
        self._settled: dict[str, Live] = {}
        self._outgoing: dict[str, Live] = {}

    def to_write(self, guard: Callable[[], None] = lambda: None) -> Cloud:
        """The same view, from which may be written as long as `guard` lets it: what was read is
        known, nothing is expected to be replaced."""
        cloud = Cloud(self.aws, self.spec, self._inventory, clock=self.clock, guard=guard)
        cloud._lock, cloud._reads = self._lock, self._reads
        return cloud

    def read(
        self, service: str, operation: str, *, absent: tuple[str, ...] = (), **parameters: Any
    ) -> Any:
        """The reply of a reading call, pages joined; None if AWS answers with a code of `absent`.

        The same call is made once in a run, until something is written to its service.
        """
        key = (parameters.get("Bucket"), json.dumps([operation, parameters], sort_keys=True))
        with self._lock:
            known = self._reads[service]
            reply = known.get(key)
            mine = reply is None
            if reply is None:
                reply = known[key] = Future()
        if mine:
            try:
                reply.set_result(self._call(service, operation, absent, parameters))
            except BaseException as error:  # noqa: BLE001 - whoever waits for it must hear of it
                with self._lock:
                    if known.get(key) is reply:
                        del known[key]
                reply.set_exception(error)
        return reply.result()

    def _call(
        self, service: str, operation: str, absent: tuple[str, ...], parameters: dict[str, Any]
    ) -> Any:
        from botocore.exceptions import ClientError

        client = self.aws.client(service)
        try:
            if client.can_paginate(operation):
                return client.get_paginator(operation).paginate(**parameters).build_full_result()
            return getattr(client, operation)(**parameters)
        except ClientError as error:
            if error.response["Error"]["Code"] in absent:
                return None
            raise

    def write(self, service: str, operation: str, **parameters: Any) -> Any:
        """Makes a changing call, once; what was read of the service before is forgotten, but for
        other buckets."""
        self._guard()
        try:
            return getattr(self.aws.client(service, retries=False), operation)(**parameters)
        finally:
            self.forget(service, parameters.get("Bucket"))

    def forget(self, service: str, bucket: str | None = None) -> None:
        """Has a service and everybody's tags read anew; with `bucket`, of the service only what
        concerns it or no bucket."""
        with self._lock:
            self._reads.pop(_TAGS, None)
            known = self._reads[service]
            others = {k: v for k, v in known.items() if bucket and k[0] not in (None, bucket)}
            self._reads[service] = others

    def tagged(self, *kinds: str) -> dict[str, dict[str, str]]:
        """The tags of every object that is this environment's, by ARN; with `kinds` (`kms:key`),
        of these only, if the tagging API lists them.

        What was tagged or deleted within the last minutes may be missing or still there.
        """
        ours = [{"Key": "mall:environment", "Values": [self.spec.env]}]
        only: dict[str, Any] = {"ResourceTypeFilters": [*kinds]} if kinds else {}
        found = self.read(_TAGS, "get_resources", TagFilters=ours, **only)["ResourceTagMappingList"]
        tagged = {item["ResourceARN"]: from_pairs(item["Tags"]) for item in found}
        if not kinds:
            besides = dict(untold(self))
            tagged |= {
                a: t for a, t in besides.items() if t.get("mall:environment") == self.spec.env
            }
        return tagged

    def tags(self, resource: Resource) -> dict[str, str]:
        """The tags of a resource, its identity among them."""
        return {
            "mall:environment": self.spec.env,
            "mall:asset": resource.asset,
            "mall:resource": resource.address,
            "mall:owner": self.spec.owner,
            "mall:cost-centre": self.spec.cost_centre,
        }

    def is_tagged(self, resource: Resource, tags: Mapping[str, str]) -> bool:
        """Whether an object with these tags is the resource."""
        return (
            tags.get("mall:environment") == self.spec.env
            and tags.get("mall:resource") == resource.address
        )

    def live(self, resource: Resource) -> Live | None:
        """The resource's object. Raises AmbiguousIdentityError if there is more than one.

        One that AWS deletes or will delete counts only where there is no other, one that is being
        replaced never.
        """
        found = [live for live in resource.find(self) if not _is_replaced(resource, live)]
        found = [live for live in found if not (live.going or live.leaving)] or found
        if len(found) > 1:
            raise AmbiguousIdentityError(resource, found)
        return found[0] if found else None

    def replaced(self, resource: Resource) -> list[Live]:
        """Former objects of a resource, which another one has taken or takes the place of."""
        return [live for live in resource.find(self) if _is_replaced(resource, live)]

    def wanted(self, resource: Resource, *, now: bool) -> Attributes:
        """What the resource should be, references resolved.

        A reference to something that isn't there, isn't there for long or has no such output yet is
        Unknown; or with `now` (when the values are about to be used) what isn't there is a
        MissingInfrastructureError that names the asset which makes it.
        """
        wanted = resource.wanted()
        if resource.tagged:
            wanted["tags"] = self.tags(resource)
        return {name: self._resolved(value, now) for name, value in wanted.items()}

    def _resolved(self, value: Any, now: bool) -> Any:
        match value:
            case Ref():
                return self._look_up(value, now)
            case dict():
                return {key: self._resolved(item, now) for key, item in value.items()}
            case list():
                return [self._resolved(item, now) for item in value]
        return value

    def settle(self, resource: Resource, live: Live | None) -> None:
        """Remembers for references what a resource is from now on; None while it is changed."""
        if live is None:
            self._settled.pop(resource.address, None)
        else:
            self._settled[resource.address] = live
            self._outgoing.pop(resource.address, None)

    def expect_another(self, resource: Resource, live: Live) -> None:
        """Has references to a resource be Unknown until it has been replaced, but for what AWS
        makes of its name."""
        self._outgoing[resource.address] = live

    def awaits_another(self, resource: Resource) -> bool:
        """Whether the resource refers to one that is about to be replaced."""
        if not self._outgoing:
            return False
        targets = (self._inventory[ref.kind, ref.name] for ref in references(resource.wanted()))
        return any(target.address in self._outgoing for target in targets)

    def goes_with_another(self, resource: Resource) -> bool:
        """Whether the resource is a part of one that is about to be replaced."""
        if not (self._outgoing and resource.part_of):
            return False
        ref = getattr(resource, resource.part_of)
        return self._inventory[ref.kind, ref.name].address in self._outgoing

    def users(self, resource: Resource) -> list[Resource]:
        """The declared resources that refer to one."""
        return self._users.get((resource.kind(), resource.name), [])

    @cached_property
    def _users(self) -> dict[tuple[str, str], list[Resource]]:
        found: dict[tuple[str, str], list[Resource]] = defaultdict(list)
        for user in self._inventory.values():
            for key in {(ref.kind, ref.name) for ref in references(user.wanted())}:
                found[key].append(user)
        return found

    def _look_up(self, ref: Ref, now: bool) -> str | Unknown:
        target = self._inventory[ref.kind, ref.name]
        outgoing = self._outgoing.get(target.address)
        if outgoing and not now and not _keeps(target, outgoing.output_so_far(ref.output)):
            return Unknown(ref)
        live = self._settled.get(target.address) or self.live(target)
        if live is None or live.going or live.leaving:
            value, missing = None, target.address
        elif live.ready:
            self._settled[target.address] = live
            return live.output(ref.output)
        else:
            value, missing = live.output_so_far(ref.output), f"The {ref.output} of {target.address}"
        if value is not None:
            return value
        if now:
            raise MissingInfrastructureError(missing, f"infra/{target.asset}")
        return Unknown(ref)


def references(value: Any) -> Iterator[Ref]:
    """Every reference within a value."""
    match value:
        case Ref():
            yield value
        case dict():
            for item in value.values():
                yield from references(item)
        case list() | tuple():
            for item in value:
                yield from references(item)


def _keeps(resource: Resource, value: str | None) -> bool:
    """Whether another object in the resource's place has the same id or ARN: where that follows
    from its name, as a stream's does, and a network's doesn't."""
    if resource.beside or value is None:
        return False
    return value == resource.name or value.endswith((f":{resource.name}", f"/{resource.name}"))


def _is_replaced(resource: Resource, live: Live) -> bool:
    return resource.beside and REPLACED in live.attributes["tags"]
