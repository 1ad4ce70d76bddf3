#!/usr/bin/env bash
# identity.sh BINARY_DIR: a request by a session token against one by a long-lived key; identity.py has the details.
set -euo pipefail
exec /usr/bin/python3 "$(dirname "$0")/identity.py" "$1"
