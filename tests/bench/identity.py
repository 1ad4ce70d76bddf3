"""identity.py BINARY_DIR [SECONDS]: what a request costs kmsd that is signed by a session token, against the same request by a
long-lived access key: as a client sees it, over keep-alive, with the audit trail. bench_identity shows the part inside alone.

wrk sends one request, signed beforehand, over and over, by each caller in turn; what counts is the processor time that kmsd took for
each, which what else runs on the machine changes less than requests a second. Ratios are medians over rounds.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

BINARIES = sys.argv[1]
SECONDS = int(sys.argv[2]) if len(sys.argv) > 2 else 1
ROUNDS = int(os.environ.get("ROUNDS", 7))
REGION = "us-east-1"
ALLOW = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}]})

kmsd = subprocess.Popen([BINARIES + "/kmsd/kmsd", "dev", "--listen", "127.0.0.1:0", "--region", REGION, "--log-level", "error"],
                        stdout=subprocess.PIPE, text=True)
URL = next(found.group(1) for found in (re.search(r"listening on (http://\S+)", line) for line in kmsd.stdout) if found)


def connect(service, key_id="test", secret="test"):
    return boto3.client(service, endpoint_url=URL, region_name=REGION, aws_access_key_id=key_id, aws_secret_access_key=secret)


def callers():
    """A user, a session of it, and a session of a role with tags: credentials by name."""
    iam = connect("iam")
    user = iam.create_user(UserName="bench")["User"]["Arn"]
    key = iam.create_access_key(UserName="bench")["AccessKey"]
    iam.put_user_policy(UserName="bench", PolicyName="p", PolicyDocument=ALLOW)
    role = iam.create_role(RoleName="bench", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": user}, "Action": ["sts:AssumeRole", "sts:TagSession"]}]}))["Role"]["Arn"]
    iam.put_role_policy(RoleName="bench", PolicyName="p", PolicyDocument=ALLOW)
    sts = connect("sts", key["AccessKeyId"], key["SecretAccessKey"])
    tags = [{"Key": "team", "Value": "storage"}, {"Key": "project", "Value": "backup of everything"}]
    return {"long-lived key": key, "session of a user": sts.get_session_token()["Credentials"],
            "session of a role": sts.assume_role(RoleArn=role, RoleSessionName="nightly", Tags=tags)["Credentials"]}


def script(given, body):
    """A wrk script that sends one request again and again."""
    request = AWSRequest("POST", URL + "/", data=body, headers={
        "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "TrentService.Encrypt"})
    SigV4Auth(Credentials(given["AccessKeyId"], given["SecretAccessKey"], given.get("SessionToken")), "kms", REGION).add_auth(request)
    lines = ['wrk.method = "POST"', f"wrk.body = {json.dumps(body)}"]
    lines += [f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in request.headers.items()]
    lines.append("function done(summary) io.write(string.format(\"errors %d\\n\", summary.errors.status + summary.errors.connect)) end")
    out = tempfile.NamedTemporaryFile("w", suffix=".lua")
    out.write("\n".join(lines) + "\n")
    out.flush()
    return out


def processor_s():
    with open(f"/proc/{kmsd.pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cost_us(script_path):
    before = processor_s()
    out = subprocess.run(["wrk", "-t1", "-c16", f"-d{SECONDS}s", "-s", script_path, URL + "/"], check=True, capture_output=True, text=True).stdout
    if int(re.search(r"errors (\d+)", out).group(1)) != 0:
        sys.exit("wrk saw errors:\n" + out)
    return (processor_s() - before) * 1e6 / int(re.search(r"(\d+) requests in", out).group(1))


try:
    key_id = connect("kms").create_key()["KeyMetadata"]["KeyId"]
    body = json.dumps({"KeyId": key_id, "Plaintext": "A" * 43 + "="})
    scripts = {name: script(given, body) for name, given in callers().items()}
    costs = {name: [] for name in scripts}
    for _ in range(ROUNDS):
        for name, written in scripts.items():
            costs[name].append(cost_us(written.name))
    for name, measured in costs.items():
        ratios = sorted(ours / first for ours, first in zip(measured, costs["long-lived key"]))
        print(f"{name:18} {statistics.median(measured):6.1f} us of kmsd's processor time for an Encrypt, / long-lived key "
              f"{statistics.median(ratios):.2f} (from {ratios[0]:.2f} to {ratios[-1]:.2f})")
finally:
    kmsd.terminate()
    kmsd.wait(30)
