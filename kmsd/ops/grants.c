/*
 * CreateGrant, ListGrants, ListRetirableGrants, RetireGrant, RevokeGrant.
 *
 * A grant is in force when CreateGrant answers, so that nobody needs its token to use it at once. A
 * token says which grant on which key it belongs to, for RetireGrant; it gives no permission:
 *
 *   base64( version 1 | nonce, 16 bytes | the key's ARN, a blank, the grant's id )
 */
#include "kmsd/ops/ops.h"
#include "libkms/base/encoding.h"

enum {
    TOKEN_VERSION = 1,
    TOKEN_HEADER = 17,
    TOKEN_MAX = 1024,
    ID_SIZE = 32,
    ID_LEN = 2 * ID_SIZE,
    LIST_GRANTS_DEFAULT = 50,
};

/* --- tokens ----------------------------------------------------------------------------------- */

static enum kms_err make_token(struct kmsd_call *call, const struct kmsd_key *key,
    struct kms_str grant_id, struct kms_str *out)
{
    size_t len = TOKEN_HEADER + key->arn.len + 1 + grant_id.len;
    uint8_t *bytes = kms_arena_alloc(call->arena, len);
    char *text = kms_arena_alloc(call->arena, kms_base64_encoded_len(len));
    if (bytes == NULL || text == NULL)
        return KMS_ERR_NO_MEMORY;
    bytes[0] = TOKEN_VERSION;
    enum kms_err err = kmsd_custody_random(bytes + 1, TOKEN_HEADER - 1);
    if (err != KMS_OK)
        return err;
    memcpy(bytes + TOKEN_HEADER, key->arn.data, key->arn.len);
    bytes[TOKEN_HEADER + key->arn.len] = ' ';
    memcpy(bytes + TOKEN_HEADER + key->arn.len + 1, grant_id.data, grant_id.len);
    kms_base64_encode(kms_bytes(bytes, len), text);
    *out = (struct kms_str){text, kms_base64_encoded_len(len)};
    return KMS_OK;
}

static enum kms_err read_token(
    struct kmsd_call *call, struct kms_str token, struct kms_str *key_arn, struct kms_str *grant_id)
{
    size_t len = 0;
    uint8_t *bytes = NULL;
    bool valid = token.len <= TOKEN_MAX;
    if (valid) {
        bytes = kms_arena_alloc(call->arena, kms_base64_decoded_max(token.len));
        if (bytes == NULL)
            return KMS_ERR_NO_MEMORY;
        valid = kms_base64_decode(token, bytes, &len) == KMS_OK;
    }
    valid = valid && len > TOKEN_HEADER + 1 + ID_LEN && bytes[0] == TOKEN_VERSION &&
            bytes[len - ID_LEN - 1] == ' ';
    if (!valid)
        return kmsd_fault(call, KMS_FAULT_INVALID_GRANT_TOKEN, "The grant token is not valid.");
    *key_arn =
        (struct kms_str){(const char *)bytes + TOKEN_HEADER, len - TOKEN_HEADER - 1 - ID_LEN};
    *grant_id = (struct kms_str){(const char *)bytes + len - ID_LEN, ID_LEN};
    return KMS_OK;
}

/* --- CreateGrant: what is asked for ----------------------------------------------------------- */

/* One principal under either of two members; at most one of them. */
static enum kms_err read_principal(struct kmsd_call *call, struct kms_str principal,
    struct kms_str service, const char *members, struct kmsd_policy_name *out,
    struct kms_str *given)
{
    if (principal.data != NULL && service.data != NULL)
        return kmsd_fault(call, KMS_FAULT_VALIDATION, "You can specify only one of %s.", members);
    *given = principal.data != NULL ? principal : service;
    if (given->data == NULL)
        return KMS_OK;
    enum kms_err err = principal.data != NULL ? kmsd_policy_name_parse(principal, false, out)
                                              : kmsd_policy_name_parse_service(service, out);
    if (err == KMS_OK)
        return KMS_OK;
    return kmsd_fault(
        call, KMS_FAULT_INVALID_ARN, "%.*s is not a valid principal.", KMSD_STR(*given));
}

static enum kms_err read_operations(
    struct kmsd_call *call, struct kms_grant_operation_list list, uint32_t *out)
{
    uint32_t operations = 0;
    for (size_t i = 0; i < list.count; i++)
        operations |= kmsd_grant_operation_bit(list.items[i]);
    if (operations == 0)
        return kmsd_fault(call, KMS_FAULT_VALIDATION, "A grant must have at least one operation.");
    if (operations == kmsd_grant_operation_bit(KMS_GRANT_OPERATION_CREATE_GRANT))
        return kmsd_fault(
            call, KMS_FAULT_VALIDATION, "Grants must not contain only the CreateGrant operation.");
    *out = operations;
    return KMS_OK;
}

/* An empty constraint would be none, which nobody asks for. */
static bool is_bounded(const struct kms_str_map *map)
{
    return map->items == NULL || (map->count != 0 && map->count <= KMSD_GRANT_PAIRS_MAX);
}

static enum kms_err read_constraints(struct kmsd_call *call,
    const struct kms_grant_constraints *constraints, struct kmsd_grant *rule)
{
    if (constraints == NULL)
        return KMS_OK;
    if (constraints->encryption_context_equals.items != NULL &&
        constraints->encryption_context_subset.items != NULL)
        return kmsd_fault(call, KMS_FAULT_VALIDATION, "More than one constraint supplied");
    if (!is_bounded(&constraints->encryption_context_equals) ||
        !is_bounded(&constraints->encryption_context_subset))
        return kmsd_fault(call, KMS_FAULT_VALIDATION,
            "An encryption context constraint must have 1 to %d pairs.", KMSD_GRANT_PAIRS_MAX);
    rule->context_equals = constraints->encryption_context_equals;
    rule->context_subset = constraints->encryption_context_subset;
    rule->source_arn = constraints->source_arn;
    return KMS_OK;
}

enum kms_err kmsd_create_grant_check(struct kmsd_call *call)
{
    const struct kms_create_grant_request *input = call->input;
    struct kmsd_key_grant *wanted = &call->wanted_grant;
    *wanted = (struct kmsd_key_grant){.name = input->name, .created_ms = call->now_ms};
    enum kms_err err = read_principal(call, input->grantee_principal,
        input->grantee_service_principal, "GranteePrincipal and GranteeServicePrincipal",
        &wanted->rule.grantee, &wanted->grantee);
    if (err == KMS_OK && wanted->grantee.data == NULL)
        err = kmsd_fault_missing(call, "granteePrincipal");
    if (err == KMS_OK)
        err = read_principal(call, input->retiring_principal, input->retiring_service_principal,
            "RetiringPrincipal and RetiringServicePrincipal", &wanted->rule.retiring,
            &wanted->retiring);
    if (err == KMS_OK)
        err = read_operations(call, input->operations, &wanted->rule.operations);
    return err != KMS_OK ? err : read_constraints(call, input->constraints, &wanted->rule);
}

/* --- CreateGrant: whether it suits the key ---------------------------------------------------- */

static bool is_symmetric(const struct kmsd_key *key)
{
    return key->spec == KMS_KEY_SPEC_SYMMETRIC_DEFAULT;
}

/* "If the grant allows an operation that the KMS key does not support, CreateGrant fails with a
 * ValidationException." */
static bool suits(enum kms_grant_operation operation, const struct kmsd_key *key)
{
    switch (operation) {
    case KMS_GRANT_OPERATION_GENERATE_DATA_KEY:
    case KMS_GRANT_OPERATION_GENERATE_DATA_KEY_PAIR:
    case KMS_GRANT_OPERATION_GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT:
    case KMS_GRANT_OPERATION_GENERATE_DATA_KEY_WITHOUT_PLAINTEXT:
        return is_symmetric(key);
    case KMS_GRANT_OPERATION_DECRYPT:
    case KMS_GRANT_OPERATION_ENCRYPT:
    case KMS_GRANT_OPERATION_RE_ENCRYPT_FROM:
    case KMS_GRANT_OPERATION_RE_ENCRYPT_TO:
        return key->usage == KMS_KEY_USAGE_ENCRYPT_DECRYPT;
    case KMS_GRANT_OPERATION_SIGN:
    case KMS_GRANT_OPERATION_VERIFY:
        return key->usage == KMS_KEY_USAGE_SIGN_VERIFY;
    case KMS_GRANT_OPERATION_GENERATE_MAC:
    case KMS_GRANT_OPERATION_VERIFY_MAC:
        return key->usage == KMS_KEY_USAGE_GENERATE_VERIFY_MAC;
    case KMS_GRANT_OPERATION_DERIVE_SHARED_SECRET:
        return key->usage == KMS_KEY_USAGE_KEY_AGREEMENT;
    case KMS_GRANT_OPERATION_DECAPSULATE:
    case KMS_GRANT_OPERATION_ENCAPSULATE:
        return key->usage == KMS_KEY_USAGE_ENCAPSULATE_DECAPSULATE;
    case KMS_GRANT_OPERATION_GET_PUBLIC_KEY:
        return !is_symmetric(key) && key->usage != KMS_KEY_USAGE_GENERATE_VERIFY_MAC;
    default:
        return true;
    }
}

static enum kms_err check_suits(
    struct kmsd_call *call, const struct kms_create_grant_request *input)
{
    const struct kmsd_grant *rule = &call->wanted_grant.rule;
    for (size_t i = 0; i < input->operations.count; i++) {
        enum kms_grant_operation operation = input->operations.items[i];
        if (!suits(operation, call->key))
            return kmsd_fault(call, KMS_FAULT_VALIDATION,
                "Operation %s is not supported by a KMS key with key spec %s and key usage %s.",
                kms_enum_text(kms_type_find("GrantOperation"), (int)operation),
                kmsd_spec_text(call->key->spec), kmsd_usage_text(call->key->usage));
    }
    bool has_context = rule->context_equals.items != NULL || rule->context_subset.items != NULL;
    if (has_context && !is_symmetric(call->key))
        return kmsd_fault(call, KMS_FAULT_VALIDATION,
            "Encryption context constraints are only supported for symmetric encryption KMS keys.");
    return KMS_OK;
}

/* --- CreateGrant ------------------------------------------------------------------------------ */

static bool same_map(const struct kms_str_map *a, const struct kms_str_map *b)
{
    if ((a->items == NULL) != (b->items == NULL) || a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        bool is_found = false;
        for (size_t k = 0; k < b->count && !is_found; k++)
            is_found = kms_str_eq(a->items[i].key, b->items[k].key) &&
                       kms_str_eq(a->items[i].value, b->items[k].value);
        if (!is_found)
            return false;
    }
    return true;
}

static bool same_text(struct kms_str a, struct kms_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* The grant that an earlier call made with the same name and everything else, or NULL. */
static const struct kmsd_key_grant *find_same(
    const struct kmsd_key *key, const struct kmsd_key_grant *wanted)
{
    for (size_t i = 0; wanted->name.len != 0 && key->grants != NULL && i < key->grants->count;
         i++) {
        const struct kmsd_key_grant *grant = key->grants->items[i];
        if (same_text(grant->name, wanted->name) && same_text(grant->grantee, wanted->grantee) &&
            same_text(grant->retiring, wanted->retiring) &&
            same_text(grant->issuer, wanted->issuer) &&
            grant->rule.operations == wanted->rule.operations &&
            same_map(&grant->rule.context_equals, &wanted->rule.context_equals) &&
            same_map(&grant->rule.context_subset, &wanted->rule.context_subset) &&
            same_text(grant->rule.source_arn, wanted->rule.source_arn))
            return grant;
    }
    return NULL;
}

static enum kms_err add_grant(struct kmsd_call *call, struct kms_str *id)
{
    uint8_t bytes[ID_SIZE];
    char text[ID_LEN + 1];
    enum kms_err err = kmsd_custody_random(bytes, sizeof(bytes));
    if (err != KMS_OK)
        return err;
    kms_hex_encode(kms_bytes(bytes, sizeof(bytes)), text);
    *id = kms_arena_str(call->arena, kms_str(text));
    if (id->data == NULL)
        return KMS_ERR_NO_MEMORY;
    call->wanted_grant.rule.id = *id;
    err = kmsd_keys_add_grant(call->keys, call->key, &call->wanted_grant);
    if (err == KMS_ERR_LIMIT)
        return kmsd_fault(
            call, KMS_FAULT_LIMIT_EXCEEDED, "%.*s has too many grants.", KMSD_STR(call->key->arn));
    return err;
}

enum kms_err kmsd_create_grant(struct kmsd_call *call)
{
    const struct kms_create_grant_request *input = call->input;
    struct kms_create_grant_response *output = call->output;
    /* a service is in no account: what it makes is the key's account's */
    struct kms_str account = kms_str(call->principal->account);
    if (account.len == 0)
        account = call->key->realm.account;
    call->wanted_grant.issuer = kms_arena_printf(call->arena, "arn:%s:iam::%.*s:root",
        kms_partition_of_region(call->region), KMSD_STR(account));
    if (call->wanted_grant.issuer.data == NULL)
        return KMS_ERR_NO_MEMORY;
    enum kms_err err = check_suits(call, input);
    if (err != KMS_OK)
        return err;
    if (input->dry_run.value)
        return kmsd_fault_dry_run(call);
    const struct kmsd_key_grant *same = find_same(call->key, &call->wanted_grant);
    if (same != NULL)
        output->grant_id = same->rule.id;
    else
        err = add_grant(call, &output->grant_id);
    return err != KMS_OK ? err
                         : make_token(call, call->key, output->grant_id, &output->grant_token);
}

/* --- RetireGrant, RevokeGrant ----------------------------------------------------------------- */

static enum kms_err no_such_grant(struct kmsd_call *call, struct kms_str id)
{
    return kmsd_fault(call, KMS_FAULT_NOT_FOUND, "Grant ID %.*s not found", KMSD_STR(id));
}

enum kms_err kmsd_retire_grant_resource(struct kmsd_call *call)
{
    const struct kms_retire_grant_request *input = call->input;
    struct kms_str key_id = input->key_id;
    struct kms_str grant_id = input->grant_id;
    bool by_token = input->grant_token.data != NULL;
    if (by_token && (key_id.data != NULL || grant_id.data != NULL))
        return kmsd_fault(call, KMS_FAULT_VALIDATION,
            "You can specify either a grant token, or a key and a grant ID.");
    if (!by_token && (key_id.data == NULL || grant_id.data == NULL))
        return kmsd_fault(call, KMS_FAULT_VALIDATION,
            "You must specify either a grant token, or a key and a grant ID.");
    enum kms_err err = by_token ? read_token(call, input->grant_token, &key_id, &grant_id) : KMS_OK;
    if (err == KMS_OK)
        err = kmsd_resolve_key(call, key_id, call->op->action, &call->key);
    if (err != KMS_OK)
        return err;
    call->grant_id = grant_id;
    if (call->key != NULL)
        call->grant = kmsd_key_grant_find(call->key, grant_id);
    return KMS_OK;
}

static enum kms_err remove_grant(struct kmsd_call *call, struct kms_str id, bool dry_run)
{
    if (kmsd_key_grant_find(call->key, id) == NULL)
        return no_such_grant(call, id);
    if (dry_run)
        return kmsd_fault_dry_run(call);
    return kmsd_keys_remove_grant(call->keys, call->key, id);
}

enum kms_err kmsd_retire_grant(struct kmsd_call *call)
{
    const struct kms_retire_grant_request *input = call->input;
    return remove_grant(call, call->grant_id, input->dry_run.value);
}

enum kms_err kmsd_revoke_grant(struct kmsd_call *call)
{
    const struct kms_revoke_grant_request *input = call->input;
    return remove_grant(call, input->grant_id, input->dry_run.value);
}

/* --- lists ------------------------------------------------------------------------------------ */

static const struct kms_grant_constraints *describe_constraints(
    struct kmsd_call *call, const struct kmsd_grant *rule, bool *is_out_of_memory)
{
    if (rule->context_equals.items == NULL && rule->context_subset.items == NULL &&
        rule->source_arn.data == NULL)
        return NULL;
    struct kms_grant_constraints *constraints = kms_arena_alloc(call->arena, sizeof(*constraints));
    *is_out_of_memory = constraints == NULL;
    if (constraints != NULL)
        *constraints = (struct kms_grant_constraints){
            rule->context_subset, rule->context_equals, rule->source_arn};
    return constraints;
}

static enum kms_err describe_grant(struct kmsd_call *call, const struct kmsd_key *key,
    const struct kmsd_key_grant *grant, struct kms_grant_list_entry *entry)
{
    enum { OPERATIONS_MAX = 32 };
    enum kms_grant_operation *operations =
        kms_arena_calloc(call->arena, OPERATIONS_MAX, sizeof(*operations));
    if (operations == NULL)
        return KMS_ERR_NO_MEMORY;
    size_t count = 0;
    for (unsigned i = 1; i < OPERATIONS_MAX; i++) {
        uint32_t bit = kmsd_grant_operation_bit((enum kms_grant_operation)i);
        if (bit != 0 && (grant->rule.operations & bit) != 0)
            operations[count++] = (enum kms_grant_operation)i;
    }
    bool grantee_is_service = grant->rule.grantee.kind == KMSD_NAME_SERVICE;
    bool retiring_is_service = grant->rule.retiring.kind == KMSD_NAME_SERVICE;
    struct kms_str retiring = grant->retiring.len == 0 ? kms_str(NULL) : grant->retiring;
    bool is_out_of_memory = false;
    *entry = (struct kms_grant_list_entry){
        .key_id = key->arn,
        .grant_id = grant->rule.id,
        .name = grant->name, /* empty when there is none */
        .creation_date = {true, grant->created_ms},
        .grantee_principal = grantee_is_service ? kms_str(NULL) : grant->grantee,
        .grantee_service_principal = grantee_is_service ? grant->grantee : kms_str(NULL),
        .retiring_principal = retiring_is_service ? kms_str(NULL) : retiring,
        .retiring_service_principal = retiring_is_service ? retiring : kms_str(NULL),
        .issuing_account = grant->issuer,
        .operations = {operations, count},
        .constraints = describe_constraints(call, &grant->rule, &is_out_of_memory),
    };
    return is_out_of_memory ? KMS_ERR_NO_MEMORY : KMS_OK;
}

static bool is_wanted(
    const struct kms_list_grants_request *input, const struct kmsd_key_grant *grant)
{
    bool is_service = grant->rule.grantee.kind == KMSD_NAME_SERVICE;
    if (input->grant_id.data != NULL && !kms_str_eq(input->grant_id, grant->rule.id))
        return false;
    if (input->grantee_principal.data != NULL &&
        (is_service || !kms_str_eq(input->grantee_principal, grant->grantee)))
        return false;
    return input->grantee_service_principal.data == NULL ||
           (is_service && kms_str_eq(input->grantee_service_principal, grant->grantee));
}

enum kms_err kmsd_list_grants(struct kmsd_call *call)
{
    const struct kms_list_grants_request *input = call->input;
    struct kms_list_grants_response *output = call->output;
    const struct kmsd_grants *grants = call->key->grants;
    size_t all = grants == NULL ? 0 : grants->count;
    size_t limit = input->limit.set ? (size_t)input->limit.value : LIST_GRANTS_DEFAULT;
    struct kms_str after;
    enum kms_err err = kmsd_marker_read(call, KMSD_LIST_GRANTS, input->marker, &after);
    if (err != KMS_OK)
        return err;
    struct kms_grant_list_entry *entries =
        kms_arena_calloc(call->arena, (limit < all ? limit : all) + 1, sizeof(*entries));
    if (entries == NULL)
        return KMS_ERR_NO_MEMORY;
    size_t count = 0;
    bool truncated = false;
    for (size_t i = 0; i < all && !truncated && err == KMS_OK; i++) {
        const struct kmsd_key_grant *grant = grants->items[i];
        if (!is_wanted(input, grant) ||
            (after.data != NULL && kmsd_text_compare(grant->rule.id, after) <= 0))
            continue;
        truncated = count == limit;
        if (!truncated)
            err = describe_grant(call, call->key, grant, &entries[count++]);
    }
    if (err != KMS_OK)
        return err;
    output->grants = (struct kms_grant_list_entry_list){entries, count};
    output->truncated = (struct kms_opt_bool){true, truncated};
    if (!truncated)
        return KMS_OK;
    return kmsd_marker_make(
        call, KMSD_LIST_GRANTS, entries[count - 1].grant_id, &output->next_marker);
}

/* --- ListRetirableGrants ---------------------------------------------------------------------- */

enum kms_err kmsd_list_retirable_grants_check(struct kmsd_call *call)
{
    const struct kms_list_retirable_grants_request *input = call->input;
    struct kmsd_policy_name name;
    struct kms_str given;
    enum kms_err err =
        read_principal(call, input->retiring_principal, input->retiring_service_principal,
            "RetiringPrincipal and RetiringServicePrincipal", &name, &given);
    if (err == KMS_OK && given.data == NULL)
        err = kmsd_fault_missing(call, "retiringPrincipal");
    return err;
}

/* The caller may ask for principals of its own account; a service is in none. */
enum kms_err kmsd_list_retirable_grants_resource(struct kmsd_call *call)
{
    const struct kms_list_retirable_grants_request *input = call->input;
    struct kms_str account = kms_str(call->principal->account);
    struct kms_arn arn;
    if (input->retiring_principal.data != NULL)
        account = kms_arn_parse(input->retiring_principal, &arn) == KMS_OK
                      ? arn.account
                      : input->retiring_principal;
    kmsd_call_target(call, call->op->action, kms_str("*"), account, NULL);
    return KMS_OK;
}

/* Where an entry stands in the list. */
static struct kms_str place(
    struct kmsd_call *call, const struct kmsd_key *key, const struct kmsd_key_grant *grant)
{
    return kms_arena_printf(call->arena, "%.*s %.*s %.*s", KMSD_STR(key->realm.account),
        KMSD_STR(key->id), KMSD_STR(grant->rule.id));
}

static enum kms_err collect_retirable(struct kmsd_call *call, const struct kmsd_key *key,
    struct kms_str retiring, struct kms_str after, size_t limit,
    struct kms_list_grants_response *output, struct kms_grant_list_entry *entries)
{
    for (size_t i = 0; key->grants != NULL && i < key->grants->count; i++) {
        const struct kmsd_key_grant *grant = key->grants->items[i];
        if (!same_text(grant->retiring, retiring))
            continue;
        struct kms_str here = place(call, key, grant);
        if (here.data == NULL)
            return KMS_ERR_NO_MEMORY;
        if (after.data != NULL && kmsd_text_compare(here, after) <= 0)
            continue;
        if (output->grants.count == limit) {
            output->truncated.value = true;
            return KMS_OK;
        }
        enum kms_err err = describe_grant(call, key, grant, &entries[output->grants.count++]);
        if (err == KMS_OK)
            err = kmsd_marker_make(call, KMSD_LIST_RETIRABLE_GRANTS, here, &output->next_marker);
        if (err != KMS_OK)
            return err;
    }
    return KMS_OK;
}

enum kms_err kmsd_list_retirable_grants(struct kmsd_call *call)
{
    const struct kms_list_retirable_grants_request *input = call->input;
    struct kms_list_grants_response *output = call->output;
    struct kms_str retiring = input->retiring_principal.data != NULL
                                  ? input->retiring_principal
                                  : input->retiring_service_principal;
    size_t limit = input->limit.set ? (size_t)input->limit.value : LIST_GRANTS_DEFAULT;
    struct kms_str after;
    enum kms_err err = kmsd_marker_read(call, KMSD_LIST_RETIRABLE_GRANTS, input->marker, &after);
    struct kms_grant_list_entry *entries =
        kms_arena_calloc(call->arena, limit + 1, sizeof(*entries));
    if (err != KMS_OK || entries == NULL)
        return err != KMS_OK ? err : KMS_ERR_NO_MEMORY;
    err = kmsd_keys_with_retiring(call->keys, call->region, retiring, call->now_ms, call->arena,
        &call->listed, &call->listed_count);
    output->grants = (struct kms_grant_list_entry_list){entries, 0};
    output->truncated = (struct kms_opt_bool){true, false};
    for (size_t i = 0; i < call->listed_count && err == KMS_OK && !output->truncated.value; i++)
        err = collect_retirable(call, call->listed[i], retiring, after, limit, output, entries);
    if (!output->truncated.value)
        output->next_marker = kms_str(NULL);
    return err;
}
