"""The change record: who changed the infrastructure, when, by what plan, with what result (O3)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from infra_assets.cloud import Cloud
from infra_assets.plan import Plan, outcome_as_dict
from infra_assets.reconcile import Outcome

Command = Literal["apply", "destroy", "import", "prune"]
PREFIX = "infra-changes/"


def record(
    cloud: Cloud,
    who: str,
    command: Command,
    outcomes: Sequence[Outcome],
    *,
    plan: Plan | None = None,
    failures: Mapping[str, Exception] | None = None,
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
        Key=f"{PREFIX}{now:%Y/%m/%d}/{now:%H%M%S}-{uuid.uuid4().hex[:8]}.json",
        ContentType="application/json",
        Body=json.dumps(content, ensure_ascii=False).encode(),
    )
