"""Tags in AWS's several notations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def pairs(tags: Mapping[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Tags as the list of pairs that most services take."""
    return [{key: name, value: text} for name, text in sorted(tags.items())]


def from_pairs(
    tags: Iterable[Mapping[str, str]] | None, key: str = "Key", value: str = "Value"
) -> dict[str, str]:
    """The pairs that a service answered with, as a dict."""
    return {tag[key]: tag[value] for tag in tags or ()}
