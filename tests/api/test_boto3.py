"""boto3 (Debian's) against kmsd: every finished operation as a program would use it."""

import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import boto3  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402
from tap import check, finish  # noqa: E402



def client(**credentials):
    return boto3.client("kms", endpoint_url=os.environ["AWS_ENDPOINT_URL"], **credentials)


kms = client()


def fails(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400, error
        assert error.response["ResponseMetadata"]["RequestId"], error
        return
    raise AssertionError(f"succeeded, expected {code}")


key = kms.create_key(Description="boto3", Tags=[{"TagKey": "purpose", "TagValue": "test"}])["KeyMetadata"]
KEY = key["KeyId"]

with check("CreateKey and DescribeKey agree"):
    assert kms.describe_key(KeyId=KEY)["KeyMetadata"] == key
    assert key["CreationDate"].tzinfo is not None
with check("encrypt and decrypt by every form of the key's name"):
    kms.create_alias(AliasName="alias/boto3", TargetKeyId=KEY)
    for name in (KEY, key["Arn"], "alias/boto3", "arn:aws:kms:us-east-1:000000000000:alias/boto3"):
        sealed = kms.encrypt(KeyId=name, Plaintext=b"secret", EncryptionContext={"x": "1", "a": "2"})
        assert sealed["KeyId"] == key["Arn"]
        opened = kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext={"a": "2", "x": "1"}, KeyId=name)
        assert opened["Plaintext"] == b"secret" and opened["KeyId"] == key["Arn"]
with check("the same plaintext never encrypts to the same ciphertext"):
    blobs = {kms.encrypt(KeyId=KEY, Plaintext=b"same")["CiphertextBlob"] for _ in range(50)}
    assert len(blobs) == 50
with check("every plaintext size from 1 to 4096 in steps"):
    for size in (1, 2, 15, 16, 17, 255, 256, 4095, 4096):
        plaintext = os.urandom(size)
        blob = kms.encrypt(KeyId=KEY, Plaintext=plaintext)["CiphertextBlob"]
        assert len(blob) <= 6144 and kms.decrypt(CiphertextBlob=blob)["Plaintext"] == plaintext
with check("every bit of a ciphertext counts"):
    blob = kms.encrypt(KeyId=KEY, Plaintext=b"x")["CiphertextBlob"]
    for position in range(len(blob) * 8):
        altered = bytearray(blob)
        altered[position // 8] ^= 1 << position % 8
        try:
            kms.decrypt(CiphertextBlob=bytes(altered))
        except ClientError as error:
            assert error.response["Error"]["Code"] in ("InvalidCiphertextException", "AccessDeniedException"), error
        else:
            raise AssertionError(f"bit {position} can be flipped")
with check("a ciphertext cut anywhere is refused"):
    for length in range(1, len(blob)):
        fails("InvalidCiphertextException", kms.decrypt, CiphertextBlob=blob[:length])
with check("encryption contexts bind exactly"):
    for context in ({}, {"a": ""}, {"a": "b"}, {"A": "b"}, {"a": "b", "c": "d"}, {"ä": "ö"}, {"k" * 500: "v" * 2000}):
        blob = kms.encrypt(KeyId=KEY, Plaintext=b"x", EncryptionContext=context)["CiphertextBlob"]
        assert kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"] == b"x"
        fails("InvalidCiphertextException", kms.decrypt, CiphertextBlob=blob, EncryptionContext={**context, "z": "z"})
with check("data keys"):
    made = kms.generate_data_key(KeyId="alias/boto3", KeySpec="AES_256", EncryptionContext={"a": "b"})
    assert len(made["Plaintext"]) == 32
    assert kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext={"a": "b"})["Plaintext"] == made["Plaintext"]
    hidden = kms.generate_data_key_without_plaintext(KeyId=KEY, NumberOfBytes=100)
    assert "Plaintext" not in hidden and len(kms.decrypt(CiphertextBlob=hidden["CiphertextBlob"])["Plaintext"]) == 100
with check("re-encryption, from key to key and context to context"):
    other = kms.create_key()["KeyMetadata"]
    blob = kms.encrypt(KeyId=KEY, Plaintext=b"moving", EncryptionContext={"from": "1"})["CiphertextBlob"]
    moved = kms.re_encrypt(CiphertextBlob=blob, SourceEncryptionContext={"from": "1"}, DestinationKeyId=other["KeyId"],
                           DestinationEncryptionContext={"to": "2"})
    assert (moved["SourceKeyId"], moved["KeyId"]) == (key["Arn"], other["Arn"])
    assert kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], EncryptionContext={"to": "2"})["Plaintext"] == b"moving"
    fails("IncorrectKeyException", kms.re_encrypt, CiphertextBlob=blob, SourceKeyId=other["KeyId"],
          SourceEncryptionContext={"from": "1"}, DestinationKeyId=KEY)
    fails("InvalidCiphertextException", kms.re_encrypt, CiphertextBlob=blob, DestinationKeyId=KEY)
with check("a disabled key is refused for use, kept for description"):
    kms.disable_key(KeyId=KEY)
    for call, arguments in ((kms.encrypt, {"KeyId": KEY, "Plaintext": b"x"}), (kms.decrypt, {"CiphertextBlob": blob}),
                            (kms.generate_data_key, {"KeyId": KEY, "KeySpec": "AES_256"}),
                            (kms.re_encrypt, {"CiphertextBlob": moved["CiphertextBlob"], "DestinationKeyId": KEY,
                                              "SourceEncryptionContext": {"to": "2"}}),
                            (kms.enable_key_rotation, {"KeyId": KEY})):
        fails("DisabledException", call, **arguments)
    assert kms.describe_key(KeyId=KEY)["KeyMetadata"]["Enabled"] is False
    kms.enable_key(KeyId=KEY)
    kms.encrypt(KeyId=KEY, Plaintext=b"x")
with check("paginators see every alias exactly once"):
    names = {f"alias/page/{number:03}" for number in range(45)}  # a key has 50 at most
    for name in names:
        kms.create_alias(AliasName=name, TargetKeyId=KEY)
    listed = [alias["AliasName"] for page in kms.get_paginator("list_aliases").paginate(KeyId=KEY, PaginationConfig={"PageSize": 4})
              for alias in page["Aliases"]]
    assert sorted(listed) == sorted(names | {"alias/boto3"}), len(listed)
    for name in names:
        kms.delete_alias(AliasName=name)
with check("paginators see every key exactly once while keys are made"):
    before = {kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(25)}
    seen = []
    for page in kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 3}):
        seen += [entry["KeyId"] for entry in page["Keys"]]
        if len(seen) < 30:
            kms.create_key()
    assert before <= set(seen) and len(seen) == len(set(seen))
with check("every operation of the API has an answer of the API"):
    samples = {"KeyId": KEY, "AliasName": "alias/x", "TargetKeyId": KEY, "CustomKeyStoreId": "cks-1234567890abcdef0",
               "CustomKeyStoreName": "x", "GranteePrincipal": "arn:aws:iam::000000000000:root", "Operations": ["Encrypt"],
               "CiphertextBlob": b"x", "KeyAgreementAlgorithm": "ECDH", "PublicKey": b"x", "Plaintext": b"x",
               "KeyPairSpec": "RSA_2048", "MacAlgorithm": "HMAC_SHA_256", "Message": b"x", "Mac": b"x", "PolicyName": "default",
               "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048", "ImportToken": b"x",
               "EncryptedKeyMaterial": b"x", "RetiringPrincipal": "arn:aws:iam::000000000000:root", "Policy": "{}",
               "DestinationKeyId": KEY, "ReplicaRegion": "us-west-2", "GrantId": "x", "SigningAlgorithm": "ECDSA_SHA_256",
               "Signature": b"x", "Tags": [], "TagKeys": [], "Description": "x", "PrimaryRegion": "us-west-2"}
    model = kms.meta.service_model
    for operation in model.operation_names:
        if operation in ("ScheduleKeyDeletion", "CreateKey"):
            continue
        required = model.operation_model(operation).input_shape.required_members
        method = next(name for name, op in kms.meta.method_to_api_mapping.items() if op == operation)
        try:
            getattr(kms, method)(**{member: samples[member] for member in required})
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            assert status == 400, (operation, error)
with check("many threads, one client"):
    problems = []

    def work():
        try:
            for _ in range(50):
                made = kms.generate_data_key(KeyId=KEY, KeySpec="AES_256")
                assert kms.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"] == made["Plaintext"]
        except Exception as error:  # noqa: BLE001
            problems.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems, problems[0]
with check("an idle client hurts nobody, wrong credentials are refused"):
    stranger = client(aws_access_key_id="AKIAIOSFODNN7EXAMPLE", aws_secret_access_key="wrong")
    fails("UnrecognizedClientException", stranger.list_keys)
    liar = client(aws_access_key_id="test", aws_secret_access_key="wrong")
    fails("InvalidSignatureException", liar.list_keys)
finish()
