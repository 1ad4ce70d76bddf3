/*
 * The symmetric material that a workspace opened last, kept open: opening it anew costs a third of
 * an encryption. Bounded: entries have four places for each hash; a new one takes the place of the
 * one that came in longest ago.
 *
 * An entry is found by all that vouches for it: the material's id, its record byte by byte and the
 * key's name, which the record is bound to. So who asks with another name or record does not find
 * it, and has to open what it has. The plaintext lies in secret memory.
 *
 * One thread at a time.
 */
#ifndef KMSD_CRYPTO_RECALL_H
#define KMSD_CRYPTO_RECALL_H

#include "kmsd/crypto/custody.h"

#define KMSD_RECALL_PLACES   4096
#define KMSD_RECALL_NAME_MAX 160 /* keys with longer ARNs are not kept */

struct kmsd_recall;

/* The caller frees it. KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kmsd_recall_new(struct kmsd_recall **out);

/* NULL is allowed. */
void kmsd_recall_free(struct kmsd_recall *recall);

/* The plaintext of that material, KMSD_KDF_KEY_SIZE bytes, until the next call; NULL: not there. */
const uint8_t *kmsd_recall_find(
    const struct kmsd_recall *recall, const struct kmsd_material *material);

/* Keeps the plaintext of material that has just been opened. */
void kmsd_recall_keep(
    struct kmsd_recall *recall, const struct kmsd_material *material, const uint8_t *plaintext);

/* Wipes what is kept of that material. */
void kmsd_recall_forget(struct kmsd_recall *recall, const uint8_t id[KMSD_MATERIAL_ID_SIZE]);

/* Wipes all that is kept. */
void kmsd_recall_clear(struct kmsd_recall *recall);

#endif
