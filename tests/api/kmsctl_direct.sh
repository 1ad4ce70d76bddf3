#!/usr/bin/env bash
# kmsctl encrypt --direct, kmsctl decrypt of blobs, kmsctl random, kmsctl data-key.
set -u
. "$(dirname "$0")/../support/checks.sh"
k=$KMSCTL
a=$("$k" key create --alias alias/dir-a)
"$k" key create --alias alias/dir-b >/dev/null
cd "$WORK" || exit 1

# --- blobs
head -c 5000 /dev/urandom >random
for size in 1 100 4095 4096; do
    head -c $size random >plain
    expect 0 "$size bytes are encrypted directly" "$k" encrypt --direct -k alias/dir-a -c a=b -c c=d plain -o blob --force
    expect 0 "$size bytes are decrypted" "$k" decrypt -c c=d -c a=b blob -o copy --force
    check "$size bytes are the same" cmp plain copy
    equal "$size bytes through pipes" "$("$k" encrypt --direct -k alias/dir-a <plain | "$k" decrypt | sha256sum)" "$(sha256sum <plain)"
done
expect 1 "4097 bytes are too many" sh -c 'head -c 4097 random | "$1" encrypt --direct -k alias/dir-a -o none' sh "$k"
says "and the limit is told" "1 to 4096 bytes"
expect 1 "so are 20 MiB, at once" sh -c 'head -c 20971520 /dev/zero | "$1" encrypt --direct -k alias/dir-a -o none' sh "$k"
expect 1 "none are too few" "$k" encrypt --direct -k alias/dir-a -o none /dev/null
absent "nothing was written" none
expect 0 "JSON names the key" "$k" encrypt --direct -k alias/dir-a plain -o blob.json --output json
equal "by its ARN" "$(json .KeyId)" "$a"
expect 2 "one key only" "$k" encrypt --direct -k alias/dir-a -k alias/dir-b plain -o none
expect 2 "no signing" "$k" encrypt --direct --sign -k alias/dir-a plain -o none
expect 2 "no unstored context" "$k" encrypt --direct --unstored-context a=b -k alias/dir-a plain -o none

expect 5 "without its context a blob is refused" "$k" decrypt blob -o none
says "and the context is hinted at" "encryption context (-c, --unstored-context) differs"
expect 5 "with a part of it too" "$k" decrypt -c a=b blob -o none
expect 5 "and with a wrong key" "$k" decrypt -k alias/dir-b -c a=b -c c=d blob -o none
expect 0 "the right one may be named" "$k" decrypt -k alias/dir-a -c a=b -c c=d blob -o copy --force
expect 0 "--direct may be said" "$k" decrypt --direct -c a=b -c c=d blob -o copy --force
expect 5 "but is not right for a message" sh -c '"$1" encrypt -k alias/dir-a plain -o message && "$1" decrypt --direct message -o none' sh "$k"
size=$(stat -c %s blob)
for offset in 0 1 10 40 100 $((size - 1)); do
    cp blob changed
    byte=$(tail -c +$((offset + 1)) changed | head -c 1 | od -An -tu1 | tr -d ' ')
    printf "\\x$(printf %x $((byte ^ 1)))" | dd of=changed bs=1 seek="$offset" conv=notrunc status=none
    status=0
    "$k" decrypt -c a=b -c c=d changed -o none 2>err || status=$?
    # a changed key id or material id looks like a key that is not there
    case $status in
    3 | 5) pass "a bit changed at byte $offset" ;;
    *) fail "a bit changed at byte $offset" "exit status $status: $(cat err)" ;;
    esac
done
head -c -1 blob >cut
expect 5 "a blob that is cut" "$k" decrypt -c a=b -c c=d cut -o none
base64 -w0 blob >text
expect 5 "a blob in base64" "$k" decrypt -c a=b -c c=d text -o none
says "is recognised" "decode it first"
absent "nothing was written" none
expect 0 "inspect shows what a blob tells" "$k" inspect blob --output json
equal "key, kind and size" "$(json '.KeyId + " " + .Format + " " + (.PlaintextLength | tostring)')" "${a##*/} COSE_Encrypt0 4096"
printf '\001\002\002\000x' >aws
expect 0 "inspect of a blob of AWS" "$k" inspect aws
prints "says so" "^Format: AWS KMS$"
echo "a plain text, longer than any initialization vector with its tag" >plain.txt
expect 5 "inspect of a text" "$k" inspect plain.txt
says "claims nothing" "neither an encrypted message nor a ciphertext blob: it is text"
printf '\200\001short' >short
expect 5 "inspect of what is too short" "$k" inspect short
says "says why" "it is too short"
printf '\200\001%030d' 1 >other
expect 0 "inspect of what nobody knows" "$k" inspect other
prints "says so" "^Type: Unknown$"

# --- random
expect 0 "random bytes" "$k" random 16
prints "are hexadecimal" '^[0-9a-f]\{32\}$'
first=$(cat "$WORK/out")
expect 0 "and again" "$k" random 16 --hex
[ "$first" != "$(cat "$WORK/out")" ] && pass "they differ" || fail "they differ" "they do not"
expect 0 "random bytes in base64" "$k" random 33 --base64
equal "of the right length" "$(base64 -d <"$WORK/out" | wc -c)" 33
for size in 1 1024 1025 5000; do
    equal "$size raw random bytes" "$("$k" random $size --raw | wc -c)" $size
done
expect 0 "random bytes, JSON" "$k" random 1 --output json
equal "of the right length" "$(json .Plaintext | base64 -d | wc -c)" 1
for bad in 0 1048577 -- x; do expect 2 "'$bad' random bytes" "$k" random "$bad"; done
expect 2 "one form only" "$k" random 1 --hex --raw
expect 2 "raw bytes are no JSON" "$k" random 1 --raw --output json

# --- data keys
expect 0 "a data key" "$k" data-key -k alias/dir-a -c a=b
base64 -d <"$WORK/out" >dk
equal "is printed encrypted" "$("$k" decrypt -c a=b dk -o - | wc -c)" 32
expect 0 "a data key in two files" "$k" data-key -k alias/dir-a --spec AES_128 --plaintext-out dk.plain --ciphertext-out dk.blob --output json
equal "JSON names the key" "$(json .KeyId)" "$a"
equal "and neither key" "$(json 'has("Plaintext") or has("CiphertextBlob")' 2>&1)" false
equal "the plaintext has its size" "$(stat -c %s dk.plain)" 16
equal "and belongs to its owner alone" "$(stat -c %a dk.plain)" 600
expect 0 "the other one is the same, encrypted" "$k" decrypt dk.blob -o copy --force
check "bit by bit" cmp copy dk.plain
expect 9 "existing files are kept" "$k" data-key -k alias/dir-a --plaintext-out dk.plain --ciphertext-out dk.new
absent "and nothing is written then" dk.new
equal "a plaintext key in a pipe" "$("$k" data-key -k alias/dir-a --bytes 100 --plaintext-out - --ciphertext-out dk.piped | sha256sum)" "$("$k" decrypt dk.piped -o - | sha256sum)"
expect 2 "whose encrypted form must not get lost" "$k" data-key -k alias/dir-a --plaintext-out -
expect 2 "nor both go the same way" "$k" data-key -k alias/dir-a --plaintext-out - --ciphertext-out -
expect 2 "or to one file" "$k" data-key -k alias/dir-a --plaintext-out x --ciphertext-out x
expect 2 "another spec" "$k" data-key -k alias/dir-a --spec AES_512
expect 2 "spec and size" "$k" data-key -k alias/dir-a --spec AES_256 --bytes 32
expect 2 "1025 bytes" "$k" data-key -k alias/dir-a --bytes 1025
expect 2 "no key" "$k" data-key
expect 4 "an unknown key" "$k" data-key -k alias/none --plaintext-out none
absent "leaves nothing" none

finish
