"""XML of nested dictionaries as xmltodict writes it, without an event for each of its pieces.

A dictionary is an element's attributes (`@name`), children and text (`#text`); a list is one
element for each of its items.
"""

from __future__ import annotations

import functools
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import xmltodict

_DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n'
_text = xmltodict._convert_value_to_string
_validate_name = functools.lru_cache(65_536)(xmltodict._validate_name)


def document(root: str, content: Any, *, declared: bool, short: bool) -> str:
    """One element; `declared` with XML's own first line, `short` with `<a/>` for what is empty.

    Raises ValueError for what is no name.
    """
    return (_DECLARATION if declared else "") + _element(root, content, short)


def _elements(name: str, value: Any, short: bool) -> str:
    if not hasattr(value, "__iter__") or isinstance(
        value, str | bytes | bytearray | memoryview | dict
    ):
        return _element(name, value, short)
    return "".join([_element(name, item, short) for item in value])


def _element(name: str, value: Any, short: bool) -> str:
    _validate_name(name, "element")
    attributes = ""
    if value is None:
        body = ""
    elif isinstance(value, dict):
        attributes, body = _inside(value, short)
    else:
        body = escape(_text(value))
    if short and not body:
        return f"<{name}{attributes}/>"
    return f"<{name}{attributes}>{body}</{name}>"


def _inside(content: dict[str, Any], short: bool) -> tuple[str, str]:
    """The attributes and the body of an element; its text comes after its children."""
    attributes, body, text = "", "", ""
    for key, value in content.items():
        if key == "#text":
            text = "" if value is None else escape(_text(value))
        elif key.startswith("@"):
            _validate_name(key[1:], "attribute")
            attributes += f" {key[1:]}={quoteattr('' if value is None else _text(value))}"
        else:
            body += _elements(key, value, short)
    return attributes, body + text
