#include "libkms/trail/verify.h"

#include "libkms/trail/lines.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    FINDINGS_PER_FILE = 8, /* after the first ones, more of the same says nothing new */
    CLOCK_TOLERANCE_MS = 1000,
    DIGESTS_MAX = 1 << 20, /* of one file */
    FILES_MAX = 1 << 20,
};

struct digest {
    struct kms_trail_digest said;
    struct kms_trail_hash hash;
};

struct verifier {
    const struct kms_trail_verification *what;
    struct kms_trail_summary *summary;
    uint32_t lowest;
    uint32_t highest;

    /* the file at hand */
    uint32_t file;
    char name[KMS_TRAIL_NAME_SIZE];
    unsigned findings_here;
    struct digest *digests;
    size_t digest_count;
    size_t digest_room;

    /* the chains, across files */
    bool knows_records; /* the file before was there */
    uint64_t number;    /* of the last record */
    struct kms_trail_hash chain;
    int64_t time_ms;
    bool knows_digests;
    struct digest last_digest;
    bool saw_head;
};

/* --- findings --------------------------------------------------------------------------------- */

__attribute__((format(printf, 4, 5))) static void find(
    struct verifier *v, bool is_note, uint64_t record, const char *format, ...)
{
    struct kms_trail_finding finding = {.is_note = is_note, .record = record};
    va_list args;
    if (!is_note)
        v->summary->findings++;
    if (v->findings_here++ >= FINDINGS_PER_FILE)
        return;
    memcpy(finding.file, v->name, sizeof(finding.file));
    va_start(args, format);
    (void)vsnprintf(finding.text, sizeof(finding.text), format, args);
    va_end(args);
    v->what->report(v->what->context, &finding);
}

static void enter(struct verifier *v, enum kms_trail_file_kind kind)
{
    v->findings_here = 0;
    kms_trail_file_name(kind, v->file, v->name);
}

/* --- the folder ------------------------------------------------------------------------------- */

static enum kms_err list(struct verifier *v)
{
    int fd = openat(v->what->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry = NULL;
    if (folder == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return KMS_ERR_IO;
    }
    while ((entry = readdir(folder)) != NULL) {
        enum kms_trail_file_kind kind;
        uint32_t file = 0;
        if (!kms_trail_file_parse(entry->d_name, &kind, &file) || kind == KMS_TRAIL_INDEX)
            continue;
        if (v->lowest == 0 || file < v->lowest)
            v->lowest = file;
        if (file > v->highest)
            v->highest = file;
    }
    (void)closedir(folder);
    if (v->lowest == 0)
        return KMS_ERR_NOT_FOUND;
    return v->highest - v->lowest < FILES_MAX ? KMS_OK : KMS_ERR_LIMIT;
}

/* KMS_ERR_NOT_FOUND. */
static enum kms_err open_file(const struct verifier *v, int *out)
{
    int fd = openat(v->what->folder, v->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? KMS_ERR_NOT_FOUND : KMS_ERR_IO;
    *out = fd;
    return KMS_OK;
}

/* --- digests ---------------------------------------------------------------------------------- */

static enum kms_err keep_digest(struct verifier *v, const struct digest *digest)
{
    if (v->digest_count == v->digest_room) {
        size_t room = v->digest_room == 0 ? 64 : 2 * v->digest_room;
        struct digest *more = room > DIGESTS_MAX ? NULL : realloc(v->digests, room * sizeof(*more));
        if (more == NULL)
            return room > DIGESTS_MAX ? KMS_ERR_LIMIT : KMS_ERR_NO_MEMORY;
        v->digests = more;
        v->digest_room = room;
    }
    v->digests[v->digest_count++] = *digest;
    return KMS_OK;
}

static void check_digest(
    struct verifier *v, const struct digest *digest, struct kms_bytes signature)
{
    const struct kms_trail_digest *said = &digest->said;
    static const struct kms_trail_hash zero;
    if (!kms_trail_key_verifies(v->what->key, said, signature))
        find(v, false, 0, "digest %" PRIu64 ": its signature is not that key's", said->number);
    if (said->file != v->file)
        find(v, false, 0, "digest %" PRIu64 " is of another file", said->number);
    uint64_t expected = v->knows_digests ? v->last_digest.said.number + 1 : 1;
    const struct kms_trail_hash *previous = v->knows_digests ? &v->last_digest.hash : &zero;
    bool begins_later = !v->knows_digests && v->lowest > 1; /* retention: see check_oldest */
    if (!begins_later && said->number != expected)
        find(v, false, 0, "digest %" PRIu64 " is missing or out of its place: %" PRIu64 " follows",
            expected, said->number);
    else if (!begins_later && !kms_trail_hash_eq(&said->previous, previous))
        find(v, false, 0, "digest %" PRIu64 " does not follow the one that stands before it",
            said->number);
    v->knows_digests = true;
    v->last_digest = *digest;
    v->summary->digests++;
    if (said->number == v->what->head_number)
        v->saw_head = kms_trail_hash_eq(&digest->hash, &v->what->head_hash);
}

static enum kms_err read_digests(struct verifier *v, int fd)
{
    struct kms_trail_lines lines;
    struct kms_str line;
    uint8_t signature[KMS_TRAIL_SIGNATURE_MAX];
    size_t signature_len = 0;
    enum kms_err err = KMS_OK;
    kms_trail_lines_init(&lines, fd, 0, UINT64_MAX);
    while ((err = kms_trail_lines_next(&lines, &line)) == KMS_OK) {
        struct digest digest;
        err = kms_trail_digest_parse(line, &digest.said, signature, &signature_len, &digest.hash);
        if (err == KMS_ERR_SYNTAX) {
            find(v, false, 0, "the digest after number %" PRIu64 " was altered: it can't be read",
                v->knows_digests ? v->last_digest.said.number : 0);
            continue;
        }
        if (err != KMS_OK)
            break;
        check_digest(v, &digest, kms_bytes(signature, signature_len));
        err = keep_digest(v, &digest);
        if (err != KMS_OK)
            break;
    }
    kms_trail_lines_clean_up(&lines);
    if (err == KMS_ERR_TRUNCATED || err == KMS_ERR_LIMIT)
        find(v, v->file == v->highest && err == KMS_ERR_TRUNCATED, 0,
            "the file ends with half a digest");
    return err == KMS_ERR_NOT_FOUND || err == KMS_ERR_TRUNCATED || err == KMS_ERR_LIMIT ? KMS_OK
                                                                                        : err;
}

static enum kms_err load_digests(struct verifier *v)
{
    int fd = -1;
    v->digest_count = 0;
    enter(v, KMS_TRAIL_DIGESTS);
    enum kms_err err = open_file(v, &fd);
    if (err == KMS_ERR_NOT_FOUND) {
        find(v, false, 0, "the file of digests is missing");
        return KMS_OK;
    }
    if (err != KMS_OK)
        return err;
    err = read_digests(v, fd);
    (void)close(fd);
    return err;
}

/* --- records ---------------------------------------------------------------------------------- */

static void check_header(struct verifier *v, struct kms_str line)
{
    struct kms_trail_header header;
    struct kms_trail_hash hash;
    static const struct kms_trail_hash zero;
    if (kms_trail_header_parse(line, &header, &hash) != KMS_OK) {
        find(v, false, v->number + 1, "the head of the file was altered: it can't be read");
        v->knows_records = false;
        return;
    }
    if (header.file != v->file)
        find(v, false, header.first, "the file is number %" PRIu32 " by its head", header.file);
    bool follows = v->knows_records || v->file == 1;
    const struct kms_trail_hash *previous = v->knows_records ? &v->chain : &zero;
    if (follows && header.first != v->number + 1)
        find(v, false, v->number + 1, "the file begins with record %" PRIu64 ", not %" PRIu64,
            header.first, v->number + 1);
    else if (follows && !kms_trail_hash_eq(&header.previous, previous))
        find(v, false, header.first, "the file does not follow the one before it");
    v->knows_records = true;
    v->number = header.first - 1;
    v->chain = hash;
    if (v->summary->first_record == 0)
        v->summary->first_record = header.first;
}

static bool explains_clock(struct kms_str record)
{
    static const char name[] = "\"eventName\":\"" KMS_TRAIL_CLOCK_EVENT "\"";
    return memmem(record.data, record.len, name, sizeof(name) - 1) != NULL;
}

static void check_time(struct verifier *v, const struct kms_trail_seal *seal, struct kms_str record)
{
    int64_t back_ms = v->time_ms - seal->written_ms;
    if (back_ms > CLOCK_TOLERANCE_MS)
        find(v, v->what->accepts_clock_changes && explains_clock(record), seal->number,
            "the clock moved back by %" PRId64 ".%03d s%s", back_ms / 1000, (int)(back_ms % 1000),
            explains_clock(record) ? ", as kmsd noted" : "");
    v->time_ms = seal->written_ms;
}

/* One line, which should be the next record. False: it can't be read. */
static bool check_record(struct verifier *v, struct kms_str line)
{
    struct kms_trail_seal seal;
    struct kms_str record;
    struct kms_trail_hash hash;
    uint64_t expected = v->number + 1;
    if (kms_trail_record_parse(line, &seal, &record) != KMS_OK ||
        kms_trail_record_hash(line, &v->chain, &hash) != KMS_OK) {
        find(v, false, expected, "record %" PRIu64 " was altered: it can't be read", expected);
        v->number = expected;
        return false;
    }
    if (!v->knows_records)
        v->knows_records = true; /* after an unreadable head the chain begins here */
    else if (seal.number != expected)
        find(v, false, expected,
            "record %" PRIu64 " is missing or out of its place: record %" PRIu64 " stands there",
            expected, seal.number);
    else if (!kms_trail_hash_eq(&hash, &seal.hash))
        find(v, false, expected, "record %" PRIu64 " was altered", expected);
    check_time(v, &seal, record);
    v->number = seal.number;
    v->chain = seal.hash;
    return true;
}

/* The digests that speak of the file up to this record. */
static void check_digests_here(struct verifier *v, size_t *next, uint64_t offset)
{
    while (*next < v->digest_count && v->digests[*next].said.last <= v->number) {
        const struct kms_trail_digest *said = &v->digests[(*next)++].said;
        if (said->last < v->number)
            continue; /* its record was missing: that has been found */
        if (!kms_trail_hash_eq(&said->hash, &v->chain) || said->bytes != offset)
            find(v, false, said->last,
                "records up to %" PRIu64 " are not those that digest %" PRIu64 " was signed over",
                said->last, said->number);
        else if (v->summary->signed_up_to < said->last)
            v->summary->signed_up_to = said->last;
    }
}

/* What has to be so when the last line was read. */
static void check_end(struct verifier *v, size_t next, enum kms_err ending)
{
    const struct kms_trail_digest *last =
        v->digest_count == 0 ? NULL : &v->digests[v->digest_count - 1].said;
    bool is_last_file = v->file == v->highest;
    if (next < v->digest_count)
        find(v, false, v->number + 1,
            "the file was cut off: records %" PRIu64 " to %" PRIu64 " are missing", v->number + 1,
            last->last);
    else if (ending == KMS_ERR_TRUNCATED || ending == KMS_ERR_LIMIT)
        find(v, is_last_file && ending == KMS_ERR_TRUNCATED, v->number + 1,
            "the file ends with half a record");
    if (last != NULL && last->is_closed && v->number > last->last)
        find(v, false, last->last + 1, "records were added after the file was closed");
    if (!is_last_file && (last == NULL || !last->is_closed))
        find(v, false, 0, "no digest closes the file");
    if (is_last_file && last != NULL && last->is_closed)
        find(v, false, v->number + 1, "the file is closed, but the one after it is missing");
}

static enum kms_err read_records(struct verifier *v, int fd)
{
    struct kms_trail_lines lines;
    struct kms_str line;
    size_t next = 0;
    kms_trail_lines_init(&lines, fd, 0, UINT64_MAX);
    enum kms_err err = kms_trail_lines_next(&lines, &line);
    if (err == KMS_OK) {
        check_header(v, line);
        check_digests_here(v, &next, lines.offset);
        while ((err = kms_trail_lines_next(&lines, &line)) == KMS_OK) {
            if (check_record(v, line))
                check_digests_here(v, &next, lines.offset);
        }
    }
    kms_trail_lines_clean_up(&lines);
    if (err != KMS_ERR_NOT_FOUND && err != KMS_ERR_TRUNCATED && err != KMS_ERR_LIMIT)
        return err;
    check_end(v, next, err);
    return KMS_OK;
}

static enum kms_err verify_file(struct verifier *v)
{
    int fd = -1;
    enum kms_err err = load_digests(v);
    enter(v, KMS_TRAIL_RECORDS);
    if (err == KMS_OK)
        err = open_file(v, &fd);
    if (err == KMS_ERR_NOT_FOUND) {
        uint64_t last = v->digest_count == 0 ? 0 : v->digests[v->digest_count - 1].said.last;
        uint64_t first = v->knows_records ? v->number + 1 : 0;
        if (last >= first && first != 0)
            find(v, false, first,
                "the file is missing, and with it records %" PRIu64 " to %" PRIu64, first, last);
        else
            find(v, false, first, "the file is missing");
        v->knows_records = false;
        return KMS_OK;
    }
    if (err != KMS_OK)
        return err;
    err = read_records(v, fd);
    (void)close(fd);
    v->summary->files++;
    return err;
}

/* --- the whole -------------------------------------------------------------------------------- */

/* Only retention may remove files, and then the last digest says so. */
static void check_whole(struct verifier *v)
{
    v->name[0] = '\0';
    v->findings_here = 0;
    if (!v->knows_digests) {
        find(v, false, 0, "there is no digest: nothing here is signed");
        return;
    }
    uint32_t oldest = v->last_digest.said.oldest;
    if (oldest < v->lowest)
        find(v, false, 0,
            "files %" PRIu32 " to %" PRIu32 " are missing: retention had not removed them", oldest,
            v->lowest - 1);
    if (v->what->head_number != 0 && v->last_digest.said.number < v->what->head_number)
        find(v, false, 0,
            "the trail ends with digest %" PRIu64 ", but digest %" PRIu64 " had been signed",
            v->last_digest.said.number, v->what->head_number);
    else if (v->what->head_number != 0 && !v->saw_head)
        find(v, false, 0, "digest %" PRIu64 " is not the one that was expected",
            v->what->head_number);
}

enum kms_err kms_trail_verify(
    const struct kms_trail_verification *verification, struct kms_trail_summary *summary)
{
    struct verifier v = {.what = verification, .summary = summary};
    *summary = (struct kms_trail_summary){.findings = 0};
    enum kms_err err = list(&v);
    for (v.file = v.lowest; err == KMS_OK && v.file <= v.highest; v.file++)
        err = verify_file(&v);
    free(v.digests);
    if (err != KMS_OK)
        return err;
    check_whole(&v);
    summary->last_record = v.number;
    if (v.knows_digests) {
        summary->head_number = v.last_digest.said.number;
        summary->head_hash = v.last_digest.hash;
    }
    return KMS_OK;
}
