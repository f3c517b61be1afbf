#!/bin/sh
# start.sh [PREFIX] [PORT]: starts nginx on the current release; its settings are the environment's
# or, on a server, those of /etc/mall/web.env. WAS_ADDRESS is where the application servers answer,
# WORKER whose rights nginx's workers have where that isn't the package's own user.
set -eu
prefix=${1:-/opt/mall/web}
port=${2:-8080}
"$(dirname "$0")/stop.sh" "$prefix"
if [ -r "${SETTINGS:=/etc/mall/web.env}" ]; then . "$SETTINGS"; fi

sed -e "s|@PREFIX@|$prefix|g" -e "s|@PORT@|$port|g" -e "s|@HOST@|${HOST:-0.0.0.0}|g" \
    -e "s|@WAS@|${WAS_ADDRESS:?}|g" -e "s|@RESOLVER@|${RESOLVER:-169.254.169.253}|g" \
    -e "s|@TRUSTED@|${TRUSTED:-127.0.0.1}|g" \
    "$prefix/current/nginx.conf.template" >"$prefix/run/nginx.conf"
PATH=$PATH:/usr/sbin
user=${WORKER:+user $WORKER;}
nginx -q -t -g "$user" -c "$prefix/run/nginx.conf" -e "$prefix/run/error.log"
nginx -g "$user" -c "$prefix/run/nginx.conf" -e "$prefix/run/error.log"
