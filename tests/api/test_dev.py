"""`kmsd dev`: one command, and what it says about itself holds."""

import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from botocore.exceptions import ClientError  # noqa: E402
from daemon import Daemon, client, kmsd  # noqa: E402
from tap import check, finish  # noqa: E402

TEST = {"AccessKeyId": "test", "SecretAccessKey": "test"}


def code_of(call, **members):
    try:
        call(**members)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "none"


def account_of(daemon, credentials, region="eu-west-3"):
    return client(daemon.url, credentials, region=region).create_key()["KeyMetadata"]["AWSAccountId"]


def exports(daemon):
    return dict(re.findall(r"^export (\w+)=(\S+)$", daemon.output(), re.MULTILINE))


def test_plain():
    daemon = Daemon(["dev"])
    with check("the lines that it prints are all that a client needs"):
        assert exports(daemon) == {"AWS_ENDPOINT_URL": daemon.url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
                                   "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}, daemon.output()
        environment = {"PATH": os.environ["PATH"], **exports(daemon)}
        arn = subprocess.run([os.environ["KMSCTL"], "key", "create"], env=environment, capture_output=True, text=True, check=True).stdout
        assert arn.startswith("arn:aws:kms:us-east-1:000000000000:key/"), arn
    with check("every region is there, and keys are their region's"):
        key = client(daemon.url, TEST, region="ap-south-2").create_key()["KeyMetadata"]
        assert key["Arn"].startswith("arn:aws:kms:ap-south-2:000000000000:key/"), key
        assert code_of(client(daemon.url, TEST, region="eu-north-1").describe_key, KeyId=key["KeyId"]) == "NotFoundException"
    with check("signatures are verified"):
        assert code_of(client(daemon.url, {**TEST, "SecretAccessKey": "other"}).list_keys) == "InvalidSignatureException"
        assert code_of(client(daemon.url, {**TEST, "AccessKeyId": "123456789012"}).list_keys) == "UnrecognizedClientException"
    with check("it ends cleanly"):
        assert daemon.stop() == 0


def test_limits():
    daemon = Daemon(["dev", "--account-id", "111122223333", "--region", "eu-west-3", "--region", "eu-west-1"])
    with check("--account-id is the account, --region limits the regions"):
        assert account_of(daemon, TEST) == "111122223333"
        assert exports(daemon)["AWS_REGION"] == "eu-west-3"
        assert client(daemon.url, TEST, region="eu-west-1").list_keys()["Keys"] == []
        assert code_of(client(daemon.url, TEST, region="us-east-1").list_keys) == "InvalidSignatureException"
    daemon.stop()


def test_any_credentials():
    daemon = Daemon(["dev", "--account-id", "111122223333", "--accept-any-credentials"])
    with check("any credentials: an access key id of 12 digits is the account, others are the daemon's"):
        assert account_of(daemon, {"AccessKeyId": "444455556666", "SecretAccessKey": "whatever"}) == "444455556666"
        assert account_of(daemon, {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "whatever"}) == "111122223333"
    with check("accounts stay apart"):
        key = client(daemon.url, TEST).create_key()["KeyMetadata"]["Arn"]
        stranger = client(daemon.url, {"AccessKeyId": "444455556666", "SecretAccessKey": "x"})
        assert code_of(stranger.describe_key, KeyId=key) == "AccessDeniedException"
        assert code_of(stranger.describe_key, KeyId=key.split("/")[1]) == "NotFoundException"
    daemon.stop()


def test_data_dir(folder):
    data = os.path.join(folder, "data")
    daemon = Daemon(["dev", "--data-dir", data, "--region", "eu-west-3"])
    kms = client(daemon.url, TEST, region="eu-west-3")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    printed = re.search(r"access key is (\S+), secret (\S+)", daemon.output())
    daemon.stop()
    with check("keys in a data directory stay"):
        daemon = Daemon(["dev", "--data-dir", data, "--region", "eu-west-3"])
        assert client(daemon.url, TEST, region="eu-west-3").describe_key(KeyId=key)
        daemon.stop()
    with check("run serves them, with the access key that was printed, and knows test/test no more"):
        daemon = Daemon(["run", "--data-dir", data])
        root = {"AccessKeyId": printed.group(1), "SecretAccessKey": printed.group(2)}
        assert client(daemon.url, root, region="eu-west-3").describe_key(KeyId=key)
        assert code_of(client(daemon.url, TEST, region="eu-west-3").list_keys) == "UnrecognizedClientException"
        daemon.stop()
    with check("keys without one are gone"):
        daemon = Daemon(["dev"])
        client(daemon.url, TEST).create_key()
        daemon.stop()
        daemon = Daemon(["dev"])
        assert client(daemon.url, TEST).list_keys()["Keys"] == []
        daemon.stop()


def test_usage():
    with check("an option that it does not know is a wrong command line"):
        done = subprocess.run([kmsd(), "dev", "--acount-id", "111122223333"], capture_output=True, text=True)
        assert done.returncode == 2 and "--acount-id" in done.stderr, done
    with check("an account has 12 digits"):
        done = subprocess.run([kmsd(), "dev", "--account-id", "1111"], capture_output=True, text=True)
        assert done.returncode == 1 and "an account id has 12 digits" in done.stderr, done


test_plain()
test_limits()
test_any_credentials()
with tempfile.TemporaryDirectory() as folder:
    test_data_dir(folder)
test_usage()
finish()
