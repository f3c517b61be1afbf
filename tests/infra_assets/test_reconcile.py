"""The pure diff: what is a difference, and what is only another way to write the same."""

from __future__ import annotations

import pytest

from infra_assets.reconcile import Change, canonical, diff


def changed(wanted: dict, now: dict, sets: frozenset[str] = frozenset()) -> list[str]:
    return [change.attribute for change in diff(wanted, now, sets=sets)]


def test_only_declared_attributes_are_compared() -> None:
    assert changed({"a": 1}, {"a": 1, "added_by_aws": True}) == []


def test_a_missing_attribute_differs() -> None:
    assert diff({"a": 1}, {}, fixed=frozenset({"a"})) == (Change("a", None, 1, True),)


def test_absent_and_none_are_the_same() -> None:
    assert changed({"a": {"b": 1}}, {"a": {"b": 1, "c": None}}) == []


def test_other_peoples_tags_are_theirs() -> None:
    assert changed({"tags": {"mall:owner": "x"}}, {"tags": {"mall:owner": "x", "bill": "y"}}) == []
    assert changed({"tags": {"mall:owner": "x"}}, {"tags": {"bill": "y"}}) == ["tags"]


def test_the_order_of_an_ordered_list_matters() -> None:
    assert changed({"a": [1, 2]}, {"a": [2, 1]}) == ["a"]
    assert changed({"a": [{"b": 1}, 2]}, {"a": [2, {"b": 1}]}, frozenset({"a"})) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"Action": ["s3:GetObject"]}, {"Action": "s3:GetObject"}),
        ({"Action": ["a:A", "b:B"]}, {"Action": ["b:B", "a:A"]}),
        ({"Condition": {"Bool": {"x": False}}}, {"Condition": {"Bool": {"x": ["false"]}}}),
        ({"Condition": {"Num": {"x": 10}}}, {"Condition": {"Num": {"x": "10"}}}),
    ],
)
def test_a_policy_is_the_same_however_it_is_written(one: dict, other: dict) -> None:
    def document(statement: dict) -> dict:
        return {"Version": "2012-10-17", "Statement": [statement]}

    assert canonical(document(one)) == canonical(document(other))
    assert canonical(document(one)) == canonical({**document(one), "Statement": other})


def test_policies_with_different_effects_differ() -> None:
    allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*"}]}
    deny = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:*"}]}
    assert canonical(allow) != canonical(deny)
