"""The audit trail of a whole daemon: kill -9 under load, tampering, a full disk, secrets, the AWS CLI.

After every kill the trail verifies, and every acknowledged change has its record. Nothing that a request
or an answer held in secret is in the trail.
"""

import base64
import http.server
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from daemon import REGION, Daemon, client, init_data_dir, kmsd  # noqa: E402
from tap import check, finish, skip  # noqa: E402

import boto3  # noqa: E402
import botocore.exceptions  # noqa: E402

ROUNDS = 200 if os.environ.get("KMS_TEST_LONG") == "1" else 8
SEED = int(os.environ.get("KMS_TEST_SEED", "0")) or random.SystemRandom().randrange(1 << 32)
KMSCTL = os.path.abspath(os.environ["KMSCTL"])


def verify(folder, *options):
    """Exit status and output of kmsctl audit verify."""
    done = subprocess.run([KMSCTL, "audit", "verify", folder, *options], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def export(folder):
    out = subprocess.run([KMSCTL, "audit", "export", folder], check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in out.splitlines()]


# --- kill -9 ----------------------------------------------------------------------------------------


def mutate(kms, acknowledged, lock, stop):
    """Makes keys and aliases and encrypts; notes the request ids of what was answered."""
    while not stop.is_set():
        made = kms.create_key()
        key = made["KeyMetadata"]["KeyId"]
        name = "alias/" + key
        answers = [("CreateKey", made)]
        answers.append(("CreateAlias", kms.create_alias(AliasName=name, TargetKeyId=key)))
        answers.append(("Encrypt", kms.encrypt(KeyId=key, Plaintext=b"x")))
        with lock:
            acknowledged.extend((n, a["ResponseMetadata"]["RequestId"]) for n, a in answers)


def run_mutator(*args):
    try:
        mutate(*args)
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
        pass  # the daemon was killed under this request


def kills(data, credentials):
    rng = random.Random(SEED)
    folder = os.path.join(data, "audit")
    acknowledged, lock = [], threading.Lock()
    for round_number in range(ROUNDS):
        daemon = Daemon(["run", "--data-dir", data])
        stop = threading.Event()
        workers = [threading.Thread(target=run_mutator, daemon=True,
                                    args=(client(daemon.url, credentials, retries=0), acknowledged, lock, stop))
                   for _ in range(3)]
        for worker in workers:
            worker.start()
        time.sleep(0.1 + rng.random() * 0.5)
        daemon.process.send_signal(signal.SIGKILL)
        daemon.process.wait()
        stop.set()
        for worker in workers:
            worker.join(30)
        daemon = Daemon(["run", "--data-dir", data])
        with check(f"kill -9, round {round_number}: {len(acknowledged)} acknowledged; the trail verifies"):
            assert daemon.stop() == 0
            status, output = verify(folder)
            assert status == 0, output
    recorded = {(r["eventName"], r["requestID"]) for r in export(folder) if "requestID" in r and "errorCode" not in r}
    with check("everything acknowledged has its record"):
        assert len(acknowledged) >= 3 * ROUNDS
        missing = [a for a in acknowledged if a not in recorded]
        assert not missing, f"{len(missing)} are missing, such as {missing[0]}"
    with check("the kills themselves are in the trail"):
        names = [r["eventName"] for r in export(folder)]
        assert names.count("StartService") == 2 * ROUNDS and names.count("StopService") == ROUNDS


# --- tampering --------------------------------------------------------------------------------------


def tampers(folder):
    """Copies of the trail, each altered in one way; the first bad record is named."""
    with open(os.path.join(folder, "trail-0000000001.jsonl"), "rb") as file:
        lines = file.read().splitlines(keepends=True)
    assert len(lines) > 20

    def flipped(copy):
        changed = bytearray(lines[8])
        changed[100] ^= 4
        return lines[:8] + [bytes(changed)] + lines[9:]

    cases = [
        ("a flipped bit", flipped, "record 8 was altered"),
        ("a removed line", lambda copy: lines[:5] + lines[6:], "record 5 is missing"),
        ("two lines swapped", lambda copy: lines[:5] + [lines[6], lines[5]] + lines[7:], "record 6 stands there"),
        ("a file cut off", lambda copy: lines[:12], "the file was cut off: records 12 to"),
        ("an added line", lambda copy: lines[:5] + [lines[4]] + lines[5:], "record 5 is missing or out of its place"),
    ]
    for name, change, expected in cases:
        with check(f"{name} is found and named"), tempfile.TemporaryDirectory() as copy:
            copied = shutil.copytree(folder, os.path.join(copy, "audit"))
            with open(os.path.join(copied, "trail-0000000001.jsonl"), "wb") as file:
                file.write(b"".join(change(copied)))
            status, output = verify(copied)
            assert status == 5 and expected in output, output
    with check("a removed file is found and named"), tempfile.TemporaryDirectory() as copy:
        copied = shutil.copytree(folder, os.path.join(copy, "audit"))
        os.remove(os.path.join(copied, "trail-0000000001.jsonl"))
        status, output = verify(copied)
        assert status == 5 and "trail-0000000001.jsonl: the file is missing" in output, output
    with check("a removed digest is found and named"), tempfile.TemporaryDirectory() as copy:
        copied = shutil.copytree(folder, os.path.join(copy, "audit"))
        path = os.path.join(copied, "trail-0000000001.digests")
        with open(path, "rb") as file:
            digests = file.read().splitlines(keepends=True)
        with open(path, "wb") as file:
            file.write(b"".join(digests[:1] + digests[2:]))
        status, output = verify(copied)
        assert status == 5 and "digest 2 is missing" in output, output
    with check("a trail that was replaced by its own past is found by its head"), tempfile.TemporaryDirectory() as copy:
        copied = shutil.copytree(folder, os.path.join(copy, "audit"))
        head = verify(folder)[1].split("head: ")[1].split()[0]
        path = os.path.join(copied, "trail-0000000001.digests")
        with open(path, "rb") as file:
            digests = file.read().splitlines(keepends=True)
        with open(path, "wb") as file:
            file.write(b"".join(digests[:-1]))
        last = json.loads(digests[-2])["last"]
        with open(os.path.join(copied, "trail-0000000001.jsonl"), "wb") as file:
            file.write(b"".join(lines[: last + 1]))
        assert verify(copied)[0] == 0
        status, output = verify(copied, "--head", head)
        assert status == 5 and "had been signed" in output, output


# --- secrets ----------------------------------------------------------------------------------------


def secrets(data, credentials):
    """Uses every kind of operation that has secrets in it and looks for each of them in the trail."""
    folder = os.path.join(data, "audit")
    daemon = Daemon(["run", "--data-dir", data])
    kms = client(daemon.url, credentials)
    found = [credentials["SecretAccessKey"].encode()]
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    signing = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    mac = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
    plaintext = os.urandom(48)
    blob = kms.encrypt(KeyId=key, Plaintext=plaintext, EncryptionContext={"shown": "in clear"})["CiphertextBlob"]
    moved = kms.re_encrypt(CiphertextBlob=blob, SourceEncryptionContext={"shown": "in clear"}, DestinationKeyId=key)["CiphertextBlob"]
    found += [plaintext, blob, moved, kms.decrypt(CiphertextBlob=moved)["Plaintext"]]
    made = kms.generate_data_key(KeyId=key, KeySpec="AES_256")
    found += [made["Plaintext"], made["CiphertextBlob"]]
    pair = kms.generate_data_key_pair(KeyId=key, KeyPairSpec="ECC_NIST_P256")
    found += [pair["PrivateKeyPlaintext"], pair["PrivateKeyCiphertextBlob"]]
    found.append(kms.generate_random(NumberOfBytes=32)["Plaintext"])
    message = os.urandom(64)
    signature = kms.sign(KeyId=signing, Message=message, SigningAlgorithm="ECDSA_SHA_256")["Signature"]
    kms.verify(KeyId=signing, Message=message, Signature=signature, SigningAlgorithm="ECDSA_SHA_256")
    tag = kms.generate_mac(KeyId=mac, Message=message, MacAlgorithm="HMAC_SHA_256")["Mac"]
    kms.verify_mac(KeyId=mac, Message=message, Mac=tag, MacAlgorithm="HMAC_SHA_256")
    found += [message, signature, tag]
    if hasattr(kms, "derive_shared_secret"):  # Debian 12's boto3 does not know it
        agreement = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")["KeyMetadata"]["KeyId"]
        public = kms.get_public_key(KeyId=agreement)["PublicKey"]
        found.append(kms.derive_shared_secret(KeyId=agreement, PublicKey=public, KeyAgreementAlgorithm="ECDH")["SharedSecret"])
    token = kms.create_grant(KeyId=key, GranteePrincipal="arn:aws:iam::111122223333:role/r",
                             Operations=["Encrypt", "RetireGrant"])["GrantToken"]
    kms.describe_key(KeyId=key, GrantTokens=[token])
    found.append(token.encode())
    aws = dict(endpoint_url=daemon.url, region_name=REGION, aws_access_key_id=credentials["AccessKeyId"],
               aws_secret_access_key=credentials["SecretAccessKey"])
    iam = boto3.client("iam", **aws)
    iam.create_user(UserName="alice")
    made = iam.create_access_key(UserName="alice")["AccessKey"]
    found.append(made["SecretAccessKey"].encode())
    aws.update(aws_access_key_id=made["AccessKeyId"], aws_secret_access_key=made["SecretAccessKey"])
    session = boto3.client("sts", **aws).get_session_token()["Credentials"]
    found += [session["SecretAccessKey"].encode(), session["SessionToken"].encode()]
    aws.update(aws_access_key_id=session["AccessKeyId"], aws_secret_access_key=session["SecretAccessKey"],
               aws_session_token=session["SessionToken"])
    boto3.client("sts", **aws).get_caller_identity()
    found.append(b"token-" + base64.b64encode(os.urandom(30)))
    form = urllib.parse.urlencode({
        "Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleArn": "arn:aws:iam::111122223333:role/none",
        "RoleSessionName": "s" * 100000, "WebIdentityToken": found[-1], "webidentitytoken": found[-1], "Unheard": found[-1] * 1000,
        "Policy": found[-1] * 500})
    try:
        urllib.request.urlopen(daemon.url, form.encode())
        raise AssertionError("should have been refused")
    except urllib.error.HTTPError as error:
        assert error.code == 400, error.code
    try:
        iam.get_user(UserName="nobody")
    except botocore.exceptions.ClientError:
        pass
    for wrong in (dict(CiphertextBlob=os.urandom(200)), dict(CiphertextBlob=blob)):  # refused: no context
        try:
            kms.decrypt(**wrong)
            raise AssertionError("should have been refused")
        except botocore.exceptions.ClientError:
            pass
    swapped = {"AccessKeyId": credentials["SecretAccessKey"], "SecretAccessKey": credentials["AccessKeyId"]}
    try:
        client(daemon.url, swapped, retries=0).list_keys()  # a secret where the id belongs
    except botocore.exceptions.ClientError:
        pass
    daemon.stop()
    trail = b""
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            trail += file.read()
    with check(f"none of {len(found)} secrets is in the trail, its spool or its index"):
        assert b"in clear" in trail and b'"eventName":"VerifyMac"' in trail
        for secret in found:
            forms = {secret, base64.b64encode(secret), base64.urlsafe_b64encode(secret).rstrip(b"="), secret.hex().encode()}
            for form in forms:
                assert form not in trail, f"{form[:12]}... is in it"
    with check("IAM and STS are in the trail, with who asked and how it ended"):
        trail = export(folder)
        made = next(r for r in trail if r["eventName"] == "CreateUser")
        assert made["eventSource"] == "iam.amazonaws.com" and made["readOnly"] is False
        assert made["requestParameters"] == {"userName": "alice"}, made["requestParameters"]
        assert made["resources"] == [{"accountId": "111122223333", "type": "AWS::IAM::User",
                                      "ARN": "arn:aws:iam::111122223333:user/alice"}], made["resources"]
        asked = next(r for r in trail if r["eventName"] == "GetCallerIdentity")
        assert asked["userIdentity"]["type"] == "IAMUser" and asked["userIdentity"]["userName"] == "alice"
        assert "creationDate" in asked["userIdentity"]["sessionContext"]["attributes"]
        assert next(r for r in trail if r["eventName"] == "GetUser")["errorCode"] == "NoSuchEntity"
    with check("an unsigned request leaves a small record, whatever it sends"):
        refused = [r for r in trail if r["eventName"] == "AssumeRoleWithWebIdentity"]
        assert len(refused) == 1 and refused[0]["userIdentity"]["type"] == "Unknown", refused
        assert set(refused[0]["requestParameters"]) == {"roleArn", "roleSessionName"}, refused[0]["requestParameters"].keys()
        assert refused[0]["resources"] == [{"accountId": "111122223333", "type": "AWS::IAM::Role",
                                            "ARN": "arn:aws:iam::111122223333:role/none"}], refused[0]["resources"]
        assert len(json.dumps(refused[0])) < 8192, len(json.dumps(refused[0]))
    with check("the token's grant is named, the token is not"):
        grant = next(r for r in export(folder) if r["eventName"] == "CreateGrant")
        assert set(grant["responseElements"]) == {"grantId"}, grant["responseElements"]


# --- what records say -------------------------------------------------------------------------------


def records(data, credentials):
    folder = os.path.join(data, "audit")
    daemon = Daemon(["run", "--data-dir", data])
    kms = client(daemon.url, credentials, retries=0)
    key = kms.create_key()["KeyMetadata"]["Arn"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    material = kms.generate_data_key(KeyId=key, KeySpec="AES_256").get("KeyMaterialId")
    for call in (lambda: kms.describe_key(KeyId="alias/none"),
                 lambda: kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=3),
                 lambda: client(daemon.url, {**credentials, "SecretAccessKey": "wrong"}, retries=0).list_keys()):
        try:
            call()
            raise AssertionError("should have been refused")
        except botocore.exceptions.ClientError:
            pass
    kms.decrypt(CiphertextBlob=blob)
    with check("LookupEvents through boto3, in pages"):
        trail = boto3.client("cloudtrail", endpoint_url=daemon.url, region_name=REGION,
                             aws_access_key_id=credentials["AccessKeyId"], aws_secret_access_key=credentials["SecretAccessKey"])
        pages = trail.get_paginator("lookup_events").paginate(
            LookupAttributes=[{"AttributeKey": "ResourceName", "AttributeValue": key}], PaginationConfig={"PageSize": 2})
        names = [event["EventName"] for page in pages for event in page["Events"]]
        assert names[:4] == ["Decrypt", "GenerateDataKey", "Encrypt", "CreateKey"], names
        event = trail.lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "Decrypt"}], MaxResults=1)["Events"][0]
        again = trail.lookup_events(LookupAttributes=[{"AttributeKey": "EventId", "AttributeValue": event["EventId"]}])["Events"]
        assert [e["EventId"] for e in again] == [event["EventId"]]
    with check("LookupEvents through the AWS CLI"):
        out = subprocess.run(["/usr/bin/aws", "--endpoint-url", daemon.url, "cloudtrail", "lookup-events", "--output", "json",
                              "--lookup-attributes", "AttributeKey=EventName,AttributeValue=CreateKey", "--max-items", "1"],
                             env={**os.environ, "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"], "AWS_DEFAULT_REGION": REGION,
                                  "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"]}, check=True, capture_output=True, text=True).stdout
        event = json.loads(out)["Events"][0]
        inner = json.loads(event["CloudTrailEvent"])
        assert event["Username"] == "root" and inner["eventName"] == "CreateKey" and inner["eventVersion"] == "1.11"
        assert inner["resources"][0]["ARN"] == key
    daemon.stop()
    trail = export(folder)

    def last(name, **having):
        return next(r for r in reversed(trail) if r["eventName"] == name and all(r.get(k) == v for k, v in having.items()))

    with check("a record of Encrypt has what CloudTrail's has"):
        record = last("Encrypt")
        assert record["userIdentity"]["type"] == "Root" and record["eventSource"] == "kms.amazonaws.com"
        assert record["requestParameters"] == {"keyId": key, "encryptionAlgorithm": "SYMMETRIC_DEFAULT"}
        assert record["responseElements"] is None and record["readOnly"] is True
        assert record["additionalEventData"]["keyMaterialId"] == material or material is None
        assert record["resources"] == [{"accountId": "111122223333", "type": "AWS::KMS::Key", "ARN": key}]
        assert record["eventType"] == "AwsApiCall" and record["eventCategory"] == "Management"
    with check("what was refused is recorded with its error"):
        assert last("DescribeKey")["errorCode"] == "NotFoundException"
        assert last("ScheduleKeyDeletion")["errorCode"] == "ValidationException"
        refused = last("ListKeys")
        assert refused["errorCode"] == "InvalidSignatureException" and refused["userIdentity"]["type"] == "Unknown"
        assert refused["userIdentity"]["accessKeyId"] == credentials["AccessKeyId"]


# --- the operator -----------------------------------------------------------------------------------


def operator(data):
    """What is done through the administration socket has its records, without the new secrets."""
    folder = os.path.join(data, "audit")
    daemon = Daemon(["run", "--data-dir", data])

    def admin(*words):
        done = subprocess.run([kmsd(), "admin", "--data-dir", data, *words], capture_output=True, text=True)
        return json.loads(done.stdout) if done.returncode == 0 else None

    account = admin("account", "create", "account=444455556666")
    again = admin("account", "create", "account=444455556666")
    user = admin("iam", "CreateUser", "UserName=olga", "account=444455556666")
    made = admin("iam", "CreateAccessKey", "UserName=olga", "account=444455556666")
    none = admin("iam", "DeleteUser", "UserName=nobody")
    daemon.stop()
    with check("what an operator does is in the trail, with who and what"):
        assert account and user and made and again is None and none is None
        trail = [r for r in export(folder) if "operatorUid" in r.get("serviceEventDetails", {})]
        assert [(r["eventName"], r.get("errorCode")) for r in trail] == [
            ("CreateAccount", None), ("CreateAccount", "EntityAlreadyExists"), ("CreateUser", None),
            ("CreateAccessKey", None), ("DeleteUser", "NoSuchEntity")], trail
        assert trail[0]["recipientAccountId"] == "444455556666" and trail[0]["eventType"] == "AwsServiceEvent"
        assert trail[2]["serviceEventDetails"] == {
            "action": "iam.CreateUser", "account": "444455556666", "operatorUid": os.geteuid(),
            "parameters": {"userName": "olga"}}, trail[2]
        assert trail[4]["serviceEventDetails"]["account"] == "111122223333"
    with check("and no secret of it"):
        text = json.dumps(export(folder))
        for secret in (account["SecretAccessKey"], made["AccessKey"]["SecretAccessKey"]):
            assert secret not in text


# --- a full disk ------------------------------------------------------------------------------------


def status_of(data):
    out = subprocess.run([kmsd(), "admin", "--data-dir", data, "status"], check=True, capture_output=True, text=True).stdout
    return json.loads(out)["audit"]


def health(daemon):
    out = subprocess.run(["curl", "-s", "-w", "%{http_code}", daemon.url + "/healthz"], capture_output=True, text=True).stdout
    return int(out[-3:]), out[:-3]


def encrypt(kms, key):
    """The HTTP status of an Encrypt, with a context that is long in the trail."""
    try:
        kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"pad": "x" * 8000})
        return 200
    except botocore.exceptions.ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"]


def full_disk(parent):
    """A small file system of its own, filled up, with either answer to it; then room is made."""
    point = os.path.join(parent, "disk")
    os.mkdir(point)
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "none", point],
                                           capture_output=True).returncode != 0:
        skip("a full disk", "a file system can be mounted by root alone")
        return
    try:
        for on_failure in ("refuse", "continue"):
            fill_disk(parent, point, on_failure)
    finally:
        subprocess.run(["umount", "--lazy", point], check=False)


def fill_disk(parent, point, on_failure):
    data = os.path.join(parent, "data-" + on_failure)
    folder = os.path.join(point, "audit")
    credentials = init_data_dir(data)
    config = os.path.join(parent, "audit.json")
    with open(config, "w") as file:
        json.dump({"audit": {"folder": folder, "on_failure": on_failure}}, file)
    daemon = Daemon(["run", "--data-dir", data, "--config", config])
    kms = client(daemon.url, credentials, retries=0)
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    filler = os.path.join(point, "filler")
    with open(filler, "wb") as file:
        try:
            while True:
                file.write(b"x" * 65536)
                file.flush()
        except OSError:
            pass
    if on_failure == "refuse":
        with check("a full disk refuses requests, and health says so"):
            refused = next((s for s in (encrypt(kms, key) for _ in range(400)) if s != 200), None)
            assert refused in (500, 503), refused
            assert health(daemon)[0] == 503 and not status_of(data)["writing"], health(daemon)
            assert encrypt(kms, key) == 503
    else:
        with check("or goes on without it if it is told to; health says so, and what is lost is counted"):
            deadline = time.monotonic() + 120
            while status_of(data)["lost"] < 5 and time.monotonic() < deadline:  # the spool is full before
                assert {encrypt(kms, key) for _ in range(50)} == {200}
            assert status_of(data)["lost"] >= 5 and health(daemon)[0] == 200 and "unrecorded" in health(daemon)[1], health(daemon)
    os.remove(filler)
    with check(f"it writes again when there is room, and the trail verifies ({on_failure})"):
        deadline = time.monotonic() + 20
        while not status_of(data)["writing"] and time.monotonic() < deadline:
            time.sleep(0.1)
        lost = status_of(data)["lost"]
        assert encrypt(kms, key) == 200 and health(daemon) == (200, "ok\n")
        assert daemon.stop() == 0
        told = [r["serviceEventDetails"]["records"] for r in export(folder) if r["eventName"] == "LoseRecords"]
        assert sum(told) == lost and (lost > 0) == (on_failure == "continue"), (told, lost)
        status, output = verify(folder)
        assert status == 0, output
    shutil.rmtree(folder)


# --- sinks ------------------------------------------------------------------------------------------


def webhook(parent):
    """A web hook gets every line; when it is away, requests go on and the trail has everything."""
    lines, fails = [], [2]

    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self):  # noqa: N802 - the library's name
            body = self.rfile.read(int(self.headers["Content-Length"]))
            fails[0] -= 1
            ok = fails[0] < 0  # the first two tries are refused: the same lines come again
            if ok:
                lines.extend(body.decode().splitlines())
            self.send_response(200 if ok else 503)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    data = os.path.join(parent, "data-hook")
    credentials = init_data_dir(data)
    config = os.path.join(parent, "hook.json")
    with open(config, "w") as file:
        json.dump({"audit": {"webhook": f"http://127.0.0.1:{server.server_port}/", "limits": {"sink_queue_bytes": 65536}}}, file)
    daemon = Daemon(["run", "--data-dir", data, "--config", config])
    kms = client(daemon.url, credentials)
    for _ in range(20):
        kms.list_keys()
    with check("a web hook gets every line, also after refusals"):
        deadline = time.monotonic() + 15
        while sum('"ListKeys"' in line for line in lines) < 20 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert sum('"ListKeys"' in line for line in lines) == 20, len(lines)
    server.shutdown()
    server.server_close()
    for _ in range(150):  # more than may wait
        kms.list_keys()
    with check("a web hook that is away holds nothing up, and its loss is counted"):
        assert daemon.stop() == 0
        assert "does not keep up" in daemon.output(), daemon.output()
        folder = os.path.join(data, "audit")
        assert verify(folder)[0] == 0
        assert sum(r["eventName"] == "ListKeys" for r in export(folder)) == 170


def system_log(parent):
    """The system's log gets every line while somebody listens; what comes while nobody does waits, within bounds."""
    path = os.path.join(parent, "log")
    data = os.path.join(parent, "data-log")
    credentials = init_data_dir(data)
    config = os.path.join(parent, "log.json")
    with open(config, "w") as file:
        json.dump({"audit": {"syslog": path, "limits": {"sink_queue_bytes": 65536}}}, file)
    daemon = Daemon(["run", "--data-dir", data, "--config", config])
    kms = client(daemon.url, credentials)
    kms.list_keys()
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    log.settimeout(20)
    log.bind(path)

    def take(wanted):
        lines = []
        while sum('"ListKeys"' in line for line in lines) < wanted:
            lines.append(log.recv(1 << 20).decode())
        return lines

    with check("the system's log gets every line, those too that were before somebody listened"):
        line = take(1)[-1]
        head, _, record = line.partition(": ")
        assert re.fullmatch(r"<86>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d kmsd-audit\[\d+\]", head), head
        assert json.loads(record)["eventName"] == "ListKeys" and "hash" in json.loads(record)["trail"]
        for _ in range(30):
            kms.list_keys()
        assert all(line.startswith("<86>") for line in take(30))
    log.close()
    os.unlink(path)
    for _ in range(150):  # more than may wait
        kms.list_keys()
    with check("when nobody listens any more nothing is held up, and the loss is counted"):
        status = status_of(data)
        assert status["lost_to_sinks"] > 0 and status["sent_to_sinks"] >= 31 and status["lost"] == 0, status
        assert daemon.stop() == 0
        assert "the audit sink syslog does not keep up" in daemon.output(), daemon.output()
        assert sum(r["eventName"] == "ListKeys" for r in export(os.path.join(data, "audit"))) == 181


def long_records(parent):
    """The system's log gets the longest records whole, each in one datagram, also those that exceed a socket's ordinary buffer."""
    path = os.path.join(parent, "long-log")
    data = os.path.join(parent, "data-long-log")
    credentials = init_data_dir(data)
    config = os.path.join(parent, "long-log.json")
    with open(config, "w") as file:
        json.dump({"audit": {"syslog": path}}, file)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.settimeout(20)
        log.bind(path)
        daemon = Daemon(["run", "--data-dir", data, "--config", config])
        kms = client(daemon.url, credentials)
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        for count in range(1, 8):  # six times as much in JSON
            kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={f"{i}" + "\x01" * 3000: "\x01" * 3000 for i in range(count)})
        with check("the system's log gets long records whole"):
            lines = []
            while sum('"Encrypt"' in line for line in lines) < 7:
                lines.append(log.recv(1 << 20).decode().partition(": ")[2])
            assert daemon.stop() == 0
            with open(os.path.join(data, "audit", "trail-0000000001.jsonl")) as file:
                records = file.read().split("\n")[1:-1]
            encrypts = [record for record in records if '"Encrypt"' in record]
            assert [line for line in lines if '"Encrypt"' in line] == encrypts
            assert 250000 < max(map(len, encrypts)), [len(record) for record in encrypts]


def main():
    print(f"# seed {SEED}, {ROUNDS} rounds")
    with tempfile.TemporaryDirectory() as parent:
        data = os.path.join(parent, "data")
        credentials = init_data_dir(data)
        kills(data, credentials)
        tampers(os.path.join(data, "audit"))
        secrets(data, credentials)
        records(data, credentials)
        operator(data)
        full_disk(parent)
        webhook(parent)
        system_log(parent)
        long_records(parent)
    finish()


main()
