#include "kmsd/ops/explain.h"

#include "kmsd/ops/hearing.h"
#include "kmsd/ops/ops.h"

#include <strings.h>

/* --- the call that would be made -------------------------------------------------------------- */

static bool is_action(struct kms_str action, const char *name)
{
    static const char prefix[] = "kms:";
    size_t skip = sizeof(prefix) - 1;
    if (action.len > skip && strncasecmp(action.data, prefix, skip) == 0)
        action = (struct kms_str){action.data + skip, action.len - skip};
    return action.len == strlen(name) && strncasecmp(action.data, name, action.len) == 0;
}

/* The operation that needs the permission; "ReEncryptTo" is of one of another name. */
static const struct kmsd_op *find_operation(struct kms_str action, const char **full_action)
{
    if (is_action(action, "ReEncryptTo")) {
        *full_action = "kms:ReEncryptTo";
        return &kmsd_ops[KMS_OP_RE_ENCRYPT];
    }
    for (size_t i = 0; i < KMS_OPERATION_COUNT; i++) {
        if (!is_action(action, kmsd_ops[i].action + strlen("kms:")))
            continue;
        *full_action = kmsd_ops[i].action;
        return &kmsd_ops[i];
    }
    return NULL;
}

/* Whether it is about a key, rather than about an account or a key that is not made yet. */
static bool is_on_key(const struct kmsd_op *op)
{
    switch (op->id) {
    case KMS_OP_CREATE_KEY:
    case KMS_OP_GENERATE_RANDOM:
    case KMS_OP_LIST_ALIASES:
    case KMS_OP_LIST_KEYS:
    case KMS_OP_LIST_RETIRABLE_GRANTS:
        return false;
    default:
        return op->resource != NULL; /* custom key stores are not offered */
    }
}

static void put_context(
    const struct kms_shape *shape, void *input, const char *member, struct kms_str_map context)
{
    for (size_t i = 0; i < shape->member_count; i++)
        if (strcmp(shape->members[i].name, member) == 0)
            memcpy((char *)input + shape->members[i].offset, &context, sizeof(context));
}

/* An input that has nothing but the encryption context. */
static void *make_input(const struct kmsd_explain_request *request, const struct kmsd_op *op)
{
    const struct kms_shape *shape = kms_operations[op->id].input;
    void *input = kms_arena_calloc(request->arena, 1, shape->size);
    if (input == NULL || request->encryption_context.count == 0)
        return input;
    put_context(shape, input, "EncryptionContext", request->encryption_context);
    put_context(shape, input, "SourceEncryptionContext", request->encryption_context);
    put_context(shape, input, "DestinationEncryptionContext", request->encryption_context);
    return input;
}

static enum kms_err find_key(const struct kmsd_explain_request *request, struct kmsd_call *call)
{
    struct kms_key_ref ref = kms_key_ref_parse(request->key_arn);
    if (ref.kind != KMS_KEY_REF_ARN)
        return KMS_ERR_NOT_FOUND;
    const struct kmsd_realm realm = {ref.arn.account, ref.arn.region};
    call->region = ref.arn.region;
    call->key = kmsd_keys_find(request->keys, realm, ref.id, request->now_ms);
    return call->key == NULL ? KMS_ERR_NOT_FOUND : KMS_OK;
}

/* --- what is told ----------------------------------------------------------------------------- */

struct telling {
    const struct kmsd_explain_request *request;
    const struct kmsd_hearing *hearing;
    kmsd_explain_fn *told;
    void *arg;
    enum kms_err err;
};

/* The number of a document among those of its kind, from 1; 0 when there is but one place for it. */
static size_t number_of(
    const struct kmsd_policy_query *query, const struct kmsd_policy_document *document)
{
    for (size_t i = 0; i < query->identity_policy_count; i++)
        if (query->identity_policies[i] == document)
            return i + 1;
    for (size_t i = 0; i < query->session_policy_count; i++)
        if (query->session_policies[i] == document)
            return i + 1;
    return 0;
}

static struct kms_str name_policy(
    const struct telling *telling, const struct kmsd_policy_document *document)
{
    static const char *const kinds[] = {[KMSD_POLICY_KIND_KEY] = "key policy",
        [KMSD_POLICY_KIND_IDENTITY] = "identity policy",
        [KMSD_POLICY_KIND_SESSION] = "session policy",
        [KMSD_POLICY_KIND_BOUNDARY] = "permissions boundary",
        [KMSD_POLICY_KIND_TRUST] = "trust policy"};
    const char *kind = kinds[kmsd_policy_document_kind(document)];
    size_t number = number_of(&telling->hearing->query, document);
    if (number == 0)
        return kms_str(kind);
    return kms_arena_printf(telling->request->arena, "%s %zu", kind, number);
}

/* What the request has under a condition key. */
static struct kms_str value_words(const struct telling *telling, struct kms_str key)
{
    enum { SHOWN = 4 };
    struct kms_arena *arena = telling->request->arena;
    struct kmsd_policy_key_name name;
    struct kmsd_policy_value value;
    struct kms_str words = kms_str("the request has none");
    if (kmsd_policy_key_name_parse(key, &name) != KMS_OK ||
        !kmsd_policy_context_find(&telling->hearing->context, &name, &value))
        return words;
    for (size_t i = 0; i < value.count && i < SHOWN && words.data != NULL; i++) {
        char buffer[KMSD_POLICY_VALUE_TEXT_MAX];
        struct kms_str text = kmsd_policy_value_text(&value, i, buffer);
        words = i == 0 ? kms_arena_printf(arena, "the request has \"%.*s\"", KMSD_STR(text))
                       : kms_arena_printf(arena, "%.*s, \"%.*s\"", KMSD_STR(words), KMSD_STR(text));
    }
    return words;
}

static struct kms_str say_match(enum kmsd_policy_match match)
{
    switch (match) {
    case KMSD_MATCH_EVERYONE:
        return kms_str("applies: it is for everyone");
    case KMSD_MATCH_PRINCIPAL:
        return kms_str("applies: it names the caller");
    case KMSD_MATCH_ISSUER:
        return kms_str("applies: it names the role or user of the session");
    case KMSD_MATCH_ACCOUNT:
        return kms_str("applies: it names the caller's account");
    default:
        return kms_str("applies");
    }
}

static struct kms_str say_why(
    const struct telling *telling, const struct kmsd_policy_finding *finding)
{
    const struct kmsd_policy_question *question = &telling->hearing->query.question;
    struct kms_arena *arena = telling->request->arena;
    struct kms_str value;
    switch (finding->miss) {
    case KMSD_MISS_NOTHING:
        if (telling->hearing->query.is_left_to_account && !finding->is_deny &&
            kmsd_policy_document_kind(finding->document) == KMSD_POLICY_KIND_KEY)
            return kms_str("applies, but counts for nothing: key policies allow nobody to retire");
        return say_match(finding->match);
    case KMSD_MISS_INERT:
        return kms_str("never applies: it has no Action or no Resource");
    case KMSD_MISS_PRINCIPAL:
        return kms_str("does not name the caller");
    case KMSD_MISS_ACTION:
        return kms_arena_printf(arena, "its actions do not cover %.*s", KMSD_STR(question->action));
    case KMSD_MISS_RESOURCE:
        return kms_arena_printf(
            arena, "its resources do not cover %.*s", KMSD_STR(question->resource));
    case KMSD_MISS_CONDITION:
        value = value_words(telling, finding->key);
        if (value.data == NULL)
            return value;
        return kms_arena_printf(arena, "the condition %.*s of %.*s is not met: %.*s",
            KMSD_STR(finding->operator_name), KMSD_STR(finding->key), KMSD_STR(value));
    }
    return kms_str(NULL);
}

static void tell(void *arg, const struct kmsd_policy_finding *finding)
{
    struct telling *telling = arg;
    if (telling->err != KMS_OK)
        return;
    const struct kmsd_explain_finding told = {
        .policy = name_policy(telling, finding->document),
        .statement = finding->statement + 1,
        .sid = kmsd_policy_document_sid(finding->document, finding->statement),
        .is_deny = finding->is_deny,
        .applies = finding->miss == KMSD_MISS_NOTHING,
        .why = say_why(telling, finding),
    };
    telling->err = told.policy.data == NULL || told.why.data == NULL
                       ? KMS_ERR_NO_MEMORY
                       : telling->told(telling->arg, &told);
}

/* --- the decision ----------------------------------------------------------------------------- */

static struct kms_str say_decision(
    const struct telling *telling, const struct kmsd_policy_decision *decision)
{
    static const char *const words[] = {
        [KMSD_REASON_KEY_POLICY] = "the key policy allows it",
        [KMSD_REASON_GRANT] = "a grant allows it",
        [KMSD_REASON_IDENTITY_POLICY] =
            ("an identity policy allows it, to which the key policy leaves it"),
        [KMSD_REASON_ACCOUNT_ROOT] = "the caller is the account, to which the key policy leaves it",
        [KMSD_REASON_DENY_IN_KEY_POLICY] = "the key policy denies it",
        [KMSD_REASON_DENY_IN_IDENTITY_POLICY] = "an identity policy denies it",
        [KMSD_REASON_DENY_IN_BOUNDARY] = "the permissions boundary denies it",
        [KMSD_REASON_DENY_IN_SESSION_POLICY] = "a session policy denies it",
        [KMSD_REASON_NO_KEY_POLICY_ALLOWS] = "neither the key policy nor a grant allows it",
        [KMSD_REASON_NO_IDENTITY_POLICY_ALLOWS] = "no identity policy allows it",
        [KMSD_REASON_NO_BOUNDARY_ALLOWS] = "the permissions boundary does not allow it",
        [KMSD_REASON_NO_SESSION_POLICY_ALLOWS] = "no session policy allows it",
    };
    struct kms_arena *arena = telling->request->arena;
    const struct kmsd_policy_query *query = &telling->hearing->query;
    bool is_by_account_alone = query->key_policy == NULL || query->is_left_to_account;
    const char *because = words[decision->reason];
    if (is_by_account_alone && decision->reason == KMSD_REASON_IDENTITY_POLICY)
        because = "an identity policy allows it";
    if (is_by_account_alone && decision->reason == KMSD_REASON_ACCOUNT_ROOT)
        because = "the caller is the account";
    if (decision->grant != NULL)
        return kms_arena_printf(arena, "%s: %.*s", because, KMSD_STR(decision->grant->id));
    if (decision->document == NULL)
        return kms_str(because);
    struct kms_str policy = name_policy(telling, decision->document);
    return policy.data == NULL ? policy
                               : kms_arena_printf(arena, "%s: %.*s, statement %d", because,
                                     KMSD_STR(policy), decision->statement + 1);
}

static enum kms_err decide(const struct kmsd_explain_request *request, struct kmsd_call *call,
    const struct kmsd_target *target, struct telling *telling, struct kmsd_explanation *out)
{
    struct kmsd_hearing hearing;
    const struct kmsd_policy_trace trace = {tell, telling};
    kmsd_hearing_prepare(&hearing, call, target);
    hearing.context.entries = request->conditions;
    hearing.context.entry_count = request->condition_count;
    hearing.query.trace = &trace;
    telling->hearing = &hearing;
    struct kmsd_policy_decision decision = kmsd_hearing_decide(&hearing, call, target);
    if (telling->err != KMS_OK || hearing.inquiry.is_out_of_memory)
        return telling->err != KMS_OK ? telling->err : KMS_ERR_NO_MEMORY;
    struct kmsd_explanation made = {
        .is_allowed = decision.is_allowed, .because = say_decision(telling, &decision)};
    if (!decision.is_allowed)
        made.message = kmsd_policy_denial(&hearing.query, &decision, request->arena);
    if (made.because.data == NULL || (!decision.is_allowed && made.message.data == NULL))
        return KMS_ERR_NO_MEMORY;
    *out = made;
    return KMS_OK;
}

enum kms_err kmsd_explain(const struct kmsd_explain_request *request, kmsd_explain_fn *told,
    void *arg, struct kmsd_explanation *out)
{
    const char *action = NULL;
    const struct kmsd_op *op = find_operation(request->action, &action);
    if (op == NULL)
        return KMS_ERR_VALIDATION;
    if (is_on_key(op) != (request->key_arn.data != NULL))
        return KMS_ERR_INVALID_ARGUMENT;
    struct kmsd_call call = {.op = op,
        .keys = request->keys,
        .principal = request->principal,
        .region = request->region,
        .now_ms = request->now_ms,
        .arena = request->arena,
        .input = make_input(request, op)};
    if (call.input == NULL)
        return KMS_ERR_NO_MEMORY;
    enum kms_err err = request->key_arn.data == NULL ? KMS_OK : find_key(request, &call);
    if (err != KMS_OK)
        return err;
    call.destination = call.key; /* of ReEncrypt, which is about two: the same */
    const struct kmsd_target target = {
        .action = action,
        .arn = call.key == NULL ? kms_str("*") : call.key->arn,
        .account =
            call.key == NULL ? kms_str(request->principal->account) : call.key->realm.account,
        .key = call.key,
    };
    struct telling telling = {.request = request, .told = told, .arg = arg};
    err = decide(request, &call, &target, &telling, out);
    kmsd_key_release(call.key);
    return err;
}
