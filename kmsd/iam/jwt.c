#include "kmsd/iam/jwt.h"

#include "kmsd/iam/jwk.h"

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

static void json_free_at(json_t **json)
{
    json_decref(*json);
}
#define JSON_AUTO __attribute__((cleanup(json_free_at))) json_t *

/* A token, taken apart. */
struct token {
    struct kms_str signed_part; /* header, dot, payload, as they were sent */
    struct kms_bytes signature;
    json_t *header;
    json_t *payload;
};

static struct kms_str text_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return (struct kms_str){json_string_value(value), json_string_length(value)};
}

/* NULL: no JSON object. */
static enum kms_err read_object(struct kms_str part, struct kms_arena *arena, json_t **out)
{
    struct kms_bytes bytes;
    json_error_t error;
    *out = NULL;
    enum kms_err err = kmsd_base64url_decode(part, arena, &bytes);
    if (err != KMS_OK)
        return err == KMS_ERR_SYNTAX ? KMS_OK : err;
    json_t *json = json_loadb((const char *)bytes.data, bytes.len, JSON_REJECT_DUPLICATES, &error);
    if (json != NULL && !json_is_object(json)) {
        json_decref(json);
        json = NULL;
    }
    *out = json;
    return KMS_OK;
}

static void token_clean_up(struct token *token)
{
    json_decref(token->header);
    json_decref(token->payload);
}
#define TOKEN_AUTO __attribute__((cleanup(token_clean_up))) struct token

/* Three parts with two dots between. */
static enum kms_err take_apart(
    struct kms_str text, struct kms_arena *arena, struct token *out, bool *is_token)
{
    *is_token = false;
    const char *first = text.len > KMSD_JWT_MAX ? NULL : memchr(text.data, '.', text.len);
    if (first == NULL)
        return KMS_OK;
    size_t header_len = (size_t)(first - text.data);
    const char *second = memchr(first + 1, '.', text.len - header_len - 1);
    if (second == NULL)
        return KMS_OK;
    size_t signed_len = (size_t)(second - text.data);
    struct kms_str signature = {second + 1, text.len - signed_len - 1};
    enum kms_err err = read_object((struct kms_str){text.data, header_len}, arena, &out->header);
    if (err == KMS_OK)
        err = read_object(
            (struct kms_str){first + 1, signed_len - header_len - 1}, arena, &out->payload);
    if (err == KMS_OK)
        err = kmsd_base64url_decode(signature, arena, &out->signature);
    if (err == KMS_ERR_SYNTAX)
        return KMS_OK;
    out->signed_part = (struct kms_str){text.data, signed_len};
    *is_token = err == KMS_OK && out->header != NULL && out->payload != NULL;
    return err;
}

/* --- the signature ---------------------------------------------------------------------------- */

/* r and s one after the other (RFC 7518 section 3.4) as OpenSSL wants them. */
static enum kms_err ecdsa_to_der(
    struct kms_bytes raw, size_t size, struct kms_arena *arena, struct kms_bytes *out)
{
    if (raw.len != 2 * size)
        return KMS_ERR_AUTHENTICATION;
    ECDSA_SIG *signature = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw.data, (int)size, NULL);
    BIGNUM *s = BN_bin2bn(raw.data + size, (int)size, NULL);
    if (signature == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(signature, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        ECDSA_SIG_free(signature);
        return KMS_ERR_NO_MEMORY;
    }
    enum kms_err err = KMS_ERR_CRYPTO;
    int len = i2d_ECDSA_SIG(signature, NULL);
    uint8_t *der = len > 0 ? kms_arena_alloc(arena, (size_t)len) : NULL;
    uint8_t *at = der;
    if (der != NULL && i2d_ECDSA_SIG(signature, &at) == len) {
        *out = kms_bytes(der, (size_t)len);
        err = KMS_OK;
    }
    ECDSA_SIG_free(signature);
    return err;
}

/* KMS_ERR_AUTHENTICATION: it does not verify. */
static enum kms_err verify_with(EVP_PKEY *key, const struct kmsd_jwa *algorithm,
    const struct token *token, struct kms_arena *arena)
{
    struct kms_bytes signature = token->signature;
    if (algorithm->coordinate != 0) {
        enum kms_err err = ecdsa_to_der(signature, algorithm->coordinate, arena, &signature);
        if (err != KMS_OK)
            return err;
    }
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_context = NULL;
    if (context == NULL)
        return KMS_ERR_NO_MEMORY;
    bool is_ready = EVP_DigestVerifyInit_ex(
                        context, &key_context, algorithm->digest, NULL, NULL, key, NULL) == 1;
    if (is_ready && algorithm->is_pss)
        is_ready = EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING) == 1 &&
                   EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, RSA_PSS_SALTLEN_DIGEST) == 1;
    enum kms_err err = KMS_ERR_CRYPTO;
    if (is_ready) {
        int result = EVP_DigestVerify(context, signature.data, signature.len,
            (const uint8_t *)token->signed_part.data, token->signed_part.len);
        err = result == 1 ? KMS_OK : KMS_ERR_AUTHENTICATION;
    }
    EVP_MD_CTX_free(context);
    ERR_clear_error(); /* a bad signature is no error of this side */
    return err;
}

/* The key that the token names; without a name, the only one that is for its algorithm. */
static EVP_PKEY *find_key(
    const json_t *keys, const json_t *header, const struct kmsd_jwa *algorithm)
{
    struct kms_str kid = text_of(header, "kid");
    EVP_PKEY *found = NULL;
    for (size_t i = 0; i < json_array_size(keys) && i < KMSD_JWKS_KEYS_MAX; i++) {
        const json_t *jwk = json_array_get(keys, i);
        if (kid.data != NULL && !kms_str_eq(kid, text_of(jwk, "kid")))
            continue;
        EVP_PKEY *key = kmsd_jwk_read(jwk, algorithm);
        if (key != NULL && found != NULL) { /* two that could be meant: neither is */
            EVP_PKEY_free(key);
            EVP_PKEY_free(found);
            return NULL;
        }
        found = key != NULL ? key : found;
    }
    return found;
}

static enum kms_err check_signature(const struct token *token, struct kms_str jwks_text,
    struct kms_arena *arena, enum kmsd_jwt_verdict *verdict)
{
    json_error_t error;
    const json_t *kid = json_object_get(token->header, "kid");
    const struct kmsd_jwa *algorithm = kmsd_jwa_find(text_of(token->header, "alg"));
    *verdict = KMSD_JWT_ALGORITHM;
    /* "crit": extensions that have to be understood, and none is */
    if (algorithm == NULL || json_object_get(token->header, "crit") != NULL ||
        json_object_get(token->header, "b64") != NULL)
        return KMS_OK;
    *verdict = KMSD_JWT_MALFORMED;
    if (kid != NULL && !json_is_string(kid))
        return KMS_OK;
    JSON_AUTO jwks = json_loadb(jwks_text.data, jwks_text.len, JSON_REJECT_DUPLICATES, &error);
    const json_t *keys = json_object_get(jwks, "keys");
    if (!json_is_array(keys))
        return KMS_ERR_CORRUPT;
    EVP_PKEY *key = find_key(keys, token->header, algorithm);
    *verdict = KMSD_JWT_NO_KEY;
    if (key == NULL)
        return KMS_OK;
    enum kms_err err = verify_with(key, algorithm, token, arena);
    EVP_PKEY_free(key);
    *verdict = err == KMS_OK ? KMSD_JWT_GOOD : KMSD_JWT_SIGNATURE;
    return err == KMS_ERR_AUTHENTICATION ? KMS_OK : err;
}

/* --- the claims ------------------------------------------------------------------------------- */

/* A time as a number of seconds, whole or not; false: it is none, or absurd. */
static bool get_time(const json_t *payload, const char *name, int64_t *out)
{
    const json_t *value = json_object_get(payload, name);
    double seconds = json_number_value(value);
    if (!json_is_number(value) || !(seconds >= 0 && seconds < 1e12))
        return false;
    *out = (int64_t)seconds;
    return true;
}

static bool is_wanted(const struct kmsd_jwt_expectation *expected, struct kms_str audience)
{
    for (size_t i = 0; i < expected->audience_count; i++) {
        if (audience.data != NULL && kms_str_eq(audience, expected->audiences[i]))
            return true;
    }
    return false;
}

/* One audience, or a list of them. */
static struct kms_str find_audience(
    const json_t *payload, const struct kmsd_jwt_expectation *expected)
{
    const json_t *value = json_object_get(payload, "aud");
    struct kms_str one = text_of(payload, "aud");
    if (json_is_string(value))
        return is_wanted(expected, one) ? one : kms_str(NULL);
    for (size_t i = 0; i < json_array_size(value) && i < KMSD_JWT_AUDIENCES_MAX; i++) {
        const json_t *item = json_array_get(value, i);
        one = (struct kms_str){json_string_value(item), json_string_length(item)};
        if (is_wanted(expected, one))
            return one;
    }
    return kms_str(NULL);
}

static enum kmsd_jwt_verdict check_claims(
    const json_t *payload, const struct kmsd_jwt_expectation *expected, struct kmsd_jwt_claims *out)
{
    int64_t issued_s = 0;
    int64_t not_before_s = 0;
    out->issuer = text_of(payload, "iss");
    out->subject = text_of(payload, "sub");
    if (out->issuer.data == NULL || out->subject.data == NULL || out->subject.len == 0 ||
        out->subject.len > 255 || !get_time(payload, "exp", &out->expires_s) ||
        !get_time(payload, "iat", &issued_s) ||
        (json_object_get(payload, "nbf") != NULL && !get_time(payload, "nbf", &not_before_s)))
        return KMSD_JWT_MALFORMED;
    if (!kms_str_eq(out->issuer, expected->issuer))
        return KMSD_JWT_ISSUER;
    out->audience = find_audience(payload, expected);
    if (out->audience.data == NULL)
        return KMSD_JWT_AUDIENCE;
    if (expected->now_s >= out->expires_s)
        return KMSD_JWT_EXPIRED;
    if (issued_s > expected->now_s + KMSD_JWT_SKEW_S ||
        not_before_s > expected->now_s + KMSD_JWT_SKEW_S)
        return KMSD_JWT_NOT_YET;
    return KMSD_JWT_GOOD;
}

/* --- the whole -------------------------------------------------------------------------------- */

enum kms_err kmsd_jwt_issuer(struct kms_str text, struct kms_arena *arena, struct kms_str *issuer,
    enum kmsd_jwt_verdict *verdict)
{
    TOKEN_AUTO token = {.header = NULL};
    bool is_token = false;
    enum kms_err err = take_apart(text, arena, &token, &is_token);
    *verdict = KMSD_JWT_MALFORMED;
    if (err != KMS_OK || !is_token || text_of(token.payload, "iss").data == NULL)
        return err;
    *issuer = kms_arena_str(arena, text_of(token.payload, "iss"));
    *verdict = KMSD_JWT_GOOD;
    return issuer->data == NULL ? KMS_ERR_NO_MEMORY : KMS_OK;
}

enum kms_err kmsd_jwt_verify(struct kms_str text, const struct kmsd_jwt_expectation *expected,
    struct kms_arena *arena, struct kmsd_jwt_claims *claims, enum kmsd_jwt_verdict *verdict)
{
    TOKEN_AUTO token = {.header = NULL};
    struct kmsd_jwt_claims said;
    bool is_token = false;
    enum kms_err err = take_apart(text, arena, &token, &is_token);
    *verdict = KMSD_JWT_MALFORMED;
    if (err != KMS_OK || !is_token)
        return err;
    err = check_signature(&token, expected->jwks, arena, verdict);
    if (err != KMS_OK || *verdict != KMSD_JWT_GOOD)
        return err;
    *verdict = check_claims(token.payload, expected, &said);
    if (*verdict != KMSD_JWT_GOOD)
        return KMS_OK;
    said.issuer = kms_arena_str(arena, said.issuer);
    said.subject = kms_arena_str(arena, said.subject);
    said.audience = kms_arena_str(arena, said.audience);
    if (said.issuer.data == NULL || said.subject.data == NULL || said.audience.data == NULL) {
        *verdict = KMSD_JWT_MALFORMED;
        return KMS_ERR_NO_MEMORY;
    }
    *claims = said;
    return KMS_OK;
}

bool kmsd_jwks_is_usable(struct kms_str text)
{
    json_error_t error;
    JSON_AUTO jwks = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &error);
    const json_t *keys = json_object_get(jwks, "keys");
    bool is_usable = false;
    for (size_t i = 0; i < json_array_size(keys) && i < KMSD_JWKS_KEYS_MAX && !is_usable; i++) {
        EVP_PKEY *key = kmsd_jwk_read(json_array_get(keys, i), NULL);
        is_usable = key != NULL;
        EVP_PKEY_free(key);
    }
    ERR_clear_error();
    return is_usable && json_array_size(keys) <= KMSD_JWKS_KEYS_MAX;
}
