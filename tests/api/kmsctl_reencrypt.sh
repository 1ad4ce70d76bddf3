#!/usr/bin/env bash
# kmsctl re-encrypt: messages and ciphertext blobs, in place and elsewhere.
set -u
. "$(dirname "$0")/../support/checks.sh"
k=$KMSCTL
a=$("$k" key create --alias alias/re-a)
b=$("$k" key create --alias alias/re-b)
mkdir "$WORK/d"
cd "$WORK/d" || exit 1

key_of() { "$k" inspect "$1" | sed -n 's/^EncryptedDataKeys.1.KeyArn: //p'; }
id_of() { "$k" inspect "$1" | sed -n 's/^MessageId: //p'; }

# --- in place
head -c 3000000 /dev/urandom >plain
"$k" encrypt -k alias/re-a -c purpose=backup -c n=1 plain -o message
chmod 604 message
before=$(id_of message)
cp -p message old
expect 0 "re-encrypting in place" "$k" re-encrypt -k alias/re-b message
equal "the key is the new one" "$(key_of message)" "$b"
[ "$(id_of message)" != "$before" ] && pass "the message id is new" || fail "the message id is new" "it is not"
equal "the mode is the old one" "$(stat -c %a message)" 604
expect 0 "the context was kept" "$k" decrypt -c purpose=backup -c n=1 message -o copy
check "and the plaintext" cmp plain copy
"$k" key disable "$a"
expect 0 "the old key is no longer needed" "$k" decrypt message -o copy --force
expect 8 "which the old message still needs" "$k" decrypt old -o none
expect 8 "so it cannot be re-encrypted either" "$k" re-encrypt -k alias/re-b old
equal "and is left as it was" "$(id_of old)" "$before"
"$k" key enable "$a"
only "nothing else is in the directory" . plain message old copy

# --- elsewhere
expect 0 "re-encrypting into another file" "$k" re-encrypt -k alias/re-b old -o other --output json
equal "JSON names the new key" "$(json '.KeyIds[0]')" "$b"
equal "the old one is left" "$(id_of old)" "$before"
expect 9 "an existing file is kept" "$k" re-encrypt -k alias/re-b old -o other
expect 0 "unless by force" "$k" re-encrypt -k alias/re-b old -o other --force
equal "through pipes" "$("$k" re-encrypt -k alias/re-b <old | "$k" decrypt -k "$b" | sha256sum)" "$(sha256sum <plain)"
expect 0 "from a file to standard output" "$k" re-encrypt -k alias/re-b old -o -
equal "gives the same" "$("$k" decrypt <"$WORK/out" | sha256sum)" "$(sha256sum <plain)"
for size in 0 1 262144 20971521; do
    head -c $size /dev/zero | "$k" encrypt -k alias/re-a >sized
    expect 0 "$size bytes are re-encrypted" "$k" re-encrypt -k alias/re-b sized
    equal "$size bytes are the same" "$("$k" decrypt <sized | sha256sum)" "$(head -c $size /dev/zero | sha256sum)"
done
ln -s old link
cp old target
ln -sf target link
expect 0 "through a symbolic link" "$k" re-encrypt -k alias/re-b link
[ -L link ] && pass "the link stays one" || fail "the link stays one" "it does not"
equal "and what it points to is new" "$(key_of target)" "$b"
mkfifo fifo
cat old >fifo 2>/dev/null &
writer=$!
expect 2 "a pipe has no place to be replaced in" "$k" re-encrypt -k alias/re-b fifo
kill $writer 2>/dev/null
wait $writer 2>/dev/null

# --- contexts
expect 5 "the old context may be asked for" "$k" re-encrypt -k alias/re-b -c purpose=other old
expect 0 "a new context" "$k" re-encrypt -k alias/re-b -c purpose=backup --destination-context for=2027 old -o renewed
expect 0 "replaces the old one" "$k" inspect renewed --output json
equal "altogether" "$(json '.EncryptionContext | tostring')" '{"for":"2027"}'
expect 0 "no context any more" "$k" re-encrypt -k alias/re-b --clear-context old -o renewed --force
"$k" inspect renewed --output json >"$WORK/out"
equal "empties it" "$(json '.EncryptionContext | length' 2>&1)" 0
expect 2 "both at once make no sense" "$k" re-encrypt -k alias/re-b --clear-context --destination-context a=b old
"$k" encrypt -k alias/re-a -c a=b --unstored-context secret=word plain -o bound
expect 5 "unstored pairs are needed" "$k" re-encrypt -k alias/re-b bound
expect 0 "and kept unstored" "$k" re-encrypt -k alias/re-b --unstored-context secret=word bound
expect 5 "so that they are needed again" "$k" decrypt bound -o none
expect 0 "and open the new message" "$k" decrypt --unstored-context secret=word -c a=b bound -o copy --force
check "to the same" cmp plain copy

# --- keys
expect 5 "only with the source key named" "$k" re-encrypt -k alias/re-b --source-key alias/re-b old
expect 0 "it works" "$k" re-encrypt -k alias/re-b -k alias/re-a --source-key alias/re-a old -o two
expect 0 "both new keys open it" "$k" decrypt -k alias/re-a two -o copy --force
expect 4 "an unknown new key" "$k" re-encrypt -k alias/re-none old
expect 0 "signing anew" "$k" re-encrypt --sign -k alias/re-b old -o signed
expect 0 "gives a signed message" "$k" inspect signed
prints "of suite 0x0578" "^Suite: 0x0578$"
expect 0 "which can lose its signature again" "$k" re-encrypt -k alias/re-b signed
expect 0 "and is an unsigned message then" "$k" inspect signed
prints "of suite 0x0478" "^Suite: 0x0478$"

# --- damage: the old file stays
for length in 100 1000000 $(($(stat -c %s old) - 1)); do
    head -c "$length" old >cut
    sum=$(sha256sum <cut)
    expect 5 "a message cut to $length bytes is refused" "$k" re-encrypt -k alias/re-b cut
    equal "and left as it was" "$(sha256sum <cut)" "$sum"
done
(cat old; echo) >longer
expect 5 "so is one with something after it" "$k" re-encrypt -k alias/re-b longer
if [ -z "$(find . -name '.*' -type f)" ]; then pass "no temporary files are left"; else fail "no temporary files are left" "$(ls -A)"; fi

# --- blobs go through the ReEncrypt operation
printf 'a small secret' >small
"$k" encrypt --direct -k alias/re-a -c a=b small -o blob
expect 0 "a ciphertext blob in place" "$k" re-encrypt -k alias/re-b -c a=b blob --output json
equal "JSON names both keys" "$(json '.SourceKeyId + " " + .KeyId')" "$a $b"
expect 0 "inspect knows the key's id" "$k" inspect blob
prints "of the new key" "^KeyId: ${b##*/}$"
equal "the plaintext is the same" "$("$k" decrypt -c a=b <blob)" "a small secret"
expect 5 "the old context is needed" "$k" re-encrypt -k alias/re-a blob
expect 5 "the right one" "$k" re-encrypt -k alias/re-a -c a=c blob
expect 5 "and the right key, if one is named" "$k" re-encrypt -k alias/re-a -c a=b --source-key alias/re-a blob
expect 0 "to another context" "$k" re-encrypt -k alias/re-a --source-key alias/re-b -c a=b --destination-context c=d blob -o blob2
equal "it counts" "$("$k" decrypt -c c=d <blob2)" "a small secret"
expect 0 "to no context" "$k" re-encrypt -k alias/re-a -c a=b --clear-context <blob
equal "it is none" "$("$k" decrypt <"$WORK/out")" "a small secret"
expect 2 "one key only" "$k" re-encrypt -k alias/re-a -k alias/re-b -c a=b blob
expect 2 "no signing" "$k" re-encrypt -k alias/re-a --sign -c a=b blob

# --- killed in the middle: whenever it happens, the file is whole and one of the two
head -c $((48 * 1024 * 1024)) /dev/zero | "$k" encrypt -k alias/re-a -o big
for delay in 0.02 0.04 0.08 0.12 0.2 0.3; do
    for signal in TERM KILL; do
        "$k" re-encrypt -k alias/re-b big &
        pid=$!
        sleep $delay
        kill -$signal $pid 2>/dev/null
        wait $pid 2>/dev/null
        case $(key_of big) in
        "$a" | "$b") pass "killed ($signal) after $delay s, one key or the other" ;;
        *) fail "killed ($signal) after $delay s, one key or the other" "neither" ;;
        esac
        equal "killed ($signal) after $delay s, the plaintext is there" "$("$k" decrypt <big | sha256sum)" "$(head -c $((48 * 1024 * 1024)) /dev/zero | sha256sum)"
    done
done
if [ -z "$(find . -name '.*' -type f)" ]; then pass "no temporary files are left"; else fail "no temporary files are left" "$(ls -A)"; fi

finish
