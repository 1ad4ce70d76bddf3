"""Smithy RPC v2 CBOR on the wire, with an independent CBOR implementation."""

import datetime
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import cbor2  # noqa: E402
from tap import check, finish  # noqa: E402
from wire import call_cbor, call_json  # noqa: E402

UNKNOWN = "11111111-2222-3333-4444-555555555555"

created = call_cbor("CreateKey", {"Description": "cbor", "Tags": [{"TagKey": "k", "TagValue": "v"}]})
with check("CreateKey"):
    assert created.status == 200, created.body
    assert created.headers["Content-Type"] == "application/cbor"
    assert created.headers["Smithy-Protocol"] == "rpc-v2-cbor"
    assert created.headers["x-amzn-RequestId"]
KEY = created.cbor["KeyMetadata"]["KeyId"]
with check("times are tag 1"):
    assert isinstance(created.cbor["KeyMetadata"]["CreationDate"], datetime.datetime)
with check("both protocols show the same key"):
    over_json = call_json("DescribeKey", {"KeyId": KEY}).json["KeyMetadata"]
    over_cbor = call_cbor("DescribeKey", {"KeyId": KEY}).cbor["KeyMetadata"]
    over_cbor["CreationDate"] = over_cbor["CreationDate"].timestamp()
    over_json["CreationDate"] = round(over_json["CreationDate"], 3)
    over_cbor["CreationDate"] = round(over_cbor["CreationDate"], 3)
    assert over_json == over_cbor, (over_json, over_cbor)

sealed = call_cbor("Encrypt", {"KeyId": KEY, "Plaintext": b"\x00\xff", "EncryptionContext": {"a": "1", "b": "2"}}).cbor
with check("Encrypt and Decrypt, blobs as byte strings"):
    assert isinstance(sealed["CiphertextBlob"], bytes)
    opened = call_cbor("Decrypt", {"CiphertextBlob": sealed["CiphertextBlob"], "EncryptionContext": {"b": "2", "a": "1"}})
    assert opened.cbor["Plaintext"] == b"\x00\xff", opened.cbor
with check("an operation without output has no body and no content type"):
    answer = call_cbor("EnableKey", {"KeyId": KEY})
    assert (answer.status, answer.body) == (200, b""), answer.body
    assert answer.headers["Content-Type"] is None, answer.headers["Content-Type"]
    assert answer.headers["Smithy-Protocol"] == "rpc-v2-cbor"

ERRORS = [
    ("DescribeKey", {"KeyId": UNKNOWN}, 404, "com.amazonaws.kms#NotFoundException"),
    ("DescribeKey", {}, 400, "com.amazonaws.kms#ValidationException"),
    ("Encrypt", {"KeyId": KEY, "Plaintext": b"x", "DryRun": True}, 412, "com.amazonaws.kms#DryRunOperationException"),
    ("Decrypt", {"CiphertextBlob": b"nonsense"}, 400, "com.amazonaws.kms#InvalidCiphertextException"),
    ("CancelKeyDeletion", {"KeyId": KEY}, 409, "com.amazonaws.kms#KMSInvalidStateException"),
]
for operation, request, status, code in ERRORS:
    with check(f"{operation} {str(request)[:50]} -> {status} {code}"):
        answer = call_cbor(operation, request)
        assert answer.status == status, (answer.status, answer.body)
        assert answer.cbor["__type"] == code, answer.cbor
        assert "code" not in answer.cbor and answer.headers["X-Amzn-ErrorType"] is None
        assert answer.headers["Smithy-Protocol"] == "rpc-v2-cbor"

ACCEPTED = [
    ("an empty map", bytes.fromhex("a0")), ("an indefinite empty map", bytes.fromhex("bfff")), ("no body", b""),
    ("an indefinite map", b"\xbf\x65Limit\x01\xff"), ("an integer of 8 bytes", b"\xa1\x65Limit\x1b\0\0\0\0\0\0\0\x02"),
    ("null members", b"\xa1\x66Marker\xf6"), ("undefined members", b"\xa1\x66Marker\xf7"),
    ("unknown members of every kind", cbor2.dumps({"x": [1, -2, 2.5, True, None, b"b", "t", {"y": {}}]})),
]
for what, body in ACCEPTED:
    with check(f"ListKeys accepts {what}"):
        answer = call_cbor("ListKeys", body)
        assert answer.status == 200, answer.body

with check("text in chunks"):
    chunked = b"\xbf\x65KeyId\x7f" + b"".join(cbor2.dumps(KEY[i:i + 9]) for i in range(0, 36, 9)) + b"\xff\xff"
    assert call_cbor("DescribeKey", chunked).status == 200
with check("bytes in chunks"):
    blob = sealed["CiphertextBlob"]
    body = (b"\xa2\x6eCiphertextBlob\x5f" + cbor2.dumps(blob[:50]) + cbor2.dumps(blob[50:]) + b"\xff"
            + cbor2.dumps("EncryptionContext") + cbor2.dumps({"a": "1", "b": "2"}))
    assert call_cbor("Decrypt", body).cbor["Plaintext"] == b"\x00\xff"

HOSTILE = [
    ("an array", b"\x80"), ("a break alone", b"\xff"), ("half a map", b"\xa1\x65KeyId"), ("trailing bytes", b"\xa0\xa0"),
    ("deep nesting", b"\xa1\x61x" + b"\x81" * 5000 + b"\x00"), ("a huge count", b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff"),
    ("a huge string", b"\xa1\x65KeyId\x7b\x7f\xff\xff\xff\xff\xff\xff\xff"), ("invalid UTF-8", b"\xa1\x65KeyId\x62\xff\xfe"),
    ("reserved bits", b"\xa1\x65KeyId\x1c"), ("an integer key", b"\xa1\x01\x02"), ("a number for a string", b"\xa1\x65KeyId\x05"),
    ("deep indefinite nesting", b"\xbf\x61x" + b"\x9f" * 100000),
]
for what, body in HOSTILE:
    with check(f"DescribeKey with {what}"):
        answer = call_cbor("DescribeKey", body)
        assert answer.status == 400, (answer.status, answer.body)
        assert answer.cbor["__type"].endswith(("SerializationException", "ValidationException")), answer.cbor

with check("X-Amz-Target beside an RPC path is refused"):
    answer = call_cbor("ListKeys", {}, extra={"X-Amz-Target": "TrentService.ListKeys"})
    assert answer.status == 400, answer.status
with check("the service shape's absolute name and a path prefix are accepted"):
    for path in ("/service/com.amazonaws.kms.TrentService/operation/ListKeys", "/a/b/service/TrentService/operation/ListKeys"):
        assert call_cbor("ListKeys", {}, path=path).status == 200, path
with check("an unknown operation"):
    answer = call_cbor("NoSuchOperation", {})
    assert answer.status in (400, 404) and answer.cbor["__type"].endswith("UnknownOperationException"), answer.body
with check("another service"):
    assert call_cbor("ListKeys", {}, path="/service/Other/operation/ListKeys").status in (400, 404)
with check("a wrong protocol header"):
    assert call_cbor("ListKeys", {}, extra={"Smithy-Protocol": "rpc-v9"}).status == 400
finish()
