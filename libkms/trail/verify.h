/*
 * Whether a trail is as kmsd wrote it: nothing altered, removed, added, put into another order or
 * cut off. What that proves, and what it can't, is in docs/AUDIT.md.
 */
#ifndef KMS_TRAIL_VERIFY_H
#define KMS_TRAIL_VERIFY_H

#include "libkms/trail/trail.h"

struct kms_trail_finding {
    bool is_note;                   /* worth knowing, and no sign of tampering */
    char file[KMS_TRAIL_NAME_SIZE]; /* "": of the trail as a whole */
    uint64_t record; /* the first that is not as it should be; 0: none in particular */
    char text[192];
};

typedef void kms_trail_report(void *context, const struct kms_trail_finding *finding);

struct kms_trail_verification {
    int folder;                      /* descriptor of the directory */
    const struct kms_trail_key *key; /* trusted */
    uint64_t head_number;            /* a digest that was there at some time; 0: none is expected */
    struct kms_trail_hash head_hash;
    bool accepts_clock_changes; /* those that kmsd itself recorded are notes then */
    kms_trail_report *report;
    void *context;
};

struct kms_trail_summary {
    uint64_t findings; /* without notes; 0: the trail is sound */
    uint32_t files;
    uint64_t first_record; /* 0: there is none */
    uint64_t last_record;
    uint64_t digests;
    uint64_t signed_up_to; /* the last record that a signature covers */
    uint64_t head_number;  /* the last digest: what to expect next time */
    struct kms_trail_hash head_hash;
};

/* Reads the whole trail. KMS_OK whatever is found; KMS_ERR_NOT_FOUND: there is no trail in the folder;
 * KMS_ERR_IO, KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kms_trail_verify(
    const struct kms_trail_verification *verification, struct kms_trail_summary *summary);

#endif
