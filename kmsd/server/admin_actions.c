#include "kmsd/server/admin_actions.h"

#include "kmsd/iam/access_key.h"
#include "kmsd/query/query.h"
#include "kmsd/server/admin_audit.h"
#include "kmsd/server/clock.h"
#include "kmsd/server/policy_actions.h"
#include "kmsd/server/time_actions.h"

#include <stdio.h>
#include <unistd.h>

/* --- the daemon ------------------------------------------------------------------------------- */

static enum kms_err put_integer(const struct kmsd_admin_call *call, const char *name, int64_t value)
{
    int failed = json_object_set_new(call->output, name, json_integer(value));
    return failed == 0 ? KMS_OK : KMS_ERR_NO_MEMORY;
}

static enum kms_err put_audit_status(const struct kmsd_admin_call *call, struct kmsd_audit *audit)
{
    const struct kmsd_audit_status status = kmsd_audit_status(audit);
    json_t *object = json_pack("{s:b, s:I, s:I, s:I, s:I}", "writing", status.is_writing, "records",
        (json_int_t)status.records, "lost", (json_int_t)status.lost, "sent_to_sinks",
        (json_int_t)status.sink_sent, "lost_to_sinks", (json_int_t)status.sink_lost);
    return json_object_set_new(call->output, "audit", object) == 0 ? KMS_OK : KMS_ERR_NO_MEMORY;
}

static enum kms_err status(void *context, const struct kmsd_admin_call *call)
{
    const struct kmsd_admin_state *state = context;
    enum kms_err err = kmsd_admin_put_text(call, "version", kms_str(KMS_VERSION));
    if (err == KMS_OK)
        err = kmsd_admin_put_text(call, "account", kms_str(state->service->datadir->account));
    if (err == KMS_OK)
        err = put_integer(call, "pid", getpid());
    if (err == KMS_OK)
        err = put_integer(
            call, "uptime_s", (kmsd_clock_elapsed_ms() - state->started_elapsed_ms) / 1000);
    return err != KMS_OK || state->audit == NULL ? err : put_audit_status(call, state->audit);
}

/* --- accounts --------------------------------------------------------------------------------- */

/* The secret is shown this once. */
static enum kms_err put_credentials(
    const struct kmsd_admin_call *call, const struct kmsd_access_key *key)
{
    struct kms_bytes secret = kms_secret_bytes(key->secret);
    enum kms_err err = kmsd_admin_put_text(call, "AccessKeyId", kms_str(key->id));
    if (err == KMS_OK)
        err = kmsd_admin_put_text(
            call, "SecretAccessKey", (struct kms_str){(const char *)secret.data, secret.len});
    return err;
}

static enum kms_err account_create(void *context, const struct kmsd_admin_call *call)
{
    const struct kmsd_admin_state *state = context;
    const struct kmsd_service *service = state->service;
    struct kms_str account;
    enum kms_err err = kmsd_admin_text(call, "account", 64, &account);
    if (err != KMS_OK)
        return err;
    if (!kmsd_auth_is_account(account)) {
        kmsd_detail_set(call->detail, "an account id has 12 digits");
        return KMS_ERR_VALIDATION;
    }
    err = kmsd_admin_audit_ready(state, call);
    if (err != KMS_OK)
        return err;
    struct kmsd_access_key key = {.secret = NULL};
    kmsd_iam_lock(service->iam);
    err = kmsd_iam_create_account(service->iam, account, kmsd_clock_now_ms(), &key);
    kmsd_iam_unlock(service->iam);
    if (err == KMS_ERR_EXISTS)
        kmsd_detail_set(call->detail, "account %.12s exists", account.data);
    err = kmsd_admin_audit_record(state, call, "CreateAccount", account, err);
    if (err == KMS_OK)
        err = kmsd_admin_put_text(call, "Account", account);
    if (err == KMS_OK)
        err = put_credentials(call, &key);
    kms_secret_free(key.secret);
    return err;
}

static bool list_account(void *context, struct kms_str account)
{
    json_t *list = context;
    return json_array_append_new(list, json_stringn(account.data, account.len)) == 0;
}

static enum kms_err account_list(void *context, const struct kmsd_admin_call *call)
{
    const struct kmsd_admin_state *state = context;
    json_t *list = json_array();
    if (list == NULL || json_object_set_new(call->output, "Accounts", list) != 0)
        return KMS_ERR_NO_MEMORY;
    kmsd_iam_each_account(state->service->iam, list_account, list);
    return KMS_OK;
}

/* --- identities ------------------------------------------------------------------------------- */

/* Every action of the IAM API, in the name of an account's root. */
static enum kms_err iam(void *context, const struct kmsd_admin_call *call)
{
    enum { NOUN_LEN = 4, ACTION_MAX = 64 }; /* "iam." */
    const struct kmsd_admin_state *state = context;
    char action[ACTION_MAX + 1];
    struct kms_str account;
    enum kms_err err = kmsd_admin_text(call, "account", 64, &account);
    size_t len = call->action.len - NOUN_LEN;
    if (err != KMS_OK || len > ACTION_MAX)
        return err == KMS_OK ? KMS_ERR_UNSUPPORTED : err;
    memcpy(action, call->action.data + NOUN_LEN, len);
    action[len] = '\0';
    if (account.data == NULL)
        account = kms_str(state->service->datadir->account);
    err = kmsd_admin_audit_ready(state, call);
    if (err != KMS_OK)
        return err;
    json_t *params = json_copy((json_t *)(uintptr_t)call->input);
    json_t *result = NULL;
    if (params == NULL)
        return KMS_ERR_NO_MEMORY;
    (void)json_object_del(params, "account");
    err = kmsd_query_run_as_root(
        state->query, account, action, params, kmsd_clock_now_ms(), &result, call->detail);
    json_decref(params);
    err = kmsd_admin_audit_record(state, call, action, account, err);
    if (err == KMS_OK && json_object_update(call->output, result) != 0)
        err = KMS_ERR_NO_MEMORY;
    json_decref(result);
    return err;
}

static const struct kmsd_admin_action actions[] = {
    {"status", {NULL}, status},
    {"account.create", {"account"}, account_create},
    {"account.list", {NULL}, account_list},
    {"iam.*", {"*"}, iam},
};

/* --- all of them ------------------------------------------------------------------------------ */

enum kms_err kmsd_admin_actions_start(struct kmsd_admin_state *state, const char *path,
    struct kmsd_admin **out, struct kmsd_detail *detail)
{
    /* Another room's actions: a row here. */
    const struct kmsd_admin_table tables[] = {
        {actions, sizeof(actions) / sizeof(actions[0]), state}, kmsd_policy_actions(state),
        kmsd_time_actions(state->jobs), /* the last: only where the clock is a virtual one */
    };
    size_t count = sizeof(tables) / sizeof(tables[0]) - (state->service->virtual_clock ? 0 : 1);
    const struct kmsd_admin_options options = {
        .path = path, .tables = tables, .table_count = count};
    return kmsd_admin_start(&options, out, detail);
}
