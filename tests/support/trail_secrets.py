"""trail_secrets.py DIR...: no secret that went over the wire is in a trail, its indexes, or a log.

Each DIR is what one daemon of the suite left: wire/ (wiretap.py), trail/ (its audit folder) and log (what it
printed). Secrets are all blobs of requests and answers but public keys, grant tokens, secret access keys,
session and web identity tokens, passwords, and signatures of requests; searched for as they are, in base64
of both alphabets, and in hexadecimal.
"""

import base64
import binascii
import json
import os
import re
import subprocess
import sys
import urllib.parse

import cbor2

sys.path.insert(0, os.path.dirname(__file__))
from tap import check, finish  # noqa: E402

KMSCTL = os.environ["KMSCTL"]
SHORTEST = 16  # bytes: shorter ones stand anywhere by chance ...
PLAINEST = 8  # ... and so do "x" * 4096 and 32 zeros: of different bytes
BLOBS = {"Plaintext", "CiphertextBlob", "PrivateKeyPlaintext", "PrivateKeyCiphertextBlob", "SharedSecret", "Mac", "Message",
         "Signature", "CiphertextForRecipient", "EncryptedKeyMaterial", "ImportToken", "AttestationDocument"}
TEXTS = {"GrantToken", "GrantTokens", "SecretAccessKey", "SessionToken", "WebIdentityToken", "SAMLAssertion", "Password",
         "TokenCode", "X-Amz-Security-Token"}
SHOWN = {"PublicKey"}


def messages(data):
    """(head, body) of each HTTP message, as far as they make sense."""
    while True:
        head, mark, data = data.partition(b"\r\n\r\n")
        if not mark:
            return
        head = head.decode("latin-1")
        if " 100 " in head.split("\r\n", 1)[0]:
            continue
        length = re.search(r"(?im)^content-length: *(\d+)\r?$", head)
        if length:
            body, data = data[:int(length.group(1))], data[int(length.group(1)):]
        elif re.search(r"(?im)^transfer-encoding: *chunked\r?$", head):
            body = b""
            while True:
                size, mark, data = data.partition(b"\r\n")
                try:
                    count = int(size.split(b";")[0], 16)
                except ValueError:
                    count = 0
                body, data = body + data[:count], data[count + 2:]
                if count == 0:
                    break
        else:
            body = b""
        yield head, body


def from_tree(tree, name=""):
    """Secrets in a decoded JSON or CBOR body."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from from_tree(value, str(key))
    elif isinstance(tree, list):
        for value in tree:
            yield from from_tree(value, name)
    elif isinstance(tree, bytes) and name not in SHOWN:
        yield tree
    elif isinstance(tree, str) and name in TEXTS:
        yield tree.encode()
    elif isinstance(tree, str) and name in BLOBS:
        try:
            yield base64.b64decode(tree, validate=True)
        except (binascii.Error, ValueError):
            pass


def from_message(head, body):
    for name, value in re.findall(r"(?im)^(authorization|x-amz-security-token): *(.*?)\r?$", head):
        found = re.search(r"Signature=([0-9a-f]{64})", value)
        if name.lower() != "authorization":
            yield value.encode()
        elif found:
            yield found.group(1).encode()
    if body[:1] in b"{[" and body:
        try:
            yield from from_tree(json.loads(body))
        except (ValueError, RecursionError):  # malformed on purpose
            pass
    elif body[:1] == b"<":
        for name, value in re.findall(r"<(\w+)>([^<]*)</\1>", body.decode(errors="replace")):
            if name in TEXTS:
                yield value.encode()
    elif "cbor" in head:
        try:
            yield from from_tree(cbor2.loads(body))
        except Exception:  # noqa: BLE001 - malformed on purpose
            pass
    elif b"Action=" in body:
        for name, value in urllib.parse.parse_qsl(body.decode(errors="replace")):
            if name in TEXTS:
                yield value.encode()


def forms(secret):
    yield secret
    yield secret.hex().encode()
    for text in (base64.b64encode(secret), base64.urlsafe_b64encode(secret)):
        yield text.rstrip(b"=")


class Needles:
    """Finds any of very many texts: each eighth place of a haystack is looked up among their beginnings."""

    STEP = 8

    def __init__(self, texts):
        self.windows = {}
        for text in texts:
            for at in range(self.STEP):
                self.windows.setdefault(text[at:at + self.STEP], []).append((text, at))

    def find(self, haystack):
        windows = self.windows
        for place in range(0, len(haystack), self.STEP):
            for text, at in windows.get(haystack[place:place + self.STEP], ()):
                if haystack.startswith(text, place - at) and place >= at:
                    return text
        return None


def read(path):
    with open(path, "rb") as file:
        return file.read()


def files(folder):
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]


def main(folders):
    everything = set()
    wire = b""
    for folder in folders:
        for path in files(os.path.join(folder, "wire")):
            data = read(path)
            wire += data if len(wire) < 1 << 22 else b""
            for head, body in messages(data):
                everything.update(secret for secret in from_message(head, body)
                                  if len(secret) >= SHORTEST and len(set(secret)) >= PLAINEST)
    needles = Needles({form for secret in everything for form in forms(secret)})
    with check(f"{len(everything)} secrets went over the wire, and are found where they are"):
        assert len(everything) > 100 and needles.find(wire) is not None
    for folder in folders:
        name = os.path.basename(folder)
        trail = os.path.join(folder, "trail")
        if not os.path.isdir(trail):
            continue  # of a daemon that was killed: the next one on its data directory has left it
        with check(f"{name}: no secret of the whole suite is in its trail or its log"):
            for path in [*files(trail), os.path.join(folder, "log")]:
                found = needles.find(read(path))
                assert found is None, f"{found[:24]}... is in {os.path.basename(path)}"
        with check(f"{name}: its trail verifies"):
            done = subprocess.run([KMSCTL, "audit", "verify", trail, "--accept-clock-changes"], capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr
    finish()


main(sys.argv[1:])
