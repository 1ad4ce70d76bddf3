"""throughput.py BINARY_DIR [SECONDS]: requests a second of kmsd over keep-alive with SigV4 verified,
against a bare libmicrohttpd server that answers with the same number of bytes to the same requests.

All servers run at the same time, idle but for the one that is measured; wrk sends one request, signed
beforehand, over and over. Each round measures every operation on both servers, one right after the
other, so that what else the machine does falls on both; the ratio is the median of the rounds' ratios.
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

import cbor2

BINARIES = sys.argv[1]
SECONDS = int(sys.argv[2]) if len(sys.argv) > 2 else 1
ROUNDS = int(os.environ.get("ROUNDS", 7))
CONNECTIONS = 32
REGION = "us-east-1"
CONTEXT = {"purpose": "benchmark"}


class Server:
    """A program that prints where it listens."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url = None
        for line in self.process.stdout:
            found = re.search(r"listening on (http://\S+)", line)
            if found:
                self.url = found.group(1)
                return
        raise RuntimeError(f"{command[0]} did not start")

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


kmsd = Server(BINARIES + "/kmsd/kmsd", "dev", "--listen", "127.0.0.1:0", "--region", REGION, "--log-level", "error")
os.environ["AWS_ENDPOINT_URL"] = kmsd.url
os.environ["AWS_REGION"] = REGION
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from wire import JSON, call_json, send, sign  # noqa: E402


def json_request(operation, members):
    encoded = {name: base64.b64encode(value).decode() if isinstance(value, bytes) else value for name, value in members.items()}
    body = json.dumps(encoded).encode()
    return "/", {"Content-Type": JSON, "X-Amz-Target": "TrentService." + operation}, body


def cbor_request(operation, members):
    path = "/service/TrentService/operation/" + operation
    return path, {"Content-Type": "application/cbor", "Accept": "application/cbor", "Smithy-Protocol": "rpc-v2-cbor"}, cbor2.dumps(members)


def lua(path, headers, body):
    """A wrk script that sends one request again and again."""
    def quoted(data):
        return '"' + "".join(f"\\{byte:03d}" for byte in data) + '"'
    lines = ["wrk.method = \"POST\"", f"wrk.path = {quoted(path.encode())}", f"wrk.body = {quoted(body)}"]
    for name, value in headers.items():
        text = value if isinstance(value, str) else value.decode()
        lines.append(f"wrk.headers[{quoted(name.encode())}] = {quoted(text.encode())}")
    lines.append("function done(summary) io.write(string.format(\"errors %d\\n\", summary.errors.status + "
                 "summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout)) end")
    return "\n".join(lines) + "\n"


def measure(url, script):
    out = subprocess.run(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", script, url],
                         check=True, capture_output=True, text=True).stdout
    if int(re.search(r"errors (\d+)", out).group(1)) != 0:
        raise RuntimeError("wrk saw errors:\n" + out)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))


class Comparison:
    """One request, a bare server that answers with as many bytes, and what was measured so far."""

    def __init__(self, name, path, headers, body):
        self.name = name
        self.pairs = []
        signed = sign(path, headers, body, region=REGION)
        answer = send("POST", path, signed, body)
        assert answer.status == 200, answer.body
        self.size = len(answer.body)
        self.bare = Server(BINARIES + "/tests/bench/bench_bare_mhd", str(self.size))
        self.script = tempfile.NamedTemporaryFile("w", suffix=".lua")
        self.script.write(lua(path, signed, body))
        self.script.flush()

    def measure(self):
        self.pairs.append((measure(kmsd.url, self.script.name), measure(self.bare.url, self.script.name)))

    def ratio(self):
        return statistics.median(ours / bare for ours, bare in self.pairs)

    def report(self):
        ours, bare = (statistics.median(rates) for rates in zip(*self.pairs))
        spread = sorted(ours / bare for ours, bare in self.pairs)
        print(f"{self.name:32} kmsd {ours:7.0f}/s  bare {bare:7.0f}/s  ratio {self.ratio():.2f}"
              f"  (from {spread[0]:.2f} to {spread[-1]:.2f}; {self.size} bytes)", flush=True)


if shutil.which("wrk") is None:
    sys.exit("wrk is not installed")
began = time.monotonic()
try:
    key = call_json("CreateKey", {}, region=REGION).json["KeyMetadata"]["KeyId"]
    sealed = base64.b64decode(call_json("Encrypt", {"KeyId": key, "Plaintext": base64.b64encode(bytes(32)).decode(), "EncryptionContext": CONTEXT},
                                        region=REGION).json["CiphertextBlob"])
    operations = [
        ("Encrypt", {"KeyId": key, "Plaintext": bytes(32), "EncryptionContext": CONTEXT}),
        ("Decrypt", {"CiphertextBlob": sealed, "EncryptionContext": CONTEXT}),
        ("GenerateDataKey", {"KeyId": key, "KeySpec": "AES_256", "EncryptionContext": CONTEXT}),
    ]
    print(f"# wrk, {CONNECTIONS} connections, median of {ROUNDS} rounds of {SECONDS} s, {os.cpu_count()} processors shared by wrk and server")
    comparisons = []
    for operation, members in operations:
        comparisons.append(Comparison(f"{operation} of 32 bytes, JSON", *json_request(operation, members)))
        comparisons.append(Comparison(f"{operation} of 32 bytes, CBOR", *cbor_request(operation, members)))
    for _ in range(ROUNDS):  # signatures are good for 5 minutes
        for comparison in comparisons:
            comparison.measure()
    for comparison in comparisons:
        comparison.report()
        comparison.bare.stop()
    print(f"lowest ratio: {min(comparison.ratio() for comparison in comparisons):.2f} (took {time.monotonic() - began:.0f} s)")
finally:
    kmsd.stop()
