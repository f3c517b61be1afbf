"""A small HTTP/1.1 server for one WSGI application: a thread per connection, connections kept
alive, no delay for small packets.

Whole bodies are held in memory both ways, as moto does. Listens on loopback only.
"""

from __future__ import annotations

import contextlib
import io
import logging
import socket
import socketserver
import sys
from collections.abc import Callable, Iterable
from email.utils import formatdate
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_to_bytes

log = logging.getLogger("local_aws")

Application = Callable[[dict[str, Any], Callable], Iterable[bytes]]

_REASONS = {status.value: status.phrase for status in HTTPStatus}
_MAX_LINE = 65_536
_BODILESS = (204, 304)


class BadRequestError(Exception):
    """What came in isn't HTTP/1.x as this server understands it."""


class HttpServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Serves `application` on 127.0.0.1; port 0 takes a free one (see `server_address`)."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, port: int, application: Application) -> None:
        self.application = application
        super().__init__(("127.0.0.1", port), _Connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.exception("connection failed")


class _Connection(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    rbufsize = 262_144
    server: HttpServer

    def handle(self) -> None:
        # A client that goes away in the middle is none of our business.
        with contextlib.suppress(ConnectionError):
            while self._serve_one():
                pass

    def _serve_one(self) -> bool:
        """Serves one request; whether another may follow on this connection."""
        try:
            environ = self._read_request()
        except (BadRequestError, ValueError) as error:
            self._send(400, [("Content-Type", "text/plain")], str(error).encode(), close=True)
            return False
        if environ is None:
            return False
        close = _wants_close(environ)
        status, headers, body = self._run(environ)
        self._send(status, headers, body, close=close, head=environ["REQUEST_METHOD"] == "HEAD")
        return not close

    def _read_request(self) -> dict[str, Any] | None:
        line = self._line()
        if not line:
            return None
        method, target, protocol = line.split(" ")
        path, _, query = target.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "RAW_URI": target,
            "REQUEST_URI": target,
            "SERVER_PROTOCOL": protocol,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": str(self.server.server_address[1]),
            "REMOTE_ADDR": self.client_address[0],
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
        }
        self._read_headers(environ)
        environ["wsgi.input"] = io.BytesIO(self._read_body(environ))
        return environ

    def _line(self) -> str:
        line = self.rfile.readline(_MAX_LINE)
        if len(line) == _MAX_LINE:
            raise BadRequestError("line too long")
        return line.decode("latin-1").rstrip("\r\n")

    def _read_headers(self, environ: dict[str, Any]) -> None:
        preserved: dict[str, str] = {}
        while line := self._line():
            name, colon, value = line.partition(":")
            if not colon:
                raise BadRequestError("malformed header")
            key = name.upper().replace("-", "_")
            if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
                key = f"HTTP_{key}"
            if "_" in name:
                # Only S3's metadata may hold underscores; moto reads the spelling from here.
                if not name.lower().startswith("x-amz-meta-"):
                    continue
                preserved[key] = name
            value = value.strip()
            environ[key] = f"{environ[key]},{value}" if key in environ else value
        environ["moto.preserved_header_names"] = preserved

    def _read_body(self, environ: dict[str, Any]) -> bytes:
        if environ.get("HTTP_EXPECT", "").lower() == "100-continue":
            self.request.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
            del environ["HTTP_TRANSFER_ENCODING"]
            body = self._read_chunks()
            environ["CONTENT_LENGTH"] = str(len(body))
            return body
        return self._read_exactly(int(environ.setdefault("CONTENT_LENGTH", "0") or 0))

    def _read_chunks(self) -> bytes:
        chunks = []
        while size := int(self._line().partition(";")[0], 16):
            chunks.append(self._read_exactly(size))
            self._line()
        while self._line():
            pass
        return b"".join(chunks)

    def _read_exactly(self, size: int) -> bytes:
        body = self.rfile.read(size)
        if len(body) < size:
            raise ConnectionError("the client went away in mid-body")
        return body

    def _run(self, environ: dict[str, Any]) -> tuple[int, list[tuple[str, str]], bytes]:
        answer: list[Any] = []

        def start_response(status: str, headers: list, exc_info: Any = None) -> None:
            answer[:] = [int(status.split(" ", 1)[0]), headers]

        try:
            chunks = self.server.application(environ, start_response)
            try:
                body = b"".join(chunks)
            finally:
                if hasattr(chunks, "close"):
                    chunks.close()
        except Exception:
            log.exception("%s %s failed", environ["REQUEST_METHOD"], environ["RAW_URI"])
            return (
                500,
                [("Content-Type", "text/plain")],
                b"Internal error of the local AWS; see its log",
            )
        return answer[0], answer[1], body

    def _send(
        self,
        status: int,
        headers: list[tuple[str, str]],
        body: bytes,
        *,
        close: bool,
        head: bool = False,
    ) -> None:
        lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}"]
        names = set()
        for name, value in headers:
            lowered = name.lower()
            if lowered in ("connection", "transfer-encoding", "status"):
                continue
            if lowered == "content-length" and not head:
                continue
            names.add(lowered)
            lines.append(f"{name}: {value}")
        if status not in _BODILESS and "content-length" not in names:
            lines.append(f"Content-Length: {len(body)}")
        if "date" not in names:
            lines.append(f"Date: {formatdate(usegmt=True)}")
        if close:
            lines.append("Connection: close")
        head_bytes = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
        if head or status in _BODILESS:
            body = b""
        if len(body) < 65_536:
            self.request.sendall(head_bytes + body)
        else:
            self.request.sendall(head_bytes)
            self.request.sendall(body)


def _wants_close(environ: dict[str, Any]) -> bool:
    connection = environ.get("HTTP_CONNECTION", "").lower()
    if environ["SERVER_PROTOCOL"] == "HTTP/1.0":
        return "keep-alive" not in connection
    return "close" in connection


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
