#!/usr/bin/env bash
# examples.sh BUILD_DIR EXAMPLES_DIR COMPILER SANITIZERS: installs the library into a directory of its
# own, builds docs/examples against it as an application would, once with CMake and once with pkg-config,
# and runs what needs no service.
set -euo pipefail
build=$1 examples=$2 compiler=$3 sanitizers=${4:-}
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
flags="-std=gnu17 -Wall -Wextra -Werror"
[ -z "$sanitizers" ] || flags="$flags -fsanitize=$sanitizers"

cmake --install "$build" --component library --prefix "$work/prefix" >"$work/log" ||
    { cat "$work/log"; exit 1; }
library=$(readlink -f "$(find "$work/prefix" -name libkms.so)")
soname=$(objdump -p "$library" | awk '$1 == "SONAME" { print $2 }')
[ "$soname" = libkms.so.0 ] || { echo "not ok - the soname is $soname"; exit 1; }
libdir=$(dirname "$library")
export LD_LIBRARY_PATH=$libdir

cmake -G Ninja -S "$examples" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_C_COMPILER="$compiler" \
    -DCMAKE_C_FLAGS="$flags" >"$work/log" 2>&1 && cmake --build "$work/cmake" >>"$work/log" 2>&1 ||
    { cat "$work/log"; exit 1; }
echo "ok - the examples build with find_package(kms)"

# installed under another prefix than the build was configured for, hence --define-variable
read -ra found <<<"$(PKG_CONFIG_PATH=$libdir/pkgconfig pkg-config --define-variable=prefix="$work/prefix" --cflags --libs kms)"
# shellcheck disable=SC2086
"$compiler" $flags -D_GNU_SOURCE "$examples/encrypt_buffer.c" -o "$work/encrypt_buffer" "${found[@]}"
"$work/encrypt_buffer" | grep -q 'and again: the quick brown fox'
echo "ok - and with pkg-config; a buffer is encrypted and decrypted"

head -c 32 /dev/urandom >"$work/key"
head -c 3000001 /dev/urandom >"$work/plain"
"$work/cmake/stream_file" encrypt "$work/key" <"$work/plain" >"$work/sealed"
"$work/cmake/stream_file" decrypt "$work/key" <"$work/sealed" | cmp - "$work/plain"
if head -c 2000000 "$work/sealed" | "$work/cmake/stream_file" decrypt "$work/key" >"$work/part" 2>"$work/log"; then
    echo "not ok - a message that was cut short is accepted"
    exit 1
fi
grep -q 'ends too early' "$work/log"
cmp -n "$(stat -c %s "$work/part")" "$work/part" "$work/plain"
echo "ok - a stream goes there and back, and one that was cut short is refused"

coproc SERVER { exec "$work/cmake/async_server" "$work/key"; }
server=$SERVER_PID
read -r port <&"${SERVER[0]}"
python3 - "$port" "$work/plain" "$work/served" <<'PYTHON'
import socket, sys, threading
port, plain, out = int(sys.argv[1]), open(sys.argv[2], "rb").read(), sys.argv[3]
def one(number):
    with socket.create_connection(("127.0.0.1", port)) as peer:
        def send():
            peer.sendall(plain[:len(plain) - number])
            peer.shutdown(socket.SHUT_WR)
        sender = threading.Thread(target=send)
        sender.start()
        with open(f"{out}.{number}", "wb") as file:
            while piece := peer.recv(65536):
                file.write(piece)
        sender.join()
threads = [threading.Thread(target=one, args=(n,)) for n in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
PYTHON
for number in 0 1 2 3; do
    "$work/cmake/stream_file" decrypt "$work/key" <"$work/served.$number" |
        cmp - <(head -c $((3000001 - number)) "$work/plain")
done
echo "ok - the server with its own event loop serves four at a time"
