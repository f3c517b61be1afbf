"""The published table of the functions that the local Athena computes."""

from __future__ import annotations

from itertools import groupby

from mall_platform.local_aws.athena import functions
from mall_platform.local_aws.athena.functions_registry import Function

_HEAD = """# Functions of the local Athena

Generated from the function table by `python -m mall_platform.local_aws.athena.functions_docs`; a
test keeps it current. Each function below gives the value that Athena's engine version 3 (Trino)
documents, or fails as it fails. A function that is not here is refused with NOT_SUPPORTED, and so
is every operator, clause and cast that the local Athena cannot compute exactly.

Approximate functions are exact here: on AWS `approx_distinct` and `approx_percentile` may differ
within their error. The order of array elements, map keys and ungrouped rows is promised by neither.
"""


def render() -> str:
    """The page as Markdown."""
    known = sorted(functions.TABLE.values(), key=lambda found: (found.group, found.name))
    parts = [_HEAD]
    for group, members in groupby(known, key=lambda found: found.group):
        parts.append(f"## {group}\n\n| function | kind | note |\n| --- | --- | --- |")
        parts.append("\n".join(_row(found) for found in members) + "\n")
    return "\n".join(parts)


def _row(found: Function) -> str:
    kind = "special form" if found.kind == "form" else found.kind
    return f"| `{found.name}` | {kind} | {found.note} |"


if __name__ == "__main__":
    from pathlib import Path

    Path("docs/athena-functions.md").write_text(render(), encoding="utf-8")
