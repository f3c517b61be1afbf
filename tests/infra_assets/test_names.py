"""Objects that replace each other while their names are unique take turns with them."""

from __future__ import annotations

from infra_assets.types.names import free_name, without_turn


def test_the_name_itself_comes_first_and_again_after_its_successor() -> None:
    assert free_name("mall-dev-web", []) == "mall-dev-web"
    assert free_name("mall-dev-web", ["mall-dev-web"]) == "mall-dev-web-2"
    assert free_name("mall-dev-web", ["mall-dev-web-2"]) == "mall-dev-web"
    assert free_name("mall-dev-web", ["mall-dev-web", "mall-dev-web-2"]) == "mall-dev-web-3"


def test_a_turn_is_no_part_of_the_name() -> None:
    names = ["mall-dev-web", "mall-dev-web-2"]
    assert {without_turn(name) for name in names} == {"mall-dev-web"}
