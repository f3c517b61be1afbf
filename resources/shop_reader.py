"""The process that reads the shop's database for `resources.shop_db`; not for import.

connectorx prints the value of a cell it can't decode to its standard error, and retries a lost
connection for half a minute. In a process of its own the one goes nowhere and the other can be
ended. Takes an order as JSON on standard input, writes an Arrow stream to standard output, and on
failure a verdict, which quotes nothing, to the file descriptor the order names.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any

_UNDECODABLE = ("Could not retrieve", "Couldn't convert", "FromValue", "decode")
_INTERRUPTED = ("IO error", "IoError", "CodecError", "timed out", "Connection", "DriverError")


def verdict(error: BaseException) -> dict[str, Any]:
    """Why a read failed: `server` with MySQL's error code, `interrupted`, or `undecodable`."""
    text = str(error)
    if found := re.search(r"ERROR (\d+) \(", text):
        return {"kind": "server", "code": int(found[1])}
    if any(sign in text for sign in _INTERRUPTED):
        return {"kind": "interrupted"}
    if any(sign in text for sign in _UNDECODABLE):
        return {"kind": "undecodable"}
    return {"kind": "unknown", "error": type(error).__name__}


def main() -> int:
    import connectorx
    import pyarrow as pa

    order = json.load(sys.stdin)
    try:
        batches = connectorx.read_sql(
            order["url"], order["sql"], return_type="arrow_stream", batch_size=order["batch_rows"]
        )
        with pa.ipc.new_stream(sys.stdout.buffer, batches.schema) as stream:
            for batch in batches:
                stream.write_batch(batch)
    except BaseException as error:  # noqa: BLE001  (a panic in Rust is no Exception)
        os.write(order["verdict_fd"], json.dumps(verdict(error)).encode())
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
