"""Imported key material through boto3: wrapped by python3-cryptography and the OpenSSL CLI with every algorithm
and wrapping key, then used here and outside with the same results."""

import base64
import datetime
import functools
import hashlib
import hmac
import itertools
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import boto3  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402
from cryptography.hazmat.primitives import hashes, keywrap, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa  # noqa: E402
from openssl import VERSION as OPENSSL, openssl  # noqa: E402
from tap import check, finish  # noqa: E402
from wire import call_json  # noqa: E402

kms = boto3.client("kms", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
cn = boto3.client("kms", endpoint_url=os.environ["AWS_ENDPOINT_URL"], region_name="cn-north-1")
MESSAGE = b"The quick brown fox jumps over the lazy dog"
HASHES = {"1": hashes.SHA1(), "256": hashes.SHA256()}
FOR_EVER = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}


def fails(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return error.response["Error"].get("Message", "")
    raise AssertionError(f"succeeded, expected {code}")


def external(spec="SYMMETRIC_DEFAULT", usage="ENCRYPT_DECRYPT", **more):
    return kms.create_key(KeySpec=spec, KeyUsage=usage, Origin="EXTERNAL", **more)["KeyMetadata"]


def wrap(parameters, algorithm, material):
    public = serialization.load_der_public_key(parameters["PublicKey"])
    hash_ = HASHES[algorithm.rsplit("_", 1)[1]]
    oaep = padding.OAEP(mgf=padding.MGF1(hash_), algorithm=hash_, label=None)
    if not algorithm.startswith("RSA_AES"):
        return public.encrypt(material, oaep)
    aes = os.urandom(32)
    return public.encrypt(aes, oaep) + keywrap.aes_key_wrap_with_padding(aes, material)


@functools.lru_cache(None)  # they are good for many imports, and take long to make
def parameters_of(key_id, algorithm, spec):
    return kms.get_parameters_for_import(KeyId=key_id, WrappingAlgorithm=algorithm, WrappingKeySpec=spec)


def parameters_for(key, algorithm="RSAES_OAEP_SHA_256", spec="RSA_2048"):
    return parameters_of(key["KeyId"], algorithm, spec)


def bring(key, material, algorithm="RSAES_OAEP_SHA_256", spec="RSA_2048", **more):
    parameters = parameters_for(key, algorithm, spec)
    assert parameters["KeyId"] == key["Arn"], parameters
    assert serialization.load_der_public_key(parameters["PublicKey"]).key_size == int(spec[4:])
    return kms.import_key_material(KeyId=key["KeyId"], ImportToken=parameters["ImportToken"],
                                   EncryptedKeyMaterial=wrap(parameters, algorithm, material),
                                   **(more or FOR_EVER))


def pkcs8(private):
    return private.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
                                 serialization.NoEncryption())


def public_of(key):
    return serialization.load_der_public_key(kms.get_public_key(KeyId=key["KeyId"])["PublicKey"])


def raw_public(public):
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


# --- every algorithm with every wrapping key -----------------------------------------------------


def symmetric_with(algorithm, spec):
    key = external()
    assert key["KeyState"] == "PendingImport" and not key["Enabled"], key
    material = os.urandom(32)
    bring(key, material, algorithm, spec)
    sealed = kms.encrypt(KeyId=key["KeyId"], Plaintext=MESSAGE)["CiphertextBlob"]
    kms.delete_imported_key_material(KeyId=key["KeyId"])
    message = fails("KMSInvalidStateException", kms.decrypt, CiphertextBlob=sealed)
    assert message == f"{key['Arn']} is pending import.", message
    bring(key, material, algorithm, spec)
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == MESSAGE


def ecc_with(algorithm, spec):
    private = ec.generate_private_key(ec.SECP256R1())
    key = external("ECC_NIST_P256", "SIGN_VERIFY")
    bring(key, pkcs8(private), algorithm, spec)
    assert raw_public(public_of(key)) == raw_public(private.public_key())
    signature = kms.sign(KeyId=key["KeyId"], Message=MESSAGE, SigningAlgorithm="ECDSA_SHA_256")["Signature"]
    private.public_key().verify(signature, MESSAGE, ec.ECDSA(hashes.SHA256()))
    outside = private.sign(MESSAGE, ec.ECDSA(hashes.SHA256()))
    assert kms.verify(KeyId=key["KeyId"], Message=MESSAGE, SigningAlgorithm="ECDSA_SHA_256",
                      Signature=outside)["SignatureValid"]


ALGORITHMS = ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256")
SIZES = ("RSA_2048", "RSA_3072", "RSA_4096")
# Wrapping keys take long to make: each algorithm and each size once, and all that goes together in the long run.
OFTEN = {"symmetric": {("RSAES_OAEP_SHA_1", "RSA_2048"), ("RSAES_OAEP_SHA_256", "RSA_3072"), ("RSAES_OAEP_SHA_256", "RSA_4096")},
         "P-256": {("RSA_AES_KEY_WRAP_SHA_1", "RSA_2048"), ("RSA_AES_KEY_WRAP_SHA_256", "RSA_3072"),
                   ("RSAES_OAEP_SHA_256", "RSA_2048")},
         "RSA": set()}
LONG = os.environ.get("KMS_TEST_LONG") == "1"


def rsa_with(algorithm, spec):
    key = external("RSA_2048", "SIGN_VERIFY")
    private = rsa.generate_private_key(65537, 2048)
    bring(key, pkcs8(private), algorithm, spec)
    assert raw_public(public_of(key)) == raw_public(private.public_key())
    signature = kms.sign(KeyId=key["KeyId"], Message=MESSAGE, SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256")["Signature"]
    assert signature == private.sign(MESSAGE, padding.PKCS1v15(), hashes.SHA256())


for kind, walk, takes in (("symmetric", symmetric_with, lambda algorithm: "OAEP" in algorithm),
                          ("P-256", ecc_with, lambda algorithm: True),
                          ("RSA", rsa_with, lambda algorithm: "OAEP" not in algorithm)):
    for name, size in itertools.product(ALGORITHMS, SIZES):
        if not takes(name):
            with check(f"a {kind} key is not wrapped by {name} under {size}"):
                spec, usage = {"symmetric": ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"), "RSA": ("RSA_2048", "SIGN_VERIFY")}[kind]
                fails("UnsupportedOperationException", parameters_for, key=external(spec, usage), algorithm=name, spec=size)
        elif LONG or (name, size) in OFTEN[kind]:
            with check(f"a {kind} key by {name} under {size}"):
                walk(name, size)


def not_together():
    rsa_key = external("RSA_2048", "SIGN_VERIFY")
    p521 = external("ECC_NIST_P521", "SIGN_VERIFY")
    own = kms.create_key()["KeyMetadata"]
    message = fails("UnsupportedOperationException", parameters_for, key=own)
    assert message == f"{own['Arn']} origin is AWS_KMS which is not valid for this operation.", message
    fails("UnsupportedOperationException", parameters_for, key=rsa_key)
    fails("UnsupportedOperationException", parameters_for, key=p521)
    fails("UnsupportedOperationException", parameters_for, key=rsa_key, algorithm="RSAES_PKCS1_V1_5")
    private = ec.generate_private_key(ec.SECP521R1())
    bring(p521, pkcs8(private), spec="RSA_3072")
    assert raw_public(public_of(p521)) == raw_public(private.public_key())


with check("what does not go together is refused; P-521 fits under RSA_3072"):
    not_together()

# --- one key on both sides ------------------------------------------------------------------------
#
# What either side makes serves the other, with every algorithm of every kind of key that can be brought.

CURVES = {"ECC_NIST_P256": (ec.SECP256R1(), "256"), "ECC_NIST_P384": (ec.SECP384R1(), "384"),
          "ECC_NIST_P521": (ec.SECP521R1(), "512"), "ECC_SECG_P256K1": (ec.SECP256K1(), "256")}
DIGESTS = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}


def brought(spec, usage, private, algorithm="RSA_AES_KEY_WRAP_SHA_256"):
    made = call_json("CreateKey", {"KeySpec": spec, "KeyUsage": usage, "Origin": "EXTERNAL"})
    key = made.json["KeyMetadata"]
    bring(key, pkcs8(private), algorithm)
    assert raw_public(public_of(key)) == raw_public(private.public_key())
    return key["KeyId"]


def signatures(key, algorithm, sign, verify, digest=None):
    """Whether both sides agree; sign and verify are the other side's."""
    common = {"KeyId": key, "SigningAlgorithm": algorithm}
    outside = sign(MESSAGE)
    assert kms.verify(Message=MESSAGE, Signature=outside, **common)["SignatureValid"]
    fails("KMSInvalidSignatureException", kms.verify, Message=MESSAGE + b".", Signature=outside, **common)
    inside = kms.sign(Message=MESSAGE, **common)["Signature"]
    verify(inside, MESSAGE)
    if digest is not None:
        prehashed = {"Message": hashlib.new(digest.name, MESSAGE).digest(), "MessageType": "DIGEST", **common}
        assert kms.verify(Signature=outside, **prehashed)["SignatureValid"]
        verify(kms.sign(**prehashed)["Signature"], MESSAGE)
    return outside, inside


def rsa_signatures(size):
    private = rsa.generate_private_key(65537, size)
    key = brought(f"RSA_{size}", "SIGN_VERIFY", private)
    for bits, hash_ in DIGESTS.items():
        for name, scheme in (("PSS", padding.PSS(mgf=padding.MGF1(hash_), salt_length=hash_.digest_size)),
                             ("PKCS1_V1_5", padding.PKCS1v15())):
            outside, inside = signatures(
                key, f"RSASSA_{name}_SHA_{bits}", lambda message: private.sign(message, scheme, hash_),
                lambda signature, message: private.public_key().verify(signature, message, scheme, hash_), hash_)
            assert (outside == inside) == (name == "PKCS1_V1_5")  # which is deterministic


def rsa_encryption(size):
    private = rsa.generate_private_key(65537, size)
    key = brought(f"RSA_{size}", "ENCRYPT_DECRYPT", private)
    for bits, hash_ in HASHES.items():
        oaep = padding.OAEP(mgf=padding.MGF1(hash_), algorithm=hash_, label=None)
        common = {"KeyId": key, "EncryptionAlgorithm": f"RSAES_OAEP_SHA_{bits}"}
        for plaintext in (b"x", os.urandom(size // 8 - 2 * hash_.digest_size - 2)):
            assert private.decrypt(kms.encrypt(Plaintext=plaintext, **common)["CiphertextBlob"], oaep) == plaintext
            outside = private.public_key().encrypt(plaintext, oaep)
            assert kms.decrypt(CiphertextBlob=outside, **common)["Plaintext"] == plaintext


def curve_signatures(spec):
    curve, bits = CURVES[spec]
    private = ec.generate_private_key(curve)
    key = brought(spec, "SIGN_VERIFY", private)
    ecdsa = ec.ECDSA(DIGESTS[bits])
    signatures(key, f"ECDSA_SHA_{bits}", lambda message: private.sign(message, ecdsa),
               lambda signature, message: private.public_key().verify(signature, message, ecdsa), DIGESTS[bits])


def edwards_signatures():
    private = ed25519.Ed25519PrivateKey.generate()
    key = brought("ECC_NIST_EDWARDS25519", "SIGN_VERIFY", private, "RSAES_OAEP_SHA_256")
    outside, inside = signatures(key, "ED25519_SHA_512", private.sign, private.public_key().verify)
    assert outside == inside  # which is deterministic
    if OPENSSL < (3, 5):
        return  # its command line has no Ed25519ph
    prehashed = hashlib.sha512(MESSAGE).digest()
    instance = ("-rawin", "-pkeyopt", "instance:Ed25519ph", "-in", "@message")
    outside, = openssl("pkeyutl", "-sign", "-keyform", "DER", "-inkey", "@key", *instance, "-out", "@signature",
                       gives=("signature",), key=pkcs8(private), message=prehashed)
    common = {"KeyId": key, "SigningAlgorithm": "ED25519_PH_SHA_512", "Message": prehashed, "MessageType": "DIGEST"}
    assert kms.sign(**common)["Signature"] == outside
    assert kms.verify(Signature=outside, **common)["SignatureValid"]


def agreement(spec):
    curve, _ = CURVES[spec]
    private, peer = ec.generate_private_key(curve), ec.generate_private_key(curve)
    key = brought(spec, "KEY_AGREEMENT", private)
    answer = call_json("DeriveSharedSecret", {"KeyId": key, "KeyAgreementAlgorithm": "ECDH", "PublicKey":
                                              base64.b64encode(raw_public(peer.public_key())).decode()}).json
    assert base64.b64decode(answer["SharedSecret"]) == private.exchange(ec.ECDH(), peer.public_key())
    assert answer["KeyOrigin"] == "EXTERNAL", answer


def hmac_keys():
    for bits, sizes in ((224, (28,)), (256, (32, 47)), (384, (128,)), (512, (64,))):
        for size in sizes:
            key = external(f"HMAC_{bits}", "GENERATE_VERIFY_MAC")
            material = os.urandom(size)
            bring(key, material)
            common = {"KeyId": key["KeyId"], "Message": MESSAGE, "MacAlgorithm": f"HMAC_SHA_{bits}"}
            outside = hmac.new(material, MESSAGE, f"sha{bits}").digest()
            assert kms.generate_mac(**common)["Mac"] == outside, (bits, size)
            assert kms.verify_mac(Mac=outside, **common)["MacValid"]


def sm2(usage):
    """A key of the OpenSSL CLI's, wrapped by it, in a region of China. Returns its id and both halves."""
    private = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:SM2", "-outform", "DER")
    private = openssl("pkcs8", "-topk8", "-nocrypt", "-inform", "DER", "-outform", "DER", "-in", "@key", key=private)
    key = cn.create_key(KeySpec="SM2", KeyUsage=usage, Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    parameters = cn.get_parameters_for_import(KeyId=key, WrappingAlgorithm="SM2PKE", WrappingKeySpec="SM2")
    wrapped = openssl("pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", "@key", "-in", "@data",
                      key=parameters["PublicKey"], data=private)
    cn.import_key_material(KeyId=key, ImportToken=parameters["ImportToken"], EncryptedKeyMaterial=wrapped, **FOR_EVER)
    public = openssl("pkey", "-inform", "DER", "-in", "@key", "-pubout", "-outform", "DER", key=private)
    assert cn.get_public_key(KeyId=key)["PublicKey"] == public
    return key, private, public


def sm2_signatures():
    key, private, public = sm2("SIGN_VERIFY")
    options = ("-keyform", "DER", "-inkey", "@key", "-rawin", "-digest", "sm3", "-pkeyopt", "distid:1234567812345678", "-in", "@message")
    outside, = openssl("pkeyutl", "-sign", *options, "-out", "@signature", gives=("signature",), key=private, message=MESSAGE)
    common = {"KeyId": key, "SigningAlgorithm": "SM2DSA", "Message": MESSAGE}
    assert cn.verify(Signature=outside, **common)["SignatureValid"]
    output = openssl("pkeyutl", "-verify", "-pubin", *options, "-sigfile", "@signature", key=public, message=MESSAGE,
                     signature=cn.sign(**common)["Signature"])
    assert b"Successfully" in output, output


def sm2_encryption():
    key, private, public = sm2("ENCRYPT_DECRYPT")
    common = {"KeyId": key, "EncryptionAlgorithm": "SM2PKE"}
    inside = cn.encrypt(Plaintext=MESSAGE, **common)["CiphertextBlob"]
    assert openssl("pkeyutl", "-decrypt", "-keyform", "DER", "-inkey", "@key", "-in", "@data", key=private, data=inside) == MESSAGE
    outside = openssl("pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", "@key", "-in", "@data", key=public, data=MESSAGE)
    assert cn.decrypt(CiphertextBlob=outside, **common)["Plaintext"] == MESSAGE


for size in (2048, 3072, 4096):
    with check(f"RSA_{size}: signatures of each side verify on the other, PKCS #1's are the same"):
        rsa_signatures(size)
    with check(f"RSA_{size}: what each side encrypts the other decrypts"):
        rsa_encryption(size)
for spec in CURVES:
    with check(f"{spec}: signatures of each side verify on the other"):
        curve_signatures(spec)
with check("ECC_NIST_EDWARDS25519: each side signs the same"):
    edwards_signatures()
for spec in ("ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521"):
    with check(f"{spec}: the key agrees here as it does outside"):
        agreement(spec)
with check("HMAC keys give the MACs that they give outside"):
    hmac_keys()
with check("SM2: signatures of each side verify on the other"):
    sm2_signatures()
with check("SM2: what each side encrypts the other decrypts"):
    sm2_encryption()

# --- rules ----------------------------------------------------------------------------------------


def wrong_material():
    key = external("ECC_NIST_P256", "SIGN_VERIFY")
    private = ec.generate_private_key(ec.SECP256R1())
    for material in (os.urandom(32), pkcs8(ec.generate_private_key(ec.SECP256K1())), pkcs8(private)[:-1]):
        fails("IncorrectKeyMaterialException", bring, key=key, material=material)
    bring(key, pkcs8(private))
    fails("IncorrectKeyMaterialException", bring, key=key, material=pkcs8(ec.generate_private_key(ec.SECP256R1())))
    bring(key, pkcs8(private))  # the same again


def tokens():
    key, other = external(), external()
    parameters, others = parameters_for(key), parameters_for(other)
    material = os.urandom(32)
    assert abs(parameters["ParametersValidTo"].timestamp() - time.time() - 24 * 3600) < 60
    good = {"KeyId": key["KeyId"], "ImportToken": parameters["ImportToken"],
            "EncryptedKeyMaterial": wrap(parameters, "RSAES_OAEP_SHA_256", material), **FOR_EVER}
    fails("InvalidImportTokenException", kms.import_key_material, **{**good, "ImportToken": others["ImportToken"]})
    broken = bytearray(parameters["ImportToken"])
    broken[-1] ^= 1
    fails("InvalidImportTokenException", kms.import_key_material, **{**good, "ImportToken": bytes(broken)})
    fails("InvalidCiphertextException", kms.import_key_material,
          **{**good, "EncryptedKeyMaterial": wrap(others, "RSAES_OAEP_SHA_256", material)})
    message = fails("ValidationException", kms.import_key_material,
                    **{k: v for k, v in good.items() if k != "ExpirationModel"})
    assert message == "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES", message
    kms.import_key_material(**good)
    kms.import_key_material(**good)


def expiry():
    key = external()
    parameters_for(key)  # which takes a while and is kept
    to = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=4)
    material = os.urandom(32)
    bring(key, material, ExpirationModel="KEY_MATERIAL_EXPIRES", ValidTo=to)
    metadata = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
    assert metadata["ExpirationModel"] == "KEY_MATERIAL_EXPIRES", metadata
    assert abs(metadata["ValidTo"].timestamp() - to.timestamp()) < 1
    sealed = kms.encrypt(KeyId=key["KeyId"], Plaintext=MESSAGE)["CiphertextBlob"]
    time.sleep(max(0, to.timestamp() - time.time()) + 0.05)
    fails("KMSInvalidStateException", kms.decrypt, CiphertextBlob=sealed)
    metadata = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
    assert metadata["KeyState"] == "PendingImport" and "ExpirationModel" not in metadata, metadata
    bring(key, material)
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == MESSAGE


def rotation():
    key = external()
    first, second = os.urandom(32), os.urandom(32)
    bring(key, first)
    sealed = kms.encrypt(KeyId=key["KeyId"], Plaintext=MESSAGE)["CiphertextBlob"]
    parameters = parameters_for(key)
    request = {"KeyId": key["KeyId"], "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
               "ImportType": "NEW_KEY_MATERIAL", "KeyMaterialDescription": "the second",
               "ImportToken": base64.b64encode(parameters["ImportToken"]).decode(),
               "EncryptedKeyMaterial": base64.b64encode(wrap(parameters, "RSAES_OAEP_SHA_256", second)).decode()}
    answer = call_json("ImportKeyMaterial", request)
    assert answer.status == 200, answer.body
    second_id = answer.json["KeyMaterialId"]
    listed = call_json("ListKeyRotations", {"KeyId": key["KeyId"], "IncludeKeyMaterial": "ALL_KEY_MATERIAL"}).json
    assert [r["KeyMaterialState"] for r in listed["Rotations"]] == ["CURRENT", "PENDING_ROTATION"], listed
    assert listed["Rotations"][1]["KeyMaterialDescription"] == "the second", listed
    assert "RotationDate" not in listed["Rotations"][1], listed
    assert call_json("RotateKeyOnDemand", {"KeyId": key["KeyId"]}).status == 200
    metadata = call_json("DescribeKey", {"KeyId": key["KeyId"]}).json["KeyMetadata"]
    assert metadata["CurrentKeyMaterialId"] == second_id, metadata
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == MESSAGE


with check("wrong and other material is refused, the same is taken again"):
    wrong_material()
with check("tokens are good for their own key and wrapping key"):
    tokens()
with check("material expires"):
    expiry()
with check("imported material rotates"):
    rotation()
finish()
