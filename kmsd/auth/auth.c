#include "kmsd/auth/state.h"

#include <stdio.h>
#include <stdlib.h>

/* --- life ------------------------------------------------------------------------------------- */

bool kmsd_auth_is_region(struct kms_str region)
{
    if (region.len == 0 || region.len > KMS_REGION_MAX)
        return false;
    for (size_t i = 0; i < region.len; i++) {
        char letter = region.data[i];
        bool is_alphanumeric = (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9');
        if (!is_alphanumeric && (letter != '-' || i == 0 || i == region.len - 1))
            return false;
    }
    return true;
}

bool kmsd_auth_is_account(struct kms_str account)
{
    if (account.len != KMS_ACCOUNT_ID_LEN)
        return false;
    for (size_t i = 0; i < account.len; i++) {
        if (account.data[i] < '0' || account.data[i] > '9')
            return false;
    }
    return true;
}

static enum kms_err take_options(struct kmsd_auth *auth, const struct kmsd_auth_options *options)
{
    if (options->region_count > KMSD_AUTH_MAX_REGIONS)
        return KMS_ERR_LIMIT;
    for (size_t i = 0; i < options->region_count; i++) {
        struct kms_str region = options->regions[i];
        if (!kmsd_auth_is_region(region))
            return KMS_ERR_INVALID_ARGUMENT;
        memcpy(auth->region_text[i], region.data, region.len);
        auth->regions[i] = (struct kms_str){auth->region_text[i], region.len};
    }
    auth->region_count = options->region_count;
    if (options->accept_any_account.data != NULL) {
        if (!kmsd_auth_is_account(options->accept_any_account))
            return KMS_ERR_INVALID_ARGUMENT;
        memcpy(auth->accept_any_account, options->accept_any_account.data, KMS_ACCOUNT_ID_LEN);
    }
    auth->custody = options->custody;
    auth->iam = options->iam;
    auth->now_ms = options->now_ms;
    return kmsd_custody_random(auth->decoy_key, sizeof(auth->decoy_key));
}

static enum kms_err put_key(void *context, const struct kmsd_access_key_row *row)
{
    return kmsd_auth_put(context, row);
}

static void forget_key(void *context, struct kms_str access_key_id)
{
    kmsd_auth_remove(context, access_key_id);
}

enum kms_err kmsd_auth_new(const struct kmsd_auth_options *options, struct kmsd_auth **out)
{
    struct kmsd_auth *auth = calloc(1, sizeof(*auth));
    if (auth == NULL)
        return KMS_ERR_NO_MEMORY;
    if (pthread_rwlock_init(&auth->lock, NULL) != 0) {
        free(auth);
        return KMS_ERR_NO_MEMORY;
    }
    enum kms_err err = take_options(auth, options);
    if (err == KMS_OK)
        err = kmsd_signing_keys_init(&auth->signing_keys);
    if (err == KMS_OK)
        err = kmsd_sessions_init(&auth->sessions);
    if (err != KMS_OK) {
        kmsd_auth_free(auth);
        return err;
    }
    if (auth->iam != NULL)
        kmsd_iam_listen(auth->iam, &(struct kmsd_iam_listener){put_key, forget_key, auth});
    *out = auth;
    return KMS_OK;
}

void kmsd_auth_free(struct kmsd_auth *auth)
{
    if (auth == NULL)
        return;
    kmsd_credentials_clean_up(&auth->credentials);
    kmsd_sessions_clean_up(&auth->sessions);
    kmsd_signing_keys_clean_up(&auth->signing_keys);
    kmsd_identities_free(auth->identities);
    (void)pthread_rwlock_destroy(&auth->lock);
    kms_wipe(auth, sizeof(*auth));
    free(auth);
}

/* --- access keys ------------------------------------------------------------------------------ */

enum kms_err kmsd_auth_put(struct kmsd_auth *auth, const struct kmsd_access_key_row *row)
{
    (void)pthread_rwlock_wrlock(&auth->lock);
    enum kms_err err = kmsd_credentials_put(&auth->credentials, row, NULL);
    (void)pthread_rwlock_unlock(&auth->lock);
    return err;
}

void kmsd_auth_remove(struct kmsd_auth *auth, struct kms_str access_key_id)
{
    (void)pthread_rwlock_wrlock(&auth->lock);
    kmsd_credentials_remove(&auth->credentials, access_key_id);
    (void)pthread_rwlock_unlock(&auth->lock);
}

struct load {
    struct kmsd_auth *auth;
    struct kmsd_detail *detail;
};

static enum kms_err load_one(void *context, const struct kmsd_access_key_row *row)
{
    struct load *load = context;
    KMS_SECRET_AUTO secret = NULL;
    enum kms_err err = kmsd_iam_unseal(
        load->auth->custody, row->access_key_id, row->principal_arn, row->wrapped_secret, &secret);
    if (err == KMS_OK)
        err = kmsd_auth_put(load->auth, row);
    if (err != KMS_OK)
        (void)snprintf(load->detail->text, sizeof(load->detail->text), "access key %.*s: %s",
            (int)row->access_key_id.len, row->access_key_id.data, kms_err_text(err));
    return err;
}

enum kms_err kmsd_auth_load(
    struct kmsd_auth *auth, struct kmsd_store *store, struct kmsd_detail *detail)
{
    struct load load = {.auth = auth, .detail = detail};
    detail->text[0] = '\0';
    enum kms_err err = kmsd_store_each_access_key(store, load_one, &load);
    if (err != KMS_OK && detail->text[0] == '\0')
        (void)snprintf(
            detail->text, sizeof(detail->text), "reading the access keys: %s", kms_err_text(err));
    return err;
}
