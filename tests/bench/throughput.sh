#!/usr/bin/env bash
# throughput.sh BINARY_DIR: kmsd against a bare libmicrohttpd server; throughput.py has the details.
set -euo pipefail
exec /usr/bin/python3 "$(dirname "$0")/throughput.py" "$1"
