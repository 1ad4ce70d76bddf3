#!/usr/bin/env bash
# debian13.sh [ARGUMENT...]: makes a fresh, minimal Debian 13 in a directory, puts what is committed here
# into it, and runs docs/quickstart.sh and then tests/run.sh with the arguments there. Ends with the status
# of the last. Needs root, a network and 6 GB.
#
#   DEBIAN_SUITE    another release, such as bookworm; default trixie
#   DEBIAN_MIRROR   default http://deb.debian.org/debian
#   TMPDIR          where the directory is made; default /var/tmp
#
# Everything is mounted in a mount namespace of its own and every process lives in a process namespace of
# its own: whatever way this ends, the kernel takes mounts and processes away, and deleting the directory
# cannot reach through a mount.
set -euo pipefail
. "$(dirname "$0")/support/setup.sh"

suite=${DEBIAN_SUITE:-trixie}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}

[ "$(id -u)" = 0 ] || die "debian13.sh needs root, for chroot and mount"
install_missing debootstrap git
unshare --mount --pid --fork true 2>/dev/null ||
    die "this machine gives no mount and process namespaces (in a container: run it privileged)"

root=$(mktemp -d "${TMPDIR:-/var/tmp}/kms-$suite.XXXXXX")
chmod 0755 "$root" # as any root directory: tests run programs as other users in there
trap 'rm -rf --one-file-system "$root"' EXIT

say "Making a minimal Debian ($suite) in $root"
debootstrap --variant=minbase "$suite" "$root" "$mirror" >"$root.log" 2>&1 ||
    { tail -n 20 "$root.log"; rm -f "$root.log"; die "debootstrap failed"; }
rm -f "$root.log"

# Names, packages and authorities as this machine has them.
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
cat >"$root/etc/apt/sources.list" <<LIST
deb $mirror $suite main
deb $mirror $suite-updates main
deb ${mirror%/debian}/debian-security $suite-security main
LIST
apt-config dump --no-empty --format '%f "%v";%n' Acquire::http::Proxy Acquire::https::Proxy \
    Acquire::Check-Valid-Until Acquire::Check-Date >"$root/etc/apt/apt.conf.d/99host"
mkdir -p "$root/usr/local/share/ca-certificates" "$root/srv/kms"
find /usr/local/share/ca-certificates -name '*.crt' -exec cp {} "$root/usr/local/share/ca-certificates/" \;
git -c safe.directory='*' -C "$KMS_ROOT" archive HEAD | tar -x -C "$root/srv/kms"

environment=(HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    [ -z "${!name:-}" ] || environment+=("$name=${!name}")
done
# Node brings its own authorities and needs to be told of the system's.
environment+=(NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt)

# inside COMMAND...: runs it in the new system.
inside() {
    unshare --mount --pid --fork --kill-child --propagation private bash -c '
        set -e
        root=$1
        shift
        mount -t proc proc "$root/proc"
        mount -t sysfs -o ro sysfs "$root/sys"
        mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
        mount --bind "$root/dev/pts/ptmx" "$root/dev/ptmx"
        mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
        mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
        exec chroot "$root" env -i "$@"' _ "$root" "${environment[@]}" bash -c 'cd /srv/kms && "$@"' _ "$@"
}

say "docs/quickstart.sh"
inside docs/quickstart.sh
inside update-ca-certificates >/dev/null 2>&1 || true
say "tests/run.sh $*"
status=0
inside tests/run.sh "$@" || status=$?
exit $status
