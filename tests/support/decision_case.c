#include "tests/support/decision_case.h"

#include "libkms/base/clock.h"
#include "libkms/base/encoding.h"

#include <stdio.h>
#include <stdlib.h>

enum { ARENA_MAX = 1 << 20 };

static const char key_arn[] =
    "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

static struct kms_str text_of(const json_t *object, const char *name)
{
    return kms_str(json_string_value(json_object_get(object, name)));
}

/* --- documents -------------------------------------------------------------------------------- */

/* A document by its name, a whole one, or the statements of one. Borrowed from the case. */
static const json_t *whole_document(
    struct decision_case *out, const json_t *table, const json_t *json)
{
    if (json_is_string(json))
        json = json_object_get(json_object_get(table, "policies"), json_string_value(json));
    if (json_is_object(json) && json_object_get(json, "Statement") != NULL)
        return json;
    if (!json_is_object(json) && !json_is_array(json))
        return NULL;
    json_t *made = json_pack("{s:s,s:O}", "Version", "2012-10-17", "Statement", json);
    return json_array_append_new(out->kept, made) == 0 ? made : NULL;
}

static const struct kmsd_policy_document *parse(
    struct decision_case *out, const json_t *json, enum kmsd_policy_kind kind)
{
    struct kmsd_policy_problem problem;
    struct kmsd_policy_document *document = NULL;
    char *text = json_dumps(json, JSON_COMPACT);
    if (text == NULL)
        return NULL;
    if (kmsd_policy_parse(kms_str(text), kind, &document, &problem) == KMS_OK)
        out->documents[out->document_count++] = document;
    free(text);
    return document;
}

static bool read_document(struct decision_case *out, const json_t *table, const json_t *json,
    enum kmsd_policy_kind kind, const json_t **naive, const struct kmsd_policy_document **parsed)
{
    if (json == NULL)
        return true;
    *naive = whole_document(out, table, json);
    *parsed = *naive == NULL ? NULL : parse(out, *naive, kind);
    return *parsed != NULL;
}

static bool read_documents(struct decision_case *out, const json_t *table, const json_t *list,
    enum kmsd_policy_kind kind, const json_t **naive, const struct kmsd_policy_document **parsed,
    size_t *count)
{
    json_t *made = json_array();
    if (json_array_append_new(out->kept, made) != 0 || json_array_size(list) > DECISION_LIST_MAX)
        return false;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *whole = NULL;
        if (!read_document(out, table, json_array_get(list, i), kind, &whole, &parsed[i]) ||
            whole == NULL || json_array_append(made, (json_t *)(uintptr_t)whole) != 0)
            return false;
    }
    *naive = made;
    *count = json_array_size(list);
    return true;
}

/* --- maps and values -------------------------------------------------------------------------- */

/* items stay absent when there is no object. */
static bool read_map(struct decision_case *out, const json_t *json, struct kms_str_map *map)
{
    const char *key;
    json_t *value;
    if (json == NULL)
        return true;
    struct kms_str_pair *pairs =
        kms_arena_calloc(&out->arena, json_object_size(json) + 1, sizeof(*pairs));
    if (pairs == NULL || !json_is_object(json))
        return false;
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        if (!json_is_string(value))
            return false;
        pairs[map->count++] =
            (struct kms_str_pair){kms_str(key), kms_str(json_string_value(value))};
    }
    map->items = pairs;
    return true;
}

static bool read_list(
    struct decision_case *out, const json_t *json, struct kmsd_policy_value *value)
{
    size_t count = json_array_size(json);
    struct kms_str *texts = kms_arena_calloc(&out->arena, count + 1, sizeof(*texts));
    for (size_t i = 0; texts != NULL && i < count; i++) {
        texts[i] = kms_str(json_string_value(json_array_get(json, i)));
        if (texts[i].data == NULL)
            return false;
    }
    *value = kmsd_policy_texts(texts, sizeof(*texts), count);
    return texts != NULL;
}

static bool read_typed(
    struct decision_case *out, const json_t *json, struct kmsd_policy_value *value)
{
    struct kms_str time = text_of(json, "time"), ip = text_of(json, "ip");
    struct kms_str binary = text_of(json, "binary");
    struct kmsd_policy_ip address;
    int64_t time_ms;
    size_t len;
    if (time.data != NULL && kms_time_parse_rfc3339(time, &time_ms) == KMS_OK) {
        *value = kmsd_policy_time(time_ms);
        return true;
    }
    if (ip.data != NULL && kmsd_policy_ip_parse(ip, &address) == KMS_OK) {
        *value = kmsd_policy_ip(address);
        return true;
    }
    if (binary.data == NULL)
        return false;
    uint8_t *bytes = kms_arena_alloc(&out->arena, kms_base64_decoded_max(binary.len));
    if (bytes == NULL || kms_base64_decode(binary, bytes, &len) != KMS_OK)
        return false;
    *value = kmsd_policy_binary(kms_bytes(bytes, len));
    return true;
}

static bool read_value(
    struct decision_case *out, const json_t *json, struct kmsd_policy_value *value)
{
    if (json_is_array(json))
        return read_list(out, json, value);
    if (json_is_object(json))
        return read_typed(out, json, value);
    if (json_is_string(json))
        *value = kmsd_policy_text(kms_str(json_string_value(json)));
    else if (json_is_integer(json))
        *value = kmsd_policy_number(json_integer_value(json));
    else
        *value = kmsd_policy_bool(json_is_true(json));
    return json_is_string(json) || json_is_integer(json) || json_is_boolean(json);
}

static bool read_entries(struct decision_case *out, const json_t *json)
{
    const char *name;
    json_t *value;
    struct kmsd_policy_entry *entries =
        kms_arena_calloc(&out->arena, json_object_size(json) + 1, sizeof(*entries));
    if (entries == NULL || (json != NULL && !json_is_object(json)))
        return false;
    out->context.entries = entries;
    json_object_foreach((json_t *)(uintptr_t)json, name, value)
    {
        struct kmsd_policy_entry *entry = &entries[out->context.entry_count++];
        entry->name = kms_str(name);
        if (!read_value(out, value, &entry->value))
            return false;
    }
    return true;
}

/* --- the caller ------------------------------------------------------------------------------- */

static bool read_subject_arn(struct kmsd_policy_subject *subject)
{
    struct kmsd_policy_name name;
    if (subject->arn.data == NULL)
        return false;
    if (kmsd_policy_name_parse(subject->arn, false, &name) != KMS_OK) {
        subject->kind = KMSD_SUBJECT_SERVICE;
        subject->service = subject->arn;
        return kmsd_policy_name_parse_service(subject->arn, &name) == KMS_OK;
    }
    const char *colons = strstr(subject->arn.data, "::");
    if (colons == NULL)
        return false;
    subject->account = (struct kms_str){colons + 2, 12};
    switch (name.kind) {
    case KMSD_NAME_ACCOUNT:
        subject->kind = KMSD_SUBJECT_ACCOUNT_ROOT;
        return true;
    case KMSD_NAME_USER:
        subject->kind = KMSD_SUBJECT_USER;
        subject->user_name = kms_str(strrchr(subject->arn.data, '/') + 1);
        return true;
    case KMSD_NAME_ROLE_SESSION:
        subject->kind = KMSD_SUBJECT_ROLE_SESSION;
        return true;
    case KMSD_NAME_FEDERATED_USER:
        subject->kind = KMSD_SUBJECT_FEDERATED_USER;
        return true;
    default:
        return false;
    }
}

/* A session was made by somebody, and nobody else was. */
static bool has_right_issuer(const struct kmsd_policy_subject *subject)
{
    struct kmsd_policy_name name;
    bool is_session =
        subject->kind == KMSD_SUBJECT_ROLE_SESSION || subject->kind == KMSD_SUBJECT_FEDERATED_USER;
    if (!is_session)
        return subject->issuer_arn.data == NULL;
    if (subject->issuer_arn.data == NULL ||
        kmsd_policy_name_parse(subject->issuer_arn, false, &name) != KMS_OK)
        return false;
    return subject->kind == KMSD_SUBJECT_ROLE_SESSION
               ? name.kind == KMSD_NAME_ROLE
               : name.kind == KMSD_NAME_USER ||
                     (name.kind == KMSD_NAME_ACCOUNT && subject->issuer_arn.len > 12);
}

static bool read_subject(struct decision_case *out, const json_t *table, const json_t *json)
{
    struct kmsd_policy_subject *subject = &out->subject;
    if (json_is_string(json))
        json = json_object_get(json_object_get(table, "subjects"), json_string_value(json));
    subject->arn = text_of(json, "arn");
    subject->issuer_arn = text_of(json, "issuer");
    subject->user_id = text_of(json, "user_id");
    subject->federated_provider = text_of(json, "provider");
    out->naive.subject = json;
    out->context.subject = subject;
    return read_subject_arn(subject) && has_right_issuer(subject) &&
           read_map(out, json_object_get(json, "tags"), &subject->tags);
}

/* --- grants ----------------------------------------------------------------------------------- */

static const struct kmsd_grant *find_grant(const void *arg, enum kmsd_policy_match *match)
{
    const struct decision_case *decision = arg;
    const struct kmsd_grant *list[DECISION_LIST_MAX];
    for (size_t i = 0; i < decision->grant_count; i++)
        list[i] = &decision->grants[i];
    return kmsd_grant_find(list, decision->grant_count, &decision->use, match);
}

static bool read_grant(struct decision_case *out, const json_t *json)
{
    struct kmsd_grant *grant = &out->grants[out->grant_count++];
    struct kms_str service = text_of(json, "grantee_service"), grantee = text_of(json, "grantee");
    const json_t *operations = json_object_get(json, "operations");
    grant->id = text_of(json, "id");
    grant->source_arn = text_of(json, "source_arn");
    for (size_t i = 0; i < json_array_size(operations); i++) {
        char action[64];
        const char *name = json_string_value(json_array_get(operations, i));
        (void)snprintf(action, sizeof(action), "kms:%s", name == NULL ? "" : name);
        uint32_t bit = kmsd_grant_operation_bit(kmsd_grant_operation_of(kms_str(action)));
        grant->operations |= bit;
        if (bit == 0)
            return false;
    }
    enum kms_err err =
        service.data != NULL   ? kmsd_policy_name_parse_service(service, &grant->grantee)
        : grantee.data != NULL ? kmsd_policy_name_parse(grantee, false, &grant->grantee)
                               : KMS_ERR_SYNTAX;
    return err == KMS_OK && grant->id.data != NULL &&
           read_map(out, json_object_get(json, "equals"), &grant->context_equals) &&
           read_map(out, json_object_get(json, "subset"), &grant->context_subset);
}

static bool read_grants(struct decision_case *out, const json_t *row)
{
    const json_t *list = json_object_get(row, "grants");
    struct kms_str source = text_of(row, "source_arn");
    out->naive.grants = list;
    out->naive.context = json_object_get(row, "encryption_context");
    out->naive.source_arn = source.data;
    out->use = (struct kmsd_grant_use){.subject = &out->subject,
        .operation = kmsd_grant_operation_of(out->query.question.action),
        .source_arn = source};
    if (json_array_size(list) > DECISION_LIST_MAX ||
        !read_map(out, out->naive.context, &out->use.context))
        return false;
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!read_grant(out, json_array_get(list, i)))
            return false;
    out->query.grants = out->grant_count == 0 ? NULL : find_grant;
    out->query.grants_arg = out;
    return true;
}

/* --- the row ---------------------------------------------------------------------------------- */

static struct kms_str or_else(struct kms_str text, const char *otherwise)
{
    return text.data != NULL ? text : kms_str(otherwise);
}

bool decision_case_read(struct decision_case *out, const json_t *table, const json_t *row)
{
    memset(out, 0, sizeof(*out));
    kms_arena_init(&out->arena, ARENA_MAX);
    out->kept = json_array();
    struct kmsd_policy_query *query = &out->query;
    struct naive_request *naive = &out->naive;
    naive->resource_account = "111122223333";
    naive->has_cross_account_use = !json_is_true(json_object_get(row, "own_account_only"));
    naive->with = json_object_get(row, "with");
    out->context.resource_account = kms_str(naive->resource_account);
    naive->is_left_to_account = json_is_true(json_object_get(row, "left_to_account"));
    query->has_cross_account_use = naive->has_cross_account_use;
    query->is_left_to_account = naive->is_left_to_account;
    query->question.action = or_else(text_of(row, "do"), "kms:Decrypt");
    query->question.resource = or_else(text_of(row, "on"), key_arn);
    query->question.context = &out->context;
    naive->action = query->question.action.data;
    naive->resource = query->question.resource.data;
    query->identity_policies = out->identity;
    query->session_policies = out->session;
    return out->kept != NULL && read_subject(out, table, json_object_get(row, "as")) &&
           read_entries(out, naive->with) && read_grants(out, row) &&
           read_document(out, table, json_object_get(row, "key"), KMSD_POLICY_KIND_KEY,
               &naive->key_policy, &query->key_policy) &&
           read_document(out, table, json_object_get(row, "boundary"), KMSD_POLICY_KIND_BOUNDARY,
               &naive->boundary, &query->boundary) &&
           read_documents(out, table, json_object_get(row, "identity"), KMSD_POLICY_KIND_IDENTITY,
               &naive->identity, out->identity, &query->identity_policy_count) &&
           read_documents(out, table, json_object_get(row, "session"), KMSD_POLICY_KIND_SESSION,
               &naive->session, out->session, &query->session_policy_count);
}

void decision_case_clean_up(struct decision_case *decision)
{
    for (size_t i = 0; i < decision->document_count; i++)
        kmsd_policy_document_free(decision->documents[i]);
    decision->document_count = 0;
    json_decref(decision->kept);
    decision->kept = NULL;
    kms_arena_clean_up(&decision->arena);
}

/* --- deciding --------------------------------------------------------------------------------- */

struct decision_result decision_case_decide(const struct decision_case *decision)
{
    static const char *const reasons[] = {
        [KMSD_REASON_KEY_POLICY] = "key policy",
        [KMSD_REASON_GRANT] = "grant",
        [KMSD_REASON_IDENTITY_POLICY] = "identity policy",
        [KMSD_REASON_ACCOUNT_ROOT] = "account root",
        [KMSD_REASON_DENY_IN_KEY_POLICY] = "deny in key policy",
        [KMSD_REASON_DENY_IN_IDENTITY_POLICY] = "deny in identity policy",
        [KMSD_REASON_DENY_IN_BOUNDARY] = "deny in boundary",
        [KMSD_REASON_DENY_IN_SESSION_POLICY] = "deny in session policy",
        [KMSD_REASON_NO_KEY_POLICY_ALLOWS] = "no key policy allows",
        [KMSD_REASON_NO_IDENTITY_POLICY_ALLOWS] = "no identity policy allows",
        [KMSD_REASON_NO_BOUNDARY_ALLOWS] = "no boundary allows",
        [KMSD_REASON_NO_SESSION_POLICY_ALLOWS] = "no session policy allows",
    };
    struct kmsd_policy_decision made = kmsd_policy_authorize(&decision->query);
    struct decision_result result = {.reason = reasons[made.reason]};
    if (made.grant != NULL)
        result.by = made.grant->id;
    else if (made.document != NULL)
        result.by = kmsd_policy_document_sid(made.document, (size_t)made.statement);
    return result;
}

bool decision_case_agrees(const struct decision_case *decision, char *words, size_t size)
{
    struct decision_result engine = decision_case_decide(decision);
    struct naive_result naive = naive_decide(&decision->naive);
    struct kms_str by = kms_str(naive.by);
    if (strcmp(engine.reason, naive.reason) == 0 && (engine.by.data == NULL) == (by.data == NULL) &&
        kms_str_eq(engine.by, by))
        return true;
    (void)snprintf(words, size, "engine: %s by \"%.*s\"; naive: %s by \"%s\"", engine.reason,
        (int)engine.by.len, engine.by.data == NULL ? "" : engine.by.data, naive.reason,
        naive.by == NULL ? "" : naive.by);
    return false;
}
