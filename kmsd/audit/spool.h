/*
 * Where records, and requests that have to be made records of, wait for their file: a ring in a file that is mapped into memory. Putting one
 * there costs a copy, no system call, and survives the process as any write(2) does, because the
 * pages are the kernel's. What was in it when the process was killed is taken up by the next one;
 * what was in it when the machine lost power is not (its pages may be of any age), and is not read.
 *
 * Any number of threads put; one at a time takes.
 */
#ifndef KMSD_AUDIT_SPOOL_H
#define KMSD_AUDIT_SPOOL_H

#include "kmsd/detail.h"
#include "libkms/trail/trail.h"

#include <kms/bytes.h>
#include <kms/error.h>

struct kmsd_spool;

#define KMSD_SPOOL_SIZE ((size_t)8 << 20)

/* What was found in a spool when it was opened. */
struct kmsd_spool_left {
    bool has_power_loss; /* the machine was restarted: what was in it is given up */
    bool is_damaged;     /* it makes no sense from some record on: the rest is given up */
};

/* Opens or makes the spool of a folder (a descriptor; -1: in memory). Records of a killed process
 * are in it afterwards, as if just put. KMS_ERR_UNSUPPORTED: another version of kmsd left something in it;
 * KMS_ERR_IO, KMS_ERR_NO_MEMORY; detail explains. */
KMS_MUST_USE enum kms_err kmsd_spool_open(
    int folder, struct kmsd_spool **out, struct kmsd_spool_left *left, struct kmsd_detail *detail);
void kmsd_spool_close(struct kmsd_spool *spool); /* NULL is allowed */

/* The number of the record that is put next. Before the first put only. */
void kmsd_spool_number(struct kmsd_spool *spool, uint64_t next);

/* What waits there. */
enum kmsd_spool_kind {
    KMSD_SPOOL_RECORD = 1, /* the text of a record */
    KMSD_SPOOL_REQUEST,    /* a request that has to be made a record of: kmsd/audit/pack.h */
};

/* A place in the ring that somebody is about to write to. */
struct kmsd_spool_place {
    uint8_t *data; /* as many bytes as were asked for, aligned for any integer */
    uint64_t number;
    struct kmsd_spool_slot *slot;
};

/* Sets a place aside and gives it a number. Everything behind it waits until it is put. KMS_ERR_BUSY: there
 * is no room; take first. KMS_ERR_LIMIT: there never will be. */
KMS_MUST_USE enum kms_err kmsd_spool_begin(struct kmsd_spool *spool, enum kmsd_spool_kind kind,
    size_t len, struct kmsd_spool_place *place);

/* It has been written. */
void kmsd_spool_put(const struct kmsd_spool_place *place);

/* Both, for the text of a record. */
KMS_MUST_USE enum kms_err kmsd_spool_put_record(
    struct kmsd_spool *spool, struct kms_str record, uint64_t *number);

/* What waits. Views, valid until it is given up. */
struct kmsd_spooled {
    enum kmsd_spool_kind kind;
    struct kms_bytes bytes;
    uint64_t number;
    bool is_whole; /* false: a kill cut its putting off, and nobody was told that it is there */
};

/* The next record to take from *at on (0: the oldest that is there); false: there is none, or it is
 * still being put. */
KMS_MUST_USE bool kmsd_spool_peek(struct kmsd_spool *spool, uint64_t *at, struct kmsd_spooled *out);

/* Gives up everything before that place, as peek left it: it is in its file. */
void kmsd_spool_give_up(struct kmsd_spool *spool, uint64_t at);

/* Whether anything is in it. */
bool kmsd_spool_is_empty(const struct kmsd_spool *spool);

#endif
