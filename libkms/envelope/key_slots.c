/* Key slots in a file: listed, and changed in place. */
#include "libkms/envelope/failure.h"
#include "libkms/envelope/header.h"
#include "libkms/envelope/key_section.h"
#include "libkms/envelope/keyring.h"
#include "libkms/envelope/message.h"

#include <errno.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SCRATCH_MAX = 8 << 20, HEADER_FIRST = 4096 };

/* --- reading ---------------------------------------------------------------------------------- */

/* Reads up to len bytes; *got is less only at the end of the file. */
static enum kms_err read_at(int fd, uint8_t *out, size_t len, uint64_t offset, size_t *got,
    struct kms_envelope_failure *failure)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = pread(fd, out + done, len - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return kms_failure_io(failure, errno, "reading");
        if (n == 0)
            break;
        done += (size_t)n;
    }
    *got = done;
    return KMS_OK;
}

/* Extends bytes up to len, as far as the file goes. */
static enum kms_err extend_from(int fd, struct kms_buf *bytes, size_t len, uint64_t offset,
    struct kms_envelope_failure *failure)
{
    size_t have = bytes->len;
    size_t got = 0;
    uint8_t *at = kms_buf_extend(bytes, len - have);
    if (at == NULL)
        return kms_failure_plain(failure, bytes->err);
    enum kms_err err = read_at(fd, at, len - have, offset + have, &got, failure);
    if (err == KMS_OK)
        kms_buf_truncate(bytes, have + got);
    return err;
}

static enum kms_err read_section(
    int fd, size_t max_slots, struct kms_key_section **out, struct kms_envelope_failure *failure)
{
    KMS_BUF_AUTO bytes;
    size_t len = 0;
    kms_buf_init(&bytes, KMS_SECTION_LEN_MAX);
    enum kms_err err = extend_from(fd, &bytes, KMS_SECTION_HEAD_LEN, 0, failure);
    if (err != KMS_OK)
        return err;
    if (!kms_key_section_begins(kms_buf_bytes(&bytes)))
        return kms_failure_set(failure, KMS_ERR_NOT_FOUND, "the file has no key slots");
    err = kms_key_section_len(kms_buf_bytes(&bytes), &len, failure);
    if (err == KMS_OK)
        err = extend_from(fd, &bytes, len, 0, failure);
    return err == KMS_OK ? kms_key_section_parse(kms_buf_bytes(&bytes), max_slots, out, failure)
                         : err;
}

/* The header that follows the section: what it stores of the context is needed to open a slot. */
static enum kms_err read_header(int fd, const struct kms_key_section *section,
    const struct kms_envelope_limits *limits, struct kms_header **out,
    struct kms_envelope_failure *failure)
{
    KMS_BUF_AUTO bytes;
    uint64_t at = KMS_SECTION_PREAMBLE_LEN + 2 * (uint64_t)section->slots.room;
    size_t needed =
        limits->max_header_bytes < HEADER_FIRST ? limits->max_header_bytes : HEADER_FIRST;
    kms_buf_init(&bytes, limits->max_header_bytes);
    for (;;) {
        size_t have = bytes.len;
        enum kms_err err = extend_from(fd, &bytes, needed, at, failure);
        if (err != KMS_OK)
            return err;
        err = kms_header_parse(kms_buf_bytes(&bytes), limits, out, &needed, failure);
        if (err != KMS_ERR_TRUNCATED || bytes.len == have || needed <= bytes.len)
            return err;
    }
}

enum kms_err kms_key_slots_list(
    int fd, struct kms_key_slots **out, struct kms_envelope_failure *failure)
{
    struct kms_key_section *section = NULL;
    kms_failure_clear(failure);
    enum kms_err err = read_section(fd, KMS_KEY_SLOTS_MAX, &section, failure);
    if (err == KMS_OK)
        *out = &section->slots;
    return err;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Some file systems have nothing to sync and say so. */
static enum kms_err sync_file(int fd, struct kms_envelope_failure *failure)
{
    if (fdatasync(fd) != 0 && errno != EINVAL && errno != ENOTSUP)
        return kms_failure_io(failure, errno, "syncing");
    return KMS_OK;
}

static enum kms_err write_copy(int fd, const struct kms_key_section *section, unsigned which,
    struct kms_bytes copy, struct kms_envelope_failure *failure)
{
    uint64_t offset = KMS_SECTION_PREAMBLE_LEN + which * (uint64_t)section->slots.room;
    for (size_t done = 0; done < copy.len;) {
        ssize_t n = pwrite(fd, copy.data + done, copy.len - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return kms_failure_io(failure, n < 0 ? errno : ENOSPC, "writing");
        done += (size_t)n;
    }
    return sync_file(fd, failure);
}

/* First over the copy that does not count. Once that is synced it counts, and the other, with what was
 * removed still in it, is written over, too. Before all that, the copy that was read is synced: an
 * editor that died may have left it in memory only, and a power cut must find one of them whole. */
static enum kms_err write_both(int fd, struct kms_key_section *section,
    const struct kms_secret *file_key, struct kms_envelope_failure *failure)
{
    KMS_BUF_AUTO bytes;
    kms_buf_init(&bytes, 0);
    section->slots.sequence++;
    enum kms_err err = kms_key_section_compose(section, file_key, &bytes, failure);
    if (err != KMS_OK)
        return err;
    struct kms_bytes copy =
        kms_bytes(bytes.data + KMS_SECTION_HEAD_LEN, bytes.len - KMS_SECTION_HEAD_LEN);
    err = sync_file(fd, failure);
    if (err == KMS_OK)
        err = write_copy(fd, section, 1 - section->current, copy, failure);
    if (err == KMS_OK)
        err = write_copy(fd, section, section->current, copy, failure);
    section->slots.copies_alike = err == KMS_OK;
    return err;
}

/* The copy that counts, as it was read, over the other; synced before, as above. */
static enum kms_err write_other(
    int fd, struct kms_key_section *section, struct kms_envelope_failure *failure)
{
    struct kms_bytes copy =
        kms_bytes(section->copy.data + KMS_SECTION_HEAD_LEN, section->slots.room);
    enum kms_err err = sync_file(fd, failure);
    if (err == KMS_OK)
        err = write_copy(fd, section, 1 - section->current, copy, failure);
    section->slots.copies_alike = err == KMS_OK;
    return err;
}

/* --- one at a time ---------------------------------------------------------------------------- */

static enum kms_err lock(int fd, struct kms_envelope_failure *failure)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return kms_failure_io(failure, errno, "reading");
    if (!S_ISREG(info.st_mode))
        return kms_failure_set(
            failure, KMS_ERR_INVALID_ARGUMENT, "key slots are changed in regular files only");
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return KMS_OK;
    return errno == EWOULDBLOCK
               ? kms_failure_set(failure, KMS_ERR_BUSY, "somebody else is changing the key slots")
               : kms_failure_io(failure, errno, "locking");
}

static void unlock(int fd)
{
    (void)flock(fd, LOCK_UN);
}

static void hand_over(struct kms_key_section *section, struct kms_key_slots **out)
{
    if (out != NULL)
        *out = &section->slots;
    else
        kms_key_section_free(section);
}

/* --- settling --------------------------------------------------------------------------------- */

/* Under the lock. */
static enum kms_err settle_locked(
    int fd, struct kms_key_section **out, struct kms_envelope_failure *failure)
{
    KMS_KEY_SECTION_AUTO section = NULL;
    enum kms_err err = read_section(fd, KMS_KEY_SLOTS_MAX, &section, failure);
    if (err == KMS_OK && !section->slots.copies_alike)
        err = write_other(fd, section, failure);
    if (err != KMS_OK)
        return err;
    *out = section;
    section = NULL; /* now the caller's */
    return KMS_OK;
}

enum kms_err kms_key_slots_settle(
    int fd, struct kms_key_slots **out, struct kms_envelope_failure *failure)
{
    struct kms_key_section *section = NULL;
    kms_failure_clear(failure);
    enum kms_err err = lock(fd, failure);
    if (err != KMS_OK)
        return err;
    err = settle_locked(fd, &section, failure);
    unlock(fd);
    if (err == KMS_OK)
        hand_over(section, out);
    return err;
}

/* --- editing ---------------------------------------------------------------------------------- */

static enum kms_err apply(struct kms_key_section *section, const struct kms_key_slots_edit *edit,
    struct kms_str_map context, struct kms_secret *file_key, struct kms_envelope_failure *failure)
{
    enum kms_err err = KMS_OK;
    for (size_t i = 0; i < edit->remove_count && err == KMS_OK; i++) {
        err = kms_key_section_remove(section, edit->remove[i]);
        if (err != KMS_OK)
            return kms_failure_set(failure, err, "there is no key slot %u", edit->remove[i]);
    }
    if (edit->adder != NULL)
        err = kms_key_section_add(section, edit->adder, context, &file_key, failure);
    if (err == KMS_OK && section->slots.count == 0)
        err = kms_failure_set(failure, KMS_ERR_INVALID_ARGUMENT,
            "without a key slot nobody could open the message any more");
    return err;
}

/* Under the lock. */
static enum kms_err edit_locked(int fd, const struct kms_key_slots_edit *edit,
    struct kms_key_section **out, struct kms_envelope_failure *failure)
{
    KMS_ARENA_AUTO arena;
    KMS_KEY_SECTION_AUTO section = NULL;
    KMS_HEADER_AUTO header = NULL;
    KMS_SECRET_AUTO file_key = NULL;
    const struct kms_envelope_limits limits = kms_limits_or_defaults(&edit->limits);
    struct kms_str_map context = {NULL, 0};
    kms_arena_init(&arena, SCRATCH_MAX);
    enum kms_err err = read_section(fd, limits.max_edks, &section, failure);
    if (err == KMS_OK)
        err = read_header(fd, section, &limits, &header, failure);
    if (err == KMS_OK)
        err = kms_message_context(header, edit->unstored_context, &arena, &context, failure);
    if (err == KMS_OK)
        err = kms_key_section_open(section, edit->opener, context, &file_key, failure);
    if (err == KMS_OK)
        err = apply(section, edit, context, file_key, failure);
    if (err == KMS_OK)
        err = write_both(fd, section, file_key, failure);
    if (err != KMS_OK)
        return err;
    *out = section;
    section = NULL; /* now the caller's */
    return KMS_OK;
}

enum kms_err kms_key_slots_edit(int fd, const struct kms_key_slots_edit *edit,
    struct kms_key_slots **out, struct kms_envelope_failure *failure)
{
    struct kms_key_section *section = NULL;
    kms_failure_clear(failure);
    if (edit->opener == NULL)
        return kms_failure_set(failure, KMS_ERR_INVALID_ARGUMENT, "no keyring");
    if (edit->adder == NULL && edit->remove_count == 0)
        return kms_failure_set(failure, KMS_ERR_INVALID_ARGUMENT, "nothing to add or to remove");
    enum kms_err err = lock(fd, failure);
    if (err != KMS_OK)
        return err;
    err = edit_locked(fd, edit, &section, failure);
    unlock(fd);
    if (err == KMS_OK)
        hand_over(section, out);
    return err;
}

enum kms_err kms_key_slots_add(int fd, const struct kms_keyring *opener,
    const struct kms_keyring *adder, struct kms_key_slots **out,
    struct kms_envelope_failure *failure)
{
    const struct kms_key_slots_edit edit = {.opener = opener, .adder = adder};
    return kms_key_slots_edit(fd, &edit, out, failure);
}

enum kms_err kms_key_slots_remove(int fd, const struct kms_keyring *opener, uint32_t id,
    struct kms_key_slots **out, struct kms_envelope_failure *failure)
{
    const struct kms_key_slots_edit edit = {.opener = opener, .remove = &id, .remove_count = 1};
    return kms_key_slots_edit(fd, &edit, out, failure);
}

enum kms_err kms_key_slots_replace(int fd, const struct kms_keyring *opener, uint32_t id,
    const struct kms_keyring *adder, struct kms_key_slots **out,
    struct kms_envelope_failure *failure)
{
    const struct kms_key_slots_edit edit = {
        .opener = opener, .adder = adder, .remove = &id, .remove_count = 1};
    return kms_key_slots_edit(fd, &edit, out, failure);
}
