"""Time through the whole daemon: `kmsd dev --virtual-clock`, moved by `kmsd admin time`."""

import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import padding  # noqa: E402
from daemon import Daemon, init_data_dir, kmsd  # noqa: E402
from kms import Kms, b64  # noqa: E402
from tap import check, finish  # noqa: E402

DAY = 86400
folder = tempfile.mkdtemp(prefix="time-")
SOCKET = os.path.join(folder, "socket")


def admin(*words, socket=SOCKET):
    done = subprocess.run([kmsd(), "admin", "--socket", socket, *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def refused(*words, socket=SOCKET):
    try:
        admin(*words, socket=socket)
    except RuntimeError as error:
        return str(error)
    raise AssertionError(f"{words} succeeded")


def now():
    return admin("time", "show")["NowMs"] / 1000


daemon = Daemon(["dev", "--virtual-clock", "--admin-socket", SOCKET])
kms = Kms(daemon.url)
try:
    with check("the hour can be shown, set and moved, within bounds"):
        assert admin("time", "set", "time=2031-02-03T04:05:06Z")["Now"].startswith("2031-02-03T04:05:0")
        before = now()
        assert 10 * DAY <= admin("time", "advance", "days:=10")["NowMs"] / 1000 - before < 10 * DAY + 60
        assert "1970 to 9999" in refused("time", "advance", "days:=3000000")
        assert "1970 to 9999" in refused("time", "advance", "days:=-30000")
        assert "whole number" in refused("time", "advance", "days=ten")
        assert "2026-11-23T01:12:53Z" in refused("time", "set", "time=tomorrow")
    with check("signatures are good by the real clock, whatever hour keys go by"):
        created = kms.call("CreateKey")["KeyMetadata"]["CreationDate"]
        assert abs(created - now()) < 60, (created, now())
    with check("material rotates when it is due, and what it encrypted still opens"):
        key = kms.call("CreateKey")["KeyMetadata"]["KeyId"]
        blob = kms.call("Encrypt", KeyId=key, Plaintext=b64(b"x"))["CiphertextBlob"]
        kms.call("EnableKeyRotation", KeyId=key, RotationPeriodInDays=100)
        due = kms.call("GetKeyRotationStatus", KeyId=key)["NextRotationDate"]
        admin("time", "advance", "days:=99")
        assert kms.call("ListKeyRotations", KeyId=key)["Rotations"] == []
        admin("time", "advance", "days:=1")
        rotations = kms.call("ListKeyRotations", KeyId=key)["Rotations"]
        assert [entry["RotationType"] for entry in rotations] == ["AUTOMATIC"], rotations
        assert 0 <= rotations[0]["RotationDate"] - due < 60, rotations
        assert abs(kms.call("GetKeyRotationStatus", KeyId=key)["NextRotationDate"] - due - 100 * DAY) < 1
        assert kms.call("Decrypt", CiphertextBlob=blob)["Plaintext"] == b64(b"x")
    with check("a multi-Region key rotates in all its regions at once"):
        there = Kms(daemon.url, region="eu-west-1")
        primary = kms.call("CreateKey", MultiRegion=True)["KeyMetadata"]["KeyId"]
        kms.call("ReplicateKey", KeyId=primary, ReplicaRegion="eu-west-1")
        kms.call("EnableKeyRotation", KeyId=primary, RotationPeriodInDays=90)
        admin("time", "advance", "days:=90")
        blob = kms.call("Encrypt", KeyId=primary, Plaintext=b64(b"x"))["CiphertextBlob"]
        seen = [caller.call("DescribeKey", KeyId=primary)["KeyMetadata"] for caller in (kms, there)]
        assert seen[0]["CurrentKeyMaterialId"] == seen[1]["CurrentKeyMaterialId"], seen
        for caller in (kms, there):
            assert len(caller.call("ListKeyRotations", KeyId=primary)["Rotations"]) == 1
            assert caller.call("Decrypt", KeyId=primary, CiphertextBlob=blob)["Plaintext"] == b64(b"x")
    with check("AWS managed keys rotate every year"):
        managed = kms.call("DescribeKey", KeyId="alias/aws/ebs")["KeyMetadata"]
        assert managed["KeyManager"] == "AWS"
        for _ in range(3):
            admin("time", "advance", "days:=365")
        rotations = kms.call("ListKeyRotations", KeyId=managed["KeyId"])["Rotations"]
        assert len(rotations) == 3, rotations
        after = kms.call("DescribeKey", KeyId="alias/aws/ebs")["KeyMetadata"]
        assert after["KeyId"] == managed["KeyId"]
        assert after["CurrentKeyMaterialId"] != managed["CurrentKeyMaterialId"]
    with check("a deleted key is gone, with its names"):
        doomed = kms.call("CreateKey")["KeyMetadata"]
        kms.call("CreateAlias", AliasName="alias/doomed", TargetKeyId=doomed["KeyId"])
        kms.call("ScheduleKeyDeletion", KeyId=doomed["KeyId"], PendingWindowInDays=7)
        admin("time", "advance", "days:=6")
        assert kms.call("DescribeKey", KeyId="alias/doomed")["KeyMetadata"]["KeyState"] == "PendingDeletion"
        admin("time", "advance", "days:=1")
        fault = kms.fault("DescribeKey", KeyId=doomed["KeyId"])
        assert fault.message == f"Key '{doomed['Arn']}' does not exist", fault
        fault = kms.fault("DescribeKey", KeyId="alias/doomed")
        assert fault.message == "Alias arn:aws:kms:us-east-1:000000000000:alias/doomed is not found.", fault
    with check("imported material expires"):
        import base64
        key = kms.call("CreateKey", Origin="EXTERNAL")["KeyMetadata"]
        given = kms.call("GetParametersForImport", KeyId=key["KeyId"], WrappingAlgorithm="RSAES_OAEP_SHA_256",
                         WrappingKeySpec="RSA_2048")
        public = serialization.load_der_public_key(base64.b64decode(given["PublicKey"]))
        wrapped = public.encrypt(os.urandom(32), padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
        valid_to = now() + 2 * DAY
        kms.call("ImportKeyMaterial", KeyId=key["KeyId"], ImportToken=given["ImportToken"],
                 EncryptedKeyMaterial=b64(wrapped), ExpirationModel="KEY_MATERIAL_EXPIRES", ValidTo=valid_to)
        seen = kms.call("DescribeKey", KeyId=key["KeyId"])["KeyMetadata"]
        assert seen["KeyState"] == "Enabled" and abs(seen["ValidTo"] - valid_to) < 1, seen
        blob = kms.call("Encrypt", KeyId=key["KeyId"], Plaintext=b64(b"x"))["CiphertextBlob"]
        admin("time", "advance", "days:=2")
        fault = kms.fault("Decrypt", CiphertextBlob=blob)
        assert (fault.code, fault.message) == ("KMSInvalidStateException", f"{key['Arn']} is pending import."), fault
        seen = kms.call("DescribeKey", KeyId=key["KeyId"])["KeyMetadata"]
        assert seen["KeyState"] == "PendingImport" and "ValidTo" not in seen and "ExpirationModel" not in seen, seen
finally:
    status = daemon.stop()
with check("it drains cleanly"):
    assert status == 0, daemon.output()

with check("without --virtual-clock the hour is nobody's to set"):
    plain = Daemon(["dev", "--admin-socket", SOCKET])
    try:
        for words in (("time", "show"), ("time", "advance", "days:=1"), ("time", "set", "time=2031-02-03T04:05:06Z")):
            refused(*words)
        assert admin("status")["account"] == "000000000000"
    finally:
        plain.stop()
with check("kmsd run has neither the option nor the actions"):
    data = os.path.join(folder, "data")
    init_data_dir(data)
    done = subprocess.run([kmsd(), "run", "--data-dir", data, "--virtual-clock"], capture_output=True, text=True)
    assert done.returncode == 2 and "virtual-clock" in done.stderr, done
    served = Daemon(["run", "--data-dir", data])
    try:
        refused("time", "advance", "days:=1", socket=os.path.join(data, "admin.sock"))
    finally:
        served.stop()

shutil.rmtree(folder, ignore_errors=True)
finish()
