/*
 * bench_audit [RECORDS]: what a record costs, in processor time: on the thread that serves the request, and
 * in all with sealing and writing behind it. The whole daemon with and without is in audit.py.
 */
#include "kmsd/audit/audit.h"
#include "kmsd/crypto/custody.h"
#include "kmsd/crypto/init.h"
#include "libkms/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { DEFAULT_RECORDS = 200000 };

static void check(enum kms_err err, const char *what)
{
    if (err == KMS_OK)
        return;
    (void)fprintf(stderr, "%s: %s\n", what, kms_err_text(err));
    exit(1);
}

static double used_us(clockid_t clock)
{
    struct timespec used;
    (void)clock_gettime(clock, &used);
    return (double)used.tv_sec * 1e6 + (double)used.tv_nsec / 1e3;
}

/* A request as Encrypt's is. */
static enum kms_err record(struct kmsd_audit *audit)
{
    static const struct kmsd_audit_identity root = {
        .who = KMSD_AUDIT_ROOT,
        .principal_id = KMS_STR_LITERAL("111122223333"),
        .arn = KMS_STR_LITERAL("arn:aws:iam::111122223333:root"),
        .account = KMS_STR_LITERAL("111122223333"),
        .access_key_id = KMS_STR_LITERAL("AKIAIOSFODNN7EXAMPLE"),
    };
    static const struct kmsd_audit_resource key = {
        .arn = KMS_STR_LITERAL(
            "arn:aws:kms:eu-central-1:111122223333:key/5b5a0800-4c69-468e-8100-52990c4157fc"),
        .account = KMS_STR_LITERAL("111122223333"),
        .type = KMS_STR_LITERAL("AWS::KMS::Key"),
    };
    const struct kmsd_audit_request request = {
        .event_source = KMS_STR_LITERAL("kms.amazonaws.com"),
        .event_name = KMS_STR_LITERAL("Encrypt"),
        .identity = &root,
        .time_ms = kms_clock_now_ms(),
        .region = KMS_STR_LITERAL("eu-central-1"),
        .source_address = KMS_STR_LITERAL("192.0.2.1"),
        .user_agent = KMS_STR_LITERAL("Boto3/1.34.46 md/Botocore#1.34.46 ua/2.0 os/linux"),
        .request_id = KMS_STR_LITERAL("1809531a-770c-4db1-b968-7e590b6d56f6"),
        .is_read_only = true,
        .request_parameters =
            KMS_STR_LITERAL("{\"keyId\":\"5b5a0800-4c69-468e-8100-52990c4157fc\","
                            "\"encryptionContext\":{\"purpose\":"
                            "\"benchmark\"},\"encryptionAlgorithm\":\"SYMMETRIC_DEFAULT\"}"),
        .additional_data = KMS_STR_LITERAL(
            "{\"keyMaterialId\":"
            "\"bfcbcf4ca35f030b65b435c58def6ec9400dbe80163b928f476bd39773b2bf02\"}"),
        .resources = &key,
        .resource_count = 1,
    };
    return kmsd_audit_record(audit, &request);
}

int main(int argc, char **argv)
{
    long count = argc > 1 ? strtol(argv[1], NULL, 10) : DEFAULT_RECORDS;
    char folder[] = "/tmp/kms-bench-audit-XXXXXX";
    char command[64];
    struct kms_secret *root_key = NULL;
    struct kmsd_custody *custody = NULL;
    struct kmsd_audit *audit = NULL;
    struct kmsd_detail detail = {.text = ""};
    if (count <= 0 || mkdtemp(folder) == NULL)
        return 1;
    check(kmsd_crypto_init(NULL), "setting up libcrypto");
    check(kms_secret_random(KMSD_ROOT_KEY_SIZE, &root_key), "making a root key");
    check(kmsd_custody_new(root_key, &custody), "setting up custody");
    struct kmsd_audit_options options = kmsd_audit_defaults;
    options.folder = folder;
    options.custody = custody;
    options.account = kms_str("111122223333");
    options.region = kms_str("eu-central-1");
    check(kmsd_audit_open(&options, &audit, &detail), "opening a trail");
    for (long i = 0; i < count / 10; i++) /* the spool's pages come into use */
        check(record(audit), "recording");
    check(kmsd_audit_flush(audit), "writing");
    double all_from = used_us(CLOCK_PROCESS_CPUTIME_ID);
    double own_us = 0;
    for (long i = 0; i < count; i++) {
        static const struct timespec rest = {.tv_nsec = 1000000};
        double from = used_us(CLOCK_THREAD_CPUTIME_ID);
        check(record(audit), "recording");
        own_us += used_us(CLOCK_THREAD_CPUTIME_ID) - from;
        if (i % 100 == 99) /* as many a second as a busy daemon has, so that the writer keeps up */
            (void)nanosleep(&rest, NULL);
    }
    check(kmsd_audit_flush(audit), "writing");
    double all_us = used_us(CLOCK_PROCESS_CPUTIME_ID) - all_from;
    double from = used_us(CLOCK_THREAD_CPUTIME_ID);
    for (long i = 0; i < count; i++)
        (void)used_us(CLOCK_THREAD_CPUTIME_ID);
    double clock_us = (used_us(CLOCK_THREAD_CPUTIME_ID) - from) / (double)count;
    printf("a record costs %.2f us on the thread that serves, %.2f us in all with sealing, writing "
           "and "
           "indexing (less two readings of a clock, %.2f us each)\n",
        own_us / (double)count - clock_us, all_us / (double)count - 2 * clock_us, clock_us);
    kmsd_audit_close(audit);
    kmsd_custody_free(custody);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    return system(command) == 0 ? 0 : 1;
}
