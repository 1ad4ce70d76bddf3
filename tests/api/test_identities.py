"""Identities of the store, as KMS and kmsctl see them: whoami, decisions explained, the age of a session as a condition."""

import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import boto3  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402
from daemon import ACCOUNT, REGION, Daemon, init_data_dir  # noqa: E402
from tap import check, finish  # noqa: E402

IAM = f"arn:aws:iam::{ACCOUNT}:"


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def connect(service, credentials):
    return boto3.client(service, endpoint_url=url, region_name=REGION, aws_access_key_id=credentials["AccessKeyId"],
                        aws_secret_access_key=credentials["SecretAccessKey"], aws_session_token=credentials.get("SessionToken"))


def kmsctl(credentials, *words):
    environment = {**os.environ, "AWS_ENDPOINT_URL": url, "AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
                   "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"], "AWS_SESSION_TOKEN": credentials.get("SessionToken", "")}
    if "SessionToken" not in credentials:
        del environment["AWS_SESSION_TOKEN"]
    done = subprocess.run([os.environ["KMSCTL"], *words], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def explained(principal, action, *more):
    socket = os.path.join(directory, "admin.sock")
    return kmsctl(root, "policy", "explain", "--admin-socket", socket, "--principal", principal, "--action", action, "--key", key,
                  *more).splitlines()[-1]


def code_of(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "OK"


def test_whoami():
    with check("kmsctl whoami: the account, a user, a session"):
        assert f"{IAM}root" in kmsctl(root, "whoami")
        assert f"{IAM}user/ann" in kmsctl(ann, "whoami")
        assert f"arn:aws:sts::{ACCOUNT}:assumed-role/app/tuesday" in kmsctl(session, "whoami")
        assert json.loads(kmsctl(session, "--output", "json", "whoami"))["Account"] == ACCOUNT


def test_explain():
    with check("a user's decision is explained by its identity policy"):
        assert explained(IAM + "user/ann", "kms:Encrypt").startswith("allowed: an identity policy allows it")
        assert explained(IAM + "user/ann", "kms:Decrypt") == "denied: no identity policy allows it"
    with check("a role's as a session of it"):
        assert explained(IAM + "role/app", "kms:Decrypt").startswith("allowed: an identity policy allows it")
        assert explained(IAM + "role/app", "kms:Encrypt") == "denied: no identity policy allows it"
    with check("and they are what happens"):
        blob = connect("kms", ann).encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        assert code_of(connect("kms", ann).decrypt, CiphertextBlob=blob) == "AccessDeniedException"
        assert connect("kms", session).decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
        assert code_of(connect("kms", session).encrypt, KeyId=key, Plaintext=b"x") == "AccessDeniedException"


def test_token_issue_time():
    """What revokes sessions in practice: a Deny of those that were made before a date."""
    def deny(operator, date):
        iam.put_role_policy(RoleName="app", PolicyName="revoked", PolicyDocument=document(
            {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {operator: {"aws:TokenIssueTime": date}}}))
    kms = connect("kms", session)
    blob = connect("kms", ann).encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    with check("sessions made before a date are shut out, later ones are not"):
        deny("DateLessThan", "2020-01-01T00:00:00Z")
        assert code_of(kms.decrypt, CiphertextBlob=blob) == "OK"
        deny("DateLessThan", "2100-01-01T00:00:00Z")
        assert code_of(kms.decrypt, CiphertextBlob=blob) == "AccessDeniedException"
    with check("long-lived keys have no such time"):
        iam.put_user_policy(UserName="ann", PolicyName="null", PolicyDocument=document(
            {"Effect": "Deny", "Action": "kms:*", "Resource": "*", "Condition": {"Null": {"aws:TokenIssueTime": "true"}}}))
        assert code_of(connect("kms", ann).encrypt, KeyId=key, Plaintext=b"x") == "AccessDeniedException"
    with check("but a session of the account itself has"):
        policy = json.loads(connect("kms", root).get_key_policy(KeyId=key, PolicyName="default")["Policy"])
        policy["Statement"].append({"Effect": "Deny", "Principal": "*", "Action": "kms:Encrypt", "Resource": "*",
                                    "Condition": {"DateGreaterThan": {"aws:TokenIssueTime": "2020-01-01T00:00:00Z"}}})
        connect("kms", root).put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(policy))
        token = connect("sts", root).get_session_token()["Credentials"]
        assert code_of(connect("kms", token).encrypt, KeyId=key, Plaintext=b"x") == "AccessDeniedException"
        assert code_of(connect("kms", root).encrypt, KeyId=key, Plaintext=b"x") == "OK"


with tempfile.TemporaryDirectory() as folder:
    directory = os.path.join(folder, "data")
    root = init_data_dir(directory)
    daemon = Daemon(["run", "--data-dir", directory])
    try:
        url = daemon.url
        iam, sts = connect("iam", root), connect("sts", root)
        iam.create_user(UserName="ann")
        ann = iam.create_access_key(UserName="ann")["AccessKey"]
        iam.put_user_policy(UserName="ann", PolicyName="own", PolicyDocument=document(
            {"Effect": "Allow", "Action": ["kms:Encrypt", "sts:AssumeRole"], "Resource": "*"}))
        iam.create_role(RoleName="app", AssumeRolePolicyDocument=document(
            {"Effect": "Allow", "Principal": {"AWS": IAM + "user/ann"}, "Action": "sts:AssumeRole"}))
        iam.put_role_policy(RoleName="app", PolicyName="own", PolicyDocument=document(
            {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"}))
        key = connect("kms", root).create_key()["KeyMetadata"]["Arn"]
        session = connect("sts", ann).assume_role(RoleArn=IAM + "role/app", RoleSessionName="tuesday")["Credentials"]
        test_whoami()
        test_explain()
        test_token_issue_time()
    finally:
        daemon.stop()
finish()
