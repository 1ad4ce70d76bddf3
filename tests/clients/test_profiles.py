"""boto3's and the AWS CLI's own credential providers get credentials here: a role by source_profile, a chain of
roles, a role by web identity from a profile and from the environment, and use keys with them."""

import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import boto3  # noqa: E402
from daemon import ACCOUNT, REGION, Daemon, kmsd  # noqa: E402
from tap import check, finish, skip  # noqa: E402
from tokens import ISSUER, JWKS, mint  # noqa: E402

PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/issuer.example/realm"
AWS = os.path.join(os.path.dirname(sys.executable), "aws")


def trust(principal, action="sts:AssumeRole"):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": principal, "Action": action}]})


def set_up(url, socket, folder):
    """A user who may assume "first", which may assume "second"; and "web", for tokens. Writes the profiles."""
    iam = boto3.client("iam", endpoint_url=url, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")
    jwks, token, config = (os.path.join(folder, name) for name in ("jwks", "token", "config"))
    with open(jwks, "w") as out:
        json.dump(JWKS, out)
    with open(token, "w") as out:
        out.write(mint())
    subprocess.run([kmsd(), "admin", "--socket", socket, "iam", "CreateOpenIDConnectProvider", "Url=" + ISSUER,
                    "ClientIDList.member.1=kms", "Jwks=@" + jwks], check=True, capture_output=True)
    user = iam.create_user(UserName="ann")["User"]["Arn"]
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    first = iam.create_role(RoleName="first", AssumeRolePolicyDocument=trust({"AWS": user}))["Role"]["Arn"]
    second = iam.create_role(RoleName="second", AssumeRolePolicyDocument=trust({"AWS": first}))["Role"]["Arn"]
    web = iam.create_role(RoleName="web", AssumeRolePolicyDocument=trust(
        {"Federated": PROVIDER}, "sts:AssumeRoleWithWebIdentity"))["Role"]["Arn"]
    for name in ("first", "second", "web"):
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}]}))
    with open(config, "w") as out:
        out.write(f"""[profile ann]
aws_access_key_id = {key["AccessKeyId"]}
aws_secret_access_key = {key["SecretAccessKey"]}
[profile first]
role_arn = {first}
source_profile = ann
role_session_name = one
duration_seconds = 900
[profile second]
role_arn = {second}
source_profile = first
role_session_name = two
[profile web]
role_arn = {web}
web_identity_token_file = {token}
role_session_name = pod
""")
    return config, token, web


with tempfile.TemporaryDirectory() as folder:
    socket = os.path.join(folder, "admin.sock")
    daemon = Daemon(["dev", "--account-id", ACCOUNT, "--admin-socket", socket])
    config, token, web = set_up(daemon.url, socket, folder)
    for name in list(os.environ):
        if name.startswith("AWS_"):
            del os.environ[name]
    os.environ.update(AWS_CONFIG_FILE=config, AWS_SHARED_CREDENTIALS_FILE=os.path.join(folder, "none"),
                      AWS_ENDPOINT_URL=daemon.url, AWS_DEFAULT_REGION=REGION)
    SESSIONS = {"first": "first/one", "second": "second/two", "web": "web/pod"}

    for profile, session in SESSIONS.items():
        with check(f"boto3: profile {profile}"):
            made = boto3.Session(profile_name=profile)
            assert made.client("sts").get_caller_identity()["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{session}"
            kms = made.client("kms")
            blob = kms.encrypt(KeyId=kms.create_key()["KeyMetadata"]["KeyId"], Plaintext=b"x")["CiphertextBlob"]
            assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
        name = f"AWS CLI: profile {profile}"
        if not os.path.exists(AWS):
            skip(name, "there is no AWS CLI beside this Python")
            continue
        with check(name):
            told = json.loads(subprocess.run([AWS, "--profile", profile, "--output", "json", "sts", "get-caller-identity"],
                                             check=True, capture_output=True).stdout)
            assert told["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{session}"
            assert json.loads(subprocess.run([AWS, "--profile", profile, "--output", "json", "kms", "list-keys"], check=True,
                                             capture_output=True).stdout)["Keys"]
    os.environ.update(AWS_WEB_IDENTITY_TOKEN_FILE=token, AWS_ROLE_ARN=web)
    with check("boto3: AWS_WEB_IDENTITY_TOKEN_FILE"):
        assert boto3.Session().client("kms").list_keys()["Keys"]
    with check("the daemon stops"):
        assert daemon.stop() == 0
finish()
