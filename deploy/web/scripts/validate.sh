#!/bin/sh
# validate.sh [PREFIX] [PORT]: succeeds once nginx answers and the page is there, within 30 s.
set -eu
port=${2:-8080}
exec "${PYTHON:-python3}" - "http://127.0.0.1:$port" <<'EOF'
import sys
import time
import urllib.request

deadline = time.monotonic() + 30
while True:
    try:
        for path in ("/health", "/"):
            urllib.request.urlopen(sys.argv[1] + path, timeout=5).close()
        break
    except OSError as error:
        if time.monotonic() > deadline:
            sys.exit(f"not healthy: {error}")
        time.sleep(0.1)
EOF
