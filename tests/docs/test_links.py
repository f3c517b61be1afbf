"""Every page leads where it says: links, headings, and files named in passing are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

_LINK = re.compile(r"(?<!\\)\[[^\]]*\]\(([^)\s]+)(?: \"[^\"]*\")?\)")
_TOP = "resources|infra_assets|data_assets|sensors|mall_platform|tests|benchmarks|deploy|docs"
_FILE = re.compile(rf"^(?:(?:{_TOP})/[\w./*<>-]*|[\w.-]+\.(?:md|toml|lock))$")


def prose(page: str) -> str:
    """A page without its blocks of code."""
    without_fences = re.sub(r"^```.*?^```", "", page, flags=re.S | re.M)
    return "\n".join(line for line in without_fences.splitlines() if not line.startswith("    "))


def anchors(page: str) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    titles = re.findall(r"^#+ (.+)$", page, re.M)
    return {re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in titles}


def broken_links(page: Path, root: Path = ROOT) -> list[str]:
    """Links to files and headings that aren't there; addresses on the web aren't asked."""
    broken = []
    for link in _LINK.findall(prose(page.read_text("utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        is_there = target.exists() and target.is_relative_to(root)
        if not is_there or (anchor and anchor not in anchors(target.read_text("utf-8"))):
            broken.append(link)
    return broken


def missing_files(page: Path) -> list[str]:
    """Files and folders named in code type that aren't there, by the checkout's paths."""
    named = re.findall(r"`([^`\n]+)`", prose(page.read_text("utf-8")))
    files = [name.partition("::")[0] for name in named if _FILE.match(name.partition("::")[0])]
    near = (ROOT, page.parent)
    return [
        name
        for name in dict.fromkeys(files)
        if not any(any(base.glob(re.sub("<[^>]*>", "*", name.rstrip("/")))) for base in near)
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken_links(page) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_file_that_is_named_is_there(page: Path) -> None:
    assert missing_files(page) == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, found = set(), [ROOT / "README.md"]
    while found:
        page = found.pop()
        reached.add(page)
        links = (link.partition("#")[0] for link in _LINK.findall(prose(page.read_text("utf-8"))))
        targets = {(page.parent / link).resolve() for link in links if link.endswith(".md")}
        found += [target for target in targets - reached if target.is_file()]
    assert {page.name for page in PAGES if page not in reached} == set()


def test_what_is_not_there_is_found_out(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A title, with signs!\n[here](#a-title-with-signs) [gone](gone.md) [lost](#lost)\n"
        "[web](https://example.com)\n`resources/gone.py` `mall/marts/x` `gone.toml`\n"
        "```\n[code](code.md) `resources/code.py`\n```\n"
    )
    assert broken_links(page, tmp_path) == ["gone.md", "#lost"]
    assert missing_files(page) == ["resources/gone.py", "gone.toml"]
