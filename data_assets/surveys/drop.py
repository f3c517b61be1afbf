"""The drop bucket: what was dropped, and what became of it.

State lives here and nowhere else: one small object per dropped version under `ledger/`, named by
the version, so that one listing tells which files are dealt with. A key in a versioned bucket may
hold several files one after the other; each version is a file of its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from resources.aws import Aws
from resources.faults import explained

DROPPED = "surveys/"
LEDGER = "ledger/"
QUARANTINE = "quarantine/"
DROP_BUCKET = "infra/storage/drop_bucket"

Outcome = Literal["accepted", "superseded", "quarantined"]

_UNVERSIONED = "null"


@dataclass(frozen=True)
class DroppedFile:
    """One version of one key under `surveys/`; `last_modified` is S3's, in UTC."""

    key: str
    version_id: str
    last_modified: datetime
    size_bytes: int
    etag: str

    @property
    def id(self) -> str:
        """Names this version in the ledger and the quarantine, whatever its key looks like.

        In a bucket without versions, new content counts as a new version.
        """
        return hashlib.sha256(f"{self.key}\0{self.version}".encode()).hexdigest()[:32]

    @property
    def version(self) -> str:
        return self.etag if self.version_id == _UNVERSIONED else self.version_id

    @property
    def age_order(self) -> tuple[datetime, str]:
        """Sorts files oldest first."""
        return self.last_modified, self.key

    @property
    def source(self) -> dict[str, str]:
        """The object in boto3's terms, without its bucket."""
        if self.version_id == _UNVERSIONED:
            return {"Key": self.key}
        return {"Key": self.key, "VersionId": self.version_id}


class NoSuchFileError(Exception):
    """A file that was asked for isn't in the drop bucket."""

    def __init__(self, key: str, version_id: str | None) -> None:
        which = f"version {version_id}" if version_id else "current version"
        super().__init__(f"The drop bucket has no {which} of {key}.")


class DropBucket:
    """The drop bucket of one environment.

    Every method raises MissingInfrastructureError if the bucket isn't there.
    """

    def __init__(self, aws: Aws) -> None:
        self.name = aws.bucket("drop")
        self._s3 = aws.client("s3")

    def files(self, prefix: str = DROPPED) -> list[DroppedFile]:
        """Every dropped version, oldest first, of the keys that aren't deleted.

        S3's times are whole seconds: files of one second are in the order of their keys, versions
        of one key in the order in which they were put.
        """
        versions: list[DroppedFile] = []
        deleted: set[str] = set()
        for page in self._pages("list_object_versions", prefix):
            deleted |= {m["Key"] for m in page.get("DeleteMarkers", []) if m["IsLatest"]}
            versions += [_file(v) for v in page.get("Versions", []) if not v["Key"].endswith("/")]
        newest_last = reversed([file for file in versions if file.key not in deleted])
        return sorted(newest_last, key=lambda file: file.age_order)

    def find(self, key: str, version_id: str | None) -> DroppedFile:
        """One version of a key, the newest by default; raises NoSuchFileError."""
        found = [file for file in self.files(key) if file.key == key]
        matching = [f for f in found if version_id in (None, f.version_id)]
        if not matching or not key.startswith(DROPPED):
            raise NoSuchFileError(key, version_id)
        return matching[-1]

    def read(self, file: DroppedFile) -> bytes:
        with self._explained():
            content: bytes = self._s3.get_object(Bucket=self.name, **file.source)["Body"].read()
        return content

    def dealt_with(self) -> frozenset[str]:
        """The ids of the versions that need no run any more."""
        return frozenset(
            item["Key"].removeprefix(LEDGER).removesuffix(".json")
            for page in self._pages("list_objects_v2", LEDGER)
            for item in page.get("Contents", [])
        )

    def record(self, file: DroppedFile, outcome: Outcome, counts: dict[str, Any]) -> None:
        """Marks a version as dealt with."""
        entry = {
            "key": file.key,
            "version_id": file.version_id,
            "last_modified": file.last_modified.isoformat(),
            "outcome": outcome,
            **counts,
        }
        self.put(f"{LEDGER}{file.id}.json", json.dumps(entry, ensure_ascii=False).encode())

    def put(self, key: str, body: bytes) -> None:
        with self._explained():
            self._s3.put_object(Bucket=self.name, Key=key, Body=body)

    def copy(self, file: DroppedFile, key: str) -> None:
        with self._explained():
            source = {"Bucket": self.name, **file.source}
            self._s3.copy_object(Bucket=self.name, Key=key, CopySource=source)

    def remove(self, file: DroppedFile) -> None:
        """Deletes exactly this version; of an unversioned bucket nothing, as it can't be sure."""
        if file.version_id != _UNVERSIONED:
            with self._explained():
                self._s3.delete_object(Bucket=self.name, **file.source)

    def _pages(self, operation: str, prefix: str) -> Iterator[dict[str, Any]]:
        with self._explained():
            yield from self._s3.get_paginator(operation).paginate(Bucket=self.name, Prefix=prefix)

    def _explained(self) -> AbstractContextManager[None]:
        return explained(f"The drop bucket {self.name}", DROP_BUCKET)


def undealt(files: Iterable[DroppedFile], dealt_with: frozenset[str]) -> list[DroppedFile]:
    """The files that no run has finished with, in the order given."""
    return [file for file in files if file.id not in dealt_with]


def _file(version: dict[str, Any]) -> DroppedFile:
    return DroppedFile(
        key=version["Key"],
        version_id=version["VersionId"],
        last_modified=version["LastModified"],
        size_bytes=version["Size"],
        etag=version["ETag"].strip('"'),
    )
