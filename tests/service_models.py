"""Whether calls are what AWS's service models say: botocore itself looks at types, required
parameters and the smallest sizes only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import botocore.session
import regex
from botocore.model import ServiceModel, Shape

from tests.authorization import ApiCall


@cache
def model_of(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


def faults(call: ApiCall) -> list[str]:
    """What a service's model would refuse in a call: values no enum has, patterns not met, texts,
    lists, maps and numbers beyond their bounds, parameters unknown."""
    shape = model_of(call.service).operation_model(call.operation).input_shape
    if shape is None:
        return [f"{call.operation} takes nothing"] if call.parameters else []
    where = f"{call.service} {call.operation}"
    return [f"{where}{path}" for path in _faults(shape, call.parameters, "")]


def _faults(shape: Shape, value: Any, path: str) -> Iterator[str]:
    match shape.type_name:
        case "structure":
            yield from _of_structure(shape, value, path)
        case "list":
            yield from _out_of_bounds(shape, len(value), path)
            for item in value:
                yield from _faults(shape.member, item, f"{path}[]")
        case "map":
            yield from _out_of_bounds(shape, len(value), path)
            for key, item in value.items():
                yield from _faults(shape.key, key, f"{path}.<key>")
                yield from _faults(shape.value, item, f"{path}.{key}")
        case "string":
            yield from _of_text(shape, value, path)
        case "integer" | "long" | "float" | "double":
            yield from _out_of_bounds(shape, value, path)


def _of_structure(shape: Any, value: Mapping[str, Any], path: str) -> Iterator[str]:
    for name in shape.required_members:
        if name not in value:
            yield f"{path}.{name} is missing"
    if getattr(shape, "is_tagged_union", False) and len(value) != 1:
        yield f"{path} is a union and has {sorted(value)}"
    for name, item in value.items():
        if name not in shape.members:
            yield f"{path}.{name} is unknown"
        elif item is not None:
            yield from _faults(shape.members[name], item, f"{path}.{name}")


def _of_text(shape: Any, value: str, path: str) -> Iterator[str]:
    if shape.enum and value not in shape.enum:
        yield f"{path}: {value!r} is none of {shape.enum}"
    yield from _out_of_bounds(shape, len(value), path)
    pattern = shape.metadata.get("pattern")
    if pattern and not _pattern(pattern).fullmatch(value):
        yield f"{path}: {value!r} doesn't match {pattern}"


def _out_of_bounds(shape: Shape, size: float, path: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if (low is not None and size < low) or (high is not None and size > high):
        yield f"{path}: {size} is not within {low} and {high}"


@cache
def _pattern(pattern: str) -> regex.Pattern[str]:
    """A model's pattern, which is Java's: planes beyond the first are pairs of surrogates there."""
    beyond = pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")
    return regex.compile(beyond)
