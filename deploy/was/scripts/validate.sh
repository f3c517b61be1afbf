#!/bin/sh
# validate.sh [PREFIX] [PORT]: succeeds once the server answers that it is healthy, within 30 s.
set -eu
port=${2:-8080}
exec "${PYTHON:-python3.11}" - "http://127.0.0.1:$port/health" <<'EOF'
import sys
import time
import urllib.request

deadline = time.monotonic() + 30
while True:
    try:
        urllib.request.urlopen(sys.argv[1], timeout=5).close()
        break
    except OSError as error:
        if time.monotonic() > deadline:
            sys.exit(f"not healthy: {error}")
        time.sleep(0.1)
EOF
