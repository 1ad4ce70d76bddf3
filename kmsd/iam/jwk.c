#include "kmsd/iam/jwk.h"

#include "libkms/base/encoding.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>

enum { RSA_MIN_BITS = 2048, RSA_MAX_BITS = 8192, POINT_MAX = 97, ARENA_MAX = 32768 };

static const struct kmsd_jwa algorithms[] = {
    {"RS256", "RSA", NULL, "SHA256", false, 0},
    {"RS384", "RSA", NULL, "SHA384", false, 0},
    {"RS512", "RSA", NULL, "SHA512", false, 0},
    {"PS256", "RSA", NULL, "SHA256", true, 0},
    {"PS384", "RSA", NULL, "SHA384", true, 0},
    {"PS512", "RSA", NULL, "SHA512", true, 0},
    {"ES256", "EC", "P-256", "SHA256", false, 32},
    {"ES384", "EC", "P-384", "SHA384", false, 48},
    {"EdDSA", "OKP", "Ed25519", NULL, false, 0},
};

const struct kmsd_jwa *kmsd_jwa_find(struct kms_str name)
{
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        if (kms_str_is(name, algorithms[i].name))
            return &algorithms[i];
    }
    return NULL;
}

enum kms_err kmsd_base64url_decode(
    struct kms_str text, struct kms_arena *arena, struct kms_bytes *out)
{
    size_t padded = (text.len + 3) / 4 * 4;
    char *standard = kms_arena_alloc(arena, padded + 1);
    uint8_t *bytes = kms_arena_alloc(arena, kms_base64_decoded_max(padded));
    if (standard == NULL || bytes == NULL)
        return KMS_ERR_NO_MEMORY;
    for (size_t i = 0; i < padded; i++) {
        char letter = i < text.len ? text.data[i] : '=';
        if (i < text.len && (letter == '+' || letter == '/' || letter == '='))
            return KMS_ERR_SYNTAX;
        standard[i] = letter == '-' ? '+' : letter == '_' ? '/' : letter;
    }
    size_t len = 0;
    if (kms_base64_decode((struct kms_str){standard, padded}, bytes, &len) != KMS_OK)
        return KMS_ERR_SYNTAX;
    *out = kms_bytes(bytes, len);
    return KMS_OK;
}

/* --- keys ------------------------------------------------------------------------------------- */

static struct kms_str text_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return (struct kms_str){json_string_value(value), json_string_length(value)};
}

static bool is_or_absent(const json_t *jwk, const char *name, const char *expected)
{
    const json_t *value = json_object_get(jwk, name);
    return value == NULL || kms_str_is(text_of(jwk, name), expected);
}

static bool get_bytes(
    const json_t *jwk, const char *name, struct kms_arena *arena, struct kms_bytes *out)
{
    struct kms_str text = text_of(jwk, name);
    return text.data != NULL && kmsd_base64url_decode(text, arena, out) == KMS_OK && out->len > 0;
}

static EVP_PKEY *from_params(const char *type, OSSL_PARAM *params)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (context == NULL || params == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(context);
    return key;
}

static EVP_PKEY *read_rsa(const json_t *jwk, struct kms_arena *arena)
{
    struct kms_bytes n;
    struct kms_bytes e;
    if (!get_bytes(jwk, "n", arena, &n) || !get_bytes(jwk, "e", arena, &e) ||
        n.len > RSA_MAX_BITS / 8 + 1 || e.len > 8)
        return NULL;
    BIGNUM *modulus = BN_bin2bn(n.data, (int)n.len, NULL);
    BIGNUM *exponent = BN_bin2bn(e.data, (int)e.len, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    EVP_PKEY *key = NULL;
    int bits = modulus == NULL ? 0 : BN_num_bits(modulus);
    if (modulus != NULL && exponent != NULL && build != NULL && bits >= RSA_MIN_BITS &&
        bits <= RSA_MAX_BITS && BN_is_odd(modulus) && BN_is_odd(exponent) && !BN_is_one(exponent) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
        params = OSSL_PARAM_BLD_to_param(build);
    if (params != NULL)
        key = from_params("RSA", params);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_free(modulus);
    BN_free(exponent);
    return key;
}

static EVP_PKEY *read_ec(const json_t *jwk, struct kms_arena *arena)
{
    bool is_p256 = kms_str_is(text_of(jwk, "crv"), "P-256");
    bool is_p384 = kms_str_is(text_of(jwk, "crv"), "P-384");
    size_t size = is_p256 ? 32 : 48;
    struct kms_bytes x;
    struct kms_bytes y;
    uint8_t point[POINT_MAX];
    if ((!is_p256 && !is_p384) || !get_bytes(jwk, "x", arena, &x) ||
        !get_bytes(jwk, "y", arena, &y) || x.len != size || y.len != size)
        return NULL;
    point[0] = 4; /* uncompressed */
    memcpy(point + 1, x.data, size);
    memcpy(point + 1 + size, y.data, size);
    char curve[8] = "P-256";
    if (is_p384)
        memcpy(curve, "P-384", sizeof("P-384"));
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * size),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *key = from_params("EC", params); /* checks that the point is on the curve */
    return key;
}

static EVP_PKEY *read_okp(const json_t *jwk, struct kms_arena *arena)
{
    enum { ED25519_SIZE = 32 };
    struct kms_bytes x;
    if (!kms_str_is(text_of(jwk, "crv"), "Ed25519") || !get_bytes(jwk, "x", arena, &x) ||
        x.len != ED25519_SIZE)
        return NULL;
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x.data, x.len);
}

EVP_PKEY *kmsd_jwk_read(const json_t *jwk, const struct kmsd_jwa *algorithm)
{
    struct kms_str kty = text_of(jwk, "kty");
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, ARENA_MAX);
    if (!json_is_object(jwk) || !is_or_absent(jwk, "use", "sig"))
        return NULL;
    if (algorithm != NULL &&
        (!kms_str_is(kty, algorithm->kty) || !is_or_absent(jwk, "alg", algorithm->name) ||
            (algorithm->crv != NULL && !kms_str_is(text_of(jwk, "crv"), algorithm->crv))))
        return NULL;
    if (kms_str_is(kty, "RSA"))
        return read_rsa(jwk, &arena);
    if (kms_str_is(kty, "EC"))
        return read_ec(jwk, &arena);
    return kms_str_is(kty, "OKP") ? read_okp(jwk, &arena) : NULL;
}
