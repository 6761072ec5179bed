#!/bin/sh
# The page must be there. SLIPWAY_ROOT is where this host's files begin: the agent's --root.
set -eu
cat "${SLIPWAY_ROOT:-}/srv/web/page.txt"
