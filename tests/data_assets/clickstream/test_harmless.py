"""Page, referrer and user agent say nothing personal (E4)."""

from __future__ import annotations

from urllib.parse import quote

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_assets.clickstream.harmless import (
    device,
    devices,
    host,
    hosts,
    masked_path,
    masked_paths,
    readable,
)


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("/", "/"),
        ("", ""),
        ("/products/123?from=a@b.jp#x", "/products/123"),
        ("/a#b?c", "/a"),
        ("?q=1", ""),
        ("/users/taro@example.jp/cart", "/users/:id/cart"),
        ("/users/taro%40example.jp", "/users/:id"),
        ("/users/taro%2540example.jp", "/users/:id"),
        ("/users/a%40b", "/users/:id"),
        ("/users/taro%EF%BC%A0example.jp", "/users/:id"),
        ("/users/ｔａｒｏ＠ｅｘａｍｐｌｅ．ｊｐ", "/users/:id"),
        ("/tel/⑩⑪⑫⑬", "/tel/:id"),
        ("/tel/090-1234-5678", "/tel/:id"),
        ("/tel/０９０１２３４５６７８", "/tel/:id"),
        ("/zip/987-6543/x", "/zip/:id/x"),
        ("/orders/1234567", "/orders/:id"),
        ("/orders/123456", "/orders/123456"),
        ("/12345/67", "/12345/67"),
        ("/tel/%30%39%30%31%32%33%34", "/tel/:id"),
        ("/@handle/100%", "/@handle/100%"),
        ("/カテゴリ/トップス", "/カテゴリ/トップス"),
        ("/%E5%B0%8F%E7%89%A9", "/%E5%B0%8F%E7%89%A9"),
    ],
)
def test_paths(page: str, expected: str) -> None:
    assert masked_paths(pl.Series("page", [page, None])).to_list() == [expected, None]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    before=st.text(alphabet="abc山%-_?#1 ", max_size=6),
    user=st.text(alphabet="abc019", min_size=1, max_size=6),
    digits=st.text(alphabet="0123456789", min_size=7, max_size=12),
    is_email=st.booleans(),
    encodings=st.integers(0, 2),
)
def test_no_spelling_of_an_email_or_number_stays(
    before: str, user: str, digits: str, is_email: bool, encodings: int
) -> None:
    secret = f"{user}@example.jp" if is_email else digits
    segment = before + secret
    for _ in range(encodings):
        segment = quote(segment, safe="")
    if encodings == 0 and ("?" in before or "#" in before or "%" in before):
        return
    [path] = masked_paths(pl.Series("page", [f"/x/{segment}/y"]))
    assert path == "/x/:id/y"
    assert secret not in readable(path)


def test_the_vectorised_paths_are_the_single_ones() -> None:
    pages = [f"/a/{text}/b" for text in ("x", "%", "1 2 3 4 5 6 7", "é@b", "a@b", "٣٣٣٣٣٣٣")]
    assert masked_paths(pl.Series(pages)).to_list() == [masked_path(page) for page in pages]


@pytest.mark.parametrize(
    ("referrer", "expected"),
    [
        ("https://www.Google.co.jp/search?q=x", "www.google.co.jp"),
        ("https://user:secret@line.me:8443/x", "line.me"),
        ("http://[2001:db8::1]:80/", "2001:db8::1"),
        ("android-app://com.google.android.gm/", "com.google.android.gm"),
        ("", None),
        ("taro@example.jp", None),
        ("direct", None),
        ("https://[broken", None),
        ("https://a b@c d/", None),
    ],
)
def test_hosts(referrer: str, expected: str | None) -> None:
    assert host(referrer) == expected
    assert hosts(pl.Series([referrer, None, referrer])).to_list() == [expected, None, expected]


@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [
        ("", "unknown"),
        ("  ", "unknown"),
        ("Mozilla/5.0 (iPad; CPU OS 17_5) Mobile/15E148", "tablet"),
        ("Mozilla/5.0 (Linux; Android 14; SM-X210) Safari/537.36", "tablet"),
        ("Mozilla/5.0 (Linux; Android 14; Pixel 8) Mobile Safari/537.36", "mobile"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5)", "mobile"),
        ("Opera/9.80 (J2ME/MIDP; Opera Mini) Presto Mobi", "mobile"),
        ("Mozilla/5.0 (Windows NT 10.0)", "desktop"),
        ("Mozilla/5.0 (iPhone; compatible; Googlebot/2.1)", "bot"),
        ("Baiduspider", "bot"),
        ("YAHOO! SLURP", "bot"),
        ("some CRAWLER", "bot"),
    ],
)
def test_devices(user_agent: str, expected: str) -> None:
    assert device(user_agent) == expected
    assert devices(pl.Series([user_agent, None])).to_list() == [expected, "unknown"]
