/*
 * fill_trail DIR COUNT: puts that many records of a month into the audit trail of a data directory, which
 * nobody serves, for audit.py: a thousand keys and fifty users, one record in a hundred an error, and a key
 * ("rare") that is used three times.
 */
#include "kmsd/audit/audit.h"
#include "kmsd/audit/json_out.h"
#include "kmsd/server/datadir.h"
#include "libkms/base/clock.h"
#include "libkms/base/uuid.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define ACCOUNT "111122223333"
#define REGION  "eu-central-1"

enum { KEYS = 1000, USERS = 50, ERROR_EVERY = 100, RARE = 3, DAYS = 30 };

/* The month's clock: it stands still but for what fill moves it. */
static _Atomic int64_t clock_ms;

static int64_t read_clock(void)
{
    return clock_ms;
}

/* Spreads numbers, so that neighbours have nothing in common. */
static uint64_t scatter(uint64_t number)
{
    number = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
    return number ^ number >> 31;
}

static enum kms_err record(struct kmsd_audit *trail, uint64_t number, bool is_rare)
{
    static const char *const names[] = {
        "Decrypt", "Encrypt", "GenerateDataKey", "DescribeKey", "Decrypt", "Sign", "Decrypt"};
    uint64_t drawn = scatter(number);
    bool fails = number % ERROR_EVERY == 0;
    char user[16];
    char user_arn[64];
    char key_arn[128];
    char parameters[256];
    char request_id[KMS_UUID_SIZE];
    (void)snprintf(user, sizeof(user), "user-%d", (int)(drawn % USERS));
    (void)snprintf(user_arn, sizeof(user_arn), "arn:aws:iam::" ACCOUNT ":user/%s", user);
    if (is_rare)
        (void)snprintf(key_arn, sizeof(key_arn), "arn:aws:kms:" REGION ":" ACCOUNT ":key/rare");
    else
        (void)snprintf(key_arn, sizeof(key_arn),
            "arn:aws:kms:" REGION ":" ACCOUNT ":key/5b5a0800-4c69-468e-8100-%012" PRIx64,
            drawn / USERS % KEYS);
    (void)snprintf(parameters, sizeof(parameters),
        "{\"keyId\":\"%s\",\"encryptionContext\":{\"purpose\":\"backup\"},"
        "\"encryptionAlgorithm\":\"SYMMETRIC_DEFAULT\"}",
        key_arn);
    (void)snprintf(request_id, sizeof(request_id), "1809531a-770c-4db1-b968-%012" PRIx64,
        number & UINT64_C(0xffffffffffff));
    const struct kmsd_audit_identity identity = {
        .who = KMSD_AUDIT_IAM_USER,
        .principal_id = kms_str("AIDAIOSFODNN7EXAMPLE"),
        .arn = kms_str(user_arn),
        .account = kms_str(ACCOUNT),
        .access_key_id = kms_str("AKIAIOSFODNN7EXAMPLE"),
        .user_name = kms_str(user),
    };
    const struct kmsd_audit_resource key = {
        kms_str(key_arn), kms_str(ACCOUNT), kms_str("AWS::KMS::Key")};
    const struct kmsd_audit_request request = {
        .event_source = KMS_STR_LITERAL("kms.amazonaws.com"),
        .event_name = kms_str(names[drawn / USERS / KEYS % (sizeof(names) / sizeof(names[0]))]),
        .identity = &identity,
        .time_ms = clock_ms,
        .source_address = kms_str("192.0.2.1"),
        .user_agent = kms_str("Boto3/1.34.46 md/Botocore#1.34.46 ua/2.0 os/linux"),
        .request_id = kms_str(request_id),
        .is_read_only = true,
        .error_code = kms_str(fails ? "AccessDenied" : NULL),
        .error_message = kms_str(fails ? "User is not authorized to perform this." : NULL),
        .request_parameters = kms_str(parameters),
        .resources = &key,
        .resource_count = 1,
    };
    return kmsd_audit_record(trail, &request);
}

static enum kms_err fill(struct kmsd_audit *trail, uint64_t count)
{
    const int64_t month_ms = INT64_C(86400000) * DAYS;
    const int64_t from_ms = kms_clock_now_ms() - month_ms;
    enum kms_err err = KMS_OK;
    for (uint64_t i = 0; err == KMS_OK && i < count; i++) {
        clock_ms = from_ms + (int64_t)((double)month_ms * (double)i / (double)count);
        err = record(trail, i, i < RARE);
    }
    return err;
}

int main(int argc, char **argv)
{
    struct kmsd_detail detail = {""};
    struct kmsd_datadir datadir;
    struct kmsd_audit_options options = kmsd_audit_defaults;
    struct kmsd_audit *trail = NULL;
    char folder[4096];
    if (argc != 3) {
        (void)fputs("usage: fill_trail DIR COUNT\n", stderr);
        return 2;
    }
    clock_ms = kms_clock_now_ms() - INT64_C(86400000) * DAYS;
    (void)snprintf(folder, sizeof(folder), "%s/audit", argv[1]);
    enum kms_err err = kmsd_datadir_open(argv[1], NULL, &datadir, &detail);
    if (err == KMS_OK) {
        options.folder = folder;
        options.custody = datadir.custody;
        options.account = kms_str(ACCOUNT);
        options.region = kms_str(REGION);
        options.now_ms = read_clock;
        err = kmsd_audit_open(&options, &trail, &detail);
        if (err == KMS_OK)
            err = fill(trail, strtoull(argv[2], NULL, 10));
        kmsd_audit_close(trail);
        kmsd_datadir_close(&datadir);
    }
    if (err != KMS_OK)
        (void)fprintf(stderr, "fill_trail: %s %s\n", kms_err_text(err), detail.text);
    return err == KMS_OK ? 0 : 1;
}
