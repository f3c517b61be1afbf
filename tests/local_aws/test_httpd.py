"""The HTTP server under the local AWS: connections, bodies and failures."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mall_platform.local_aws.httpd import HttpServer


def echo(environ: dict[str, Any], start_response: Callable) -> list[bytes]:
    """Answers with method, decoded path, query and body; fails for /fail."""
    if environ["PATH_INFO"] == "/fail":
        raise ValueError("broken")
    body = environ["wsgi.input"].read()
    path = environ["PATH_INFO"].encode("latin-1").decode()
    line = f"{environ['REQUEST_METHOD']} {path} {environ['QUERY_STRING']} {len(body)} "
    start_response("200 OK", [("X-Header", environ.get("HTTP_X_HEADER", ""))])
    return [line.encode(), body]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = HttpServer(0, echo)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.fixture
def connection(port: int) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    yield connection
    connection.close()


def ask(connection: http.client.HTTPConnection, *request: Any, **more: Any) -> bytes:
    connection.request(*request, **more)
    return connection.getresponse().read()


def test_many_requests_use_one_connection(connection: http.client.HTTPConnection) -> None:
    connection.connect()
    socket_at_first = connection.sock
    for number in range(3):
        assert (
            ask(connection, "POST", f"/{number}?a=b", b"xyz")
            == f"POST /{number} a=b 3 xyz".encode()
        )
    assert connection.sock is socket_at_first


def test_a_body_in_chunks_and_an_escaped_path(connection: http.client.HTTPConnection) -> None:
    chunks = iter([b"ab", b"c" * 70_000])
    answer = ask(connection, "PUT", "/%E6%9C%8D%2Fx", chunks, encode_chunked=True)
    assert answer == "PUT /服/x  70002 ab".encode() + b"c" * 70_000


def test_head_has_the_length_and_no_body(connection: http.client.HTTPConnection) -> None:
    assert ask(connection, "HEAD", "/h") == b""
    assert ask(connection, "GET", "/g") == b"GET /g  0 "


def test_an_expected_continue_comes_before_the_body(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(b"PUT / HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"ok")
        assert client.recv(1000).endswith(b"PUT /  2 ok")


def test_a_failing_application_answers_500_and_the_connection_lives(
    connection: http.client.HTTPConnection,
) -> None:
    connection.request("GET", "/fail")
    answer = connection.getresponse()
    assert answer.status == 500
    assert b"broken" not in answer.read()
    assert ask(connection, "GET", "/g") == b"GET /g  0 "


@pytest.mark.parametrize(
    "request_bytes",
    [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"GET /" + b"x" * 70_000],
)
def test_what_is_no_http_is_refused(port: int, request_bytes: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(request_bytes)
        assert client.recv(1000).startswith(b"HTTP/1.1 400 ")


def test_a_client_that_goes_away_in_mid_body_harms_nobody(
    port: int, connection: http.client.HTTPConnection
) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(b"PUT / HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf")
    assert ask(connection, "GET", "/g") == b"GET /g  0 "


def test_a_client_may_ask_to_close(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(b"GET /g HTTP/1.1\r\nConnection: close\r\n\r\n")
        received = b""
        while part := client.recv(1000):
            received += part
    assert b"Connection: close" in received
    assert received.endswith(b"GET /g  0 ")
