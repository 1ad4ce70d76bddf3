#!/usr/bin/env bash
# many_files.sh BINARY_DIR: kmsctl over 1,000 files of 4 KiB on tmpfs: files a second for encrypt -r with
# key slots, key-slot replace, re-encrypt -r, verify -r and decrypt -r. Every file is synced and has its
# own calls to the service.
set -euo pipefail
. "$(dirname "$0")/../support/setup.sh"
binaries=$(cd "$1" && pwd)
count=${FILES:-1000}
work=$(mktemp -d /dev/shm/kms-bench.XXXXXX)
KMSD_PID=
trap 'stop_kmsd >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true
start_kmsd "$work/log" "$binaries/kmsd/kmsd" dev --listen 127.0.0.1:0
export AWS_ENDPOINT_URL=$KMSD_URL
kmsctl=$binaries/kmsctl/kmsctl
"$kmsctl" key create --alias alias/one >/dev/null
"$kmsctl" key create --alias alias/two >/dev/null
mkdir "$work/plain"
for ((i = 0; i < count; i++)); do head -c 4096 /dev/urandom >"$work/plain/$i"; done

measure() { # NAME COMMAND...
    local name=$1 begin
    shift
    begin=$(date +%s%N)
    "$@" >/dev/null
    awk -v n="$name" -v c="$count" -v t=$(($(date +%s%N) - begin)) 'BEGIN {
        printf "kmsctl %-16s %d files of 4 KiB: %.0f files/s\n", n, c, c / t * 1e9 }'
}
measure "encrypt -r" "$kmsctl" encrypt --key-slots -k alias/one -r "$work/plain" -o "$work/sealed"
measure "key-slot replace" "$kmsctl" key-slot replace --old-key alias/one -k alias/two -r "$work/sealed"
measure "verify -r" "$kmsctl" verify -k alias/two -r "$work/sealed"
measure "re-encrypt -r" "$kmsctl" re-encrypt -k alias/one -r "$work/sealed"
measure "decrypt -r" "$kmsctl" decrypt -k alias/one -r "$work/sealed" -o "$work/opened"
diff -r "$work/plain" "$work/opened"
