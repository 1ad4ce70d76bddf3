#!/usr/bin/env bash
# kmsctl key-slot: who can open a file, changed in place.
set -u
. "$(dirname "$0")/../support/checks.sh"
k=$KMSCTL
a=$("$k" key create --alias alias/slot-a)
b=$("$k" key create --alias alias/slot-b)
c=$("$k" key create --alias alias/slot-c)
cd "$WORK" || exit 1
head -c 1000000 /dev/urandom >plain
keys() { "$k" key-slot list "$1" | cut -f 3 | xargs; }
body() { tail -c +"$(($("$k" inspect "$1" | sed -n 's/^KeySlotsLength: //p') + 1))" "$1" | sha256sum; }

# --- encrypt, list, inspect, and everything else that reads messages
expect 0 "encrypting with key slots" "$k" encrypt --key-slots -k alias/slot-a -c x=y plain -o file
equal "there is a slot" "$(keys file)" "$a"
expect 0 "list, JSON" "$k" key-slot list file --output json
equal "tells file, key and time" "$(json '.Slots[0] | .File + " " + .KeyArn + " " + (.Added | sub("T.*"; ""))')" "file $a $(date -u +%F)"
expect 0 "inspect" "$k" inspect file --output json
equal "shows the slots" "$(json '.KeySlots[0].KeyArn')" "$a"
equal "and how long they are" "$(json '.KeySlotsLength > 0 and .Whole')" true
expect 0 "it is decrypted" "$k" decrypt -c x=y file -o copy
check "to the same" cmp plain copy
equal "also from a pipe" "$("$k" decrypt <file | sha256sum)" "$(sha256sum <plain)"
equal "and from a real one" "$(cat file | "$k" decrypt | sha256sum)" "$(sha256sum <plain)"
expect 0 "verified" "$k" verify file
expect 0 "and read in part" "$k" decrypt --range 500000:10 file -o piece
check "correctly" cmp piece <(tail -c +500001 plain | head -c 10)
expect 0 "several keys are several slots" "$k" encrypt --key-slots -k alias/slot-a -k alias/slot-b plain -o two
equal "in order" "$(keys two)" "$a $b"
expect 2 "a ciphertext of Encrypt has none" "$k" encrypt --key-slots --direct -k alias/slot-a plain -o none

# --- add, replace, remove
before=$(body file)
size=$(stat -c %s file)
expect 0 "adding a key" "$k" key-slot add -k alias/slot-b file
prints "is done" '^Done: 1$'
equal "gives it a slot" "$(keys file)" "$a $b"
expect 0 "again" "$k" key-slot add -k alias/slot-b file
prints "there is nothing to do" '^Finished: 1$'
"$k" key disable "$a" >/dev/null
expect 0 "the new key opens it alone" "$k" decrypt file -o copy -f
check "to the same" cmp plain copy
"$k" key enable "$a" >/dev/null
expect 0 "replacing a key" "$k" key-slot replace --old-key alias/slot-a -k alias/slot-c file
equal "changes who can open it" "$(keys file)" "$b $c"
expect 5 "the old key can not" "$k" decrypt -k alias/slot-a file -o none
expect 0 "the new one can" "$k" decrypt -k alias/slot-c file -o copy -f
expect 0 "again" "$k" key-slot replace --old-key alias/slot-a -k alias/slot-c file
prints "it is done already" '^Finished: 1$'
"$k" key-slot replace --old-key alias/slot-a -k alias/slot-a file >/dev/null 2>"$WORK/err"
equal "a key is not replaced by itself" $? 2
"$k" key-slot replace --old-key "$a" -k "${a%key/*}key/00000000-0000-0000-0000-000000000000" file >/dev/null 2>"$WORK/err"
equal "a key that has no slot is not replaced" $? 4
expect 0 "removing a key" "$k" key-slot remove -k "${b##*/}" file
equal "takes its slot away" "$(keys file)" "$c"
"$k" key-slot remove -k alias/slot-c file >/dev/null 2>"$WORK/err"
equal "the last one stays" $? 1
says "and why" "nobody could open it"
id=$("$k" key-slot list file | cut -f 2)
expect 0 "a slot by its number" "$k" key-slot replace --slot "$id" -k alias/slot-a file
equal "is replaced as well" "$(keys file)" "$a"
equal "the body is untouched by all of it" "$(body file)" "$before"
equal "the file is as long as before" "$(stat -c %s file)" "$size"
check "and the plaintext the same" sh -c '"$1" decrypt -c x=y "$2" -o - | cmp - plain' sh "$k" file

# --- one key by two names
expect 0 "another file of two keys" "$k" encrypt --key-slots -k alias/slot-a -k alias/slot-b plain -o named
for pair in "$a ${a##*/}" "${a##*/} $a" "alias/slot-a ${a##*/}" "${a##*/} alias/slot-a"; do
    expect 2 "a key is not replaced by itself" "$k" key-slot replace --old-key ${pair% *} -k ${pair#* } named
    equal "and keeps its slot" "$(keys named)" "$a $b"
done
id=$("$k" key-slot list named | cut -f 2 | head -n 1)
for name in "$a" "${a##*/}" alias/slot-a; do
    expect 0 "nor is its slot, by number" "$k" key-slot replace --slot "$id" -k "$name" named
    prints "which is as wanted" '^Finished: 1$'
    equal "and stays" "$(keys named)" "$a $b"
done
expect 0 "the other key's slot goes" "$k" key-slot replace --slot "$id" --old-key "$b" -k "${a##*/}" named
equal "alone" "$(keys named)" "$a"

# --- what can't be
"$k" encrypt -k alias/slot-a plain -o ordinary
"$k" key-slot add -k alias/slot-b ordinary >/dev/null 2>"$WORK/err"
equal "an ordinary message has no slots" $? 5
says "and how it gets them" "re-encrypt --key-slots"
expect 0 "so it does" "$k" re-encrypt --key-slots -k alias/slot-b ordinary
equal "of the key" "$(keys ordinary)" "$b"
expect 2 "a key must be named" "$k" key-slot remove file
expect 4 "and be there" "$k" key-slot add -k alias/none file
"$k" key disable "$a" >/dev/null
cp file before
"$k" key-slot add -k alias/slot-b file >/dev/null 2>"$WORK/err"
equal "who cannot open it cannot change it" $? 8
check "and it is as it was" cmp file before
"$k" key enable "$a" >/dev/null
cp file damaged
printf X | dd of=damaged bs=1 seek=100 conv=notrunc status=none
printf X | dd of=damaged bs=1 seek=$(($("$k" inspect file | sed -n 's/^KeySlotsLength: //p') / 2 + 100)) conv=notrunc status=none
expect 5 "damaged slots open nothing" "$k" decrypt damaged -o none
"$k" key-slot add -k alias/slot-b damaged >/dev/null 2>"$WORK/err"
equal "nor are they changed" $? 5

# --- interrupted between the two copies of the section: the first that was kept is put back, as it would
# still be there; then the newer one is damaged, which lets the other count
expect 0 "a file of two keys" "$k" encrypt --key-slots -k alias/slot-a -k alias/slot-b plain -o half
room=$((($("$k" inspect half | sed -n 's/^KeySlotsLength: //p') - 4096) / 2))
old_copy() { dd if=old of=half bs=4096 skip=1 seek=1 count=$((room / 4096)) conv=notrunc status=none; }
damage() { printf X | dd of=half bs=1 seek=$((4096 + room + 20)) conv=notrunc status=none; }
cp half old
expect 0 "loses one" "$k" key-slot remove -k alias/slot-b half
cp half whole
old_copy
equal "which is gone" "$(keys half)" "$a"
damage
expect 0 "but would come back" "$k" decrypt -k alias/slot-b half -o copy -f
cp whole half && old_copy
"$k" key disable "$a" >/dev/null
expect 0 "the run is started again" "$k" key-slot remove -k alias/slot-b half
prints "and has something to do" '^Done: 1$'
check "for which it takes no key" cmp half whole
expect 0 "a third one" "$k" key-slot remove -k alias/slot-b half
prints "has not" '^Finished: 1$'
"$k" key enable "$a" >/dev/null
damage
expect 5 "the key that was removed stays so" "$k" decrypt -k alias/slot-b half -o none
expect 0 "and the other opens it" "$k" decrypt -k alias/slot-a half -o copy -f
cp whole half && old_copy
exec 8<half
flock 8
"$k" key-slot remove -k alias/slot-b half >/dev/null 2>"$WORK/err"
equal "while somebody else changes it, it is left alone" $? 6
says "and why" "being changed by somebody else"
exec 8<&-

# --- many
mkdir tree
for i in $(seq 100); do echo "$i" >tree/$i; done
expect 0 "a tree with key slots" "$k" encrypt --key-slots -k alias/slot-a -r tree -o tree.enc
expect 0 "is finished" "$k" encrypt --resume --key-slots -k alias/slot-a -r tree -o tree.enc
prints "all of it" '^Finished: 100$'
expect 0 "all its keys are replaced" "$k" key-slot replace --old-key alias/slot-a -k alias/slot-b -r tree.enc
prints "at once" '^Done: 100$'
"$k" key disable "$a" >/dev/null
expect 0 "and it opens" "$k" decrypt -r tree.enc -o tree.out
check "to the same" diff -r tree tree.out
"$k" key enable "$a" >/dev/null
expect 0 "several files" "$k" key-slot add -k alias/slot-c tree.enc/1.kms tree.enc/2.kms
equal "are all changed" "$(keys tree.enc/1.kms) $(keys tree.enc/2.kms)" "$b $c $b $c"
expect 0 "and listed" "$k" key-slot list tree.enc/1.kms tree.enc/2.kms
equal "in one list" "$(cut -f 1 "$WORK/out" | sort -u | xargs)" "tree.enc/1.kms tree.enc/2.kms"

# --- resume: the very keys, each by any of its names
mkdir pair
echo x >pair/file
resumed() { "$k" encrypt -r pair -o "$@" --key-slots --resume >"$WORK/out" 2>"$WORK/err"; }
expect 0 "a key that is named twice" "$k" encrypt --key-slots -k "$a" -k alias/slot-a -r pair -o same
equal "has two slots" "$(keys same/file.kms)" "$a $a"
expect 0 "which is finished for the same" "$k" encrypt --resume --key-slots -k "$a" -k "${a##*/}" -r pair -o same
prints "as it is" '^Finished: 1$'
resumed same -k alias/slot-a -k alias/slot-b
equal "but not for two keys" $? 9
says "which has to be said" "exists already"
expect 0 "two keys have two" "$k" encrypt --key-slots -k alias/slot-a -k alias/slot-b -r pair -o both
expect 0 "finished in any order" "$k" encrypt --resume --key-slots -k alias/slot-b -k "${a##*/}" -r pair -o both
prints "as they are" '^Finished: 1$'
resumed both -k alias/slot-a -k "$a"
equal "but not for one of them twice" $? 9
resumed both -k alias/slot-a -k alias/slot-c
equal "nor for another one" $? 9
expect 0 "re-encryption" "$k" re-encrypt --resume --key-slots -k alias/slot-a -k alias/slot-b -r same
prints "sees it as well" '^Done: 1$'
equal "and gives a slot to each" "$(keys same/file.kms)" "$a $b"

finish
