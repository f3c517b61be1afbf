"""moto made faster: what it works out anew on every request is remembered. Answers don't change."""

from __future__ import annotations

import functools
from typing import Any

from moto.core import responses, serialize
from moto.core.common_models import BaseModel
from moto.core.serialize import XFormedAttributePicker
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.s3.models import FakeKey

from mall_platform.local_aws.hooks import HookError, replace

_Picked = tuple[type, Any, str]


def install() -> None:
    _remember_class_methods()
    _remember_hosts()
    _remember_attribute_names()
    _remember_timestamps()
    _track_no_instances()


def _remember_class_methods() -> None:
    for name in ("method_names_from_class", "camelcase_to_underscores"):
        setattr(responses, name, functools.cache(getattr(responses, name)))


def _remember_hosts() -> None:
    """Which service a host belongs to: moto lists its package's folders to find out."""
    known: dict[str | None, Any] = {}

    @replace(DomainDispatcherApplication, "get_backend_for_host", "host")
    def get_backend_for_host(original: Any, self: Any, host: str | None) -> Any:
        if host not in known:
            known[host] = original(self, host)
        return known[host]


def _remember_attribute_names() -> None:
    """Under which names an attribute of a reply may be found; they depend on classes only."""
    known: dict[_Picked, tuple[str, ...]] = {}

    @replace(XFormedAttributePicker, "get_possible_keys", "context")
    def get_possible_keys(original: Any, self: Any, context: Any) -> tuple[str, ...]:
        picked = (type(context.obj), context.shape, context.key)
        if picked not in known:
            known[picked] = tuple(dict.fromkeys(original(self, context)))
        return known[picked]


def _remember_timestamps() -> None:
    """S3's listing formats each date, parses it and formats it again."""
    parse = functools.lru_cache(16_384)(serialize.parse_to_aware_datetime)
    serialize.parse_to_aware_datetime = parse


def _track_no_instances() -> None:
    """moto keeps every object ever made, deleted ones too, to show them on a web page."""
    if "instances_tracked" not in vars(FakeKey):
        raise HookError("moto no longer tracks its instances")

    def __new__(cls: type, *args: Any, **kwargs: Any) -> Any:  # noqa: N807
        return object.__new__(cls)

    BaseModel.__new__ = __new__
