"""The server process: moto's services with this package's hooks, behind one loopback port.

Beside AWS's own requests it answers, for the process interface and for tests:
`GET /moto-api/local/health` (pid and home), `POST /moto-api/local/flush` (delivers what services
buffer), `POST /moto-api/local/reset` (empties all state).
"""

from __future__ import annotations

import gc
import importlib
import json
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from mall_platform.local_aws import children, lifecycle
from mall_platform.local_aws.httpd import HttpServer

log = logging.getLogger("local_aws")

SERVICES = (
    "speed",
    "idempotency",
    "s3",
    "rds",
    "rds_export",
    "rds_groups",
    "firehose",
    "glue",
    "athena.hook",
    "cloudwatch",
    "sns",
    "lambdas",
    "acm",
    "autoscaling",
    "launch_templates",
    "listeners",
    "nat_gateways",
    "security_groups",
    "in_use",
    "wafv2",
    "cloudtrail",
    "codecommit",
    "codebuild",
    "codedeploy",
    "codepipeline",
    "quicksight",
    "tagging",
)
ADMIN_PATH = "/moto-api/local/"


def serve(home: Path, port: int) -> None:
    """Serves until SIGTERM or SIGINT; `home/endpoint.json` holds the pid and the URL meanwhile."""
    ended = threading.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda *_: ended.set())
    home.mkdir(parents=True, exist_ok=True)
    children.end_all(home)
    _prepare_environment(home)
    application = _application(home)
    server = HttpServer(port, application)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    os.environ["MOTO_PORT"] = str(server.server_address[1])
    lifecycle.begin(home, url)
    for name in SERVICES:
        importlib.import_module(f"mall_platform.local_aws.{name}").install()
    _look_for_garbage_seldom()
    threading.Thread(target=server.serve_forever, args=(0.05,), name="http", daemon=True).start()
    _announce(home, url)
    ended.wait()
    server.shutdown()
    lifecycle.stop()
    children.end_all(home)
    (home / "endpoint.json").unlink(missing_ok=True)


_OBJECT_IN_MEMORY_BYTES = 32 * 2**20
"""Larger objects lie in temporary files."""


def _prepare_environment(home: Path) -> None:
    """What moto and botocore read from the environment when they're imported and later."""
    temporary = home / "tmp"
    temporary.mkdir(exist_ok=True)
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": lifecycle.DEFAULT_REGION,
        "MOTO_ACCOUNT_ID": lifecycle.ACCOUNT_ID,
        "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
        "MOTO_DISABLE_GLOBAL_CORS": "true",
        "MOTO_S3_DEFAULT_KEY_BUFFER_SIZE": str(_OBJECT_IN_MEMORY_BYTES),
        "TMPDIR": str(temporary),
    }
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        os.environ.pop(name, None)


def _look_for_garbage_seldom() -> None:
    """What loading made stays, and what AWS holds grows: looking through it all takes an eighth
    of the time."""
    gc.freeze()
    gc.set_threshold(100_000, 20, 10)


def _announce(home: Path, url: str) -> None:
    draft = home / "endpoint.json.draft"
    draft.write_text(json.dumps({"pid": os.getpid(), "url": url}))
    draft.rename(home / "endpoint.json")


def _application(home: Path) -> Callable[[dict[str, Any], Callable], Iterable[bytes]]:
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    aws = DomainDispatcherApplication(create_backend_app)

    def application(environ: dict[str, Any], start_response: Callable) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith(ADMIN_PATH):
            return _administer(home, environ, start_response)
        try:
            chunks: Iterable[bytes] = aws(environ, start_response)
            return chunks
        except NotImplementedError as error:
            # 501, which botocore doesn't retry.
            log.warning("not implemented: %s", error)
            return _fail("501 Not Implemented", str(error), environ, start_response)
        except Exception:
            log.exception("%s %s failed", environ["REQUEST_METHOD"], environ["RAW_URI"])
            message = f"The local AWS failed; see {home / 'log'}"
            return _fail("500 Internal Failure", message, environ, start_response)

    return application


def _fail(
    status: str, message: str, environ: dict[str, Any], start_response: Callable
) -> Iterable[bytes]:
    """An error in the caller's protocol, its code the status without its blank."""
    code = status.partition(" ")[2].replace(" ", "")
    if "HTTP_X_AMZ_TARGET" in environ or "json" in environ.get("CONTENT_TYPE", ""):
        content_type = "application/json"
        body = json.dumps({"__type": code, "message": message})
    else:
        content_type = "text/xml"
        body = (
            f"<ErrorResponse><Error><Code>{code}</Code><Message>{escape(message)}</Message>"
            "</Error></ErrorResponse>"
        )
    headers = [("Content-Type", content_type), ("x-amzn-ErrorType", code)]
    start_response(status, headers)
    return [body.encode()]


def _administer(home: Path, environ: dict[str, Any], start_response: Callable) -> Iterable[bytes]:
    actions: dict[tuple[str, str], Callable[[], None]] = {
        ("GET", "health"): lambda: None,
        ("POST", "flush"): lifecycle.flush,
        ("POST", "reset"): _reset,
    }
    action = actions.get((environ["REQUEST_METHOD"], environ["PATH_INFO"][len(ADMIN_PATH) :]))
    if action is None:
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"no such action"]
    action()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"pid": os.getpid(), "home": str(home)}).encode()]


def _reset() -> None:
    from moto.moto_api._internal.models import moto_api_backend

    lifecycle.reset()
    moto_api_backend.reset()
