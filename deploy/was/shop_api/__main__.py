"""Serves the shop's API: `python -m shop_api --host 0.0.0.0 --port 8080`, until SIGTERM."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import threading
import traceback
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pymysql
from botocore.config import Config

from shop_api.api import Api
from shop_api.clicks import Clicks
from shop_api.database import Database
from shop_api.requests import BODY_LIMIT, Request
from shop_api.settings import Settings
from shop_api.shop import RefusedError

log = logging.getLogger("shop_api")


class Server(ThreadingHTTPServer):
    """A thread for each connection; closing waits for the requests under way."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], api: Api) -> None:
        super().__init__(address, Handler)
        self.api = api


class Handler(BaseHTTPRequestHandler):
    """One request; the connection closes after it, so a stopping server has nothing to wait for.

    What goes wrong is logged without what the customer sent.
    """

    protocol_version = "HTTP/1.1"
    server_version = "mall"
    sys_version = ""
    timeout = 15
    server: Server

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > BODY_LIMIT or "Transfer-Encoding" in self.headers:
            self._reply(413, {"error": "the body is too large"}, [])
            return
        request = Request(
            self.command,
            self.path,
            self.rfile.read(int(length)),
            {name.lower(): value for name, value in self.headers.items()},
        )
        try:
            status, content = 200, self.server.api.answer(request)
        except RefusedError as error:
            status, content = error.status, {"error": str(error)}
        except pymysql.MySQLError as error:
            log.error("%s %s: database error %s", self.command, request.path, error.args[0])
            status, content = 503, {"error": "ただいま混み合っています。"}
        except Exception as error:  # noqa: BLE001 - one bad request must not end in silence
            where = "".join(traceback.format_tb(error.__traceback__))
            kind = type(error).__name__
            log.error("%s %s: %s\n%s", self.command, request.path, kind, where)
            status, content = 500, {"error": "エラーが発生しました。"}
        self._reply(status, content, request.cookies_to_set)

    def _reply(self, status: int, content: Any, cookies: list[str]) -> None:
        body = json.dumps(content, ensure_ascii=False, default=_as_json).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        for cookie in cookies:
            self.send_header("Set-Cookie", cookie)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        log.info(format, *args)

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        log.info(
            "%s %s %s", self.command, self.path.partition("?")[0], getattr(code, "value", code)
        )


def _as_json(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value.isoformat()}Z"
    raise TypeError(f"{type(value).__name__} has no JSON")


def main() -> None:
    parser = argparse.ArgumentParser(prog="shop_api", description=__doc__)
    parser.add_argument("--host", default="0.0.0.0")  # noqa: S104 - the security group decides
    parser.add_argument("--port", type=int, default=8080)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    settings = Settings.read()
    config = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard"})
    rds, secrets, firehose = (
        boto3.client(service, config=config) for service in ("rds", "secretsmanager", "firehose")
    )
    key = secrets.get_secret_value(SecretId=settings.session_secret_id)["SecretString"]
    clicks = Clicks(firehose, settings.click_stream)
    try:
        server = Server(
            (options.host, options.port), Api(Database(settings, rds, secrets), clicks, key)
        )
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
        log.info("serving on %s:%d", *server.server_address[:2])
        with server:
            server.serve_forever(poll_interval=0.1)
    finally:
        clicks.close()


if __name__ == "__main__":
    main()
