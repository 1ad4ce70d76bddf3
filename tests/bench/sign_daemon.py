"""sign_daemon.py BINARY_DIR [SECONDS]: what a second of processor time gives in signatures through kmsd, over HTTP with
SigV4 verified, against what it gives in `openssl speed`, in turns in one run.

wrk sends one request, signed beforehand, over and over. wrk, kmsd and `openssl speed` run on one and the same processor.
What is left of it to kmsd is the processor time that kmsd uses, in the program and in the kernel, which includes handing
answers to wrk over the loopback interface; `openssl speed` counts its own processor time as well. So the ratio does not
depend on how much of the processor wrk or other programs take, only on how they share its caches.
"""

import base64
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

BINARIES = sys.argv[1]
SECONDS = int(sys.argv[2]) if len(sys.argv) > 2 else 1
ROUNDS = int(os.environ.get("ROUNDS", 3))
CONNECTIONS = 16
REGION = "us-east-1"
TICK = os.sysconf("SC_CLK_TCK")
SUBJECTS = [  # name, the key, the request, openssl's name
    ("ECDSA P-256", "ECC_NIST_P256", {"SigningAlgorithm": "ECDSA_SHA_256", "MessageType": "DIGEST"}, "ecdsap256"),
    ("Ed25519", "ECC_NIST_EDWARDS25519", {"SigningAlgorithm": "ED25519_SHA_512"}, "ed25519"),
    ("RSA-2048", "RSA_2048", {"SigningAlgorithm": "RSASSA_PKCS1_V1_5_SHA_256", "MessageType": "DIGEST"}, "rsa2048"),
]


class Kmsd:
    def __init__(self):
        self.process = subprocess.Popen([BINARIES + "/kmsd/kmsd", "dev", "--listen", "127.0.0.1:0", "--region", REGION,
                                         "--log-level", "error"], stdout=subprocess.PIPE, text=True)
        self.url = next(found.group(1) for line in self.process.stdout if (found := re.search(r"listening on (http://\S+)", line)))

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


def script(headers, body):
    """For wrk: one request again and again."""
    def quoted(data):
        return '"' + "".join(f"\\{byte:03d}" for byte in data) + '"'
    lines = ['wrk.method = "POST"', f"wrk.body = {quoted(body)}"]
    for name, value in headers.items():
        lines.append(f"wrk.headers[{quoted(name.encode())}] = {quoted(value if isinstance(value, bytes) else value.encode())}")
    lines.append('function done(s) io.write(string.format("requests %d errors %d\\n", s.requests, s.errors.status + s.errors.connect + '
                 "s.errors.read + s.errors.write + s.errors.timeout)) end")
    file = tempfile.NamedTemporaryFile("w", suffix=".lua")
    file.write("\n".join(lines) + "\n")
    file.flush()
    return file


def through_kmsd(request):
    """Requests for a second of kmsd's processor time, and how much of the processor kmsd had."""
    before = kmsd.cpu_s()
    began = time.monotonic()
    out = subprocess.run(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", request.name, kmsd.url],
                         check=True, capture_output=True, text=True).stdout
    elapsed = time.monotonic() - began
    spent = kmsd.cpu_s() - before
    count, errors = map(int, re.search(r"requests (\d+) errors (\d+)", out).groups())
    if errors != 0:
        raise RuntimeError("wrk saw errors:\n" + out)
    return count / spent, spent / elapsed


def openssl_speed(name):
    out = subprocess.run(["openssl", "speed", "-mr", "-seconds", str(SECONDS), name], check=True, capture_output=True, text=True)
    # +F2:0:2048:1257.142857:49482.857143: signatures and verifications a second, at the end of whatever names them
    return float(re.findall(r"^\+F\S+", out.stdout, re.M)[-1].split(":")[-2])


if shutil.which("wrk") is None:
    sys.exit("wrk is not installed")
began = time.monotonic()
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # and of all that is started from here
kmsd = Kmsd()
os.environ["AWS_ENDPOINT_URL"] = kmsd.url
os.environ["AWS_REGION"] = REGION
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from wire import JSON, call_json, sign  # noqa: E402

try:
    print(f"# wrk with {CONNECTIONS} connections, kmsd and openssl speed on one processor; median of {ROUNDS} rounds of {SECONDS} s")
    for name, spec, members, algorithm in SUBJECTS:
        key = call_json("CreateKey", {"KeySpec": spec, "KeyUsage": "SIGN_VERIFY"}, region=REGION).json["KeyMetadata"]["KeyId"]
        body = json.dumps({"KeyId": key, "Message": base64.b64encode(bytes(range(32))).decode(), **members}).encode()
        headers = sign("/", {"Content-Type": JSON, "X-Amz-Target": "TrentService.Sign"}, body, region=REGION)
        request = script(headers, body)
        rounds = []
        for _ in range(ROUNDS):
            alone = openssl_speed(algorithm)
            ours, share = through_kmsd(request)
            rounds.append((ours / alone, ours, alone, share))
        ratio, ours, alone, share = (statistics.median(values) for values in zip(*rounds))
        print(f"Sign {name:12} {ours:6.0f} for a second of kmsd's processor time, {alone:6.0f} in openssl speed: ratio {ratio:.2f} "
              f"(from {min(rounds)[0]:.2f} to {max(rounds)[0]:.2f}; kmsd had {share:.2f} of the processor)", flush=True)
    print(f"took {time.monotonic() - began:.0f} s")
finally:
    kmsd.stop()
