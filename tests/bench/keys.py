"""keys.py BINARY_DIR [COUNT]: kmsd with many keys against kmsd with one: start, memory, Encrypt, pages of lists.

A start lasts from exec to the line that kmsd listens; each data directory is served several times. Encrypt is asked by wrk,
over and over the same 2,000 requests signed beforehand: on the large daemon of one of its keys, then each of another key; on
the small of its one key. Both run at the same time; each round measures all three, one after the other, by the clock and by
the processor time that kmsd takes for a request, which says the same where others compute as well.
"""

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

BINARIES = sys.argv[1]
COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 100000
ROUNDS = int(os.environ.get("ROUNDS", 7))
REQUESTS, STARTS, REGION = 2000, min(ROUNDS, 5), "us-east-1"
os.environ["KMSD"] = BINARIES + "/kmsd/kmsd"
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from botocore.credentials import Credentials  # noqa: E402
from daemon import Daemon  # noqa: E402
from kms import Kms, b64  # noqa: E402
from wire import JSON, sign  # noqa: E402


class Side:
    def __init__(self, folder, count):
        out = subprocess.run([BINARIES + "/tests/bench/fill_keys", folder, str(count)],
                             check=True, capture_output=True, text=True).stdout
        self.id, self.secret = out.split()
        starts = []
        for i in range(STARTS):
            if i != 0:
                self.daemon.stop()
            began = time.monotonic()
            self.daemon = Daemon(["run", "--data-dir", folder, "--log-level", "error"])
            starts.append((time.monotonic() - began, self.cpu()))
        self.start_s, self.start_cpu_s = sorted(starts)[STARTS // 2]
        self.fastest_s, self.slowest_s = min(starts)[0], max(starts)[0]
        self.kms = Kms(self.daemon.url, REGION, self.id, self.secret)
        self.rss_mib = self.rss()

    def rss(self):
        with open(f"/proc/{self.daemon.process.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) / 1024

    def cpu(self):
        """Seconds of processor time so far: what a start takes where nobody else is computing."""
        with open(f"/proc/{self.daemon.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def keys(self, most):
        answer = self.kms.call("ListKeys", Limit=min(most, 1000))
        keys = [entry["KeyId"] for entry in answer["Keys"]]
        while len(keys) < most and answer["Truncated"]:
            answer = self.kms.call("ListKeys", Limit=1000, Marker=answer["NextMarker"])
            keys += [entry["KeyId"] for entry in answer["Keys"]]
        return keys

    def write_script(self, keys):
        """A wrk script that goes round REQUESTS signed requests, which it reads from a file beside it."""
        headers = {"Content-Type": JSON, "X-Amz-Target": "TrentService.Encrypt"}
        requests = tempfile.NamedTemporaryFile("w", suffix=".txt")
        for i in range(REQUESTS):
            body = '{"KeyId":"%s","Plaintext":"%s"}' % (keys[i * len(keys) // REQUESTS], b64(bytes(32)))
            signed = sign("/", headers, body.encode(), Credentials(self.id, self.secret), REGION, endpoint=self.daemon.url)
            fields = [f"{name}: {value if isinstance(value, str) else value.decode()}" for name, value in signed.items()]
            requests.write("\t".join(fields + [body]) + "\n")
        requests.flush()
        script = tempfile.NamedTemporaryFile("w", suffix=".lua")
        script.write("""
local requests, at = {}, 0
function init(args)
    for line in io.lines(%r) do
        local headers, body = {}, nil
        for field in line:gmatch("[^\\t]+") do
            local name, value = field:match("^([%%w-]+): (.*)$")
            if name then headers[name] = value else body = field end
        end
        requests[#requests + 1] = wrk.format("POST", "/", headers, body)
    end
end
function request()
    at = at %% #requests + 1
    return requests[at]
end
function done(summary)
    io.write(string.format("errors %%d\\n", summary.errors.status))
end
""" % requests.name)
        script.flush()
        return script, requests  # which are there as long as this is

    def measure(self, script):
        """Requests a second, and a second of kmsd's processor time."""
        before = self.cpu()
        out = subprocess.run(["wrk", "-t1", "-c16", "-d1s", "-s", script[0].name, self.daemon.url],
                             check=True, capture_output=True, text=True).stdout
        if int(re.search(r"errors (\d+)", out).group(1)) != 0:
            raise RuntimeError("wrk saw errors:\n" + out)
        requests = int(re.search(r"(\d+) requests in", out).group(1))
        return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)), requests / (self.cpu() - before)


def page_times(kms, operation, member):
    """Milliseconds of a page of 100 at the beginning, in the middle, at the end of a list: medians."""
    markers, marker, seen = [], None, 0
    while True:
        answer = kms.call(operation, Limit=1000, **({"Marker": marker} if marker else {}))
        markers.append(marker)
        seen += len(answer[member])
        marker = answer.get("NextMarker")
        if marker is None:
            break
    times = {}
    for name, at in (("first", markers[0]), ("middle", markers[len(markers) // 2]), ("last", markers[-1])):
        took = []
        for _ in range(30):
            began = time.perf_counter()
            kms.call(operation, Limit=100, **({"Marker": at} if at else {}))
            took.append((time.perf_counter() - began) * 1000)
        times[name] = statistics.median(took)
    return seen, times


folder = tempfile.mkdtemp(prefix="kms-keys-")
try:
    large = Side(os.path.join(folder, "large"), COUNT)
    small = Side(os.path.join(folder, "small"), 1)
    try:
        print(f"{COUNT} keys: start {large.start_s:.2f} s (from {large.fastest_s:.2f} to {large.slowest_s:.2f}), "
              f"{large.start_cpu_s:.2f} s of the processors "
              f"(one key {small.start_s:.2f} s, {small.start_cpu_s:.2f} s), "
              f"resident {large.rss_mib:.0f} MiB (one key {small.rss_mib:.0f} MiB)")
        for operation, member in (("ListKeys", "Keys"), ("ListAliases", "Aliases")):
            seen, times = page_times(large.kms, operation, member)
            assert seen == COUNT, seen
            one = page_times(small.kms, operation, member)[1]["first"]
            print(f"{operation}: a page of 100 takes {times['first']:.2f} ms at the beginning, {times['middle']:.2f} ms in the "
                  f"middle, {times['last']:.2f} ms at the end (a page of one key: {one:.2f} ms)")
        if shutil.which("wrk") is None:
            sys.exit("wrk is not installed")
        keys = large.keys(COUNT)
        one_of_many, in_turn, only = large.write_script(keys[:1]), large.write_script(keys), small.write_script(small.keys(1))
        rounds = []
        for _ in range(ROUNDS):
            rounds.append((large.measure(one_of_many), large.measure(in_turn), small.measure(only)))
        for column, name in enumerate((f"one of {COUNT} keys", f"{REQUESTS} of {COUNT} keys in turn")):
            for at, how in enumerate(("by the clock", "by kmsd's processor time")):
                ratios = sorted(each[column][at] / each[2][at] for each in rounds)
                print(f"Encrypt with {name}: {statistics.median(each[column][at] for each in rounds):.0f}/s {how}, ratio to the "
                      f"only key's {statistics.median(ratios):.2f} (from {ratios[0]:.2f} to {ratios[-1]:.2f})")
        print(f"resident afterwards {large.rss():.0f} MiB")
    finally:
        large.daemon.stop()
        small.daemon.stop()
finally:
    shutil.rmtree(folder, ignore_errors=True)
