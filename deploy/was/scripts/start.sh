#!/bin/sh
# start.sh [PREFIX] [PORT]: starts the current release; its settings are the environment's or, on a
# server, those of /etc/mall/was.env.
set -eu
prefix=${1:-/opt/mall/was}
port=${2:-8080}
"$(dirname "$0")/stop.sh" "$prefix"
if [ -r "${SETTINGS:=/etc/mall/was.env}" ]; then set -a; . "$SETTINGS"; set +a; fi

cd "$prefix/current"
PYTHONPATH=$prefix/current/lib:$prefix/current PYTHONDONTWRITEBYTECODE=1 \
    setsid "${PYTHON:-python3.11}" -m shop_api --host "${HOST:-0.0.0.0}" --port "$port" \
    >>"$prefix/run/log" 2>&1 </dev/null &
echo $! >"$prefix/run/pid"
