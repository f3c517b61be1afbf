"""docs/athena-functions.md is what the function table says."""

from pathlib import Path

from mall_platform.local_aws.athena import functions, functions_docs

PAGE = Path(__file__).parents[2] / "docs" / "athena-functions.md"


def test_page_is_current() -> None:
    """(A0)"""
    assert PAGE.read_text(encoding="utf-8") == functions_docs.render()


def test_page_lists_every_function() -> None:
    """(A0)"""
    page = PAGE.read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in page for name in functions.TABLE)
