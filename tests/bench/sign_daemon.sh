#!/usr/bin/env bash
# sign_daemon.sh BINARY_DIR: signatures through kmsd against `openssl speed`; sign_daemon.py has the details.
set -euo pipefail
exec /usr/bin/python3 "$(dirname "$0")/sign_daemon.py" "$1"
