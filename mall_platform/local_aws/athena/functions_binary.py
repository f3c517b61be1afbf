"""Binary values: encodings and digests."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import zlib
from collections.abc import Callable

from mall_platform.local_aws.athena.functions_registry import Table

TABLE = Table("Binary")
_add = TABLE.scalar


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError("INVALID_FUNCTION_ARGUMENT: Illegal base64 character") from error


def _from_base64url(text: str) -> bytes:
    return _from_base64(text.replace("-", "+").replace("_", "/"))


def _to_base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode()


def _from_hex(text: str) -> bytes:
    try:
        return binascii.unhexlify(text)
    except binascii.Error as error:
        raise ValueError("INVALID_FUNCTION_ARGUMENT: not a hex string") from error


def _from_utf8(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _crc32(value: bytes) -> int:
    return zlib.crc32(value)


def _digest(name: str) -> Callable[[bytes], bytes]:
    def digest(value: bytes) -> bytes:
        return hashlib.new(name, value, usedforsecurity=False).digest()

    return digest


def _keyed(name: str) -> Callable[[bytes, bytes], bytes]:
    def digest(value: bytes, key: bytes) -> bytes:
        return hmac.digest(key, value, name)

    return digest


_DIGESTS = ("md5", "sha1", "sha256", "sha512")
PYTHON = (
    ("trino_from_base64", _from_base64, ("VARCHAR",), "BLOB"),
    ("trino_from_base64url", _from_base64url, ("VARCHAR",), "BLOB"),
    ("trino_to_base64url", _to_base64url, ("BLOB",), "VARCHAR"),
    ("trino_from_hex", _from_hex, ("VARCHAR",), "BLOB"),
    ("trino_from_utf8", _from_utf8, ("BLOB",), "VARCHAR"),
    ("trino_crc32", _crc32, ("BLOB",), "BIGINT"),
    *((f"trino_{name}", _digest(name), ("BLOB",), "BLOB") for name in _DIGESTS),
    *((f"trino_hmac_{name}", _keyed(name), ("BLOB", "BLOB"), "BLOB") for name in _DIGESTS),
)

_add("to_utf8(varchar) -> varbinary", "encode({0})")
_add("from_utf8(varbinary) -> varchar", "trino_from_utf8({0})")
_add("to_hex(varbinary) -> varchar", "hex({0})")
_add("from_hex(varchar) -> varbinary", "trino_from_hex({0})")
_add("to_base64(varbinary) -> varchar", "to_base64({0})")
_add("from_base64(varchar) -> varbinary", "trino_from_base64({0})")
_add("to_base64url(varbinary) -> varchar", "trino_to_base64url({0})")
_add("from_base64url(varchar) -> varbinary", "trino_from_base64url({0})")
_add("crc32(varbinary) -> bigint", "trino_crc32({0})")
for _name in _DIGESTS:
    _add(f"{_name}(varbinary) -> varbinary", f"trino_{_name}({{0}})")
    _add(f"hmac_{_name}(varbinary, varbinary) -> varbinary", f"trino_hmac_{_name}({{0}}, {{1}})")
_add("length(varbinary) -> bigint", "octet_length({0})")
