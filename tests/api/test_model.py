"""Every operation of the API through boto3, by the published model (tests/vectors/api/kms-api.json).

Each is called with a valid request, without each required member, past each bound and with a wrong value of each
enumeration, in structures within the request as well; those that use keys also on keys of every wrong spec and usage
and of every wrong state that keys come into (tests/unit/kmsd/ops/test_states.c has the others too). Asserted are error
codes, HTTP statuses, texts, and the members of answers.
"""

import base64
import itertools
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from boto_kms import BotoKms  # noqa: E402
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, padding  # noqa: E402
from kms import Fault, Kms, b64  # noqa: E402
from tap import check, finish  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(HERE, "..", "vectors", "api", "kms-api.json")) as file:
    API = json.load(file)
OPERATIONS, STRUCTURES, TYPES = API["operations"], API["structures"], API["types"]
KEY_ARN_UNKNOWN = "arn:aws:kms:us-east-1:000000000000:key/12345678-1234-1234-1234-123456789abc"

kms = BotoKms()
raw = Kms()  # for what boto3 cannot say


def make(spec="SYMMETRIC_DEFAULT", usage="ENCRYPT_DECRYPT"):
    return kms.call("CreateKey", KeySpec=spec, KeyUsage=usage)["KeyMetadata"]


# What the live service was seen to do where its model says something else: bounds and constraints by type.
LIVE_BOUNDS = {"PolicyType": (1, 32768)}
LIVE_PATTERN_TOO = {"KeyIdType"}  # an empty one breaks two rules at once

# Operations that this version knows, validates, and does not carry out.
NOT_OFFERED = {name for name in OPERATIONS if "CustomKeyStore" in name}


def is_not_offered(fault):
    return fault.code == "UnsupportedOperationException" and fault.message.startswith("This version does not offer")


# --- requests that are valid by the model alone ------------------------------------------------------------------------

def value_of(type_name, depth=0):
    """Something that satisfies the model's constraints (the service may still know no such key)."""
    if type_name in STRUCTURES:
        return {member: value_of(entry["type"], depth + 1) for member, entry in STRUCTURES[type_name].items()
                if entry.get("required")}
    entry = TYPES.get(type_name, {"type": type_name})
    special = {
        "KeyIdType": KEY_ARN_UNKNOWN, "ArnType": "arn:aws:iam::000000000000:root", "BackingKeyIdType": "0" * 64,
        "PrincipalIdType": "arn:aws:iam::000000000000:root", "AliasNameType": "alias/model", "PolicyType": "{}",
        "CloudHsmClusterIdType": "cluster-abcdefghijk", "RegionType": "eu-west-1", "GrantTokenType": "token",
        "XksProxyUriPathType": "/kms/xks/v1", "XksProxyUriEndpointType": "https://example.com",
        "XksProxyVpcEndpointServiceNameType": "com.amazonaws.vpce.us-east-1.vpce-svc-00000000000000000",
        "XksProxyAuthenticationAccessKeyIdType": "ABCDE23456727EXAMPLE",
        "XksProxyAuthenticationRawSecretAccessKeyType": "A" * 44, "AccountIdType": "000000000000",
    }
    if type_name in special:
        return special[type_name]
    kind = entry["type"]
    if kind == "string":
        return entry["enum"][0] if "enum" in entry else "a" * max(entry.get("min", 1), 1)
    if kind == "blob":
        return b64(b"a" * max(entry.get("min", 1), 1))
    if kind == "integer":
        return max(entry.get("min", 1), 1)
    if kind == "boolean":
        return False
    if kind == "timestamp":
        return 4102444800
    if kind == "list":
        return [value_of(entry["member"], depth + 1)] if entry.get("min", 0) > 0 or depth == 0 else []
    return {}


def minimal(operation):
    shape = OPERATIONS[operation].get("input")
    return value_of(shape) if shape else {}


ABSENT = object()


def kind_of(type_name):
    return "structure" if type_name in STRUCTURES else TYPES.get(type_name, {"type": type_name})["type"]


def lower(name):
    return name[0].lower() + name[1:]


def complaint(fault, member):
    """The part of a ValidationException's text that is about one member."""
    assert (fault.code, fault.status) == ("ValidationException", 400), fault
    assert " validation error" in fault.message and " detected: " in fault.message, fault
    parts = [part for part in fault.message.split(": ", 1)[1].split("; ") if f" at '{member}'" in part]
    assert parts, f"nothing about {member}: {fault}"
    return parts


def members_of(operation):
    """The members of the input."""
    shape = OPERATIONS[operation].get("input")
    return list(STRUCTURES[shape].items()) if shape else []


def places(operation):
    """All places of a request: (name in texts, entry, a function that puts a value there; ABSENT takes it away)."""
    def put(path, value):
        request = minimal(operation)
        at = request
        for step, filler in path[:-1]:
            if isinstance(at, dict):
                at = at.setdefault(step, filler())
            else:
                at[step:] = [filler()]
                at = at[step]
        last = path[-1][0]
        if value is ABSENT:
            at.pop(last, None)
        elif isinstance(at, list):
            at[:] = [value]
        else:
            at[last] = value
        return request

    def walk(structure, names, path):
        for member, entry in STRUCTURES[structure].items():
            yield from place(entry, names + [lower(member)], path, member)

    def place(entry, names, path, step):
        type_name = entry["type"]
        here = path + [(step, lambda: [] if kind_of(type_name) == "list" else value_of(type_name))]
        yield ".".join(names), entry, lambda value: put(here, value)
        if type_name in STRUCTURES:
            yield from walk(type_name, names, here)
        elif kind_of(type_name) == "list":
            yield from place({"type": TYPES[type_name]["member"]}, names + ["1", "member"], here, 0)

    shape = OPERATIONS[operation].get("input")
    return list(walk(shape, [], [])) if shape else []


# --- shapes ------------------------------------------------------------------------------------------------------------

def check_missing(operation):
    count = 0
    for name, entry, put in places(operation):
        if not entry.get("required"):
            continue
        kind = TYPES.get(entry["type"], {})
        sensitive = kind.get("sensitive") or entry.get("sensitive")
        fault = kms.fault(operation, **put(ABSENT))
        part = complaint(fault, name)[0]
        start = "Value at" if sensitive else "Value null at"
        assert part == f"{start} '{name}' failed to satisfy constraint: Member must not be null", part
        assert fault.message.startswith("1 validation error detected: "), fault
        count += 1
    # all of them at once: every one is named, in one answer
    required = sum(bool(entry.get("required")) for _, entry in members_of(operation))
    if required > 1:
        fault = kms.fault(operation)
        assert fault.message.startswith(f"{required} validation errors detected: "), fault
    return count


def past_bounds(type_name):
    """Values just outside of what a type allows, with the constraint that each breaks."""
    entry = TYPES.get(type_name, {})
    low, high = LIVE_BOUNDS.get(type_name, (entry.get("min"), entry.get("max")))
    kind = entry.get("type")
    if kind == "integer":
        if low is not None:
            yield low - 1, f"Member must have value greater than or equal to {low}"
        if high is not None:
            yield high + 1, f"Member must have value less than or equal to {high}"
    elif kind in ("string", "blob") and "enum" not in entry:
        def text(length):
            if kind == "blob":
                return b64(b"a" * length)
            return ("alias/" + "a" * length)[:length] if type_name == "AliasNameType" else "a" * length
        if low:
            yield text(low - 1), f"Member must have length greater than or equal to {low}"
        if high is not None and high <= 300000:
            yield text(high + 1), f"Member must have length less than or equal to {high}"
    elif kind == "list" and high is not None:
        yield [value_of(entry["member"])] * (high + 1), f"Member must have length less than or equal to {high}"


def check_bounds(operation):
    count = 0
    for name, entry, put in places(operation):
        for value, constraint in past_bounds(entry["type"]):
            breaks_pattern = isinstance(value, str) and pattern_refuses(entry["type"], value)
            fault = kms.fault(operation, **put(value))
            if name.endswith(".member"):  # of the members of a list the list is named, with what every one must satisfy
                assert (fault.code, fault.status) == ("ValidationException", 400), fault
                assert "failed to satisfy constraint: Member must satisfy constraint: [" in fault.message, fault
                assert constraint in fault.message and f" at '{name.rsplit('.', 2)[0]}'" in fault.message, fault
                count += 1
                continue
            parts = complaint(fault, name)
            wanted = f"at '{name}' failed to satisfy constraint: {constraint}"
            assert any(part.endswith(wanted) for part in parts), f"{name}: {parts}, not {wanted}"
            assert len(parts) == (2 if breaks_pattern else 1), f"{name}: {parts}"
            count += 1
    return count


def pattern_refuses(type_name, value):
    if type_name in LIVE_PATTERN_TOO:
        return value == ""
    kind = TYPES.get(type_name, {})
    return "pattern" in kind and re.fullmatch(kind["pattern"], value) is None


def check_enums(operation):
    count = 0
    for name, entry, put in places(operation):
        if "enum" not in TYPES.get(entry["type"], {}):
            continue
        fault = kms.fault(operation, **put("NO_SUCH_VALUE"))
        assert (fault.code, fault.status) == ("ValidationException", 400), fault
        text = fault.message
        if name.endswith(".member"):  # the live service names the whole list or its member, depending on the release
            assert "Member must satisfy enum value set: [" in text and name.split(".")[-3] in text, fault
        else:
            part = text.split(": ", 1)[1]
            assert part.startswith(f"Value 'NO_SUCH_VALUE' at '{name}' failed to satisfy constraint: "
                                   "Member must satisfy enum value set: ["), fault
        assert text.endswith("]"), fault
        count += 1
    return count


def wrong_type(type_name):
    kind = kind_of(type_name)
    return {"string": 1, "blob": 1, "integer": "one", "boolean": "yes", "timestamp": "soon", "list": {}, "map": [],
            "structure": []}[kind]


def check_types(operation):
    """What is of another JSON type is no request at all."""
    count = 0
    for name, entry, put in places(operation):
        fault = raw.fault(operation, **put(wrong_type(entry["type"])))
        assert (fault.code, fault.status) == ("SerializationException", 400), f"{name}: {fault}"
        count += 1
    return count


totals = {"missing": 0, "bounds": 0, "enums": 0, "types": 0}
for operation in OPERATIONS:
    with check(f"{operation}: what its model refuses"):
        totals["missing"] += check_missing(operation)
        totals["bounds"] += check_bounds(operation)
        totals["enums"] += check_enums(operation)
        totals["types"] += check_types(operation)
with check("the model was not empty"):
    assert len(OPERATIONS) == 56, len(OPERATIONS)
    assert totals["missing"] > 60 and totals["bounds"] > 150 and totals["enums"] > 25, totals

# An unknown key is found missing after the shape was found right, by every operation that names one key.
with check("an unknown key, by every operation that names one"):
    asked = 0
    for operation in OPERATIONS:
        names = dict(members_of(operation))
        if operation in NOT_OFFERED or "KeyId" not in names or operation in ("ListRetirableGrants", "Decrypt"):
            continue
        request = dict(minimal(operation), KeyId=KEY_ARN_UNKNOWN)
        extra = {"GenerateDataKey": {"KeySpec": "AES_256"}, "GenerateDataKeyWithoutPlaintext": {"KeySpec": "AES_256"},
                 "RetireGrant": {"GrantId": "0" * 64}, "CreateGrant": {"Operations": ["Encrypt"],
                                                              "GranteePrincipal": "arn:aws:iam::000000000000:root"},
                 "ListAliases": {}, "ScheduleKeyDeletion": {}, "ReplicateKey": {}}
        request.update(extra.get(operation, {}))
        fault = kms.fault(operation, **request)
        if is_not_offered(fault):
            continue
        assert (fault.code, fault.message) == \
            ("NotFoundException", f"Key '{KEY_ARN_UNKNOWN}' does not exist"), fault
        asked += 1
    assert asked >= 35, asked

# --- answers -----------------------------------------------------------------------------------------------------------

KINDS = {
    "symmetric": ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"),
    "rsa": ("RSA_2048", "ENCRYPT_DECRYPT"),
    "rsa signing": ("RSA_2048", "SIGN_VERIFY"),
    "ecc": ("ECC_NIST_P256", "SIGN_VERIFY"),
    "ed25519": ("ECC_NIST_EDWARDS25519", "SIGN_VERIFY"),
    "agreement": ("ECC_NIST_P384", "KEY_AGREEMENT"),
    "hmac": ("HMAC_256", "GENERATE_VERIFY_MAC"),
    "kem": ("ML_KEM_512", "ENCAPSULATE_DECAPSULATE"),
}
ELSEWHERE = "eu-west-1"
GRANTEE = "arn:aws:iam::000000000000:root"
GRANT = {"GranteePrincipal": GRANTEE, "Operations": ["DescribeKey"]}
MESSAGE = b64(b"m")
FOR_EVER = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
POLICY = json.dumps({"Statement": [{"Effect": "Allow", "Principal": {"AWS": GRANTEE}, "Action": "kms:*", "Resource": "*"}]})
names = itertools.count()


def material_for(kind):
    """Key material of the owner's own, as ImportKeyMaterial takes it."""
    curve = {"ecc": ec.SECP256R1, "agreement": ec.SECP384R1}.get(kind)
    if curve is None:
        return os.urandom(32)
    return ec.generate_private_key(curve()).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def prepare_import(key, material):
    """Parameters and wrapped material, good as often as they are used."""
    given = kms.call("GetParametersForImport", KeyId=key["KeyId"], WrappingAlgorithm="RSAES_OAEP_SHA_256",
                     WrappingKeySpec="RSA_2048")
    public = serialization.load_der_public_key(base64.b64decode(given["PublicKey"]))
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    return {"ImportToken": given["ImportToken"], "EncryptedKeyMaterial": b64(public.encrypt(material, oaep)), **FOR_EVER}


def subject(kind, external=False, primary=False):
    """A key of that kind with what requests about it need, made while it can be used."""
    spec, usage = KINDS[kind]
    more = {**({"Origin": "EXTERNAL"} if external else {}), **({"MultiRegion": True} if primary else {})}
    key = kms.call("CreateKey", KeySpec=spec, KeyUsage=usage, **more)["KeyMetadata"]
    made = {"KeyId": key["KeyId"]}
    if external:
        key["Import"] = prepare_import(key, material_for(kind))
        kms.call("ImportKeyMaterial", **made, **key["Import"])
    if primary:
        kms.call("ReplicateKey", **made, ReplicaRegion=ELSEWHERE)
    key["Alias"], key["Moving"] = f"alias/subject/{next(names)}", f"alias/moving/{next(names)}"
    kms.call("CreateAlias", AliasName=key["Alias"], TargetKeyId=key["KeyId"])
    key["Grants"] = [kms.call("CreateGrant", **made, **GRANT)["GrantId"] for _ in range(2)]
    if kind == "symmetric":
        key["Blob"] = kms.call("Encrypt", **made, Plaintext=b64(b"x"))["CiphertextBlob"]
        kms.call("CreateAlias", AliasName=key["Moving"], TargetKeyId=SYM or key["KeyId"])
    elif kind == "ecc":
        key["Signature"] = kms.call("Sign", **made, Message=MESSAGE, SigningAlgorithm="ECDSA_SHA_256")["Signature"]
    elif kind == "hmac":
        key["Mac"] = kms.call("GenerateMac", **made, Message=MESSAGE, MacAlgorithm="HMAC_SHA_256")["Mac"]
    elif kind == "agreement":
        key["Peer"] = kms.call("GetPublicKey", **made)["PublicKey"]
    elif kind == "kem":
        key["Capsule"] = kms.call("Encapsulate", **made, EncapsulationAlgorithm="ML_KEM")["SharedSecretCiphertextBlob"]
    return key


SYM = None
try:
    make(*KINDS["kem"])
except Fault as fault:
    with check("keys for encapsulation are refused where OpenSSL is older than 3.5, and only there"):
        assert (fault.code, fault.status) == ("UnsupportedOperationException", 400), fault
        assert fault.message == "The OpenSSL that this server runs with does not offer KeySpec ML_KEM_512.", fault
        version = subprocess.run(["openssl", "version"], check=True, capture_output=True, text=True).stdout.split()[1]
        assert tuple(map(int, version.split(".")[:2])) < (3, 5), version
    del KINDS["kem"]
KEYS = {name: subject(name) for name in KINDS}
SYM, BLOB = KEYS["symmetric"]["KeyId"], KEYS["symmetric"]["Blob"]
KEYS["external"] = subject("symmetric", external=True)
KEYS["primary"] = subject("symmetric", primary=True)
KEYS["doomed"] = subject("symmetric")


def with_id(**request):
    return lambda key: dict(request, KeyId=key["KeyId"])


# operation -> (kind of key; None: of none, what to ask of the key, members of the answer; None: an empty body)
VALID = {
    "Encrypt": ("symmetric", with_id(Plaintext=b64(b"x")), "CiphertextBlob EncryptionAlgorithm KeyId"),
    "Decrypt": ("symmetric", lambda key: {"CiphertextBlob": key["Blob"]},
                "EncryptionAlgorithm KeyId KeyMaterialId Plaintext"),
    "ReEncrypt": ("symmetric", lambda key: {"CiphertextBlob": key["Blob"], "DestinationKeyId": SYM},
                  "CiphertextBlob DestinationEncryptionAlgorithm DestinationKeyMaterialId KeyId "
                  "SourceEncryptionAlgorithm SourceKeyId SourceKeyMaterialId"),
    "GenerateDataKey": ("symmetric", with_id(KeySpec="AES_256"), "CiphertextBlob KeyId KeyMaterialId Plaintext"),
    "GenerateDataKeyWithoutPlaintext": ("symmetric", with_id(NumberOfBytes=7), "CiphertextBlob KeyId KeyMaterialId"),
    "GenerateDataKeyPair": ("symmetric", with_id(KeyPairSpec="ECC_NIST_P256"),
                            "KeyId KeyMaterialId KeyPairSpec PrivateKeyCiphertextBlob PrivateKeyPlaintext PublicKey"),
    "GenerateDataKeyPairWithoutPlaintext": ("symmetric", with_id(KeyPairSpec="ECC_NIST_P256"),
                                            "KeyId KeyMaterialId KeyPairSpec PrivateKeyCiphertextBlob PublicKey"),
    "Sign": ("ecc", with_id(Message=MESSAGE, SigningAlgorithm="ECDSA_SHA_256"), "KeyId Signature SigningAlgorithm"),
    "Verify": ("ecc", lambda key: {"KeyId": key["KeyId"], "Message": MESSAGE, "SigningAlgorithm": "ECDSA_SHA_256",
                                   "Signature": key.get("Signature", "AAAA")}, "KeyId SignatureValid SigningAlgorithm"),
    "GenerateMac": ("hmac", with_id(Message=MESSAGE, MacAlgorithm="HMAC_SHA_256"), "KeyId Mac MacAlgorithm"),
    "VerifyMac": ("hmac", lambda key: {"KeyId": key["KeyId"], "Message": MESSAGE, "MacAlgorithm": "HMAC_SHA_256",
                                       "Mac": key.get("Mac", "AAAA")}, "KeyId MacAlgorithm MacValid"),
    "DeriveSharedSecret": ("agreement", with_id(PublicKey=KEYS["agreement"]["Peer"], KeyAgreementAlgorithm="ECDH"),
                           "KeyAgreementAlgorithm KeyId KeyOrigin SharedSecret"),
    "Encapsulate": ("kem", with_id(EncapsulationAlgorithm="ML_KEM"),
                    "EncapsulationAlgorithm KeyId SharedSecret SharedSecretCiphertextBlob"),
    "Decapsulate": ("kem", lambda key: {"KeyId": key["KeyId"], "EncapsulationAlgorithm": "ML_KEM",
                                        "SharedSecretCiphertextBlob": key.get("Capsule", "AAAA")},
                    "EncapsulationAlgorithm KeyId SharedSecret"),
    "GetPublicKey": ("ecc", with_id(), "CustomerMasterKeySpec KeyId KeySpec KeyUsage PublicKey SigningAlgorithms"),
    "DescribeKey": ("symmetric", with_id(), "KeyMetadata"),
    "GetKeyPolicy": ("symmetric", with_id(), "Policy PolicyName"),
    "PutKeyPolicy": ("symmetric", with_id(Policy=POLICY), None),
    "ListKeyPolicies": ("symmetric", with_id(), "PolicyNames Truncated"),
    "ListResourceTags": ("symmetric", with_id(), "Tags Truncated"),
    "ListAliases": ("symmetric", with_id(), "Aliases Truncated"),
    "ListGrants": ("symmetric", with_id(), "Grants Truncated"),
    "ListKeyRotations": ("symmetric", with_id(), "Rotations Truncated"),
    "GetKeyRotationStatus": ("symmetric", with_id(), "KeyId KeyRotationEnabled"),
    "GetKeyLastUsage": ("symmetric", with_id(), "KeyCreationDate KeyId KeyLastUsage TrackingStartDate"),
    "EnableKeyRotation": ("symmetric", with_id(), None),
    "DisableKeyRotation": ("symmetric", with_id(), None),
    "RotateKeyOnDemand": ("symmetric", with_id(), "KeyId"),
    "TagResource": ("symmetric", with_id(Tags=[{"TagKey": "a", "TagValue": "b"}]), None),
    "UntagResource": ("symmetric", with_id(TagKeys=["a"]), None),
    "UpdateKeyDescription": ("symmetric", with_id(Description="d"), None),
    "CreateAlias": ("symmetric", lambda key: {"AliasName": f"alias/new/{next(names)}", "TargetKeyId": key["KeyId"]}, None),
    "UpdateAlias": ("symmetric", lambda key: {"AliasName": key["Moving"], "TargetKeyId": key["KeyId"]}, None),
    "DeleteAlias": ("symmetric", lambda key: {"AliasName": key["Alias"]}, None),
    "CreateGrant": ("symmetric", with_id(**GRANT), "GrantId GrantToken"),
    "RetireGrant": ("symmetric", lambda key: {"KeyId": key["Arn"], "GrantId": key["Grants"][0]}, None),
    "RevokeGrant": ("symmetric", lambda key: {"KeyId": key["KeyId"], "GrantId": key["Grants"][1]}, None),
    "GetParametersForImport": ("external", with_id(WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048"),
                               "ImportToken KeyId ParametersValidTo PublicKey"),
    "ImportKeyMaterial": ("external", lambda key: dict(key["Import"], KeyId=key["KeyId"]), "KeyId KeyMaterialId"),
    "DeleteImportedKeyMaterial": ("external", with_id(), "KeyId KeyMaterialId"),
    "ReplicateKey": ("primary", with_id(ReplicaRegion="ap-southeast-1"), "ReplicaKeyMetadata ReplicaPolicy"),
    "UpdatePrimaryRegion": ("primary", with_id(PrimaryRegion=ELSEWHERE), None),
    "DisableKey": ("doomed", with_id(), None),
    "EnableKey": ("doomed", with_id(), None),
    "ScheduleKeyDeletion": ("doomed", with_id(), "DeletionDate KeyId KeyState PendingWindowInDays"),
    "CancelKeyDeletion": ("doomed", with_id(), "KeyId"),
    "CreateKey": (None, lambda _: {}, "KeyMetadata"),
    "GenerateRandom": (None, lambda _: {"NumberOfBytes": 3}, "Plaintext"),
    "ListKeys": (None, lambda _: {}, "Keys Truncated"),
    "ListRetirableGrants": (None, lambda _: {"RetiringPrincipal": GRANTEE}, "Grants Truncated"),
}

with check("every operation that is offered has a valid request"):
    assert set(VALID) | NOT_OFFERED == set(OPERATIONS), set(VALID) ^ (set(OPERATIONS) - NOT_OFFERED)
for operation in NOT_OFFERED:
    with check(f"{operation}: is refused as a whole"):
        fault = kms.fault(operation, **minimal(operation))
        assert is_not_offered(fault) and fault.status == 400, fault

for operation, (kind, request, members) in VALID.items():
    if kind == "kem" and kind not in KEYS:
        continue
    with check(f"{operation}: the members of its answer"):
        key = KEYS.get(kind)
        answer = kms.call(operation, **request(key))
        if members is None:
            assert answer is None, answer
        else:
            answer = {k: v for k, v in answer.items() if k != "NextMarker"}
            assert sorted(answer) == members.split(), sorted(answer)
            known = STRUCTURES[OPERATIONS[operation]["output"]]
            assert set(answer) <= set(known), set(answer) - set(known)
            if "KeyId" in answer and kind is not None and operation != "ReEncrypt":
                assert answer["KeyId"] == key["Arn"], answer["KeyId"]

# --- keys of the wrong kind --------------------------------------------------------------------------------------------

USAGES = {"Encrypt": "ENCRYPT_DECRYPT", "GenerateDataKey": "ENCRYPT_DECRYPT",
          "GenerateDataKeyWithoutPlaintext": "ENCRYPT_DECRYPT", "GenerateDataKeyPair": "ENCRYPT_DECRYPT",
          "GenerateDataKeyPairWithoutPlaintext": "ENCRYPT_DECRYPT", "Sign": "SIGN_VERIFY", "Verify": "SIGN_VERIFY",
          "GenerateMac": "GENERATE_VERIFY_MAC", "VerifyMac": "GENERATE_VERIFY_MAC", "DeriveSharedSecret": "KEY_AGREEMENT",
          "Encapsulate": "ENCAPSULATE_DECAPSULATE", "Decapsulate": "ENCAPSULATE_DECAPSULATE"}

for operation, usage in USAGES.items():
    with check(f"{operation}: on keys of every other usage"):
        for name in KINDS:
            metadata = KEYS[name]
            if KINDS[name][1] == usage:
                continue
            fault = kms.fault(operation, **VALID[operation][1](metadata))
            assert (fault.status, fault.code, fault.message) == (
                400, "InvalidKeyUsageException",
                f"{metadata['Arn']} key usage is {KINDS[name][1]} which is not valid for {operation}."), fault

with check("Decrypt and ReEncrypt: on keys of every other kind"):
    for name in set(KINDS) - {"symmetric"}:
        metadata = KEYS[name]
        for operation, member in (("Decrypt", "KeyId"), ("ReEncrypt", "SourceKeyId")):
            request = {"CiphertextBlob": BLOB, member: metadata["KeyId"]}
            if operation == "ReEncrypt":
                request["DestinationKeyId"] = SYM
            fault = kms.fault(operation, **request)
            assert (fault.code, fault.message) == (
                "IncorrectKeyException",
                "The key ID in the request does not identify a CMK that can perform this operation."), fault

SPEC_REFUSALS = [  # operation, kind of key, request, code, text (None: there is no message member)
    ("Encrypt", "rsa", {"Plaintext": b64(b"x")}, "InvalidKeyUsageException",
     "Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048."),
    ("Encrypt", "symmetric", {"Plaintext": b64(b"x"), "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"},
     "InvalidKeyUsageException", "Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT."),
    ("GenerateDataKey", "rsa", {"KeySpec": "AES_256"}, "InvalidKeyUsageException",
     "You cannot generate a data key with an asymmetric CMK"),
    ("Sign", "ecc", {"Message": b64(b"m"), "SigningAlgorithm": "ECDSA_SHA_384"}, "InvalidKeyUsageException",
     "Algorithm ECDSA_SHA_384 is incompatible with key spec ECC_NIST_P256."),
    ("Sign", "rsa signing", {"Message": b64(b"m"), "SigningAlgorithm": "ECDSA_SHA_256"}, "InvalidKeyUsageException",
     "Algorithm ECDSA_SHA_256 is incompatible with key spec RSA_2048."),
    ("Sign", "ecc", {"Message": b64(b"m"), "MessageType": "DIGEST", "SigningAlgorithm": "ECDSA_SHA_256"},
     "ValidationException", "Digest is invalid length for algorithm ECDSA_SHA_256."),
    ("Sign", "ed25519", {"Message": b64(b"m" * 64), "MessageType": "DIGEST", "SigningAlgorithm": "ED25519_SHA_512"},
     "ValidationException", "Message type DIGEST is incompatible with algorithm ED25519_SHA_512."),
    ("GenerateMac", "hmac", {"Message": b64(b"m"), "MacAlgorithm": "HMAC_SHA_384"}, "InvalidKeyUsageException",
     "Algorithm HMAC_SHA_384 is incompatible with key spec HMAC_256."),
    ("GetPublicKey", "symmetric", {}, "UnsupportedOperationException", None),
    ("GetPublicKey", "hmac", {}, "UnsupportedOperationException", None),
]
for kind in KINDS:
    if kind != "symmetric":
        for operation in ("EnableKeyRotation", "RotateKeyOnDemand", "ListKeyRotations"):
            SPEC_REFUSALS.append((operation, kind, {}, "UnsupportedOperationException", None))

for operation, kind, request, code, text in SPEC_REFUSALS:
    with check(f"{operation}: on a key of the wrong spec ({kind}, {code})"):
        fault = kms.fault(operation, **dict(request, KeyId=KEYS[kind]["KeyId"]))
        assert (fault.status, fault.code, fault.has_message) == (400, code, text is not None), fault
        assert text is None or fault.message == text, fault

# --- keys in the wrong state -------------------------------------------------------------------------------------------

# The states that keys come into over the API (of the others the unit test of the table has the cells): the letter that
# WORKS has for them, the code of a refusal, and its text.
STATES = {
    "Disabled": ("D", "DisabledException", "disabled"),
    "PendingDeletion": ("P", "KMSInvalidStateException", "pending deletion"),
    "PendingReplicaDeletion": ("R", "KMSInvalidStateException", "pending replica deletion"),
    "PendingImport": ("I", "KMSInvalidStateException", "pending import"),
}
EVERYWHERE = "DPRI"
WORKS = {  # what is not here works on enabled keys alone
    "DescribeKey": EVERYWHERE, "GetKeyPolicy": EVERYWHERE, "PutKeyPolicy": EVERYWHERE, "ListKeyPolicies": EVERYWHERE,
    "ListResourceTags": EVERYWHERE, "ListAliases": EVERYWHERE, "ListGrants": EVERYWHERE, "ListKeyRotations": EVERYWHERE,
    "GetKeyRotationStatus": EVERYWHERE, "GetKeyLastUsage": EVERYWHERE, "DeleteAlias": EVERYWHERE,
    "RetireGrant": EVERYWHERE, "RevokeGrant": EVERYWHERE, "DeleteImportedKeyMaterial": EVERYWHERE,
    "TagResource": "DI", "UntagResource": "DI", "UpdateKeyDescription": "DI", "CreateAlias": "DI", "UpdateAlias": "DI",
    "GetParametersForImport": "DI", "ImportKeyMaterial": "DI", "ScheduleKeyDeletion": "DI",
    "GetPublicKey": "D", "DisableKey": "D", "EnableKey": "D", "CancelKeyDeletion": "PR",
}
REFUSED_BY_ORIGIN = {"EnableKeyRotation", "DisableKeyRotation"}  # of imported material, whatever its state
LAST = ["ImportKeyMaterial", "DeleteImportedKeyMaterial", "CancelKeyDeletion", "EnableKey", "DisableKey", "ScheduleKeyDeletion"]


def bring_into(state, key):
    made = {"KeyId": key["KeyId"]}
    if state == "Disabled":
        kms.call("DisableKey", **made)
    elif state == "PendingImport":
        kms.call("DeleteImportedKeyMaterial", **made)
    else:
        kms.call("ScheduleKeyDeletion", **made)
    seen = kms.call("DescribeKey", **made)["KeyMetadata"]
    assert seen["KeyState"] == state and not seen["Enabled"], seen


def foretold(operation, state, key):
    """What an operation answers in that state: code and text, or None."""
    letter, code, text = STATES[state]
    if operation in REFUSED_BY_ORIGIN and key["Origin"] == "EXTERNAL":
        return "UnsupportedOperationException", f"{key['Arn']} origin is EXTERNAL which is not valid for this operation."
    if letter in WORKS.get(operation, ""):
        return None
    if operation == "CancelKeyDeletion":
        return "KMSInvalidStateException", f"{key['Arn']} is not pending deletion."
    return code, f"{key['Arn']} is {text}."


def ask_in_state(operation, state, key, request):
    wanted = foretold(operation, state, key)
    if wanted is None:
        return kms.call(operation, **request)
    fault = kms.fault(operation, **request)
    assert (fault.status, fault.code, fault.message) == (400, *wanted), f"{operation}: {fault}, not {wanted}"


def subjects_for(state):
    """Keys of all kinds that come into that state, by the names that VALID has for them."""
    external, primary = state == "PendingImport", state == "PendingReplicaDeletion"
    made = {kind: subject(kind, external, primary) for kind in ("symmetric", "ecc", "hmac", "agreement")}
    if "kem" in KINDS and not external:
        made["kem"] = subject("kem", primary=primary)
    if not primary:
        made["external"] = made["symmetric"] if external else subject("symmetric", external=True)
    if not external:
        made["primary"] = made["symmetric"] if primary or state == "PendingDeletion" else subject("symmetric", primary=True)
    return made


for state in STATES:
    with check(f"every operation on keys that are {STATES[state][2]}"):
        subjects = subjects_for(state)
        other = subject("symmetric")
        for key in {key["Arn"]: key for key in subjects.values()}.values():
            bring_into(state, key)
        for operation, (kind, request, _) in VALID.items():
            key = subjects.get("symmetric" if kind == "doomed" else kind)
            if key is not None and operation not in LAST:
                ask_in_state(operation, state, key, request(key))
        key = subjects["symmetric"]
        ask_in_state("ReEncrypt", state, key, {"CiphertextBlob": other["Blob"], "DestinationKeyId": key["KeyId"]})
        # what would change the state: the refusals first, for each of the others ends it
        for operation in sorted(LAST, key=lambda name: foretold(name, state, key) is None):
            kind, request, _ = VALID[operation]
            key = subjects.get("symmetric" if kind == "doomed" else kind)
            if key is None:
                continue
            if kms.call("DescribeKey", KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] != state:
                key = subject("symmetric", external=state == "PendingImport" or kind == "external",
                              primary=state == "PendingReplicaDeletion")
                bring_into(state, key)
            ask_in_state(operation, state, key, request(key))

with check("a cancelled deletion leaves a disabled key, which opens what it encrypted once it is enabled"):
    key = subject("symmetric")
    bring_into("PendingDeletion", key)
    kms.call("CancelKeyDeletion", KeyId=key["KeyId"])
    assert kms.call("DescribeKey", KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "Disabled"
    kms.call("EnableKey", KeyId=key["KeyId"])
    assert kms.call("Decrypt", CiphertextBlob=key["Blob"])["Plaintext"] == b64(b"x")

ALIASES_REFUSED = [name for name in VALID if name in (
    "EnableKey DisableKey TagResource UntagResource ListResourceTags UpdateKeyDescription GetKeyPolicy ListKeyPolicies "
    "GetKeyRotationStatus EnableKeyRotation DisableKeyRotation RotateKeyOnDemand CreateGrant ListGrants").split()]
with check("operations that take keys only refuse aliases before anything else"):
    for operation in ALIASES_REFUSED:
        for name in ("alias/none", "arn:aws:kms:us-east-1:000000000000:alias/none"):
            fault = kms.fault(operation, **dict(VALID[operation][1](KEYS["symmetric"]), KeyId=name))
            assert (fault.code, fault.message) == (
                "InvalidArnException", "Key Aliases are not supported for this operation."), fault

finish()
