"""The change record: who changed the infrastructure, when, by what plan, with what result (O3).

It's written before the first change and completed at the end, so that a change whose process was
killed has left a record, too: one without an end.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from infra_assets.cloud import Cloud
from infra_assets.plan import Plan, outcome_as_dict
from infra_assets.reconcile import Outcome
from infra_assets.run import ApplyFailedError

Command = Literal["apply", "destroy", "import", "prune"]
_PREFIX = "infra-changes/"


@dataclass
class Did:
    """What goes into the record of a change, as far as it has got."""

    outcomes: Callable[[], Sequence[Outcome]] = list


@dataclass
class _Record:
    """One record, in the log bucket; in the state bucket as long as there is no log bucket, and
    nowhere when both are gone."""

    cloud: Cloud
    begun: Mapping[str, Any]
    key: str
    begun_in: str | None = None

    def begin(self) -> None:
        self.begun_in = next(iter(self._fit()), None)
        if self.begun_in:
            self._put(self.begun_in, {**self.begun, "ended_at": None})

    def end(self, did: Did, failures: Mapping[str, BaseException]) -> None:
        """Completes it where it was begun, too, if that isn't where it belongs by now.

        Of failures only the sort of error is kept, by what failed.
        """
        content = {
            **self.begun,
            "ended_at": _now_as_text(),
            "outcomes": [outcome_as_dict(outcome) for outcome in did.outcomes()],
            "failures": {what: type(error).__name__ for what, error in failures.items()},
        }
        fit = self._fit()
        for bucket in fit:
            if bucket in (fit[0], self.begun_in):
                self._put(bucket, content)

    def _fit(self) -> list[str]:
        there = {bucket["Name"] for bucket in self.cloud.read("s3", "list_buckets")["Buckets"]}
        spec = self.cloud.spec
        return [b for b in (spec.bucket("log"), spec.bucket("state")) if b in there]

    def _put(self, bucket: str, content: Mapping[str, Any]) -> None:
        self.cloud.write(
            "s3",
            "put_object",
            Bucket=bucket,
            Key=self.key,
            ContentType="application/json",
            Body=json.dumps(content, ensure_ascii=False).encode(),
        )


@contextmanager
def recorded(
    cloud: Cloud, who: str, command: Command, plan: Plan | None = None, **more: Any
) -> Iterator[Did]:
    """Records what is done within, before it's begun and whether it then succeeds, fails or is
    interrupted."""
    now, did = datetime.now(UTC), Did()
    record = _Record(
        cloud,
        begun={
            "who": who,
            "at": _now_as_text(),
            "command": command,
            **({"plan": plan.as_dict()} if plan else {}),
            **more,
        },
        key=f"{_PREFIX}{now:%Y/%m/%d}/{now:%H%M%S}-{uuid.uuid4().hex[:8]}.json",
    )
    record.begin()
    try:
        yield did
    except BaseException as error:  # Dagster and Ctrl-C interrupt by what is no Exception
        failures: Mapping[str, BaseException] = {command: error}
        if isinstance(error, ApplyFailedError):
            failures = error.failures
        try:
            record.end(did, failures)
        except Exception as unrecorded:  # noqa: BLE001
            error.add_note(f"This change could not be recorded either: {unrecorded}")
        raise
    record.end(did, {})


def _now_as_text() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
