"""Declares an infrastructure asset: a function of the spec that says what should be on AWS."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from infra_assets.resource import Resource
from infra_assets.spec import PlatformSpec


@dataclass(frozen=True)
class InfraAsset:
    """What an operator names and materializes: one or more resources, in the order of making."""

    area: str
    name: str
    deps: tuple[str, ...]
    """Addresses of the assets whose resources this one's refer to."""
    kinds: frozenset[str]
    description: str
    declare: Callable[[PlatformSpec], Sequence[Resource]]
    why_empty: str = ""
    """Why a spec may leave it without a resource, for people who look at it then."""

    @property
    def address(self) -> str:
        return f"{self.area}/{self.name}"

    @property
    def key(self) -> list[str]:
        """The Dagster asset key."""
        return ["infra", self.area, self.name]

    def resources(self, spec: PlatformSpec) -> list[Resource]:
        return [replace(resource, asset=self.address) for resource in self.declare(spec)]


def infra_asset(
    *, area: str, deps: Sequence[str] = (), kinds: Sequence[str] = (), why_empty: str = ""
) -> Callable[[Callable[[PlatformSpec], Sequence[Resource]]], InfraAsset]:
    """Turns a function of the spec into an asset of its name; its docstring describes it."""

    def declared(function: Callable[[PlatformSpec], Sequence[Resource]]) -> InfraAsset:
        return InfraAsset(
            area=area,
            name=function.__name__,
            deps=tuple(deps),
            kinds=frozenset({"aws", *kinds}),
            description=inspect.cleandoc(function.__doc__ or ""),
            declare=function,
            why_empty=why_empty,
        )

    return declared
