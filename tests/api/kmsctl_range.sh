#!/usr/bin/env bash
# kmsctl decrypt --range and --sparse: parts of a message, and files with holes.
set -u
. "$(dirname "$0")/../support/checks.sh"
k=$KMSCTL
"$k" key create --alias alias/range >/dev/null
cd "$WORK" || exit 1
head -c 1000000 /dev/urandom >plain
"$k" encrypt -k alias/range -c a=b plain -o message
part() { tail -c +$(($1 + 1)) plain | head -c "$2"; }

for range in 0:1 0:131072 131071:2 131072:1 500000:300000 999999:1 1000000:0 0:1000000 0:0; do
    expect 0 "the range $range" "$k" decrypt --range $range message -o piece --force
    equal "of $range" "$(sha256sum <piece)" "$(part "${range%:*}" "${range#*:}" | sha256sum)"
done
expect 0 "to the end" "$k" decrypt --range 999000: message -o piece -f --output json
check "with the rest" cmp piece <(tail -c 1000 plain)
equal "JSON tells the range" "$(json '"\(.RangeOffset) \(.RangeLength) \(.PlaintextLength)"')" "999000 1000 1000000"
expect 0 "to standard output" "$k" decrypt --range 10:5 message -o -
check "come these bytes" cmp "$WORK/out" <(part 10 5)
expect 0 "a redirected file will do" sh -c '"$1" decrypt --range 10:5 <message' sh "$k"
check "for the same" cmp "$WORK/out" <(part 10 5)
expect 2 "a pipe will not" sh -c 'cat message | "$1" decrypt --range 10:5' sh "$k"
for range in 1000000:1 0:1000001 1000001: 9223372036854775807:1 1:9223372036854775807; do
    expect 2 "beyond the end: $range" "$k" decrypt --range $range message -o none
done
says "tells how long it is" "has 1000000 bytes"
for range in '' : 1 1:2:3 -1:1 1:-1 0x1:1 18446744073709551616:1 1:x ' 1:1'; do
    expect 2 "no range: '$range'" "$k" decrypt --range "$range" message -o none
done
absent "none of them wrote anything" none
expect 2 "not of a tree" "$k" decrypt --range 0:1 -r "$WORK" -o none
expect 5 "the context counts" "$k" decrypt -c a=c --range 0:1 message -o none

# --- damage elsewhere does not matter, damage here does
frame=$((131072 + 4 + 12 + 16))
header=$("$k" inspect message | sed -n 's/^HeaderLength: //p')
cp message damaged
printf X | dd of=damaged bs=1 seek=$((header + frame + 1000)) conv=notrunc status=none
expect 0 "another frame" "$k" decrypt --range 0:131072 damaged -o piece -f
expect 5 "an altered one" "$k" decrypt --range 131072:1 damaged -o none
says "is named" "(frame 2, at byte $((header + frame)))$"
expect 5 "or in the middle of the range" "$k" decrypt --range 0: damaged -o none
head -c $((header + 3 * frame)) message >damaged
expect 5 "a message cut between two frames" "$k" decrypt --range 0:1 damaged -o none
absent "gives nothing" none
"$k" encrypt --sign -k alias/range plain -o signed
expect 5 "a signature is for the whole" "$k" decrypt --range 0:1 signed -o none
says "and said how to do without" "--ignore-signature"
expect 0 "unless it is of no matter" "$k" decrypt --range 5:10 --ignore-signature signed -o piece -f
check "for this part" cmp piece <(part 5 10)
expect 2 "which the whole never is" "$k" decrypt --ignore-signature signed -o none

# --- holes
truncate -s 8M sparse
printf data | dd of=sparse bs=1 seek=3000000 conv=notrunc status=none
head -c 300000 /dev/urandom | dd of=sparse bs=4096 seek=1500 conv=notrunc status=none
"$k" encrypt -k alias/range sparse -o sparse.kms
expect 0 "zeros become holes" "$k" decrypt --sparse sparse.kms -o copy
check "of the same file" cmp sparse copy
used() { du -k "$1" | cut -f 1; }
if [ "$(used copy)" -le "$(used sparse)" ]; then pass "that takes no more room"; else fail "that takes no more room" "$(used copy) KiB, not $(used sparse)"; fi
for size in 0 1 4095 4096 4097 262144 262145; do
    head -c $size /dev/zero >zeros
    "$k" encrypt -k alias/range zeros -o zeros.kms -f
    expect 0 "$size zeros" "$k" decrypt --sparse zeros.kms -o copy -f
    check "are $size zeros" cmp zeros copy
    equal "and take no room" "$(used copy)" 0
done
expect 0 "what has no zeros" "$k" decrypt --sparse message -o copy -f
check "comes as it is" cmp plain copy
expect 2 "a pipe has no holes" "$k" decrypt --sparse message -o -
expect 5 "damage" "$k" decrypt --sparse damaged -o none
limited() { (ulimit -f "$1"; shift; "$@"); }
expect 6 "no room for it" limited 100 "$k" decrypt --sparse message -o none
says "is told" "writing none: File too large"
absent "and nothing is left" none
mkdir tree
cp sparse.kms tree/
expect 0 "trees can have holes too" "$k" decrypt --sparse -r tree -o tree.out
check "with the same" cmp sparse tree.out/sparse
if [ "$(used tree.out/sparse)" -le "$(used sparse)" ]; then pass "as few blocks"; else fail "as few blocks" "$(used tree.out/sparse)"; fi

finish
