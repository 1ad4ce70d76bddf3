"""kmsctl in little memory: large pipes, long files and trees with many jobs, under a ceiling.

The address space is limited (as by `ulimit -v`) so that anything that grows with the input fails, and the
most that was resident is asserted besides.
"""

import os
import resource
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from daemon import Daemon  # noqa: E402
from tap import check, finish  # noqa: E402

KMSCTL = os.environ["KMSCTL"]
MIB = 1 << 20
SPACE = 768 * MIB  # threads' stacks and malloc's arenas are mostly reserved, not used
RESIDENT = 64 * MIB
LARGE = 512 * MIB


def limited(command, env, stdin=None, stdout=subprocess.DEVNULL):
    """Runs a command with little address space; returns its status, error text, and peak resident size."""
    process = subprocess.Popen(command, env=env, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE,
                               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (SPACE, SPACE)))
    error = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, error.strip(), usage.ru_maxrss * 1024


def expect(name, result):
    status, error, resident = result
    print(f"# {name}: {resident // MIB} MiB resident at most")
    with check(f"{name} takes little memory"):
        assert status == 0, f"status {status}: {error}"
        assert resident < RESIDENT, f"{resident // MIB} MiB"


def zeros(size):
    return subprocess.Popen(["head", "-c", str(size), "/dev/zero"], stdout=subprocess.PIPE)


def main():
    daemon = Daemon(["dev"])
    env = dict(os.environ, AWS_ENDPOINT_URL=daemon.url, AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test",
               AWS_REGION="us-east-1")
    key = subprocess.run([KMSCTL, "key", "create"], env=env, check=True, capture_output=True,
                         text=True).stdout.strip()
    with tempfile.TemporaryDirectory() as work:
        with zeros(LARGE) as source:
            expect("encrypting a pipe", limited([KMSCTL, "encrypt", "-k", key, "-o", "-"], env, source.stdout))
        plain, message = os.path.join(work, "plain"), os.path.join(work, "message")
        with open(plain, "wb") as file:
            file.truncate(LARGE // 2)
        expect("encrypting a file", limited([KMSCTL, "encrypt", "-k", key, plain, "-o", message], env))
        expect("signing it", limited([KMSCTL, "encrypt", "--sign", "-k", key, plain, "-o", "-"], env))
        expect("decrypting it", limited([KMSCTL, "decrypt", message, "-o", "-"], env))
        with open(message, "rb") as file:
            cat = subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE)
            with cat:
                expect("decrypting it from a pipe", limited([KMSCTL, "decrypt", "-o", "-"], env, cat.stdout))
        expect("with holes", limited([KMSCTL, "decrypt", "--sparse", message, "-o", plain, "-f"], env))
        expect("verifying it", limited([KMSCTL, "verify", message], env))
        expect("reading a range", limited([KMSCTL, "decrypt", "--range", f"{LARGE // 4}:4096", message, "-o", "-"], env))
        expect("re-encrypting it", limited([KMSCTL, "re-encrypt", "-k", key, message], env))
        os.unlink(message)

        tree = os.path.join(work, "tree")
        os.mkdir(tree)
        for number in range(500):
            with open(os.path.join(tree, str(number)), "wb") as file:
                file.write(bytes(number))
        for number in range(4):
            with open(os.path.join(tree, f"long-{number}"), "wb") as file:
                file.truncate(40 * MIB)
        expect("encrypting a tree", limited([KMSCTL, "encrypt", "-k", key, "-r", tree, "-o", tree + ".kms"], env))
        expect("decrypting a tree", limited([KMSCTL, "decrypt", "-r", tree + ".kms", "-o", tree + ".out"], env))
        expect("packing a tree", limited([KMSCTL, "encrypt", "--tar", "-k", key, tree, "-o", message], env))
        expect("unpacking a tree", limited([KMSCTL, "decrypt", "--tar", message, "-o", tree + ".tar"], env))
        with check("and it is the same"):
            subprocess.run(["diff", "-r", tree, tree + ".tar"], check=True)
    with check("kmsd drains"):
        assert daemon.stop() == 0
    finish()


main()
