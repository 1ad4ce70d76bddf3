/* What the process needs of libcrypto before anything else uses it. */
#ifndef KMSD_CRYPTO_INIT_H
#define KMSD_CRYPTO_INIT_H

#include "kmsd/detail.h"

#include <kms/error.h>

/* Sets up the locked, guarded, undumpable heap that struct kms_secret takes its memory from, and
 * makes sure of the random generators. Once, at start, before threads and before the first secret.
 * A limit on locked memory that is too low for the heap is no failure: the secrets in it may then
 * reach swap, and detail (may be NULL) says so; its text is empty otherwise. KMS_ERR_CRYPTO. */
KMS_MUST_USE enum kms_err kmsd_crypto_init(struct kmsd_detail *detail);

#endif
