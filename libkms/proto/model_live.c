/*
 * Where the live service answers otherwise than the published model says, as measured in us-east-1
 * in September 2026. The rows of model_types.c stay as published and point here. The order of the
 * values matters only to the text of an error.
 */
#include "libkms/proto/model_tables.h"

/* Lists the key specs although AES_128 and AES_256 are what it takes; RSA_2048 gets this answer
 * too. The specs that the API gained in October 2026 (ML_KEM_*) were not there yet. */
const struct kms_live kms_live_data_key_spec = {
    .values_shown = "[RSA_2048, RSA_3072, RSA_4096, ECC_NIST_P256, ECC_NIST_P384, ECC_NIST_P521, "
                    "ECC_SECG_P256K1, ECC_NIST_EDWARDS25519, SYMMETRIC_DEFAULT, HMAC_224, "
                    "HMAC_256, HMAC_384, HMAC_512, SM2, ML_DSA_44, ML_DSA_65, ML_DSA_87]",
};

/* The published type has no pattern. */
const struct kms_live kms_live_key_id = {
    .pattern = "^\\p{ASCII}+$",
    .matches = kms_pattern_ascii,
};

const struct kms_live kms_live_mac_algorithm = {
    .values_shown = "[HMAC_SHA_384, HMAC_SHA_256, HMAC_SHA_224, HMAC_SHA_512]",
};

const struct kms_live kms_live_message_type = {
    .values_shown = "[RAW, DIGEST, EXTERNAL_MU]",
};

/* Published as 131072; the documented quota and the answers say 32 kilobytes. */
const struct kms_live kms_live_policy = {
    .max = 32768,
};

static const char *const signing_algorithm_also_accepted[] = {"SYMMETRIC_DEFAULT", NULL};

/* SYMMETRIC_DEFAULT passes here and fails later, against the key's spec. */
const struct kms_live kms_live_signing_algorithm = {
    .values_shown = "[RSASSA_PSS_SHA_256, RSASSA_PSS_SHA_384, RSASSA_PSS_SHA_512, "
                    "RSASSA_PKCS1_V1_5_SHA_256, RSASSA_PKCS1_V1_5_SHA_384, "
                    "RSASSA_PKCS1_V1_5_SHA_512, ECDSA_SHA_256, ECDSA_SHA_384, ECDSA_SHA_512, "
                    "ED25519_SHA_512, ED25519_PH_SHA_512, SM2DSA, ML_DSA_SHAKE_256]",
    .also_accepted = signing_algorithm_also_accepted,
};
