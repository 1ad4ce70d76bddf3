"""Asymmetric and HMAC keys through boto3 (Debian's), cross-checked both ways against python3-cryptography,
the OpenSSL CLI and the hmac module. What Debian's model is too old for goes over raw requests."""

import base64
import hashlib
import hmac
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import boto3  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402
from cryptography.exceptions import InvalidSignature  # noqa: E402
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils  # noqa: E402
from openssl import openssl  # noqa: E402
from tap import check, finish  # noqa: E402
from wire import call_json  # noqa: E402

kms = boto3.client("kms", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
MESSAGE = os.urandom(1000)
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
CURVES = {"ECC_NIST_P256": ec.SECP256R1(), "ECC_NIST_P384": ec.SECP384R1(), "ECC_NIST_P521": ec.SECP521R1(),
          "ECC_SECG_P256K1": ec.SECP256K1()}


def create(spec, usage):
    return kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]


def public_key(key):
    return serialization.load_der_public_key(kms.get_public_key(KeyId=key["KeyId"])["PublicKey"])


def fails(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return
    raise AssertionError(f"succeeded, expected {code}")


def digest(hash_, data=MESSAGE):
    return hashlib.new(hash_.name, data).digest()


def rsa_padding(algorithm, hash_):
    if "PSS" in algorithm:
        return padding.PSS(mgf=padding.MGF1(hash_), salt_length=hash_.digest_size)
    return padding.PKCS1v15()


def verify_outside(key, algorithm, signature, data=MESSAGE):
    hash_ = HASHES[algorithm[-3:]]
    public = public_key(key)
    if isinstance(public, rsa.RSAPublicKey):
        public.verify(signature, data, rsa_padding(algorithm, hash_), hash_)
    else:
        public.verify(signature, data, ec.ECDSA(hash_))


def openssl_verifies(key, algorithm, signature):
    hash_ = HASHES[algorithm[-3:]]
    options = []
    if "PSS" in algorithm:
        options = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest",
                   "-sigopt", f"rsa_mgf1_md:{hash_.name}"]
    spki = kms.get_public_key(KeyId=key["KeyId"])["PublicKey"]
    output = openssl("dgst", "-" + hash_.name, *options, "-keyform", "DER", "-verify", "@key", "-signature",
                     "@signature", "@message", key=spki, signature=signature, message=MESSAGE)
    assert b"Verified OK" in output, output


SIGNING = [(f"RSA_{size}", f"RSASSA_{kind}_SHA_{bits}") for size in (2048, 3072, 4096)
           for kind in ("PSS", "PKCS1_V1_5") for bits in ("256", "384", "512")]
SIGNING += [("ECC_NIST_P256", "ECDSA_SHA_256"), ("ECC_NIST_P384", "ECDSA_SHA_384"),
            ("ECC_NIST_P521", "ECDSA_SHA_512"), ("ECC_SECG_P256K1", "ECDSA_SHA_256")]

signers = {spec: create(spec, "SIGN_VERIFY") for spec in dict(SIGNING)}
for spec, algorithm in SIGNING:
    signer = signers[spec]
    with check(f"{spec} {algorithm}: signatures verify outside and here, as message and as digest"):
        assert algorithm in signer["SigningAlgorithms"]
        digested = digest(HASHES[algorithm[-3:]])
        common = {"KeyId": signer["KeyId"], "SigningAlgorithm": algorithm}
        raw = kms.sign(Message=MESSAGE, **common)["Signature"]
        short = kms.sign(Message=digested, MessageType="DIGEST", **common)["Signature"]
        for signature in (raw, short):
            verify_outside(signer, algorithm, signature)
            openssl_verifies(signer, algorithm, signature)
            assert kms.verify(Message=MESSAGE, Signature=signature, **common)["SignatureValid"] is True
            assert kms.verify(Message=digested, MessageType="DIGEST", Signature=signature, **common)["SignatureValid"]
            fails("KMSInvalidSignatureException", kms.verify, Message=MESSAGE + b"x", Signature=signature, **common)
            altered = signature[:-1] + bytes([signature[-1] ^ 1])
            fails("KMSInvalidSignatureException", kms.verify, Message=MESSAGE, Signature=altered, **common)
        try:
            verify_outside(signer, algorithm, raw, MESSAGE + b"x")
        except InvalidSignature:
            pass
        else:
            raise AssertionError("a signature of another message verifies outside")

ed = create("ECC_NIST_EDWARDS25519", "SIGN_VERIFY")
with check("ECC_NIST_EDWARDS25519 ED25519_SHA_512: signatures verify outside and here"):
    spki = kms.get_public_key(KeyId=ed["KeyId"])["PublicKey"]
    assert len(spki) == 44 and ed["SigningAlgorithms"] == ["ED25519_SHA_512", "ED25519_PH_SHA_512"]
    common = {"KeyId": ed["KeyId"], "SigningAlgorithm": "ED25519_SHA_512", "Message": MESSAGE}
    signature = kms.sign(**common)["Signature"]
    assert len(signature) == 64
    public = serialization.load_der_public_key(spki)
    assert isinstance(public, ed25519.Ed25519PublicKey)
    public.verify(signature, MESSAGE)
    assert kms.verify(Signature=signature, **common)["SignatureValid"]
    output = openssl("pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "@key", "-rawin", "-in", "@message",
                     "-sigfile", "@signature", key=spki, signature=signature, message=MESSAGE)
    assert b"Successfully" in output, output
with check("ECC_NIST_EDWARDS25519 ED25519_PH_SHA_512: a digest, which is no Ed25519 signature of the message"):
    digested = hashlib.sha512(MESSAGE).digest()
    common = {"KeyId": ed["KeyId"], "SigningAlgorithm": "ED25519_PH_SHA_512", "MessageType": "DIGEST", "Message": digested}
    prehashed = kms.sign(**common)["Signature"]
    assert kms.verify(Signature=prehashed, **common)["SignatureValid"] and prehashed != signature
    fails("KMSInvalidSignatureException", kms.verify, KeyId=ed["KeyId"], SigningAlgorithm="ED25519_SHA_512",
          Message=MESSAGE, Signature=prehashed)

for size, limits in ((2048, (214, 190)), (3072, (342, 318)), (4096, (470, 446))):
    key = create(f"RSA_{size}", "ENCRYPT_DECRYPT")
    for algorithm, hash_, most in (("RSAES_OAEP_SHA_1", hashes.SHA1(), limits[0]), ("RSAES_OAEP_SHA_256", hashes.SHA256(), limits[1])):
        with check(f"RSA_{size} {algorithm}: what is encrypted outside decrypts here, and the limits"):
            oaep = padding.OAEP(mgf=padding.MGF1(hash_), algorithm=hash_, label=None)
            common = {"KeyId": key["KeyId"], "EncryptionAlgorithm": algorithm}
            for plaintext in (b"x", os.urandom(most)):
                made_outside = public_key(key).encrypt(plaintext, oaep)
                assert len(made_outside) == size // 8
                answer = kms.decrypt(CiphertextBlob=made_outside, **common)
                assert answer["Plaintext"] == plaintext and "KeyMaterialId" not in answer
                made_here = kms.encrypt(Plaintext=plaintext, **common)["CiphertextBlob"]
                assert len(made_here) == size // 8 and made_here != made_outside
                assert kms.decrypt(CiphertextBlob=made_here, **common)["Plaintext"] == plaintext
            made_by_openssl = openssl("pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", "@key", "-in", "@data",
                                      "-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", f"rsa_oaep_md:{hash_.name}",
                                      "-pkeyopt", f"rsa_mgf1_md:{hash_.name}", data=b"by openssl",
                                      key=kms.get_public_key(KeyId=key["KeyId"])["PublicKey"])
            assert kms.decrypt(CiphertextBlob=made_by_openssl, **common)["Plaintext"] == b"by openssl"
            fails("ValidationException", kms.encrypt, Plaintext=bytes(most + 1), **common)
            fails("InvalidCiphertextException", kms.decrypt, CiphertextBlob=made_here[:-1] + bytes([made_here[-1] ^ 1]), **common)
            other = "RSAES_OAEP_SHA_1" if algorithm.endswith("256") else "RSAES_OAEP_SHA_256"
            fails("InvalidCiphertextException", kms.decrypt, KeyId=key["KeyId"], EncryptionAlgorithm=other, CiphertextBlob=made_here)

with check("ReEncrypt from outside's RSA to symmetric, and back to RSA"):
    oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
    symmetric = kms.create_key()["KeyMetadata"]["KeyId"]
    moved = kms.re_encrypt(CiphertextBlob=public_key(key).encrypt(b"moving", oaep), SourceKeyId=key["KeyId"],
                           SourceEncryptionAlgorithm="RSAES_OAEP_SHA_256", DestinationKeyId=symmetric,
                           DestinationEncryptionContext={"a": "b"})
    assert kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], EncryptionContext={"a": "b"})["Plaintext"] == b"moving"
    back = kms.re_encrypt(CiphertextBlob=moved["CiphertextBlob"], SourceEncryptionContext={"a": "b"},
                          DestinationKeyId=key["KeyId"], DestinationEncryptionAlgorithm="RSAES_OAEP_SHA_1")
    assert kms.decrypt(CiphertextBlob=back["CiphertextBlob"], KeyId=key["KeyId"],
                       EncryptionAlgorithm="RSAES_OAEP_SHA_1")["Plaintext"] == b"moving"

for bits in ("224", "256", "384", "512"):
    with check(f"HMAC_{bits}: MACs verify, and nothing else does"):
        key = create(f"HMAC_{bits}", "GENERATE_VERIFY_MAC")
        common = {"KeyId": key["KeyId"], "MacAlgorithm": f"HMAC_SHA_{bits}"}
        mac = kms.generate_mac(Message=MESSAGE, **common)["Mac"]
        assert len(mac) == int(bits) // 8 and mac == kms.generate_mac(Message=MESSAGE, **common)["Mac"]
        assert kms.verify_mac(Message=MESSAGE, Mac=mac, **common)["MacValid"] is True
        fails("KMSInvalidMacException", kms.verify_mac, Message=MESSAGE, Mac=mac[:-1], **common)
        fails("KMSInvalidMacException", kms.verify_mac, Message=MESSAGE + b"x", Mac=mac, **common)
        # nobody outside knows the key; that it is a key at all shows in what it is not
        assert mac not in (hmac.new(bytes(int(bits) // 8), MESSAGE, f"sha{bits}").digest(), hashlib.new(f"sha{bits}", MESSAGE).digest())
        fails("UnsupportedOperationException", kms.get_public_key, KeyId=key["KeyId"])

FORMATS = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
for spec in ("ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521"):
    with check(f"{spec}: DeriveSharedSecret and the other side's ECDH agree"):
        key = create(spec, "KEY_AGREEMENT")
        ours = ec.generate_private_key(CURVES[spec])
        answer = call_json("DeriveSharedSecret", {
            "KeyId": key["KeyId"], "KeyAgreementAlgorithm": "ECDH",
            "PublicKey": base64.b64encode(ours.public_key().public_bytes(*FORMATS)).decode()})
        assert answer.status == 200, answer.body
        secret = base64.b64decode(answer.json["SharedSecret"])
        assert secret == ours.exchange(ec.ECDH(), public_key(key))
        assert answer.json["KeyOrigin"] == "AWS_KMS" and answer.json["KeyId"] == key["Arn"]
        spki = kms.get_public_key(KeyId=key["KeyId"])["PublicKey"]
        pem = ours.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        by_openssl = openssl("pkeyutl", "-derive", "-inkey", "@ours", "-peerform", "DER", "-peerkey", "@theirs", ours=pem, theirs=spki)
        assert secret == by_openssl
        other = ec.generate_private_key(CURVES["ECC_SECG_P256K1"]).public_key().public_bytes(*FORMATS)
        answer = call_json("DeriveSharedSecret", {"KeyId": key["KeyId"], "KeyAgreementAlgorithm": "ECDH",
                                                  "PublicKey": base64.b64encode(other).decode()})
        assert answer.status == 400 and answer.json == {"__type": "ValidationException", "message": ""}, answer.body

wrapping = kms.create_key()["KeyMetadata"]["KeyId"]
CONTEXT = {"purpose": "pairs"}
for spec in ("RSA_2048", "RSA_3072", "RSA_4096", *CURVES, "ECC_NIST_EDWARDS25519"):
    with check(f"{spec}: the halves of a data key pair match, and the encrypted one decrypts"):
        made = kms.generate_data_key_pair(KeyId=wrapping, KeyPairSpec=spec, EncryptionContext=CONTEXT)
        private = serialization.load_der_private_key(made["PrivateKeyPlaintext"], None)
        assert private.public_key().public_bytes(*FORMATS) == made["PublicKey"]
        if spec.startswith("RSA"):
            assert private.key_size == int(spec[4:]) and private.private_numbers().public_numbers.e == 65537
        opened = kms.decrypt(CiphertextBlob=made["PrivateKeyCiphertextBlob"], EncryptionContext=CONTEXT)
        assert opened["Plaintext"] == made["PrivateKeyPlaintext"]
        assert openssl("pkey", "-inform", "DER", "-in", "@key", "-pubout", "-outform", "DER", "-check",
                       key=made["PrivateKeyPlaintext"]).endswith(made["PublicKey"])
        hidden = kms.generate_data_key_pair_without_plaintext(KeyId=wrapping, KeyPairSpec=spec, EncryptionContext=CONTEXT)
        assert "PrivateKeyPlaintext" not in hidden
        private = serialization.load_der_private_key(
            kms.decrypt(CiphertextBlob=hidden["PrivateKeyCiphertextBlob"], EncryptionContext=CONTEXT)["Plaintext"], None)
        assert private.public_key().public_bytes(*FORMATS) == hidden["PublicKey"]
        fails("InvalidCiphertextException", kms.decrypt, CiphertextBlob=hidden["PrivateKeyCiphertextBlob"])

with check("signatures made outside with a data key's private half verify by its public half"):
    made = kms.generate_data_key_pair(KeyId=wrapping, KeyPairSpec="ECC_NIST_P256")
    private = serialization.load_der_private_key(made["PrivateKeyPlaintext"], None)
    prehashed = utils.Prehashed(hashes.SHA256())
    serialization.load_der_public_key(made["PublicKey"]).verify(
        private.sign(digest(hashes.SHA256()), ec.ECDSA(prehashed)), MESSAGE, ec.ECDSA(hashes.SHA256()))

for spec, usage in (("ML_DSA_44", "SIGN_VERIFY"), ("ML_DSA_65", "SIGN_VERIFY"), ("ML_DSA_87", "SIGN_VERIFY"),
                    ("ML_KEM_512", "ENCAPSULATE_DECAPSULATE"), ("ML_KEM_768", "ENCAPSULATE_DECAPSULATE"),
                    ("ML_KEM_1024", "ENCAPSULATE_DECAPSULATE")):
    answer = call_json("CreateKey", {"KeySpec": spec, "KeyUsage": usage})
    if answer.status != 200:
        with check(f"{spec}: refused by an OpenSSL without it"):
            assert answer.json == {
                "__type": "UnsupportedOperationException",
                "message": f"The OpenSSL that this server runs with does not offer KeySpec {spec}."}, answer.body
        continue
    key = answer.json["KeyMetadata"]
    spki = kms.get_public_key(KeyId=key["KeyId"])["PublicKey"]
    if usage == "SIGN_VERIFY":
        with check(f"{spec}: signatures verify with the OpenSSL CLI and here"):
            assert len(spki) == {"44": 1334, "65": 1974, "87": 2614}[spec[-2:]]
            common = {"KeyId": key["KeyId"], "SigningAlgorithm": "ML_DSA_SHAKE_256", "Message": MESSAGE}
            signature = kms.sign(**common)["Signature"]
            assert len(signature) == {"44": 2420, "65": 3309, "87": 4627}[spec[-2:]]
            assert kms.verify(Signature=signature, **common)["SignatureValid"]
            output = openssl("pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "@key", "-rawin", "-in", "@message",
                             "-sigfile", "@signature", key=spki, signature=signature, message=MESSAGE)
            assert b"Successfully" in output, output
    else:
        with check(f"{spec}: Encapsulate and Decapsulate agree"):
            made = call_json("Encapsulate", {"KeyId": key["KeyId"], "EncapsulationAlgorithm": "ML_KEM"}).json
            opened = call_json("Decapsulate", {"KeyId": key["KeyId"], "EncapsulationAlgorithm": "ML_KEM",
                                               "SharedSecretCiphertextBlob": made["SharedSecretCiphertextBlob"]}).json
            assert len(base64.b64decode(made["SharedSecret"])) == 32 and opened["SharedSecret"] == made["SharedSecret"]
        with check(f"{spec}: what the OpenSSL CLI encapsulates is decapsulated here"):
            secret, ciphertext = openssl("pkeyutl", "-encap", "-pubin", "-keyform", "DER", "-inkey", "@key", "-secret",
                                         "@secret", "-out", "@ciphertext", gives=("secret", "ciphertext"), key=spki)
            opened = call_json("Decapsulate", {"KeyId": key["KeyId"], "EncapsulationAlgorithm": "ML_KEM",
                                               "SharedSecretCiphertextBlob": base64.b64encode(ciphertext).decode()}).json
            assert base64.b64decode(opened["SharedSecret"]) == secret
        with check(f"{spec}: the halves of a data key pair match in the OpenSSL CLI"):
            made = call_json("GenerateDataKeyPair", {"KeyId": wrapping, "KeyPairSpec": spec}).json
            private, public = (base64.b64decode(made[name]) for name in ("PrivateKeyPlaintext", "PublicKey"))
            assert openssl("pkey", "-inform", "DER", "-in", "@key", "-pubout", "-outform", "DER", key=private) == public

# SM2 is offered in regions of China alone. python3-cryptography has none; the OpenSSL CLI does.
cn = boto3.client("kms", endpoint_url=os.environ["AWS_ENDPOINT_URL"], region_name="cn-north-1")
IDENTIFIER = "distid:1234567812345678"
with check("SM2 SM2DSA: signatures verify with the OpenSSL CLI and here, as message and as digest"):
    key = cn.create_key(KeySpec="SM2", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    assert key["Arn"].startswith("arn:aws-cn:kms:cn-north-1:") and key["SigningAlgorithms"] == ["SM2DSA"], key
    spki = cn.get_public_key(KeyId=key["KeyId"])["PublicKey"]
    # SM3 over the hash of identifier, curve and key, then the message (GM/T 0009), all of it with the CLI's own SM3
    curve = ("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC" "28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93"
             "32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7" "BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0")
    identified = openssl("dgst", "-sm3", "-binary", "@data", data=b"\x00\x80" + b"1234567812345678" + bytes.fromhex(curve) + spki[-64:])
    digested = openssl("dgst", "-sm3", "-binary", "@data", data=identified + MESSAGE)
    common = {"KeyId": key["KeyId"], "SigningAlgorithm": "SM2DSA"}
    for request in ({"Message": MESSAGE}, {"Message": digested, "MessageType": "DIGEST"}):
        signature = cn.sign(**request, **common)["Signature"]
        output = openssl("pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "@key", "-rawin", "-digest", "sm3", "-pkeyopt", IDENTIFIER,
                         "-in", "@message", "-sigfile", "@signature", key=spki, signature=signature, message=MESSAGE)
        assert b"Successfully" in output, output
        assert cn.verify(Message=MESSAGE, Signature=signature, **common)["SignatureValid"]
        assert cn.verify(Message=digested, MessageType="DIGEST", Signature=signature, **common)["SignatureValid"]
        fails("KMSInvalidSignatureException", cn.verify, Message=MESSAGE + b"x", Signature=signature, **common)
with check("SM2 SM2PKE: what the OpenSSL CLI encrypts decrypts here, and the limit"):
    key = cn.create_key(KeySpec="SM2", KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]
    common = {"KeyId": key["KeyId"], "EncryptionAlgorithm": "SM2PKE"}
    for plaintext in (b"x", os.urandom(1024)):
        made_outside = openssl("pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", "@key", "-in", "@data", data=plaintext,
                               key=cn.get_public_key(KeyId=key["KeyId"])["PublicKey"])
        assert cn.decrypt(CiphertextBlob=made_outside, **common)["Plaintext"] == plaintext
        made_here = cn.encrypt(Plaintext=plaintext, **common)["CiphertextBlob"]
        assert cn.decrypt(CiphertextBlob=made_here, **common)["Plaintext"] == plaintext
        fails("InvalidCiphertextException", cn.decrypt, CiphertextBlob=made_here[:-1] + bytes([made_here[-1] ^ 1]), **common)
    fails("ValidationException", cn.encrypt, Plaintext=bytes(1025), **common)
with check("SM2: a data key pair decrypts and signs in the OpenSSL CLI; elsewhere there is none"):
    generator = cn.create_key()["KeyMetadata"]["KeyId"]
    made = cn.generate_data_key_pair(KeyId=generator, KeyPairSpec="SM2")
    assert openssl("pkey", "-inform", "DER", "-in", "@key", "-pubout", "-outform", "DER", key=made["PrivateKeyPlaintext"]) == made["PublicKey"]
    signature, = openssl("pkeyutl", "-sign", "-keyform", "DER", "-inkey", "@key", "-rawin", "-digest", "sm3", "-pkeyopt", IDENTIFIER,
                         "-in", "@message", "-out", "@signature", gives=("signature",), key=made["PrivateKeyPlaintext"], message=MESSAGE)
    assert b"Successfully" in openssl("pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "@key", "-rawin", "-digest", "sm3",
                                      "-pkeyopt", IDENTIFIER, "-in", "@message", "-sigfile", "@signature", key=made["PublicKey"],
                                      signature=signature, message=MESSAGE)
    fails("UnsupportedOperationException", kms.generate_data_key_pair, KeyId=wrapping, KeyPairSpec="SM2")

with check("DryRun over the wire, which Debian's model does not know"):
    for operation, request in (
            ("Sign", {"KeyId": signers["ECC_NIST_P256"]["KeyId"], "Message": "eA==", "SigningAlgorithm": "ECDSA_SHA_256"}),
            ("GenerateDataKeyPair", {"KeyId": wrapping, "KeyPairSpec": "RSA_4096"})):
        answer = call_json(operation, {**request, "DryRun": True})
        assert answer.status == 400 and answer.json["__type"] == "DryRunOperationException", answer.body
finish()
