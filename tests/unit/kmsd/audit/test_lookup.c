/* Look-ups: each thing that can be asked for, pages, and an index that can be made again. */
#include "libkms/trail/block.h"
#include "tests/unit/kmsd/audit/audit_fixture.h"

#include <sys/stat.h>

enum { RECORDS = 3000, SEEN_MAX = 4096 };

struct seen {
    size_t count;
    uint64_t numbers[SEEN_MAX];
};

static enum kms_err take(void *context, struct kms_str record, const struct kms_trail_seal *seal,
    const struct kms_trail_fields *fields)
{
    struct seen *seen = context;
    assert_true(record.len > 2 && fields->event_name.data != NULL);
    if (seen->count != 0)
        assert_true(seal->number < seen->numbers[seen->count - 1]); /* newest first */
    assert_true(seen->count < SEEN_MAX);
    seen->numbers[seen->count++] = seal->number;
    return KMS_OK;
}

/* All pages of a query. */
static void find_all(struct fixture *f, struct kms_trail_query query, struct seen *seen)
{
    uint64_t next = 0;
    seen->count = 0;
    if (query.max == 0)
        query.max = 50;
    if (query.to_ms == 0)
        query.to_ms = INT64_MAX / 2;
    do {
        size_t before = seen->count;
        assert_int_equal(kmsd_audit_find(f->trail, &query, take, seen, &next), KMS_OK);
        assert_true(seen->count - before <= query.max);
        query.below = next;
    } while (next != 0);
}

static size_t count_of(struct fixture *f, enum kms_trail_term term, const char *value)
{
    static struct seen seen;
    struct kms_trail_query query = {.max = 50};
    query.terms[term] = kms_str(value);
    find_all(f, query, &seen);
    return seen.count;
}

/* Every tenth is denied, every hundredth is a Decrypt; the clock ticks each second. */
static void fill_on(struct fixture *f)
{
    for (int i = 1; i <= RECORDS; i++) {
        clock_ms += 1000;
        assert_int_equal(record_one(f, i % 100 == 0 ? "Decrypt" : "Encrypt",
                             i % 10 == 0 ? "AccessDenied" : NULL),
            KMS_OK);
    }
}

static void fill(struct fixture *f)
{
    open_trail(f);
    fill_on(f);
}

static void each_thing_can_be_asked_for(void **state)
{
    struct fixture *f = *state;
    fill(f);
    assert_int_equal(count_of(f, KMS_TRAIL_EVENT_NAME, "Decrypt"), RECORDS / 100);
    assert_int_equal(count_of(f, KMS_TRAIL_EVENT_NAME, "Encrypt"), RECORDS - RECORDS / 100);
    assert_int_equal(count_of(f, KMS_TRAIL_EVENT_NAME, "encrypt"), 0);
    assert_int_equal(count_of(f, KMS_TRAIL_EVENT_SOURCE, "kms.amazonaws.com"), RECORDS);
    assert_int_equal(count_of(f, KMS_TRAIL_USER_NAME, "alice"), RECORDS);
    assert_int_equal(count_of(f, KMS_TRAIL_USER_NAME, "bob"), 0);
    assert_int_equal(
        count_of(f, KMS_TRAIL_PRINCIPAL, "arn:aws:iam::" ACCOUNT ":user/alice"), RECORDS);
    assert_int_equal(count_of(f, KMS_TRAIL_ACCESS_KEY, "AKIAALICE"), RECORDS);
    assert_int_equal(
        count_of(f, KMS_TRAIL_RESOURCE, "arn:aws:kms:eu-central-1:" ACCOUNT ":key/k"), RECORDS);
    assert_int_equal(count_of(f, KMS_TRAIL_RESOURCE, "k"), RECORDS);
    assert_int_equal(count_of(f, KMS_TRAIL_RESOURCE_TYPE, "AWS::KMS::Key"), RECORDS);
    assert_int_equal(count_of(f, KMS_TRAIL_ERROR, "AccessDenied"), RECORDS / 10);
    assert_int_equal(count_of(f, KMS_TRAIL_ERROR, "*"), RECORDS / 10);
    assert_int_equal(count_of(f, KMS_TRAIL_ACCOUNT, ACCOUNT), RECORDS);
    assert_int_equal(count_of(f, KMS_TRAIL_ACCOUNT, "444455556666"), 0);
}

static void all_must_hold(void **state)
{
    struct fixture *f = *state;
    static struct seen seen;
    fill(f);
    struct kms_trail_query query = {.max = 7, .read_only = kms_str("true")};
    query.terms[KMS_TRAIL_EVENT_NAME] = kms_str("Encrypt");
    query.terms[KMS_TRAIL_ERROR] = kms_str("AccessDenied");
    find_all(f, query, &seen);
    assert_int_equal(seen.count, RECORDS / 10 - RECORDS / 100);
    query.read_only = kms_str("false");
    find_all(f, query, &seen);
    assert_int_equal(seen.count, 0);
    query.read_only = kms_str(NULL);
    query.region = kms_str("us-east-1");
    find_all(f, query, &seen);
    assert_int_equal(seen.count, 0);
    /* the second 101 to the second 200, both included */
    static const int64_t begin_ms = INT64_C(1795396373000);
    const struct kms_trail_query times = {.from_ms = begin_ms + 101000, .to_ms = begin_ms + 200000};
    find_all(f, times, &seen);
    assert_int_equal(seen.count, 100);
    assert_true(seen.numbers[0] == 200 && seen.numbers[99] == 101);
}

/* How much of the first file the index beside it speaks of; *size: its own. */
static uint64_t indexed_bytes(const struct fixture *f, off_t *size)
{
    struct kms_trail_walk walk;
    struct kms_trail_block block;
    char path[160];
    KMS_BUF_AUTO bytes;
    kms_buf_init(&bytes, 1 << 20);
    path_of(f, KMS_TRAIL_INDEX, 1, path);
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return 0;
    assert_int_equal(kms_trail_index_read(fd, &bytes), KMS_OK);
    (void)close(fd);
    kms_trail_walk_init(&walk, kms_buf_bytes(&bytes));
    while (kms_trail_walk_next(&walk, &block))
        continue;
    *size = (off_t)bytes.len;
    return walk.offset;
}

/* Until the thread behind has taken in all but less than a block. */
static off_t wait_for_index(const struct fixture *f, char index[160])
{
    struct stat records;
    char path[160];
    off_t size = 0;
    path_of(f, KMS_TRAIL_RECORDS, 1, path);
    assert_int_equal(stat(path, &records), 0);
    uint64_t enough = (uint64_t)records.st_size - KMS_TRAIL_BLOCK_BYTES;
    for (int i = 0; i < 3000 && indexed_bytes(f, &size) <= enough; i++)
        (void)usleep(10000);
    assert_true(indexed_bytes(f, &size) > enough);
    path_of(f, KMS_TRAIL_INDEX, 1, index);
    return size;
}

static void expect_all(struct fixture *f)
{
    assert_int_equal(count_of(f, KMS_TRAIL_EVENT_NAME, "Decrypt"), RECORDS / 100);
    assert_int_equal(count_of(f, KMS_TRAIL_ERROR, "*"), RECORDS / 10);
    assert_int_equal(count_of(f, KMS_TRAIL_USER_NAME, "bob"), 0);
}

static char *read_all(const char *path, off_t size)
{
    char *data = malloc((size_t)size);
    FILE *in = fopen(path, "r");
    assert_true(data != NULL && in != NULL);
    assert_true(fread(data, 1, (size_t)size, in) == (size_t)size && fclose(in) == 0);
    return data;
}

static void write_all(const char *path, const char *data, off_t size)
{
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_true(fwrite(data, 1, (size_t)size, out) == (size_t)size && fclose(out) == 0);
}

/* Gone, cut off anywhere, or with any byte altered: what is not sound is read from the records. */
static void the_index_can_be_made_again(void **state)
{
    struct fixture *f = *state;
    char path[160];
    fill(f);
    close_trail(f);
    open_trail(f);
    off_t size = wait_for_index(f, path);
    expect_all(f);
    close_trail(f);
    char *good = read_all(path, size);
    assert_int_equal(unlink(path), 0);
    open_trail(f);
    expect_all(f);
    assert_true(wait_for_index(f, path) == size);
    close_trail(f);
    char *again = read_all(path, size);
    assert_memory_equal(good, again, (size_t)size);
    free(again);

    for (off_t at = 0; at < size; at += 97) {
        char *bad = malloc((size_t)size);
        memcpy(bad, good, (size_t)size);
        bad[at] ^= 0x10;
        write_all(path, bad, at % 2 == 0 ? size : at);
        free(bad);
        if (at % 970 == 0) {
            open_trail(f);
            expect_all(f);
            close_trail(f);
        }
    }
    free(good);
}

/* One that is of other records, which had that number before. */
static void an_index_of_other_records_is_not_believed(void **state)
{
    struct fixture *f = *state;
    char path[160];
    char command[256];
    open_trail(f);
    for (int i = 0; i < RECORDS; i++)
        assert_int_equal(record_one(f, "Sign", NULL), KMS_OK);
    assert_int_equal(kmsd_audit_flush(f->trail), KMS_OK);
    off_t size = wait_for_index(f, path);
    close_trail(f);
    char *other = read_all(path, size);
    (void)snprintf(command, sizeof(command), "rm -r '%s'", f->audit);
    assert_int_equal(system(command), 0);
    fill(f);
    close_trail(f);
    write_all(path, other, size);
    open_trail(f);
    expect_all(f);
    assert_int_equal(count_of(f, KMS_TRAIL_EVENT_NAME, "Sign"), 0);
    free(other);
}

/* The index of a closed file ends with an outline: the file is passed over by it, or not, as it should. */
static void closed_files_have_outlines(void **state)
{
    struct fixture *f = *state;
    char path[160];
    enum { FILES_MIN = 5 };
    f->options.file_bytes = 400000;
    open_trail(f);
    assert_int_equal(record_one(f, "CreateKey", NULL), KMS_OK);
    fill_on(f);
    expect_all(f);
    assert_int_equal(count_of(f, KMS_TRAIL_EVENT_NAME, "CreateKey"), 1);
    close_trail(f);
    open_trail(f);
    for (uint32_t file = 1; file <= FILES_MIN; file++) {
        struct kms_trail_block outline;
        KMS_BUF_AUTO bytes;
        enum kms_err err = KMS_ERR_NOT_FOUND;
        kms_buf_init(&bytes, 1 << 20);
        path_of(f, KMS_TRAIL_INDEX, file, path);
        for (int i = 0; i < 3000 && err != KMS_OK; i++) {
            int fd = open(path, O_RDONLY);
            err = fd < 0 ? KMS_ERR_NOT_FOUND : kms_trail_outline_read(fd, &bytes, &outline);
            if (fd >= 0)
                (void)close(fd);
            if (err != KMS_OK)
                (void)usleep(10000);
        }
        assert_int_equal(err, KMS_OK);
        const uint32_t only_first = kms_trail_term_hash(KMS_TRAIL_EVENT_NAME, kms_str("CreateKey"));
        assert_true(kms_trail_block_may_have(&outline, &only_first, 1) == (file == 1));
    }
    expect_all(f);
    assert_int_equal(count_of(f, KMS_TRAIL_EVENT_NAME, "CreateKey"), 1);
    close_trail(f);
    path_of(f, KMS_TRAIL_INDEX, 2, path); /* one that is damaged is not believed */
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    char *bytes = read_all(path, info.st_size);
    for (off_t back = 1; back < 200; back += 7) {
        bytes[info.st_size - back] ^= 0x20;
        write_all(path, bytes, info.st_size);
        open_trail(f);
        expect_all(f);
        close_trail(f);
        bytes[info.st_size - back] ^= 0x20;
    }
    free(bytes);
}

static void files_that_are_gone_are_forgotten(void **state)
{
    struct fixture *f = *state;
    f->options.folder = NULL; /* keeps two files */
    f->options.file_bytes = 400000;
    fill(f);
    size_t left = count_of(f, KMS_TRAIL_USER_NAME, "alice");
    assert_true(left > 100 && left < RECORDS);
    size_t errors = count_of(f, KMS_TRAIL_ERROR, "*");
    assert_true(errors == left / 10 || errors == left / 10 + 1);
}

int main(void)
{
#define WITH_TRAIL(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_TRAIL(each_thing_can_be_asked_for),
        WITH_TRAIL(all_must_hold),
        WITH_TRAIL(the_index_can_be_made_again),
        WITH_TRAIL(an_index_of_other_records_is_not_believed),
        WITH_TRAIL(closed_files_have_outlines),
        WITH_TRAIL(files_that_are_gone_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
