"""Lambda functions."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from infra_assets.cloud import Cloud
from infra_assets.resource import Attributes, Live, Ref, Resource

_ABSENT = ("ResourceNotFoundException",)


@dataclass(frozen=True, kw_only=True)
class Function(Resource):
    """A Python function from a folder of the checkout, that one other resource may invoke.

    An asynchronous invocation that fails is tried twice more; its event then goes to the queue of
    dead letters. It has no code but its own, is in no network, and runs as often as the account
    lets it.
    """

    service: ClassVar[str] = "lambda"
    settles: ClassVar[tuple[tuple[str, str], ...]] = (
        ("InvalidParameterValueException", "cannot be assumed by Lambda"),
        ("InvalidParameterValueException", "does not have permissions to call SendMessage"),
        ("ResourceConflictException", "update is in progress"),
    )

    code: Path
    handler: str
    role: Ref
    variables: dict[str, str]
    dead_letters: Ref
    invoked_by: tuple[str, Ref]
    """A service, and its resource."""
    timeout_s: int = 60
    memory_mb: int = 256

    def wanted(self) -> dict[str, Any]:
        service, source = self.invoked_by
        return {
            "code": code_digest(zipped(self.code)),
            "settings": {
                "Handler": self.handler,
                "Runtime": "python3.13",
                "Timeout": self.timeout_s,
                "MemorySize": self.memory_mb,
            },
            "role": self.role,
            "variables": self.variables,
            "dead_letters": self.dead_letters,
            "invoked_by": _policy(
                {
                    "Sid": _SID,
                    "Effect": "Allow",
                    "Principal": {"Service": service},
                    "Action": "lambda:InvokeFunction",
                    "Condition": {"ArnLike": {"AWS:SourceArn": source}},
                }
            ),
            "layers": [],
            "network": {"SubnetIds": [], "SecurityGroupIds": []},
            "concurrency": None,
            "retries": 2,
            "event_age_s": 21600,
            "destinations": {},
        }

    def find(self, cloud: Cloud) -> list[Live]:
        found = cloud.read("lambda", "get_function", FunctionName=self.name, absent=_ABSENT)
        if found is None:
            return []
        function = found["Configuration"]
        asynchronous = (
            cloud.read(
                "lambda", "get_function_event_invoke_config", FunctionName=self.name, absent=_ABSENT
            )
            or {}
        )
        network = function.get("VpcConfig", {})
        names = ("Handler", "Runtime", "Timeout", "MemorySize")
        attributes = {
            "code": function["CodeSha256"],
            "settings": {name: function.get(name) for name in names},
            "role": function["Role"],
            "variables": function.get("Environment", {}).get("Variables", {}),
            "dead_letters": function.get("DeadLetterConfig", {}).get("TargetArn"),
            "invoked_by": self._invoked_by(cloud),
            "layers": [layer["Arn"] for layer in function.get("Layers", ())],
            "network": {name: network.get(name, []) for name in ("SubnetIds", "SecurityGroupIds")},
            "concurrency": found.get("Concurrency", {}).get("ReservedConcurrentExecutions"),
            "retries": asynchronous.get("MaximumRetryAttempts"),
            "event_age_s": asynchronous.get("MaximumEventAgeInSeconds", 21600),
            "destinations": {
                when: to["Destination"]
                for when, to in asynchronous.get("DestinationConfig", {}).items()
                if to.get("Destination")
            },
            "tags": found.get("Tags", {}),
        }
        ready = (
            function.get("State", "Active") == "Active"
            and function.get("LastUpdateStatus", "Successful") != "InProgress"
        )
        return [Live(self.name, attributes, arn=function["FunctionArn"], ready=ready)]

    def _invoked_by(self, cloud: Cloud) -> dict[str, Any]:
        """Every permission to invoke the function, whoever gave it."""
        found = cloud.read("lambda", "get_policy", FunctionName=self.name, absent=_ABSENT)
        return _policy(*(json.loads(found["Policy"])["Statement"] if found else ()))

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        cloud.write(
            "lambda",
            "create_function",
            FunctionName=self.name,
            Code={"ZipFile": zipped(self.code)},
            Tags=wanted["tags"],
            **_configuration(wanted),
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        if changed & {"settings", "role", "variables", "dead_letters", "layers", "network"}:
            cloud.write(
                "lambda",
                "update_function_configuration",
                FunctionName=self.name,
                **_configuration(wanted),
            )
        if "code" in changed:
            cloud.write(
                "lambda",
                "update_function_code",
                FunctionName=self.name,
                ZipFile=zipped(self.code),
            )
        if "invoked_by" in changed:
            self._admit(cloud, live.attributes["invoked_by"], wanted["invoked_by"])
        if "concurrency" in changed:
            cloud.write("lambda", "delete_function_concurrency", FunctionName=self.name)
        if changed & {"retries", "event_age_s", "destinations"}:
            cloud.write(
                "lambda",
                "put_function_event_invoke_config",
                FunctionName=self.name,
                MaximumRetryAttempts=wanted["retries"],
                MaximumEventAgeInSeconds=wanted["event_age_s"],
                DestinationConfig={
                    when: {"Destination": arn} for when, arn in wanted["destinations"].items()
                },
            )
        if "tags" in changed:
            cloud.write("lambda", "tag_resource", Resource=live.arn, Tags=dict(wanted["tags"]))

    def _admit(self, cloud: Cloud, now: Attributes, wanted: Attributes) -> None:
        """A permission can't be changed: what isn't as wanted is taken away first."""
        kept = [one for one in now["Statement"] if one in wanted["Statement"]]
        for statement in now["Statement"]:
            if statement not in kept:
                sid = statement["Sid"]
                cloud.write("lambda", "remove_permission", FunctionName=self.name, StatementId=sid)
        for statement in wanted["Statement"]:
            if statement not in kept:
                cloud.write(
                    "lambda",
                    "add_permission",
                    FunctionName=self.name,
                    StatementId=statement["Sid"],
                    Action=statement["Action"],
                    Principal=statement["Principal"]["Service"],
                    SourceArn=statement["Condition"]["ArnLike"]["AWS:SourceArn"],
                )

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("lambda", "delete_function", FunctionName=self.name)


_SID = "invoked-by"


def _policy(*statements: dict[str, Any]) -> dict[str, Any]:
    """Who may invoke a function; that it's this one goes without saying."""
    said = [{k: v for k, v in one.items() if k != "Resource"} for one in statements]
    return {"Statement": said}


def _configuration(wanted: Attributes) -> dict[str, Any]:
    return {
        **wanted["settings"],
        "Role": wanted["role"],
        "Environment": {"Variables": wanted["variables"]},
        "DeadLetterConfig": {"TargetArn": wanted["dead_letters"]},
        "Layers": wanted["layers"],
        "VpcConfig": wanted["network"],
    }


def zipped(folder: Path) -> bytes:
    """The Python files of a folder as a zip file: the same bytes wherever and whenever made."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(folder.rglob("*.py")):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), (1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, file.read_bytes())
    return content.getvalue()


def code_digest(code: bytes) -> str:
    """What Lambda calls CodeSha256."""
    return base64.b64encode(hashlib.sha256(code).digest()).decode()
