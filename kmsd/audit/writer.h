/*
 * The one writer of the trail's files: takes records from the spool, seals, writes, syncs, signs
 * digests, closes files that are large or old, removes those past retention. Not for several threads
 * at a time: kmsd/audit/audit.c has the lock.
 */
#ifndef KMSD_AUDIT_WRITER_H
#define KMSD_AUDIT_WRITER_H

#include "kmsd/audit/audit.h"
#include "kmsd/audit/folder.h"
#include "kmsd/audit/signer.h"
#include "kmsd/audit/spool.h"
#include "libkms/trail/draft.h"

struct kmsd_writer {
    const struct kmsd_audit_options *options;
    struct kmsd_folder folder;
    struct kmsd_spool *spool;
    struct kmsd_signer *signer;
    void (*written)(void *context, struct kms_str lines); /* told of all lines; NULL: nobody */
    void *context;
    struct kms_buf out;              /* lines that are about to be written */
    struct kms_buf scratch;          /* the record at hand */
    struct kms_trail_drafts *drafts; /* of the index */

    /* the file at hand */
    int fd;
    uint32_t file;
    uint32_t oldest; /* the lowest file that is kept */
    uint64_t first;  /* number of its first record */
    uint64_t last;   /* number of the last record in any file */
    uint64_t bytes;
    uint64_t synced_bytes;
    bool sync_failed; /* what is behind synced_bytes has to be written again before */
    int64_t opened_ms;
    int64_t written_ms;    /* the last record's; no earlier one follows without a notice */
    uint64_t clock_notice; /* number of the record that says that the clock was set back; 0: none */
    struct kms_trail_hash chain;

    /* its digests */
    int digest_fd;
    uint64_t digest_bytes;
    uint64_t digest_number; /* of the last one in any file */
    struct kms_trail_hash digest_hash;
    uint64_t digest_last; /* record that it covers */
    bool is_closed;       /* it closes the file at hand, into which nothing is written any more */
    uint32_t digest_file;
    int64_t digest_ms;
};

/* What was found on opening, for the log and for the trail itself. */
struct kmsd_writer_found {
    struct kmsd_spool_left spool;
    uint64_t torn_bytes; /* cut off the end of the last file: half a record */
    uint64_t recovered;  /* records of a killed process that were still in the spool */
    uint32_t damaged;    /* this file does not verify from damaged_record on; 0: none */
    uint64_t damaged_record;
};

/* Opens the folder, brings the last file in order, and is ready to write. drafts is borrowed. The writer
 * stays where it is. Clean it up also after a failure. */
KMS_MUST_USE enum kms_err kmsd_writer_open(struct kmsd_writer *writer,
    const struct kmsd_audit_options *options, struct kms_trail_drafts *drafts,
    struct kmsd_writer_found *found, struct kmsd_detail *detail);
void kmsd_writer_clean_up(struct kmsd_writer *writer);

/* Writes what is in the spool. After a failure nothing is lost: it stays there. KMS_ERR_IO. */
KMS_MUST_USE enum kms_err kmsd_writer_drain(struct kmsd_writer *writer);

/* KMS_ERR_IO. */
KMS_MUST_USE enum kms_err kmsd_writer_sync(struct kmsd_writer *writer);

/* Syncs, then signs a digest of the file as it is, unless one says all of it already. */
KMS_MUST_USE enum kms_err kmsd_writer_digest(struct kmsd_writer *writer, bool closes);

/* Closes the file and begins the next if it is time to. */
KMS_MUST_USE enum kms_err kmsd_writer_turn(struct kmsd_writer *writer, int64_t now_ms);

/* Removes files past retention, and says so in a digest. *removed: how many. */
KMS_MUST_USE enum kms_err kmsd_writer_expire(
    struct kmsd_writer *writer, int64_t now_ms, uint32_t *removed);

/* recover.c: finds where the trail ended. The writer's file is 0 afterwards if a new one is due. */
KMS_MUST_USE enum kms_err kmsd_writer_recover(
    struct kmsd_writer *writer, struct kmsd_writer_found *found, struct kmsd_detail *detail);

/* Begins a file. For kmsd_writer_open and recover.c. */
KMS_MUST_USE enum kms_err kmsd_writer_begin(struct kmsd_writer *writer, uint32_t file);

/* The last digest in a file of digests, and where it ends. KMS_ERR_NOT_FOUND: it has none. */
KMS_MUST_USE enum kms_err kmsd_writer_last_digest(
    int fd, struct kms_trail_digest *digest, struct kms_trail_hash *hash, uint64_t *end);

#endif
