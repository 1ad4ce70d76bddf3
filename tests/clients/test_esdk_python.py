"""PyPI's aws-encryption-sdk and kmsctl read each other's messages, with kmsd behind both."""

import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import aws_encryption_sdk  # noqa: E402
import boto3  # noqa: E402
from aws_encryption_sdk.identifiers import AlgorithmSuite, CommitmentPolicy  # noqa: E402
from tap import check, finish  # noqa: E402

ENDPOINT = os.environ["AWS_ENDPOINT_URL"]
kms = boto3.client("kms", endpoint_url=ENDPOINT)
KEYS = [kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2)]
strict = aws_encryption_sdk.EncryptionSDKClient(commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)
old = aws_encryption_sdk.EncryptionSDKClient(commitment_policy=CommitmentPolicy.FORBID_ENCRYPT_ALLOW_DECRYPT)


class LocalProvider(aws_encryption_sdk.StrictAwsKmsMasterKeyProvider):
    """Whose client talks to kmsd, also where boto3 is too old for AWS_ENDPOINT_URL."""

    def add_regional_client(self, region_name):
        self._regional_clients[region_name] = kms


def provider(*keys):
    return LocalProvider(key_ids=list(keys))


def kmsctl(*args, data=b""):
    return subprocess.run([os.environ["KMSCTL"], *args], input=data, stdout=subprocess.PIPE, check=True).stdout


folder = tempfile.mkdtemp()
for size in (0, 1, 4096, 131072, 131073, 500000):
    plaintext = os.urandom(size)
    for sign in ([], ["--sign"]):
        with check(f"kmsctl encrypts {size} bytes {' '.join(sign)}, the Python SDK opens them"):
            message = kmsctl("encrypt", *sign, "-k", KEYS[0], "-k", KEYS[1], "-c", "a=b", data=plaintext)
            opened, header = strict.decrypt(source=message, key_provider=provider(KEYS[1]))
            assert opened == plaintext and header.encryption_context["a"] == "b"
    for suite in (AlgorithmSuite.AES_256_GCM_HKDF_SHA512_COMMIT_KEY, AlgorithmSuite.AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384):
        for frame_length in (1024, 65536):
            with check(f"the Python SDK encrypts {size} bytes with {suite.name} in frames of {frame_length}, kmsctl opens them"):
                message, _ = strict.encrypt(source=plaintext, key_provider=provider(*KEYS), algorithm=suite,
                                            frame_length=frame_length, encryption_context={"a": "b"})
                assert kmsctl("decrypt", "-c", "a=b", "-k", KEYS[1], data=message) == plaintext
with check("the Python SDK's messages without frames open"):
    message, _ = old.encrypt(source=b"x" * 70000, key_provider=provider(KEYS[0]), frame_length=0,
                             algorithm=AlgorithmSuite.AES_256_GCM_IV12_TAG16_HKDF_SHA256)
    assert kmsctl("decrypt", "--allow-uncommitted", data=message) == b"x" * 70000
with check("what kmsctl streams, the Python SDK streams"):
    path = os.path.join(folder, "message")
    with open(path, "wb") as file:
        file.write(kmsctl("encrypt", "-k", KEYS[0], data=b"y" * 3000000))
    with open(path, "rb") as file, strict.stream(mode="d", source=file, key_provider=provider(KEYS[0])) as stream:
        assert b"".join(stream) == b"y" * 3000000
finish()
