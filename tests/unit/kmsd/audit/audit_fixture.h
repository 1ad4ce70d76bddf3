/* A trail in a scratch folder, under a custody of its own, with a clock that the test sets. */
#ifndef AUDIT_FIXTURE_H
#define AUDIT_FIXTURE_H

#include "kmsd/audit/audit.h"
#include "kmsd/crypto/custody.h"
#include "kmsd/crypto/init.h"
#include "libkms/trail/lines.h"
#include "libkms/trail/trail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define ACCOUNT "111122223333"

struct fixture {
    char folder[64];
    char audit[96];
    struct kmsd_custody *custody;
    struct kmsd_audit_options options;
    struct kmsd_audit *trail;
};

static _Atomic int64_t clock_ms = INT64_C(1795396373123);

static inline int64_t read_clock(void)
{
    return clock_ms;
}

static inline int set_up(void **state)
{
    static const uint8_t root[KMSD_ROOT_KEY_SIZE] = {1, 2, 3};
    struct fixture *f = calloc(1, sizeof(*f));
    struct kms_secret *root_key = NULL;
    clock_ms = INT64_C(1795396373123);
    (void)snprintf(f->folder, sizeof(f->folder), "/tmp/kmsd-audit-XXXXXX");
    if (mkdtemp(f->folder) == NULL || kmsd_crypto_init(NULL) != KMS_OK ||
        kms_secret_copy(kms_bytes(root, sizeof(root)), &root_key) != KMS_OK ||
        kmsd_custody_new(root_key, &f->custody) != KMS_OK)
        return 1;
    (void)snprintf(f->audit, sizeof(f->audit), "%s/audit", f->folder);
    f->options = kmsd_audit_defaults;
    f->options.folder = f->audit;
    f->options.custody = f->custody;
    f->options.account = kms_str(ACCOUNT);
    f->options.region = kms_str("eu-central-1");
    f->options.now_ms = read_clock;
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    char command[128];
    kmsd_audit_close(f->trail);
    kmsd_custody_free(f->custody);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", f->folder);
    int status = system(command);
    free(f);
    return status;
}

static inline void open_trail(struct fixture *f)
{
    struct kmsd_detail detail = {.text = ""};
    enum kms_err err = kmsd_audit_open(&f->options, &f->trail, &detail);
    if (err != KMS_OK)
        print_error("%s\n", detail.text);
    assert_int_equal(err, KMS_OK);
}

static inline void close_trail(struct fixture *f)
{
    kmsd_audit_close(f->trail);
    f->trail = NULL;
}

/* Records one request by alice. */
static inline enum kms_err record_one(
    struct fixture *f, const char *event_name, const char *error_code)
{
    const struct kmsd_audit_identity alice = {
        .who = KMSD_AUDIT_IAM_USER,
        .principal_id = KMS_STR_LITERAL("AIDAALICE"),
        .arn = KMS_STR_LITERAL("arn:aws:iam::" ACCOUNT ":user/alice"),
        .account = KMS_STR_LITERAL(ACCOUNT),
        .access_key_id = KMS_STR_LITERAL("AKIAALICE"),
        .user_name = KMS_STR_LITERAL("alice"),
    };
    const struct kmsd_audit_resource key = {
        .arn = KMS_STR_LITERAL("arn:aws:kms:eu-central-1:" ACCOUNT ":key/k"),
        .account = KMS_STR_LITERAL(ACCOUNT),
        .type = KMS_STR_LITERAL("AWS::KMS::Key"),
    };
    const struct kmsd_audit_request request = {
        .event_source = KMS_STR_LITERAL("kms.amazonaws.com"),
        .event_name = kms_str(event_name),
        .identity = &alice,
        .time_ms = clock_ms,
        .source_address = KMS_STR_LITERAL("192.0.2.1"),
        .user_agent = KMS_STR_LITERAL("test \"agent\""),
        .request_id = KMS_STR_LITERAL("request"),
        .is_read_only = true,
        .error_code = kms_str(error_code),
        .error_message = kms_str(error_code == NULL ? NULL : "No."),
        .request_parameters = KMS_STR_LITERAL("{\"keyId\":\"k\"}"),
        .resources = &key,
        .resource_count = 1,
    };
    return kmsd_audit_record(f->trail, &request);
}

static inline void record_many(struct fixture *f, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(record_one(f, "Encrypt", NULL), KMS_OK);
}

/* Files can't grow beyond so much any more, as on a full disk; RLIM_INFINITY: they can again. */
static inline void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* The path of one of its files. */
static inline void path_of(
    const struct fixture *f, enum kms_trail_file_kind kind, uint32_t file, char out[160])
{
    char name[KMS_TRAIL_NAME_SIZE];
    kms_trail_file_name(kind, file, name);
    (void)snprintf(out, 160, "%s/%s", f->audit, name);
}

/* Checks the chain of one file by hand and counts the records that have that text in them. */
static inline size_t count_records(const struct fixture *f, uint32_t file, const char *text)
{
    char path[160];
    struct kms_trail_lines lines;
    struct kms_trail_header header;
    struct kms_trail_hash chain;
    struct kms_trail_seal seal;
    struct kms_str line;
    struct kms_str record;
    size_t count = 0;
    path_of(f, KMS_TRAIL_RECORDS, file, path);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    kms_trail_lines_init(&lines, fd, 0, UINT64_MAX);
    assert_int_equal(kms_trail_lines_next(&lines, &line), KMS_OK);
    assert_int_equal(kms_trail_header_parse(line, &header, &chain), KMS_OK);
    assert_int_equal(header.file, file);
    enum kms_err err = KMS_OK;
    uint64_t number = header.first;
    while ((err = kms_trail_lines_next(&lines, &line)) == KMS_OK) {
        struct kms_trail_hash hash;
        assert_int_equal(kms_trail_record_parse(line, &seal, &record), KMS_OK);
        assert_int_equal(kms_trail_record_hash(line, &chain, &hash), KMS_OK);
        assert_true(kms_trail_hash_eq(&hash, &seal.hash));
        assert_true(seal.number == number++);
        chain = hash;
        if (text == NULL || memmem(record.data, record.len, text, strlen(text)) != NULL)
            count++;
    }
    assert_int_equal(err, KMS_ERR_NOT_FOUND);
    kms_trail_lines_clean_up(&lines);
    (void)close(fd);
    return count;
}

#endif
