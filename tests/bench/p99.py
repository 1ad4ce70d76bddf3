"""p99.py BINARY_DIR [SECONDS]: how long Encrypt takes one client, alone and beside another client that has RSA_4096 data key
pairs generated without pause; in turns in one run. Each client waits for its answer before it asks again, over one
keep-alive connection.
"""

import base64
import http.client
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

BINARIES = sys.argv[1]
SECONDS = int(sys.argv[2]) if len(sys.argv) > 2 else 2
ROUNDS = int(os.environ.get("ROUNDS", 3))
REGION = "us-east-1"
GOAL = 3


def script(headers, body):
    """For wrk: one request again and again, and the distribution of its latencies in microseconds."""
    def quoted(data):
        return '"' + "".join(f"\\{byte:03d}" for byte in data) + '"'
    lines = ['wrk.method = "POST"', f"wrk.body = {quoted(body)}"]
    for name, value in headers.items():
        lines.append(f"wrk.headers[{quoted(name.encode())}] = {quoted(value if isinstance(value, bytes) else value.encode())}")
    lines.append('function done(s, latency) io.write(string.format("count %d errors %d p50 %d p99 %d max %d\\n", s.requests, '
                 "s.errors.status + s.errors.connect + s.errors.read + s.errors.write + s.errors.timeout, latency:percentile(50), "
                 "latency:percentile(99), latency.max)) end")
    file = tempfile.NamedTemporaryFile("w", suffix=".lua")
    file.write("\n".join(lines) + "\n")
    file.flush()
    return file


class Generator:
    """The client that never pauses."""

    def __init__(self, headers, body):
        self.request = headers, body
        self.made = 0
        self.stopped = False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        host, port = url.removeprefix("http://").split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=120)
        while not self.stopped:
            connection.request("POST", "/", body=self.request[1], headers=self.request[0])
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
            self.made += 1

    def stop(self):
        self.stopped = True
        self.thread.join()
        return self.made


def measure(request):
    out = subprocess.run(["wrk", "-t1", "-c1", f"-d{SECONDS}s", "-s", request.name, url], check=True, capture_output=True, text=True).stdout
    count, errors, p50, p99, slowest = map(int, re.search(r"count (\d+) errors (\d+) p50 (\d+) p99 (\d+) max (\d+)", out).groups())
    if errors != 0:
        raise RuntimeError("wrk saw errors:\n" + out)
    return count / SECONDS, p50, p99, slowest


if shutil.which("wrk") is None:
    sys.exit("wrk is not installed")
kmsd = subprocess.Popen([BINARIES + "/kmsd/kmsd", "dev", "--listen", "127.0.0.1:0", "--region", REGION, "--log-level", "error"],
                        stdout=subprocess.PIPE, text=True)
url = next(found.group(1) for line in kmsd.stdout if (found := re.search(r"listening on (http://\S+)", line)))
os.environ["AWS_ENDPOINT_URL"] = url
os.environ["AWS_REGION"] = REGION
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from wire import JSON, call_json, sign  # noqa: E402


def signed(operation, members):
    body = json.dumps(members).encode()
    return sign("/", {"Content-Type": JSON, "X-Amz-Target": "TrentService." + operation}, body, region=REGION), body


try:
    key = call_json("CreateKey", {}, region=REGION).json["KeyMetadata"]["KeyId"]
    encrypt = script(*signed("Encrypt", {"KeyId": key, "Plaintext": base64.b64encode(bytes(32)).decode()}))
    pair = signed("GenerateDataKeyPairWithoutPlaintext", {"KeyId": key, "KeyPairSpec": "RSA_4096"})
    measure(encrypt)  # warm
    rounds = []
    for _ in range(ROUNDS):
        alone = measure(encrypt)
        generator = Generator(*pair)
        time.sleep(0.2)
        beside = measure(encrypt)
        rounds.append((alone, beside, generator.stop()))
    print(f"# Encrypt of 32 bytes by one client, {ROUNDS} rounds of {SECONDS} s, {len(os.sched_getaffinity(0))} processors for clients and kmsd")
    for alone, beside, made in rounds:
        print(f"alone: p50 {alone[1]} us, p99 {alone[2]} us, slowest {alone[3]} us, {alone[0]:.0f}/s;  "
              f"beside {made} key pairs: p50 {beside[1]} us, p99 {beside[2]} us, slowest {beside[3]} us, {beside[0]:.0f}/s")
    ratio = statistics.median(beside[2] / alone[2] for alone, beside, _ in rounds)
    print(f"p99 beside the generator is {ratio:.1f} times that alone (goal: at most {GOAL})")
finally:
    kmsd.terminate()
    kmsd.wait(60)
