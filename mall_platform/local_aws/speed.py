"""moto made faster: what it works out anew on every request is remembered. Answers don't change."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import xmltodict
from moto.core import responses, serialize, utils
from moto.core.common_models import BaseModel
from moto.core.constants import MISSING
from moto.core.serialize import ResponseSerializer, XFormedAttributePicker
from moto.iam.models import IAMBackend
from moto.kms import models as kms
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.s3.models import FakeKey

from mall_platform.local_aws import xml_text
from mall_platform.local_aws.hooks import HookError, replace

_Picked = tuple[type, Any, str]


def install() -> None:
    _remember_services()
    _remember_class_methods()
    _remember_hosts()
    _remember_attribute_names()
    _remember_timestamps()
    _write_xml_at_once()
    _draw_one_private_key_for_symmetric_keys()
    _track_no_instances()
    _read_managed_policies_once()


def _remember_services() -> None:
    """Which services botocore describes: moto lists its folders for each service anew."""
    utils.create_loader = functools.cache(utils.create_loader)


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

    @replace(ResponseSerializer, "get_value", "value", "key", "shape")
    def get_value(original: Any, self: Any, value: Any, key: str, shape: Any) -> Any:
        picker = self._value_picker
        if type(picker) is not XFormedAttributePicker or _may_transform(
            tuple(picker.response_transformers), key
        ):
            return original(self, value, key, shape)
        picked = (type(value), shape, key)
        names = known.get(picked)
        if names is None:
            context = serialize.AttributePickerContext(obj=value, key=key, shape=shape)
            names = tuple(dict.fromkeys(picker.get_possible_keys(context)))
            known[picked] = names
        for name in names:
            found = serialize.get_value(value, name, MISSING)
            if found is not MISSING:
                return found
        return None


@functools.lru_cache(65_536)
def _may_transform(transformed: tuple[str, ...], key: str) -> bool:
    """Whether a path that ends in the key could be one whose values the picker changes."""
    return any(path.endswith(key) or key.endswith(path) for path in transformed)


def _remember_timestamps() -> None:
    """S3's listing formats each date, parses it and formats it again."""
    parse = functools.lru_cache(16_384)(serialize.parse_to_aware_datetime)
    serialize.parse_to_aware_datetime = parse


def _write_xml_at_once() -> None:
    """xmltodict announces each piece of a document to a writer of XML."""
    original = xmltodict.unparse

    @functools.wraps(original)
    def unparse(
        content: Mapping[str, Any],
        *,
        full_document: bool = True,
        short_empty_elements: bool = False,
        **others: Any,
    ) -> Any:
        match [*content.items()], others:
            case [(root, dict(inside))], {"pretty": False}:
                return xml_text.document(
                    root, inside, declared=full_document, short=short_empty_elements
                )
        return original(
            content,
            full_document=full_document,
            short_empty_elements=short_empty_elements,
            **others,
        )

    xmltodict.unparse = unparse


def _draw_one_private_key_for_symmetric_keys() -> None:
    """moto draws an RSA key for each key of KMS, also for those that never sign."""
    draw = kms.generate_private_key
    drawn = functools.cache(draw)
    kms.generate_private_key = lambda spec: (drawn if spec == "SYMMETRIC_DEFAULT" else draw)(spec)


def _track_no_instances() -> None:
    """moto keeps every object ever made, deleted ones too, to show them on a web page."""
    if "instances_tracked" not in vars(FakeKey):
        raise HookError("moto no longer tracks its instances")

    def __new__(cls: type, *args: Any, **kwargs: Any) -> Any:  # noqa: N807
        return object.__new__(cls)

    BaseModel.__new__ = __new__


def _read_managed_policies_once() -> None:
    """AWS's own policies for its public regions only: moto looks for each caller's key in every
    partition (China, the government's, …) and reads more than a thousand policies for each."""

    @replace(IAMBackend, "_init_aws_policies")
    def _init_aws_policies(original: Any, self: Any) -> list[Any]:
        return original(self) if self.partition == "aws" else []
