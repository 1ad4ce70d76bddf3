#!/usr/bin/env bash
# kmsctl verify: everything is checked, nothing is written.
set -u
. "$(dirname "$0")/../support/checks.sh"
k=$KMSCTL
a=$("$k" key create --alias alias/verify)
b=$("$k" key create --alias alias/verify-b)
mkdir -p "$WORK/d/tree/sub"
cd "$WORK/d" || exit 1
head -c 1000000 /dev/urandom >plain
"$k" encrypt -k alias/verify -c purpose=backup plain -o tree/one.kms
"$k" encrypt --sign -k alias/verify -c purpose=backup plain -o tree/signed.kms
"$k" encrypt -k alias/verify -c purpose=backup --unstored-context s=t /dev/null -o tree/sub/empty.kms
before=$(find . | sort)

expect 0 "a good message" "$k" verify tree/one.kms
equal "about which there is nothing to say" "$(cat "$WORK/out")" ""
expect 0 "in JSON" "$k" verify tree/signed.kms --output json
equal "its keys, context and sizes" "$(json '.KeyIds[0] + " " + .EncryptionContext.purpose + " " + (.PlaintextLength | tostring)')" "$a backup 1000000"
expect 0 "from standard input" sh -c '"$1" verify <tree/one.kms' sh "$k"
expect 0 "through a pipe" sh -c 'cat tree/signed.kms | "$1" verify -' sh "$k"
expect 0 "with key and context" "$k" verify -k alias/verify -c purpose=backup tree/one.kms
expect 5 "another key" "$k" verify -k alias/verify-b tree/one.kms
says "is told from damage" "IncorrectKeyException.*; the message is for $a\$"
expect 5 "another key's id" "$k" verify -k "${b##*/}" tree/one.kms
says "as well" "; the message is for $a\$"
expect 5 "another context" "$k" verify -c purpose=x tree/one.kms
expect 5 "a context that is not stored is needed" "$k" verify tree/sub/empty.kms
expect 0 "and given" "$k" verify --unstored-context s=t tree/sub/empty.kms
expect 5 "what is no message" "$k" verify plain
expect 6 "what is not there" "$k" verify none
expect 2 "it has no output" "$k" verify tree/one.kms -o none

# --- each octet counts: the header, a frame's head, its content, its tag, the end
damage() { # NAME OFFSET MESSAGE
    cp "tree/$3" damaged
    printf "\\$(printf %o $(($(od -An -tu1 -j "$2" -N1 damaged) ^ 1)))" | dd of=damaged bs=1 seek="$2" conv=notrunc status=none
    expect 5 "$1" "$k" verify damaged
}
header=$("$k" inspect tree/one.kms | sed -n 's/^HeaderLength: //p')
size=$(stat -c %s tree/one.kms)
damage "an altered message id" 10 one.kms
damage "an altered header tag" $((header - 1)) one.kms
damage "an altered sequence number" $((header + 3)) one.kms
damage "an altered IV" $((header + 10)) one.kms
says "names the frame and the byte" "(frame 1, at byte $header)$"
damage "altered content" $((header + 200000)) one.kms
says "names the frame" "(frame 2, at byte "
damage "the last octet" $((size - 1)) one.kms
says "names the last frame" "(frame 8, at byte "
damage "an altered signature" $(($(stat -c %s tree/signed.kms) - 20)) signed.kms
says "as such" "signature"
head -c -1 tree/one.kms >damaged
expect 5 "one octet too few" "$k" verify damaged
says "and where" "end.*(frame 8, at byte "
cat tree/one.kms plain >damaged
expect 5 "octets behind the end" "$k" verify damaged
head -c 50 tree/one.kms >damaged
expect 5 "a header cut off" "$k" verify damaged

# --- many
expect 0 "two messages" "$k" verify tree/one.kms tree/signed.kms
prints "are counted" '^Done: 2$'
"$k" verify -r tree --output json >"$WORK/out" 2>"$WORK/err"
equal "of a tree, the one that needs its context fails" "$? $(json '"\(.Done) \(.Failed) \(.Failures[0].ExitCode)"')" "5 2 1 5"
says "by name" "tree/sub/empty.kms"
mkdir none-named && cp tree/one.kms none-named/one.bin
expect_lines() { "$@" >"$WORK/out" 2>"$WORK/err"; echo $?; }
equal "a tree in which nothing has the suffix fails" "$(expect_lines "$k" verify -r none-named)" 5
says "and says that nothing was verified" '^kmsctl: nothing was verified$'
says "and what was left out" "none-named/one.bin is left out"
prints "which is counted" '^Skipped: 1$'
equal "quietly as well" "$(expect_lines "$k" --quiet verify -r none-named)" 5
rm none-named/one.bin
expect 5 "so does an empty one" "$k" verify -r none-named
cp tree/one.kms none-named/one.bin
expect 0 "with its suffix it is verified" "$k" verify -r none-named --suffix .bin
rm -r none-named
rm damaged
equal "nothing was written by any of it" "$(find . | sort)" "$before"

finish
