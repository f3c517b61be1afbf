"""Hooks into moto fail at once when moto has changed under them."""

from __future__ import annotations

from typing import Any

import pytest

from mall_platform.local_aws.hooks import HookError, operation, replace, replace_property


class Base:
    def inherited(self) -> str:
        return "inherited"


class Backend(Base):
    def create(self, name: str) -> str:
        return f"made {name}"

    @property
    def address(self) -> str:
        return "there"


def test_a_replaced_method_gets_the_original() -> None:
    @replace(Backend, "create", "name")
    def create(original: Any, self: Backend, name: str) -> str:
        return original(self, name.upper())

    @replace_property(Backend, "address")
    def address(original: Any, self: Backend) -> str:
        return f"not {original(self)}"

    assert Backend().create("x") == "made X"
    assert Backend().address == "not there"


@pytest.mark.parametrize(
    ("name", "parameters"), [("missing", ()), ("inherited", ()), ("create", ("renamed",))]
)
def test_a_method_that_is_gone_moved_or_changed_is_an_error(
    name: str, parameters: tuple[str, ...]
) -> None:
    with pytest.raises(HookError):
        replace(Backend, name, *parameters)


def test_a_property_that_is_gone_is_an_error() -> None:
    with pytest.raises(HookError):
        replace_property(Backend, "create")


def test_an_operation_that_moto_has_by_now_is_an_error() -> None:
    def update(self: Backend) -> str:
        return "updated"

    operation(Backend)(update)
    assert Backend().update() == "updated"  # type: ignore[attr-defined]
    with pytest.raises(HookError, match="drop ours"):
        operation(Backend)(update)
