"""Authentication on the wire: every way in which a signature can be wrong, and its answer."""

import datetime
import os
import sys
import unittest.mock

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import botocore.auth  # noqa: E402
from botocore.credentials import Credentials  # noqa: E402
from tap import check, finish  # noqa: E402
from wire import JSON, call_cbor, call_json, send, sign  # noqa: E402

BODY = b"{}"
HEADERS = {"Content-Type": JSON, "X-Amz-Target": "TrentService.ListKeys"}


def post(headers, body=BODY, path="/"):
    return send("POST", path, headers, body)


def signed(**signing):
    return sign("/", HEADERS, BODY, **signing)


def signed_at(offset_s):
    """Signs as a client whose clock is wrong."""
    real = botocore.auth.datetime.datetime if hasattr(botocore.auth.datetime, "datetime") else None
    shifted = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=offset_s)

    class Shifted(datetime.datetime):
        @classmethod
        def utcnow(cls):
            return shifted.replace(tzinfo=None)

        @classmethod
        def now(cls, tz=None):
            return shifted if tz else shifted.replace(tzinfo=None)

    targets = []
    if real is not None:
        targets.append(unittest.mock.patch.object(botocore.auth.datetime, "datetime", Shifted))
    if hasattr(botocore.auth, "get_current_datetime"):
        targets.append(unittest.mock.patch.object(botocore.auth, "get_current_datetime",
                                                  lambda remove_tzinfo=True: Shifted.now(None if remove_tzinfo else 1)))
    for target in targets:
        target.start()
    try:
        return signed()
    finally:
        for target in targets:
            target.stop()


def refused(name, headers, code, text="", body=BODY, path="/"):
    with check(name):
        answer = post(headers, body, path)
        assert answer.status == 400, answer.status
        assert answer.json["__type"] == code, answer.json
        said = answer.json.get("message", answer.json.get("Message", ""))
        assert text in said, said
        assert answer.headers["x-amzn-RequestId"]


def without(headers, name):
    return {key: value for key, value in headers.items() if key.lower() != name.lower()}


def changed(headers, old, new):
    assert old in headers["Authorization"]
    return {**headers, "Authorization": headers["Authorization"].replace(old, new)}


with check("a good signature"):
    assert post(signed()).status == 200
refused("no Authorization", HEADERS, "MissingAuthenticationTokenException", "Missing Authentication Token")
refused("another scheme", {**HEADERS, "Authorization": "Basic dGVzdDp0ZXN0"}, "IncompleteSignatureException")
refused("an empty Authorization", {**HEADERS, "Authorization": ""}, "MissingAuthenticationTokenException")
for part in ("Credential", "SignedHeaders", "Signature"):
    refused(f"no {part}", changed(signed(), part + "=", "X-" + part + "="), "IncompleteSignatureException",
            f"Authorization header requires '{part}' parameter.")
refused("no date", without(signed(), "X-Amz-Date"), "IncompleteSignatureException", "X-Amz-Date")
refused("a malformed credential", changed(signed(), "/aws4_request", ""), "IncompleteSignatureException")
refused("an unknown access key", signed(credentials=Credentials("AKIAIOSFODNN7EXAMPLE", "x")),
        "UnrecognizedClientException", "The security token included in the request is invalid.")
refused("a wrong secret", signed(credentials=Credentials("test", "wrong")), "InvalidSignatureException",
        "The request signature we calculated does not match the signature you provided.")
refused("a session token that nobody issued", signed(credentials=Credentials("test", "test", "made-up-token")),
        "UnrecognizedClientException", "The security token included in the request is invalid.")
refused("another service's scope", signed(service="s3"), "InvalidSignatureException", "Credential should be scoped to correct service")
refused("an altered body", signed(), "InvalidSignatureException", body=b'{"Limit":1}')
refused("an altered path", signed(), "UnknownOperationException", path="/x")
refused("an altered query", signed(), "InvalidSignatureException", path="/?a=b")
refused("an altered target", {**signed(), "X-Amz-Target": "TrentService.ListAliases"}, "InvalidSignatureException")
refused("an unsigned x-amz header slipped in", {**signed(), "X-Amz-Extra": "1"}, "InvalidSignatureException")
refused("host not signed", changed(signed(), "host;", ""), "InvalidSignatureException")
headers = signed()
signature = headers["Authorization"].rsplit("=", 1)[1]
for name, forged in (("one digit", signature[:-1] + ("0" if signature[-1] != "0" else "1")), ("short", signature[:-1]),
                     ("upper case", signature.upper()), ("empty", ""), ("long", signature + "00")):
    refused(f"a signature with {name}", changed(headers, signature, forged), "InvalidSignatureException" if forged else "IncompleteSignatureException")
with check("four minutes late or early is fine"):
    assert post(signed_at(-240)).status == 200 and post(signed_at(240)).status == 200
refused("six minutes late", signed_at(-360), "InvalidSignatureException", "Signature expired: ")
refused("six minutes early", signed_at(360), "InvalidSignatureException", "Signature not yet current: ")
with check("CBOR answers authentication faults in CBOR"):
    answer = call_cbor("ListKeys", {}, credentials=Credentials("test", "wrong"))
    assert answer.cbor["__type"].endswith("InvalidSignatureException"), answer.cbor
with check("regions are separate"):
    key = call_json("CreateKey", {}, region="eu-west-1").json["KeyMetadata"]
    assert key["Arn"].startswith("arn:aws:kms:eu-west-1:")
    assert call_json("DescribeKey", {"KeyId": key["KeyId"]}, region="eu-west-1").status == 200
    assert call_json("DescribeKey", {"KeyId": key["KeyId"]}).json["__type"] == "NotFoundException"
finish()
