"""Parts of URLs; NULL where the text is no URL."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, quote_plus, unquote, unquote_plus, urlsplit

from mall_platform.local_aws.athena.functions_registry import Table

TABLE = Table("URLs")
_add = TABLE.scalar
_ILLEGAL = re.compile(r"[\s\"<>\\^`{|}]|%(?![0-9A-Fa-f]{2})|[\[\]]")


def _parsed(url: str) -> SplitResult | None:
    if _ILLEGAL.search(url):
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _host(url: str) -> str | None:
    parts = _parsed(url)
    if parts is None:
        return None
    host = parts.netloc.rpartition("@")[2].partition(":")[0]
    return host or None


def _protocol(url: str) -> str | None:
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", url) if _parsed(url) else None
    return scheme[1] if scheme else None


def _path(url: str) -> str | None:
    parts = _parsed(url)
    return None if parts is None else unquote(parts.path)


def _query(url: str) -> str | None:
    parts = _parsed(url)
    return None if parts is None or "?" not in url.partition("#")[0] else unquote(parts.query)


def _fragment(url: str) -> str | None:
    parts = _parsed(url)
    return None if parts is None or "#" not in url else unquote(parts.fragment)


def _port(url: str) -> int | None:
    parts = _parsed(url)
    return None if parts is None else parts.port


def _parameter(url: str, name: str) -> str | None:
    parts = _parsed(url)
    if parts is None:
        return None
    if re.search(r"%(26|3[dD])", parts.query):
        raise ValueError("NOT_SUPPORTED: a parameter with an encoded & or = in it")
    for pair in unquote(parts.query).split("&"):
        key, _, value = pair.partition("=")
        if key == name and "?" in url:
            return value
    return None


def _encode(text: str) -> str:
    return quote_plus(text, safe="*").replace("~", "%7E")


def _decode(text: str) -> str:
    return unquote_plus(text)


_PARTS = (
    ("host", _host, "VARCHAR", "varchar"),
    ("protocol", _protocol, "VARCHAR", "varchar"),
    ("path", _path, "VARCHAR", "varchar"),
    ("query", _query, "VARCHAR", "varchar"),
    ("fragment", _fragment, "VARCHAR", "varchar"),
    ("port", _port, "BIGINT", "bigint"),
)
PYTHON = (
    *((f"trino_url_{name}", part, ("VARCHAR",), kind) for name, part, kind, _ in _PARTS),
    ("trino_url_parameter", _parameter, ("VARCHAR", "VARCHAR"), "VARCHAR"),
    ("trino_url_encode", _encode, ("VARCHAR",), "VARCHAR"),
    ("trino_url_decode", _decode, ("VARCHAR",), "VARCHAR"),
)

for _name, *_, _kind in _PARTS:
    _add(f"url_extract_{_name}(varchar) -> {_kind}", f"trino_url_{_name}({{0}})")
_add("url_extract_parameter(varchar, varchar) -> varchar", "trino_url_parameter({0}, {1})")
_add("url_encode(varchar) -> varchar", "trino_url_encode({0})")
_add("url_decode(varchar) -> varchar", "trino_url_decode({0})")
