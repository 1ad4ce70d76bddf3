/*
 * From the data key to the message key and the commitment.
 * Source: AWS Encryption SDK specification, algorithm suites.
 */
#ifndef KMS_ENVELOPE_DERIVE_H
#define KMS_ENVELOPE_DERIVE_H

#include "libkms/base/secret.h"
#include "libkms/envelope/suite.h"

/*
 * data_key must be of the suite's length (KMS_ERR_INVALID_ARGUMENT). commitment is written only by
 * suites that commit. The caller frees *key. KMS_ERR_CRYPTO, KMS_ERR_NO_MEMORY.
 */
KMS_MUST_USE enum kms_err kms_derive(const struct kms_suite *suite, struct kms_bytes data_key,
    struct kms_bytes message_id, struct kms_secret **key, uint8_t commitment[KMS_COMMITMENT_LEN]);

#endif
