/*
 * Random bytes drawn in batches. Asking libcrypto's generator for 28 bytes takes as long as the rest
 * of an encryption put together, asking it for as many as a page holds takes little longer.
 *
 * What must never happen is that bytes are given out twice. One caller uses a reserve at a time, what
 * is drawn is wiped from it at once, and the memory is one that the kernel empties in the child of a
 * fork(), which then fetches a batch of its own. Where the kernel cannot promise that, every draw
 * asks the generator.
 *
 * Nonces need to be fresh, not secret. The bytes of data keys to come are secret: they wait in a page
 * that is kept out of core files and, where the limit allows it, out of swap. Whoever could read them
 * there could read the generator's state as well, which tells the same bytes.
 */
#ifndef KMSD_CRYPTO_RESERVE_H
#define KMSD_CRYPTO_RESERVE_H

#include <kms/bytes.h>
#include <kms/error.h>

/* Larger draws ask the generator. */
#define KMSD_RESERVE_DRAW_MAX 64

struct kmsd_reserve;

enum kmsd_reserve_of {
    KMSD_RESERVE_OF_NONCES,  /* from libcrypto's public generator */
    KMSD_RESERVE_OF_SECRETS, /* from its private one */
};

/* The caller frees it. KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kmsd_reserve_new(enum kmsd_reserve_of of, struct kmsd_reserve **out);

/* Wipes what is left. NULL is allowed. */
void kmsd_reserve_free(struct kmsd_reserve *reserve);

/* KMS_ERR_LIMIT (more than INT_MAX bytes), KMS_ERR_CRYPTO. One thread at a time. */
KMS_MUST_USE enum kms_err kmsd_reserve_draw(struct kmsd_reserve *reserve, uint8_t *out, size_t len);

#endif
