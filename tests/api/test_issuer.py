"""Keys fetched from an issuer: found, kept, changed, and never from where they must not come."""

import contextlib
import datetime
import http.server
import ipaddress
import json
import os
import ssl
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import boto3  # noqa: E402
from botocore import UNSIGNED  # noqa: E402
from botocore.config import Config  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402
from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402
from daemon import ACCOUNT, REGION, Daemon, init_data_dir  # noqa: E402
from tap import check, finish  # noqa: E402
from tokens import OTHER_RSA, RSA, mint, rsa_jwk  # noqa: E402

WELL_KNOWN = "/.well-known/openid-configuration"


def certificate(folder):
    """A certificate for localhost that vouches for itself, with its key; and one that nobody knows."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.utcnow()
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), True).sign(key, hashes.SHA256()))
    path = os.path.join(folder, "server.pem")
    with open(path, "wb") as out:
        out.write(made.public_bytes(serialization.Encoding.PEM))
    with open(path + ".key", "wb") as out:
        out.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                    serialization.NoEncryption()))
    return path


class Issuers:
    """Answers by path. A value is a document, or a function that takes the handler."""

    def __init__(self, pem):
        self.paths = {}
        self.asked = []
        self.go_on = threading.Event()
        issuers = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                issuers.asked.append(self.path)
                value = issuers.paths.get(self.path)
                if callable(value):
                    value(self)
                else:
                    issuers.answer(self, 404 if value is None else 200, json.dumps(value).encode())

            def log_message(self, *arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *arguments):
                pass  # kmsd hangs up on what is too long

        self.server = Server(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem, pem + ".key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://localhost:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @staticmethod
    def answer(handler, status, body, **headers):
        handler.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def issuer(self, name, keys, **changed):
        """An issuer of that name, with its keys; what is changed of its document may be wrong."""
        url = f"{self.url}/{name}"
        self.paths[f"/{name}{WELL_KNOWN}"] = {"issuer": url, "jwks_uri": url + "/keys", **changed}
        self.paths[f"/{name}/keys"] = keys
        return url

    def count(self, name):
        return sum(path.startswith(f"/{name}/") for path in self.asked)


def ensure(name, holds):
    with check(name):
        assert holds


class Kmsd:
    """A daemon told how to fetch; provide() makes a provider and a role that trusts it."""

    def __init__(self, folder, name, **web_identity):
        data = os.path.join(folder, name)
        self.root = init_data_dir(data)
        config = os.path.join(folder, name + ".json")
        with open(config, "w") as out:
            json.dump({"web_identity": web_identity}, out)
        self.daemon = Daemon(["run", "--data-dir", data, "--config", config])
        self.iam = self.connect("iam", self.root)
        self.sts = boto3.client("sts", endpoint_url=self.daemon.url, region_name=REGION, config=Config(
            retries={"total_max_attempts": 1}, read_timeout=30, signature_version=UNSIGNED))

    def connect(self, service, given):
        return boto3.client(service, endpoint_url=self.daemon.url, region_name=REGION,
                            aws_access_key_id=given["AccessKeyId"], aws_secret_access_key=given["SecretAccessKey"],
                            aws_session_token=given.get("SessionToken"))

    def provide(self, issuer, name):
        provider = self.iam.create_open_id_connect_provider(Url=issuer, ClientIDList=["kms"], ThumbprintList=[])
        self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({
            "Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Principal": {"Federated": provider["OpenIDConnectProviderArn"]},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {"StringEquals": {issuer[len("https://"):] + ":sub": "system:pod"}}}]}))
        self.iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({
            "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}]}))

    def take(self, role, token):
        """The credentials, or the code of the refusal."""
        try:
            return self.sts.assume_role_with_web_identity(
                RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{role}", RoleSessionName="pod",
                WebIdentityToken=token)["Credentials"]
        except ClientError as error:
            return error.response["Error"]["Code"]

    def is_taken(self, role, token):
        return isinstance(self.take(role, token), dict)


def keys_come_and_go(kmsd, issuers):
    url = issuers.issuer("good", {"keys": [rsa_jwk(RSA, "one")]})
    kmsd.provide(url, "good")
    given = kmsd.take("good", mint(kid="one", iss=url))
    ensure("the keys are fetched", isinstance(given, dict))
    ensure("and the session is good", kmsd.connect("kms", given).list_keys()["Keys"] == [])
    ensure("another's signature is not", kmsd.take("good", mint(key=OTHER_RSA, kid="one", iss=url))
           == "InvalidIdentityToken")
    for _ in range(5):
        kmsd.take("good", mint(kid="one", iss=url))
    ensure("they are asked for once", issuers.count("good") == 2)
    time.sleep(1.1)  # retry_s
    issuers.paths["/good/keys"] = {"keys": [rsa_jwk(OTHER_RSA, "two")]}
    ensure("a new key is found when a token names it", kmsd.is_taken("good", mint(key=OTHER_RSA, kid="two", iss=url)))
    ensure("and the old one is gone", kmsd.take("good", mint(kid="one", iss=url)) == "InvalidIdentityToken")
    time.sleep(1.1)
    asked = issuers.count("good")
    for number in range(20):
        kmsd.take("good", mint(kid=f"made up {number}", iss=url))
    ensure("made-up names of keys do not make it ask each time", issuers.count("good") - asked <= 4)


def refusals(kmsd, issuers):
    keys = {"keys": [rsa_jwk(RSA, "one")]}
    elsewhere = issuers.issuer("elsewhere", keys)

    def moved(to):
        return lambda handler: issuers.answer(handler, 302, b"", Location=to)

    def unending(handler):
        handler.send_response(200)
        handler.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(1000):
                handler.wfile.write(b" " * 65536)

    cases = {
        "says it is another": issuers.issuer("other", keys, issuer=elsewhere),
        "names no keys": issuers.issuer("none", keys, jwks_uri=None),
        "has keys without TLS": issuers.issuer("plain", keys, jwks_uri="http://localhost:1/keys"),
        "has keys in a file": issuers.issuer("file", keys, jwks_uri="file:///etc/hostname"),
        "is not there": issuers.url + "/nobody",
        "has no set of keys": issuers.issuer("empty", ["no keys"]),
        "has keys of another kind": issuers.issuer("text", lambda h: issuers.answer(h, 200, b"<html>")),
    }
    cases["sends elsewhere"] = issuers.issuer("moved", keys)
    issuers.paths["/moved" + WELL_KNOWN] = moved(elsewhere + WELL_KNOWN)
    cases["sends elsewhere for keys"] = issuers.issuer("keys-moved", moved(elsewhere + "/keys"))
    cases["does not end"] = issuers.issuer("unending", unending)
    for number, (name, url) in enumerate(cases.items()):
        kmsd.provide(url, f"bad{number}")
        got = kmsd.take(f"bad{number}", mint(kid="one", iss=url))
        ensure(f"an issuer that {name}: {got}", got == "IDPCommunicationError")
    ensure("nothing was followed", issuers.count("elsewhere") == 0)


def others_go_on(kmsd, issuers):
    """An issuer that does not answer holds up its own tokens and nothing else."""
    silent = issuers.issuer("silent", {"keys": []})
    issuers.paths["/silent" + WELL_KNOWN] = lambda handler: issuers.go_on.wait(20)
    kmsd.provide(silent, "silent")
    url = issuers.issuer("quick", {"keys": [rsa_jwk(RSA, "one")]})
    kmsd.provide(url, "quick")
    ensure("a token of a quick issuer", kmsd.is_taken("quick", mint(kid="one", iss=url)))
    got = []
    threads = [threading.Thread(target=lambda: got.append(kmsd.take("silent", mint(kid="one", iss=silent))))
               for _ in range(8)]
    for thread in threads:
        thread.start()
    while issuers.count("silent") == 0:
        time.sleep(0.01)
    ensure("is taken while a silent one is waited for", kmsd.is_taken("quick", mint(kid="one", iss=url)))
    ensure("identities are changed meanwhile", kmsd.iam.create_user(UserName="u")["User"]["UserName"] == "u")
    ensure("and it is still waited for", len(got) < 8)
    for thread in threads:
        thread.join()
    ensure("until that takes too long", got == ["IDPCommunicationError"] * 8 and issuers.count("silent") == 1)
    issuers.go_on.set()


with tempfile.TemporaryDirectory() as folder:
    pem = certificate(folder)
    issuers = Issuers(pem)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        os.environ.pop(name, None)

    kmsd = Kmsd(folder, "any", fetch="any", ca_file=pem, retry_s=1)
    keys_come_and_go(kmsd, issuers)
    refusals(kmsd, issuers)
    others_go_on(kmsd, issuers)
    ensure("failures are logged, with the reason", "/moved" + WELL_KNOWN + ": status 302" in kmsd.daemon.output())
    ensure("the daemon stops", kmsd.daemon.stop() == 0)

    url = issuers.issuer("closed", {"keys": [rsa_jwk(RSA, "one")]})
    for name, code, reason, more in [
        ("public addresses alone", "IDPCommunicationError", "not a public one", {"ca_file": pem}),
        ("unknown authorities", "IDPCommunicationError", "certificate", {"fetch": "any"}),
        ("no fetching at all", "InvalidIdentityToken", "", {"fetch": "never", "ca_file": pem}),
    ]:
        kmsd = Kmsd(folder, name.replace(" ", "-"), **more)
        kmsd.provide(url, "closed")
        got = kmsd.take("closed", mint(kid="one", iss=url))
        ensure(f"{name}: {got}", got == code and reason in kmsd.daemon.output())
        kmsd.daemon.stop()
    ensure("the issuer was asked by none of these", issuers.count("closed") == 0)
finish()
