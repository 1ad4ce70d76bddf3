"""Makes tokens of web identities, and the key sets that go with them."""

import base64
import hashlib
import hmac
import json
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

ISSUER = "https://issuer.example/realm"
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}

RSA = rsa.generate_private_key(65537, 2048)
OTHER_RSA = rsa.generate_private_key(65537, 2048)
P256 = ec.generate_private_key(ec.SECP256R1())
P384 = ec.generate_private_key(ec.SECP384R1())
ED = ed25519.Ed25519PrivateKey.generate()


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, size=None):
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def rsa_jwk(key, kid, **more):
    public = key.public_key().public_numbers()
    return {"kty": "RSA", "kid": kid, "use": "sig", "n": number(public.n), "e": number(public.e), **more}


def ec_jwk(key, kid, crv, size):
    public = key.public_key().public_numbers()
    return {"kty": "EC", "kid": kid, "crv": crv, "x": number(public.x, size), "y": number(public.y, size)}


JWKS = {"keys": [
    rsa_jwk(RSA, "rsa"), rsa_jwk(RSA, "rs256-only", alg="RS256"), rsa_jwk(RSA, "for-encryption", use="enc"),
    ec_jwk(P256, "p256", "P-256", 32), ec_jwk(P384, "p384", "P-384", 48),
    {"kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": b64(ED.public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw))},
    {"kty": "oct", "kid": "oct", "k": b64(b"a shared secret")},
]}


def signature(algorithm, key, data):
    if algorithm.startswith("RS"):
        return key.sign(data, padding.PKCS1v15(), HASHES[algorithm[2:]])
    if algorithm.startswith("PS"):
        chosen = HASHES[algorithm[2:]]
        return key.sign(data, padding.PSS(padding.MGF1(chosen), chosen.digest_size), chosen)
    if algorithm.startswith("ES"):
        size = int(algorithm[2:]) // 8
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(HASHES[algorithm[2:]])))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    if algorithm.startswith("HS"):
        return hmac.new(key, data, hashlib.sha256).digest()
    return b"" if algorithm == "none" else key.sign(data)


def mint(algorithm="RS256", key=RSA, kid="rsa", header=None, payload=None, **claims):
    now = int(time.time())
    said = {"iss": ISSUER, "sub": "system:pod", "aud": "kms", "iat": now, "exp": now + 600, **claims}
    said = {name: value for name, value in said.items() if value is not None}
    head = {"alg": algorithm, "typ": "JWT", **({"kid": kid} if kid else {}), **(header or {})}
    data = b64(json.dumps(head).encode()) + "." + b64(payload or json.dumps(said).encode())
    return data + "." + b64(signature(algorithm, key, data.encode()))
