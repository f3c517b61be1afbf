#!/bin/sh
# build.sh OUT: puts what a server needs into OUT: the page, nginx's settings, hooks, appspec.yml.
set -eu
out=$1
here=$(cd "$(dirname "$0")/.." && pwd)

rm -rf "$out"
mkdir -p "$out"
cp -R "$here/page" "$here/nginx.conf.template" "$here/mime.types" "$here/scripts" \
    "$here/appspec.yml" "$out/"
for file in $(sed -n 's/.*\(src\|href\)="\/\([^"]*\)".*/\2/p' "$out/page/index.html"); do
    [ -f "$out/page/$file" ] || { echo "index.html refers to $file, which is missing" >&2; exit 1; }
done
