#!/bin/sh
# stop.sh [PREFIX]: ends nginx after the requests under way; one that isn't running is fine.
set -eu
prefix=${1:-/opt/mall/web}
[ -r "$prefix/run/pid" ] || exit 0
pid=$(cat "$prefix/run/pid")
ours() { tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q 'nginx: master'; }

ours && kill -QUIT "$pid"
for _ in $(seq 250); do
    ours || { rm -f "$prefix/run/pid"; exit 0; }
    sleep 0.1
done
ours && kill -9 "$pid"
rm -f "$prefix/run/pid"
