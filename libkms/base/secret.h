/*
 * The one type that secrets live in: key material, data keys, secret access keys, passphrases.
 * It is kept out of core files and (where the limit on locked memory allows) out of swap, wipes
 * itself, compares in constant time, and has no way to be printed.
 */
#ifndef KMS_BASE_SECRET_H
#define KMS_BASE_SECRET_H

#include <kms/bytes.h>
#include <kms/error.h>

struct kms_secret;

/* Longest secret, in bytes. */
#define KMS_SECRET_MAX ((size_t)1 << 20)

/* A secret of len zero bytes (0 < len <= KMS_SECRET_MAX), to be filled through kms_secret_data.
 * The caller frees it. KMS_ERR_INVALID_ARGUMENT, KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kms_secret_new(size_t len, struct kms_secret **out);

/* The same, filled with a copy. The caller wipes the original. */
KMS_MUST_USE enum kms_err kms_secret_copy(struct kms_bytes from, struct kms_secret **out);

/* The same, filled from the operating system's private random generator. KMS_ERR_CRYPTO. */
KMS_MUST_USE enum kms_err kms_secret_random(size_t len, struct kms_secret **out);

/* Wipes and frees. NULL is allowed. */
void kms_secret_free(struct kms_secret *secret);
void kms_secret_free_at(struct kms_secret **secret); /* for KMS_SECRET_AUTO */
#define KMS_SECRET_AUTO __attribute__((cleanup(kms_secret_free_at))) struct kms_secret *

/* The bytes, valid as long as the secret. */
uint8_t *kms_secret_data(struct kms_secret *secret);
size_t kms_secret_len(const struct kms_secret *secret);
struct kms_bytes kms_secret_bytes(const struct kms_secret *secret);

/* Constant time in the contents; differing lengths are unequal. */
KMS_MUST_USE bool kms_secret_eq(const struct kms_secret *a, const struct kms_secret *b);

/* Constant-time comparison of len public-length bytes. */
KMS_MUST_USE bool kms_bytes_eq_ct(const void *a, const void *b, size_t len);

/* Overwrites len bytes in a way that the compiler keeps. */
void kms_wipe(void *data, size_t len);

#endif
