/*
 * libcrypto's algorithms by name, each fetched once per process: looking one up for each use costs
 * more than using it on a few bytes, and takes locks that all threads share. What stands in
 * libcrypto's default context at the first use (providers, properties) is what stays in use: whoever uses a
 * default context of his own (OSSL_LIB_CTX_set0_default) must not free it while others go on.
 */
#ifndef KMS_ENVELOPE_ALGORITHM_H
#define KMS_ENVELOPE_ALGORITHM_H

#include <openssl/types.h>

/* The process's, not to be freed. NULL: another name than a suite has, or libcrypto offers it not (it
 * is asked again the next time). Any thread may call. */
const EVP_CIPHER *kms_algorithm_cipher(const char *name);
const EVP_MD *kms_algorithm_digest(const char *name);
EVP_KDF *kms_algorithm_hkdf(void);

#endif
