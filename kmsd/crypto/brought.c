#include "kmsd/crypto/brought.h"

#include "kmsd/crypto/pkey.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>

enum {
    EXPONENT_BITS_MIN = 17,  /* 65537 (FIPS 186-5, section 5.4) */
    EXPONENT_BITS_MAX = 256, /* likewise */
};

bool kmsd_brought_allowed(enum kms_key_spec spec)
{
    const struct kmsd_kind *pair = kmsd_kind_of_pair(spec);
    if (pair == NULL)
        return true; /* symmetric and HMAC keys */
    static const char *const types[] = {"RSA", "EC", "ED25519", "SM2"};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(pair->key_type, types[i]) == 0)
            return true;
    }
    return false;
}

/* --- private keys ----------------------------------------------------------------------------- */

/* A number of the key, or NULL. The caller frees it. */
static BIGNUM *number_of(EVP_PKEY *key, const char *name)
{
    BIGNUM *number = NULL;
    if (EVP_PKEY_get_bn_param(key, name, &number) != 1)
        ERR_clear_error(); /* it has none of that name */
    return number;
}

static bool is_rsa_sound(EVP_PKEY *key)
{
    BIGNUM *exponent = number_of(key, OSSL_PKEY_PARAM_RSA_E);
    BIGNUM *third_prime = number_of(key, OSSL_PKEY_PARAM_RSA_FACTOR3);
    bool sound = exponent != NULL && third_prime == NULL &&
                 BN_num_bits(exponent) >= EXPONENT_BITS_MIN &&
                 BN_num_bits(exponent) <= EXPONENT_BITS_MAX;
    BN_free(exponent);
    BN_clear_free(third_prime);
    return sound;
}

/* On a named curve; its public key is to be written in full, and uncompressed. */
static bool make_curve_plain(EVP_PKEY *key)
{
    int is_explicit = 1;
    return EVP_PKEY_get_int_param(
               key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit) == 1 &&
           is_explicit == 0 &&
           EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
               OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_UNCOMPRESSED) == 1 &&
           EVP_PKEY_set_int_param(key, OSSL_PKEY_PARAM_EC_INCLUDE_PUBLIC, 1) == 1;
}

/* Whether private and public half belong together, primes are primes, and so on. */
static bool is_consistent(EVP_PKEY *key)
{
    KMSD_PKEY_CONTEXT_AUTO context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    return context != NULL && EVP_PKEY_check(context) == 1;
}

static enum kms_err read_private(const struct kmsd_kind *kind, struct kms_bytes brought,
    struct kms_buf *secret, struct kms_buf *public_key)
{
    KMSD_PKEY_AUTO key = NULL;
    ERR_clear_error();
    enum kms_err err = kmsd_pkey_read_private(kind, brought, &key);
    if (err == KMS_ERR_CORRUPT)
        return kmsd_pkey_known(kind) ? KMS_ERR_VALIDATION : KMS_ERR_UNSUPPORTED;
    if (err != KMS_OK)
        return err;
    bool sound = kind->bits == 0 || is_rsa_sound(key);
    if (kind->group != NULL)
        sound = sound && make_curve_plain(key);
    if (!sound || !is_consistent(key))
        return kmsd_pkey_failed(KMS_ERR_VALIDATION);
    ERR_clear_error();
    err = kmsd_pkey_write_private(key, secret);
    if (err == KMS_OK)
        err = kmsd_pkey_write_public(key, public_key);
    return err;
}

/* --- every kind ------------------------------------------------------------------------------- */

enum kms_err kmsd_brought_read(const struct kmsd_kind *kind, struct kms_bytes brought,
    struct kms_buf *secret, struct kms_buf *public_key)
{
    size_t secret_before = secret->len;
    size_t public_before = public_key->len;
    if (kind != NULL && kind->key_type != NULL) {
        enum kms_err err = read_private(kind, brought, secret, public_key);
        if (err != KMS_OK) {
            kms_buf_truncate(secret, secret_before);
            kms_buf_truncate(public_key, public_before);
        }
        return err;
    }
    size_t least = kind == NULL ? KMSD_SYMMETRIC_KEY_SIZE : kind->secret_size;
    size_t most = kind == NULL ? KMSD_SYMMETRIC_KEY_SIZE : kind->secret_max;
    if (brought.len < least || brought.len > most)
        return KMS_ERR_VALIDATION;
    kms_buf_append(secret, brought.data, brought.len);
    return secret->err;
}
