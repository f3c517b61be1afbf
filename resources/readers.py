"""Reader processes for the shop's database: one order at a time each, kept for the next one.

Starting one takes half a second, most of it imports, so that the one that is done stays idle
until this process needs it again or ends.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from resources.settings import PROJECT_ROOT

if TYPE_CHECKING:
    import pyarrow as pa

_idle: list[Reader] = []
_lock = threading.Lock()


class ReadFailedError(Exception):
    """A read ended before its end; `verdict` says why, or is empty if the process is gone."""

    def __init__(self, verdict: Mapping[str, Any]) -> None:
        super().__init__(str(verdict.get("kind", "gone")))
        self.verdict = verdict


class Reader:
    """A process of `resources.shop_reader`."""

    def __init__(self) -> None:
        verdict_read, verdict_write = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "resources.shop_reader", str(verdict_write)],
            cwd=PROJECT_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=(verdict_write,),
        )
        os.close(verdict_write)
        self._verdicts = os.fdopen(verdict_read)

    @property
    def pid(self) -> int:
        return self._process.pid

    def read(self, order: Mapping[str, Any]) -> Iterator[pa.RecordBatch]:
        """The rows of an order; raises ReadFailedError if they end too soon."""
        import pyarrow as pa

        assert self._process.stdin and self._process.stdout  # noqa: S101  (narrowing: pipes)
        try:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
            rows = pa.ipc.open_stream(self._process.stdout)
            while True:
                yield rows.read_next_batch()
        except (StopIteration, pa.ArrowInvalid, OSError):
            pass  # The verdict says whether that was the end.
        line = self._verdicts.readline()
        verdict: dict[str, Any] = json.loads(line) if line else {}
        if verdict.get("kind") != "done":
            raise ReadFailedError(verdict)

    def end(self) -> None:
        """Ends the process at once."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._verdicts):
            if pipe:
                pipe.close()


def read(order: Mapping[str, Any]) -> Iterator[pa.RecordBatch]:
    """The rows of an order, by an idle reader or a new one.

    A reader that failed, or whose rows were not read to the end, is ended.
    """
    reader = _take()
    done = False
    try:
        yield from reader.read(order)
        done = True
    finally:
        if done:
            with _lock:
                _idle.append(reader)
        else:
            reader.end()


def _take() -> Reader:
    with _lock:
        if _idle:
            return _idle.pop()
    return Reader()


@atexit.register
def end_idle_readers() -> None:
    """Ends the readers that nobody uses now."""
    with _lock:
        while _idle:
            _idle.pop().end()
