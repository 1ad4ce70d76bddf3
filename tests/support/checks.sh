# Sourced by shell tests: runs commands, reports "ok - NAME" or "not ok - NAME: WHY", counts failures.
# The commands' output is in $WORK/out and $WORK/err afterwards.

WORK=$(mktemp -d "${TMPDIR:-/tmp}/checks.XXXXXX")
trap 'rm -rf "$WORK"' EXIT
FAILED_CHECKS=0

pass() { printf 'ok - %s\n' "$1"; }
fail() { # NAME WHY
    printf 'not ok - %s: %s\n' "$1" "$(printf '%s' "$2" | tr '\n' ' ')"
    FAILED_CHECKS=$((FAILED_CHECKS + 1))
}
skip() { printf 'skip - %s: %s\n' "$1" "$2"; }
finish() { [ "$FAILED_CHECKS" -eq 0 ]; }

# expect STATUS NAME COMMAND...: the command ends with that status. A failing kmsctl says why, in one
# line; a successful one says nothing on standard error.
expect() {
    local wanted=$1 name=$2 status=0 lines
    shift 2
    "$@" >"$WORK/out" 2>"$WORK/err" || status=$?
    lines=$(wc -l <"$WORK/err")
    if [ $status -ne "$wanted" ]; then
        fail "$name" "exit status $status, not $wanted; $(tail -n 5 "$WORK/err")"
    elif [ "$wanted" -eq 0 ] && [ -s "$WORK/err" ]; then
        fail "$name" "wrote to standard error: $(tail -n 5 "$WORK/err")"
    elif [ "$wanted" -ne 0 ] && { [ "$lines" -ne 1 ] || ! grep -q '^kmsctl: .' "$WORK/err"; }; then
        fail "$name" "error is not one line of its own: $(tail -n 5 "$WORK/err")"
    else
        pass "$name"
    fi
}

check() { # NAME COMMAND...: the command succeeds; what it prints is no matter
    local name=$1
    shift
    if "$@" >"$WORK/check" 2>&1; then pass "$name"; else fail "$name" "$* failed: $(tail -n 5 "$WORK/check")"; fi
}

equal() { # NAME GOT WANTED
    if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "got '$2' instead of '$3'"; fi
}

says() { # NAME PATTERN: the last command's standard error matches (basic regex)
    if grep -q -- "$2" "$WORK/err"; then pass "$1"; else fail "$1" "said: $(cat "$WORK/err")"; fi
}

prints() { # NAME PATTERN: the last command's standard output matches (basic regex)
    if grep -q -- "$2" "$WORK/out"; then pass "$1"; else fail "$1" "printed: $(head -n 20 "$WORK/out")"; fi
}

absent() { # NAME PATH...
    local name=$1 path
    shift
    for path in "$@"; do
        if [ -e "$path" ] || [ -L "$path" ]; then
            fail "$name" "$path exists"
            return
        fi
    done
    pass "$name"
}

only() { # NAME DIRECTORY ENTRY...: the directory holds these and nothing else, hidden or not
    local name=$1 directory=$2
    shift 2
    [ $# -gt 0 ] || set -- ''
    equal "$name" "$(ls -A "$directory" | sort | xargs)" "$(printf '%s\n' "$@" | sort | xargs)"
}

json() { jq -er "$1" <"$WORK/out" 2>&1; } # FILTER: of the last command's output
