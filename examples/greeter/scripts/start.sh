#!/bin/sh
# Starts the service. The host says at which port in etc/greeter/port; SLIPWAY_ROOT is where this host's files begin.
set -eu
root=${SLIPWAY_ROOT:-}
port=$(cat "$root/etc/greeter/port")
mkdir -p "$root/run" "$root/var/log"
setsid "$root/opt/greeter/greeter" -listen "127.0.0.1:$port" >>"$root/var/log/greeter.log" 2>&1 </dev/null &
echo $! >"$root/run/greeter.pid"
echo "greeter started on port $port as process $!"
