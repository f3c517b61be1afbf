"""How moto is changed: methods replaced at named points, and operations added that it lacks.

Both fail at start when moto no longer has the shape they were written for, so that an upgrade of
moto is loud.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any


class HookError(Exception):
    """moto has changed at a point that the local AWS hooks into."""


def replace(owner: type, name: str, *parameters: str) -> Callable[[Callable], Callable]:
    """Replaces the method `name` of `owner` by a function that gets the original first.

    `parameters` are the names (after self) that moto's method must have; they're compared with
    its signature. The function is called as `function(original, self, *args, **kwargs)`.
    """
    original = owner.__dict__.get(name)
    if not inspect.isfunction(original):
        raise HookError(f"{owner.__module__}.{owner.__qualname__} has no method {name} of its own")
    found = set(inspect.signature(original).parameters)
    if missing := [p for p in parameters if p not in found]:
        raise HookError(f"{owner.__qualname__}.{name} has no parameter {', '.join(missing)}")

    def decorate(function: Callable) -> Callable:
        @functools.wraps(original)
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            return function(original, self, *args, **kwargs)

        setattr(owner, name, method)
        return function

    return decorate


def replace_property(owner: type, name: str) -> Callable[[Callable], Callable]:
    """Replaces the property `name` of `owner`; the function is called as `function(original, self)`
    where `original` is the getter that was there."""
    original = owner.__dict__.get(name)
    if not isinstance(original, property) or original.fget is None:
        raise HookError(f"{owner.__module__}.{owner.__qualname__} has no property {name}")

    def decorate(function: Callable) -> Callable:
        getter = functools.partial(function, original.fget)
        setattr(owner, name, property(lambda self: getter(self), original.fset))
        return function

    return decorate


def operation(responses: type) -> Callable[[Callable], Callable]:
    """Adds an operation that moto lacks: the function's name is the operation's in snake case.

    It is a method of moto's response class and returns what moto's own operations return.
    """

    def decorate(function: Callable) -> Callable:
        if hasattr(responses, function.__name__):
            raise HookError(f"moto now has {responses.__qualname__}.{function.__name__}: drop ours")
        setattr(responses, function.__name__, function)
        return function

    return decorate
