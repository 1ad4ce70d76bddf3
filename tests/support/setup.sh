# Sourced by docs/quickstart.sh and tests/run.sh: installs what is missing, builds, starts daemons.
# Works on Debian 12 and 13, as root or with sudo.

KMS_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

say() { printf '\n== %s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# apt_get ARGUMENT...: without questions; waits while another apt works, as after a machine's first start.
apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@"
}

# install_missing PACKAGE...: asks dpkg first, so that nothing happens (and no network is needed) when
# all is there.
install_missing() {
    local package missing=()
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    command -v apt-get >/dev/null || die "this is not Debian; needed are Debian's packages ${missing[*]}"
    [ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
        die "neither root nor sudo; have root do: apt-get install ${missing[*]}"
    echo "installing ${missing[*]}"
    apt_get update >/dev/null || echo "package lists could not be refreshed; using the old ones"
    apt_get -y install --no-install-recommends "${missing[@]}" >/dev/null ||
        die "could not install ${missing[*]}"
}

BUILD_PACKAGES=(gcc libc6-dev cmake ninja-build pkg-config libssl-dev libmicrohttpd-dev libjansson-dev
    libsqlite3-dev libcbor-dev libcurl4-openssl-dev libarchive-dev libsodium-dev libxml2-dev ca-certificates)

# configure_preset PRESET [cmake option...]: configures build/PRESET.
configure_preset() {
    local preset=$1 output
    shift
    output=$(cd "$KMS_ROOT" && cmake --preset "$preset" "$@" 2>&1) ||
        { printf '%s\n' "$output"; die "configuring $preset failed"; }
}

# build_targets PRESET [TARGET...]: builds these (default: all) in build/PRESET.
build_targets() {
    local preset=$1
    shift
    (cd "$KMS_ROOT" && cmake --build --preset "$preset" --target "${@:-all}" 2>&1 | tail -n 25; exit "${PIPESTATUS[0]}") ||
        die "building $preset failed"
}

# build_preset PRESET [cmake option...]: configures and builds all of build/PRESET.
build_preset() {
    configure_preset "$@"
    build_targets "$1"
}

# start_kmsd LOG COMMAND...: starts a daemon in the background and waits until it listens. Sets
# KMSD_PID and KMSD_URL.
start_kmsd() {
    local log=$1 waited=0
    shift
    : >"$log" # before the daemon starts: an older one's line must not be taken for its own
    "$@" >>"$log" 2>&1 &
    KMSD_PID=$!
    KMSD_URL=
    while [ -z "$KMSD_URL" ]; do
        KMSD_URL=$(sed -n 's/.*listening on \(https\{0,1\}:\/\/[^ ]*\).*/\1/p' "$log" | head -n 1)
        kill -0 "$KMSD_PID" 2>/dev/null || { cat "$log" >&2; die "kmsd did not start"; }
        waited=$((waited + 1))
        [ $waited -lt 600 ] || { cat "$log" >&2; die "kmsd is not ready after 60 s"; }
        [ -n "$KMSD_URL" ] || sleep 0.1
    done
}

# stop_kmsd: asks the daemon that start_kmsd started to drain, and waits for it.
stop_kmsd() {
    [ -n "${KMSD_PID:-}" ] || return 0
    local pid=$KMSD_PID
    KMSD_PID=
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid"
}
