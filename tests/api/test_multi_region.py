"""Multi-Region keys through boto3, with a client for each region."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import boto3  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import padding  # noqa: E402
from tap import check, finish  # noqa: E402
from wire import call_json  # noqa: E402

REGIONS = ("us-east-1", "eu-west-1", "ap-southeast-1")
here, there, elsewhere = (boto3.client("kms", endpoint_url=os.environ["AWS_ENDPOINT_URL"], region_name=region)
                          for region in REGIONS)
MESSAGE = b"The quick brown fox jumps over the lazy dog"


def fails(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400, error
        return error.response["Error"].get("Message", "")
    raise AssertionError(f"succeeded, expected {code}")


def primary(**more):
    return here.create_key(MultiRegion=True, **more)["KeyMetadata"]


def described(client, key):
    return client.describe_key(KeyId=key["KeyId"])["KeyMetadata"]


def replicate(key, region="eu-west-1", **more):
    return here.replicate_key(KeyId=key["KeyId"], ReplicaRegion=region, **more)


def arn_in(region, key):
    return key["Arn"].replace("us-east-1", region)


def regions_of(metadata):
    regions = metadata["MultiRegionConfiguration"]
    return (regions["MultiRegionKeyType"], regions["PrimaryKey"]["Region"],
            [replica["Region"] for replica in regions["ReplicaKeys"]])


with check("a primary has an mrk- id and no replicas"):
    key = primary(Description="test replicated key")
    assert key["KeyId"].startswith("mrk-") and len(key["KeyId"]) == 36, key
    assert regions_of(key) == ("PRIMARY", "us-east-1", []), key
    message = fails("NotFoundException", there.describe_key, KeyId=key["KeyId"])
    assert message == f"Key '{arn_in('eu-west-1', key)}' does not exist", message

with check("a new replica is described as being created, and is ready"):
    answer = replicate(key)
    metadata = answer["ReplicaKeyMetadata"]
    recorded = {"AWSAccountId", "Arn", "CreationDate", "CustomerMasterKeySpec", "Description", "Enabled",
                "EncryptionAlgorithms", "KeyId", "KeyManager", "KeySpec", "KeyState", "KeyUsage", "MultiRegion",
                "MultiRegionConfiguration", "Origin"}
    assert set(metadata) == recorded, set(metadata) ^ recorded
    assert metadata["KeyState"] == "Creating" and metadata["Enabled"] is False and metadata["Description"] == ""
    assert metadata["Arn"] == arn_in("eu-west-1", key) and "key-default-1" in answer["ReplicaPolicy"]
    assert "ReplicaTags" not in answer, answer
    for client in (here, there):
        assert described(client, key)["KeyState"] == "Enabled"
    assert regions_of(described(here, key)) == ("PRIMARY", "us-east-1", ["eu-west-1"])
    assert regions_of(described(there, key)) == ("REPLICA", "us-east-1", ["eu-west-1"])

with check("ciphertexts open in every region, which answers with its own ARN"):
    context = {"purpose": "backup"}
    sealed = here.encrypt(KeyId=key["KeyId"], Plaintext=MESSAGE, EncryptionContext=context)["CiphertextBlob"]
    opened = there.decrypt(CiphertextBlob=sealed, EncryptionContext=context)
    assert opened["Plaintext"] == MESSAGE and opened["KeyId"] == arn_in("eu-west-1", key), opened
    data_key = there.generate_data_key(KeyId=key["KeyId"], KeySpec="AES_256")
    assert here.decrypt(CiphertextBlob=data_key["CiphertextBlob"])["Plaintext"] == data_key["Plaintext"]
    fails("AccessDeniedException", elsewhere.decrypt, CiphertextBlob=sealed, EncryptionContext=context)
    single = here.create_key()["KeyMetadata"]
    sealed = here.encrypt(KeyId=single["KeyId"], Plaintext=MESSAGE)["CiphertextBlob"]
    fails("AccessDeniedException", there.decrypt, CiphertextBlob=sealed)

with check("signatures and MACs verify in every region"):
    signer = primary(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    replicate(signer)
    common = {"KeyId": signer["KeyId"], "Message": MESSAGE, "SigningAlgorithm": "ECDSA_SHA_256"}
    signature = there.sign(**common)["Signature"]
    assert here.verify(Signature=signature, **common)["SignatureValid"]
    assert here.get_public_key(KeyId=signer["KeyId"])["PublicKey"] == \
        there.get_public_key(KeyId=signer["KeyId"])["PublicKey"]
    mac_key = primary(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    replicate(mac_key)
    common = {"KeyId": mac_key["KeyId"], "Message": MESSAGE, "MacAlgorithm": "HMAC_SHA_256"}
    assert here.generate_mac(**common)["Mac"] == there.generate_mac(**common)["Mac"]

with check("what is not shared is each region's own"):
    answer = replicate(key, "ap-southeast-1", Description="far away", Tags=[{"TagKey": "a", "TagValue": "1"}])
    assert answer["ReplicaTags"] == [{"TagKey": "a", "TagValue": "1"}], answer
    assert regions_of(described(there, key)) == ("REPLICA", "us-east-1", ["ap-southeast-1", "eu-west-1"])
    assert described(elsewhere, key)["Description"] == "far away"
    assert described(here, key)["Description"] == "test replicated key"
    assert here.list_resource_tags(KeyId=key["KeyId"])["Tags"] == []
    there.disable_key(KeyId=key["KeyId"])
    assert described(here, key)["Enabled"] and described(elsewhere, key)["Enabled"]
    there.enable_key(KeyId=key["KeyId"])
    grant = there.create_grant(KeyId=key["KeyId"], GranteePrincipal="arn:aws:iam::111122223333:root",
                               Operations=["Decrypt"])
    assert here.list_grants(KeyId=key["KeyId"])["Grants"] == [] and grant["GrantId"]

with check("refusals of ReplicateKey"):
    message = fails("UnsupportedOperationException", there.replicate_key, KeyId=key["KeyId"], ReplicaRegion="eu-west-2")
    assert message == f"{arn_in('eu-west-1', key)} is not a multi-region primary key.", message
    message = fails("UnsupportedOperationException", here.replicate_key, KeyId=single["KeyId"], ReplicaRegion="eu-west-2")
    assert message == f"{single['Arn']} is not a multi-region primary key.", message
    fails("AlreadyExistsException", here.replicate_key, KeyId=key["KeyId"], ReplicaRegion="eu-west-1")
    fails("ValidationException", here.replicate_key, KeyId=key["KeyId"], ReplicaRegion="not a region")

with check("rotation is the primary's, and everybody's"):
    before = here.encrypt(KeyId=key["KeyId"], Plaintext=MESSAGE)["CiphertextBlob"]
    here.enable_key_rotation(KeyId=key["KeyId"])
    assert there.get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"]
    fails("UnsupportedOperationException", there.disable_key_rotation, KeyId=key["KeyId"])
    assert call_json("RotateKeyOnDemand", {"KeyId": key["KeyId"]}).status == 200
    materials = {call_json("DescribeKey", {"KeyId": key["KeyId"]}, region=region)
                 .json["KeyMetadata"]["CurrentKeyMaterialId"] for region in REGIONS}
    assert len(materials) == 1, materials
    after = elsewhere.encrypt(KeyId=key["KeyId"], Plaintext=MESSAGE)["CiphertextBlob"]
    for client in (here, there, elsewhere):
        for sealed in (before, after):
            assert client.decrypt(CiphertextBlob=sealed)["Plaintext"] == MESSAGE

with check("UpdatePrimaryRegion"):
    here.update_primary_region(KeyId=key["KeyId"], PrimaryRegion="eu-west-1")
    assert regions_of(described(here, key)) == ("REPLICA", "eu-west-1", ["ap-southeast-1", "us-east-1"])
    assert regions_of(described(there, key)) == ("PRIMARY", "eu-west-1", ["ap-southeast-1", "us-east-1"])
    fails("UnsupportedOperationException", here.update_primary_region, KeyId=key["KeyId"], PrimaryRegion="us-east-1")
    fails("NotFoundException", there.update_primary_region, KeyId=key["KeyId"], PrimaryRegion="eu-west-2")
    there.update_primary_region(KeyId=key["KeyId"], PrimaryRegion="us-east-1")

with check("a primary waits for its replicas to be deleted"):
    answer = here.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=9)
    assert answer["KeyState"] == "PendingReplicaDeletion" and "DeletionDate" not in answer, answer
    metadata = described(here, key)
    assert metadata["PendingDeletionWindowInDays"] == 9 and "DeletionDate" not in metadata, metadata
    answer = there.schedule_key_deletion(KeyId=key["KeyId"])
    assert answer["KeyState"] == "PendingDeletion" and "DeletionDate" in answer, answer
    here.cancel_key_deletion(KeyId=key["KeyId"])
    assert described(here, key)["KeyState"] == "Disabled"

with check("imported material is brought to each region"):
    key = primary(Origin="EXTERNAL")
    material = os.urandom(32)

    def bring(client, secret):
        parameters = client.get_parameters_for_import(KeyId=key["KeyId"], WrappingAlgorithm="RSAES_OAEP_SHA_256",
                                                      WrappingKeySpec="RSA_2048")
        oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
        wrapped = serialization.load_der_public_key(parameters["PublicKey"]).encrypt(secret, oaep)
        client.import_key_material(KeyId=key["KeyId"], ImportToken=parameters["ImportToken"],
                                   EncryptedKeyMaterial=wrapped, ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE")

    fails("KMSInvalidStateException", here.replicate_key, KeyId=key["KeyId"], ReplicaRegion="eu-west-1")
    bring(here, material)
    replicate(key)
    assert described(there, key)["KeyState"] == "PendingImport"
    fails("IncorrectKeyMaterialException", bring, client=there, secret=os.urandom(32))
    bring(there, material)
    sealed = here.encrypt(KeyId=key["KeyId"], Plaintext=MESSAGE)["CiphertextBlob"]
    assert there.decrypt(CiphertextBlob=sealed)["Plaintext"] == MESSAGE
finish()
