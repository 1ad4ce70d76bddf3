/* Every way to tamper with a trail is found, and the first bad record is named. */
#include "tests/unit/kmsd/audit/audit_fixture.h"

#include "libkms/trail/verify.h"

#include <sys/stat.h>

enum { RECORDS_EACH = 10, FILES = 3 };

struct seen {
    struct kms_trail_summary summary;
    struct kms_trail_finding first; /* that is no note */
    size_t notes;
};

static void take_finding(void *context, const struct kms_trail_finding *finding)
{
    struct seen *seen = context;
    if (finding->is_note)
        seen->notes++;
    else if (seen->first.text[0] == '\0')
        seen->first = *finding;
}

static struct kms_trail_verification verification;

static void verify(const struct fixture *f, struct seen *seen)
{
    char path[160];
    char pem[1024];
    struct kms_trail_key *key = NULL;
    memset(seen, 0, sizeof(*seen));
    (void)snprintf(path, sizeof(path), "%s/public-key.pem", f->audit);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t len = fread(pem, 1, sizeof(pem), file);
    (void)fclose(file);
    assert_int_equal(kms_trail_key_read(kms_bytes(pem, len), &key), KMS_OK);
    verification.folder = open(f->audit, O_RDONLY | O_DIRECTORY);
    verification.key = key;
    verification.report = take_finding;
    verification.context = seen;
    assert_int_equal(kms_trail_verify(&verification, &seen->summary), KMS_OK);
    (void)close(verification.folder);
    kms_trail_key_free(key);
}

/* Three files of ten records: 1 to 10, 11 to 20, 21 to 30; digests after each fifth. */
static void make_trail(struct fixture *f)
{
    f->options.file_age_s = 100;
    f->options.digest_interval_s = 1000000;
    memset(&verification, 0, sizeof(verification));
    open_trail(f);
    for (int file = 0; file < FILES; file++) {
        record_many(f, RECORDS_EACH);
        assert_int_equal(kmsd_audit_flush(f->trail), KMS_OK);
        if (file + 1 < FILES)
            clock_ms += 100000;
        assert_int_equal(kmsd_audit_flush(f->trail), KMS_OK);
    }
    close_trail(f);
    for (int again = 0; again < 2; again++) { /* more digests of the last file */
        open_trail(f);
        close_trail(f);
    }
    struct seen seen;
    verify(f, &seen);
    if (seen.summary.findings != 0)
        print_error("%s: %s\n", seen.first.file, seen.first.text);
    assert_true(seen.summary.findings == 0 && seen.summary.files == FILES);
    assert_true(seen.summary.first_record == 1 && seen.summary.last_record == 30);
    assert_true(seen.summary.signed_up_to == 30);
}

/* --- files as text ---------------------------------------------------------------------------- */

struct text {
    char path[160];
    char *data;
    size_t len;
};

static struct text read_text(const struct fixture *f, enum kms_trail_file_kind kind, uint32_t file)
{
    struct text text;
    struct stat info;
    path_of(f, kind, file, text.path);
    FILE *in = fopen(text.path, "r");
    assert_non_null(in);
    assert_int_equal(fstat(fileno(in), &info), 0);
    text.len = (size_t)info.st_size;
    text.data = malloc(text.len + 1);
    assert_true(fread(text.data, 1, text.len, in) == text.len);
    (void)fclose(in);
    return text;
}

static void write_text(struct text *text)
{
    FILE *out = fopen(text->path, "w");
    assert_true(fwrite(text->data, 1, text->len, out) == text->len && fclose(out) == 0);
    free(text->data);
}

/* Where line n begins, from 0. */
static size_t line_at(const struct text *text, size_t n)
{
    const char *at = text->data;
    for (; n > 0; n--)
        at = (const char *)memchr(at, '\n', text->len - (size_t)(at - text->data)) + 1;
    return (size_t)(at - text->data);
}

static void remove_line(struct text *text, size_t n)
{
    size_t from = line_at(text, n);
    size_t to = line_at(text, n + 1);
    memmove(text->data + from, text->data + to, text->len - to);
    text->len -= to - from;
}

static void expect_finding(
    const struct fixture *f, const char *file, uint64_t record, const char *text)
{
    struct seen seen;
    verify(f, &seen);
    if (seen.summary.findings == 0 || strcmp(seen.first.file, file) != 0 ||
        seen.first.record != record || strstr(seen.first.text, text) == NULL)
        print_error("found in '%s', record %llu: %s\n", seen.first.file,
            (unsigned long long)seen.first.record, seen.first.text);
    assert_true(seen.summary.findings != 0);
    assert_string_equal(seen.first.file, file);
    assert_true(seen.first.record == record);
    assert_non_null(strstr(seen.first.text, text));
}

/* --- tampers ---------------------------------------------------------------------------------- */

static void a_flipped_bit(void **state)
{
    struct fixture *f = *state;
    make_trail(f);
    /* somewhere in each record of the second file in turn */
    for (size_t i = 1; i <= RECORDS_EACH; i++) {
        struct text text = read_text(f, KMS_TRAIL_RECORDS, 2);
        size_t at = line_at(&text, i) + 7 * i;
        text.data[at] ^= 1;
        write_text(&text);
        expect_finding(f, "trail-0000000002.jsonl", 10 + i, "was altered");
        text = read_text(f, KMS_TRAIL_RECORDS, 2);
        text.data[at] ^= 1;
        write_text(&text);
    }
    struct text text = read_text(f, KMS_TRAIL_RECORDS, 2);
    text.data[3] ^= 1;
    write_text(&text);
    expect_finding(f, "trail-0000000002.jsonl", 11, "head of the file was altered");
}

static void a_line_removed(void **state)
{
    struct fixture *f = *state;
    make_trail(f);
    struct text text = read_text(f, KMS_TRAIL_RECORDS, 2);
    remove_line(&text, 4);
    write_text(&text);
    expect_finding(f, "trail-0000000002.jsonl", 14, "record 14 is missing");
}

static void two_swapped(void **state)
{
    struct fixture *f = *state;
    make_trail(f);
    struct text text = read_text(f, KMS_TRAIL_RECORDS, 1);
    size_t a = line_at(&text, 5);
    size_t b = line_at(&text, 6);
    size_t end = line_at(&text, 7);
    char *first = strndup(text.data + a, b - a);
    memmove(text.data + a, text.data + b, end - b);
    memcpy(text.data + a + (end - b), first, b - a);
    free(first);
    write_text(&text);
    expect_finding(f, "trail-0000000001.jsonl", 5, "record 6 stands there");
}

static void a_file_cut_off(void **state)
{
    struct fixture *f = *state;
    make_trail(f);
    struct text text = read_text(f, KMS_TRAIL_RECORDS, 3);
    text.len = line_at(&text, 8);
    write_text(&text);
    expect_finding(f, "trail-0000000003.jsonl", 28, "cut off: records 28 to 30");
    text = read_text(f, KMS_TRAIL_RECORDS, 1);
    text.len = line_at(&text, 10) - 5; /* in the middle of a line */
    write_text(&text);
    expect_finding(f, "trail-0000000001.jsonl", 9, "cut off: records 9 to 10");
}

static void a_file_removed(void **state)
{
    struct fixture *f = *state;
    char path[160];
    char kept[200];
    make_trail(f);
    path_of(f, KMS_TRAIL_RECORDS, 2, path);
    (void)snprintf(kept, sizeof(kept), "%s.kept", path);
    assert_int_equal(rename(path, kept), 0);
    expect_finding(f, "trail-0000000002.jsonl", 11, "records 11 to 20");
    assert_int_equal(rename(kept, path), 0);
    /* with its digests */
    assert_int_equal(unlink(path), 0);
    path_of(f, KMS_TRAIL_DIGESTS, 2, path);
    assert_int_equal(unlink(path), 0);
    expect_finding(f, "trail-0000000002.digests", 0, "missing");
}

static void the_first_files_removed(void **state)
{
    struct fixture *f = *state;
    char path[160];
    make_trail(f);
    for (uint32_t file = 1; file <= 2; file++) {
        path_of(f, KMS_TRAIL_RECORDS, file, path);
        assert_int_equal(unlink(path), 0);
        path_of(f, KMS_TRAIL_DIGESTS, file, path);
        assert_int_equal(unlink(path), 0);
    }
    expect_finding(f, "", 0, "files 1 to 2 are missing: retention had not removed them");
}

static void the_last_file_removed(void **state)
{
    struct fixture *f = *state;
    char path[160];
    make_trail(f);
    struct seen before;
    verify(f, &before);
    path_of(f, KMS_TRAIL_RECORDS, 3, path);
    assert_int_equal(unlink(path), 0);
    path_of(f, KMS_TRAIL_DIGESTS, 3, path);
    assert_int_equal(unlink(path), 0);
    expect_finding(f, "trail-0000000002.jsonl", 21, "the one after it is missing");
    /* and who knows the head sees it whatever else is made up */
    verification.head_number = before.summary.head_number;
    verification.head_hash = before.summary.head_hash;
    struct seen seen;
    verify(f, &seen);
    assert_true(seen.summary.findings >= 2);
}

static void a_digest_removed(void **state)
{
    struct fixture *f = *state;
    char path[160];
    make_trail(f);
    struct text text = read_text(f, KMS_TRAIL_DIGESTS, 2);
    remove_line(&text, 0);
    write_text(&text);
    expect_finding(f, "trail-0000000002.jsonl", 0, "no digest closes the file");
    path_of(f, KMS_TRAIL_DIGESTS, 2, path);
    assert_int_equal(unlink(path), 0);
    expect_finding(f, "trail-0000000002.digests", 0, "the file of digests is missing");
}

static void a_digest_altered(void **state)
{
    struct fixture *f = *state;
    make_trail(f);
    struct text text = read_text(f, KMS_TRAIL_DIGESTS, 1);
    char *at = strstr(text.data, "\"last\":10");
    assert_non_null(at);
    memcpy(at, "\"last\":11", 9);
    write_text(&text);
    expect_finding(f, "trail-0000000001.digests", 0, "its signature is not that key's");
    text = read_text(f, KMS_TRAIL_DIGESTS, 1);
    text.data[2] = 'x';
    write_text(&text);
    expect_finding(f, "trail-0000000001.digests", 0, "it can't be read");
}

/* Whoever writes a record anew, with a chain that fits, has no signature for it. */
static void a_chain_made_anew(void **state)
{
    struct fixture *f = *state;
    struct kms_trail_lines lines;
    struct kms_trail_header header;
    struct kms_trail_seal seal;
    struct kms_trail_hash chain;
    struct kms_str line;
    struct kms_str record;
    make_trail(f);
    struct text text = read_text(f, KMS_TRAIL_RECORDS, 3);
    KMS_BUF_AUTO forged;
    kms_buf_init(&forged, 1 << 20);
    int fd = open(text.path, O_RDONLY);
    kms_trail_lines_init(&lines, fd, 0, UINT64_MAX);
    assert_int_equal(kms_trail_lines_next(&lines, &line), KMS_OK);
    assert_int_equal(kms_trail_header_parse(line, &header, &chain), KMS_OK);
    kms_buf_append_str(&forged, line);
    kms_buf_append_u8(&forged, '\n');
    while (kms_trail_lines_next(&lines, &line) == KMS_OK) {
        char changed[4096];
        assert_int_equal(kms_trail_record_parse(line, &seal, &record), KMS_OK);
        (void)snprintf(changed, sizeof(changed), "%.*s}", (int)record.len, record.data);
        char *name = strstr(changed, "\"alice\"");
        assert_non_null(name);
        memcpy(name, seal.number == 25 ? "\"mallo\"" : "\"alice\"", 7);
        assert_int_equal(kms_trail_record_append(
                             &forged, kms_str(changed), seal.number, seal.written_ms, &chain),
            KMS_OK);
    }
    kms_trail_lines_clean_up(&lines);
    (void)close(fd);
    free(text.data);
    text.data = malloc(forged.len);
    memcpy(text.data, forged.data, forged.len);
    text.len = forged.len;
    write_text(&text);
    expect_finding(f, "trail-0000000003.jsonl", 30, "are not those that digest");
}

static void a_clock_moved_back(void **state)
{
    struct fixture *f = *state;
    struct seen seen;
    make_trail(f);
    open_trail(f);
    clock_ms -= 5000;
    record_many(f, 2);
    close_trail(f);
    verify(f, &seen); /* the notice stands between them or behind them */
    assert_true(seen.summary.findings == 1);
    assert_true(seen.first.record >= 31 && seen.first.record <= 33);
    assert_non_null(strstr(seen.first.text, "the clock moved back by 5.000 s"));
    verification.accepts_clock_changes = true;
    verify(f, &seen);
    assert_true(seen.summary.findings == 0 && seen.notes == 1);
}

/* What was put down before the notice keeps its place and its time, also after a batch that failed. */
static void a_clock_moved_back_while_the_disk_was_full(void **state)
{
    struct fixture *f = *state;
    struct seen seen;
    memset(&verification, 0, sizeof(verification));
    open_trail(f);
    record_many(f, 1);
    assert_int_equal(kmsd_audit_flush(f->trail), KMS_OK);
    clock_ms += 5000;
    limit_files(300);
    (void)!record_one(f, "Decrypt", NULL); /* it waits in the spool, whatever is said of it */
    assert_int_not_equal(kmsd_audit_flush(f->trail), KMS_OK);
    clock_ms -= 3600 * 1000;
    assert_int_not_equal(kmsd_audit_flush(f->trail), KMS_OK);
    limit_files(RLIM_INFINITY);
    assert_int_equal(kmsd_audit_flush(f->trail), KMS_OK);
    record_many(f, 1);
    close_trail(f);
    verification.accepts_clock_changes = true;
    verify(f, &seen);
    assert_true(seen.summary.findings == 0 && seen.notes == 1);
    assert_int_equal(count_records(f, 1, "\"Decrypt\""), 1);
}

/* What a batch that failed left in a file is not there any more when that is closed. */
static void a_file_that_got_old_while_the_disk_was_full(void **state)
{
    struct fixture *f = *state;
    struct stat info;
    struct seen seen;
    char path[160];
    memset(&verification, 0, sizeof(verification));
    f->options.file_age_s = 60;
    open_trail(f);
    record_many(f, 2);
    assert_int_equal(kmsd_audit_flush(f->trail), KMS_OK);
    path_of(f, KMS_TRAIL_RECORDS, 1, path);
    assert_int_equal(stat(path, &info), 0);
    limit_files((rlim_t)info.st_size + 300); /* in the middle of a line */
    (void)!record_one(f, "Decrypt", NULL);
    assert_int_not_equal(kmsd_audit_flush(f->trail), KMS_OK);
    clock_ms += 61000;
    limit_files(RLIM_INFINITY);
    assert_int_equal(kmsd_audit_flush(f->trail), KMS_OK);
    close_trail(f);
    verify(f, &seen);
    if (seen.summary.findings != 0)
        print_error("%s: %s\n", seen.first.file, seen.first.text);
    assert_true(seen.summary.findings == 0);
    assert_int_equal(count_records(f, 2, "\"Decrypt\""), 1);
}

static void another_key(void **state)
{
    struct fixture *f = *state;
    make_trail(f);
    char command[256];
    (void)snprintf(command, sizeof(command),
        "openssl genpkey -algorithm ed25519 2>/dev/null | openssl pkey -pubout "
        "-out '%s/public-key.pem' 2>/dev/null",
        f->audit);
    if (system(command) != 0)
        skip();
    expect_finding(f, "trail-0000000001.digests", 0, "its signature is not that key's");
}

static void what_retention_removed_is_not_missed(void **state)
{
    struct fixture *f = *state;
    struct seen seen;
    char path[160];
    make_trail(f);
    f->options.retention_days = 1;
    clock_ms += INT64_C(2) * 86400000;
    open_trail(f);
    path_of(f, KMS_TRAIL_RECORDS, 2, path);
    for (int i = 0; i < 500 && access(path, F_OK) == 0; i++)
        (void)usleep(10000);
    close_trail(f);
    verify(f, &seen);
    if (seen.summary.findings != 0)
        print_error("%s: %s\n", seen.first.file, seen.first.text);
    assert_true(seen.summary.findings == 0);
    assert_true(seen.summary.first_record > 1);
}

int main(void)
{
#define WITH_TRAIL(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_TRAIL(a_flipped_bit),
        WITH_TRAIL(a_line_removed),
        WITH_TRAIL(two_swapped),
        WITH_TRAIL(a_file_cut_off),
        WITH_TRAIL(a_file_removed),
        WITH_TRAIL(the_first_files_removed),
        WITH_TRAIL(the_last_file_removed),
        WITH_TRAIL(a_digest_removed),
        WITH_TRAIL(a_digest_altered),
        WITH_TRAIL(a_chain_made_anew),
        WITH_TRAIL(a_clock_moved_back),
        WITH_TRAIL(a_clock_moved_back_while_the_disk_was_full),
        WITH_TRAIL(a_file_that_got_old_while_the_disk_was_full),
        WITH_TRAIL(another_key),
        WITH_TRAIL(what_retention_removed_is_not_missed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
