#include "kmsd/server/policy_actions.h"

#include "kmsd/auth/identities.h"
#include "kmsd/iam/iam.h"
#include "kmsd/iam/session.h"
#include "kmsd/ops/explain.h"
#include "kmsd/server/clock.h"

#include <stdio.h>

enum {
    ARENA_MAX = 4 << 20,
    PAIRS_MAX = 64,
};

/* --- who -------------------------------------------------------------------------------------- */

/* A role is asked about as a session of it that nothing narrows. */
static enum kms_err resolve_role(
    struct kmsd_iam *iam, const struct kmsd_iam_entity *role, const struct kmsd_identity **out)
{
    const struct kmsd_session_content content = {
        .kind = KMSD_SESSION_ROLE,
        .account = role->account,
        .name = role->name,
        .entity_id = role->id,
        .session_name = kms_str("explain"),
        .access_key_id = kms_str("ASIAEXPLAINEXPLAINEX"),
        .secret = kms_bytes("no one signs with this session at any ti", 40),
        .issued_ms = kmsd_clock_now_ms(),
        .expires_ms = kmsd_clock_now_ms() + 1,
    };
    KMS_BUF_AUTO token;
    const struct kmsd_session *session = NULL;
    kms_buf_init(&token, KMSD_SESSION_TOKEN_MAX);
    enum kms_err err = kmsd_session_seal(kmsd_iam_session_keys(iam), &content, &token);
    if (err == KMS_OK)
        err = kmsd_session_open(
            kmsd_iam_session_keys(iam), kms_buf_str(&token), kmsd_iam_partition(iam), &session);
    if (err == KMS_OK)
        err = kmsd_iam_resolve_session(iam, session, out);
    kmsd_session_release(session);
    return err;
}

/* A user or role of the store. */
static enum kms_err find_identity(
    struct kmsd_iam *iam, struct kms_str arn, struct kmsd_principal *out)
{
    const struct kmsd_identity *identity = NULL;
    enum kms_err err = kmsd_iam_resolve_user(iam, arn, &identity);
    if (err == KMS_ERR_NOT_FOUND) {
        const struct kmsd_iam_entity *role = kmsd_iam_find_arn(iam, KMSD_IAM_ROLE, arn);
        err = role == NULL ? KMS_ERR_NOT_FOUND : resolve_role(iam, role, &identity);
        kmsd_iam_entity_release(role);
    }
    if (err != KMS_OK)
        return err;
    *out = (struct kmsd_principal){.identity = identity};
    (void)snprintf(out->arn, sizeof(out->arn), "%.*s", (int)identity->subject.arn.len,
        identity->subject.arn.data);
    (void)snprintf(out->account, sizeof(out->account), "%.*s", (int)identity->subject.account.len,
        identity->subject.account.data);
    return KMS_OK;
}

/* A principal by its ARN: an account's root (also by the account's number), a user, a role, a session
 * or a service that this daemon knows. */
static enum kms_err find_principal(const struct kmsd_admin_state *state,
    const struct kmsd_admin_call *call, struct kmsd_principal *out)
{
    struct kms_str text;
    enum kms_err err = kmsd_admin_text(call, "principal", sizeof(out->arn) - 1, &text);
    if (err != KMS_OK)
        return err;
    err = kmsd_auth_principal(state->service->auth, text, out);
    if (err == KMS_ERR_NOT_FOUND)
        err = find_identity(state->service->iam, text, out);
    if (err == KMS_ERR_NOT_FOUND)
        kmsd_detail_set(
            call->detail, "'%.*s' is nobody that this daemon knows", (int)text.len, text.data);
    return err;
}

/* --- what ------------------------------------------------------------------------------------- */

static enum kms_err wrong(const struct kmsd_admin_call *call, const char *name)
{
    kmsd_detail_set(
        call->detail, "'%s' must be an object of at most %d texts", name, (int)PAIRS_MAX);
    return KMS_ERR_VALIDATION;
}

/* Pairs of the encryption context, and condition keys. */
static enum kms_err read_pairs(const struct kmsd_admin_call *call, const char *name,
    struct kms_arena *arena, struct kms_str_map *out)
{
    json_t *object = json_object_get(call->input, name), *value = NULL;
    const char *key = NULL;
    if (object == NULL)
        return KMS_OK;
    if (!json_is_object(object) || json_object_size(object) > PAIRS_MAX)
        return wrong(call, name);
    struct kms_str_pair *pairs = kms_arena_calloc(arena, PAIRS_MAX, sizeof(*pairs));
    if (pairs == NULL)
        return KMS_ERR_NO_MEMORY;
    json_object_foreach(object, key, value)
    {
        struct kms_str text = {json_string_value(value), json_string_length(value)};
        if (text.data == NULL)
            return wrong(call, name);
        pairs[out->count++] = (struct kms_str_pair){kms_str(key), text};
    }
    out->items = pairs;
    return KMS_OK;
}

static enum kms_err read_conditions(const struct kmsd_admin_call *call, struct kms_arena *arena,
    struct kmsd_explain_request *request)
{
    struct kms_str_map pairs = {NULL, 0};
    enum kms_err err = read_pairs(call, "conditions", arena, &pairs);
    if (err != KMS_OK || pairs.count == 0)
        return err;
    struct kmsd_policy_entry *entries = kms_arena_calloc(arena, pairs.count, sizeof(*entries));
    if (entries == NULL)
        return KMS_ERR_NO_MEMORY;
    for (size_t i = 0; i < pairs.count; i++)
        entries[i] =
            (struct kmsd_policy_entry){pairs.items[i].key, kmsd_policy_text(pairs.items[i].value)};
    request->conditions = entries;
    request->condition_count = pairs.count;
    return KMS_OK;
}

static enum kms_err read_request(const struct kmsd_admin_call *call, struct kms_arena *arena,
    struct kmsd_explain_request *request)
{
    enum kms_err err = kmsd_admin_text(call, "action", 128, &request->action);
    if (err == KMS_OK)
        err = kmsd_admin_text(call, "key", KMS_ARN_MAX, &request->key_arn);
    if (err == KMS_OK)
        err = kmsd_admin_text(call, "region", KMS_REGION_MAX, &request->region);
    if (err == KMS_OK)
        err = read_pairs(call, "context", arena, &request->encryption_context);
    return err != KMS_OK ? err : read_conditions(call, arena, request);
}

/* --- the answer ------------------------------------------------------------------------------- */

static json_t *to_json(struct kms_str text)
{
    return json_stringn(text.data, text.len);
}

static enum kms_err add_finding(void *arg, const struct kmsd_explain_finding *finding)
{
    json_t *statements = arg;
    json_t *row = json_pack("{s:o, s:I, s:s, s:b, s:o}", "Policy", to_json(finding->policy),
        "Statement", (json_int_t)finding->statement, "Effect", finding->is_deny ? "Deny" : "Allow",
        "Applies", finding->applies, "Why", to_json(finding->why));
    if (row != NULL && finding->sid.data != NULL &&
        json_object_set_new(row, "Sid", to_json(finding->sid)) != 0) {
        json_decref(row);
        return KMS_ERR_NO_MEMORY;
    }
    return json_array_append_new(statements, row) == 0 ? KMS_OK : KMS_ERR_NO_MEMORY;
}

static enum kms_err put_answer(const struct kmsd_admin_call *call,
    const struct kmsd_principal *principal, const struct kmsd_explanation *explanation)
{
    enum kms_err err = kmsd_admin_put_text(call, "Principal", kms_str(principal->arn));
    if (err == KMS_OK)
        err = kmsd_admin_put_text(
            call, "Decision", kms_str(explanation->is_allowed ? "allowed" : "denied"));
    if (err == KMS_OK)
        err = kmsd_admin_put_text(call, "Because", explanation->because);
    return err == KMS_OK ? kmsd_admin_put_text(call, "Message", explanation->message) : err;
}

static enum kms_err explain_as(const struct kmsd_admin_state *state,
    const struct kmsd_admin_call *call, const struct kmsd_principal *principal)
{
    json_t *statements = json_array();
    struct kmsd_explanation explanation;
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, ARENA_MAX);
    struct kmsd_explain_request request = {.keys = state->keys,
        .principal = principal,
        .now_ms = kmsd_clock_now_ms(),
        .arena = &arena};
    if (json_object_set_new(call->output, "Statements", statements) != 0)
        return KMS_ERR_NO_MEMORY;
    enum kms_err err = read_request(call, &arena, &request);
    if (err != KMS_OK)
        return err;
    err = kmsd_explain(&request, add_finding, statements, &explanation);
    if (err == KMS_ERR_VALIDATION)
        kmsd_detail_set(call->detail, "there is no action '%.*s'", (int)request.action.len,
            request.action.data);
    if (err == KMS_ERR_INVALID_ARGUMENT)
        kmsd_detail_set(call->detail, "the action '%.*s' is %s a key", (int)request.action.len,
            request.action.data, request.key_arn.data != NULL ? "not about" : "about");
    if (err == KMS_ERR_NOT_FOUND)
        kmsd_detail_set(call->detail, "there is no key '%.*s' here; its ARN is needed",
            (int)request.key_arn.len, request.key_arn.data);
    return err == KMS_OK ? put_answer(call, principal, &explanation) : err;
}

static enum kms_err explain(void *context, const struct kmsd_admin_call *call)
{
    const struct kmsd_admin_state *state = context;
    struct kmsd_principal principal = {.is_account_root = false};
    enum kms_err err = find_principal(state, call, &principal);
    if (err == KMS_OK)
        err = explain_as(state, call, &principal);
    kmsd_principal_clean_up(&principal);
    return err;
}

struct kmsd_admin_table kmsd_policy_actions(struct kmsd_admin_state *state)
{
    static const struct kmsd_admin_action actions[] = {
        {"policy.explain", {"principal", "action", "?key", "?region", "?context", "?conditions"},
            explain},
    };
    return (struct kmsd_admin_table){actions, sizeof(actions) / sizeof(actions[0]), state};
}
