#!/usr/bin/env bash
# Trees as archives: kmsctl --tar, and tar | kmsctl encrypt | kmsctl decrypt | tar.
set -u
. "$(dirname "$0")/../support/checks.sh"
. "$(dirname "$0")/../support/setup.sh"
k=$KMSCTL
"$k" key create --alias alias/tar >/dev/null
cd "$WORK" || exit 1

# Everything that a tree can have, but owners.
mkdir -p plain/empty plain/a/b 'plain/with blank'
head -c 3000000 /dev/urandom >plain/a/large
echo one >'plain/with blank/a name.txt'
printf 'two' >$'plain/new\nline'
: >plain/nothing
echo leading >./plain/-dash
ln -s a/large plain/link
ln -s /etc/passwd plain/outside
ln -s nowhere plain/dangling
ln plain/a/large plain/a/b/hard
truncate -s 2M plain/hole
printf x | dd of=plain/hole bs=1 seek=1000000 conv=notrunc status=none
truncate -s 100000 plain/only-hole
mkfifo plain/fifo
for i in $(seq 30); do echo "$i" >"plain/a/b/small-$i"; done
long=plain/$(printf 'd%.0s' $(seq 120))/$(printf 'e%.0s' $(seq 120))
mkdir -p "$long"
echo deep >"$long/$(printf 'f%.0s' $(seq 200))"
chmod 750 plain/a
chmod 4711 plain/nothing
chmod 600 plain/a/b/small-1
touch -d '2020-02-02 02:02:02.5' plain/a/b/small-1 plain/a plain/a/b
listing() { (cd "$1" && find . ! -type l -printf '%p %y %m %s %T@\n' -o -type l -printf '%p %y %l\n' | sort); }

whole_seconds() { sed 's/\.[0-9]*$//'; }

# --- with tar(1) at both ends
(set -o pipefail && tar -C plain -c . | "$k" encrypt -k alias/tar | "$k" decrypt | (mkdir copy && tar -C copy -xp)) 2>"$WORK/err"
equal "tar | encrypt | decrypt | tar" "$?" 0
equal "gives the same tree" "$(listing copy | whole_seconds)" "$(listing plain | whole_seconds)"
check "with the same contents" diff -r --no-dereference -x fifo plain copy
rm -rf copy

# --- --tar at both ends
expect 0 "a tree becomes one message" "$k" encrypt --tar -k alias/tar -c a=b plain -o plain.tar.kms --output json
entries=$(find plain -printf x | wc -c)
equal "of so many entries" "$(json .Entries)" "$entries"
expect 0 "that is unpacked" "$k" decrypt --tar -p -c a=b plain.tar.kms -o copy --output json
equal "all of them" "$(json .Entries)" "$entries"
equal "to the same tree" "$(listing copy)" "$(listing plain)"
check "with the same contents" diff -r --no-dereference -x fifo plain copy
equal "hard links are links" "$(stat -c %h copy/a/large)" 2
used() { du -k "$1" | cut -f 1; }
if [ "$(used plain.tar.kms)" -lt 4000 ]; then pass "holes take no room in it"; else fail "holes take no room in it" "$(used plain.tar.kms) KiB"; fi
if [ "$(used copy/hole)" -le "$(used plain/hole)" ]; then pass "and are holes again"; else fail "and are holes again" "$(used copy/hole)"; fi
equal "it is an archive for tar(1)" "$("$k" decrypt plain.tar.kms -o - | tar -t | wc -l)" "$entries"
tar -C plain -cf by-tar.tar .
"$k" encrypt -k alias/tar by-tar.tar -o by-tar.kms
expect 0 "and one of tar(1) is unpacked" "$k" decrypt --tar -p by-tar.kms -o copy2
equal "to the same tree" "$(listing copy2 | whole_seconds)" "$(listing plain | whole_seconds)"
expect 0 "from a pipe" sh -c 'cat plain.tar.kms | "$1" decrypt --tar -q -o copy3' sh "$k"
check "as well" diff -r --no-dereference -x fifo plain copy3
equal "without -p, the umask counts, and setuid is lost" "$(stat -c %a copy3 copy3/a copy3/nothing | xargs)" "755 750 711"
absent "and there are no pipes and devices" copy3/fifo
rm -rf copy copy2 copy3
ln -s plain by-link
expect 0 "a tree can be named by a link to it" "$k" encrypt --tar -k alias/tar by-link -o by-link.kms --output json
equal "and all of it is packed" "$(json .Entries)" "$entries"
expect 0 "it is unpacked" "$k" decrypt --tar -p by-link.kms -o copy
equal "to the same tree, its own links as they are" "$(listing copy)" "$(listing plain)"
rm -rf copy

mkdir -p "deep/$(printf 'd/%.0s' $(seq 300))"
echo bottom >"deep/$(printf 'd/%.0s' $(seq 300))file"
expect 0 "a tree of 300 levels is packed" "$k" encrypt --tar -k alias/tar deep -o deep.kms
expect 0 "and unpacked" "$k" decrypt --tar deep.kms -o copy
equal "to its bottom" "$(cat "copy/$(printf 'd/%.0s' $(seq 300))file")" bottom
rm -rf copy deep

# --- all that entries and the directory itself can have, as far as the file system can hold it
mkdir -p rich/below
touch rich/file
cat >attributes.py <<'END'
import os, stat, struct, sys
def acl(*entries):
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
any_id = 0xffffffff
access = acl((1, 7, any_id), (2, 7, 1234), (4, 5, any_id), (16, 7, any_id), (32, 0, any_id))
attributes = {"system.posix_acl_access": access, "system.posix_acl_default": access, "user.colour": b"blue"}
def paths(root):
    return [root, root + "/below", root + "/file"]
def adorn(path, number):
    if os.geteuid() == 0:
        os.chown(path, 1234 + number, 2345 + number)
    os.chmod(path, 0o750 if path.endswith("/file") else 0o3750)
    for name, value in attributes.items():
        try:
            os.setxattr(path, name, value)
        except OSError:
            pass
def describe(path):
    about = os.stat(path)
    return (oct(about.st_mode), about.st_uid, about.st_gid, about.st_mtime_ns, len(os.listdir(path)) if os.path.isdir(path) else 0,
            [(name, os.getxattr(path, name)) for name in sorted(os.listxattr(path)) if name in attributes])
if sys.argv[1] == "adorn":
    for number, path in enumerate(paths(sys.argv[2])):
        adorn(path, number)
    os.utime(sys.argv[2], ns=(1, 1234567890123456789))
else:
    for path in paths(sys.argv[2]):
        print(describe(path))
END
python3 attributes.py adorn rich
expect 0 "attributes are packed" "$k" encrypt --tar -k alias/tar rich -o rich.kms
expect 0 "and unpacked" "$k" decrypt --tar -p rich.kms -o copy
equal "also those of the directory itself" "$(python3 attributes.py describe copy)" "$(python3 attributes.py describe rich)"
expect 0 "without -p" "$k" decrypt --tar rich.kms -o copy2
equal "the directory is one as any other" "$(stat -c '%a %u' copy2)" "755 $(id -u)"
rm -rf copy copy2
python3 - <<'END'
import tarfile
with tarfile.open("odd.tar", "w", format=tarfile.PAX_FORMAT) as archive:
    root = tarfile.TarInfo("./")
    root.type, root.mode, root.pax_headers = tarfile.DIRTYPE, 0o750, {"SCHILY.xattr.trusted.odd": "x"}
    archive.addfile(root)
END
ordinary=() # the superuser may do what is to fail below
[ "$(id -u)" != 0 ] || ordinary=(setpriv --bounding-set=-dac_override,-dac_read_search,-sys_admin,-chown)
"$k" encrypt -k alias/tar odd.tar -o odd.kms
"${ordinary[@]}" "$k" decrypt --tar -p odd.kms -o copy 2>"$WORK/err"
equal "what the directory itself can't have" $? 0
says "is told" "1 entries are there without all of their attributes: \\.: "
equal "and it has the rest" "$(stat -c %a copy)" 750
rm -rf copy

# --- what appears while it is packed
mkdir -p moving/later private
head -c 16000000 /dev/urandom >moving/large # more than is on its way, and packed before what is in later
echo public >moving/later/id
echo confidential >private/id
mkfifo through
"$k" encrypt --tar -k alias/tar moving -o - >through 2>"$WORK/err" &
packer=$!
exec 6<through
head -c 2000000 <&6 >moving.kms
mv moving/later away
ln -s ../private moving/later
cat <&6 >>moving.kms
exec 6<&-
wait $packer
equal "a link that appears in a directory's place ends the packing" $? 6
says "by name" "moving/later: a file or a symbolic link is where a directory should be"
expect 5 "and what was packed is no whole archive" "$k" decrypt --tar moving.kms -o none
rm -rf moving away through

# --- where it goes
mkdir empty full
touch full/file
expect 0 "an empty directory is replaced" "$k" decrypt --tar -q plain.tar.kms -o empty
expect 9 "another one is not" "$k" decrypt --tar plain.tar.kms -o full
only "and is as it was" full file
expect 9 "a file is none" "$k" decrypt --tar plain.tar.kms -o plain.tar.kms
expect 6 "nor is there one below what is not there" "$k" decrypt --tar plain.tar.kms -o none/x
expect 2 "or in a pipe" "$k" decrypt --tar plain.tar.kms -o -
expect 9 "the message replaces nothing" "$k" encrypt --tar -k alias/tar plain -o full/file
expect 6 "a file is no tree" "$k" encrypt --tar -k alias/tar full/file -o none
expect 2 "-r is something else" "$k" encrypt --tar -r -k alias/tar plain -o none
expect 2 "and -o required" "$k" encrypt --tar -k alias/tar plain
expect 0 "a message can go through a pipe" sh -c '"$1" encrypt --tar -k alias/tar full -o - | "$1" decrypt --tar -o piped' sh "$k"
only "to a tree" piped file

# --- relative names in settings count from where kmsctl was called, wherever libarchive is by then
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=IP:127.0.0.1 -keyout tls.key -out tls.pem 2>/dev/null
chmod 600 tls.key
printf '{"audit": {"folder": "%s/tls-trail"}, "tls": {"certificate_file": "%s/tls.pem", "key_file": "%s/tls.key"}}' \
    "$WORK" "$WORK" "$WORK" >tls.json
start_kmsd tls.log "$KMSD" dev --listen 127.0.0.1:0 --config tls.json
over_tls=(env AWS_ENDPOINT_URL="$KMSD_URL")
"${over_tls[@]}" AWS_CA_BUNDLE=tls.pem "$k" key create --alias alias/tls >/dev/null
expect 0 "a tree is packed with a relative --ca-file" "${over_tls[@]}" "$k" encrypt --tar --ca-file tls.pem -k alias/tls full -o tls.kms
expect 0 "and unpacked" "${over_tls[@]}" "$k" decrypt --tar --ca-file tls.pem tls.kms -o tls1
expect 0 "also with a relative AWS_CA_BUNDLE" "${over_tls[@]}" AWS_CA_BUNDLE=tls.pem "$k" decrypt --tar tls.kms -o tls2
only "to the same tree" tls2 file
stop_kmsd
equal "the daemon ends well" $? 0
cat >credentials <<END
#!/bin/sh
pwd >>$WORK/asked-in
echo '{"Version": 1, "AccessKeyId": "test", "SecretAccessKey": "test", "Expiration": "$(date -u -d '+2 minutes' +%FT%TZ)"}'
END
chmod 755 credentials
printf '[default]\ncredential_process = ./credentials\n' >aws-config
from_process=(env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY AWS_CONFIG_FILE=aws-config)
expect 0 "a relative credential process" "${from_process[@]}" "$k" decrypt --tar -q plain.tar.kms -c a=b -o process
# a sandbox that lets no thread have a working directory of its own makes the second try, in the tree, fail
if python3 -c 'import ctypes, sys; sys.exit(ctypes.CDLL(None).unshare(0x200) != 0)'; then
    equal "runs where kmsctl was called, also to renew" "$(sort asked-in | uniq -c | xargs)" "2 $WORK"
fi

# --- what is wrong leaves nothing
mkdir here
cd here || exit 1
size=$(stat -c %s ../plain.tar.kms)
cp ../plain.tar.kms damaged
printf X | dd of=damaged bs=1 seek=$((size - 1000)) conv=notrunc status=none
expect 5 "a damaged message" "$k" decrypt --tar damaged -o tree
says "with frame and byte" '(frame [0-9]*, at byte [0-9]*)$'
head -c 1000000 ../plain.tar.kms >damaged
expect 5 "one that is cut" "$k" decrypt --tar damaged -o tree
expect 5 "the wrong context" "$k" decrypt --tar -c a=c ../plain.tar.kms -o tree
head -c 100000 /dev/urandom | "$k" encrypt -k alias/tar -o noise -f
expect 5 "what is no archive" "$k" decrypt --tar noise -o tree
says "is told as such" "what it holds is no archive or a damaged one"
"$k" decrypt ../plain.tar.kms -o - 2>/dev/null | head -c 1000000 | "$k" encrypt -k alias/tar -o short
expect 5 "an archive that was cut before it was encrypted" "$k" decrypt --tar short -o tree
chmod -R u+w .
rm damaged noise short
only "leaves nothing" .

# Neither modes nor depth keep anything from being removed.
mkdir -p ../closed/ro/sub "../closed/$(printf 'd/%.0s' $(seq 200))"
echo secret | tee ../closed/ro/secret.txt ../closed/ro/sub/secret.txt >"../closed/$(printf 'd/%.0s' $(seq 200))secret.txt"
chmod 555 ../closed/ro ../closed/ro/sub
tar -C .. -c closed/ro >../closed.tar # so that these come first
head -c 3000000 /dev/urandom >../rest
tar -C .. -rf ../closed.tar --mode=u-w,go= closed/d rest
"$k" encrypt -k alias/tar ../closed.tar -o ../closed.kms
size=$(stat -c %s ../closed.kms)
printf XXXX | dd of=../closed.kms bs=1 seek=$((size - 1000)) conv=notrunc status=none
for preserve in "" -p; do
    expect 5 "a damaged message of closed directories $preserve" "${ordinary[@]}" "$k" decrypt --tar $preserve ../closed.kms -o tree
    only "leaves nothing, too" .
done
mkfifo ../slow-in
mkdir ../gone
exec 7<>../slow-in
"${ordinary[@]}" "$k" decrypt --tar ../slow-in -o ../gone/tree 7>&- 2>"$WORK/err" &
unpacker=$!
head -c 2500000 ../closed.kms >&7 # more than is on its way: it unpacks already
chmod 555 ../gone
exec 7>&-
wait $unpacker
equal "a message that ends too early" $? 5
says "leaves what can't be removed, and tells" 'cannot remove \.\./gone/\.kmsctl-[0-9a-f]*\.tmp, which may hold'
chmod 755 ../gone
only "empty" ../gone/.kmsctl-*.tmp
chmod -R u+rwx ../closed
rm -rf ../closed ../gone

# --- no way out
mkdir ../target
python3 - <<'END'
import io, tarfile
def make(name, members):
    with tarfile.open(name, "w") as archive:
        for member, kind, link in members:
            info = tarfile.TarInfo(member)
            info.type, info.linkname = kind, link
            data = b"x" if kind == tarfile.REGTYPE else b""
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
import os
target = os.path.realpath("../target")
R, S, H = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
make("dotdot.tar", [("a/../../target/f", R, "")])
make("up.tar", [("../target/f", R, "")])
make("absolute.tar", [(target + "/f", R, "")])
make("link.tar", [("l", S, target), ("l/f", R, "")])
make("hardlink.tar", [("h", H, "../../victim"), ("h", R, "")])
make("deeplink.tar", [("d", S, "."), ("d/e", S, target), ("d/e/f", R, "")])
END
echo victim >../victim
for bad in *.tar; do
    "$k" encrypt -k alias/tar "$bad" -o "$bad.kms"
    expect 6 "no way out: $bad" "$k" decrypt --tar -p "$bad.kms" -o tree
    absent "no tree: $bad" tree
done
only "nothing has come out" ../target
equal "nor was anything changed" "$(cat ../victim)" victim
equal "and nothing is left over" "$(find . -name '.kmsctl*')" ""
cd ..

# --- killed
mkfifo fifo
exec 8<>fifo # so that nobody waits for kmsctl to open it
for signal in TERM KILL; do
    mkdir killed
    "$k" decrypt --tar fifo -o killed/tree &
    pid=$!
    exec 7>fifo
    head -c 2500000 plain.tar.kms >&7
    sleep 0.5
    kill -$signal $pid
    wait $pid 2>/dev/null
    exec 7>&-
    absent "killed by $signal, there is no tree" killed/tree
    rm -rf killed
done
mkdir slow
for i in $(seq 20); do head -c 3000000 /dev/zero >slow/$i; done
(ulimit -f 2000; "$k" encrypt --tar -k alias/tar slow -o slow.kms) 2>"$WORK/err"
equal "no space for the message" $? 6
says "is told" "writing slow.kms: File too large"
absent "and leaves none" slow.kms
if [ "$(id -u)" = 0 ] && mkdir small && mount -t tmpfs -o size=1m tmpfs small 2>/dev/null; then
    expect 6 "no space for the tree" "$k" decrypt --tar plain.tar.kms -o small/tree
    says "is told" "No space left on device"
    only "and leaves nothing" small
    umount small
else
    skip "no space for the tree" "no permission to mount one"
fi
"$k" encrypt --tar -k alias/tar slow -o - 2>"$WORK/err" | head -c 1000 >/dev/null
equal "a reader that leaves early is an error" "${PIPESTATUS[0]}" 6
says "by name" "standard output: Broken pipe"
head -c 60000000 /dev/zero >slow/1
(while :; do echo more >>slow/1; done) &
writer=$!
"$k" encrypt --tar -k alias/tar slow -o changing.kms 2>"$WORK/err"
equal "a file that changes while it is read" $? 6
kill $writer
wait $writer 2>/dev/null
says "is named" "slow/1: it was changed while it was read"
absent "and not packed" changing.kms

finish
