"""AssumeRoleWithWebIdentity: tokens minted here, and the same with one thing wrong, each refused for its reason."""

import json
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import boto3  # noqa: E402
import botocore  # noqa: E402
from botocore.credentials import AssumeRoleWithWebIdentityCredentialFetcher  # noqa: E402
from botocore import UNSIGNED  # noqa: E402
from botocore.config import Config  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402
from cryptography.hazmat.primitives import serialization  # noqa: E402
from daemon import ACCOUNT, REGION, Daemon, kmsd  # noqa: E402
from tap import check, finish  # noqa: E402
from tokens import ED, ISSUER, JWKS, OTHER_RSA, P256, P384, RSA, mint  # noqa: E402

PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/issuer.example/realm"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/web"


def ensure(name, holds):
    with check(name):
        assert holds


def answer_of(sts, token, role=ROLE):
    try:
        sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="pod", WebIdentityToken=token)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    return "OK", ""


def kmsctl(url, *words):
    return subprocess.run([os.environ["KMSCTL"], "--endpoint-url", url, "--region", REGION, *words], check=True,
                          capture_output=True, text=True).stdout


def trust(provider=PROVIDER, subject="system:pod"):
    return json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {"issuer.example/realm:sub": subject, "issuer.example/realm:aud": "kms"}}}]})


def refusals(sts):
    now = int(time.time())
    flipped = mint()
    flipped = flipped[:-6] + ("A" if flipped[-6] != "A" else "B") + flipped[-5:]
    parts = mint().split(".")
    pem = RSA.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    invalid = "InvalidIdentityToken"
    for name, token, code, text in [
        ("audience", mint(aud="other"), invalid, "Incorrect token audience"),
        ("audiences", mint(aud=["other", "third"]), invalid, "Incorrect token audience"),
        ("no audience", mint(aud=None), invalid, "Incorrect token audience"),
        ("issuer", mint(iss="https://evil.example"), invalid, "No OpenIDConnect provider found"),
        ("issuer in other letters", mint(iss="https://ISSUER.example/realm"), invalid, "Incorrect token issuer"),
        ("key of somebody else", mint(key=OTHER_RSA), invalid, "signature"),
        ("unknown key", mint(kid="rsa2"), invalid, "verification key"),
        ("signature altered", flipped, invalid, "signature"),
        ("no signature", ".".join(parts[:2]) + ".", invalid, "signature"),
        ("two parts", ".".join(parts[:2]), invalid, "not a valid JWT"),
        ("four parts", ".".join(parts) + ".AA", invalid, "not a valid JWT"),
        ("none", mint("none", None), invalid, "algorithm"),
        ("none, in other letters", mint(header={"alg": "nOnE"}), invalid, "algorithm"),
        ("HS256 with the public key", mint("HS256", pem), invalid, "algorithm"),
        ("HS256 with a key of the set", mint("HS256", b"a shared secret", "oct"), invalid, "algorithm"),
        ("RS256 by a curve's key", mint("RS256", RSA, "p256"), invalid, "verification key"),
        ("ES256 by another curve's key", mint("ES256", P256, "p384"), invalid, "verification key"),
        ("PS256 where the key is for RS256", mint("PS256", RSA, "rs256-only"), invalid, "verification key"),
        ("a key for encryption", mint("RS256", RSA, "for-encryption"), invalid, "verification key"),
        ("no kid, two keys", mint(kid=None), invalid, "verification key"),
        ("an extension that has to be understood", mint(header={"crit": ["exp"]}), invalid, "algorithm"),
        ("expired", mint(iat=now - 900, exp=now - 1), "ExpiredTokenException", "expired"),
        ("no expiry", mint(exp=None), invalid, "not a valid JWT"),
        ("expiry as text", mint(exp=str(now + 600)), invalid, "not a valid JWT"),
        ("no time of issue", mint(iat=None), invalid, "not a valid JWT"),
        ("issued tomorrow", mint(iat=now + 86400, exp=now + 90000), invalid, "not valid yet"),
        ("valid from tomorrow", mint(nbf=now + 86400, exp=now + 90000), invalid, "not valid yet"),
        ("nobody", mint(sub=None), invalid, "not a valid JWT"),
        ("a claim twice", mint(payload=json.dumps({
            "iss": ISSUER, "sub": "x", "aud": "kms", "iat": now, "exp": now + 600}).encode()[:-1]
            + b',"sub":"system:pod"}'), invalid, "not a valid JWT"),
        ("somebody else", mint(sub="system:other"), "AccessDenied", "Not authorized"),
    ]:
        got = answer_of(sts, token)
        with check("refused: " + name):
            assert got[0] == code and text in got[1], got


with tempfile.TemporaryDirectory() as folder:
    socket = os.path.join(folder, "admin.sock")
    jwks = os.path.join(folder, "jwks.json")
    with open(jwks, "w") as out:
        json.dump(JWKS, out)
    daemon = Daemon(["dev", "--account-id", ACCOUNT, "--admin-socket", socket])
    os.environ.pop("AWS_ENDPOINT_URL", None)

    def connect(service, **more):
        return boto3.client(service, endpoint_url=daemon.url, region_name=REGION, **more)

    test = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    once = Config(retries={"max_attempts": 1, "mode": "standard"}, signature_version=UNSIGNED)
    iam = connect("iam", **test)
    sts = connect("sts", config=once)
    made = subprocess.run([kmsd(), "admin", "--socket", socket, "iam", "CreateOpenIDConnectProvider", "Url=" + ISSUER,
                           "ClientIDList.member.1=kms", "ClientIDList.member.2=more", "Jwks=@" + jwks],
                          capture_output=True, text=True)
    ensure("the operator makes a provider", made.returncode == 0
           and json.loads(made.stdout)["OpenIDConnectProviderArn"] == PROVIDER)
    ensure("it is listed", [entry["Arn"] for entry in
                            iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]] == [PROVIDER])
    got = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=PROVIDER)
    ensure("and described", got["ClientIDList"] == ["kms", "more"] and got["Url"] == "issuer.example/realm")
    iam.create_role(RoleName="web", AssumeRolePolicyDocument=trust())
    iam.put_role_policy(RoleName="web", PolicyName="p", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}]}))
    for algorithm, key, kid in [("RS256", RSA, "rsa"), ("RS384", RSA, "rsa"), ("RS512", RSA, "rsa"),
                                ("PS256", RSA, "rsa"), ("PS384", RSA, "rsa"), ("PS512", RSA, "rsa"),
                                ("ES256", P256, "p256"), ("ES384", P384, "p384"), ("EdDSA", ED, "ed"),
                                ("ES256", P256, None)]:
        got = answer_of(sts, mint(algorithm, key, kid))
        with check(f"taken: {algorithm} {kid or 'without a name'}"):
            assert got[0] == "OK", got
    ensure("taken: several audiences", answer_of(sts, mint(aud=["other", "kms"]))[0] == "OK")
    refusals(sts)
    ensure("no such role", answer_of(sts, mint(), ROLE + "x")[0] == "AccessDenied")

    token_file = os.path.join(folder, "token")
    with open(token_file, "w") as out:
        out.write(mint())
    os.environ.update(AWS_WEB_IDENTITY_TOKEN_FILE=token_file, AWS_ROLE_ARN=ROLE, AWS_ROLE_SESSION_NAME="pod",
                      AWS_ENDPOINT_URL_STS=daemon.url, AWS_DEFAULT_REGION=REGION)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ.pop(name, None)
    with check("the SDK's own web identity provider gets credentials and uses keys"):
        session = boto3.Session()
        if tuple(map(int, botocore.__version__.split(".")[:2])) < (1, 31):  # Debian 12's knows no AWS_ENDPOINT_URL_STS
            fetcher = AssumeRoleWithWebIdentityCredentialFetcher(
                client_creator=lambda service, **more: connect(service, **more), role_arn=ROLE,
                web_identity_token_loader=mint, extra_args={"RoleSessionName": "pod"})
            given = fetcher.fetch_credentials()
            session = boto3.Session(given["access_key"], given["secret_key"], given["token"])
        kms = session.client("kms", endpoint_url=daemon.url, region_name=REGION)
        key_id = kms.create_key()["KeyMetadata"]["KeyId"]
        assert kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
        assert session.client("sts", endpoint_url=daemon.url, region_name=REGION).get_caller_identity()["Arn"] \
            == f"arn:aws:sts::{ACCOUNT}:assumed-role/web/pod"
    with check("kmsctl login gives the same"):
        told = kmsctl(daemon.url, "login", "--web-identity", token_file, "--role", ROLE, "--session-name", "login")
        given = dict(line[len("export "):].split("=", 1) for line in told.splitlines())
        assert sorted(given) == ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]
        who = connect("sts", aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
                      aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"], aws_session_token=given["AWS_SESSION_TOKEN"])
        assert who.get_caller_identity()["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/web/login"
    with check("and is a credential_process of a profile"):
        config = os.path.join(folder, "config")
        command = f"{os.environ['KMSCTL']} --endpoint-url {daemon.url} --region {REGION} --output json"
        with open(config, "w") as out:
            out.write(f"[profile web]\nregion = {REGION}\n"
                      f"credential_process = {command} login --web-identity {token_file} --role {ROLE}\n")
        os.environ["AWS_CONFIG_FILE"] = config
        kms = boto3.Session(profile_name="web").client("kms", endpoint_url=daemon.url)
        assert kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
        listed = kmsctl(daemon.url, "--profile", "web", "key", "list")  # libkms asks it, too
        assert key_id in listed
    iam.update_assume_role_policy(RoleName="web", PolicyDocument=trust(subject="system:other"))
    ensure("no longer trusted", answer_of(sts, mint())[0] == "AccessDenied")
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=PROVIDER)
    ensure("provider gone", answer_of(sts, mint())[0] == "InvalidIdentityToken")
    ensure("the daemon stops", daemon.stop() == 0)
finish()
