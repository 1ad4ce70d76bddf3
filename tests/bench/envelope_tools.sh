#!/usr/bin/env bash
# envelope_tools.sh BINARY_DIR: kmsctl encrypt and decrypt of one large file on tmpfs against cp, openssl
# enc, age and gpg, in one run; each as a ratio to cp. The best of ROUNDS (default 2) counts. A tool that is
# not installed is left out. SIZE_MIB (default 256). For the ballast see envelope_cp.sh.
set -euo pipefail
. "$(dirname "$0")/../support/setup.sh"
binaries=$(cd "$1" && pwd)
size=${SIZE_MIB:-256}
work=$(mktemp -d /dev/shm/kms-bench.XXXXXX)
KMSD_PID=
trap 'stop_kmsd >/dev/null 2>&1 || true; gpgconf --homedir "$work/gnupg" --kill all 2>/dev/null || true; rm -rf "$work"' EXIT
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true
start_kmsd "$work/log" "$binaries/kmsd/kmsd" dev --listen 127.0.0.1:0
export AWS_ENDPOINT_URL=$KMSD_URL
kmsctl=$binaries/kmsctl/kmsctl
"$kmsctl" key create --alias alias/one >/dev/null
head -c "${size}M" /dev/urandom >"$work/plain"
echo "a passphrase" >"$work/passphrase"
mkdir -m 700 "$work/gnupg"
export GNUPGHOME=$work/gnupg
! command -v age-keygen >/dev/null || age-keygen -o "$work/age" 2>/dev/null

declare -A best
names=()
measure() { # NAME OUTPUT COMMAND...
    local name=$1 output=$2 seconds
    shift 2
    cp "$work/plain" "$work/ballast"
    rm -f "$work/ballast" "$work/$output"
    /usr/bin/time -o "$work/time" -f %e "$@" >/dev/null 2>"$work/err" || { cat "$work/err"; exit 1; }
    seconds=$(tail -n 1 "$work/time")
    [ -n "${best[$name]:-}" ] || names+=("$name")
    if [ -z "${best[$name]:-}" ] || awk "BEGIN{exit !($seconds < ${best[$name]})}"; then best[$name]=$seconds; fi
}
for ((round = 0; round < ${ROUNDS:-2}; round++)); do
    measure cp out cp "$work/plain" "$work/out"
    measure "kmsctl encrypt" kms "$kmsctl" encrypt -k alias/one "$work/plain" -o "$work/kms"
    measure "kmsctl decrypt" out "$kmsctl" decrypt "$work/kms" -o "$work/out"
    rm -f "$work/kms"
    measure "openssl enc -aes-256-ctr" enc openssl enc -aes-256-ctr -pbkdf2 -pass "file:$work/passphrase" -in "$work/plain" -out "$work/enc"
    measure "openssl enc -d" out openssl enc -d -aes-256-ctr -pbkdf2 -pass "file:$work/passphrase" -in "$work/enc" -out "$work/out"
    rm -f "$work/enc"
    if command -v age-keygen >/dev/null; then
        measure "age" aged age -r "$(age-keygen -y "$work/age")" -o "$work/aged" "$work/plain"
        measure "age -d" out age -d -i "$work/age" -o "$work/out" "$work/aged"
        rm -f "$work/aged"
    fi
    if command -v gpg >/dev/null; then
        measure "gpg --symmetric" pgp gpg --batch --pinentry-mode loopback --passphrase-file "$work/passphrase" --compress-algo none --symmetric -o "$work/pgp" "$work/plain"
        measure "gpg --decrypt" out gpg --batch --pinentry-mode loopback --passphrase-file "$work/passphrase" -o "$work/out" --decrypt "$work/pgp"
        rm -f "$work/pgp"
    fi
    rm -f "$work/out"
done
for name in "${names[@]}"; do
    awk -v n="$name" -v t="${best[$name]}" -v c="${best[cp]}" 'BEGIN { printf "%-26s %6.2f s  %5.2f of cp\n", n, t, t / c }'
done
