#!/usr/bin/env bash
# kmsctl encrypt and decrypt: messages of any size, from files and pipes, whole and damaged.
set -u
. "$(dirname "$0")/../support/checks.sh"
k=$KMSCTL
a=$("$k" key create --alias alias/enc-a)
b=$("$k" key create --alias alias/enc-b)
cd "$WORK" || exit 1

# --- sizes around everything that has an edge: blobs, the look at the beginning, pipes, frames
head -c $((20 * 1024 * 1024 + 1)) /dev/urandom >random
for size in 0 1 2 4095 4096 4097 6143 6144 6145 65536 262143 262144 262145 524288 1048577 20971520; do
    head -c $size random >plain
    expect 0 "$size bytes are encrypted" "$k" encrypt -k alias/enc-a plain -o message --force
    expect 0 "$size bytes are decrypted" "$k" decrypt message -o copy --force
    check "$size bytes are the same" cmp plain copy
    "$k" encrypt -k "$a" <plain >message.piped
    equal "$size bytes through pipes" "$(cat message.piped | "$k" decrypt | sha256sum)" "$(sha256sum <plain)"
    equal "$size bytes from redirected files" "$("$k" decrypt <message.piped | sha256sum)" "$(sha256sum <plain)"
done
if cmp -s message message.piped; then fail "two messages are never the same" "they are"; else pass "two messages are never the same"; fi

# --- what the result says
head -c 1000000 random >plain
expect 0 "encrypting with a context, JSON" "$k" encrypt -k alias/enc-a -c purpose=backup -c host=a=b plain -o message --force --output json
equal "JSON names key, context and sizes" "$(json '.KeyIds[0] + " " + .EncryptionContext.host + " " + (.PlaintextLength | tostring)')" "$a a=b 1000000"
equal "and the message's size" "$(json .MessageLength)" "$(stat -c %s message)"
expect 0 "decrypting, JSON" "$k" decrypt message -o copy --force --output json
equal "JSON tells the authenticated context" "$(json '.EncryptionContext | to_entries | map(.key) | sort | join(" ")')" "host purpose"
expect 0 "to standard output nothing else goes" "$k" decrypt message -o - --output json
check "than the plaintext" cmp "$WORK/out" plain

# --- the encryption context
expect 0 "one pair of the context may be asked for" "$k" decrypt -c purpose=backup message -o copy --force
expect 5 "another value is refused" "$k" decrypt -c purpose=other message -o none
expect 5 "a pair that is not there is refused" "$k" decrypt -c size=big message -o none
absent "nothing was written" none
expect 0 "a pair can be bound without being stored" "$k" encrypt -k alias/enc-a -c a=b --unstored-context secret=word plain -o bound
expect 5 "then it is needed" "$k" decrypt bound -o none
expect 5 "and has to be right" "$k" decrypt --unstored-context secret=sword bound -o none
expect 0 "and opens the message" "$k" decrypt --unstored-context secret=word -c a=b bound -o copy --force
check "to the same" cmp plain copy

# --- keys
expect 0 "the right key may be named" "$k" decrypt -k alias/enc-a message -o copy --force
expect 5 "a wrong one does not open it" "$k" decrypt -k alias/enc-b message -o none
expect 4 "one that does not exist is not found" "$k" encrypt -k alias/enc-none plain -o none
expect 2 "an empty one is no key" "$k" encrypt -k "" plain -o none
expect 0 "two keys" "$k" encrypt -k alias/enc-a -k "${b##*/}" plain -o two
for key in alias/enc-a alias/enc-b "$b"; do
    expect 0 "of two, ${key:0:11} opens it" "$k" decrypt -k "$key" two -o copy --force
done
expect 0 "the first is disabled" "$k" key disable "$a"
expect 0 "without naming a key, the other one is found" "$k" decrypt two -o copy --force
check "and gives the same" cmp plain copy
expect 8 "with one key only, its state is told" "$k" decrypt message -o none
says "in the service's words" "DisabledException"
expect 8 "nor can it encrypt" "$k" encrypt -k alias/enc-a plain -o none
absent "nothing was written" none
expect 0 "it is enabled again" "$k" key enable "$a"

# --- signed messages
expect 0 "signing" "$k" encrypt --sign -k alias/enc-a plain -o signed
expect 0 "a signed message is decrypted" "$k" decrypt signed -o copy --force
check "to the same" cmp plain copy
head -c -1 signed >cut
expect 5 "one whose signature is cut is not" "$k" decrypt cut -o none
expect 0 "inspect knows it is signed" "$k" inspect signed
prints "suite 0x0578" "^Suite: 0x0578$"
prints "and says so" "^Signed: true$"

# --- damage: the exit code is 5, and no file comes into being
size=$(stat -c %s message)
for length in 1 2 3 50 200 400 $((size / 2)) $((size - 17)) $((size - 1)); do
    head -c "$length" message >cut
    expect 5 "cut to $length bytes" "$k" decrypt cut -o none
    "$k" decrypt <cut >none.piped 2>err && fail "cut to $length bytes, piped" "succeeded"
    cmp -s -n "$(stat -c %s none.piped)" none.piped plain && pass "cut to $length bytes, what came was authentic" || fail "cut to $length bytes, what came was authentic" "it differs"
done
for offset in 0 1 5 40 200 250 300 380 1000 $((size / 2)) $((size - 20)) $((size - 1)); do
    cp message changed
    byte=$(tail -c +$((offset + 1)) changed | head -c 1 | od -An -tu1 | tr -d ' ')
    printf "\\x$(printf %x $((byte ^ 1)))" | dd of=changed bs=1 seek="$offset" conv=notrunc status=none
    expect 5 "a bit changed at byte $offset" "$k" decrypt changed -o none
done
cat message message >twice
expect 5 "a message after the message" "$k" decrypt twice -o none
(cat message; echo) >longer
expect 5 "a byte after the message" "$k" decrypt longer -o none
absent "nothing was written" none
cat changed | "$k" decrypt 2>err >none.piped
equal "a pipe's status is the same" "${PIPESTATUS[1]}" 5
check "standard error warns that the output is incomplete" grep -q "has to be thrown away" err
: >empty
expect 5 "an empty file is no ciphertext" "$k" decrypt empty -o none
says "and is said to be empty" "empty is empty"
expect 5 "a large file that is no ciphertext" "$k" decrypt random -o none
base64 message >text
expect 5 "base64 is recognised" "$k" decrypt text -o none
says "with a hint" "decode it first"

# --- inspect
expect 0 "inspect" "$k" inspect message
prints "shows the suite" "^Suite: 0x0478$"
prints "the context" "^EncryptionContext.purpose: backup$"
prints "the key" "^EncryptedDataKeys.1.KeyArn: $a$"
prints "the plaintext's size" "^PlaintextLength: 1000000$"
prints "that it is whole" "^Whole: true$"
expect 0 "inspect, JSON, piped" sh -c '"$1" inspect --output json <message' sh "$k"
equal "is the same" "$(json '.Frames * .FrameLength >= .PlaintextLength and .MessageLength == '"$size")" true
expect 0 "inspect needs no service" env AWS_ENDPOINT_URL=http://127.0.0.1:1 AWS_ACCESS_KEY_ID= AWS_REGION= "$k" inspect message
head -c $((size - 1)) message >cut
expect 5 "inspect of a truncated message fails" "$k" inspect cut
prints "yet shows the header" "^EncryptedDataKeys.1.KeyArn: $a$"
prints "and what is wrong" "^Damage: ."
expect 5 "also piped" sh -c 'cat cut | "$1" inspect --output json' sh "$k"
equal "as JSON" "$(json .Whole 2>&1)" false

# --- both protocols
expect 0 "encrypting by JSON" "$k" --protocol json encrypt -k alias/enc-a plain -o message.json
expect 0 "decrypting by CBOR" "$k" decrypt --protocol cbor message.json -o copy --force
check "gives the same" cmp plain copy

finish
