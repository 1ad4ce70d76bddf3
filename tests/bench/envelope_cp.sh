#!/usr/bin/env bash
# envelope_cp.sh BINARY_DIR: kmsctl encrypt, decrypt and re-encrypt of one large file on tmpfs, unsigned and
# signed, against `cp` of the same file, in one run; time as a ratio, resident memory absolute. The best of
# ROUNDS (default 2) counts. SIZE_MIB (default 512; docs/performance.md records 2048 and 8192); never more
# than two files of that size are there at once. With UNSIGNED=1 signed messages are left out.
#
# "re-encrypt" replaces the file, which includes giving back the old one's pages; `cp` to a new name has no
# counterpart of that, "re-encrypt -o" does without as well.
#
# In a virtual machine whose balloon reports free pages, memory that has lain free for two seconds is
# given back to the host, and the next to write to it waits for the host to hand it out again: up to
# five times the time of the copy itself, by luck of the order. So before each command a file of the
# same size is written and removed, and whatever is measured finds pages that are there.
set -euo pipefail
. "$(dirname "$0")/../support/setup.sh"
binaries=$(cd "$1" && pwd)
size=${SIZE_MIB:-512}
work=$(mktemp -d /dev/shm/kms-bench.XXXXXX)
KMSD_PID=
trap 'stop_kmsd >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true
start_kmsd "$work/log" "$binaries/kmsd/kmsd" dev --listen 127.0.0.1:0
export AWS_ENDPOINT_URL=$KMSD_URL
kmsctl=$binaries/kmsctl/kmsctl
"$kmsctl" key create --alias alias/one >/dev/null
"$kmsctl" key create --alias alias/two >/dev/null
head -c "${size}M" /dev/urandom >"$work/plain"
digest=$(sha256sum <"$work/plain")

declare -A best rss
names=()
measure() { # NAME INPUT COMMAND...
    local name=$1 input=$work/$2 seconds kib
    shift 2
    cp "$input" "$work/ballast"
    rm "$work/ballast"
    /usr/bin/time -o "$work/time" -f '%e %M' "$@" >/dev/null
    read -r seconds kib <"$work/time"
    [ -n "${best[$name]:-}" ] || names+=("$name")
    if [ -z "${best[$name]:-}" ] || awk "BEGIN{exit !($seconds < ${best[$name]})}"; then best[$name]=$seconds; fi
    if [ "${rss[$name]:-0}" -lt "$kib" ]; then rss[$name]=$kib; fi
}
for ((round = 0; round < ${ROUNDS:-2}; round++)); do
    measure cp plain cp "$work/plain" "$work/copy"
    rm "$work/copy"
    measure encrypt plain "$kmsctl" encrypt -k alias/one -c purpose=bench "$work/plain" -o "$work/sealed"
    rm "$work/plain"
    measure re-encrypt sealed "$kmsctl" re-encrypt -k alias/two "$work/sealed"
    measure "re-encrypt -o" sealed "$kmsctl" re-encrypt -k alias/one "$work/sealed" -o "$work/again"
    rm "$work/sealed"
    measure decrypt again "$kmsctl" decrypt -c purpose=bench "$work/again" -o "$work/plain"
    rm "$work/again"
    if [ -z "${UNSIGNED:-}" ]; then
        measure "encrypt --sign" plain "$kmsctl" encrypt --sign -k alias/one "$work/plain" -o "$work/sealed"
        rm "$work/plain"
        measure "decrypt, signed" sealed "$kmsctl" decrypt "$work/sealed" -o "$work/plain"
        rm "$work/sealed"
    fi
    [ "$(sha256sum <"$work/plain")" = "$digest" ] || die "what was decrypted is not what was encrypted"
done
for name in "${names[@]:1}"; do
    awk -v n="$name" -v t="${best[$name]}" -v c="${best[cp]}" -v r="${rss[$name]}" -v s="$size" 'BEGIN {
        printf "kmsctl %-15s %d MiB: %.2f s, cp %.2f s, ratio %.2f; resident %.1f MiB\n", n, s, t, c, t / c, r / 1024 }'
done
echo "one core's SHA-384, which signed messages are made of: $(openssl speed -seconds 1 -evp sha384 -bytes 65536 2>/dev/null |
    awk -v s="$size" -v c="${best[cp]}" '/^sha384/ { printf "%d MiB in %.2f s, ratio %.2f", s, s * 1048.576 / $2, s * 1048.576 / $2 / c }')"
