"""What a click says about its sender, made harmless: page, referrer and user agent (E4)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from data_assets.masking import each_once

if TYPE_CHECKING:
    import polars as pl

MASKED_SEGMENT = ":id"
_PERSONAL_DIGITS = 7
_EMAIL = re.compile(r"[^@\s]@[^@\s]")
_SUSPICIOUS = rf"[@%]|[^\x00-\x7f]|(?:[0-9][^/]*){{{_PERSONAL_DIGITS}}}"
_DECODINGS = 3
_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")
_HOST = re.compile(r"^[\w.-]+$|^[0-9a-f:.]+$")


def masked_paths(pages: pl.Series) -> pl.Series:
    """Paths without query and fragment, personal segments replaced; NULL stays NULL."""
    return each_once(pages, _masked)


def _masked(pages: pl.Series) -> pl.Series:
    import polars as pl

    paths = pages.str.replace(r"(?s)[?#].*", "")
    is_suspicious = paths.str.contains(_SUSPICIOUS)
    masked = pl.Series([masked_path(p) for p in paths.filter(is_suspicious)], dtype=pl.String)
    return paths.scatter(is_suspicious.arg_true(), masked)


def masked_path(path: str) -> str:
    """A path in which segments with an e-mail or seven digits or more read `:id`.

    A segment is judged after percent-decoding (also repeated) and NFKC; others stay as they are.
    """
    return "/".join(MASKED_SEGMENT if _is_personal(s) else s for s in path.split("/"))


def readable(segment: str) -> str:
    """A path segment after percent-decoding, also repeated, and NFKC."""
    return _readings(segment)[-1]


def _readings(segment: str) -> list[str]:
    """What a segment says without its encoded parts, and after each percent-decoding, in NFKC."""
    found = [_ENCODED.sub("", segment), segment]
    for _ in range(_DECODINGS):
        decoded = unquote(found[-1], errors="replace")
        if decoded == found[-1]:
            break
        found.append(decoded)
    if len(found) > 2:
        del found[1]
    return [unicodedata.normalize("NFKC", text) for text in found]


@lru_cache(maxsize=10_000)
def _is_personal(segment: str) -> bool:
    if len(segment) < _PERSONAL_DIGITS and segment.isascii() and segment.isalnum():
        return False
    return any(
        _EMAIL.search(text) or sum(map(str.isdecimal, text)) >= _PERSONAL_DIGITS
        for text in _readings(segment)
    )


def without_segments(paths: Iterable[str], personal: set[str]) -> list[str]:
    """The paths with segments that read as one of `personal` replaced."""
    return [
        "/".join(MASKED_SEGMENT if readable(s) in personal else s for s in path.split("/"))
        for path in paths
    ]


def hosts(referrers: pl.Series) -> pl.Series:
    """Hosts in lower case, without user info and port; NULL where there is none."""
    import polars as pl

    return each_once(referrers, lambda texts: pl.Series(map(host, texts), dtype=pl.String))


def host(referrer: str) -> str | None:
    """The host of a URL; None for anything else."""
    try:
        name = urlsplit(referrer.strip()).hostname
    except ValueError:
        return None
    return name if name and _HOST.match(name) else None


def devices(user_agents: pl.Series) -> pl.Series:
    """The kind of device of each user agent; NULL and blank are `unknown`."""
    import polars as pl

    found = each_once(user_agents, lambda texts: pl.Series(map(device, texts), dtype=pl.String))
    return found.fill_null("unknown")


def device(user_agent: str) -> str:
    """`unknown`, `bot`, `tablet`, `mobile` or `desktop`, ignoring case."""
    text = user_agent.lower()
    if not text.strip():
        return "unknown"
    if any(name in text for name in ("bot", "crawler", "spider", "slurp")):
        return "bot"
    if "ipad" in text or "tablet" in text or ("android" in text and "mobile" not in text):
        return "tablet"
    if any(name in text for name in ("mobi", "iphone", "android")):
        return "mobile"
    return "desktop"
