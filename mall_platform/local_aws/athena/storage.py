"""Objects of moto's S3, as files that an engine can read.

Every version of an object that a query needs is copied to the local disk once for a table, by
bucket, key and ETag, and never again. What is written goes through moto's own `put_object`, so that
notifications, encryption and versions behave as for any other client.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mall_platform.local_aws.athena.errors import AthenaError
from mall_platform.local_aws.hooks import replace_property

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True)
class Location:
    """A place in S3: `s3://bucket/prefix/`. The prefix is empty or ends with a slash."""

    bucket: str
    prefix: str

    @classmethod
    def parse(cls, url: str) -> Location:
        """Raises AthenaError unless the URL is an S3 one."""
        scheme, _, rest = url.partition("://")
        bucket, _, prefix = rest.partition("/")
        if scheme not in {"s3", "s3a", "s3n"} or not bucket:
            raise AthenaError(f"Not an S3 location: {url}", "INVALID_TABLE_PROPERTY")
        if prefix and not prefix.endswith("/"):
            prefix += "/"
        return cls(bucket, prefix)

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"

    def key(self, name: str) -> str:
        return self.prefix + name


@dataclass(frozen=True)
class StoredObject:
    """One object as it is now. `etag` is without quotes."""

    bucket: str
    key: str
    etag: str
    size_bytes: int

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def digest(self) -> str:
        """Names the object's content among all contents of all objects."""
        identity = "\0".join((self.bucket, self.key, self.etag))
        return hashlib.sha256(identity.encode()).hexdigest()[:40]


def lock_etags() -> None:
    """Makes moto compute an object's ETag under the lock that its content is read under.

    moto moves one file position for both; a query that reads an object while its ETag is computed
    would get half of it.
    """
    from moto.s3.models import FakeKey

    @replace_property(FakeKey, "etag")
    def etag(original: Callable[[Any], str], key: Any) -> str:
        if key._etag is None:
            with key.lock:
                return original(key)
        return original(key)


class Storage:
    """S3 of one account, and the files under `home` that mirror it."""

    def __init__(self, account_id: str, home: Path) -> None:
        self._account_id = account_id
        self._mirror = home / "mirror"
        self._scratch = home / "scratch"
        self._scratch.mkdir(parents=True, exist_ok=True)

    def _backend(self) -> Any:
        from moto.s3.models import s3_backends

        return s3_backends[self._account_id]["aws"]

    def _bucket(self, name: str) -> Any:
        from moto.s3.exceptions import MissingBucket

        try:
            return self._backend().get_bucket(name)
        except MissingBucket:
            raise AthenaError(
                f"The S3 bucket {name} does not exist", "HIVE_FILESYSTEM_ERROR"
            ) from None

    def scratch_folder(self) -> tempfile.TemporaryDirectory[str]:
        """A folder for files on their way to S3; the caller ends it."""
        return tempfile.TemporaryDirectory(dir=self._scratch)

    def has_bucket(self, bucket: str) -> bool:
        from moto.s3.exceptions import MissingBucket

        try:
            self._backend().get_bucket(bucket)
        except MissingBucket:
            return False
        return True

    def listing(self, bucket: str) -> Listing:
        """All current objects of a bucket, to look under many prefixes of it."""
        return Listing(self._bucket(bucket))

    def put(self, bucket: str, key: str, content: bytes) -> None:
        self._bucket(bucket)
        self._backend().put_object(bucket, key, content)

    def path(self, stored: StoredObject, folder: str) -> Path:
        """Where the object, or what is made from it, belongs in the mirror: under a folder of the
        caller's (`dt=2024-06-01`)."""
        return self._mirror / folder / f"{stored.digest}.parquet"

    def copy(self, stored: StoredObject, path: Path) -> None:
        """Copies the object's content to a path of the mirror unless it is there.

        Raises AthenaError if the object was replaced or deleted since it was listed.
        """
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, self.content(stored))

    def content(self, stored: StoredObject) -> bytes:
        """The bytes of just this version of the object."""
        for version in self._bucket(stored.bucket).keys.getlist(stored.key, []):
            if getattr(version, "etag", "").strip('"') == stored.etag:
                return bytes(version.value)
        raise AthenaError(f"Error opening {stored.url}: it is gone", "HIVE_CANNOT_OPEN_SPLIT")


class Listing:
    """The current objects of one bucket at one moment, in key order."""

    def __init__(self, bucket: Any) -> None:
        current = {
            key: versions[-1]
            for key, versions in list(bucket.keys.lists())
            if versions and hasattr(versions[-1], "contentsize")
        }
        self._bucket = bucket.name
        self._keys = sorted(current)
        self._current = current

    def under(self, prefix: str) -> Iterator[StoredObject]:
        """Every object whose key starts with the prefix."""
        for index in range(bisect_left(self._keys, prefix), len(self._keys)):
            key = self._keys[index]
            if not key.startswith(prefix):
                return
            version = self._current[key]
            yield StoredObject(self._bucket, key, version.etag.strip('"'), int(version.contentsize))

    def data(self, prefix: str) -> Iterator[StoredObject]:
        """The objects that a table at this prefix consists of.

        Athena reads folders recursively and passes over names that start with `_` or `.`, and over
        empty objects.
        """
        for stored in self.under(prefix):
            names = stored.key[len(prefix) :].split("/")
            if stored.size_bytes and not any(name.startswith(("_", ".")) for name in names):
                yield stored


def _write(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    Path(name).replace(path)
