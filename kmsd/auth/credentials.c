#include "kmsd/auth/credentials.h"

#include "libkms/proto/arn.h"

#include <stdlib.h>

enum { FIRST_BUCKET_COUNT = 16 };

struct kmsd_credential_slot {
    struct kmsd_credential_slot *next;
    uint64_t hash;
    struct kmsd_credential credential;
};

/* FNV-1a. Ids in the table are the daemon's own random ones, so nobody can aim at a bucket. */
static uint64_t hash_of(struct kms_str text)
{
    uint64_t hash = 0xcbf29ce484222325U;
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (uint8_t)text.data[i]) * 0x100000001b3U;
    return hash;
}

static struct kmsd_credential_slot **place_of(
    const struct kmsd_credentials *credentials, struct kms_str id, uint64_t hash)
{
    struct kmsd_credential_slot **at =
        &credentials->buckets[hash & (credentials->bucket_count - 1)];
    while (*at != NULL &&
           ((*at)->hash != hash || !kms_str_is(id, (*at)->credential.principal.access_key_id)))
        at = &(*at)->next;
    return at;
}

static enum kms_err grow(struct kmsd_credentials *credentials)
{
    size_t count =
        credentials->bucket_count == 0 ? FIRST_BUCKET_COUNT : credentials->bucket_count * 2;
    struct kmsd_credential_slot **buckets = calloc(count, sizeof(struct kmsd_credential_slot *));
    if (buckets == NULL)
        return KMS_ERR_NO_MEMORY;
    for (size_t i = 0; i < credentials->bucket_count; i++) {
        struct kmsd_credential_slot *slot = credentials->buckets[i];
        while (slot != NULL) {
            struct kmsd_credential_slot *next = slot->next;
            slot->next = buckets[slot->hash & (count - 1)];
            buckets[slot->hash & (count - 1)] = slot;
            slot = next;
        }
    }
    free(credentials->buckets);
    credentials->buckets = buckets;
    credentials->bucket_count = count;
    return KMS_OK;
}

/* Copies text with a NUL; false when it is empty, too long or holds a NUL of its own. */
static bool copy_text(char *out, size_t size, struct kms_str text)
{
    if (text.len == 0 || text.len >= size || memchr(text.data, '\0', text.len) != NULL)
        return false;
    memcpy(out, text.data, text.len);
    out[text.len] = '\0';
    return true;
}

static bool is_account_root(const struct kmsd_principal *principal)
{
    struct kms_arn arn;
    return kms_arn_parse(kms_str(principal->arn), &arn) == KMS_OK &&
           kms_str_is(arn.service, "iam") && kms_str_is(arn.account, principal->account) &&
           kms_str_is(arn.resource, "root");
}

/* 12 digits; or none, of a service, which is in no account. */
static bool copy_account(struct kmsd_principal *principal, const struct kmsd_access_key_row *row)
{
    struct kmsd_policy_name name;
    if (row->account.len == 0 &&
        kmsd_policy_name_parse_service(row->principal_arn, &name) == KMS_OK) {
        principal->account[0] = '\0';
        return true;
    }
    return row->account.len == KMS_ACCOUNT_ID_LEN &&
           copy_text(principal->account, sizeof(principal->account), row->account);
}

static bool fill(struct kmsd_credential *credential, const struct kmsd_access_key_row *row)
{
    struct kmsd_principal *principal = &credential->principal;
    if (!copy_text(
            principal->access_key_id, sizeof(principal->access_key_id), row->access_key_id) ||
        !copy_account(principal, row) ||
        !copy_text(principal->arn, sizeof(principal->arn), row->principal_arn) ||
        row->wrapped_secret.len == 0 ||
        row->wrapped_secret.len > sizeof(credential->wrapped_secret))
        return false;
    principal->is_account_root = is_account_root(principal);
    memcpy(credential->wrapped_secret, row->wrapped_secret.data, row->wrapped_secret.len);
    credential->wrapped_len = row->wrapped_secret.len;
    credential->active = kms_str_is(row->status, "Active"); /* whatever else it says: refused */
    return true;
}

enum kms_err kmsd_credentials_put(struct kmsd_credentials *credentials,
    const struct kmsd_access_key_row *row, const struct kmsd_identity *identity)
{
    struct kmsd_credential credential = {.active = false};
    if (!fill(&credential, row))
        return KMS_ERR_INVALID_ARGUMENT;
    credential.principal.identity = identity;
    credential.is_static = identity != NULL;
    if (credentials->count >= credentials->bucket_count) {
        enum kms_err err = grow(credentials);
        if (err != KMS_OK)
            return err;
    }
    uint64_t hash = hash_of(row->access_key_id);
    struct kmsd_credential_slot **at = place_of(credentials, row->access_key_id, hash);
    if (*at == NULL) {
        struct kmsd_credential_slot *slot = calloc(1, sizeof(*slot));
        if (slot == NULL)
            return KMS_ERR_NO_MEMORY;
        slot->hash = hash;
        *at = slot;
        credentials->count++;
    }
    credential.serial = ++credentials->last_serial;
    const struct kmsd_credential *before = &(*at)->credential;
    credential.used_ms = before->used_ms;
    memcpy(credential.used_region, before->used_region, sizeof(credential.used_region));
    memcpy(credential.used_service, before->used_service, sizeof(credential.used_service));
    kmsd_principal_clean_up(&(*at)->credential.principal);
    (*at)->credential = credential;
    return KMS_OK;
}

void kmsd_credentials_remove(struct kmsd_credentials *credentials, struct kms_str access_key_id)
{
    if (credentials->bucket_count == 0)
        return;
    struct kmsd_credential_slot **at = place_of(credentials, access_key_id, hash_of(access_key_id));
    struct kmsd_credential_slot *slot = *at;
    if (slot == NULL)
        return;
    *at = slot->next;
    kmsd_principal_clean_up(&slot->credential.principal);
    free(slot);
    credentials->count--;
}

struct kmsd_credential *kmsd_credentials_find(
    const struct kmsd_credentials *credentials, struct kms_str access_key_id)
{
    if (credentials->bucket_count == 0)
        return NULL;
    struct kmsd_credential_slot *slot =
        *place_of(credentials, access_key_id, hash_of(access_key_id));
    return slot == NULL ? NULL : &slot->credential;
}

void kmsd_credentials_clean_up(struct kmsd_credentials *credentials)
{
    for (size_t i = 0; i < credentials->bucket_count; i++) {
        struct kmsd_credential_slot *slot = credentials->buckets[i];
        while (slot != NULL) {
            struct kmsd_credential_slot *next = slot->next;
            kmsd_principal_clean_up(&slot->credential.principal);
            free(slot);
            slot = next;
        }
    }
    free(credentials->buckets);
    *credentials = (struct kmsd_credentials){.buckets = NULL};
}
