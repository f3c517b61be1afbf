"""What a customer's request says, checked: every value has a type and a limit."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from shop_api.shop import RefusedError

BODY_LIMIT = 64 * 1024
_SESSION_ID = re.compile(r"[0-9a-f]{32}")


@dataclass
class Request:
    """One request; `path` is without its query, `cookies_to_set` go out with the reply."""

    method: str
    target: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    """With lower-case names."""
    cookies_to_set: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        parts = urlsplit(self.target)
        self.path = parts.path
        self._query = parse_qs(parts.query)
        try:
            self._cookies = SimpleCookie(self.headers.get("cookie", ""))
        except CookieError:
            self._cookies = SimpleCookie()

    def cookie(self, name: str) -> str:
        found = self._cookies.get(name)
        return found.value if found else ""

    def set_cookie(self, name: str, value: str, *, life_s: int) -> None:
        """A cookie that scripts can't read and other sites can't send."""
        secure = "; Secure" if self.headers.get("x-forwarded-proto") == "https" else ""
        self.cookies_to_set.append(
            f"{name}={value}; Path=/; Max-Age={life_s}; HttpOnly; SameSite=Lax{secure}"
        )

    @property
    def session_id(self) -> str:
        """The visit, remembered by a cookie; a new one for a visitor without."""
        known = self.cookie("visit")
        if not _SESSION_ID.fullmatch(known):
            known = secrets.token_hex(16)
            self.set_cookie("visit", known, life_s=1800)
            self._cookies["visit"] = known
        return known

    def query(self, name: str, default: str = "") -> str:
        return self._query.get(name, [default])[0]

    def query_number(self, name: str, default: int | None = None) -> int | None:
        text = self.query(name)
        if not text:
            return default
        if not re.fullmatch(r"[1-9]\d{0,8}", text):
            raise RefusedError(400, f"{name} is not a positive number")
        return int(text)

    def json(self) -> Fields:
        """The body as a JSON object. Raises RefusedError.

        Its content type must say so: that keeps other sites' forms out.
        """
        if self.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise RefusedError(415, "the body must be application/json")
        try:
            content = json.loads(self.body)
        except ValueError:
            raise RefusedError(400, "the body is not JSON") from None
        if not isinstance(content, dict):
            raise RefusedError(400, "the body is not a JSON object")
        return Fields(content)


@dataclass(frozen=True)
class Fields:
    """The members of a JSON object. Each method raises RefusedError for a value it can't take."""

    content: dict[str, Any]

    def text(self, name: str, *, limit: int, least: int = 0) -> str:
        value = self.content.get(name, "")
        if not isinstance(value, str) or not least <= len(value.strip()) <= limit:
            raise RefusedError(400, f"{name} must be a text of {least} to {limit} characters")
        return value.strip()

    def number(self, name: str, *, least: int, most: int) -> int:
        return _number(self.content.get(name), name, least, most)

    def optional_number(self, name: str, *, least: int, most: int) -> int | None:
        return None if self.content.get(name) is None else self.number(name, least=least, most=most)

    def email(self) -> str:
        value = self.text("email", limit=255, least=3)
        if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value):
            raise RefusedError(400, "email is not an address")
        return value

    def lines(self) -> dict[int, int]:
        """Quantities by product of an order's `lines`: 1 to 50 products, 1 to 99 of each."""
        lines = self.content.get("lines")
        if not isinstance(lines, list) or not 1 <= len(lines) <= 50:
            raise RefusedError(400, "lines must be a list of 1 to 50")
        quantities: dict[int, int] = {}
        for line in lines:
            if not isinstance(line, dict):
                raise RefusedError(400, "a line must be an object")
            product = _number(line.get("product_id"), "product_id", 1, 2**63 - 1)
            quantity = _number(line.get("quantity"), "quantity", 1, 99)
            quantities[product] = min(quantities.get(product, 0) + quantity, 99)
        return quantities


def _number(value: Any, name: str, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise RefusedError(400, f"{name} must be a number from {least} to {most}")
    return value
