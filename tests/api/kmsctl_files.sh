#!/usr/bin/env bash
# What kmsctl leaves on disk: whole files or none, whatever happens.
set -u
. "$(dirname "$0")/../support/checks.sh"
k=$KMSCTL
"$k" key create --alias alias/files >/dev/null
mkdir "$WORK/d"
cd "$WORK" || exit 1
head -c 3000000 /dev/urandom >plain
"$k" encrypt -k alias/files plain -o message

# --- names
expect 2 "for a file, -o is required" "$k" encrypt -k alias/files plain
expect 2 "also to decrypt" "$k" decrypt message
expect 0 "-o - is standard output" "$k" decrypt message -o -
check "with the plaintext" cmp "$WORK/out" plain
expect 9 "an existing file is kept" "$k" decrypt message -o plain
says "and --force offered" "exists already; --force replaces it"
expect 9 "also by encrypt" "$k" encrypt -k alias/files plain -o message
expect 0 "--force replaces it" "$k" decrypt message -o plain --force
check "with the same here" "$k" decrypt message -o d/copy
expect 6 "a directory is no file" "$k" decrypt message -o d
expect 6 "nor is it one to read" "$k" encrypt -k alias/files d -o d/x
expect 6 "the directory has to be there" "$k" decrypt message -o none/x
expect 6 "and the input" "$k" decrypt none -o d/x
expect 0 "a device is written to" "$k" decrypt message -o /dev/null
[ -c /dev/null ] && pass "and stays a device" || fail "and stays a device" "it is none"
check "so is a pipe behind a link" sh -c '"$1" decrypt message -o /dev/stdout | cmp - plain' sh "$k"
expect 6 "a full one fails" "$k" decrypt message -o /dev/full
ln -s "$WORK/d/none" dangling
expect 9 "a link that leads nowhere is not followed" "$k" decrypt message -o dangling
only "nothing else has come into being" d copy

# --- permissions
umask 077
"$k" decrypt message -o d/private
equal "new files follow the umask" "$(stat -c %a d/private)" 600
umask 022
"$k" decrypt message -o d/shared
equal "also another one" "$(stat -c %a d/shared)" 644
chmod 640 d/shared
"$k" decrypt message -o d/shared --force
equal "a replaced file keeps its mode" "$(stat -c %a d/shared)" 640
rm d/*
if [ "$(id -u)" = 0 ]; then
    touch d/owned
    chown 65534:65534 d/owned
    "$k" decrypt message -o d/owned --force
    equal "and, if possible, its owner" "$(stat -c %u:%g d/owned)" 65534:65534
    rm d/owned
    mkdir locked
    chmod 555 locked
    chmod 755 "$WORK"
    expect 6 "a directory that may not be written" setpriv --reuid 65534 --regid 65534 --clear-groups "$k" decrypt message -o locked/x
else
    mkdir locked
    chmod 555 locked
    expect 6 "a directory that may not be written" "$k" decrypt message -o locked/x
fi

# --- no space
limited() { ( # KIB COMMAND...: files may get that large
    ulimit -f "$1"
    shift
    "$@"
); }
expect 6 "encrypting beyond the limit of file sizes" limited 1000 "$k" encrypt -k alias/files plain -o d/x
says "says so" "File too large"
expect 6 "decrypting as well" limited 1000 "$k" decrypt message -o d/x
cp message d/message
expect 6 "and re-encrypting in place" limited 1000 "$k" re-encrypt -k alias/files d/message
check "which leaves the old file" cmp message d/message
only "and nothing else" d message
rm d/message
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=1m tmpfs d 2>/dev/null; then
    expect 6 "encrypting to a full disk" "$k" encrypt -k alias/files plain -o d/x
    says "says so" "No space left on device"
    only "and leaves nothing" d
    umount d
else
    skip "encrypting to a full disk" "no permission to mount one"
fi
expect 6 "a full standard output" sh -c '"$1" decrypt message -o - >/dev/full' sh "$k"
expect 6 "also for results" sh -c '"$1" key list >/dev/full' sh "$k"
expect 6 "and for random bytes" sh -c '"$1" random 16 >/dev/full' sh "$k"
"$k" decrypt message -o - 2>err | head -c 1000 >/dev/null
equal "a reader that leaves early is an error" "${PIPESTATUS[0]}" 6
check "in one line" test "$(wc -l <err)" = 1

# --- killed: the input never ends, so that every signal finds kmsctl in the middle
mkfifo fifo
for verb in encrypt decrypt; do
    for signal in TERM HUP KILL; do
        if [ $verb = encrypt ]; then
            "$k" encrypt -k alias/files fifo -o d/out &
        else
            "$k" decrypt fifo -o d/out &
        fi
        pid=$!
        exec 7>fifo
        head -c 2000000 message >&7
        sleep 0.3
        kill -$signal $pid
        status=0
        wait $pid 2>/dev/null || status=$?
        exec 7>&-
        equal "$verb ends by SIG$signal" $status $((128 + $(kill -l $signal)))
        absent "and leaves no output" d/out
        [ $signal = KILL ] || only "nor anything else" d
        rm -f d/.[!.]*
    done
done
nohup "$k" encrypt -k alias/files fifo -o d/out >/dev/null 2>&1 &
pid=$!
exec 7>fifo
cat plain >&7
kill -HUP $pid
exec 7>&-
wait
check "under nohup a hang-up is ignored" "$k" decrypt d/out -o d/copy
check "and the work done" cmp plain d/copy

# --- a broken pipe before kmsctl must not look like a short backup: that is the shell's pipefail; but
# an unreadable input must not
expect 6 "an input that cannot be read" sh -c '"$1" encrypt -k alias/files /proc/self/mem -o d/x' sh "$k"
absent "gives no output" d/x

finish
