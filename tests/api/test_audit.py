"""Who did what, as the trail has it: each kind of caller, whatever is refused, what kmsd does by itself, and text that
would be a record of its own."""

import base64
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import boto3  # noqa: E402
from botocore import UNSIGNED  # noqa: E402
from botocore.config import Config  # noqa: E402
from botocore.credentials import Credentials  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import padding, rsa  # noqa: E402
from daemon import ACCOUNT, REGION, Daemon, kmsd  # noqa: E402
from kms import Kms, b64  # noqa: E402
from tap import check, finish  # noqa: E402
from wire import send, sign  # noqa: E402

os.environ.pop("AWS_ENDPOINT_URL", None)
IAM = f"arn:aws:iam::{ACCOUNT}:"
STS = f"arn:aws:sts::{ACCOUNT}:"
ISSUER = "https://issuer.example/realm"
folder = tempfile.TemporaryDirectory(prefix="audit-")
DATA = os.path.join(folder.name, "data")
TRAIL = os.path.join(DATA, "audit")
SOCKET = os.path.join(DATA, "admin.sock")
root = json.loads(subprocess.run(
    [kmsd(), "init", "--data-dir", DATA, "--account-id", ACCOUNT, "--region", REGION, "--region", "us-west-2", "--output", "json"],
    check=True, capture_output=True, text=True).stdout)
daemon = None


def start(config):
    global daemon
    path = os.path.join(folder.name, "config.json")
    with open(path, "w") as file:
        json.dump(config, file)
    daemon = Daemon(["run", "--data-dir", DATA, "--config", path])


def connect(service, credentials=None, region=REGION, **more):
    keys = {} if credentials is None else {
        "aws_access_key_id": credentials["AccessKeyId"], "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials.get("SessionToken")}
    config = Config(retries={"total_max_attempts": 1}, signature_version=UNSIGNED if credentials is None else None)
    return boto3.client(service, endpoint_url=daemon.url, region_name=region, config=config, **keys, **more)


def admin(*words):
    done = subprocess.run([kmsd(), "admin", "--socket", SOCKET, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def kmsctl(*words):
    done = subprocess.run([os.environ["KMSCTL"], *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def export(*words):
    return [json.loads(line) for line in kmsctl("audit", "export", TRAIL, *words).split("\n")[:-1]]


def wait_for(wanted):
    """The records once there are some like that: they are in the file some milliseconds after the answer."""
    deadline = time.monotonic() + 20
    while True:
        records = export()
        if any(wanted(record) for record in records) or time.monotonic() > deadline:
            return records
        time.sleep(0.02)


def record_of(answer):
    """The one record of a request, by the id in its answer."""
    metadata = getattr(answer, "response", answer)["ResponseMetadata"]
    found = [r for r in wait_for(lambda r: r.get("requestID") == metadata["RequestId"])
             if r.get("requestID") == metadata["RequestId"]]
    assert len(found) == 1, found
    return found[0]


def refusal(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        return error
    raise AssertionError("it was not refused")


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


# --- who --------------------------------------------------------------------------------------------


def identities():
    iam = connect("iam", root)
    iam.create_user(UserName="ann")
    ann = iam.create_access_key(UserName="ann")["AccessKey"]
    iam.put_user_policy(UserName="ann", PolicyName="all", PolicyDocument=document(
        {"Effect": "Allow", "Action": ["kms:*", "sts:*"], "Resource": "*"}))
    iam.create_role(RoleName="app", AssumeRolePolicyDocument=document(
        {"Effect": "Allow", "Principal": {"AWS": IAM + "user/ann"}, "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"]}))
    iam.put_role_policy(RoleName="app", PolicyName="all", PolicyDocument=document(
        {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}))
    with check("the account's root"):
        who = record_of(connect("kms", root).list_keys())["userIdentity"]
        assert who == {"type": "Root", "principalId": ACCOUNT, "arn": IAM + "root", "accountId": ACCOUNT,
                       "accessKeyId": root["AccessKeyId"]}, who
    with check("an IAM user"):
        who = record_of(connect("kms", ann).list_keys())["userIdentity"]
        assert who.pop("principalId").startswith("AIDA")
        assert who == {"type": "IAMUser", "arn": IAM + "user/ann", "accountId": ACCOUNT, "accessKeyId": ann["AccessKeyId"],
                       "userName": "ann"}, who
    with check("a session of a user"):
        session = connect("sts", ann).get_session_token()["Credentials"]
        who = record_of(connect("kms", session).list_keys())["userIdentity"]
        assert who["type"] == "IAMUser" and who["accessKeyId"] == session["AccessKeyId"]
        assert set(who["sessionContext"]["attributes"]) == {"creationDate", "mfaAuthenticated"}, who
    with check("an assumed role, with who issued the session and its source identity"):
        answer = connect("sts", ann).assume_role(RoleArn=IAM + "role/app", RoleSessionName="tuesday", SourceIdentity="ann.person")
        asked = record_of(answer)
        assert asked["userIdentity"]["userName"] == "ann" and asked["eventSource"] == "sts.amazonaws.com"
        assert asked["requestParameters"]["roleSessionName"] == "tuesday"
        who = record_of(connect("kms", answer["Credentials"]).list_keys())["userIdentity"]
        context = who.pop("sessionContext")
        assert who["type"] == "AssumedRole" and who["arn"] == STS + "assumed-role/app/tuesday", who
        assert who["principalId"].endswith(":tuesday") and who["accessKeyId"] == answer["Credentials"]["AccessKeyId"], who
        issuer = context["sessionIssuer"]
        assert issuer["principalId"] == who["principalId"].split(":")[0]
        assert {k: issuer[k] for k in ("type", "arn", "accountId", "userName")} == {
            "type": "Role", "arn": IAM + "role/app", "accountId": ACCOUNT, "userName": "app"}, issuer
        assert context["attributes"]["mfaAuthenticated"] == "false" and context["sourceIdentity"] == "ann.person", context
    return ann


def web_identity():
    key = rsa.generate_private_key(65537, 2048)
    numbers = key.public_key().public_numbers()
    jwks = os.path.join(folder.name, "jwks.json")
    with open(jwks, "w") as out:
        json.dump({"keys": [{"kty": "RSA", "kid": "k", "use": "sig", "e": b64url(numbers.e.to_bytes(3, "big")),
                             "n": b64url(numbers.n.to_bytes(256, "big"))}]}, out)
    admin("iam", "CreateOpenIDConnectProvider", "Url=" + ISSUER, "ClientIDList.member.1=kms", "Jwks=@" + jwks)
    provider = IAM + "oidc-provider/issuer.example/realm"
    iam = connect("iam", root)
    iam.create_role(RoleName="web", AssumeRolePolicyDocument=document(
        {"Effect": "Allow", "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithWebIdentity"}))
    now = int(time.time())
    said = {"iss": ISSUER, "sub": "system:pod", "aud": "kms", "iat": now, "exp": now + 600}
    data = ".".join(b64url(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT", "kid": "k"}, said))
    token = data + "." + b64url(key.sign(data.encode(), padding.PKCS1v15(), hashes.SHA256()))
    answer = connect("sts").assume_role_with_web_identity(RoleArn=IAM + "role/web", RoleSessionName="pod", WebIdentityToken=token)
    with check("a web identity, while it becomes a role"):
        record = record_of(answer)
        who = record["userIdentity"]
        assert who["type"] == "WebIdentityUser" and who["userName"] == "system:pod", who
        assert who["identityProvider"] == provider and who["principalId"].endswith(":kms:system:pod"), who
        assert token not in json.dumps(record)
    with check("and as that role"):
        who = record_of(refusal(connect("kms", answer["Credentials"]).list_keys))["userIdentity"]
        assert who["type"] == "AssumedRole" and who["arn"] == STS + "assumed-role/web/pod", who
        assert who["sessionContext"]["webIdFederationData"]["federatedProvider"] == provider, who


# --- what is refused --------------------------------------------------------------------------------


def refusals(ann):
    iam = connect("iam", root)
    iam.create_user(UserName="bob")
    bob = iam.create_access_key(UserName="bob")["AccessKey"]
    key = connect("kms", root).create_key()["KeyMetadata"]["Arn"]
    with check("denied: with who, what, and the resource"):
        record = record_of(refusal(connect("kms", bob).encrypt, KeyId=key, Plaintext=b"x"))
        assert record["errorCode"] == "AccessDenied" and "kms:Encrypt" in record["errorMessage"], record
        assert record["userIdentity"]["userName"] == "bob" and record["resources"][0]["ARN"] == key
        assert record["requestParameters"]["keyId"] == key and record["responseElements"] is None

    def sent(body, headers=None, target="TrentService.Encrypt", method="POST", path="/"):
        head = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target, **(headers or {})}
        head = sign("/", head, body, credentials=Credentials(root["AccessKeyId"], root["SecretAccessKey"]), region=REGION,
                    endpoint=daemon.url)
        answer = send(method, path, head, body, endpoint=daemon.url)
        return record_of({"ResponseMetadata": {"RequestId": answer.headers["x-amzn-RequestId"]}})

    with check("malformed: no JSON, a wrong type, a value out of bounds"):
        for body, code in ((b"{", "SerializationException"), (b'{"KeyId": 5}', "SerializationException"),
                           (b'{"KeyId": "x"}', "ValidationException")):
            record = sent(body)
            assert record["errorCode"] == code and record["eventName"] == "Encrypt", record
            assert record["userIdentity"]["type"] == "Root" and record["requestParameters"] is None
    with check("unknown: an operation that there is not, a path, a method"):
        for more in ({"target": "TrentService.Fly"}, {"path": "/x"}, {"method": "PUT"}):
            record = sent(b"{}", **more)
            assert record["eventName"] == "UnknownOperation" and record["errorCode"] == "UnknownOperationException", record
            assert record["userIdentity"] == {"type": "Unknown", "accessKeyId": root["AccessKeyId"]}, record
    with check("too large"):
        record = sent(b"{" + b" " * 500000 + b"}")
        assert record["errorCode"] == "RequestEntityTooLargeException", record
    with check("unsigned"):
        answer = send("POST", "/", {"X-Amz-Target": "TrentService.ListKeys", "Content-Type": "application/x-amz-json-1.1"}, b"{}",
                      endpoint=daemon.url)
        record = record_of({"ResponseMetadata": {"RequestId": answer.headers["x-amzn-RequestId"]}})
        assert record["errorCode"] == "MissingAuthenticationTokenException" and record["userIdentity"] == {"type": "Unknown"}

    def generate(outcomes):
        try:
            answer = connect("kms", ann).generate_data_key_pair(KeyId=key, KeyPairSpec="RSA_4096")
        except ClientError as error:
            answer = error.response
        outcomes.append((answer.get("Error", {}).get("Code"), answer))

    with check("throttled"):
        outcomes = []
        threads = [threading.Thread(target=generate, args=(outcomes,)) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {code for code, _ in outcomes} == {None, "ThrottlingException"}, outcomes
        for code, answer in outcomes:
            record = record_of(answer)
            assert record.get("errorCode") == code and record["userIdentity"]["userName"] == "ann", record
            assert record["eventName"] == "GenerateDataKeyPair"


# --- text that would be more ------------------------------------------------------------------------


def hostile_text():
    kms = connect("kms", root)
    forged = '"}\n{"eventVersion":"1.11","eventName":"Forged","trail":{"number":1,"written":"2026-01-01T00:00:00.000Z","hash":"' \
        + "0" * 64 + '"}}\n'
    strange = "\u2028\u0085\x7f\x01\t\\u0022,\\\"" + "\U0001f511"
    before = len(export())
    with check("text with quotes and newlines stays in its place"):
        answer = kms.create_key(Description=forged + strange)
        record = record_of(answer)
        assert record["requestParameters"]["description"] == forged + strange
        key = answer["KeyMetadata"]["KeyId"]
        context = {forged: strange, strange: forged}
        assert record_of(kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=context))["requestParameters"][
            "encryptionContext"] == context
        assert record_of(kms.tag_resource(KeyId=key, Tags=[{"TagKey": "k", "TagValue": "a b"}]))["eventName"] == "TagResource"

    def raw(agent):
        body = b"{}"
        head = sign("/", {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "TrentService.ListKeys"}, body,
                    credentials=Credentials(root["AccessKeyId"], root["SecretAccessKey"]), region=REGION, endpoint=daemon.url)
        lines = b"".join(f"{n}: {v if isinstance(v, str) else v.decode()}\r\n".encode() for n, v in head.items())
        host = daemon.url.split("//")[1]
        with socket.create_connection(host.split(":")) as connection:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: " + host.encode() + b"\r\nUser-Agent: " + agent
                               + b"\r\nContent-Length: 2\r\nConnection: close\r\n" + lines + b"\r\n" + body)
            answer = b""
            while data := connection.recv(65536):
                answer += data
        assert answer.startswith(b"HTTP/1.1 200"), answer
        request_id = answer.split(b"x-amzn-RequestId: ")[1].split(b"\r\n")[0].decode()
        return record_of({"ResponseMetadata": {"RequestId": request_id}})

    with check("a user agent with quotes, escapes and bytes that are no UTF-8"):
        assert raw(b'a"},{"x\\": "\\u0000')["userAgent"] == 'a"},{"x\\": "\\u0000'
        assert raw(b"\xff\xc3(\xed\xa0\x80ok\xf0\x9f\x94\x91")["userAgent"].endswith("ok\U0001f511")
    with check("a long user agent is cut, a large request leaves a record that says so"):
        assert raw(b"a" * 6000)["userAgent"] == "a" * 2048
        policy = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
        policy["Statement"][0]["Sid"] = "s"
        policy["Statement"] += [{"Sid": f"s{i}", "Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "kms:Sign", "Resource": "*",
                                 "Condition": {"StringEquals": {"aws:RequestTag/x": "\u0001" * 20}}} for i in range(100)]
        record = record_of(kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(policy)))
        assert json.loads(record["requestParameters"]["policy"]) == policy
        context = {f"{i:04}" + "\u0001" * 3000: "\u0001" * 3000 for i in range(8)}  # six times as much in JSON
        record = record_of(kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=context))
        assert record["requestParameters"] == {"omitted": "larger than a record may be"}, str(record)[:200]
        assert record["resources"][0]["ARN"].endswith(key)
    with check("and nothing of it is a record of its own"):
        assert not [r for r in export()[before:] if r["eventName"] == "Forged"]
        assert "sound" in kmsctl("audit", "verify", TRAIL)


# --- what kmsd does by itself -----------------------------------------------------------------------


def own_events():
    kms = connect("kms", root)
    key = kms.create_key(MultiRegion=True)["KeyMetadata"]
    material = kms.generate_data_key(KeyId=key["KeyId"], KeySpec="AES_256")
    material = record_of(material)["additionalEventData"]["keyMaterialId"]
    kms.replicate_key(KeyId=key["KeyId"], ReplicaRegion="us-west-2")
    Kms(daemon.url, REGION, root["AccessKeyId"], root["SecretAccessKey"]).call(  # Debian 12's boto3 does not know it
        "RotateKeyOnDemand", KeyId=key["KeyId"])

    def of(name):
        return [r for r in export("--operation", name) if r["eventType"] == "AwsServiceEvent"]

    with check("replication and rotation on demand"):
        wait_for(lambda r: r["eventName"] == "RotateKey")
        synchronized, rotated = of("SynchronizeMultiRegionKey"), of("RotateKey")
        assert len(synchronized) == 2 and len(rotated) == 1, (synchronized, rotated)
        for record in (*synchronized, *rotated):
            assert record["resources"] == [{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": key["Arn"]}]
            assert record["userIdentity"] == {"accountId": ACCOUNT, "invokedBy": "AWS Internal"}, record
            assert record["awsRegion"] == REGION and record["readOnly"] is False and "requestID" not in record
        details = rotated[0]["serviceEventDetails"]
        assert details.pop("currentKeyMaterialId") != material
        assert details == {"keyId": key["KeyId"], "rotationType": "ON_DEMAND", "keyOrigin": "AWS_KMS",
                           "previousKeyMaterialId": material}, details
    with check("start, with the configuration"):
        started = of("StartService")
        assert len(started) == 1 and started[0]["serviceEventDetails"]["configuration"]["limits"]["max_body_bytes"] == 400000
        assert not of("ChangeConfiguration")
    return key


def restarted(key):
    daemon.stop()
    hook = "http://127.0.0.1:9/secret-path"
    start({"limits": {"max_body_bytes": 131072}, "audit": {"sync": "always", "webhook": hook}})
    daemon.stop()
    with check("stop, start again, and what changed in the configuration between them"):
        names = [r["eventName"] for r in export() if r["eventName"] in ("StartService", "StopService", "ChangeConfiguration")]
        assert names == ["StartService", "StopService", "StartService", "ChangeConfiguration", "StopService"], names
        details = export("--operation", "ChangeConfiguration")[0]["serviceEventDetails"]
        assert {"limits.max_body_bytes", "limits.generator_threads", "audit.sync", "audit.webhook"} <= set(details["changed"])
        assert details["before"]["limits"]["max_body_bytes"] == 400000 and details["after"]["audit"]["sync"] == "always"
        assert details["after"]["audit"]["webhook"] == "http://127.0.0.1:9" and "secret-path" not in json.dumps(details)
    with check("records by key, principal, operation, error and time"):
        everything = export()

        def same(found, wanted):
            assert found == [r for r in everything if wanted(r)] and found, (len(found), sum(map(wanted, everything)))

        same(export("--key", key["KeyId"]), lambda r: any(x["ARN"].endswith(key["KeyId"]) for x in r["resources"]))
        same(export("--principal", "ann"), lambda r: r["userIdentity"].get("userName") == "ann")
        same(export("--principal", IAM + "user/bob"), lambda r: r["userIdentity"].get("arn") == IAM + "user/bob")
        same(export("--operation", "Encrypt", "--error", "*"), lambda r: r["eventName"] == "Encrypt" and "errorCode" in r)
        same(export("--error", "ThrottlingException"), lambda r: r.get("errorCode") == "ThrottlingException")
        moment = everything[len(everything) // 2]["eventTime"]
        same(export("--since", moment), lambda r: r["eventTime"] >= moment)
        same(export("--until", moment), lambda r: r["eventTime"] <= moment)
        rows = json.loads(kmsctl("--output", "json", "audit", "lookup", TRAIL, "--error", "*", "-n", "5"))["Records"]
        assert [r["Record"] for r in rows] == [r for r in everything if "errorCode" in r][:-6:-1]
        rows = json.loads(kmsctl("--output", "json", "audit", "tail", TRAIL, "-n", "3"))["Records"]
        assert [r["Record"] for r in rows] == everything[-3:]


def expiry(url):
    """Imported material that expires by that clock: one record for each, in the trail and by look-up."""
    home, away = Kms(url, REGION), Kms(url, "us-west-2")
    began = admin("time", "show")["NowMs"] / 1000
    materials = os.urandom(32), os.urandom(32)

    def bring(kms, key, material, days, **more):
        given = kms.call("GetParametersForImport", KeyId=key["Arn"], WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048")
        public = serialization.load_der_public_key(base64.b64decode(given["PublicKey"]))
        wrapped = public.encrypt(material, padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
        return kms.call("ImportKeyMaterial", KeyId=key["Arn"], ImportToken=given["ImportToken"], EncryptedKeyMaterial=b64(wrapped),
                        ExpirationModel="KEY_MATERIAL_EXPIRES", ValidTo=began + days * 86400, **more).get("KeyMaterialId")

    def look_up(key, name, value):
        cloudtrail = boto3.client("cloudtrail", endpoint_url=url, region_name=key["Arn"].split(":")[3],
                                  aws_access_key_id="test", aws_secret_access_key="test")
        events = cloudtrail.lookup_events(LookupAttributes=[{"AttributeKey": name, "AttributeValue": value}])["Events"]
        return [event for event in reversed(events) if event["EventName"] == "DeleteExpiredKeyMaterial"]

    def told(key):
        """What the records of a key's expiries tell of the material, the oldest first."""
        _, _, _, region, account, _ = key["Arn"].split(":")
        events = look_up(key, "ResourceName", key["Arn"])  # which puts all records into the file
        records = [r for r in export("--operation", "DeleteExpiredKeyMaterial") if r["resources"][0]["ARN"] == key["Arn"]]
        assert events == look_up(key, "EventName", "DeleteExpiredKeyMaterial")
        assert [json.loads(event["CloudTrailEvent"]) for event in events] == records, (events, records)
        for event, record in zip(events, records):
            assert event["EventId"] == record["eventID"] and event["EventSource"] == "kms.amazonaws.com", event
            assert event["ReadOnly"] == "false" and "AccessKeyId" not in event, event
            assert event["Resources"] == [{"ResourceType": "AWS::KMS::Key", "ResourceName": key["Arn"]}], event
            assert {k: v for k, v in record.items() if k not in ("eventID", "eventTime", "serviceEventDetails", "trail")} == {
                "eventVersion": "1.11", "userIdentity": {"accountId": account, "invokedBy": "AWS Internal"},
                "eventSource": "kms.amazonaws.com", "eventName": "DeleteExpiredKeyMaterial", "awsRegion": region,
                "sourceIPAddress": "AWS Internal", "userAgent": "AWS Internal", "requestParameters": None, "responseElements": None,
                "readOnly": False, "resources": [{"accountId": account, "type": "AWS::KMS::Key", "ARN": key["Arn"]}],
                "eventType": "AwsServiceEvent", "managementEvent": True, "recipientAccountId": account,
                "eventCategory": "Management"}, record
            assert record["serviceEventDetails"].pop("keyId") == key["KeyId"], record
        return [record["serviceEventDetails"] for record in records]

    key = home.call("CreateKey", Origin="EXTERNAL")["KeyMetadata"]
    mac = away.call("CreateKey", Origin="EXTERNAL", KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]
    first = {"keyMaterialId": bring(home, key, materials[0], 2)}
    second = {"keyMaterialId": bring(home, key, materials[1], 3, ImportType="NEW_KEY_MATERIAL")}
    bring(away, mac, materials[0], 2)
    with check("expiry of the one material of a key, and not of the other"):
        assert told(key) == [] and told(mac) == []
        admin("time", "advance", "days:=2")
        assert told(key) == [first]
        admin("time", "advance", "days:=1")
        assert told(key) == [first, second]
    with check("expiry of material that has no id, in its key's region"):
        assert told(mac) == [{}]
    with check("expiry of two materials at once, which had expired before"):
        for material in materials:
            bring(home, key, material, 5)
        admin("time", "advance", "days:=2")
        assert told(key) == [first, second, first, second]


def over_time():
    """Deletion, expiry and rotation, by a clock that is moved."""
    global SOCKET, TRAIL
    SOCKET, TRAIL = os.path.join(folder.name, "dev.sock"), os.path.join(folder.name, "dev-trail")
    path = os.path.join(folder.name, "dev.json")
    with open(path, "w") as file:
        json.dump({"audit": {"folder": TRAIL, "limits": {"retention_days": 0}}}, file)
    people = os.path.join(folder.name, "people.json")
    with open(people, "w") as file:
        json.dump({"Services": [{"Service": "backup.example.internal", "AccessKeys": [
                       {"AccessKeyId": "AKIASERVICE", "SecretAccessKey": "a secret of a service"}]}],
                   "Roots": [{"Account": "444455556666", "AccessKeys": [
                       {"AccessKeyId": "AKIAOTHER", "SecretAccessKey": "a secret of another account"}]}]}, file)
    dev = Daemon(["dev", "--virtual-clock", "--admin-socket", SOCKET, "--config", path, "--identities", people])
    kms = boto3.client("kms", endpoint_url=dev.url, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")
    gone = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.schedule_key_deletion(KeyId=gone, PendingWindowInDays=7)
    others = {name: boto3.client("kms", endpoint_url=dev.url, region_name=REGION, aws_access_key_id=key, aws_secret_access_key=secret)
              for name, key, secret in (("service", "AKIASERVICE", "a secret of a service"),
                                        ("account", "AKIAOTHER", "a secret of another account"))}
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    with check("a service"):
        record = record_of(refusal(others["service"].encrypt, KeyId=arn, Plaintext=b"x"))
        assert record["userIdentity"] == {"type": "AWSService", "accessKeyId": "AKIASERVICE",
                                          "invokedBy": "backup.example.internal"}, record["userIdentity"]
        assert record["errorCode"] == "AccessDenied" and record["recipientAccountId"] == arn.split(":")[4], record
    with check("another account, whose try the owner of the key sees"):
        record = record_of(refusal(others["account"].encrypt, KeyId=arn, Plaintext=b"x"))
        assert record["userIdentity"]["accountId"] == record["recipientAccountId"] == "444455556666"
        assert record["resources"] == [{"accountId": arn.split(":")[4], "type": "AWS::KMS::Key", "ARN": arn}]
        seen = boto3.client("cloudtrail", endpoint_url=dev.url, region_name=REGION, aws_access_key_id="test",
                            aws_secret_access_key="test").lookup_events(LookupAttributes=[
                                {"AttributeKey": "EventId", "AttributeValue": record["eventID"]}])["Events"]
        assert [json.loads(event["CloudTrailEvent"])["requestID"] for event in seen] == [record["requestID"]]
    turning = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.enable_key_rotation(KeyId=turning)
    admin("time", "advance", "days:=8")
    admin("time", "advance", "days:=400")
    expiry(dev.url)
    dev.stop()
    with check("deletion and rotation when their time has come"):
        own = [(r["eventName"], r["serviceEventDetails"]) for r in export() if "keyId" in r.get("serviceEventDetails", {})]
        assert own[0] == ("DeleteKey", {"keyId": gone}), own
        assert own[1][0] == "RotateKey" and own[1][1]["keyId"] == turning and own[1][1]["rotationType"] == "AUTOMATIC", own


def over_tls():
    certificate, key = os.path.join(folder.name, "cert.pem"), os.path.join(folder.name, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True)
    start({"tls": {"certificate_file": certificate, "key_file": key}})
    for version, expected in ((ssl.TLSVersion.TLSv1_3, {"TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256",
                                                        "TLS_CHACHA20_POLY1305_SHA256"}), (ssl.TLSVersion.TLSv1_2, {None})):
        with check(f"the connection's {version.name}"):
            context = ssl.create_default_context(cafile=certificate)
            context.minimum_version = context.maximum_version = version
            host, port = daemon.url.split("//")[1].split(":")
            with socket.create_connection((host, port)) as plain, context.wrap_socket(plain, server_hostname=host) as connection:
                connection.sendall(f"POST / HTTP/1.1\r\nHost: kms.test:{port}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
                answer = b""
                while data := connection.recv(65536):
                    answer += data
            request_id = answer.split(b"x-amzn-RequestId: ")[1].split(b"\r\n")[0].decode()
            details = record_of({"ResponseMetadata": {"RequestId": request_id}})["tlsDetails"]
            assert details.pop("cipherSuite", None) in expected, details
            assert details == {"tlsVersion": version.name.replace("_", "."), "clientProvidedHostHeader": f"kms.test:{port}"}, details
    daemon.stop()


start({"limits": {"max_body_bytes": 400000, "generator_threads": 1, "generator_queue": 2}})
try:
    user = identities()
    web_identity()
    refusals(user)
    hostile_text()
    restarted(own_events())
    over_tls()
    over_time()
finally:
    daemon.process.kill()
finish()
