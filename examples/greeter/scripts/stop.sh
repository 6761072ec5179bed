#!/bin/sh
# Stops the service if it runs.
set -eu
pidfile=${SLIPWAY_ROOT:-}/run/greeter.pid
[ -f "$pidfile" ] || { echo "greeter was not running"; exit 0; }
pid=$(cat "$pidfile")
if kill "$pid" 2>/dev/null; then
  while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
  echo "greeter stopped (process $pid)"
fi
rm -f "$pidfile"
