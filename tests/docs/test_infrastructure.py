"""The page of the infrastructure and the operator's policies show what the code declares."""

from __future__ import annotations

from xml.etree import ElementTree

from infra_assets.page import (
    OPERATOR,
    PAGE,
    PICTURE,
    operator_files,
    page,
    picture,
    production,
    requirements_of,
)
from infra_assets.picture import network_svg
from infra_assets.registry import REGISTRY

UPDATE = ".venv/bin/python -m infra_assets.page"


def test_the_picture_is_the_networks() -> None:
    """(N1, N2, N3)"""
    assert PICTURE.read_text("utf-8") == picture(), f"Drawn anew by: {UPDATE}"


def test_the_table_of_assets_is_the_registrys() -> None:
    text = PAGE.read_text("utf-8")
    assert text == page(text), f"Renewed by: {UPDATE}"


def test_every_asset_cites_a_requirement() -> None:
    assert [asset.address for asset in REGISTRY if not requirements_of(asset)] == []


def test_the_picture_follows_the_spec() -> None:
    """(N2) With one NAT gateway the other zone's servers leave through it."""
    assert "NAT gateway nat-c" in picture()
    smaller = production().model_copy(update={"nat_per_zone": False, "database_multi_az": False})
    drawn = network_svg(smaller)
    assert ElementTree.fromstring(drawn).tag.endswith("svg")
    assert ("nat-c" in drawn, "standby" in drawn) == (False, False)


def test_the_operators_policies_are_the_codes() -> None:
    """(N3)"""
    found = {file.name: file.read_text("utf-8") for file in OPERATOR.iterdir()}
    assert found == operator_files(), f"Written anew by: {UPDATE}"
