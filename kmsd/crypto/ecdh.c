/* The elliptic curve cofactor Diffie-Hellman primitive (SP 800-56A revision 3, section 5.7.1.2) over
 * the NIST curves, whose cofactor is 1: the X coordinate, without a key derivation. */
#include "kmsd/crypto/ec_point.h"
#include "kmsd/crypto/family.h"
#include "kmsd/crypto/pkey.h"
#include "libkms/base/secret.h"

#include <openssl/core_names.h>

/* A key from a point that may be anything. Making it checks that the point is on the curve, and with
 * a cofactor of 1 that makes it one of the right order (SP 800-56A section 5.6.2.3.4). */
static enum kms_err peer_of(const struct kmsd_kind *kind, struct kms_bytes spki, EVP_PKEY **out)
{
    struct kms_bytes point = {NULL, 0};
    enum kms_err err = kmsd_ec_point_read(kind->group, spki, &point);
    if (err != KMS_OK)
        return err;
    KMSD_PKEY_CONTEXT_AUTO context = EVP_PKEY_CTX_new_from_name(NULL, kind->key_type, NULL);
    OSSL_PARAM params[] = {
        kmsd_pkey_text(OSSL_PKEY_PARAM_GROUP_NAME, kind->group),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)point.data, point.len),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *made = NULL;
    if (context == NULL || EVP_PKEY_fromdata_init(context) != 1)
        return kmsd_pkey_failed(KMS_ERR_CRYPTO);
    if (EVP_PKEY_fromdata(context, &made, EVP_PKEY_PUBLIC_KEY, params) != 1)
        return kmsd_pkey_failed(KMS_ERR_VALIDATION);
    *out = made;
    return KMS_OK;
}

static enum kms_err derive(
    const struct kmsd_kind *kind, EVP_PKEY *key, struct kms_bytes peer, struct kms_buf *secret)
{
    KMSD_PKEY_AUTO peer_key = NULL;
    enum kms_err err = peer_of(kind, peer, &peer_key);
    if (err != KMS_OK)
        return err;
    KMSD_PKEY_CONTEXT_AUTO context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    uint8_t x[KMSD_EC_FIELD_MAX];
    size_t len = sizeof(x);
    bool ok = context != NULL && EVP_PKEY_derive_init(context) == 1 &&
              EVP_PKEY_derive_set_peer_ex(context, peer_key, 0) == 1 &&
              EVP_PKEY_derive(context, x, &len) == 1 && len == kmsd_ec_field_size(kind->group);
    if (ok)
        kms_buf_append(secret, x, len);
    kms_wipe(x, sizeof(x));
    return ok ? secret->err : kmsd_pkey_failed(KMS_ERR_CRYPTO);
}

/* --- tables ----------------------------------------------------------------------------------- */

#define KIND(suffix, curve, slow)                                                        \
    {                                                                                    \
        .spec = KMS_KEY_SPEC_##suffix, .usage = KMS_KEY_USAGE_KEY_AGREEMENT,             \
        .name = #suffix " KEY_AGREEMENT", .agrees = true, .private_use_is_slow = (slow), \
        .family = &kmsd_ecdh, .key_type = "EC", .group = (curve),                        \
    }

static const struct kmsd_kind kinds[] = {
    KIND(ECC_NIST_P256, "prime256v1", false),
    KIND(ECC_NIST_P384, "secp384r1", true),
    KIND(ECC_NIST_P521, "secp521r1", true),
};

const struct kmsd_family kmsd_ecdh = {
    .name = "ECDH",
    .derive = derive,
    .kinds = kinds,
    .kind_count = sizeof(kinds) / sizeof(kinds[0]),
};
