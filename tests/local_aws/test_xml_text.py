"""The local AWS's XML is xmltodict's, to the letter."""

from __future__ import annotations

from typing import Any

import pytest
import xmltodict
from hypothesis import given
from hypothesis import strategies as st

from mall_platform.local_aws import xml_text

NAMES = st.text("abcXYZ:_-.1", min_size=1, max_size=4)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=6)
LEAVES = TEXTS | st.none() | st.booleans() | st.integers() | st.floats() | st.binary(max_size=4)
KEYS = NAMES | NAMES.map(lambda name: f"@{name}") | st.just("#text")


def of_kind(key: str, value: Any) -> bool:
    """Attributes and text hold no elements."""
    return key[0] not in "@#" or not isinstance(value, dict | list)


CONTENTS = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner.filter(lambda item: not isinstance(item, list)), max_size=3)
        | st.dictionaries(KEYS, inner, max_size=4).map(
            lambda found: {k: v for k, v in found.items() if of_kind(k, v)}
        )
    ),
    max_leaves=12,
).filter(lambda content: isinstance(content, dict))

unparse = getattr(xmltodict.unparse, "__wrapped__", xmltodict.unparse)


@given(NAMES, CONTENTS, st.booleans(), st.booleans())
def test_a_document_is_as_xmltodict_writes_it(
    root: str, content: dict[str, Any], declared: bool, short: bool
) -> None:
    assert xml_text.document(root, content, declared=declared, short=short) == unparse(
        {root: content}, full_document=declared, short_empty_elements=short, pretty=False
    )


@pytest.mark.parametrize("name", ["a b", "<a", "a>", "/a", '"a', "a='b", "?a", "!a"])
@pytest.mark.parametrize("sign", ["", "@"])
def test_what_is_no_name_is_refused_as_xmltodict_does(name: str, sign: str) -> None:
    content = {sign + name: "text"}
    with pytest.raises(ValueError) as expected:
        unparse({"root": content})
    with pytest.raises(ValueError) as found:
        xml_text.document("root", content, declared=True, short=True)
    assert str(found.value) == str(expected.value)
