/* Random identifiers. */
#ifndef KMS_BASE_UUID_H
#define KMS_BASE_UUID_H

#include <kms/bytes.h>
#include <kms/error.h>

#define KMS_UUID_SIZE 37 /* 36 characters and a NUL */

/* A version 4 UUID (RFC 9562 section 5.4), lower case. KMS_ERR_CRYPTO when randomness fails. */
KMS_MUST_USE enum kms_err kms_uuid_new(char out[KMS_UUID_SIZE]);

/* The same from 16 given bytes: version and variant bits are set here. */
void kms_uuid_from_bytes(const uint8_t bytes[16], char out[KMS_UUID_SIZE]);

/* 8-4-4-4-12 hexadecimal digits of either case. */
KMS_MUST_USE bool kms_uuid_is(struct kms_str text);

#endif
