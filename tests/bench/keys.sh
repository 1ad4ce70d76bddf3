#!/usr/bin/env bash
# keys.sh BINARY_DIR: what a hundred thousand keys cost; keys.py has the details.
set -euo pipefail
exec /usr/bin/python3 "$(dirname "$0")/keys.py" "$1"
