#!/bin/sh
# stop.sh [PREFIX]: ends the server after the requests under way; one that isn't running is fine.
set -eu
prefix=${1:-/opt/mall/was}
[ -r "$prefix/run/pid" ] || exit 0
pid=$(cat "$prefix/run/pid")
ours() { tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q 'shop_api'; }

ours && kill "$pid"
for _ in $(seq 250); do
    ours || { rm -f "$prefix/run/pid"; exit 0; }
    sleep 0.1
done
ours && kill -9 "$pid"
rm -f "$prefix/run/pid"
