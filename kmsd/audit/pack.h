/*
 * A request as it waits in the spool: the bytes of its texts, one after the other. The text of its record is made of them
 * behind, by the writer, many in a row; the thread that serves the request only copies.
 */
#ifndef KMSD_AUDIT_PACK_H
#define KMSD_AUDIT_PACK_H

#include "kmsd/audit/audit.h"

/* A request that was packed. Views into what it was unpacked from; it stays where it is. */
struct kmsd_audit_unpacked {
    struct kmsd_audit_request request;
    struct kmsd_audit_identity identity;
    struct kmsd_audit_resource resources[KMSD_AUDIT_RESOURCES_MAX];
};

enum { KMSD_AUDIT_TEXTS_MAX = 29 + 3 * KMSD_AUDIT_RESOURCES_MAX };

/* A request that is about to be packed. Views. */
struct kmsd_audit_packing {
    const struct kmsd_audit_request *request;
    size_t size; /* bytes that it takes when packed */
    size_t count;
    struct kms_str texts[KMSD_AUDIT_TEXTS_MAX];
};

/* Texts but the JSON objects are cut after KMSD_AUDIT_TEXT_MAX bytes, and further resources than
 * KMSD_AUDIT_RESOURCES_MAX are left out. */
void kmsd_audit_pack_begin(
    const struct kmsd_audit_request *request, struct kmsd_audit_packing *packing);

/* Writes packing->size bytes, in this machine's order. out is aligned for any integer. */
void kmsd_audit_pack(const struct kmsd_audit_packing *packing, uint8_t *out);

/* KMS_ERR_CORRUPT: it was not packed by kmsd_audit_pack, or is damaged. packed is aligned likewise. */
KMS_MUST_USE enum kms_err kmsd_audit_unpack(
    struct kms_bytes packed, struct kmsd_audit_unpacked *out);

#endif
