/*
 * Where the trail ended. Only the last file can be unfinished: it is verified from its last digest
 * on, half a line at its end is cut off, and what does not verify is left as it is, as evidence, and
 * a new file is begun.
 */
#include "kmsd/audit/writer.h"
#include "libkms/trail/lines.h"

#include <unistd.h>

static enum kms_err failed(enum kms_err err, uint32_t file, struct kmsd_detail *detail)
{
    char name[KMS_TRAIL_NAME_SIZE];
    kms_trail_file_name(KMS_TRAIL_RECORDS, file, name);
    kmsd_detail_set(detail, "reading the audit trail, %s: %s", name, kms_err_text(err));
    return err;
}

enum kms_err kmsd_writer_last_digest(
    int fd, struct kms_trail_digest *digest, struct kms_trail_hash *hash, uint64_t *end)
{
    uint8_t signature[KMS_TRAIL_SIGNATURE_MAX];
    size_t signature_len = 0;
    struct kms_trail_lines lines;
    struct kms_str line;
    bool is_there = false;
    enum kms_err err = KMS_OK;
    kms_trail_lines_init(&lines, fd, 0, UINT64_MAX);
    *end = 0;
    while ((err = kms_trail_lines_next(&lines, &line)) == KMS_OK) {
        struct kms_trail_digest found;
        struct kms_trail_hash found_hash;
        err = kms_trail_digest_parse(line, &found, signature, &signature_len, &found_hash);
        if (err != KMS_OK)
            break; /* damaged: verification names it; the chain goes on from before it */
        *digest = found;
        *hash = found_hash;
        *end = lines.offset;
        is_there = true;
    }
    kms_trail_lines_clean_up(&lines);
    if (err == KMS_ERR_IO || err == KMS_ERR_NO_MEMORY)
        return err;
    return is_there ? KMS_OK : KMS_ERR_NOT_FOUND;
}

/* --- the last file ---------------------------------------------------------------------------- */

/* Its header; KMS_ERR_NOT_FOUND when not even that was written. */
static enum kms_err read_header(
    int fd, struct kms_trail_header *header, struct kms_trail_hash *hash, uint64_t *end)
{
    struct kms_trail_lines lines;
    struct kms_str line;
    kms_trail_lines_init(&lines, fd, 0, KMS_TRAIL_DIGEST_MAX);
    enum kms_err err = kms_trail_lines_next(&lines, &line);
    if (err == KMS_ERR_TRUNCATED)
        err = KMS_ERR_NOT_FOUND;
    if (err == KMS_OK)
        err = kms_trail_header_parse(line, header, hash);
    *end = lines.offset;
    kms_trail_lines_clean_up(&lines);
    return err;
}

/* Follows the records from where the writer stands. */
static enum kms_err follow(struct kmsd_writer *writer, struct kmsd_writer_found *found)
{
    struct kms_trail_lines lines;
    struct kms_str line;
    struct kms_str record;
    struct kms_trail_seal seal;
    struct kms_trail_hash hash;
    enum kms_err err = KMS_OK;
    kms_trail_lines_init(&lines, writer->fd, writer->bytes, UINT64_MAX);
    while ((err = kms_trail_lines_next(&lines, &line)) == KMS_OK) {
        err = kms_trail_record_parse(line, &seal, &record);
        if (err == KMS_OK)
            err = kms_trail_record_hash(line, &writer->chain, &hash);
        if (err != KMS_OK || seal.number != writer->last + 1 ||
            !kms_trail_hash_eq(&hash, &seal.hash)) {
            err = err == KMS_ERR_NO_MEMORY ? err : KMS_ERR_CORRUPT;
            break;
        }
        writer->chain = hash;
        writer->last = seal.number;
        writer->written_ms = seal.written_ms;
        writer->bytes = lines.offset;
    }
    if (err == KMS_ERR_TRUNCATED)
        found->torn_bytes = line.len;
    kms_trail_lines_clean_up(&lines);
    if (err == KMS_ERR_CORRUPT || err == KMS_ERR_LIMIT) {
        found->damaged = writer->file;
        found->damaged_record = writer->last + 1;
        return KMS_OK;
    }
    return err == KMS_ERR_NOT_FOUND || err == KMS_ERR_TRUNCATED ? KMS_OK : err;
}

/* The last digest there is, in this file or an earlier one. *is_closed: it closes this file. */
static enum kms_err find_digest(struct kmsd_writer *writer, uint32_t file, uint32_t lowest,
    struct kms_trail_digest *digest, uint64_t *end)
{
    *end = 0;
    for (uint32_t at = file; at >= lowest && at != 0; at--) {
        struct kms_trail_hash hash;
        uint64_t digest_end = 0;
        int fd = -1;
        enum kms_err err = kmsd_folder_file(&writer->folder, KMS_TRAIL_DIGESTS, at, &fd);
        if (err == KMS_OK) {
            err = kmsd_writer_last_digest(fd, digest, &hash, &digest_end);
            (void)close(fd);
        }
        if (err == KMS_OK) {
            writer->digest_number = digest->number;
            writer->digest_hash = hash;
            writer->digest_last = digest->last;
            writer->digest_file = digest->file;
            writer->digest_ms = digest->time_ms;
            writer->oldest = digest->oldest;
            *end = at == file ? digest_end : 0;
            return KMS_OK;
        }
        if (err != KMS_ERR_NOT_FOUND)
            return err;
    }
    return KMS_ERR_NOT_FOUND;
}

/* Opens the file of digests that belongs to the file at hand, and cuts half a line off it. */
static enum kms_err open_digests(struct kmsd_writer *writer, uint64_t end)
{
    enum kms_err err =
        kmsd_folder_file(&writer->folder, KMS_TRAIL_DIGESTS, writer->file, &writer->digest_fd);
    if (err == KMS_ERR_NOT_FOUND)
        err = kmsd_folder_create(
            &writer->folder, KMS_TRAIL_DIGESTS, writer->file, &writer->digest_fd);
    if (err == KMS_OK && ftruncate(writer->digest_fd, (off_t)end) != 0)
        err = KMS_ERR_IO;
    writer->digest_bytes = end;
    return err;
}

/* Takes up the file where it ended. writer->file is 0 afterwards when a new one is due. */
static enum kms_err take_up(struct kmsd_writer *writer, const struct kms_trail_header *header,
    const struct kms_trail_digest *digest, uint64_t digest_end, struct kmsd_writer_found *found)
{
    off_t size = lseek(writer->fd, 0, SEEK_END);
    if (size < 0)
        return KMS_ERR_IO;
    if (digest != NULL && digest->file == writer->file) {
        writer->chain = digest->hash;
        writer->last = digest->last;
        writer->written_ms = digest->time_ms;
        if (digest->bytes > (uint64_t)size) {
            found->damaged = writer->file;
            found->damaged_record = digest->last;
        }
        writer->bytes = digest->bytes;
        if (digest->is_closed || found->damaged != 0)
            return KMS_OK;
    }
    enum kms_err err = follow(writer, found);
    if (err != KMS_OK || found->damaged != 0)
        return err;
    if (found->torn_bytes != 0 && ftruncate(writer->fd, (off_t)writer->bytes) != 0)
        return KMS_ERR_IO;
    writer->first = header->first;
    writer->opened_ms = header->opened_ms;
    return open_digests(writer, digest_end);
}

static enum kms_err recover_last(
    struct kmsd_writer *writer, uint32_t file, uint32_t lowest, struct kmsd_writer_found *found)
{
    struct kms_trail_header header;
    struct kms_trail_digest digest;
    uint64_t digest_end = 0;
    enum kms_err err = kmsd_folder_file(&writer->folder, KMS_TRAIL_RECORDS, file, &writer->fd);
    if (err != KMS_OK)
        return err;
    err = read_header(writer->fd, &header, &writer->chain, &writer->bytes);
    if (err != KMS_OK)
        return err;
    writer->file = file;
    writer->last = header.first - 1;
    err = find_digest(writer, file, lowest, &digest, &digest_end);
    if (err != KMS_OK && err != KMS_ERR_NOT_FOUND)
        return err;
    if (writer->oldest == 0)
        writer->oldest = lowest;
    return take_up(writer, &header, err == KMS_OK ? &digest : NULL, digest_end, found);
}

enum kms_err kmsd_writer_recover(
    struct kmsd_writer *writer, struct kmsd_writer_found *found, struct kmsd_detail *detail)
{
    uint32_t lowest = 0;
    uint32_t highest = 0;
    enum kms_err err = kmsd_folder_range(&writer->folder, &lowest, &highest);
    if (err != KMS_OK)
        return failed(err, 0, detail);
    err = kmsd_signer_open(
        &writer->folder, writer->options->custody, highest == 0, &writer->signer, detail);
    if (err != KMS_OK)
        return err;
    uint32_t file = highest;
    while (file != 0) {
        err = recover_last(writer, file, lowest, found);
        if (err != KMS_ERR_NOT_FOUND)
            break;
        /* begun and not a line written: as if it had not been */
        (void)close(writer->fd);
        writer->fd = -1;
        err = kmsd_folder_remove(&writer->folder, file);
        if (err != KMS_OK)
            break;
        file = file > lowest ? file - 1 : 0;
    }
    if (err == KMS_ERR_SYNTAX) { /* a file without a head that makes sense */
        found->damaged = file;
        found->damaged_record = 0;
        return failed(KMS_ERR_CORRUPT, file, detail);
    }
    if (err != KMS_OK)
        return failed(err, file, detail);
    if (file != 0 && writer->digest_fd >= 0)
        return KMS_OK;
    err = kmsd_writer_begin(writer, highest == 0 ? 1 : file + 1);
    return err == KMS_OK ? KMS_OK : failed(err, file + 1, detail);
}
