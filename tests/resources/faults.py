"""Faults of AWS for tests: crashes after a call, throttled first tries, lost replies."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import botocore.httpsession
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError


class CrashError(BaseException):
    """The process is gone: nothing that catches Exception may go on."""


@contextmanager
def after_each_call(clients: list[Any], do: Callable[[str], None]) -> Iterator[None]:
    """Calls `do` with the operation's name after each call; `-` before it if the call failed."""

    def handler(model: Any, http_response: Any, **_: Any) -> None:
        do(model.name if http_response.status_code < 300 else f"-{model.name}")

    for client in clients:
        client.meta.events.register("after-call", handler, unique_id="test-after-call")
    try:
        yield
    finally:
        for client in clients:
            client.meta.events.unregister("after-call", handler, unique_id="test-after-call")


@contextmanager
def crash_after_call(clients: list[Any], number: int) -> Iterator[list[str]]:
    """Crashes after the given call (1 is the first); yields the names of the calls made."""
    calls: list[str] = []

    def count(name: str) -> None:
        calls.append(name)
        if len(calls) == number:
            raise CrashError(name)

    with after_each_call(clients, count):
        yield calls


@contextmanager
def first_reply(lose: Callable[[Any, Any], Any]) -> Iterator[set[tuple[str, str]]]:
    """Lets `lose(request, send)` answer the first request of each kind; yields the kinds."""
    seen: set[tuple[str, str]] = set()
    lock = threading.Lock()
    original = botocore.httpsession.URLLib3Session.send

    def send(self: Any, request: Any) -> Any:
        target = request.headers.get("X-Amz-Target", request.url.partition("?")[0])
        kind = (request.method, target.decode() if isinstance(target, bytes) else target)
        with lock:
            first = kind not in seen
            seen.add(kind)
        return lose(request, lambda: original(self, request)) if first else original(self, request)

    botocore.httpsession.URLLib3Session.send = send
    try:
        yield seen
    finally:
        botocore.httpsession.URLLib3Session.send = original


def lost(request: Any, send: Callable[[], Any]) -> Any:
    """The request takes effect, its reply doesn't arrive."""
    send()
    raise ConnectionClosedError(endpoint_url=request.url)


def throttled(request: Any, _send: Callable[[], Any]) -> Any:
    """The service is throttling: S3's way, or that of services that speak JSON."""
    is_json = "X-Amz-Target" in request.headers
    return _answer(
        request.url,
        400 if is_json else 503,
        b'{"__type": "ThrottlingException", "message": "Rate exceeded"}'
        if is_json
        else b"<Error><Code>SlowDown</Code><Message>Reduce your rate.</Message></Error>",
    )


def failing(request: Any, _send: Callable[[], Any]) -> Any:
    """The service fails inside."""
    return _answer(request.url, 500, b"")


def denied(request: Any, _send: Callable[[], Any]) -> Any:
    """The caller may not do this."""
    is_json = "X-Amz-Target" in request.headers
    return _answer(
        request.url,
        400 if is_json else 403,
        b'{"__type": "AccessDeniedException", "message": "not authorized"}'
        if is_json
        else b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>",
    )


def _answer(url: str, status: int, body: bytes) -> AWSResponse:
    class Raw:
        def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
            yield body

    return AWSResponse(url, status, {"content-length": str(len(body))}, Raw())
