#!/bin/sh
# Builds the page of a version.
set -eu
printf 'Hello from version %s\n' "$1" > page.txt
