"""What the server process has one of: its folder and URL, its timers, and who to tell when it is
flushed, emptied or ended."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

ACCOUNT_ID = "123456789012"
DEFAULT_REGION = "ap-northeast-1"

Callback = Callable[[], None]

log = logging.getLogger("local_aws")

_home: Path | None = None
_url: str | None = None
_ended = threading.Event()
_on_flush: list[Callback] = []
_on_reset: list[Callback] = []
_on_stop: list[Callback] = []


def begin(home: Path, url: str) -> None:
    """Says where this process keeps its files and where it serves. Called once, first."""
    global _home, _url
    _home, _url = home, url


def home() -> Path:
    """The folder that holds everything of this process."""
    if _home is None:
        raise RuntimeError("the local AWS has not begun in this process")
    return _home


def url() -> str:
    """This server's own URL, for what it starts (Lambdas)."""
    if _url is None:
        raise RuntimeError("the local AWS has not begun in this process")
    return _url


def on_flush(callback: Callback) -> Callback:
    """Runs on a flush, before a reset and before the end: deliver what is buffered."""
    _on_flush.append(callback)
    return callback


def on_reset(callback: Callback) -> Callback:
    """Runs before all state is dropped: end what lives outside moto's memory."""
    _on_reset.append(callback)
    return callback


def on_stop(callback: Callback) -> Callback:
    """Runs when the server ends, after `on_flush`."""
    _on_stop.append(callback)
    return callback


def every(seconds: float, callback: Callback) -> None:
    """Runs a callback again and again in a thread of its own until the server ends.

    An exception is logged and the next turn comes all the same.
    """

    def run() -> None:
        while not _ended.wait(seconds):
            _guarded(callback)

    threading.Thread(target=run, name=f"timer-{callback.__module__}", daemon=True).start()


def flush() -> None:
    for callback in _on_flush:
        callback()


def reset() -> None:
    for callback in _on_reset:
        callback()


def stop() -> None:
    """Ends timers, flushes and tells everyone; one callback's failure keeps none from running."""
    _ended.set()
    for callback in [*_on_flush, *_on_stop]:
        _guarded(callback)


def _guarded(callback: Callback) -> None:
    try:
        callback()
    except Exception:
        log.exception("background task %s failed", callback.__qualname__)
