/* The table of kinds against what the service documents for each key spec. */
#include "crypto_fixture.h"

#include "kmsd/crypto/kind.h"

#define RAW         KMSD_MESSAGE_TYPE_BIT(KMS_MESSAGE_TYPE_RAW)
#define DIGEST      KMSD_MESSAGE_TYPE_BIT(KMS_MESSAGE_TYPE_DIGEST)
#define EXTERNAL_MU KMSD_MESSAGE_TYPE_BIT(KMS_MESSAGE_TYPE_EXTERNAL_MU)

enum { USAGES = KMS_KEY_USAGE_SIGN_VERIFY + 1, SPECS = KMS_KEY_SPEC_SYMMETRIC_DEFAULT + 1 };

/* Which usages a spec has, as bits. */
static const unsigned usages[SPECS] = {
    [KMS_KEY_SPEC_RSA_2048] = 1U << KMS_KEY_USAGE_SIGN_VERIFY | 1U << KMS_KEY_USAGE_ENCRYPT_DECRYPT,
    [KMS_KEY_SPEC_RSA_3072] = 1U << KMS_KEY_USAGE_SIGN_VERIFY | 1U << KMS_KEY_USAGE_ENCRYPT_DECRYPT,
    [KMS_KEY_SPEC_RSA_4096] = 1U << KMS_KEY_USAGE_SIGN_VERIFY | 1U << KMS_KEY_USAGE_ENCRYPT_DECRYPT,
    [KMS_KEY_SPEC_ECC_NIST_P256] =
        1U << KMS_KEY_USAGE_SIGN_VERIFY | 1U << KMS_KEY_USAGE_KEY_AGREEMENT,
    [KMS_KEY_SPEC_ECC_NIST_P384] =
        1U << KMS_KEY_USAGE_SIGN_VERIFY | 1U << KMS_KEY_USAGE_KEY_AGREEMENT,
    [KMS_KEY_SPEC_ECC_NIST_P521] =
        1U << KMS_KEY_USAGE_SIGN_VERIFY | 1U << KMS_KEY_USAGE_KEY_AGREEMENT,
    [KMS_KEY_SPEC_ECC_SECG_P256K1] = 1U << KMS_KEY_USAGE_SIGN_VERIFY,
    [KMS_KEY_SPEC_ECC_NIST_EDWARDS25519] = 1U << KMS_KEY_USAGE_SIGN_VERIFY,
    [KMS_KEY_SPEC_HMAC_224] = 1U << KMS_KEY_USAGE_GENERATE_VERIFY_MAC,
    [KMS_KEY_SPEC_HMAC_256] = 1U << KMS_KEY_USAGE_GENERATE_VERIFY_MAC,
    [KMS_KEY_SPEC_HMAC_384] = 1U << KMS_KEY_USAGE_GENERATE_VERIFY_MAC,
    [KMS_KEY_SPEC_HMAC_512] = 1U << KMS_KEY_USAGE_GENERATE_VERIFY_MAC,
    [KMS_KEY_SPEC_ML_DSA_44] = 1U << KMS_KEY_USAGE_SIGN_VERIFY,
    [KMS_KEY_SPEC_ML_DSA_65] = 1U << KMS_KEY_USAGE_SIGN_VERIFY,
    [KMS_KEY_SPEC_ML_DSA_87] = 1U << KMS_KEY_USAGE_SIGN_VERIFY,
    [KMS_KEY_SPEC_ML_KEM_512] = 1U << KMS_KEY_USAGE_ENCAPSULATE_DECAPSULATE,
    [KMS_KEY_SPEC_ML_KEM_768] = 1U << KMS_KEY_USAGE_ENCAPSULATE_DECAPSULATE,
    [KMS_KEY_SPEC_ML_KEM_1024] = 1U << KMS_KEY_USAGE_ENCAPSULATE_DECAPSULATE,
    [KMS_KEY_SPEC_SM2] = 1U << KMS_KEY_USAGE_SIGN_VERIFY | 1U << KMS_KEY_USAGE_ENCRYPT_DECRYPT |
                         1U << KMS_KEY_USAGE_KEY_AGREEMENT,
};

/* Exactly the documented pairs are kinds; each has what its usage needs and nothing else; no two
 * share a name, since the name is what keeps their material apart. */
static void kinds_are_the_documented_pairs(void **state)
{
    (void)state;
    const char *names[SPECS * USAGES];
    size_t count = 0;
    for (int spec = -1; spec <= SPECS; spec++) {
        for (int usage = -1; usage <= USAGES; usage++) {
            const struct kmsd_kind *kind =
                kmsd_kind_find((enum kms_key_spec)spec, (enum kms_key_usage)usage);
            bool wanted = spec > 0 && spec < SPECS && usage > 0 && usage < USAGES &&
                          (usages[spec] >> usage & 1) != 0;
            assert_int_equal(kind != NULL, wanted);
            if (kind == NULL)
                continue;
            assert_int_equal(kind->signing_count != 0, usage == KMS_KEY_USAGE_SIGN_VERIFY);
            assert_int_equal(kind->encryption_count != 0, usage == KMS_KEY_USAGE_ENCRYPT_DECRYPT);
            assert_int_equal(kind->mac_count != 0, usage == KMS_KEY_USAGE_GENERATE_VERIFY_MAC);
            assert_int_equal(kind->agrees, usage == KMS_KEY_USAGE_KEY_AGREEMENT);
            assert_int_equal(kind->encapsulates, usage == KMS_KEY_USAGE_ENCAPSULATE_DECAPSULATE);
            assert_int_equal(kind->key_type == NULL, usage == KMS_KEY_USAGE_GENERATE_VERIFY_MAC);
            for (size_t i = 0; i < count; i++)
                assert_string_not_equal(names[i], kind->name);
            names[count++] = kind->name;
        }
    }
    assert_int_equal(count, 27);
}

struct signing_row {
    enum kms_key_spec spec;
    enum kms_signing_algorithm algorithm;
    unsigned types;
    size_t digest_size;
};

#define RSA(spec)                                                                  \
    {spec, KMS_SIGNING_ALGORITHM_RSASSA_PKCS1_V1_5_SHA_256, RAW | DIGEST, 32},     \
        {spec, KMS_SIGNING_ALGORITHM_RSASSA_PKCS1_V1_5_SHA_384, RAW | DIGEST, 48}, \
        {spec, KMS_SIGNING_ALGORITHM_RSASSA_PKCS1_V1_5_SHA_512, RAW | DIGEST, 64}, \
        {spec, KMS_SIGNING_ALGORITHM_RSASSA_PSS_SHA_256, RAW | DIGEST, 32},        \
        {spec, KMS_SIGNING_ALGORITHM_RSASSA_PSS_SHA_384, RAW | DIGEST, 48},        \
    {                                                                              \
        spec, KMS_SIGNING_ALGORITHM_RSASSA_PSS_SHA_512, RAW | DIGEST, 64           \
    }

static const struct signing_row signing_rows[] = {
    RSA(KMS_KEY_SPEC_RSA_2048),
    RSA(KMS_KEY_SPEC_RSA_3072),
    RSA(KMS_KEY_SPEC_RSA_4096),
    {KMS_KEY_SPEC_ECC_NIST_P256, KMS_SIGNING_ALGORITHM_ECDSA_SHA_256, RAW | DIGEST, 32},
    {KMS_KEY_SPEC_ECC_NIST_P384, KMS_SIGNING_ALGORITHM_ECDSA_SHA_384, RAW | DIGEST, 48},
    {KMS_KEY_SPEC_ECC_NIST_P521, KMS_SIGNING_ALGORITHM_ECDSA_SHA_512, RAW | DIGEST, 64},
    {KMS_KEY_SPEC_ECC_SECG_P256K1, KMS_SIGNING_ALGORITHM_ECDSA_SHA_256, RAW | DIGEST, 32},
    {KMS_KEY_SPEC_ECC_NIST_EDWARDS25519, KMS_SIGNING_ALGORITHM_ED25519_SHA_512, RAW, 0},
    {KMS_KEY_SPEC_ECC_NIST_EDWARDS25519, KMS_SIGNING_ALGORITHM_ED25519_PH_SHA_512, DIGEST, 64},
    {KMS_KEY_SPEC_ML_DSA_44, KMS_SIGNING_ALGORITHM_ML_DSA_SHAKE_256, RAW | EXTERNAL_MU, 64},
    {KMS_KEY_SPEC_ML_DSA_65, KMS_SIGNING_ALGORITHM_ML_DSA_SHAKE_256, RAW | EXTERNAL_MU, 64},
    {KMS_KEY_SPEC_ML_DSA_87, KMS_SIGNING_ALGORITHM_ML_DSA_SHAKE_256, RAW | EXTERNAL_MU, 64},
    {KMS_KEY_SPEC_SM2, KMS_SIGNING_ALGORITHM_SM2DSA, RAW | DIGEST, 32},
};

static const struct signing_row *wanted_signing(int spec, int algorithm)
{
    for (size_t i = 0; i < COUNT_OF(signing_rows); i++) {
        if ((int)signing_rows[i].spec == spec && (int)signing_rows[i].algorithm == algorithm)
            return &signing_rows[i];
    }
    return NULL;
}

static void signing_algorithms_are_the_documented(void **state)
{
    (void)state;
    for (int spec = 1; spec < SPECS; spec++) {
        const struct kmsd_kind *kind =
            kmsd_kind_find((enum kms_key_spec)spec, KMS_KEY_USAGE_SIGN_VERIFY);
        size_t found = 0;
        for (int a = -1; kind != NULL && a <= KMS_SIGNING_ALGORITHM_SM2DSA + 1; a++) {
            const struct signing_row *wanted = wanted_signing(spec, a);
            const struct kmsd_signing *row = kmsd_kind_signing(kind, (enum kms_signing_algorithm)a);
            assert_int_equal(row != NULL, wanted != NULL);
            if (row == NULL)
                continue;
            found++;
            assert_int_equal(row->message_types, wanted->types);
            assert_int_equal(row->digest_size, wanted->digest_size);
            assert_int_equal(
                kmsd_signing_takes(row, KMS_MESSAGE_TYPE_UNSET), (wanted->types & RAW) != 0);
            assert_false(kmsd_signing_takes(row, KMS_MESSAGE_TYPE_UNRECOGNIZED));
        }
        if (kind != NULL)
            assert_int_equal(found, kind->signing_count);
    }
}

static void other_algorithms_are_the_documented(void **state)
{
    (void)state;
    for (int spec = 1; spec < SPECS; spec++) {
        const struct kmsd_kind *encrypting =
            kmsd_kind_find((enum kms_key_spec)spec, KMS_KEY_USAGE_ENCRYPT_DECRYPT);
        const struct kmsd_kind *authenticating =
            kmsd_kind_find((enum kms_key_spec)spec, KMS_KEY_USAGE_GENERATE_VERIFY_MAC);
        for (int a = -1; encrypting != NULL && a <= KMS_ENCRYPTION_ALGORITHM_SYMMETRIC_DEFAULT;
             a++) {
            bool wanted = spec == KMS_KEY_SPEC_SM2
                              ? a == KMS_ENCRYPTION_ALGORITHM_SM2PKE
                              : a == KMS_ENCRYPTION_ALGORITHM_RSAES_OAEP_SHA_1 ||
                                    a == KMS_ENCRYPTION_ALGORITHM_RSAES_OAEP_SHA_256;
            assert_int_equal(
                kmsd_kind_encryption(encrypting, (enum kms_encryption_algorithm)a) != NULL, wanted);
        }
        for (int a = -1; authenticating != NULL && a <= KMS_MAC_ALGORITHM_HMAC_SHA_512 + 1; a++)
            assert_int_equal(kmsd_kind_mac(authenticating, (enum kms_mac_algorithm)a) != NULL,
                a - KMS_MAC_ALGORITHM_HMAC_SHA_224 == spec - (int)KMS_KEY_SPEC_HMAC_224);
    }
}

/* What every supported libcrypto has. */
static void the_common_kinds_are_available(void **state)
{
    (void)state;
    for (int spec = 1; spec < SPECS; spec++) {
        for (int usage = 1; usage < USAGES; usage++) {
            const struct kmsd_kind *kind =
                kmsd_kind_find((enum kms_key_spec)spec, (enum kms_key_usage)usage);
            bool newer = spec >= KMS_KEY_SPEC_ML_DSA_44 && spec <= KMS_KEY_SPEC_ML_KEM_768;
            if (kind != NULL && !newer && spec != KMS_KEY_SPEC_SM2)
                assert_int_equal(kmsd_kind_available(kind), KMS_OK);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_are_the_documented_pairs),
        cmocka_unit_test(signing_algorithms_are_the_documented),
        cmocka_unit_test(other_algorithms_are_the_documented),
        cmocka_unit_test(the_common_kinds_are_available),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
