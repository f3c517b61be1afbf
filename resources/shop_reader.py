"""The process that reads the shop's database for `resources.shop_db`; not for import.

connectorx prints the value of a cell it can't decode to its standard error, and retries a lost
connection for half a minute. In a process of its own the one goes nowhere and the other can be
ended. Takes orders, a line of JSON each, on standard input; answers each with an Arrow stream on
standard output and a verdict, which quotes nothing, on the file descriptor that is its argument.
After a failure, or at the end of its input, it ends.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any, TextIO

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


def main(verdicts: TextIO) -> int:
    import connectorx
    import pyarrow as pa

    for line in sys.stdin:
        order = json.loads(line)
        try:
            batches = connectorx.read_sql(
                order["url"],
                order["sql"],
                return_type="arrow_stream",
                batch_size=order["batch_rows"],
            )
            with pa.ipc.new_stream(sys.stdout.buffer, batches.schema) as stream:
                for batch in batches:
                    stream.write_batch(batch)
            sys.stdout.buffer.flush()
        except BaseException as error:  # noqa: BLE001  (a panic in Rust is no Exception)
            print(json.dumps(verdict(error)), file=verdicts, flush=True)
            return 1
        print(json.dumps({"kind": "done"}), file=verdicts, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(os.fdopen(int(sys.argv[1]), "w")))
