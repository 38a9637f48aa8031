#!/bin/sh
# `wz` with the settings and the key of the service on this machine, for root: installed as /usr/local/bin/wz.
# Paths in its arguments are absolute: the commands are found in the service's folder, so that is where it works.
set -eu
set -a
. /etc/wz/wz.env
WZ_CONNECTION_STRING_FILE=/etc/wz/connection-string
set +a
cd /opt/wz
exec .venv/bin/wz "$@"
