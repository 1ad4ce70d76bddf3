/* Blocks that are made while records are written are those that are read off the file. */
#include "libkms/trail/draft.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FILE_NUMBER = 7, RECORDS = 1500 };

struct fixture {
    struct kms_trail_drafts *drafts;
    char path[64];
    int fd;
    uint64_t users; /* different ones */
    struct kms_trail_hash chain;
    struct kms_trail_collector drafted;
    struct kms_trail_collector collected;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    (void)snprintf(f->path, sizeof(f->path), "/tmp/kms-draft-XXXXXX");
    f->fd = mkstemp(f->path);
    f->users = 50;
    *state = f;
    return f->fd < 0 || kms_trail_drafts_new(&f->drafts) != KMS_OK;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    kms_trail_drafts_free(f->drafts);
    (void)close(f->fd);
    (void)unlink(f->path);
    free(f);
    return 0;
}

static void write_line(struct fixture *f, const struct kms_buf *line)
{
    assert_true(write(f->fd, line->data, line->len) == (ssize_t)line->len);
}

static struct kms_str without_newline(const struct kms_buf *line)
{
    return (struct kms_str){(const char *)line->data, line->len - 1};
}

static void begin_file(struct fixture *f)
{
    const struct kms_trail_header header = {.file = FILE_NUMBER, .first = 1};
    KMS_BUF_AUTO line;
    kms_buf_init(&line, KMS_TRAIL_DIGEST_MAX);
    assert_int_equal(kms_trail_header_append(&line, &header, &f->chain), KMS_OK);
    kms_trail_drafts_begin(f->drafts, FILE_NUMBER);
    kms_trail_drafts_add(f->drafts, without_newline(&line), 0, NULL);
    write_line(f, &line);
}

/* The text that is written stands for any: the index's part of it is told, or read. */
static void add_record(struct fixture *f, uint64_t number, bool is_told)
{
    char text[512];
    struct kms_trail_gist gist;
    uint64_t told_number = number;
    KMS_BUF_AUTO line;
    kms_buf_init(&line, KMS_TRAIL_LINE_MAX);
    (void)snprintf(text, sizeof(text),
        "{\"userIdentity\":{\"arn\":\"arn:aws:iam::1:user/u%d\"},\"eventName\":\"Encrypt\","
        "\"eventTime\":\"2026-11-23T05:%02d:45Z\",\"requestParameters\":{\"pad\":\"%0200d\"}}",
        (int)(number % f->users), (int)(number % 60), 0);
    assert_int_equal(
        kms_trail_record_append(&line, kms_str(text), number, INT64_C(1795412505139), &f->chain),
        KMS_OK);
    if (is_told)
        assert_int_equal(kms_trail_gist_read(without_newline(&line), &told_number, &gist), KMS_OK);
    kms_trail_drafts_add(f->drafts, without_newline(&line), told_number, is_told ? &gist : NULL);
    write_line(f, &line);
}

static void assert_same(const struct kms_trail_block *a, const struct kms_trail_block *b)
{
    assert_true(a->offset == b->offset && a->length == b->length && a->first == b->first);
    assert_true(a->from_ms == b->from_ms && a->to_ms == b->to_ms && a->ending == b->ending);
    assert_true(a->term_count == b->term_count && a->matches_anything == b->matches_anything);
    assert_memory_equal(a->terms, b->terms, a->term_count * sizeof(*a->terms));
}

/* How many blocks there are as drafts, each of them compared with the file's. */
static size_t compare_all(struct fixture *f)
{
    size_t count = 0;
    struct kms_trail_lines lines;
    kms_trail_lines_init(&lines, f->fd, 0, UINT64_MAX);
    while (kms_trail_block_collect(&f->collected, &lines, false) == KMS_OK) {
        uint64_t offset = f->collected.block.offset;
        if (!kms_trail_drafts_take(f->drafts, FILE_NUMBER, offset, &f->drafted))
            continue;
        assert_int_equal(kms_trail_block_end(&f->drafted.block, f->fd), KMS_OK);
        assert_same(&f->drafted.block, &f->collected.block);
        count++;
    }
    kms_trail_lines_clean_up(&lines);
    return count;
}

static void drafts_are_what_the_file_says(void **state)
{
    struct fixture *f = *state;
    begin_file(f);
    for (uint64_t number = 1; number <= RECORDS; number++)
        add_record(f, number, number % 3 != 0);
    assert_int_equal(compare_all(f), 0); /* nobody said that it is in the file */
    kms_trail_drafts_publish(f->drafts);
    assert_true(compare_all(f) >= 8);
    assert_int_equal(compare_all(f), 0); /* each is taken once */
}

static void what_failed_has_no_drafts(void **state)
{
    struct fixture *f = *state;
    begin_file(f);
    for (uint64_t number = 1; number <= RECORDS; number++) {
        if (number == RECORDS / 2) {
            kms_trail_drafts_publish(f->drafts);
            kms_trail_drafts_stop(f->drafts);
        }
        add_record(f, number, true);
    }
    kms_trail_drafts_publish(f->drafts);
    size_t count = compare_all(f);
    assert_true(count >= 3 && count <= 5); /* of the first half alone */
    for (uint64_t number = 1; number <= RECORDS; number++)
        add_record(f, number, true); /* of a file that was begun before this process */
    kms_trail_drafts_publish(f->drafts);
    assert_int_equal(compare_all(f), 0);
}

static void drafts_of_other_places_are_not_taken(void **state)
{
    struct fixture *f = *state;
    begin_file(f);
    for (uint64_t number = 1; number <= RECORDS; number++)
        add_record(f, number, true);
    kms_trail_drafts_publish(f->drafts);
    assert_false(kms_trail_drafts_take(f->drafts, FILE_NUMBER - 1, 0, &f->drafted));
    assert_true(kms_trail_drafts_take(f->drafts, FILE_NUMBER, 0, &f->drafted));
    uint64_t second = f->drafted.block.length;
    assert_false(kms_trail_drafts_take(f->drafts, FILE_NUMBER, second - 1, &f->drafted));
    assert_true(kms_trail_drafts_take(f->drafts, FILE_NUMBER, second, &f->drafted));
    assert_false(kms_trail_drafts_take(f->drafts, FILE_NUMBER + 1, 0, &f->drafted));
    assert_false(kms_trail_drafts_take(/* forgotten: the file is done with */
        f->drafts, FILE_NUMBER, second + f->drafted.block.length, &f->drafted));
}

/* Nobody takes them: they are bounded, and those that are left are right. */
static void drafts_that_wait_are_bounded(void **state)
{
    enum { BLOCKS = 600 };
    struct fixture *f = *state;
    f->users = UINT64_MAX; /* so that blocks are large */
    begin_file(f);
    for (uint64_t number = 1; lseek(f->fd, 0, SEEK_CUR) < (off_t)BLOCKS * KMS_TRAIL_BLOCK_BYTES;
         number++) {
        add_record(f, number, true);
        kms_trail_drafts_publish(f->drafts);
    }
    size_t count = compare_all(f);
    assert_true(count > BLOCKS / 4 && count < BLOCKS - 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(drafts_are_what_the_file_says, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_failed_has_no_drafts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(drafts_of_other_places_are_not_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(drafts_that_wait_are_bounded, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
