"""A stand-in for Slack's Web API on loopback, with a page that shows what would have been posted.

`python -m mall_platform.slack_inbox --home DIR` serves until it is ended. Messages are kept in
DIR/messages.jsonl; DIR/endpoint.json tells where it listens.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import threading
import time
from datetime import datetime
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

TOKYO = ZoneInfo("Asia/Tokyo")

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Slack inbox</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem;
  color: #1d1c1d; }}
article {{ border-left: 4px solid #e01e5a; padding: .25rem 1rem; margin: 1rem 0;
  background: #f8f8f8; overflow-wrap: anywhere; }}
time, .channel {{ color: #616061; font-size: .85em; }}
</style></head>
<body><h1>Slack inbox</h1><p>{count} messages. Newest first; this page refreshes itself.</p>
{articles}</body></html>"""


class Inbox:
    """The messages received so far, kept in a file of JSON lines."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()

    def add(self, channel: str, text: str) -> str:
        """Keeps a message and returns its Slack timestamp."""
        stamp = f"{time.time():.6f}"
        line = json.dumps({"ts": stamp, "channel": channel, "text": text}, ensure_ascii=False)
        with self._lock, self.file.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        return stamp

    def messages(self) -> list[dict[str, str]]:
        if not self.file.exists():
            return []
        return [json.loads(line) for line in self.file.read_text("utf-8").splitlines()]

    def page(self) -> str:
        messages = self.messages()
        return PAGE.format(
            count=len(messages), articles="\n".join(_article(m) for m in reversed(messages))
        )


def _article(message: dict[str, str]) -> str:
    when = datetime.fromtimestamp(float(message["ts"]), TOKYO)
    return (
        f'<article><span class="channel">{escape(message["channel"])}</span> '
        f"<time>{when:%Y-%m-%d %H:%M:%S}</time><p>{_markup(message['text'])}</p></article>"
    )


def _markup(text: str) -> str:
    """Slack's mrkdwn for bold, links and line breaks, as HTML; &, < and > come escaped."""
    text = escape(text, quote=True)
    text = re.sub(r"&lt;(https?://[^|\s]+?)\|(.+?)&gt;", r'<a href="\1">\2</a>', text)
    text = re.sub(r"&amp;(amp|lt|gt);", r"&\1;", text)
    text = re.sub(r"\*(.+?)\*", r"<strong>\1</strong>", text)
    return text.replace("\n", "<br>")


def serve(home: Path, port: int = 0) -> ThreadingHTTPServer:
    """A server over `home`, ready to be run; port 0 takes a free one."""
    home.mkdir(parents=True, exist_ok=True)
    inbox = Inbox(home / "messages.jsonl")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/messages.json":
                self._reply(json.dumps(inbox.messages()), "application/json")
            else:
                self._reply(inbox.page(), "text/html")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            fields = self._fields(body)
            if self.path != "/api/chat.postMessage":
                reply: dict[str, Any] = {"ok": False, "error": "unknown_method"}
            elif not fields.get("text"):
                reply = {"ok": False, "error": "no_text"}
            else:
                channel = fields.get("channel", "")
                reply = {"ok": True, "channel": channel, "ts": inbox.add(channel, fields["text"])}
            self._reply(json.dumps(reply), "application/json")

        def _fields(self, body: str) -> dict[str, str]:
            if "json" in self.headers.get("Content-Type", ""):
                return dict(json.loads(body))
            return {name: values[0] for name, values in parse_qs(body).items()}

        def _reply(self, body: str, kind: str) -> None:
            data = body.encode()
            self.send_response(200)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    endpoint = {"pid": os.getpid(), "url": f"http://127.0.0.1:{server.server_port}"}
    temporary = home / "endpoint.json.new"
    temporary.write_text(json.dumps(endpoint))
    temporary.replace(home / "endpoint.json")
    return server


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    serve(options.home, options.port).serve_forever()


if __name__ == "__main__":
    main()
