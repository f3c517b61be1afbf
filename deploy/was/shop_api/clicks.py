"""Click events on their way to Firehose: off the request's path, in batches, never for ever.

An event is one JSON object: `event_id`, `event_time_ms` (UTC), `session_id`, `customer_id`,
`event_type`, `page`, `product_id`, `referrer`, `user_agent`, `ip`. A customer never waits for one,
and an event is dropped, counted and logged rather than that memory runs full.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
import uuid
from typing import Any

log = logging.getLogger(__name__)

EVENT_TYPES = frozenset({"page_view", "product_view", "search", "add_to_cart", "purchase"})
_BATCH = 500
_WAITING = 20_000
_ATTEMPTS = 5


def event(event_type: str, *, page: str, session_id: str, **others: Any) -> dict[str, Any]:
    """An event of now. `others` are customer_id, product_id, referrer, user_agent and ip."""
    return {
        "event_id": str(uuid.uuid4()),
        "event_time_ms": time.time_ns() // 1_000_000,
        "session_id": session_id,
        "customer_id": None,
        "event_type": event_type,
        "page": page,
        "product_id": None,
        "referrer": None,
        "user_agent": None,
        "ip": None,
        **others,
    }


class Clicks:
    """Sends events from a thread of its own until it is closed."""

    def __init__(self, firehose: Any, stream: str) -> None:
        """`firehose` is boto3's client."""
        self._firehose = firehose
        self._stream = stream
        self._queue: queue.Queue[dict[str, Any] | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._run, name="clicks")
        self._thread.start()

    def add(self, event: dict[str, Any]) -> None:
        try:
            self._queue.put_nowait(event)
        except queue.Full:
            log.error("a click event was dropped: %d are waiting", _WAITING)

    def close(self) -> None:
        """Sends what is waiting and ends the thread."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, last = [first], False
            while len(batch) < _BATCH and not last:
                try:
                    following = self._queue.get(timeout=0.2)
                except queue.Empty:
                    break
                if following is None:
                    last = True
                else:
                    batch.append(following)
            self._send([json.dumps(e, ensure_ascii=False).encode() for e in batch])
            if last:
                return

    def _send(self, records: list[bytes]) -> None:
        """Sends records, those that Firehose refuses again."""
        for attempt in range(_ATTEMPTS):
            try:
                reply = self._firehose.put_record_batch(
                    DeliveryStreamName=self._stream, Records=[{"Data": r} for r in records]
                )
            except Exception:
                log.warning("Firehose can't be reached", exc_info=True)
            else:
                replies = reply["RequestResponses"]
                records = [r for r, a in zip(records, replies, strict=True) if "ErrorCode" in a]
                if not records:
                    return
            time.sleep(0.2 * 2**attempt)
        log.error("%d click events were dropped", len(records))
