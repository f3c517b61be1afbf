"""Who a customer is: passwords as scrypt hashes, and signed cookies that name the customer."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time

_N, _R, _P = 2**14, 8, 1
LIFE_S = 7 * 24 * 3600


def hashed(password: str) -> str:
    """`scrypt$<salt>$<hash>`, both in hexadecimal."""
    salt = secrets.token_bytes(16)
    return f"scrypt${salt.hex()}${_scrypt(password, salt).hex()}"


def is_password(password: str, stored: str) -> bool:
    """Whether the password is the one of a stored hash; a hash of any other form matches none."""
    scheme, _, rest = stored.partition("$")
    salt, _, wanted = rest.partition("$")
    try:
        known = scheme == "scrypt" and bytes.fromhex(salt) and bytes.fromhex(wanted)
    except ValueError:
        known = b""
    actual = _scrypt(password, bytes.fromhex(salt) if known else b"-")
    return bool(known) and hmac.compare_digest(actual, known)


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=_N, r=_R, p=_P, dklen=32)


def token(customer_id: int, key: str, now: float | None = None) -> str:
    """A cookie that says who signed in, good for seven days."""
    until = int(time.time() if now is None else now) + LIFE_S
    content = f"{customer_id}.{until}"
    return f"{content}.{_signature(content, key)}"


def customer_of(cookie: str, key: str, now: float | None = None) -> int | None:
    """The customer that a cookie names; None if it is forged, altered or too old."""
    content, _, signature = cookie.rpartition(".")
    if not hmac.compare_digest(signature.encode(), _signature(content, key).encode()):
        return None
    customer, _, until = content.partition(".")
    return int(customer) if int(until) > (time.time() if now is None else now) else None


def _signature(content: str, key: str) -> str:
    digest = hmac.digest(key.encode(), content.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
