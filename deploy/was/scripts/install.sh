#!/bin/sh
# install.sh [PREFIX]: makes the bundle this script is in the current release under PREFIX.
# The release before it stays, to go back to.
set -eu
prefix=${1:-/opt/mall/was}
bundle=$(cd "$(dirname "$0")/.." && pwd)
release=$prefix/releases/$(date -u +%Y%m%dT%H%M%S)-$$

mkdir -p "$prefix/releases" "$prefix/run"
cp -R "$bundle" "$release"
ln -sfn "$release" "$prefix/current.new"
mv -T "$prefix/current.new" "$prefix/current"
ls -1d "$prefix"/releases/* | sort -r | tail -n +3 | xargs -r rm -rf
if [ "$(id -u)" -eq 0 ] && id mall >/dev/null 2>&1; then chown -R mall "$prefix/run"; fi
