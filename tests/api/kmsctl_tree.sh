#!/usr/bin/env bash
# kmsctl on directory trees and many files: encrypt -r, decrypt -r, re-encrypt FILE... and -r.
set -u
. "$(dirname "$0")/../support/checks.sh"
k=$KMSCTL
a=$("$k" key create --alias alias/tree-a)
b=$("$k" key create --alias alias/tree-b)
cd "$WORK" || exit 1

# ended STATUS NAME COMMAND...: like expect, but standard error may have any number of kmsctl's lines.
ended() {
    local wanted=$1 name=$2 status=0
    shift 2
    "$@" >"$WORK/out" 2>"$WORK/err" || status=$?
    if [ $status -ne "$wanted" ]; then
        fail "$name" "exit status $status, not $wanted; $(tail -n 5 "$WORK/err")"
    elif grep -qv '^kmsctl: .' "$WORK/err"; then
        fail "$name" "standard error has other lines: $(grep -v '^kmsctl: ' "$WORK/err" | head -n 5)"
    else
        pass "$name"
    fi
}
same_tree() { check "$1" diff -r "$2" "$3"; }
count_files() { find "$@" -type f -printf x | wc -c; }
all() { (cd "$1" && find . | sort); }
summary() { equal "$1" "$(tr '\n' ' ' <"$WORK/out")" "Done: $2 Finished: $3 Skipped: $4 Failed: $5 PlaintextLength: $6 "; }

# --- there and back
mkdir -p plain/empty plain/a/b/c 'plain/with blank' plain/.hidden
head -c 3000000 /dev/urandom >plain/a/large
head -c 70000 /dev/urandom >plain/a/b/c/middle
: >plain/nothing
echo one >'plain/with blank/a name.txt'
echo two >plain/.hidden/.file
printf 'three' >$'plain/new\nline'
printf 'four' >$'plain/not-utf8-\xff'
for i in $(seq 40); do echo "$i" >plain/a/b/small-$i; done
bytes=$(find plain -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum }')
files=$(count_files plain)
expect 0 "a tree is encrypted" "$k" encrypt -k alias/tree-a -c purpose=backup -r plain -o secret
summary "and counted" "$files" 0 0 0 "$bytes"
equal "every file has become one of the same name and .kms" \
    "$(cd secret && find . -type f | sed 's/\.kms$//' | sort)" "$(cd plain && find . -type f | sort)"
equal "the directories are there, the empty one too" "$(cd secret && find . -type d | sort)" "$(cd plain && find . -type d | sort)"
expect 0 "it is decrypted" "$k" decrypt -c purpose=backup -r secret -o copy --output json
equal "JSON counts too" "$(json '"\(.Done) \(.Failed) \(.PlaintextLength) \(.Failures | length)"')" "$files 0 $bytes 0"
same_tree "to the same tree" plain copy
expect 0 "each file is a message of its own" "$k" decrypt secret/a/b/small-7.kms -o -
prints "that decrypts alone" '^7$'
expect 0 "one job is enough" "$k" decrypt -j 1 -r secret -o copy1
same_tree "for the same" plain copy1
expect 0 "64 as well" "$k" decrypt --jobs 64 -r secret -o copy64
same_tree "for the same again" plain copy64
expect 2 "65 are too many" "$k" decrypt --jobs 65 -r secret -o none
expect 2 "-o is required" "$k" encrypt -k alias/tree-a -r plain
expect 2 "and no pipe" "$k" encrypt -k alias/tree-a -r plain -o -
expect 6 "a file is no tree" "$k" encrypt -k alias/tree-a -r plain/nothing -o none
expect 2 "the new tree is not within the old one" "$k" encrypt -k alias/tree-a -r plain -o plain/a/enc
expect 2 "nor is it the same" "$k" encrypt -k alias/tree-a -r plain -o plain
absent "and nothing was made" plain/a/enc none
expect 2 "--resume alone is a mistake" "$k" encrypt -k alias/tree-a --resume plain/nothing -o none
expect 2 "a suffix is no path" "$k" encrypt -k alias/tree-a --suffix /x -r plain -o none

# --- existing files
ended 9 "existing files are kept" "$k" encrypt -k alias/tree-a -c purpose=backup -r plain -o secret
equal "and named, one by one" "$(grep -c 'exists already; --force replaces it' "$WORK/err")" "$files"
says "with a last line that counts them" "^kmsctl: $files of $files files failed$"
expect 0 "--force replaces them" "$k" encrypt -f -k alias/tree-a -c purpose=backup -r plain -o secret
ended 9 "also when decrypting" "$k" decrypt -r secret -o copy
expect 0 "--force replaces those" "$k" decrypt -f -r secret -o copy
same_tree "by the same" plain copy

# --- resume
expect 0 "everything is finished" "$k" encrypt --resume -k alias/tree-a -c purpose=backup -r plain -o secret
summary "and left as it is" 0 "$files" 0 0 0
rm secret/a/large.kms secret/a/b/small-1*.kms
expect 0 "what is missing is made" "$k" encrypt --resume -k "${a##*/}" -c purpose=backup -r plain -o secret
summary "and nothing else" 12 $((files - 12)) 0 0 "$(cat plain/a/large plain/a/b/small-1* | wc -c)"
head -c 2000000 plain/a/large >plain/a/larger
"$k" encrypt -k alias/tree-a -c purpose=backup plain/a/larger -o secret/a/larger.kms
head -c 100000 secret/a/larger.kms >cut && cp cut secret/a/larger.kms
ended 9 "a file that is not whole is not finished" "$k" encrypt --resume -k alias/tree-a -c purpose=backup -r plain -o secret
expect 0 "and replaced by force alone" "$k" encrypt --resume -f -k alias/tree-a -c purpose=backup -r plain -o secret
summary "that one" 1 "$files" 0 0 2000000
files=$((files + 1))
sleep 0.02
touch plain/a/b/small-2
ended 9 "a file that is younger than its message is not finished" "$k" encrypt --resume -k alias/tree-a -c purpose=backup -r plain -o secret
says "and named" "small-2.kms exists already"
"$k" encrypt -f -k alias/tree-a -c purpose=backup plain/a/b/small-2 -o secret/a/b/small-2.kms
ended 9 "another context is not finished" "$k" encrypt --resume -k alias/tree-a -c purpose=other -r plain -o secret
ended 9 "nor one less" "$k" encrypt --resume -k alias/tree-a -r plain -o secret
ended 9 "nor another key" "$k" encrypt --resume -k alias/tree-b -c purpose=backup -r plain -o secret
ended 9 "nor one more" "$k" encrypt --resume -k alias/tree-a -k alias/tree-b -c purpose=backup -r plain -o secret
ended 9 "nor another suite" "$k" encrypt --resume --sign -k alias/tree-a -c purpose=backup -r plain -o secret
rm copy/a/large
ended 9 "a message that is younger than its file is not finished" "$k" decrypt --resume -r secret -o copy
"$k" decrypt -f -r secret -o copy >/dev/null
rm copy/a/large copy/a/larger
expect 0 "decrypting resumes" "$k" decrypt --resume -r secret -o copy
summary "with what is missing" 2 $((files - 2)) 0 0 5000000
same_tree "to the same tree" plain copy

# --- killed midway
rm -rf copy secret/a/b/small*
mkfifo secret/zz.fifo
for verb in encrypt decrypt; do
    rm -rf killed
    mkdir slow
    for i in $(seq 60); do ln plain/a/large slow/$i; ln secret/a/large.kms slow/$i.kms; done
    if [ $verb = encrypt ]; then rm slow/*.kms; else find slow ! -name '*.kms' -type f -delete; fi
    "$k" $verb $([ $verb = encrypt ] && echo -k alias/tree-a) -c purpose=backup -r slow -o killed >/dev/null 2>&1 &
    pid=$!
    for _ in $(seq 100); do [ -n "$(ls killed 2>/dev/null)" ] && break; sleep 0.02; done
    kill -KILL $pid
    wait $pid 2>/dev/null
    made=$(find killed -type f ! -name '.kmsctl-*.tmp' | wc -l)
    if [ "$made" -gt 0 ] && [ "$made" -lt 60 ]; then pass "$verb was killed midway"; else fail "$verb was killed midway" "$made of 60 files were there"; fi
    whole=0
    for file in killed/*; do
        if [ $verb = encrypt ]; then "$k" decrypt "$file" -o - | cmp -s - plain/a/large; else cmp -s "$file" plain/a/large; fi && whole=$((whole + 1))
    done
    equal "what $verb left is whole" "$whole" "$made"
    expect 0 "$verb goes on" "$k" $verb --resume $([ $verb = encrypt ] && echo -k alias/tree-a) -c purpose=backup -r slow -o killed -q
    equal "with the rest" "$(sed -n 's/^Done: //p' "$WORK/out")" $((60 - made))
    rm -rf slow
done
rm secret/zz.fifo

# --- what is no file
mkdir odd
echo x >odd/file
ln -s file odd/link
ln -s /etc odd/dir
ln -s nowhere odd/dangling
mkfifo odd/fifo
ended 0 "links and pipes are left out" "$k" encrypt -k alias/tree-a -r odd -o odd.enc
summary "and counted" 1 0 4 0 2
says "and named" 'odd/link is left out: a symbolic link$'
only "the tree has the file alone" odd.enc file.kms
expect 0 "-q says nothing of it" "$k" encrypt -q -f -k alias/tree-a -r odd -o odd.enc

# --- no way out of the tree
mkdir outside evil evil/sub
"$k" encrypt -k alias/tree-a odd/file -o message
for name in .kms ..kms ...kms; do cp message "evil/$name"; done
cp message evil/sub/fine.kms
ended 6 "names that would be ., .. or nothing are refused" "$k" decrypt -r evil -o evil.out
equal "all three" "$(sed -n 's/^Failed: //p' "$WORK/out")" 3
equal "the good one is there" "$(cat evil.out/sub/fine)" x
equal "and nothing else" "$(all evil.out | xargs)" ". ./sub ./sub/fine"
rm -rf evil evil.out
mkdir -p evil/sub evil.out
cp message evil/sub/file.kms
ln -s "$WORK/outside" evil.out/sub
ended 6 "a link in the new tree is not followed" "$k" decrypt -r evil -o evil.out
ended 6 "not by force either" "$k" decrypt -f -r evil -o evil.out
only "nothing came out" outside
rm evil.out/sub
mkdir evil.out/sub
ln -s "$WORK/outside/file" evil.out/sub/file
ended 9 "nor a link of the file's name" "$k" decrypt -r evil -o evil.out
ended 9 "with force as well" "$k" decrypt -f -r evil -o evil.out
only "still nothing" outside
rm evil.out/sub/file
mkdir evil.out/sub/file
ended 9 "a directory is not replaced by a file" "$k" decrypt -f -r evil -o evil.out
[ -d evil.out/sub/file ] && pass "it is still there" || fail "it is still there" "it is not"

# --- what is damaged or not encrypted
rm -rf evil
cp -r secret damaged
size=$(stat -c %s damaged/a/large.kms)
printf 'X' | dd of=damaged/a/large.kms bs=1 seek=$((size / 2)) conv=notrunc status=none
head -c 100 secret/a/b/c/middle.kms >damaged/a/b/c/middle.kms
echo plain >damaged/readme
echo not >damaged/not.kms
touch damaged/.kmsctl-0123456789abcdef.tmp
count=$(count_files secret)
ended 5 "damaged files fail" "$k" decrypt -r damaged -o damaged.out
summary "alone" $((count - 2)) 0 1 4 "$(find damaged.out -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum }')"
says "with frame and byte" 'large.kms: .*(frame [0-9]*, at byte [0-9]*)$'
says "one that is cut says so" 'middle.kms: .*end'
says "one that is no message too" 'not.kms: it is no encrypted message'
says "one that is not named as one too" 'damaged/readme is not decrypted: it is not named \*.kms$'
absent "none of them came out" damaged.out/a/large damaged.out/a/b/c/middle damaged.out/readme damaged.out/not
ended 5 "JSON lists them" "$k" decrypt -f -r damaged -o damaged.out --output json
equal "with their exit codes" "$(json '[.Failures[].ExitCode] | unique | map(tostring) | join(" ")')" 5
ended 5 "a context that no file has" "$k" decrypt -c purpose=other -r secret -o none
absent "gives no file" none/a/large
rm -rf none
ended 5 "nor does a wrong key" "$k" decrypt -k alias/tree-b -r secret -o none
ended 4 "a key that is not there ends it at once" "$k" encrypt -k alias/tree-none -r plain -o none2
says "with one file" '^kmsctl: given up: 1 of [0-9]* files failed$'
equal "and no file" "$(find none2 -type f | wc -l)" 0
ended 7 "no service as well" env AWS_ENDPOINT_URL=http://127.0.0.1:9 AWS_MAX_ATTEMPTS=1 "$k" decrypt -r secret -o none3

# --- modes and times
mkdir -p kept/dir
echo x >kept/dir/file
chmod 750 kept/dir
chmod 4604 kept/dir/file
touch -d '2020-02-02 02:02:02.123456789' kept/dir/file
touch -d '2021-01-01' kept/dir kept
look() { (cd "$1" && stat -c '%a %Y' . dir dir/file* | xargs); }
expect 0 "--preserve keeps modes and times" "$k" encrypt -p -k alias/tree-a -r kept -o kept.enc
expect 0 "and gives them back" "$k" decrypt --preserve -r kept.enc -o kept.out
equal "of files and directories, without setuid" "$(look kept.out)" "$(look kept | sed 's/4604/604/')"
equal "on the encrypted side too" "$(look kept.enc)" "$(look kept.out)"
equal "to the nanosecond" "$(stat -c %y kept.out/dir/file)" "$(stat -c %y kept/dir/file)"
expect 0 "a resumed run knows them" "$k" encrypt -p --resume -k alias/tree-a -r kept -o kept.enc
summary "as finished" 0 1 0 0 0
expect 0 "a single file can keep them as well" "$k" encrypt -p -k alias/tree-a kept/dir/file -o kept.one
equal "as they were" "$(stat -c '%a %Y' kept.one)" "604 $(stat -c %Y kept/dir/file)"
(umask 077 && "$k" encrypt -k alias/tree-a -r kept -o kept.new >/dev/null)
equal "without it the umask counts" "$(stat -c %a kept.new/dir/file.kms kept.new/dir | xargs)" "600 700"

# --- modes midway: a service that never answers keeps a run where its directories are and its files are not
/usr/bin/python3 -c 'import socket, time
listener = socket.create_server(("127.0.0.1", 0), backlog=64)
print(listener.getsockname()[1], flush=True)
time.sleep(600)' >port &
silent=$!
until [ -s port ] || ! kill -0 $silent 2>/dev/null; do sleep 0.02; done
modes() { (cd "$1" && find . -type d -printf '%P:%m\n' | sort | xargs); }
mkdir -p shut/private/deep shut/open shut/fixed shut/there
for d in private private/deep open fixed there; do echo $d >shut/$d/file; done
chmod 755 shut shut/open
chmod 700 shut/private
chmod 775 shut/private/deep
chmod 555 shut/fixed
chmod 750 shut/there
wanted=$(modes shut)
expect 0 "a tree with private directories" "$k" encrypt -p -k alias/tree-a -r shut -o shut.enc
equal "is encrypted to one with the same" "$(modes shut.enc)" "$wanted"
for root in new old; do
    rm -rf shut.out
    if [ $root = old ]; then
        mkdir -p shut.out/there
        chmod 775 shut.out shut.out/there
        midway=":755 fixed:700 open:700 private/deep:700 private:700 there:750"
    else
        midway=":700 fixed:700 open:700 private/deep:700 private:700 there:700"
    fi
    (umask 0 && exec env AWS_ENDPOINT_URL="http://127.0.0.1:$(cat port)" "$k" decrypt -p -r shut.enc -o shut.out) >/dev/null 2>&1 &
    pid=$!
    for _ in $(seq 500); do [ "$(modes shut.out 2>/dev/null)" = "$midway" ] && break; sleep 0.02; done
    equal "until the end, directories are closed ($root root)" "$(modes shut.out)" "$midway"
    equal "when no file is there yet" "$(find shut.out -type f | wc -l)" 0
    kill -KILL $pid
    wait $pid 2>/dev/null
    equal "and stay so when it is killed" "$(modes shut.out)" "$midway"
    expect 0 "resumed" "$k" decrypt -p --resume -r shut.enc -o shut.out
    equal "they get their modes" "$(modes shut.out)" "$wanted"
    same_tree "and their files" shut shut.out
    chmod u+w shut.out/fixed && rm shut.out/fixed/file && chmod 555 shut.out/fixed
    expect 0 "a directory that nobody may write to" "$k" decrypt -p --resume -r shut.enc -o shut.out
    equal "is that again afterwards" "$(modes shut.out)" "$wanted"
    same_tree "with what was missing" shut shut.out
    chmod u+w shut.out/fixed
done
kill $silent
wait $silent 2>/dev/null
chmod u+w shut/fixed shut.enc/fixed

# --- re-encrypt: many files, trees
expect 0 "two files are re-encrypted" "$k" re-encrypt -k alias/tree-b secret/a/large.kms secret/a/b/c/middle.kms
summary "and counted" 2 0 0 0 3070000
key_of() { "$k" inspect "$1" | sed -n 's/^EncryptedDataKeys.1.KeyArn: //p'; }
equal "under the new key" "$(key_of secret/a/b/c/middle.kms)" "$b"
ended 6 "a directory needs -r" "$k" re-encrypt -k alias/tree-b secret secret/a/large.kms
says "and says so" "secret: it is a directory; -r takes what is in it"
total=$(count_files secret)
ended 0 "a tree resumes" "$k" re-encrypt --resume -k alias/tree-b -r secret
equal "where it was" "$(sed -n 's/^Done: //p;s/^Finished: //p' "$WORK/out" | xargs)" "$((total - 2)) 2"
ended 0 "and again" "$k" re-encrypt --resume -k alias/tree-b -r secret
equal "with nothing to do" "$(sed -n 's/^Done: //p' "$WORK/out")" 0
"$k" key disable "$a" >/dev/null
rm -rf copy
expect 0 "the old key is no longer needed" "$k" decrypt -c purpose=backup -r secret -o copy
cp -r plain left && rm left/a/b/small*
same_tree "for any of it" left copy
"$k" key enable "$a" >/dev/null
cp message notes
echo notes >not-a-message
ended 5 "one bad file among good ones" "$k" re-encrypt -k alias/tree-b notes not-a-message
summary "does not keep the others" 1 0 0 1 2
ended 6 "one that is not there" "$k" re-encrypt -k alias/tree-b notes none-such
expect 2 "-o is for one file" "$k" re-encrypt -k alias/tree-b notes message -o none
expect 2 "so is standard input" "$k" re-encrypt -k alias/tree-b notes -

# --- no tree
for verb in encrypt decrypt; do
    key=()
    [ $verb = encrypt ] && key=(-k alias/tree-a)
    expect 6 "$verb -r of a file" "$k" $verb "${key[@]}" -r notes -o notes.out
    says "says that it is none" "cannot read notes: it is no directory"
done
absent "and makes nothing" notes.out

# --- no space
if [ "$(id -u)" = 0 ] && mkdir small && mount -t tmpfs -o size=1m tmpfs small 2>/dev/null; then
    mkdir big
    for i in $(seq 30); do ln plain/a/large big/$i; done
    ended 6 "a full disk ends it" "$k" encrypt -k alias/tree-a -j 2 -r big -o small/enc
    says "and says why" 'No space left on device'
    says "once" '^kmsctl: given up: 1 of 1 files failed$'
    equal "no file is left" "$(find small/enc -type f | wc -l)" 0
    umount small
else
    skip "a full disk ends it" "no permission to mount one"
fi

finish
