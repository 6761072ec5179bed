#!/bin/sh
# The service must answer with the version that was just installed.
set -eu
root=${SLIPWAY_ROOT:-}
exec "$root/opt/greeter/greeter" -check "http://127.0.0.1:$(cat "$root/etc/greeter/port")"
