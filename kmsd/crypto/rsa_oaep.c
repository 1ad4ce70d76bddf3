/* RSAES-OAEP (RFC 8017 section 7.1) with MGF1 of the same hash and an empty label. */
#include "kmsd/crypto/family.h"
#include "kmsd/crypto/pkey.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

enum { PARAMS = 4 };

static void fill(const struct kmsd_encryption *encryption, OSSL_PARAM params[PARAMS])
{
    params[0] = kmsd_pkey_text(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, OSSL_PKEY_RSA_PAD_MODE_OAEP);
    params[1] = kmsd_pkey_text(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, encryption->digest);
    params[2] = kmsd_pkey_text(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, encryption->digest);
    params[3] = OSSL_PARAM_construct_end();
}

static enum kms_err encrypt(EVP_PKEY *key, const struct kmsd_encryption *encryption,
    struct kms_bytes plaintext, struct kms_buf *ciphertext)
{
    OSSL_PARAM params[PARAMS];
    fill(encryption, params);
    return kmsd_pkey_encrypt(key, params, plaintext, ciphertext);
}

/* "Decryption error", as section 7.1.2 has it, and nothing else: what fails for another reason, such
 * as a lack of memory, must not tell the caller that a good ciphertext is bad. */
static bool was_refused(unsigned long code)
{
    return ERR_GET_LIB(code) == ERR_LIB_RSA &&
           (ERR_GET_REASON(code) == RSA_R_OAEP_DECODING_ERROR ||
               ERR_GET_REASON(code) == RSA_R_DATA_TOO_LARGE_FOR_MODULUS);
}

static enum kms_err decrypt(EVP_PKEY *key, const struct kmsd_encryption *encryption,
    struct kms_bytes ciphertext, struct kms_buf *plaintext)
{
    OSSL_PARAM params[PARAMS];
    /* "If the length of the ciphertext C is not k octets ..., output 'decryption error' and stop"
     * (section 7.1.2): libcrypto would take shorter ones as smaller numbers. */
    if (ciphertext.len != (size_t)EVP_PKEY_get_size(key))
        return KMS_ERR_AUTHENTICATION;
    fill(encryption, params);
    return kmsd_pkey_decrypt(key, params, was_refused, ciphertext, plaintext);
}

/* --- tables ----------------------------------------------------------------------------------- */

/* A message may be "of length mLen, where mLen <= k - 2hLen - 2" octets (section 7.1.1). */
#define ROWS(bits)                                                     \
    {                                                                  \
        {.algorithm = KMS_ENCRYPTION_ALGORITHM_RSAES_OAEP_SHA_1,       \
            .plaintext_max = (bits) / 8 - 2 * 20 - 2,                  \
            .digest = "SHA1"},                                         \
            {.algorithm = KMS_ENCRYPTION_ALGORITHM_RSAES_OAEP_SHA_256, \
                .plaintext_max = (bits) / 8 - 2 * 32 - 2,              \
                .digest = "SHA256"},                                   \
    }

static const struct kmsd_encryption rows_2048[] = ROWS(2048);
static const struct kmsd_encryption rows_3072[] = ROWS(3072);
static const struct kmsd_encryption rows_4096[] = ROWS(4096);

#define KIND(size)                                                                       \
    {                                                                                    \
        .spec = KMS_KEY_SPEC_RSA_##size, .usage = KMS_KEY_USAGE_ENCRYPT_DECRYPT,         \
        .name = "RSA_" #size " ENCRYPT_DECRYPT", .encryption = rows_##size,              \
        .encryption_count = sizeof(rows_##size) / sizeof(rows_##size[0]),                \
        .generates_slowly = true, .private_use_is_slow = true, .family = &kmsd_rsa_oaep, \
        .key_type = "RSA", .bits = (size),                                               \
    }

static const struct kmsd_kind kinds[] = {KIND(2048), KIND(3072), KIND(4096)};

const struct kmsd_family kmsd_rsa_oaep = {
    .name = "RSAES-OAEP",
    .encrypt = encrypt,
    .decrypt = decrypt,
    .kinds = kinds,
    .kind_count = sizeof(kinds) / sizeof(kinds[0]),
};
