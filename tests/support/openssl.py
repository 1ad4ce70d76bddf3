"""The OpenSSL command line on bytes."""

import os
import subprocess
import tempfile

VERSION = tuple(map(int, subprocess.run(["openssl", "version"], capture_output=True, text=True, check=True).stdout.split()[1].split(".")[:2]))


def openssl(*arguments, gives=(), **files):
    """Runs openssl with each keyword's bytes in a file; "@name" stands for its path. Gives its output, or
    the bytes of the files named by gives."""
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(data)
        done = subprocess.run(["openssl"] + [os.path.join(folder, a[1:]) if a.startswith("@") else a
                                             for a in arguments], capture_output=True)
        assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
        if not gives:
            return done.stdout
        return [open(os.path.join(folder, name), "rb").read() for name in gives]
