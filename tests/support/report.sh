# Sourced by tests/run.sh: counts what test programs report, and prints the closing line.
#
# A test program prints "ok - NAME", "not ok - NAME: WHY" or "skip - NAME: WHY" on lines of their own,
# and exits non-zero when anything failed. cmocka's lines "[       OK ]", "[  FAILED  ]" and "[  SKIPPED ]"
# count too.

PASSED=0
FAILED=0
SKIPPED=0
FAILURES=()
SKIPS=()
STARTED=$(date +%s)

SKIP_LINE='^skip - |^([0-9]+: )?\[  SKIPPED \] [a-z]'

stage() { printf '\n== %s [%d s]\n' "$1" $(($(date +%s) - STARTED)); }

# bounded COMMAND...: one that hangs ends with status 124 or 137.
bounded() {
    timeout --foreground -k 10 $((${KMS_TEST_LONG:-0} ? 14400 : 1200)) "$@"
}

# judge NAME OUTPUT STATUS: shows and adds up what a test program reported. One that fails without saying
# so, or that reports nothing at all, is a failure of its own; so is one that hangs.
judge() {
    local name=$1 output=$2 status=$3 passed failed line skips=()
    passed=$(grep -cE '^([0-9]+: )?ok - |^\[       OK \]|^[0-9]+: \[       OK \]|[0-9]+: [1-9][0-9]* inputs replayed' "$output" || true)
    failed=$(grep -cE '^([0-9]+: )?not ok - |^([0-9]+: )?\[  FAILED  \] [a-z]' "$output" || true)
    mapfile -t skips < <(grep -E "$SKIP_LINE" "$output" | sort -u) # cmocka lists them once more at its end
    while IFS= read -r line; do FAILURES+=("$name: $line"); done < <(grep -E '^([0-9]+: )?not ok - |^([0-9]+: )?\[  FAILED  \] [a-z]' "$output" || true)
    for line in "${skips[@]}"; do SKIPS+=("$name: $line"); done
    if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
        failed=$((failed + 1))
        FAILURES+=("$name: hung or was killed, $passed checks reported")
    elif [ "$failed" -eq 0 ] && { [ "$status" -ne 0 ] || [ $((passed + ${#skips[@]})) -eq 0 ]; }; then
        failed=1
        FAILURES+=("$name: exit status $status, $passed checks reported")
    fi
    if [ "$failed" -ne 0 ]; then
        tail -n 200 "$output"
    else
        printf '%s\n' "${skips[@]}" | grep . || true
        grep '^# ' "$output" || true
    fi
    printf '%s: %d passed, %d failed [%d s]\n' "$name" "$passed" "$failed" $(($(date +%s) - STARTED))
    PASSED=$((PASSED + passed))
    FAILED=$((FAILED + failed))
    SKIPPED=$((SKIPPED + ${#skips[@]}))
}

# run_reporting NAME COMMAND...: runs a test program and judges it.
run_reporting() {
    local name=$1 output status=0
    shift
    output=$(mktemp)
    bounded "$@" >"$output" 2>&1 || status=$?
    judge "$name" "$output" $status
    rm -f "$output"
}

# in_lane NAME COMMAND...: the same in the background, two at a time; COMMAND may be a function, which then
# bounds itself. `settle` waits for those that still run.
declare -A LANES=()
in_lane() {
    local name=$1
    shift
    while [ ${#LANES[@]} -ge 2 ]; do judge_next_lane; done
    ("$@") >"$WORK/lane.$name" 2>&1 &
    LANES[$!]=$name
}

judge_next_lane() {
    local pid status=0
    wait -n -p pid "${!LANES[@]}" || status=$?
    judge "${LANES[$pid]}" "$WORK/lane.${LANES[$pid]}" $status
    unset "LANES[$pid]"
}

settle() {
    while [ ${#LANES[@]} -gt 0 ]; do judge_next_lane; done
}

skip() { # NAME WHY
    printf 'skip - %s: %s\n' "$1" "$2"
    SKIPPED=$((SKIPPED + 1))
    SKIPS+=("$1: $2")
}

finish() {
    printf '\n'
    [ ${#SKIPS[@]} -eq 0 ] || printf 'skipped: %s\n' "${SKIPS[@]}"
    [ ${#FAILURES[@]} -eq 0 ] || printf 'failed: %s\n' "${FAILURES[@]}"
    printf '%d skipped, in %d s\n' "$SKIPPED" $(($(date +%s) - STARTED))
    printf '%d passed, %d failed\n' "$PASSED" "$FAILED"
    [ "$FAILED" -eq 0 ] && [ $((PASSED + SKIPPED)) -ne 0 ] # nothing is no success
}
