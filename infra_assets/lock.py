"""One apply at a time: a lock that is an object in the state bucket.

S3's conditional writes decide who gets it. It's renewed while it is held, so that one whose holder
has died can be taken over once it has expired; on the holder's own machine, which can see that it
has died, at once. One that was given back stays as an object, so that who has looked at AWS before
taking it can tell whether somebody had it meanwhile.
"""

from __future__ import annotations

import json
import socket
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

from infra_assets.errors import InfraError
from infra_assets.process import has_ended, this_process
from resources.aws import Aws

_KEY = "locks/apply.json"


class LockHeldError(InfraError):
    """Somebody else is changing this environment."""

    def __init__(self, holder: str, since: str) -> None:
        super().__init__(f"{holder} has been changing this environment since {since}")
        self.holder = holder
        self.since = since


class LockLostError(InfraError):
    """The lock could not be renewed in time, so somebody else may hold it now."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class ApplyLock:
    """The lock of one environment, as a context manager.

    Raises LockHeldError on entry when somebody who may be alive holds it and it hasn't expired.
    `check` raises LockLostError once it may have passed to somebody else. After `look`,
    `is_as_seen` says whether nobody has had it between then and entry.
    """

    aws: Aws
    bucket: str
    holder: str
    time_to_live: timedelta = timedelta(seconds=90)
    now: Callable[[], datetime] = _utc_now
    _token: str = field(default_factory=lambda: uuid.uuid4().hex)
    is_as_seen: bool = field(default=False, init=False)
    _seen: str | None = None
    _etag: str = ""
    _since: str = ""
    _expires_at: datetime = field(default_factory=_utc_now)
    _lost: bool = False
    _ended: threading.Event = field(default_factory=threading.Event)
    _renewer: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.acquire()
        self._renewer = threading.Thread(target=self._keep, name="apply-lock", daemon=True)
        self._renewer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        if self._renewer:
            self._renewer.join()
        if not self._lost:
            self.release()

    def look(self) -> None:
        """Notes which lock there is, if nobody holds it; before the look at what it guards."""
        found = self._read()
        self._seen = found["etag"] if found else ""
        if found and not self._is_free(found):
            self._seen = None

    def acquire(self) -> None:
        self._since = self.now().isoformat(timespec="seconds")
        if self._seen is not None and self._take(self._seen):
            self.is_as_seen = True
            return
        held = self._read()
        if held and held["token"] == self._token:
            self._etag = held["etag"]
        elif held and not self._is_free(held):
            raise LockHeldError(held["holder"], held["since"])
        elif not self._take(held["etag"] if held else ""):
            self.acquire()

    def renew(self) -> None:
        """Puts the expiry off. Raises LockLostError if somebody has taken the lock over."""
        if not self._put(IfMatch=self._etag):
            held = self._read()
            if held is None or held["token"] != self._token:
                self._lost = True
                raise LockLostError("the lock on this environment was taken over")
            self._etag = held["etag"]

    def check(self) -> None:
        if self._lost or self.now() >= self._expires_at:
            self._lost = True
            raise LockLostError("the lock on this environment could not be kept")

    def release(self) -> None:
        """Gives the lock back; one that has been taken over stays with whoever has it."""
        self._put(released_at=self.now().isoformat(timespec="seconds"), IfMatch=self._etag)

    def _is_free(self, held: Mapping[str, Any]) -> bool:
        if held.get("released_at") or has_ended(held["process"]):
            return True
        return datetime.fromisoformat(held["expires_at"]) <= self.now()

    def _take(self, etag: str) -> bool:
        """Puts the lock in the place of one of this ETag, or with none where there is none."""
        return self._put(**{"IfMatch": etag} if etag else {"IfNoneMatch": "*"})

    def _keep(self) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        while not self._ended.wait(self.time_to_live.total_seconds() / 3):
            try:
                self.renew()
            except LockLostError:
                return
            except (BotoCoreError, ClientError):
                continue  # `check` stops the run if this goes on until the lock expires

    def _put(self, *, released_at: str | None = None, **condition: str) -> bool:
        """Writes the lock on a condition; whether it held. After a lost reply it looks."""
        from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

        expires_at = self.now() + self.time_to_live
        body = {
            "token": self._token,
            "holder": self.holder,
            "process": this_process(),
            "since": self._since,
            "expires_at": expires_at.isoformat(),
            "released_at": released_at,
        }
        try:
            reply = self.aws.client("s3").put_object(
                Bucket=self.bucket,
                Key=_KEY,
                Body=json.dumps(body).encode(),
                ContentType="application/json",
                **condition,
            )
            etag = reply["ETag"]
        except (ClientError, ConnectionError, HTTPClientError) as error:
            status = 500
            if isinstance(error, ClientError):
                status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status in (404, 409, 412):
                return False
            held = self._read() if status >= 500 else None
            if held is None or {**held, **body} != held:
                raise
            etag = held["etag"]
        self._etag, self._expires_at = etag, expires_at
        return True

    def _read(self) -> dict[str, Any] | None:
        from botocore.exceptions import ClientError

        try:
            reply = self.aws.client("s3").get_object(Bucket=self.bucket, Key=_KEY)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "NoSuchBucket"):
                return None
            raise
        return {**json.loads(reply["Body"].read()), "etag": reply["ETag"]}


def holder_name(caller_arn: str) -> str:
    """Who runs this, for people: the AWS principal and the machine."""
    return f"{caller_arn} on {socket.gethostname()}"
