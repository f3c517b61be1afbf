"""A plan: what would be done to each resource, as data that can be shown, saved and compared."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra_assets.errors import InfraError
from infra_assets.reconcile import Change, Outcome, Step, canonical
from infra_assets.resource import Live


@dataclass(frozen=True)
class Orphan:
    """Something with this environment's tag that no asset declares."""

    arn: str
    address: str | None
    """The resource it was, as its tag says; None if that is no type of resource (any longer)."""


@dataclass(frozen=True)
class Plan:
    """Steps in the order of doing, and the orphans: what is to be made in the order of making, then
    what it replaces, to be deleted in the reverse order."""

    environment: str
    account_id: str
    selection: tuple[str, ...]
    steps: tuple[Step, ...]
    orphans: tuple[Orphan, ...] = ()

    @property
    def changes(self) -> list[Step]:
        return [step for step in self.steps if step.action != "none"]

    @property
    def awaited(self) -> list[Step]:
        """What is as wanted, but that AWS hasn't got ready yet: an apply waits for it."""
        return [s for s in self.steps if s.action == "none" and s.live and not s.live.ready]

    @property
    def refused(self) -> list[Step]:
        """What AWS can't do; as long as there is any, nothing of the plan is applied."""
        return [step for step in self.steps if step.refused]

    @property
    def totals(self) -> dict[str, int]:
        """How many resources each action concerns."""
        return dict(Counter(step.action for step in self.steps))

    def as_dict(self) -> dict[str, Any]:
        return {
            "environment": self.environment,
            "account_id": self.account_id,
            "selection": list(self.selection),
            "totals": self.totals,
            "steps": [_step(step) for step in self.steps],
            "orphans": [{"arn": o.arn, "resource": o.address} for o in self.orphans],
        }

    def as_json(self) -> str:
        return json.dumps(
            {**self.as_dict(), "fingerprint": self.fingerprint()}, indent=2, ensure_ascii=False
        )

    def fingerprint(self) -> str:
        """The same for two plans if and only if they would do the same."""
        content = self.as_dict()
        content["steps"] = [step for step in content["steps"] if step["action"] != "none"]
        del content["totals"], content["orphans"]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class SavedPlan:
    """What is needed of a plan to carry out exactly that plan, and to say where it is outdated."""

    environment: str
    account_id: str
    selection: tuple[str, ...]
    changes: Mapping[str, Any]
    """What would be done to each resource that isn't as it should be, by its address, and what
    would be deleted, by address and id."""

    @classmethod
    def of(cls, plan: Plan) -> SavedPlan:
        return cls._from(plan.as_dict())

    @classmethod
    def load(cls, path: Path) -> SavedPlan:
        """Raises NoPlanError on a file that is no plan."""
        try:
            return cls._from(json.loads(path.read_text()))
        except (ValueError, KeyError, TypeError) as error:
            raise NoPlanError(f"{path} is not a saved plan: make one with plan --out") from error

    @classmethod
    def _from(cls, content: Mapping[str, Any]) -> SavedPlan:
        steps = content["steps"]
        return cls(
            content["environment"],
            content["account_id"],
            tuple(content["selection"]),
            {_key(step): step for step in steps if step["action"] != "none"},
        )

    def moved(self, now: SavedPlan) -> list[str]:
        """The resources with which something else would be done now."""
        concerned = {**self.changes, **now.changes}
        return [a for a in concerned if self.changes.get(a) != now.changes.get(a)]


class NoPlanError(InfraError, ValueError):
    """A file holds no plan."""


def change_as_dict(change: Change) -> dict[str, Any]:
    return {
        "attribute": change.attribute,
        "now": shown(change.now),
        "wanted": shown(change.wanted),
        "replaces": change.replaces,
    }


def shown(value: Any) -> Any:
    """A value as JSON can hold it; one that isn't known yet as what it refers to."""
    return json.loads(json.dumps(canonical(value), default=str))


def outcome_as_dict(outcome: Outcome) -> dict[str, Any]:
    return {
        "asset": outcome.resource.asset,
        "resource": outcome.resource.address,
        "result": outcome.result,
        "id": outcome.live.id if outcome.live else None,
        "changes": [change_as_dict(change) for change in outcome.changes],
    }


def console_link(live: Live) -> str | None:
    """Where the AWS console shows it."""
    return f"https://console.aws.amazon.com/go/view?arn={live.arn}" if live.arn else None


def digest(lives: list[Live]) -> str:
    """The version of what is there: changes when, and only when, a managed attribute does."""
    content = [[live.id, shown(live.attributes)] for live in lives]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _key(step: Mapping[str, Any]) -> str:
    deleted = step["action"] == "delete"
    return f"{step['resource']} {step['id']}" if deleted else str(step["resource"])


def _step(step: Step) -> dict[str, Any]:
    order = "create, delete" if step.resource.beside else "delete, create"
    return {
        "asset": step.resource.asset,
        "resource": step.resource.address,
        "action": step.action,
        "id": step.live.id if step.live else None,
        **({"ready": False} if step.action == "none" and step.live and not step.live.ready else {}),
        **({"order": order} if step.action == "replace" else {}),
        **({"refused": step.refused} if step.refused else {}),
        "changes": [change_as_dict(change) for change in step.changes],
    }
