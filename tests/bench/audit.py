"""audit.py BINARY_DIR: Encrypt with the audit trail against Encrypt without it, and LookupEvents.

Two daemons run at the same time, idle but for the one that is measured; wrk sends one signed request over
and over, to the one, then to the other, in rounds. Then a daemon with a trail of KMS_AUDIT_RECORDS records
(200000; 10000000 takes two minutes and 12 GB under KMS_BENCH_DIR) is asked for pages of it.
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

BINARIES = os.path.abspath(sys.argv[1])
ROUNDS, SECONDS, CONNECTIONS = int(os.environ.get("ROUNDS", 7)), 1, 32
REGION = "eu-central-1"
RECORDS = int(os.environ.get("KMS_AUDIT_RECORDS", "200000"))

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
os.environ["KMSD"] = BINARIES + "/kmsd/kmsd"
from daemon import Daemon, client, init_data_dir  # noqa: E402
from botocore.credentials import Credentials  # noqa: E402
from wire import JSON, sign  # noqa: E402
import boto3  # noqa: E402


class Subject:
    """A daemon with a key, and the request that wrk sends to it."""

    def __init__(self, parent, name, config):
        self.data = os.path.join(parent, name)
        self.credentials = init_data_dir(self.data)
        path = os.path.join(parent, name + ".json")
        with open(path, "w") as file:
            json.dump(config, file)
        self.daemon = Daemon(["run", "--data-dir", self.data, "--config", path, "--log-level", "error"])
        self.kms = client(self.daemon.url, self.credentials)
        self.key = self.kms.create_key()["KeyMetadata"]["KeyId"]
        self.script = os.path.join(parent, name + ".lua")
        self.rates = []

    def prepare(self):
        body = json.dumps({"KeyId": self.key, "Plaintext": base64.b64encode(bytes(32)).decode(),
                           "EncryptionContext": {"purpose": "benchmark"}}).encode()
        root = Credentials(self.credentials["AccessKeyId"], self.credentials["SecretAccessKey"])
        headers = sign("/", {"Content-Type": JSON, "X-Amz-Target": "TrentService.Encrypt"}, body, credentials=root,
                       region=REGION, endpoint=self.daemon.url)

        def quoted(data):
            return '"' + "".join(f"\\{byte:03d}" for byte in data) + '"'
        with open(self.script, "w") as file:
            file.write(f'wrk.method = "POST"\nwrk.body = {quoted(body)}\n')
            for name, value in headers.items():
                text = value if isinstance(value, str) else value.decode()
                file.write(f"wrk.headers[{quoted(name.encode())}] = {quoted(text.encode())}\n")
            file.write('function done(s) io.write(string.format("errors %d\\n", s.errors.status + s.errors.connect + '
                       's.errors.read + s.errors.write + s.errors.timeout)) end\n')

    def load(self, seconds=SECONDS):
        out = subprocess.run(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", self.script, self.daemon.url],
                             check=True, capture_output=True, text=True).stdout
        assert int(re.search(r"errors (\d+)", out).group(1)) == 0, out
        return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))


def size_of(folder, ending):
    return sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder) if name.endswith(ending))


def lookups(parent):
    """Times pages of LookupEvents in a trail that was there before the daemon."""
    data = os.path.join(parent, "searched")
    credentials = init_data_dir(data)
    folder = os.path.join(data, "audit")
    began = time.monotonic()
    subprocess.run([BINARIES + "/tests/bench/fill_trail", data, str(RECORDS)], check=True)
    filled = time.monotonic() - began
    daemon = Daemon(["run", "--data-dir", data, "--log-level", "error"])
    try:
        trail = boto3.client("cloudtrail", endpoint_url=daemon.url, region_name=REGION,
                             aws_access_key_id=credentials["AccessKeyId"],
                             aws_secret_access_key=credentials["SecretAccessKey"])
        began, indexed = time.monotonic(), -1
        while indexed != size_of(folder, ".index"):  # until the index stands still
            indexed = size_of(folder, ".index")
            time.sleep(2)
        print(f"{RECORDS} records in {filled:.0f} s, trail {size_of(folder, '.jsonl') / 1e6:.0f} MB, "
              f"index {indexed / 1e6:.1f} MB, complete after {time.monotonic() - began - 2:.0f} s", flush=True)
        oldest = trail.lookup_events(LookupAttributes=[{"AttributeKey": "ResourceName", "AttributeValue": "rare"}])["Events"][-1]
        now = oldest["EventTime"]
        kinds = [("all", {}), ("Username=user-7", ("Username", "user-7")), ("EventName=Sign", ("EventName", "Sign")),
                 ("ErrorCode=AccessDenied", ("ErrorCode", "AccessDenied")),
                 ("a key", ("ResourceName", "5b5a0800-4c69-468e-8100-000000000309")),
                 ("a key used three times, long ago", ("ResourceName", "rare")),
                 ("EventId of the oldest", ("EventId", oldest["EventId"])), ("Username=nobody", ("Username", "nobody")),
                 ("the first second", {"StartTime": now, "EndTime": now})]
        for name, wanted in kinds:
            arguments = wanted if isinstance(wanted, dict) else {
                "LookupAttributes": [{"AttributeKey": wanted[0], "AttributeValue": wanted[1]}]}
            times = []
            for _ in range(5):
                before = time.monotonic()
                events = trail.lookup_events(**arguments)["Events"]
                times.append(time.monotonic() - before)
            print(f"LookupEvents {name:34} {statistics.median(times) * 1000:7.1f} ms for a page of {len(events)}", flush=True)
    finally:
        daemon.stop()


if shutil.which("wrk") is None:
    sys.exit("wrk is not installed")
with tempfile.TemporaryDirectory(dir=os.environ.get("KMS_BENCH_DIR")) as parent:
    audited = Subject(parent, "audited", {})
    bare = Subject(parent, "bare", {"audit": {"enabled": False}})
    try:
        for subject in (audited, bare):
            subject.prepare()
        for _ in range(ROUNDS):
            for subject in (audited, bare):
                subject.rates.append(subject.load())
        ratios = sorted(a / b for a, b in zip(audited.rates, bare.rates))
        print(f"Encrypt, JSON, {CONNECTIONS} connections: audited {statistics.median(audited.rates):.0f}/s, "
              f"without {statistics.median(bare.rates):.0f}/s, ratio {statistics.median(ratios):.3f} "
              f"(from {ratios[0]:.2f} to {ratios[-1]:.2f})", flush=True)
    finally:
        audited.daemon.stop()
        bare.daemon.stop()
    lookups(parent)
