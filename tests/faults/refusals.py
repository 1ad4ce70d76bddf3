"""What kmsd refuses to start with, and what a restart keeps."""

import contextlib
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile

import botocore.exceptions

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from daemon import ACCOUNT, REGION, Daemon, client, init_data_dir, kmsd  # noqa: E402
from tap import check, finish  # noqa: E402


def refused(arguments, text):
    done = subprocess.run([kmsd(), *arguments], capture_output=True, text=True, timeout=30)
    assert done.returncode != 0, "succeeded"
    assert text.lower() in (done.stdout + done.stderr).lower(), done.stdout + done.stderr


with tempfile.TemporaryDirectory() as folder:
    data = os.path.join(folder, "data")
    credentials = init_data_dir(data)
    run = ["run", "--data-dir", data, "--listen", "127.0.0.1:0"]
    root_key = next(os.path.join(data, name) for name in os.listdir(data) if "root" in name)
    database = next(os.path.join(data, name) for name in os.listdir(data) if name.endswith(".db"))

    with check("init makes files that only the owner reads"):
        for name in os.listdir(data):
            mode = stat.S_IMODE(os.stat(os.path.join(data, name)).st_mode)
            assert mode & 0o077 == 0, (name, oct(mode))
        assert stat.S_IMODE(os.stat(data).st_mode) & 0o077 == 0
    with check("init refuses a directory that is in use"):
        refused(["init", "--data-dir", data, "--account-id", ACCOUNT, "--region", REGION], "exist")
    with check("init refuses a malformed account id"):
        refused(["init", "--data-dir", os.path.join(folder, "x"), "--account-id", "123", "--region", REGION], "account")
    with check("run refuses a directory that was never initialised"):
        refused(["run", "--data-dir", os.path.join(folder, "none")], "")
    with check("run refuses a root key that others can read"):
        os.chmod(root_key, 0o640)
        refused(run, "root")
        os.chmod(root_key, 0o600)
    with check("run refuses a directory, or a log of the store, that others can write"):
        os.chmod(data, 0o770)
        refused(run, "may be written by others (mode 0770)")
        os.chmod(data, 0o700)
        log = database + "-wal"
        with open(log, "wb"):
            os.chmod(log, 0o666)
        refused(run, log + " may be written by others")
        os.remove(log)
    with check("run refuses another root key"):
        other = os.path.join(folder, "other")
        init_data_dir(other)
        shutil.move(root_key, root_key + ".kept")
        shutil.copy2(os.path.join(other, os.path.basename(root_key)), root_key)
        refused(run, "root key")
        shutil.move(root_key + ".kept", root_key)
    with check("run refuses a damaged store"):
        copy = os.path.join(folder, "damaged")
        shutil.copytree(data, copy)
        with open(os.path.join(copy, os.path.basename(database)), "r+b") as file:
            file.seek(100)
            file.write(os.urandom(3000))
        refused(["run", "--data-dir", copy, "--listen", "127.0.0.1:0"], "")
    with check("run refuses an address that is not loopback without TLS"):
        refused(["run", "--data-dir", data, "--listen", "0.0.0.0:0"], "tls")
    with check("dev's any-credentials mode does not exist in run"):
        refused([*run, "--accept-any-credentials"], "")

    daemon = Daemon(["run", "--data-dir", data])
    kms = client(daemon.url, credentials)
    key = kms.create_key(Description="kept", Tags=[{"TagKey": "a", "TagValue": "b"}])["KeyMetadata"]
    kms.create_alias(AliasName="alias/kept", TargetKeyId=key["KeyId"])
    kms.enable_key_rotation(KeyId=key["KeyId"])
    policy = kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"].replace("key-default-1", "changed")
    kms.put_key_policy(KeyId=key["KeyId"], PolicyName="default", Policy=policy)
    sealed = kms.encrypt(KeyId="alias/kept", Plaintext=b"kept", EncryptionContext={"a": "b"})["CiphertextBlob"]
    before = (kms.describe_key(KeyId="alias/kept")["KeyMetadata"], kms.get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"],
              kms.list_resource_tags(KeyId=key["KeyId"])["Tags"], kms.list_aliases()["Aliases"], policy)
    with check("a second instance on the same directory is refused"):
        refused(run, "")
        assert kms.list_keys()["Keys"]
    with check("a region that was not given to init is refused"):
        try:
            client(daemon.url, credentials, region="us-west-2").list_keys()
        except Exception as error:  # noqa: BLE001
            assert "Exception" in str(error)
        else:
            raise AssertionError("succeeded")
    with check("SIGTERM drains and ends with status 0"):
        assert daemon.stop() == 0, daemon.output()
    daemon = Daemon(["run", "--data-dir", data])
    kms = client(daemon.url, credentials)
    with check("a restart keeps everything"):
        after = (kms.describe_key(KeyId="alias/kept")["KeyMetadata"], kms.get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"],
                 kms.list_resource_tags(KeyId=key["KeyId"])["Tags"], kms.list_aliases()["Aliases"],
                 kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"])
        assert after == before, (before, after)
        assert kms.decrypt(CiphertextBlob=sealed, EncryptionContext={"a": "b"})["Plaintext"] == b"kept"
    with check("no secret is in the data directory's files or the log"):
        haystack = daemon.output().encode()
        for folder, _, names in os.walk(data):
            for name in names:
                if name.endswith(".sock"):
                    continue
                with open(os.path.join(folder, name), "rb") as file:
                    haystack += file.read()
        assert credentials["SecretAccessKey"].encode() not in haystack
    with check("no core file, no debugger: the process is not dumpable"):
        assert os.stat(f"/proc/{daemon.process.pid}/mem").st_uid == 0
        with open(f"/proc/{daemon.process.pid}/limits") as limits:
            line = next(line for line in limits if line.startswith("Max core file size"))
        assert line.split()[4] == "0", line
    other_key = kms.create_key()["KeyMetadata"]
    daemon.process.send_signal(signal.SIGINT)
    with check("SIGINT drains as well"):
        assert daemon.process.wait(30) == 0

    # the first key of a region is opened at start, the others when they are used
    last_key = max(key["KeyId"], other_key["KeyId"])
    with contextlib.closing(sqlite3.connect(database)) as store, store:
        store.execute("UPDATE materials SET wrapped = zeroblob(length(wrapped)) WHERE key_id = ?", (last_key,))
    daemon = Daemon(["run", "--data-dir", data])
    with check("damaged material is an internal error that the log explains"):
        try:
            client(daemon.url, credentials, retries=0).encrypt(KeyId=last_key, Plaintext=b"x")
        except botocore.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == "KMSInternalException", error
            line = next(line for line in daemon.output().splitlines() if error.response["ResponseMetadata"]["RequestId"] in line)
            assert "ERROR" in line and "Encrypt" in line, line
        else:
            raise AssertionError("succeeded")
    daemon.stop()
    daemon = Daemon(["dev", "--data-dir", data])
    with check("dev warns when it opens a data directory to everybody"):
        assert "WARN" in daemon.output() and data in daemon.output(), daemon.output()
    daemon.stop()

finish()
