#include "kmsd/audit/writer.h"

#include "kmsd/audit/pack.h"
#include "kmsd/audit/record.h"
#include "libkms/base/clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* One write(2) carries at most about this much. */
enum { BATCH = 256 * 1024 };

/* A clock that was set back by less than this is taken for ordinary correction. */
enum { CLOCK_TOLERANCE_MS = 1000 };

static int64_t now_ms(const struct kmsd_writer *writer)
{
    return writer->options->now_ms();
}

/* The line that was appended since, without its newline. */
static struct kms_str line_from(const struct kms_buf *buf, size_t from)
{
    return (struct kms_str){(const char *)buf->data + from, buf->len - from - 1};
}

/* --- digests ---------------------------------------------------------------------------------- */

/* The system says once that pages could not be written, and takes them for written from then on. So they
 * are changed again, or the next sync would find nothing to do. */
static enum kms_err write_again(struct kmsd_writer *writer)
{
    uint8_t piece[16 * 1024];
    uint64_t at = writer->synced_bytes;
    while (at < writer->bytes) {
        uint64_t left = writer->bytes - at;
        size_t len = 0;
        enum kms_err err = kmsd_read_at(
            writer->fd, piece, left < sizeof(piece) ? (size_t)left : sizeof(piece), at, &len);
        if (err == KMS_OK && len == 0)
            err = KMS_ERR_IO;
        if (err == KMS_OK)
            err = kmsd_write_at(writer->fd, kms_bytes(piece, len), at);
        if (err != KMS_OK)
            return err;
        at += len;
    }
    return KMS_OK;
}

enum kms_err kmsd_writer_sync(struct kmsd_writer *writer)
{
    if (writer->fd < 0 || writer->synced_bytes == writer->bytes || writer->folder.fd < 0)
        return KMS_OK;
    enum kms_err err = writer->sync_failed ? write_again(writer) : KMS_OK;
    if (err == KMS_OK && fdatasync(writer->fd) != 0)
        err = KMS_ERR_IO;
    writer->sync_failed = err != KMS_OK;
    if (err == KMS_OK)
        writer->synced_bytes = writer->bytes;
    return err;
}

static enum kms_err add_digest(struct kmsd_writer *writer, bool closes)
{
    struct kms_trail_digest digest = {
        .number = writer->digest_number + 1,
        .previous = writer->digest_hash,
        .time_ms = now_ms(writer),
        .file = writer->file,
        .oldest = writer->oldest,
        .first = writer->first,
        .last = writer->last,
        .bytes = writer->bytes,
        .hash = writer->chain,
        .is_closed = closes,
    };
    struct kms_trail_hash hash;
    KMS_BUF_AUTO line;
    kms_buf_init(&line, KMS_TRAIL_DIGEST_MAX);
    (void)snprintf(digest.key_id, sizeof(digest.key_id), "%s", kmsd_signer_key_id(writer->signer));
    enum kms_err err = kmsd_signer_sign(writer->signer, &digest, &line, &hash);
    if (err == KMS_OK)
        err = kmsd_write_at(writer->digest_fd, kms_buf_bytes(&line), writer->digest_bytes);
    if (err == KMS_OK && writer->folder.fd >= 0 && fdatasync(writer->digest_fd) != 0)
        err = KMS_ERR_IO;
    if (err != KMS_OK)
        return err;
    if (writer->written != NULL)
        writer->written(writer->context, kms_buf_str(&line));
    writer->digest_bytes += line.len;
    writer->digest_number = digest.number;
    writer->digest_hash = hash;
    writer->digest_last = digest.last;
    writer->digest_file = digest.file;
    writer->is_closed = closes;
    writer->digest_ms = digest.time_ms;
    return KMS_OK;
}

enum kms_err kmsd_writer_digest(struct kmsd_writer *writer, bool closes)
{
    bool says_all = writer->digest_file == writer->file && writer->digest_last == writer->last;
    if (writer->fd < 0 || writer->is_closed || (says_all && !closes))
        return KMS_OK;
    /* a batch that failed may have left something behind the last record */
    if (closes && ftruncate(writer->fd, (off_t)writer->bytes) != 0)
        return KMS_ERR_IO;
    enum kms_err err = kmsd_writer_sync(writer); /* never sign what is not there */
    return err == KMS_OK ? add_digest(writer, closes) : err;
}

/* --- files ------------------------------------------------------------------------------------ */

static void leave_file(struct kmsd_writer *writer)
{
    if (writer->fd >= 0)
        (void)close(writer->fd);
    if (writer->digest_fd >= 0)
        (void)close(writer->digest_fd);
    writer->fd = -1;
    writer->digest_fd = -1;
    writer->file = 0;
}

enum kms_err kmsd_writer_begin(struct kmsd_writer *writer, uint32_t file)
{
    const struct kms_trail_header header = {
        .file = file,
        .first = writer->last + 1,
        .opened_ms = now_ms(writer),
        .previous = writer->chain,
    };
    struct kms_trail_hash chain;
    int fd = -1;
    int digest_fd = -1;
    KMS_BUF_AUTO line;
    kms_buf_init(&line, KMS_TRAIL_DIGEST_MAX);
    enum kms_err err = kms_trail_header_append(&line, &header, &chain);
    if (err == KMS_OK)
        err = kmsd_folder_create(&writer->folder, KMS_TRAIL_RECORDS, file, &fd);
    if (err == KMS_OK)
        err = kmsd_folder_create(&writer->folder, KMS_TRAIL_DIGESTS, file, &digest_fd);
    if (err == KMS_OK)
        err = kmsd_write_at(fd, kms_buf_bytes(&line), 0);
    if (err != KMS_OK) {
        if (fd >= 0)
            (void)close(fd);
        if (digest_fd >= 0)
            (void)close(digest_fd);
        /* Only what was made here, and the records last. What is left all the same has no head, and is not
         * counted when the folder is opened. */
        if (digest_fd >= 0)
            (void)!kmsd_folder_remove_one(&writer->folder, KMS_TRAIL_DIGESTS, file);
        if (fd >= 0)
            (void)!kmsd_folder_remove_one(&writer->folder, KMS_TRAIL_RECORDS, file);
        return err;
    }
    leave_file(writer);
    writer->fd = fd;
    writer->digest_fd = digest_fd;
    writer->file = file;
    writer->first = header.first;
    writer->bytes = line.len;
    writer->synced_bytes = 0;
    writer->sync_failed = false;
    writer->opened_ms = header.opened_ms;
    writer->is_closed = false;
    writer->chain = chain;
    writer->digest_bytes = 0;
    if (writer->oldest == 0)
        writer->oldest = file;
    kms_trail_drafts_begin(writer->drafts, file);
    kms_trail_drafts_add(writer->drafts, line_from(&line, 0), 0, NULL);
    return KMS_OK;
}

/*
 * A file that is closed is seldom read again, and it is on disk: what it takes of the system's memory is
 * better used for the next one. That spares what others keep there, and in a virtual machine whose free
 * memory goes back to the host it spares waiting for pages.
 */
static void give_back_memory(const struct kmsd_writer *writer)
{
    if (writer->folder.fd >= 0)
        (void)posix_fadvise(writer->fd, 0, 0, POSIX_FADV_DONTNEED);
}

enum kms_err kmsd_writer_turn(struct kmsd_writer *writer, int64_t at_ms)
{
    const struct kmsd_audit_options *options = writer->options;
    bool has_records = writer->last >= writer->first;
    bool is_large = writer->bytes >= options->file_bytes;
    bool is_old = at_ms - writer->opened_ms >= (int64_t)options->file_age_s * 1000;
    if (!writer->is_closed && (!has_records || !(is_large || is_old)))
        return KMS_OK;
    uint32_t next = writer->file + 1;
    enum kms_err err = kmsd_writer_digest(writer, true);
    if (err == KMS_OK)
        give_back_memory(writer);
    if (err == KMS_OK)
        err = kmsd_writer_begin(writer, next); /* if it fails, again next time */
    uint32_t removed = 0;
    if (err == KMS_OK && writer->folder.fd < 0)
        err = kmsd_writer_expire(writer, at_ms, &removed); /* memory is bounded */
    return err;
}

/* --- retention -------------------------------------------------------------------------------- */

/* Whether the file's last digest closes it and is older than that. */
static bool is_expired(struct kmsd_writer *writer, uint32_t file, int64_t before_ms)
{
    struct kms_trail_digest digest;
    struct kms_trail_hash hash;
    uint64_t end = 0;
    int fd = -1;
    if (kmsd_folder_file(&writer->folder, KMS_TRAIL_DIGESTS, file, &fd) != KMS_OK)
        return false; /* somebody removed it: verification says so as long as its records are there */
    enum kms_err err = kmsd_writer_last_digest(fd, &digest, &hash, &end);
    (void)close(fd);
    return err == KMS_OK && digest.is_closed && digest.time_ms < before_ms;
}

enum kms_err kmsd_writer_expire(struct kmsd_writer *writer, int64_t at_ms, uint32_t *removed)
{
    static const int64_t day_ms = INT64_C(24) * 60 * 60 * 1000;
    uint32_t days = writer->options->retention_days;
    uint32_t keep_from = writer->oldest;
    *removed = 0;
    if (writer->folder.fd < 0) {
        keep_from = writer->file > 1 ? writer->file - 1 : 1;
    } else if (days != 0) {
        while (keep_from < writer->file && is_expired(writer, keep_from, at_ms - days * day_ms))
            keep_from++;
    }
    if (keep_from <= writer->oldest)
        return KMS_OK;
    /* the digest that says which files are kept is on disk before any is gone */
    uint32_t from = writer->oldest;
    writer->oldest = keep_from;
    enum kms_err err = kmsd_writer_sync(writer);
    if (err == KMS_OK)
        err = add_digest(writer, writer->is_closed);
    if (err != KMS_OK) {
        writer->oldest = from;
        return err;
    }
    for (uint32_t file = from; file < keep_from; file++) {
        if (kmsd_folder_remove(&writer->folder, file) != KMS_OK)
            err = KMS_ERR_IO;
        else
            (*removed)++;
    }
    return err;
}

/* --- records ---------------------------------------------------------------------------------- */

/* Stands in the place of a record that cannot be told any more. */
static void write_abandoned(struct kmsd_writer *writer, const char *details, struct kms_buf *out)
{
    const struct kmsd_audit_happening happening = {
        .event_name = "AbandonRecord",
        .account = writer->options->account,
        .region = writer->options->region,
        .details = kms_str(details),
    };
    kms_buf_rewind(out);
    kmsd_audit_write_happening(out, &happening, now_ms(writer));
}

/*
 * A clock that was set back is part of what happened, so it gets a record of its own. Records before
 * that one keep the time that had been reached; it and those after it have the new time.
 */
static void note_clock(struct kmsd_writer *writer, int64_t at_ms, struct kms_buf *scratch)
{
    char details[128];
    if (writer->clock_notice != 0 || at_ms >= writer->written_ms - CLOCK_TOLERANCE_MS)
        return;
    (void)snprintf(details, sizeof(details), "{\"setBackByMilliseconds\":%lld}",
        (long long)(writer->written_ms - at_ms));
    const struct kmsd_audit_happening happening = {
        .event_name = KMS_TRAIL_CLOCK_EVENT,
        .account = writer->options->account,
        .region = writer->options->region,
        .details = kms_str(details),
    };
    kms_buf_rewind(scratch);
    kmsd_audit_write_happening(scratch, &happening, at_ms);
    uint64_t number = 0;
    if (scratch->err == KMS_OK &&
        kmsd_spool_put_record(writer->spool, kms_buf_str(scratch), &number) == KMS_OK)
        writer->clock_notice = number; /* else with the next batch */
}

/* What sealing moves on. It becomes the writer's when what was sealed has been written. */
struct sealing {
    uint64_t at;     /* in the spool */
    uint64_t number; /* of the last record */
    struct kms_trail_hash chain;
    int64_t written_ms;
    uint64_t clock_notice;
};

/* The time that the record of that number is sealed with. */
static int64_t sealing_time(struct sealing *sealing, uint64_t slot_number, int64_t at_ms)
{
    if (sealing->clock_notice != 0 && slot_number == sealing->clock_notice) {
        sealing->clock_notice = 0;
        sealing->written_ms = at_ms;
    } else if (at_ms > sealing->written_ms) {
        sealing->written_ms = at_ms;
    }
    return sealing->written_ms;
}

/* A record as it will be sealed. */
struct telling {
    struct kms_str text;
    struct kms_trail_gist gist;
    bool has_gist; /* else the index reads the text */
};

static enum kms_err tell_of_request(
    struct kmsd_writer *writer, const struct kmsd_audit_request *request, struct telling *out)
{
    kms_buf_rewind(&writer->scratch);
    kmsd_audit_write_request(&writer->scratch, request);
    out->text = kms_buf_str(&writer->scratch);
    out->has_gist = kmsd_audit_gist_of(request, &out->gist);
    return writer->scratch.err;
}

static enum kms_err tell_of_loss(
    struct kmsd_writer *writer, const char *details, struct telling *out)
{
    write_abandoned(writer, details, &writer->scratch);
    out->text = kms_buf_str(&writer->scratch);
    out->has_gist = false;
    return writer->scratch.err;
}

/* There is a record for whatever is in the spool, or it would hold up all behind it for ever.
 * KMS_ERR_NO_MEMORY. */
static enum kms_err tell(
    struct kmsd_writer *writer, const struct kmsd_spooled *spooled, struct telling *out)
{
    struct kmsd_audit_unpacked unpacked;
    struct kms_bytes bytes = spooled->bytes;
    if (!spooled->is_whole)
        return tell_of_loss(writer,
            "{\"reason\":\"the process was killed while it put this record down; the request was "
            "not answered\"}",
            out);
    if (spooled->kind == KMSD_SPOOL_REQUEST && kmsd_audit_unpack(bytes, &unpacked) == KMS_OK) {
        enum kms_err err = tell_of_request(writer, &unpacked.request, out);
        if (err != KMS_ERR_LIMIT)
            return err;
    }
    if (spooled->kind == KMSD_SPOOL_RECORD && bytes.len >= 2 && bytes.data[bytes.len - 1] == '}') {
        out->text = (struct kms_str){(const char *)bytes.data, bytes.len};
        out->has_gist = false;
        return KMS_OK;
    }
    return tell_of_loss(
        writer, "{\"reason\":\"what was put down here does not make a record\"}", out);
}

static enum kms_err seal(struct kmsd_writer *writer, const struct kmsd_spooled *spooled,
    int64_t at_ms, struct sealing *sealing)
{
    struct telling telling;
    size_t from = writer->out.len;
    enum kms_err err = tell(writer, spooled, &telling);
    if (err == KMS_OK)
        err = kms_trail_record_append(&writer->out, telling.text, ++sealing->number,
            sealing_time(sealing, spooled->number, at_ms), &sealing->chain);
    if (err == KMS_OK)
        kms_trail_drafts_add(writer->drafts, line_from(&writer->out, from), sealing->number,
            telling.has_gist ? &telling.gist : NULL);
    return err;
}

/* Seals records into writer->out. What was sealed before a failure is worth writing. */
static enum kms_err seal_batch(struct kmsd_writer *writer, struct sealing *sealing)
{
    struct kmsd_spooled next;
    int64_t at_ms = now_ms(writer);
    if (!kmsd_spool_is_empty(writer->spool))
        note_clock(writer, at_ms, &writer->scratch);
    sealing->clock_notice = writer->clock_notice;
    while (writer->out.len < BATCH) {
        const struct sealing before = *sealing;
        if (!kmsd_spool_peek(writer->spool, &sealing->at, &next))
            break;
        enum kms_err err = seal(writer, &next, at_ms, sealing);
        if (err == KMS_OK)
            continue;
        *sealing = before;
        writer->out.err = KMS_OK;
        return writer->out.len == 0 ? err : KMS_OK;
    }
    return KMS_OK;
}

static enum kms_err drain_batch(struct kmsd_writer *writer, bool *is_done)
{
    struct sealing sealing = {
        .number = writer->last, .chain = writer->chain, .written_ms = writer->written_ms};
    kms_buf_rewind(&writer->out);
    enum kms_err err = seal_batch(writer, &sealing);
    if (err == KMS_OK && writer->out.len != 0)
        err = kmsd_write_at(writer->fd, kms_buf_bytes(&writer->out), writer->bytes);
    if (err != KMS_OK) { /* what was written of it is written over next time */
        kms_trail_drafts_stop(writer->drafts);
        return err;
    }
    kms_trail_drafts_publish(writer->drafts);
    *is_done = writer->out.len == 0;
    if (writer->written != NULL)
        writer->written(writer->context, kms_buf_str(&writer->out));
    writer->bytes += writer->out.len;
    writer->last = sealing.number;
    writer->chain = sealing.chain;
    writer->written_ms = sealing.written_ms;
    writer->clock_notice = sealing.clock_notice;
    kmsd_spool_give_up(writer->spool, sealing.at);
    return KMS_OK;
}

enum kms_err kmsd_writer_drain(struct kmsd_writer *writer)
{
    bool is_done = false;
    while (!is_done) {
        if (writer->fd < 0)
            return KMS_ERR_IO;
        enum kms_err err = kmsd_writer_turn(writer, now_ms(writer));
        if (err == KMS_OK)
            err = drain_batch(writer, &is_done);
        if (err != KMS_OK)
            return err;
    }
    return KMS_OK;
}

/* --- life ------------------------------------------------------------------------------------- */

/* What a killed process left in the spool and had not written to the file. */
static void skip_written(struct kmsd_writer *writer, uint64_t *left)
{
    uint64_t at = 0;
    uint64_t written_up_to = 0;
    struct kmsd_spooled next;
    *left = 0;
    while (kmsd_spool_peek(writer->spool, &at, &next)) {
        if (next.number <= writer->last)
            written_up_to = at;
        else
            (*left)++;
    }
    kmsd_spool_give_up(writer->spool, written_up_to);
}

enum kms_err kmsd_writer_open(struct kmsd_writer *writer, const struct kmsd_audit_options *options,
    struct kms_trail_drafts *drafts, struct kmsd_writer_found *found, struct kmsd_detail *detail)
{
    *writer = (struct kmsd_writer){.options = options, .drafts = drafts, .fd = -1, .digest_fd = -1};
    *found = (struct kmsd_writer_found){.damaged = 0};
    writer->folder.fd = -1;
    kms_buf_init(&writer->out, BATCH + 2 * KMS_TRAIL_LINE_MAX);
    kms_buf_init(&writer->scratch, KMS_TRAIL_RECORD_MAX);
    enum kms_err err = kmsd_folder_open(options->folder, &writer->folder, detail);
    if (err == KMS_OK)
        err = kmsd_spool_open(writer->folder.fd, &writer->spool, &found->spool, detail);
    if (err == KMS_OK)
        err = kmsd_writer_recover(writer, found, detail);
    if (err != KMS_OK)
        return err;
    skip_written(writer, &found->recovered);
    kmsd_spool_number(writer->spool, writer->last + found->recovered + 1);
    return KMS_OK;
}

void kmsd_writer_clean_up(struct kmsd_writer *writer)
{
    leave_file(writer);
    kmsd_spool_close(writer->spool);
    writer->spool = NULL;
    kmsd_signer_free(writer->signer);
    writer->signer = NULL;
    kms_buf_clean_up(&writer->out);
    kms_buf_clean_up(&writer->scratch);
    kmsd_folder_close(&writer->folder);
}
