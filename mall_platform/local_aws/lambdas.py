"""Lambda: Python functions run from their uploaded zip, each invocation in a process of its own.

Asynchronous invocations are tried again and then go to the dead-letter target or the failure
destination. The process sees the function's variables, Lambda's own, and the local AWS's
endpoint; the packages of this environment stand in for those of the runtime.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
import uuid
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moto.awslambda.models import LambdaBackend, LambdaFunction
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from mall_platform.local_aws import children, lifecycle, metrics
from mall_platform.local_aws.hooks import replace

log = logging.getLogger("local_aws")

_RUNNER = Path(__file__).with_name("lambda_runner.py")
_DEFAULT_RETRIES = 2
_RETRY_DELAYS_S = (0.5, 1.0)  # AWS waits one minute, then two
_LOG_TAIL_BYTES = 4096
_CONCURRENCY = threading.BoundedSemaphore(8)
_unpacking = threading.Lock()


@dataclass(frozen=True)
class Outcome:
    """What one invocation came to; `payload` is JSON, an error's too."""

    request_id: str
    payload: str
    failed: bool
    log: str


def install() -> None:
    _hook_invocations()
    _hook_dead_letters()
    _hook_retries()
    lifecycle.on_reset(_drop_code)
    lifecycle.on_stop(_drop_code)


def invoke_later(function: LambdaFunction, event: Any) -> None:
    """Invokes a function asynchronously: retried on failure, then given up to its dead letters."""
    threading.Thread(
        target=_invoke_with_retries, args=(function, event), name="lambda-async", daemon=True
    ).start()


def admits(function: LambdaFunction, service: str, source_arn: str) -> bool:
    """Whether the function's policy lets a service invoke it on behalf of a resource."""
    return any(
        statement["Effect"] == "Allow"
        and statement["Principal"] in ("*", {"AWS": "*"}, {"Service": service})
        and statement["Action"] in ("lambda:InvokeFunction", "lambda:*", "*")
        and _condition_admits(statement.get("Condition") or {}, source_arn)
        for statement in function.policy.statements
    )


def _condition_admits(condition: dict[str, Any], source_arn: str) -> bool:
    tests = {
        key.lower(): value
        for operator in ("ArnLike", "ArnEquals", "StringEquals", "StringLike")
        for key, value in condition.get(operator, {}).items()
    }
    wanted = tests.get("aws:sourcearn", source_arn)
    account = tests.get("aws:sourceaccount", lifecycle.ACCOUNT_ID)
    return bool(wanted == source_arn and account == lifecycle.ACCOUNT_ID)


# ── running ──────────────────────────────────────────────────────────────────────────────────


def _hook_invocations() -> None:
    @replace(LambdaFunction, "invoke", "body", "request_headers", "response_headers")
    def invoke(
        original: Any, self: LambdaFunction, body: str, request_headers: Any, response_headers: Any
    ) -> str | bytes:
        event = json.loads(body) if body else {}
        kind = request_headers.get("x-amz-invocation-type", "RequestResponse")
        if kind == "Event":
            invoke_later(self, event)
            return ""
        if kind == "DryRun":
            return ""
        outcome = run(self, event)
        if outcome.failed:
            response_headers["x-amz-function-error"] = "Unhandled"
        response_headers["x-amz-executed-version"] = str(self.version)
        tail = outcome.log.encode()[-_LOG_TAIL_BYTES:]
        response_headers["x-amz-log-result"] = base64.b64encode(tail).decode()
        return outcome.payload.encode()


def run(function: LambdaFunction, event: Any) -> Outcome:
    """Runs a function once and waits for it; its output goes to CloudWatch Logs."""
    request_id = str(uuid.uuid4())
    started = time.monotonic()
    with _CONCURRENCY:
        payload, failed, output = _execute(function, event, request_id)
    duration_ms = (time.monotonic() - started) * 1000
    text = (
        f"START RequestId: {request_id} Version: {function.version}\n"
        f"{output}"
        f"END RequestId: {request_id}\n"
        f"REPORT RequestId: {request_id}\tDuration: {duration_ms:.2f} ms\t"
        f"Memory Size: {function.memory_size} MB\n"
    )
    function.logs_backend.ensure_log_group(function.logs_group_name)
    function.save_logs("\n".join(line for line in text.splitlines() if line))
    metrics.emit(
        function.account_id,
        function.region,
        "AWS/Lambda",
        {"FunctionName": function.function_name},
        {"Invocations": 1, "Errors": int(failed), "Duration": duration_ms},
    )
    return Outcome(request_id, payload, failed, text)


def _execute(function: LambdaFunction, event: Any, request_id: str) -> tuple[str, bool, str]:
    """The payload, whether it is an error, and what the function printed."""
    if not str(function.run_time).startswith("python"):
        message = f"The local AWS runs Python, not {function.run_time}"
        return _error("Runtime.NotEmulated", message), True, f"{message}\n"
    folder = lifecycle.home() / "lambda" / "runs" / request_id
    folder.mkdir(parents=True)
    result, printed = folder / "result.json", folder / "output.log"
    try:
        with printed.open("wb") as out:
            process = children.start(
                lifecycle.home(),
                [sys.executable, "-u", str(_RUNNER), str(result)],
                cwd=_unpacked(function),
                env=_environment(function, request_id, folder),
                stdin=subprocess.PIPE,
                stdout=out,
            )
            timed_out = _feed(process, json.dumps(event).encode(), float(function.timeout))
        output = printed.read_text(errors="replace")
        if output and not output.endswith("\n"):
            output += "\n"
        if timed_out:
            seconds = f"{float(function.timeout):.2f}"
            message = f"{request_id} Task timed out after {seconds} seconds"
            return _error("Sandbox.Timedout", message), True, f"{output}{message}\n"
        if not result.exists():
            message = f"RequestId: {request_id} Error: Runtime exited with {process.returncode}"
            return _error("Runtime.ExitError", message), True, output
        answer = json.loads(result.read_text())
        if "error" in answer:
            return json.dumps(answer["error"]), True, output
        return json.dumps(answer["payload"]), False, output
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _feed(process: subprocess.Popen, event: bytes, timeout_s: float) -> bool:
    """Gives the process its event and waits for its end; whether it took too long."""
    try:
        process.communicate(event, timeout=timeout_s)
        return False
    except subprocess.TimeoutExpired:
        return True
    finally:
        children.end(lifecycle.home(), process)


def _error(kind: str, message: str) -> str:
    return json.dumps({"errorType": kind, "errorMessage": message})


def _unpacked(function: LambdaFunction) -> Path:
    """The folder with the function's code, unpacked once for each upload."""
    folder: Path = lifecycle.home() / "lambda" / "code" / function.code_digest
    with _unpacking:
        if not folder.exists():
            draft = folder.with_suffix(".draft")
            shutil.rmtree(draft, ignore_errors=True)
            with zipfile.ZipFile(io.BytesIO(function.code_bytes)) as archive:
                archive.extractall(draft)
            draft.rename(folder)
    return folder


def _environment(function: LambdaFunction, request_id: str, folder: Path) -> dict[str, str]:
    stream = f"{datetime.now(UTC):%Y/%m/%d}/[{function.version}]{request_id.replace('-', '')}"
    ours = {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": function.region,
        "AWS_DEFAULT_REGION": function.region,
        "AWS_ENDPOINT_URL": lifecycle.url(),
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.run_time}",
        "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
        "AWS_LAMBDA_FUNCTION_VERSION": str(function.version),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(function.timeout),
        "AWS_LAMBDA_LOG_GROUP_NAME": function.logs_group_name,
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "LAMBDA_TASK_ROOT": str(_unpacked(function)),
        "LOCAL_FUNCTION_ARN": function.function_arn,
        "LOCAL_REQUEST_ID": request_id,
        "_HANDLER": function.handler,
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "TMPDIR": str(folder),
        "TZ": ":UTC",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return ours | {name: str(value) for name, value in function.environment_vars.items()}


def _drop_code() -> None:
    shutil.rmtree(lifecycle.home() / "lambda", ignore_errors=True)


# ── asynchronous invocations ─────────────────────────────────────────────────────────────────


def _hook_dead_letters() -> None:
    """moto keeps no DeadLetterConfig."""

    @replace(LambdaBackend, "create_function", "spec")
    def create_function(original: Any, self: LambdaBackend, spec: dict[str, Any]) -> Any:
        function = original(self, spec)
        target = (spec.get("DeadLetterConfig") or {}).get("TargetArn")
        for each in {
            id(f): f for f in (function, self.get_function(spec["FunctionName"]))
        }.values():
            each.dead_letter_target = target
        return function

    @replace(LambdaFunction, "update_configuration", "config_updates")
    def update_configuration(
        original: Any, self: LambdaFunction, config_updates: dict[str, Any]
    ) -> Any:
        if "DeadLetterConfig" in config_updates:
            self.dead_letter_target = config_updates["DeadLetterConfig"].get("TargetArn") or None
        return original(self, config_updates)

    @replace(LambdaFunction, "get_configuration", "on_create")
    def get_configuration(
        original: Any, self: LambdaFunction, on_create: bool = False
    ) -> dict[str, Any]:
        configuration: dict[str, Any] = original(self, on_create)
        target = getattr(self, "dead_letter_target", None)
        return configuration | ({"DeadLetterConfig": {"TargetArn": target}} if target else {})


def _hook_retries() -> None:
    @replace(LambdaBackend, "put_function_event_invoke_config", "function_name", "config")
    def put_function_event_invoke_config(
        original: Any, self: LambdaBackend, function_name: str, config: dict[str, Any]
    ) -> Any:
        """moto keeps what was put before, too, and shows that."""
        self.get_function(function_name).event_invoke_config.clear()
        return original(self, function_name, config)


def _invoke_with_retries(function: LambdaFunction, event: Any) -> None:
    try:
        settings = function.event_invoke_config[0].config if function.event_invoke_config else {}
        retries = settings.get("MaximumRetryAttempts", _DEFAULT_RETRIES)
        outcome = run(function, event)
        for delay_s in _RETRY_DELAYS_S[:retries]:
            if not outcome.failed:
                return
            time.sleep(delay_s)
            outcome = run(function, event)
        if outcome.failed:
            _give_up(function, settings, event, outcome, retries + 1)
    except Exception:
        log.exception("asynchronous invocation of %s failed", function.function_name)


def _give_up(
    function: LambdaFunction, settings: dict[str, Any], event: Any, outcome: Outcome, tries: int
) -> None:
    destination = settings.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
    if destination:
        record = {
            "version": "1.0",
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "requestContext": {
                "requestId": outcome.request_id,
                "functionArn": f"{function.function_arn}:{function.version}",
                "condition": "RetriesExhausted",
                "approximateInvokeCount": tries,
            },
            "requestPayload": event,
            "responseContext": {
                "statusCode": 200,
                "executedVersion": str(function.version),
                "functionError": "Unhandled",
            },
            "responsePayload": json.loads(outcome.payload),
        }
        _send(destination, json.dumps(record), {})
    if target := getattr(function, "dead_letter_target", None):
        message = json.loads(outcome.payload).get("errorMessage", "")
        attributes = {
            "RequestID": ("String", outcome.request_id),
            "ErrorCode": ("Number", "200"),
            "ErrorMessage": ("String", message[:1024] or "-"),
        }
        _send(target, json.dumps(event), attributes)


def _send(target_arn: str, body: str, attributes: dict[str, tuple[str, str]]) -> None:
    """Sends a message to an SQS queue or an SNS topic."""
    _, _, service, region, account, name = target_arn.split(":", 5)
    if service == "sqs":
        sqs_backends[account][region].send_message(
            name,
            body,
            message_attributes={
                key: {"DataType": kind, "StringValue": value}
                for key, (kind, value) in attributes.items()
            },
        )
    elif service == "sns":
        sns_backends[account][region].publish(
            body,
            target_arn,
            message_attributes={
                key: {"Type": kind, "Value": value} for key, (kind, value) in attributes.items()
            },
        )
    else:
        log.warning("dead letters to %s are not emulated", target_arn)
