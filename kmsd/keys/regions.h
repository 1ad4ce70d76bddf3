/* The room's own: what a change of a multi-Region key changes elsewhere. Everybody else includes
 * keys.h. */
#ifndef KMSD_KEYS_REGIONS_H
#define KMSD_KEYS_REGIONS_H

#include "kmsd/keys/change.h"

/* Adds to a change what a draft of a key, now as it is, means for its relatives: each follows it in
 * what all share. For the writer alone, as all here. KMS_ERR_NO_MEMORY, KMS_ERR_LIMIT, and what
 * kmsd_custody_rewrap gives. */
KMS_MUST_USE enum kms_err kmsd_regions_follow(struct kmsd_keys *keys, const struct kmsd_key *now,
    const struct kmsd_key *draft, struct kmsd_change *change);

/* The state of imported material of that id that waits for its rotation in all regions, and has come
 * to this key's: whether it is everywhere yet. */
enum kms_key_material_state kmsd_regions_waiting_state(
    struct kmsd_keys *keys, const struct kmsd_key *key, const uint8_t *id);

/* The bytes of a key's material are taken away: if it waits for its rotation, which is everybody's, it
 * has to come here first again. */
void kmsd_regions_miss(const struct kmsd_key *key, struct kmsd_key_material *material);

/* Adds to a change what it means for the relatives that a key is erased at this moment. */
KMS_MUST_USE enum kms_err kmsd_regions_without(struct kmsd_keys *keys,
    const struct kmsd_key *erased, int64_t now_ms, struct kmsd_change *change);

#endif
