/* fill_keys DIR COUNT: puts that many keys, each with a tag and an alias, into a new data directory, for
 * keys.py. Prints the account root's access key as "id secret". */
#include "kmsd/keys/keys.h"
#include "kmsd/policy/document.h"
#include "kmsd/server/arguments.h"
#include "kmsd/server/datadir.h"
#include "libkms/base/clock.h"

#include <stdio.h>
#include <stdlib.h>

#define ACCOUNT "111122223333"
#define REGION  "us-east-1"

static const struct kmsd_realm realm = {KMS_STR_LITERAL(ACCOUNT), KMS_STR_LITERAL(REGION)};

static enum kms_err put_key(struct kmsd_datadir *datadir, struct kms_str policy, size_t number)
{
    char id[KMS_UUID_SIZE];
    char arn[128];
    char alias[64];
    uint8_t material_id[KMSD_MATERIAL_ID_SIZE];
    KMS_BUF_AUTO wrapped;
    kms_buf_init(&wrapped, KMSD_WRAPPED_MAX);
    enum kms_err err = kms_uuid_new(id);
    if (err != KMS_OK)
        return err;
    (void)snprintf(arn, sizeof(arn), "arn:aws:kms:" REGION ":" ACCOUNT ":key/%s", id);
    (void)snprintf(alias, sizeof(alias), "alias/service/%zu", number);
    int64_t now_ms = kms_clock_now_ms();
    const struct kmsd_key_row key = {
        .account = realm.account,
        .region = realm.region,
        .key_id = kms_str(id),
        .key_spec = kms_str("SYMMETRIC_DEFAULT"),
        .key_usage = kms_str("ENCRYPT_DECRYPT"),
        .origin = kms_str("AWS_KMS"),
        .key_manager = kms_str("CUSTOMER"),
        .key_state = kms_str("Enabled"),
        .description = kms_str("one of very many keys"),
        .policy = policy,
        .created_ms = now_ms,
    };
    err = kmsd_custody_generate_symmetric(datadir->custody, kms_str(arn), material_id, &wrapped);
    const struct kmsd_material_row material = {
        .account = realm.account,
        .region = realm.region,
        .key_id = key.key_id,
        .material_id = kms_bytes(material_id, sizeof(material_id)),
        .version = 1,
        .wrapped = kms_buf_bytes(&wrapped),
        .created_ms = now_ms,
        .state = kms_str("CURRENT"),
    };
    const struct kmsd_tag_row tag = {
        realm.account, realm.region, key.key_id, kms_str("team"), kms_str("backup")};
    const struct kmsd_alias_row name = {
        realm.account, realm.region, kms_str(alias), key.key_id, now_ms, now_ms};
    if (err == KMS_OK)
        err = kmsd_store_put_key(datadir->store, &key);
    if (err == KMS_OK)
        err = kmsd_store_put_material(datadir->store, &material);
    if (err == KMS_OK)
        err = kmsd_store_put_tag(datadir->store, &tag);
    return err == KMS_OK ? kmsd_store_put_alias(datadir->store, &name) : err;
}

static enum kms_err fill(struct kmsd_datadir *datadir, size_t count)
{
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, 1 << 16);
    struct kms_str policy = kmsd_policy_default("aws", realm.account, &arena);
    enum kms_err err = policy.data == NULL ? KMS_ERR_NO_MEMORY : kmsd_store_begin(datadir->store);
    for (size_t i = 0; err == KMS_OK && i < count; i++)
        err = put_key(datadir, policy, i);
    return err == KMS_OK ? kmsd_store_commit(datadir->store) : err;
}

int main(int argc, char **argv)
{
    struct kmsd_repeated regions = {{REGION}, 1};
    struct kmsd_detail detail = {""};
    struct kmsd_access_key access_key = {.secret = NULL};
    struct kmsd_datadir datadir;
    if (argc != 3) {
        (void)fputs("usage: fill_keys DIR COUNT\n", stderr);
        return 2;
    }
    const struct kmsd_datadir_options options = {
        .path = argv[1], .account = ACCOUNT, .regions = &regions, .now_ms = kms_clock_now_ms()};
    enum kms_err err = kmsd_datadir_create(&options, &access_key, &detail);
    if (err == KMS_OK)
        err = kmsd_datadir_open(argv[1], NULL, &datadir, &detail);
    if (err == KMS_OK) {
        err = fill(&datadir, strtoul(argv[2], NULL, 10));
        kmsd_datadir_close(&datadir);
    }
    if (err == KMS_OK)
        (void)printf("%s %.*s\n", access_key.id, (int)kms_secret_len(access_key.secret),
            (const char *)kms_secret_data(access_key.secret));
    else
        (void)fprintf(stderr, "fill_keys: %s %s\n", kms_err_text(err), detail.text);
    kms_secret_free(access_key.secret);
    return err == KMS_OK ? 0 : 1;
}
