/*
 * HMAC (RFC 2104, FIPS 198-1). Keys made here are as long as the hash's output; what may be brought
 * is longer ("Importing key material", KMS developer guide).
 */
#include "kmsd/crypto/digest.h"
#include "kmsd/crypto/family.h"
#include "kmsd/crypto/pkey.h"

#include <limits.h>
#include <openssl/hmac.h>

static enum kms_err mac(
    const struct kmsd_mac *row, struct kms_bytes key, struct kms_bytes message, uint8_t *out)
{
    const EVP_MD *digest = kmsd_digest_find(row->digest);
    unsigned len = 0;
    if (digest == NULL)
        return KMS_ERR_UNSUPPORTED;
    if (key.len > INT_MAX)
        return KMS_ERR_INVALID_ARGUMENT;
    bool ok = HMAC(digest, key.data, (int)key.len, message.data, message.len, out, &len) != NULL &&
              len == row->mac_size;
    return ok ? KMS_OK : kmsd_pkey_failed(KMS_ERR_CRYPTO);
}

/* --- tables ----------------------------------------------------------------------------------- */

#define ROW(bits)                                                               \
    {                                                                           \
        .algorithm = KMS_MAC_ALGORITHM_HMAC_SHA_##bits, .mac_size = (bits) / 8, \
        .digest = "SHA" #bits,                                                  \
    }

static const struct kmsd_mac sha_224 = ROW(224);
static const struct kmsd_mac sha_256 = ROW(256);
static const struct kmsd_mac sha_384 = ROW(384);
static const struct kmsd_mac sha_512 = ROW(512);

/* The longest key is the hash's block: a longer one is replaced by its hash. */
#define KIND(bits, block)                                                                  \
    {                                                                                      \
        .spec = KMS_KEY_SPEC_HMAC_##bits, .usage = KMS_KEY_USAGE_GENERATE_VERIFY_MAC,      \
        .name = "HMAC_" #bits " GENERATE_VERIFY_MAC", .macs = &sha_##bits, .mac_count = 1, \
        .family = &kmsd_hmac, .secret_size = (bits) / 8, .secret_max = (block),            \
    }

static const struct kmsd_kind kinds[] = {
    KIND(224, 64), KIND(256, 64), KIND(384, 128), KIND(512, 128)};

const struct kmsd_family kmsd_hmac = {
    .name = "HMAC",
    .mac = mac,
    .kinds = kinds,
    .kind_count = sizeof(kinds) / sizeof(kinds[0]),
};
