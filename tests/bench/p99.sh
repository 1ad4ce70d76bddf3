#!/usr/bin/env bash
# p99.sh BINARY_DIR: Encrypt beside the making of RSA keys; p99.py has the details.
set -euo pipefail
exec /usr/bin/python3 "$(dirname "$0")/p99.py" "$1"
