#!/usr/bin/env bash
# fuzz_once.sh TARGET SECONDS SEED: fuzzes from the committed corpus; new inputs go to a temporary folder.
# The seed is a number, or "random".
set -euo pipefail
target=$1 seconds=$2 seed=$3
[ "$seed" != random ] || seed=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
name=$(basename "$target")
corpus=("$(dirname "$0")/../../fuzz/corpus/${name#fuzz_}")
[ "$name" != fuzz_decision ] || corpus+=("$(dirname "$0")/../vectors/policy") # its tables are seeds
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
if "$target" -seed="$seed" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -artifact_prefix="$scratch/" \
    "$scratch" "${corpus[@]}" 2>"$scratch.log"; then
    echo "ok - $name: seed $seed, $(grep -oE 'Done [0-9]+ runs' "$scratch.log" | tail -n 1)"
    rm -f "$scratch.log"
else
    tail -n 60 "$scratch.log"
    for crash in "$scratch"/crash-* "$scratch"/leak-* "$scratch"/timeout-*; do
        [ -f "$crash" ] && base64 "$crash"
    done
    echo "not ok - $name: the fuzzer found a failing input (seed $seed)"
    exit 1
fi
