#!/usr/bin/env bash
# From a fresh Debian 12 or 13 to an encrypted, re-keyed and restored backup. Installs what is
# missing, builds, and runs the main job on real files, showing each step.
set -euo pipefail
. "$(dirname "$0")/../tests/support/setup.sh"
cd "$KMS_ROOT"

BACKUP_MIN_BYTES=$((200 * 1024 * 1024))

say "Installing what is missing"
install_missing "${BUILD_PACKAGES[@]}"

say "Building (build/release)"
build_preset release -DKMS_BUILD_TESTS=OFF
kmsd=$KMS_ROOT/build/release/kmsd/kmsd
kmsctl=$KMS_ROOT/build/release/kmsctl/kmsctl

# Not /tmp: from Debian 13 on that is memory, and three copies of the backup may not fit.
work=$(mktemp -d "${TMPDIR:-/var/tmp}/kms-quickstart.XXXXXX")
KMSD_PID=
clean_up() {
    stop_kmsd || true
    rm -rf "$work"
}
trap clean_up EXIT

exec 3>&1
step() { # shows a command, then runs it
    local word shown='$'
    for word in "$@"; do
        word=${word#"$KMS_ROOT/"}
        word=${word#"$work/"}
        [[ $word =~ ^[A-Za-z0-9_./:=@%+,-]+$ ]] || word=${word@Q}
        shown+=" $word"
    done
    printf '\n%s\n' "$shown" >&3
    "$@"
}

say "Starting kmsd on a new data directory"
step "$kmsd" init --data-dir "$work/data" --account-id 111122223333 --region eu-central-1 --output json \
    >"$work/root-credentials.json"
chmod 600 "$work/root-credentials.json"
sed 's/\("SecretAccessKey"[^"]*"\)[^"]*/\1.../' "$work/root-credentials.json"
json_member() { sed -n 's/.*"'"$1"'": *"\([^"]*\)".*/\1/p' "$work/root-credentials.json"; }
AWS_ACCESS_KEY_ID=$(json_member AccessKeyId)
AWS_SECRET_ACCESS_KEY=$(json_member SecretAccessKey)
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_REGION=eu-central-1
unset AWS_SESSION_TOKEN AWS_PROFILE AWS_ENDPOINT_URL AWS_ENDPOINT_URL_KMS
start_kmsd "$work/kmsd.log" "$kmsd" run --data-dir "$work/data" --listen 127.0.0.1:0
export AWS_ENDPOINT_URL=$KMSD_URL
echo "kmsd listens on $KMSD_URL"

say "Creating two keys"
step "$kmsctl" key create --alias alias/backups --description "Backups, this year"
step "$kmsctl" key create --alias alias/backups-next --description "Backups, next year"
step "$kmsctl" alias list

say "Making a backup of real directories"
# Directories of this very system, as far as they make 200 MB (hard links count once in an archive).
(cd / && find usr/share usr/bin usr/lib -xdev -printf '%y %n %s %p\n' 2>/dev/null || true) |
    awk -v enough=$BACKUP_MIN_BYTES 'total < enough {
        if ($1 == "f" && $2 == 1) total += $3
        sub(/^[^ ]+ [^ ]+ [^ ]+ /, "")
        print
    }' >"$work/files"
step tar -C / --no-recursion --ignore-failed-read --warning=no-failed-read -cf "$work/backup.tar" -T "$work/files"
[ "$(stat -c %s "$work/backup.tar")" -ge $BACKUP_MIN_BYTES ] || die "this system has under 200 MB of files to back up"
ls -l "$work/backup.tar" | sed "s#$work/##"

say "Encrypting it under alias/backups"
step "$kmsctl" encrypt -k alias/backups -c purpose=backup "$work/backup.tar" -o "$work/backup.tar.kms"
step "$kmsctl" inspect "$work/backup.tar.kms"

say "Re-encrypting it to alias/backups-next, then disabling the first key"
step "$kmsctl" re-encrypt -k alias/backups-next "$work/backup.tar.kms"
step "$kmsctl" key disable alias/backups
step "$kmsctl" inspect "$work/backup.tar.kms"

say "Restoring"
step "$kmsctl" decrypt -c purpose=backup "$work/backup.tar.kms" -o "$work/restored.tar"
step cmp "$work/backup.tar" "$work/restored.tar"
step tar -tf "$work/restored.tar" >"$work/listing"
echo "The restored archive is identical: $(wc -l <"$work/listing") files, $(stat -c %s "$work/restored.tar") bytes."

say "Stopping kmsd"
stop_kmsd
echo "Done. Next: README.md, docs/kmsctl.md, docs/OPERATING.md"
