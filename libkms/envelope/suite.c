#include "libkms/envelope/suite.h"

static const struct kms_suite_signature ecdsa_p256 = {"P-256", "SHA256", 33, 71};
static const struct kms_suite_signature ecdsa_p384 = {"P-384", "SHA384", 49, 103};

/* clang-format off */
static const struct kms_suite suites[] = {
    {KMS_SUITE_AES_128_GCM_NO_KDF, 1, 16, "AES-128-GCM",
        KMS_SUITE_KDF_IDENTITY, NULL, NULL,
        "AES-128-GCM"},
    {KMS_SUITE_AES_192_GCM_NO_KDF, 1, 24, "AES-192-GCM",
        KMS_SUITE_KDF_IDENTITY, NULL, NULL,
        "AES-192-GCM"},
    {KMS_SUITE_AES_256_GCM_NO_KDF, 1, 32, "AES-256-GCM",
        KMS_SUITE_KDF_IDENTITY, NULL, NULL,
        "AES-256-GCM"},
    {KMS_SUITE_AES_128_GCM_HKDF_SHA256, 1, 16, "AES-128-GCM",
        KMS_SUITE_KDF_HKDF, "SHA256", NULL,
        "AES-128-GCM, HKDF-SHA256"},
    {KMS_SUITE_AES_192_GCM_HKDF_SHA256, 1, 24, "AES-192-GCM",
        KMS_SUITE_KDF_HKDF, "SHA256", NULL,
        "AES-192-GCM, HKDF-SHA256"},
    {KMS_SUITE_AES_256_GCM_HKDF_SHA256, 1, 32, "AES-256-GCM",
        KMS_SUITE_KDF_HKDF, "SHA256", NULL,
        "AES-256-GCM, HKDF-SHA256"},
    {KMS_SUITE_AES_128_GCM_HKDF_SHA256_ECDSA_P256, 1, 16, "AES-128-GCM",
        KMS_SUITE_KDF_HKDF, "SHA256", &ecdsa_p256,
        "AES-128-GCM, HKDF-SHA256, ECDSA P-256"},
    {KMS_SUITE_AES_192_GCM_HKDF_SHA384_ECDSA_P384, 1, 24, "AES-192-GCM",
        KMS_SUITE_KDF_HKDF, "SHA384", &ecdsa_p384,
        "AES-192-GCM, HKDF-SHA384, ECDSA P-384"},
    {KMS_SUITE_AES_256_GCM_HKDF_SHA384_ECDSA_P384, 1, 32, "AES-256-GCM",
        KMS_SUITE_KDF_HKDF, "SHA384", &ecdsa_p384,
        "AES-256-GCM, HKDF-SHA384, ECDSA P-384"},
    {KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT, 2, 32, "AES-256-GCM",
        KMS_SUITE_KDF_HKDF_COMMIT, "SHA512", NULL,
        "AES-256-GCM, HKDF-SHA512, key commitment"},
    {KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT_ECDSA_P384, 2, 32, "AES-256-GCM",
        KMS_SUITE_KDF_HKDF_COMMIT, "SHA512", &ecdsa_p384,
        "AES-256-GCM, HKDF-SHA512, key commitment, ECDSA P-384"},
};
/* clang-format on */

const struct kms_suite *kms_suite_find(unsigned id)
{
    for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
        if ((unsigned)suites[i].id == id)
            return &suites[i];
    }
    return NULL;
}

bool kms_suite_commits(const struct kms_suite *suite)
{
    return suite->kdf == KMS_SUITE_KDF_HKDF_COMMIT;
}

size_t kms_suite_message_id_len(const struct kms_suite *suite)
{
    return suite->version == 1 ? 16 : 32;
}

enum kms_err kms_suite_choose(
    enum kms_envelope_suite wanted, enum kms_commitment_policy policy, const struct kms_suite **out)
{
    bool forbid = policy == KMS_COMMITMENT_FORBID_ENCRYPT_ALLOW_DECRYPT;
    if (wanted == KMS_SUITE_DEFAULT)
        wanted = forbid ? KMS_SUITE_AES_256_GCM_HKDF_SHA384_ECDSA_P384
                        : KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT;
    const struct kms_suite *suite = kms_suite_find((unsigned)wanted);
    if (suite == NULL)
        return KMS_ERR_INVALID_ARGUMENT;
    if (kms_suite_commits(suite) == forbid)
        return KMS_ERR_POLICY;
    *out = suite;
    return KMS_OK;
}

bool kms_suite_may_read(const struct kms_suite *suite, enum kms_commitment_policy policy)
{
    return kms_suite_commits(suite) || policy == KMS_COMMITMENT_REQUIRE_ENCRYPT_ALLOW_DECRYPT ||
           policy == KMS_COMMITMENT_FORBID_ENCRYPT_ALLOW_DECRYPT;
}
