#!/usr/bin/env bash
# run.sh BINARY_DIR: runs every benchmark and prints its ratios. Benchmarks show, they do not judge: a
# line "ok - ..." says that one ran to its end. docs/performance.md records the numbers. ROUNDS=N in the
# environment makes those that measure in rounds take N of them.
set -uo pipefail
binaries=$1
cd "$(dirname "$0")/../.."
status=0
for bench in "$binaries"/tests/bench/bench_*; do
    if [ ! -x "$bench" ] || [ -d "$bench" ]; then continue; fi
    case $(basename "$bench") in bench_bare_* | bench_envelope) continue ;; esac # parts of the scripts below
    if "$bench" >/tmp/kms-bench.$$ 2>&1; then
        sed 's/^/# /' /tmp/kms-bench.$$
        echo "ok - $(basename "$bench")"
    else
        cat /tmp/kms-bench.$$
        echo "not ok - $(basename "$bench"): ended with an error"
        status=1
    fi
done
for script in tests/bench/*.sh; do
    [ "$(basename "$script")" = run.sh ] && continue
    if "$script" "$binaries" >/tmp/kms-bench.$$ 2>&1; then
        sed 's/^/# /' /tmp/kms-bench.$$
        echo "ok - $(basename "$script")"
    else
        cat /tmp/kms-bench.$$
        echo "not ok - $(basename "$script"): ended with an error"
        status=1
    fi
done
rm -f /tmp/kms-bench.$$
exit $status
