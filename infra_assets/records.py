"""The change record: who changed the infrastructure, when, by what plan, with what result (O3)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from infra_assets.cloud import Cloud
from infra_assets.plan import Plan, outcome_as_dict
from infra_assets.reconcile import Outcome
from infra_assets.run import ApplyFailedError

Command = Literal["apply", "destroy", "import", "prune"]
_PREFIX = "infra-changes/"


def _write(
    cloud: Cloud,
    who: str,
    command: Command,
    outcomes: Sequence[Outcome],
    *,
    plan: Plan | None = None,
    failures: Mapping[str, BaseException] | None = None,
    **more: Any,
) -> None:
    """Writes one record into the log bucket; into the state bucket as long as there is no log
    bucket, and nowhere when both are gone.

    Of failures only the sort of error is kept, by what failed.
    """
    there = {bucket["Name"] for bucket in cloud.read("s3", "list_buckets")["Buckets"]}
    fit = [b for b in (cloud.spec.bucket("log"), cloud.spec.bucket("state")) if b in there]
    if not fit:
        return
    now = datetime.now(UTC)
    content = {
        "who": who,
        "at": now.isoformat(timespec="seconds"),
        "command": command,
        **({"plan": plan.as_dict()} if plan else {}),
        "outcomes": [outcome_as_dict(outcome) for outcome in outcomes],
        "failures": {what: type(error).__name__ for what, error in (failures or {}).items()},
        **more,
    }
    cloud.write(
        "s3",
        "put_object",
        Bucket=fit[0],
        Key=f"{_PREFIX}{now:%Y/%m/%d}/{now:%H%M%S}-{uuid.uuid4().hex[:8]}.json",
        ContentType="application/json",
        Body=json.dumps(content, ensure_ascii=False).encode(),
    )


@dataclass
class Did:
    """What goes into the record of a change, as far as it has got."""

    outcomes: Callable[[], Sequence[Outcome]] = list
    more: Mapping[str, Any] = field(default_factory=dict)


@contextmanager
def recorded(cloud: Cloud, who: str, command: Command, plan: Plan | None = None) -> Iterator[Did]:
    """Records what is done within, whether it succeeds, fails or is interrupted."""
    did = Did()
    try:
        yield did
    except (Exception, KeyboardInterrupt) as error:
        failures: Mapping[str, BaseException] = {command: error}
        if isinstance(error, ApplyFailedError):
            failures = error.failures
        try:
            _write(cloud, who, command, did.outcomes(), plan=plan, failures=failures, **did.more)
        except Exception as unrecorded:  # noqa: BLE001
            error.add_note(f"This change could not be recorded either: {unrecorded}")
        raise
    _write(cloud, who, command, did.outcomes(), plan=plan, **did.more)
