"""AWS in this process for the engine's tests: every call seen, faults at will, state put back."""

from __future__ import annotations

import copy
import copyreg
import importlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any
from weakref import WeakValueDictionary

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError
from botocore.loaders import Loader

from infra_assets import reconcile
from infra_assets.cloud import Clock, Cloud
from infra_assets.engine import Engine
from infra_assets.infra_asset import InfraAsset
from infra_assets.reconcile import Outcome, Permission
from infra_assets.registry import REGISTRY
from infra_assets.resource import Live, Resource
from infra_assets.spec import PlatformSpec, platform_spec
from mall_platform.local_aws.hooks import replace_property
from resources.aws import Aws, forget_clients
from resources.settings import Settings

ACCOUNT = "123456789012"
READER = f"arn:aws:quicksight:ap-northeast-1:{ACCOUNT}:group/default/analysts"
SETTINGS = Settings(env="dev", spec={"quicksight_users": [READER]})
"""With everything on that a spec may leave out."""
_HOOKED = (
    "speed",
    "s3",
    "glue",
    "acm",
    "rds_groups",
    "nat_gateways",
    "security_groups",
    "in_use",
    "wafv2",
    "cloudtrail",
    "athena.hook_metadata:install_metadata",
    "lambdas",
    "autoscaling",
    "launch_templates",
    "listeners",
    "codecommit",
    "codebuild",
    "codedeploy",
    "codepipeline",
    "quicksight",
    "tagging",
)
READING = ("Get", "List", "Describe", "Head", "BatchGet", "Lookup")


class CrashError(BaseException):
    """The process dies: nothing may catch this."""


@dataclass(frozen=True)
class Call:
    service: str
    operation: str
    parameters: dict[str, Any]

    @property
    def mutates(self) -> bool:
        return not self.operation.startswith(READING)


Fault = Callable[[Call], Any]


Strikes = Callable[[Call, int], bool]
"""Whether a fault strikes a mutating call, given which one it is since the start."""


class Wire:
    """What goes over the wire. A fault strikes the calls that `strikes` says: `before` they take
    effect or `after`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._struck = threading.local()
        self.clear()

    def clear(self) -> None:
        self.calls: list[Call] = []
        self._mutated = 0
        self.before: Fault | None = None
        self.after: Fault | None = None
        self.strikes: Strikes = lambda call, number: False

    def strike_at(self, number: int, *, before: Fault | None = None, after: Fault | None = None):
        """One fault, at the mutating call of that number."""
        self.strikes = lambda call, at: at == number
        self.before, self.after = before, after

    def mutations(self) -> list[Call]:
        return [call for call in self.calls if call.mutates]

    def reads(self) -> list[Call]:
        return [call for call in self.calls if not call.mutates]

    def seen(self, model: Any, params: dict[str, Any], **_: Any) -> Any:
        body = params["body"]
        sent = {"url": params["url"], "body": body if isinstance(body, dict) else str(body)}
        call = Call(model.service_model.service_name, model.name, copy.deepcopy(sent))
        with self._lock:
            number = self._mutated
            self._mutated += call.mutates
            self.calls.append(call)
        self._struck.by = call.mutates and self.strikes(call, number)
        return self.before(call) if self._struck.by and self.before else None

    def answered(self, **_: Any) -> None:
        if self._struck.by and self.after:
            self._struck.by = False
            self.after(self.calls[-1])


def refused(status: int, code: str) -> Fault:
    """The call is answered with an error and has no effect."""

    def fault(call: Call) -> Any:
        reply = {
            "Error": {"Code": code, "Message": "injected"},
            "ResponseMetadata": {"HTTPStatusCode": status},
        }
        return AWSResponse("https://injected", status, {}, None), reply

    return fault


def crash(call: Call) -> None:
    """The call takes effect; the process doesn't live to see it."""
    raise CrashError(call.operation)


def lost_reply(call: Call) -> None:
    """The call takes effect; its reply never arrives."""
    raise ConnectionClosedError(endpoint_url="https://injected")


class Time:
    """A clock that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def clock(self) -> Clock:
        return Clock(now=lambda: self.seconds, sleep=self.sleep)


@dataclass(frozen=True)
class State:
    """What is in an account: moto's content of each service, and the objects that an apply made."""

    contents: dict[str, dict[str, Any]] = field(default_factory=dict)
    made: tuple[tuple[Resource, Live], ...] = ()


@dataclass
class World:
    """An AWS account in this process, and the platform's engine over it.

    `made` are the resources that whatever applies next needn't look up: a run of the engine knows
    those that it made itself.
    """

    aws: Aws
    settings: Settings
    wire: Wire
    time: Time
    assets: tuple[InfraAsset, ...] = REGISTRY
    made: tuple[tuple[Resource, Live], ...] = ()

    @cached_property
    def spec(self) -> PlatformSpec:
        return platform_spec(self.settings, ACCOUNT)

    def engine(self, **overrides: Any) -> Engine:
        """The engine, with fields of the spec overridden."""
        settings = self.settings.model_copy(update={"spec": {**self.settings.spec, **overrides}})
        return Engine(self.aws, settings, self.assets, clock=self.time.clock())

    @cached_property
    def inventory(self) -> dict[tuple[str, str], Resource]:
        declared = [r for asset in self.assets for r in asset.resources(self.spec)]
        return {(r.kind(), r.name): r for r in declared}

    def resources(self) -> list[Resource]:
        return list(self.inventory.values())

    def cloud(self, *, knowing: bool = True) -> Cloud:
        """A new run's view, in which what was `made` is known unless it is to know nothing."""
        cloud = Cloud(self.aws, self.spec, self.inventory, clock=self.time.clock())
        for resource, live in self.made if knowing else ():
            cloud.settle(resource, live)
        return cloud

    def apply(self, resource: Resource, *, allow: bool = False, knowing: bool = True) -> Outcome:
        named = frozenset({resource.address} if allow else ())
        return reconcile.apply(resource, self.cloud(knowing=knowing), Permission(named, True))

    def found(self, resource: Resource) -> Live:
        live = self.cloud().live(resource)
        assert live is not None
        return live

    def make(self, resource: Resource) -> None:
        """Applies a resource and remembers it as made."""
        live = self.apply(resource).live
        assert live is not None
        self.made += ((resource, live),)

    def state(self) -> State:
        """Everything in the account, to be put back by `put_back`."""
        contents = {service: _contents(service) for service in _services()}
        return State(copy.deepcopy(contents), self.made)

    def put_back(self, state: State) -> None:
        copied = copy.deepcopy(state.contents)  # as a whole: services hold each other's backends
        for service in _services():
            _put_contents(service, copied.get(service, copy.deepcopy(_NOTHING)))
        self.made = state.made
        self.wire.clear()
        self.time.seconds = 0.0

    def sizes(self) -> dict[str, int]:
        return sizes()


def sizes() -> dict[str, int]:
    """How many objects of each sort there are in this process's account, whoever made them."""
    return {
        f"{service}.{region}.{name}": len(value)
        for service in _services()
        for region, backend in _contents(service)["regions"].items()
        if region in (SPEC.region, "aws")
        for name, value in vars(backend).items()
        if isinstance(value, dict | list | set) and value and name not in _UNCOUNTED
    }


_UNCOUNTED = {"tokens", "events", "regions", "managed_policies", "clients", "metric_data"}


_NOTHING: dict[str, Any] = {"regions": {}, "shared": {"bucket_accounts": {}}}


def _contents(service: str) -> dict[str, Any]:
    """What moto holds of a service: a backend for each region, and what these share."""
    from moto.backends import get_backend

    backend = get_backend(service)
    shared = {name: v for name, v in vars(backend).items() if name in _NOTHING["shared"]}
    return {"regions": dict(backend[ACCOUNT]), "shared": shared}


def _put_contents(service: str, contents: dict[str, Any]) -> None:
    from moto.backends import get_backend

    backend = get_backend(service)
    backend[ACCOUNT].clear()
    for region, content in contents["regions"].items():
        dict.__setitem__(backend[ACCOUNT], region, content)
    for name, value in contents["shared"].items():
        if hasattr(backend, name):
            setattr(backend, name, value)


def _services() -> list[str]:
    """moto's names of the services that the registry uses."""
    return sorted({resource.service.replace("-", "") for resource in DECLARED} | {"ec2"})


SPEC = platform_spec(SETTINGS, ACCOUNT)
DECLARED = [resource for asset in REGISTRY for resource in asset.resources(SPEC)]


def one(address: str) -> Resource:
    return next(resource for resource in DECLARED if resource.address == address)


def said_by(resource: Resource) -> frozenset[str]:
    """The attributes that it says something of."""
    return frozenset(n for n, value in resource.wanted().items() if value not in (None, [], {}))


def _one_of_each_type() -> list[Resource]:
    """Of each type the resource with the most to say."""
    chosen: dict[str, Resource] = {}
    for resource in DECLARED:
        kind = resource.kind()
        if kind not in chosen or len(said_by(resource)) > len(said_by(chosen[kind])):
            chosen[kind] = resource
    return list(chosen.values())


def _one_of_each_variant() -> list[Resource]:
    """Of each type one for each set of attributes that it says something of: an alias is a record
    as well as one with values. A redirect says as much as a forward does."""
    variants = {(r.kind(), said_by(r)): r for r in reversed(DECLARED)}
    return [*variants.values(), one("elbv2.Listener/mall-dev-web:80")]


ONE_OF_EACH_TYPE = _one_of_each_type()
VARIANTS = _one_of_each_variant()
each_type = pytest.mark.parametrize("resource", ONE_OF_EACH_TYPE, ids=lambda r: r.kind())


def comparable(resource: Resource, live: Live) -> Any:
    """The managed attributes with the object's id masked, which another making doesn't give."""
    managed = {name: live.attributes.get(name) for name in [*resource.wanted(), "tags"]}
    for name in resource.sets:
        managed[name] = reconcile.unordered(managed[name] or ())
    return reconcile.canonical(_masked(managed, live.id))


def _masked(value: Any, id: str) -> Any:
    match value:
        case str():
            return value.replace(id, "<id>")
        case dict():
            return {key: _masked(item, id) for key, item in value.items()}
        case list():
            return [_masked(item, id) for item in value]
    return value


for _lock in (threading.Lock, threading.RLock):  # a copied backend gets locks of its own
    copyreg.pickle(type(_lock()), lambda _, make=_lock: (make, ()))


def _copied_with_values(weak: WeakValueDictionary, memo: dict[int, Any]) -> WeakValueDictionary:
    """Python's own deep copy keeps the old values, which are gone with the old backend."""
    copied = WeakValueDictionary()
    for key, value in weak.items():
        copied[key] = copy.deepcopy(value, memo)
    return copied


WeakValueDictionary.__deepcopy__ = _copied_with_values

_installed: set[str] = set()


def install_hooks() -> None:
    """What the local AWS adds to moto, as far as it needs no server."""
    for name in _HOOKED:
        if name not in _installed:
            module, _, function = name.partition(":")
            hooks = importlib.import_module(f"mall_platform.local_aws.{module}")
            getattr(hooks, function or "install")()
            _installed.add(name)
    _remember_urls()
    _remember_user_agents()


@cache
def _remember_urls() -> None:
    """Which URLs are a service's: moto, which asks each time, formats them all anew."""
    from moto.core.base_backend import BaseBackend

    known: dict[type, Any] = {}

    @replace_property(BaseBackend, "urls")
    def urls(original: Any, self: Any) -> Any:
        if type(self) not in known:
            known[type(self)] = original(self)
        return known[type(self)]


@cache
def _remember_user_agents() -> None:
    """What a client may call itself: botocore looks at each letter in each of its calls."""
    from botocore import useragent

    clean = useragent.sanitize_user_agent_string_component
    useragent.sanitize_user_agent_string_component = cache(clean)


_open: list[Wire] = []
_loader = Loader()  # reading descriptions of services anew for each account takes seconds


@contextmanager
def open_world() -> Iterator[World]:
    """An empty account in this process; what was there before is put back afterwards.

    One may be opened within another: the outer one's calls are watched again afterwards, its
    state has to be put back by whoever goes on with it.
    """
    from moto import mock_aws

    install_hooks()
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        patch.setenv("AWS_DEFAULT_REGION", "ap-northeast-1")
        patch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
        _open.append(Wire())
        _watch(_open[-1])
        world = World(Aws(env="dev"), SETTINGS, _open[-1], Time())
        world.put_back(State())
        try:
            yield world
        finally:
            _open.pop()
    forget_clients()
    if _open:
        _watch(_open[-1])


def _watch(wire: Wire) -> None:
    """New clients, whose calls the wire sees."""
    forget_clients()
    session = Aws(env="dev").session
    session._session.register_component("data_loader", _loader)
    events = session.events
    events.register("before-call", wire.seen)
    events.register("after-call", wire.answered)
