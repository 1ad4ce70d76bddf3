"""AWS JSON 1.1 on the wire: exact bodies, statuses, texts and field sets; hostile input."""

import base64
import json
import os
import re
import socket
import sys
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from tap import check, finish  # noqa: E402
from wire import ENDPOINT, JSON, call_json, send, sign  # noqa: E402

ARN = "arn:aws:kms:us-east-1:000000000000:key/"
UNKNOWN = "11111111-2222-3333-4444-555555555555"
PREFIX = "1 validation error detected: "


def b64(data):
    return base64.b64encode(data).decode()


def new_key(**members):
    return call_json("CreateKey", members).json["KeyMetadata"]["KeyId"]


KEY = new_key()
OTHER = new_key()
DISABLED = new_key()
call_json("DisableKey", {"KeyId": DISABLED})
PENDING = new_key()
call_json("ScheduleKeyDeletion", {"KeyId": PENDING})
call_json("CreateAlias", {"AliasName": "alias/wire", "TargetKeyId": KEY})
BLOB = call_json("Encrypt", {"KeyId": KEY, "Plaintext": b64(b"x")}).json["CiphertextBlob"]

LONG = "a" * 2049
# operation, request, error code, message (None: the member must be absent)
REFUSALS = [
    ("DescribeKey", {}, "ValidationException",
     PREFIX + "Value null at 'keyId' failed to satisfy constraint: Member must not be null"),
    ("DescribeKey", {"KeyId": None}, "ValidationException",
     PREFIX + "Value null at 'keyId' failed to satisfy constraint: Member must not be null"),
    ("DescribeKey", {"KeyId": ""}, "ValidationException",
     "2 validation errors detected: Value '' at 'keyId' failed to satisfy constraint: Member must have length greater "
     "than or equal to 1; Value '' at 'keyId' failed to satisfy constraint: Member must satisfy regular expression "
     "pattern: ^\\p{ASCII}+$"),
    ("DescribeKey", {"KeyId": "キー"}, "ValidationException",
     PREFIX + "Value 'キー' at 'keyId' failed to satisfy constraint: Member must satisfy regular expression pattern: "
     "^\\p{ASCII}+$"),
    ("DescribeKey", {"KeyId": LONG}, "ValidationException",
     PREFIX + f"Value '{LONG}' at 'keyId' failed to satisfy constraint: Member must have length less than or equal to 2048"),
    ("Encrypt", {"KeyId": KEY}, "ValidationException",
     PREFIX + "Value at 'plaintext' failed to satisfy constraint: Member must not be null"),
    ("Encrypt", {"KeyId": KEY, "Plaintext": ""}, "ValidationException",
     PREFIX + "Value at 'plaintext' failed to satisfy constraint: Member must have length greater than or equal to 1"),
    ("Encrypt", {"KeyId": KEY, "Plaintext": b64(bytes(4097))}, "ValidationException",
     PREFIX + "Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096"),
    ("Encrypt", {"KeyId": UNKNOWN, "Plaintext": b64(b"x"), "EncryptionAlgorithm": "FOO"}, "ValidationException",
     PREFIX + "Value 'FOO' at 'encryptionAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: "
     "[RSAES_OAEP_SHA_1, RSAES_OAEP_SHA_256, SM2PKE, SYMMETRIC_DEFAULT]"),
    ("Encrypt", {"KeyId": KEY, "Plaintext": b64(b"x"), "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"},
     "InvalidKeyUsageException", "Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT."),
    ("Encrypt", {"KeyId": KEY, "Plaintext": "%%%"}, "SerializationException", None),
    ("Decrypt", {"CiphertextBlob": b64(b"nonsense")}, "InvalidCiphertextException", None),
    ("Decrypt", {"CiphertextBlob": b64(bytes(6145))}, "ValidationException",
     PREFIX + "Value at 'ciphertextBlob' failed to satisfy constraint: Member must have length less than or equal to 6144"),
    ("Decrypt", {"CiphertextBlob": BLOB, "KeyId": OTHER}, "IncorrectKeyException",
     "The key ID in the request does not identify a CMK that can perform this operation."),
    ("Decrypt", {"CiphertextBlob": BLOB, "EncryptionContext": {"a": "b"}}, "InvalidCiphertextException", None),
    ("GenerateDataKey", {"KeyId": DISABLED}, "ValidationException",
     "Please specify either number of bytes or key spec."),
    ("GenerateDataKey", {"KeyId": KEY, "KeySpec": "RSA_2048"}, "ValidationException",
     PREFIX + "Value 'RSA_2048' at 'keySpec' failed to satisfy constraint: Member must satisfy enum value set: [RSA_2048, "
     "RSA_3072, RSA_4096, ECC_NIST_P256, ECC_NIST_P384, ECC_NIST_P521, ECC_SECG_P256K1, ECC_NIST_EDWARDS25519, "
     "SYMMETRIC_DEFAULT, HMAC_224, HMAC_256, HMAC_384, HMAC_512, SM2, ML_DSA_44, ML_DSA_65, ML_DSA_87]"),
    ("GenerateDataKey", {"KeyId": KEY, "NumberOfBytes": 0}, "ValidationException",
     PREFIX + "Value '0' at 'numberOfBytes' failed to satisfy constraint: Member must have value greater than or equal to 1"),
    ("GenerateRandom", {}, "ValidationException", "NumberOfBytes is required."),
    ("EnableKeyRotation", {"KeyId": KEY, "RotationPeriodInDays": 89}, "ValidationException",
     PREFIX + "Value '89' at 'rotationPeriodInDays' failed to satisfy constraint: Member must have value greater than or "
     "equal to 90"),
    ("EnableKeyRotation", {"KeyId": KEY, "RotationPeriodInDays": 2561}, "ValidationException",
     PREFIX + "Value '2561' at 'rotationPeriodInDays' failed to satisfy constraint: Member must have value less than or "
     "equal to 2560"),
    ("GetKeyPolicy", {"KeyId": KEY, "PolicyName": "invalid-name"}, "ValidationException",
     PREFIX + "Value 'invalid-name' at 'policyName' failed to satisfy constraint: Member must satisfy regular expression "
     "pattern: [\\w]+"),
    ("CreateAlias", {"AliasName": "alias/a b", "TargetKeyId": KEY}, "ValidationException",
     PREFIX + "Value 'alias/a b' at 'aliasName' failed to satisfy constraint: Member must satisfy regular expression "
     "pattern: ^[a-zA-Z0-9:/_-]+$"),
    ("CreateAlias", {"AliasName": "nope", "TargetKeyId": KEY}, "ValidationException",
     'Alias must start with the prefix "alias/". Please see '
     "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"),
    ("CreateAlias", {"AliasName": "alias/wire", "TargetKeyId": KEY}, "AlreadyExistsException",
     "An alias with the name arn:aws:kms:us-east-1:000000000000:alias/wire already exists"),
    ("TagResource", {"KeyId": KEY, "Tags": [{"TagKey": "ok", "TagValue": ""}, {"TagKey": "a" * 129, "TagValue": ""}]},
     "ValidationException",
     PREFIX + f"Value '{'a' * 129}' at 'tags.2.member.tagKey' failed to satisfy constraint: Member must have length less "
     "than or equal to 128"),
    ("TagResource", {"KeyId": KEY, "Tags": [{"TagKey": "a", "TagValue": ""}, {"TagKey": "a", "TagValue": ""}]},
     "TagException", "Duplicate tag keys"),
    ("TagResource", {"KeyId": KEY, "Tags": [{"TagKey": str(i), "TagValue": ""} for i in range(51)]},
     "TagException", "Too many tags"),
    ("TagResource", {"KeyId": KEY, "Tags": [{"TagKey": "AWS:x", "TagValue": ""}]},
     "TagException", "Tags beginning with aws: are reserved"),
    ("DescribeKey", {"KeyId": UNKNOWN}, "NotFoundException", f"Key '{ARN}{UNKNOWN}' does not exist"),
    ("DescribeKey", {"KeyId": "mrk-" + "0" * 32}, "NotFoundException", f"Key '{ARN}mrk-{'0' * 32}' does not exist"),
    ("DescribeKey", {"KeyId": "foo"}, "NotFoundException", "Invalid keyId 'foo'"),
    ("DescribeKey", {"KeyId": ARN + "foo"}, "NotFoundException", "Invalid keyId foo"),
    ("DescribeKey", {"KeyId": f"arn:aws:kms:us-west-2:000000000000:key/{UNKNOWN}"}, "NotFoundException",
     "Invalid arn us-west-2"),
    ("DescribeKey", {"KeyId": "alias/none"}, "NotFoundException",
     "Alias arn:aws:kms:us-east-1:000000000000:alias/none is not found."),
    ("EnableKey", {"KeyId": "alias/none"}, "InvalidArnException", "Key Aliases are not supported for this operation."),
    ("TagResource", {"KeyId": "alias/wire", "Tags": []}, "InvalidArnException",
     "Key Aliases are not supported for this operation."),
    ("Encrypt", {"KeyId": DISABLED, "Plaintext": b64(b"x")}, "DisabledException", f"{ARN}{DISABLED} is disabled."),
    ("Encrypt", {"KeyId": PENDING, "Plaintext": b64(b"x")}, "KMSInvalidStateException",
     f"{ARN}{PENDING} is pending deletion."),
    ("ScheduleKeyDeletion", {"KeyId": PENDING}, "KMSInvalidStateException", f"{ARN}{PENDING} is pending deletion."),
    ("CancelKeyDeletion", {"KeyId": KEY}, "KMSInvalidStateException", f"{ARN}{KEY} is not pending deletion."),
    ("CreateAlias", {"AliasName": "alias/pending", "TargetKeyId": PENDING}, "KMSInvalidStateException",
     f"{ARN}{PENDING} is pending deletion."),
    ("CreateKey", {"KeySpec": "RSA_2048"}, "ValidationException",
     "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys."),
    ("CreateKey", {"KeySpec": "RSA_2048", "CustomerMasterKeySpec": "RSA_2048"}, "ValidationException",
     "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated."),
    ("CreateKey", {"KeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "SIGN_VERIFY"}, "ValidationException",
     "KeyUsage SIGN_VERIFY is not compatible with KeySpec SYMMETRIC_DEFAULT."),
    ("Encrypt", {"KeyId": KEY, "Plaintext": b64(b"x"), "DryRun": True}, "DryRunOperationException",
     "The request would have succeeded, but the DryRun option is set."),
]

for operation, request, code, message in REFUSALS:
    shown = json.dumps(request)
    with check(f"{operation} {shown[:60]} -> {code}"):
        answer = call_json(operation, request)
        assert answer.status == 400, answer.status
        assert answer.headers["Content-Type"] == JSON, answer.headers["Content-Type"]
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", answer.headers["x-amzn-RequestId"])
        expected = {"__type": code}
        if message is not None:
            expected["message"] = message
        assert answer.json == expected, answer.json

with check("answers without output have an empty body and keep the content type"):
    answer = call_json("EnableKey", {"KeyId": KEY})
    assert (answer.status, answer.body) == (200, b""), answer.body
    assert answer.headers["Content-Length"] == "0" and answer.headers["Content-Type"] == JSON

FIELD_SETS = [
    ("Encrypt", {"KeyId": "alias/wire", "Plaintext": b64(b"x")}, {"CiphertextBlob", "KeyId", "EncryptionAlgorithm"}),
    ("Decrypt", {"CiphertextBlob": BLOB}, {"KeyId", "Plaintext", "EncryptionAlgorithm", "KeyMaterialId"}),
    ("GenerateDataKey", {"KeyId": KEY, "KeySpec": "AES_256"}, {"CiphertextBlob", "Plaintext", "KeyId", "KeyMaterialId"}),
    ("GenerateDataKeyWithoutPlaintext", {"KeyId": KEY, "KeySpec": "AES_256"}, {"CiphertextBlob", "KeyId", "KeyMaterialId"}),
    ("ReEncrypt", {"CiphertextBlob": BLOB, "DestinationKeyId": OTHER},
     {"CiphertextBlob", "KeyId", "SourceKeyId", "SourceEncryptionAlgorithm", "DestinationEncryptionAlgorithm",
      "SourceKeyMaterialId", "DestinationKeyMaterialId"}),
    ("GenerateRandom", {"NumberOfBytes": 5}, {"Plaintext"}),
    ("GetKeyRotationStatus", {"KeyId": KEY}, {"KeyId", "KeyRotationEnabled"}),
    ("GetKeyPolicy", {"KeyId": KEY}, {"Policy", "PolicyName"}),
    ("ListKeyPolicies", {"KeyId": KEY}, {"PolicyNames", "Truncated"}),
    ("ListKeys", {}, {"Keys", "Truncated"}),
    ("ListKeys", {"Limit": 1}, {"Keys", "Truncated", "NextMarker"}),
    ("ListAliases", {}, {"Aliases", "Truncated"}),
    ("ListResourceTags", {"KeyId": KEY}, {"Tags", "Truncated"}),
    ("ScheduleKeyDeletion", {"KeyId": new_key()}, {"KeyId", "DeletionDate", "KeyState", "PendingWindowInDays"}),
]
for operation, request, members in FIELD_SETS:
    with check(f"{operation} answers with exactly {sorted(members)}"):
        answer = call_json(operation, request)
        assert answer.status == 200, answer.body
        assert set(answer.json) == members, sorted(answer.json)

with check("KeyMetadata has exactly the live service's members"):
    metadata = call_json("DescribeKey", {"KeyId": KEY}).json["KeyMetadata"]
    assert set(metadata) == {
        "AWSAccountId", "Arn", "CreationDate", "CurrentKeyMaterialId", "CustomerMasterKeySpec", "Description", "Enabled",
        "EncryptionAlgorithms", "KeyId", "KeyManager", "KeySpec", "KeyState", "KeyUsage", "MultiRegion", "Origin",
    }, sorted(metadata)
    assert isinstance(metadata["CreationDate"], float) or isinstance(metadata["CreationDate"], int)

with check("the default key policy, formatted as the live service does"):
    text = call_json("GetKeyPolicy", {"KeyId": KEY}).json["Policy"]
    assert json.loads(text) == {
        "Version": "2012-10-17", "Id": "key-default-1",
        "Statement": [{"Sid": "Enable IAM User Permissions", "Effect": "Allow",
                       "Principal": {"AWS": "arn:aws:iam::000000000000:root"}, "Action": "kms:*", "Resource": "*"}]}
    assert text.startswith('{\n  "Version" : "2012-10-17",\n'), text[:40]
    assert '"Statement" : [ {\n' in text and text.endswith("} ]\n}"), text

# Bodies and headers that no SDK sends: each has an answer of the API, none a crash.
DEPTH = b'{"KeyId":' * 200 + b'"x"' + b"}" * 200
HOSTILE = [
    ("not JSON", b"{", "SerializationException"),
    ("an array", b"[]", "SerializationException"),
    ("a string", b'"KeyId"', "SerializationException"),
    ("trailing bytes", b'{"KeyId":"x"} x', "SerializationException"),
    ("invalid UTF-8", b'{"KeyId":"\xff\xfe"}', "SerializationException"),
    ("deep nesting", DEPTH, "SerializationException"),
    ("deep nesting of arrays", b"[" * 100000, "SerializationException"),
    ("a number for a string", b'{"KeyId":5}', "SerializationException"),
    ("an object for a string", b'{"KeyId":{}}', "SerializationException"),
    ("a string for a list", b'{"KeyId":"x","GrantTokens":"y"}', "SerializationException"),
    ("NUL in a string", b'{"KeyId":"\\u0000"}', None),
]
for what, body, code in HOSTILE:
    with check(f"DescribeKey with {what}"):
        answer = call_json("DescribeKey", body)
        assert answer.status == 400, answer.status
        assert code is None or answer.json["__type"] == code, answer.json

with check("an empty body counts as an empty structure"):
    assert call_json("ListKeys", b"").status == 200
with check("unknown members are ignored"):
    assert call_json("ListKeys", {"Unknown": {"a": [1, 2, {"b": None}]}}).status == 200
with check("an unknown operation"):
    answer = call_json("NoSuchOperation", {})
    assert (answer.status, answer.json["__type"]) == (400, "UnknownOperationException"), answer.body
with check("an operation with a name of 4000 characters"):
    assert call_json("X" * 4000, {}).json["__type"] == "UnknownOperationException"
with check("another service's target"):
    body = b"{}"
    headers = sign("/", {"Content-Type": JSON, "X-Amz-Target": "DynamoDB_20120810.ListTables"}, body)
    assert send("POST", "/", headers, body).json["__type"] == "UnknownOperationException"
with check("a body over 1 MiB"):
    answer = call_json("ListKeys", b'{"a":"' + b"x" * (1 << 20) + b'"}')
    assert answer.status in (400, 413), answer.status
    assert "__type" in answer.json and answer.headers["x-amzn-RequestId"]
with check("GET on the root is refused, and has a request id"):
    answer = send("GET", "/", {}, None)
    assert answer.status in (400, 403, 404, 405) and answer.headers["x-amzn-RequestId"], answer.status
with check("the service still answers after all that"):
    assert call_json("DescribeKey", {"KeyId": KEY}).status == 200


def raw(data, timeout=20):
    """Sends bytes as they are and returns what comes back until the connection closes."""
    parts = urllib.parse.urlsplit(ENDPOINT)
    with socket.create_connection((parts.hostname, parts.port), timeout=timeout) as connection:
        received = b""
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # refused before all was sent
        while chunk := connection.recv(65536):
            received += chunk
    return received


RAW = [
    ("nothing", b""), ("a line of rubbish", b"\x00\xff\x00 rubbish\r\n\r\n"), ("half a request", b"POST / HTTP/1.1\r\nHost: x\r\nCon"),
    ("a header of 100 KiB", b"POST / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 102400 + b"\r\n\r\n"),
    ("10,000 headers", b"POST / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 10000 + b"\r\n"),
    ("a negative length", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"),
    ("a huge length", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n"),
    ("a length and chunks", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
]
for what, data in RAW:
    with check(f"raw bytes: {what}"):
        try:
            answer = raw(data)
        except ConnectionResetError:
            answer = b""
        assert not answer.startswith(b"HTTP/1.1 200"), answer[:80]
        assert call_json("ListKeys", {}).status == 200

# A proxy in front may read these heads another way: the second request must not get an answer of its own.
SECOND = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
LENGTH = b"Content-Length: %d" % len(SECOND)
AMBIGUOUS = [
    ("two lengths", b"Content-Length: 0\r\n" + LENGTH, b""),
    ("the same length twice", b"Content-Length: 0\r\nContent-Length: 0", b""),
    ("a space before the colon", LENGTH.replace(b":", b" :"), b""),
    ("chunks and a length", b"Transfer-Encoding: chunked\r\n" + LENGTH, b"0\r\n\r\n"),
    ("another coding", b"Transfer-Encoding: gzip, chunked", b"0\r\n\r\n"),
]
for what, lengths, body in AMBIGUOUS:
    with check(f"ambiguous framing: {what}"):
        answer = raw(b"POST / HTTP/1.1\r\nHost: x\r\n" + lengths + b"\r\n\r\n" + body + SECOND)
        assert answer.startswith(b"HTTP/1.1 400") and answer.count(b"HTTP/1.1 ") == 1, answer
finish()
