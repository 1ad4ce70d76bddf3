#!/usr/bin/env bash
# audit.sh BINARY_DIR: what the audit trail costs, and how fast it is searched; audit.py has the details.
set -euo pipefail
exec /usr/bin/python3 "$(dirname "$0")/audit.py" "$1"
