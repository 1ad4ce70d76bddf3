#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test. The last line is "N passed, N failed".
#
#   tests/run.sh          what every change must pass; within 20 minutes on 2 cores
#   tests/run.sh --long   the same with long fuzzing, hundreds of crashes, and more
#   tests/run.sh --only PATTERN   only the stages whose name matches the (extended regex) pattern
set -euo pipefail
. "$(dirname "$0")/support/setup.sh"
. "$(dirname "$0")/support/report.sh"
cd "$KMS_ROOT"

LONG=0
ONLY=.
while [ $# -gt 0 ]; do
    case $1 in
    --long) LONG=1 ;;
    --only) ONLY=$2; shift ;;
    *) die "usage: tests/run.sh [--long] [--only PATTERN]" ;;
    esac
    shift
done
export KMS_TEST_LONG=$LONG

# Nothing of the caller's own AWS set-up reaches a test, and no test leaves credentials at the caller's
# home, where the AWS CLI keeps those of roles (with_dev_daemon).
for name in $(compgen -e | grep '^AWS_'); do unset "$name"; done
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true
export no_proxy=127.0.0.1,localhost NO_PROXY=127.0.0.1,localhost

WORK=$(mktemp -d "${TMPDIR:-/tmp}/kms-tests.XXXXXX")
KMSD_PID=
clean_up() {
    stop_kmsd >/dev/null 2>&1 || true
    [ ${#LANES[@]} -eq 0 ] || kill "${!LANES[@]}" 2>/dev/null || true
    rm -rf "$WORK"
}
trap clean_up EXIT

wanted() { [[ $1 =~ $ONLY ]]; }

install_test_tools() {
    install_missing "${BUILD_PACKAGES[@]}" libcmocka-dev clang libclang-rt-dev awscli python3-boto3 \
        python3-cbor2 python3-cryptography python3-venv curl jq time wrk zsh fish
    command -v node >/dev/null || install_missing nodejs
    command -v npm >/dev/null || install_missing npm
}

# The SDKs need Node 20; where Debian has an older one, the registry's own build of it runs them.
NODE=node
install_node_packages() {
    (cd tests/clients && npm ci --no-audit --no-fund --loglevel=error) >"$WORK/npm.log" 2>&1 || return 1
    if [ "$(node -p 'process.versions.node.split(".")[0]')" -lt 20 ]; then
        (cd tests/clients && npm install --no-save --no-audit --no-fund node@22) >>"$WORK/npm.log" 2>&1 || return 1
        NODE=tests/clients/node_modules/node/bin/node
    fi
}

# The Encryption SDK for Python is not in Debian.
install_python_packages() {
    /usr/bin/python3 -m venv "$WORK/venv" >"$WORK/pip.log" 2>&1 &&
        "$WORK/venv/bin/pip" install --quiet -r tests/clients/requirements.txt >>"$WORK/pip.log" 2>&1
}

# with_dev_daemon NAME BINARY_DIR COMMAND...: runs a test program against a fresh `kmsd dev`; the
# daemon must drain cleanly afterwards (sanitizers report at exit). What goes over the wire, the trail and
# the log stay in $WORK/left/NAME, where the last stage looks for secrets.
with_dev_daemon() {
    local left=$WORK/left/$1 tmp=$WORK/tmp.$1 log=$WORK/left/$1/log binaries=$2 result=0 status=0
    shift 2
    [ ! -e "$left" ] || die "two tests are called $left"
    mkdir -p "$tmp" "$left/wire"
    printf '{"audit": {"folder": "%s/trail"}}' "$left" >"$tmp.json"
    start_kmsd "$log" "$binaries/kmsd/kmsd" dev --listen 127.0.0.1:0 --config "$tmp.json"
    start_wiretap "$left/wire"
    bounded env KMS_TEST_LEFT="$left" AWS_ENDPOINT_URL="$TAP_URL" AWS_ACCESS_KEY_ID=test \
        AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1 \
        KMSD="$KMS_ROOT/$binaries/kmsd/kmsd" KMSCTL="$KMS_ROOT/$binaries/kmsctl/kmsctl" TMPDIR="$tmp" HOME="$tmp" "$@" || result=$?
    rm -rf "$tmp"
    stop_kmsd || status=$?
    kill "$TAP_PID"
    if [ $status -ne 0 ]; then
        tail -n 60 "$log"
        echo "not ok - a clean end: kmsd ended with status $status"
    fi
    return $result
}

# start_wiretap DIR: stands before the daemon that was started last. Sets TAP_PID and TAP_URL.
start_wiretap() {
    TAP_URL=
    : >"$1.url" # which the next line makes some time later
    /usr/bin/python3 tests/support/wiretap.py "$KMSD_URL" "$1" >"$1.url" 2>&1 &
    TAP_PID=$!
    while [ -z "$TAP_URL" ]; do
        kill -0 "$TAP_PID" 2>/dev/null || { cat "$1.url" >&2; die "the wiretap did not start"; }
        TAP_URL=$(sed -n 's/^listening on //p' "$1.url")
        [ -n "$TAP_URL" ] || sleep 0.05
    done
}

# beside_dev_daemon NAME COMMAND...: that in a lane, with the AddressSanitizer build.
beside_dev_daemon() {
    local name=$1
    shift
    in_lane "$name" with_dev_daemon "$name" build/asan "$@"
}

if wanted quickstart; then
    stage "quickstart: the main job on real input"
    if docs/quickstart.sh; then
        echo "ok - quickstart"
        PASSED=$((PASSED + 1))
    else
        FAILED=$((FAILED + 1))
        FAILURES+=("quickstart")
    fi
fi

stage "installing the tests' tools"
install_test_tools
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1

stage "building: release, asan"
configure_preset release -DKMS_BUILD_TESTS=ON
build_targets release kmsd kmsctl libkms benchmarks
build_preset asan

if wanted unit; then
    stage "unit: with AddressSanitizer and UndefinedBehaviorSanitizer"
    run_reporting unit-asan ctest --test-dir build/asan -V -j 2
    stage "unit: with ThreadSanitizer"
    configure_preset tsan
    mapfile -t targets < <(ctest --test-dir build/tsan -N -L threads | sed -n 's/^ *Test *#[0-9]*: /test_/p')
    build_targets tsan "${targets[@]}"
    run_reporting unit-tsan ctest --test-dir build/tsan -V -j 2 -L threads
fi

if wanted api; then
    stage "api: whole daemon, driven by clients of others (AddressSanitizer build)"
    for script in tests/api/aws_cli*.sh tests/api/kmsctl_*.sh; do
        beside_dev_daemon "$(basename "$script")" bash "$script"
    done
    for script in tests/api/test_*.py; do
        beside_dev_daemon "$(basename "$script")" /usr/bin/python3 "$script"
    done
    settle
fi

if wanted clients; then
    stage "clients: AWS SDK and Encryption SDK for JavaScript"
    if install_node_packages; then
        for script in tests/clients/test_*.mjs; do
            beside_dev_daemon "$(basename "$script")" "$NODE" "$script"
        done
        settle
    elif curl -sS -m 10 -o /dev/null "$(npm config get registry)" 2>/dev/null; then
        cat "$WORK/npm.log"
        die "npm ci failed though its registry can be reached"
    else
        for script in tests/clients/test_*.mjs; do
            skip "$(basename "$script" .mjs)" "npm's registry cannot be reached"
        done
    fi
fi

if wanted clients; then
    stage "clients: Encryption SDK for Python"
    if install_python_packages; then
        for script in tests/clients/test_*.py; do
            beside_dev_daemon "$(basename "$script")" "$WORK/venv/bin/python" "$script"
        done
        beside_dev_daemon esdk_cli bash tests/clients/esdk_cli.sh
        settle
    elif curl -sS -m 10 -o /dev/null "${PIP_INDEX_URL:-$("$WORK/venv/bin/pip" config get global.index-url 2>/dev/null || echo https://pypi.org/simple)}" 2>/dev/null; then
        cat "$WORK/pip.log"
        die "pip failed though its registry can be reached"
    else
        for script in tests/clients/test_*.py; do
            skip "$(basename "$script" .py)" "PyPI cannot be reached"
        done
    fi
fi

if [ -d "$WORK/left" ]; then
    stage "trail: no secret of the whole suite is in it, and it verifies"
    run_reporting trail env KMSCTL="$KMS_ROOT/build/release/kmsctl/kmsctl" \
        /usr/bin/python3 tests/support/trail_secrets.py "$WORK"/left/*
    rm -rf "$WORK/left"
fi

if wanted faults; then
    stage "faults: kill -9, damage, refusals"
    for script in tests/faults/*.py; do
        run_reporting "$(basename "$script" .py)" env KMSD="$KMS_ROOT/build/release/kmsd/kmsd" \
            KMSCTL="$KMS_ROOT/build/release/kmsctl/kmsctl" TMPDIR="$WORK" /usr/bin/python3 "$script"
    done
fi

if wanted fuzz; then
    # A change is judged by the same inputs each time; new ones are looked for with --long.
    read -r seconds seed <<<"$([ "$LONG" = 1 ] && echo "600 random" || echo "5 1")"
    stage "fuzz: $seconds s each, seed $seed"
    build_preset fuzz
    for target in build/fuzz/fuzz/fuzz_*; do
        [ -x "$target" ] && [ -f "$target" ] || continue
        in_lane "$(basename "$target")" bounded tests/support/fuzz_once.sh "$target" "$seconds" "$seed"
    done
    settle
fi

if wanted bench; then
    stage "bench: ratios in one run"
    [ "$LONG" = 1 ] || export ROUNDS=1 # shows that they run; docs/performance.md has the figures
    run_reporting bench tests/bench/run.sh build/release
fi

finish
